// SPDX-License-Identifier: GPL-2.0
/*
 * SEAMCALL wrappers: the only code that knows what each leaf does to pages, and
 * the only code that writes it down in the array
 *
 * The rules, in the order of a page's life:
 *
 * - Before a leaf that claims pages is issued, the array is marked for a flush.
 *   Whatever happens from then on, the module may have written to them.
 * - Control pages are held from a successful create to a successful delete.  A
 *   failed create holds nothing; should the module think otherwise, it refuses
 *   to flush the page at release, which keeps it out of use.
 * - Donated memory is held as far as the module says it got.  If it fails
 *   without saying, the window counts as held as a whole.
 *
 * Leaves and operands: TDX Connect ABI specification, Intel document 858625.
 */
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "door.h"
#include "pa_operand.h"

/*
 * An interrupted leaf is called again, and each turn makes progress or serves
 * an interrupt.  A module that does neither must not lock up a CPU: let the
 * leaf fail.
 */
#define RESUME_MAX	1000000

static bool was_interrupted(u64 status)
{
	return (status & TDX_SEAMCALL_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE;
}

/* SEAMCALL itself failed: the module has seen nothing of this call. */
static bool was_not_entered(u64 status)
{
	return (status & TDX_SW_ERROR) == TDX_SW_ERROR;
}

/* For leaves that take their original operands again after an interruption. */
static u64 door_resume(u64 leaf, struct tdx_module_args *args)
{
	const struct tdx_module_args operands = *args;
	unsigned int turns = 0;
	u64 status;

	do {
		*args = operands;
		status = tdx_door(leaf, args);
	} while (was_interrupted(status) && ++turns < RESUME_MAX);

	return status;
}

enum list_format { PAGE_LIST, IOMMU_MT_LIST };

/* The window of an array that fits one list page.  False: it does not. */
static bool single_window(const struct tdx_pa_array *array,
			  enum list_format format, struct tdx_pa_window *w)
{
	bool mt = array->blocks.nr_mt;

	return array->nr <= TDX_PA_WINDOW_MAX && mt == (format == IOMMU_MT_LIST) &&
	       !tdx_pa_array_window(array, 0, w);
}

/*
 * The module is about to claim control pages.  False: this array cannot be
 * handed to the leaf, and stays as it is.
 */
static bool claim(struct tdx_pa_array *mt, enum list_format format,
		  struct tdx_pa_window *w)
{
	if (mt->nr_held || !single_window(mt, format, w))
		return false;

	mt->flush = true;
	mt->donated = false;
	return true;
}

/*
 * The module is about to give control pages back.  False: they are not held, or
 * held for good, or this array cannot be handed to the leaf.
 */
static bool give_back(const struct tdx_pa_array *mt, enum list_format format,
		      struct tdx_pa_window *w)
{
	return mt->nr_held == mt->nr && !mt->donated && single_window(mt, format, w);
}

/*
 * Such a leaf also wants to know where to write the list of the pages: into a
 * scratch page, because the entries are the only record.  What it writes there
 * is of no interest, since success means all of them.  Deletes are rare, and
 * none may fail for want of one page, so wait for it.
 */
static u64 *scratch_alloc(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL | __GFP_NOFAIL);
}

/* The same as HPA_ARRAY_T, which does not always take a page. */
static u64 scratch_operand(const struct tdx_pa_window *w, u64 **scratch)
{
	*scratch = tdx_operand_hpa_array_is_list(w) ? scratch_alloc() : NULL;
	return tdx_operand_hpa_array_out(w, *scratch ? virt_to_phys(*scratch) : 0);
}

/* The leaf has come back. */
static u64 claimed(struct tdx_pa_array *mt, u64 status)
{
	if (!status)
		mt->nr_held = mt->nr;
	return status;
}

static u64 given_back(struct tdx_pa_array *mt, u64 *scratch, u64 status)
{
	free_page((unsigned long)scratch);
	if (!status)
		mt->nr_held = 0;
	return status;
}

/**
 * tdh_phymem_page_wbinvd - write back and invalidate the cache lines of a page
 * that the module has let go
 * @pa: PA of the 4 KiB page, without a key ID; the global HKID is added
 *
 * Context: May sleep.
 * Return: completion status.  TDX_PAGE_METADATA_INCORRECT: the module still
 * owns the page.  TDX_OPERAND_BUSY: another SEAMCALL works on it right now.
 */
u64 tdh_phymem_page_wbinvd(phys_addr_t pa)
{
	struct tdx_module_args args = { .rcx = tdx_door_global_pa(pa) };

	return tdx_door(TDH_PHYMEM_PAGE_WBINVD, &args);
}
EXPORT_SYMBOL_GPL(tdh_phymem_page_wbinvd);

/**
 * tdh_ext_init - start the module's extensions on the memory they were given
 *
 * Context: May sleep.
 * Return: completion status.
 */
u64 tdh_ext_init(void)
{
	struct tdx_module_args args = {};

	return door_resume(TDH_EXT_INIT, &args);
}
EXPORT_SYMBOL_GPL(tdh_ext_init);

/**
 * tdh_ext_mem_add - donate one window of pages to the module's extensions
 * @mem: the array
 * @window: its next window.  Windows are donated in order.
 *
 * The module keeps what it takes, there is no leaf to get it back.  It says
 * with each interruption how far it got, and wants its own operand back.  After
 * a failure nothing can be added any more from this array but whole windows that
 * follow what is held; release is what remains.
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @window is not the next
 * one of @mem, or @mem holds control pages or is an IOMMU_MT list.
 */
u64 tdh_ext_mem_add(struct tdx_pa_array *mem, const struct tdx_pa_window *window)
{
	struct tdx_module_args args = {};
	unsigned int turns = 0;
	u64 status;

	if (window->entries != mem->entries + mem->nr_held ||
	    window->first != mem->nr_held || mem->blocks.nr_mt ||
	    (mem->nr_held && !mem->donated))
		return TDX_WRAPPER_REFUSED;

	mem->flush = true;
	mem->donated = true;

	args.rcx = tdx_operand_hpa_list_info(window);
	do {
		status = tdx_door(TDH_EXT_MEM_ADD, &args);
		if (was_interrupted(status))
			mem->nr_held = max(mem->nr_held, window->first +
					   tdx_operand_hpa_list_info_done(window, args.rcx));
	} while (was_interrupted(status) && ++turns < RESUME_MAX);

	/* Done, or failed without a word about how far it got. */
	if (!was_interrupted(status) && !was_not_entered(status))
		mem->nr_held = window->first + window->nr;

	return status;
}
EXPORT_SYMBOL_GPL(tdh_ext_mem_add);

/**
 * tdh_iommu_setup - make an IOMMU trusted
 * @reg_base: PA of the IOMMU's registers
 * @mt: its control pages, an IOMMU_MT list; held on success
 * @iommu_id: the module's name for it, set on success
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is held already or
 * no IOMMU_MT list.  TDX_OPERAND_INVALID: this IOMMU has no TDX mode.
 */
u64 tdh_iommu_setup(u64 reg_base, struct tdx_pa_array *mt, u64 *iommu_id)
{
	struct tdx_module_args args = { .rcx = reg_base };
	struct tdx_pa_window w;
	u64 status;

	if (!claim(mt, IOMMU_MT_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	args.rdx = tdx_operand_iommu_mt(&w);
	status = claimed(mt, door_resume(TDH_IOMMU_SETUP, &args));
	if (!status)
		*iommu_id = args.rcx;
	return status;
}
EXPORT_SYMBOL_GPL(tdh_iommu_setup);

/**
 * tdh_iommu_clear - take an IOMMU and its control pages back
 * @iommu_id: the module's name for it
 * @mt: its control pages; not held any more on success
 *
 * The leaf wants the list of the pages.  It gets a copy, which is right whether
 * it reads the list or writes one.
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is not held.
 */
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = { .rcx = iommu_id };
	struct tdx_pa_window w;
	u64 *scratch;

	if (!give_back(mt, IOMMU_MT_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	scratch = scratch_alloc();
	memcpy(scratch, w.entries, w.nr * sizeof(*scratch));
	args.rdx = virt_to_phys(scratch);
	return given_back(mt, scratch, door_resume(TDH_IOMMU_CLEAR, &args));
}
EXPORT_SYMBOL_GPL(tdh_iommu_clear);

/**
 * tdh_spdm_create - let the module hold an SPDM session with a device
 * @func_id: the device function
 * @mt: control pages of the session, at most TDX_PA_WINDOW_MAX; held on success
 * @spdm_id: the module's name for the session, set on success
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is held already or
 * does not fit one list page.
 */
u64 tdh_spdm_create(u64 func_id, struct tdx_pa_array *mt, u64 *spdm_id)
{
	struct tdx_module_args args = { .rcx = func_id };
	struct tdx_pa_window w;
	u64 status;

	if (!claim(mt, PAGE_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	args.rdx = tdx_operand_hpa_array(&w);
	status = claimed(mt, tdx_door(TDH_SPDM_CREATE, &args));
	if (!status)
		*spdm_id = args.rcx;
	return status;
}
EXPORT_SYMBOL_GPL(tdh_spdm_create);

/**
 * tdh_spdm_delete - end an SPDM session and take its control pages back
 * @spdm_id: the module's name for the session
 * @mt: its control pages; not held any more on success
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is not held.
 */
u64 tdh_spdm_delete(u64 spdm_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = { .rcx = spdm_id };
	struct tdx_pa_window w;
	u64 *scratch;

	if (!give_back(mt, PAGE_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	args.rdx = scratch_operand(&w, &scratch);
	return given_back(mt, scratch, tdx_door(TDH_SPDM_DELETE, &args));
}
EXPORT_SYMBOL_GPL(tdh_spdm_delete);

/**
 * tdh_spdm_connect - connect an SPDM session and receive the device information
 * @spdm_id: the module's name for the session
 * @config: PA of the page with the connection's configuration
 * @response: PA of the page with the device's last response
 * @request: PA of the page for the module's next request
 * @info: shared buffer for the device information, at most TDX_PA_WINDOW_MAX
 *	  pages; read it with tdx_pa_array_copy_out().  It stays shared, so
 *	  nothing about it changes.
 * @len: bytes of device information; bytes of the request with TDX_SPDM_REQUEST
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @info does not fit one
 * list page or was private to the module before.
 */
u64 tdh_spdm_connect(u64 spdm_id, phys_addr_t config, phys_addr_t response,
		     phys_addr_t request, const struct tdx_pa_array *info, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = config,
		.r8 = response,
		.r9 = request,
	};
	struct tdx_pa_window w;
	u64 status;

	if (info->flush || !single_window(info, PAGE_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	args.r10 = tdx_operand_hpa_array(&w);
	status = door_resume(TDH_SPDM_CONNECT, &args);
	if (!status || (status & TDX_SEAMCALL_STATUS_MASK) == TDX_SPDM_REQUEST)
		*len = args.rcx;
	return status;
}
EXPORT_SYMBOL_GPL(tdh_spdm_connect);

/**
 * tdh_ide_stream_create - create an IDE stream
 * @stream: what it is made from
 * @spdm_id: the SPDM session that it belongs to
 * @mt: control pages of the stream, at most TDX_PA_WINDOW_MAX; held on success
 * @stream_id: the module's name for the stream, set on success
 * @rp_ide_id: IDE ID of the root port, set on success
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is held already or
 * does not fit one list page.
 */
u64 tdh_ide_stream_create(const struct tdx_ide_stream *stream, u64 spdm_id,
			  struct tdx_pa_array *mt, u64 *stream_id, u64 *rp_ide_id)
{
	struct tdx_module_args args = {
		.rcx = stream->info,
		.rdx = spdm_id,
		.r9 = stream->control,
		.r10 = stream->rid_assoc[0],
		.r11 = stream->rid_assoc[1],
		.r12 = stream->addr_assoc[0],
		.r13 = stream->addr_assoc[1],
		.r14 = stream->addr_assoc[2],
	};
	struct tdx_pa_window w;
	u64 status;

	if (!claim(mt, PAGE_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	args.r8 = tdx_operand_hpa_array(&w);
	status = claimed(mt, tdx_door(TDH_IDE_STREAM_CREATE, &args));
	if (!status) {
		*stream_id = args.rcx;
		*rp_ide_id = args.rdx;
	}
	return status;
}
EXPORT_SYMBOL_GPL(tdh_ide_stream_create);

/**
 * tdh_ide_stream_block - stop traffic on an IDE stream before it is deleted
 * @spdm_id: the SPDM session that it belongs to
 * @stream_id: the module's name for the stream
 *
 * Context: May sleep.
 * Return: completion status.
 */
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = stream_id };

	return tdx_door(TDH_IDE_STREAM_BLOCK, &args);
}
EXPORT_SYMBOL_GPL(tdh_ide_stream_block);

/**
 * tdh_ide_stream_delete - delete a blocked IDE stream and take its control pages
 * back
 * @spdm_id: the SPDM session that it belongs to
 * @stream_id: the module's name for the stream
 * @mt: its control pages; not held any more on success
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is not held.
 */
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = stream_id };
	struct tdx_pa_window w;
	u64 *scratch;

	if (!give_back(mt, PAGE_LIST, &w))
		return TDX_WRAPPER_REFUSED;

	args.r8 = scratch_operand(&w, &scratch);
	return given_back(mt, scratch, tdx_door(TDH_IDE_STREAM_DELETE, &args));
}
EXPORT_SYMBOL_GPL(tdh_ide_stream_delete);
