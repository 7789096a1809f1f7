// SPDX-License-Identifier: GPL-2.0
/*
 * SEAMCALL wrappers: the only code that knows what each leaf does to pages, and
 * the only code that writes it down in the array
 *
 * The rules, in the order of a page's life:
 *
 * - Before a leaf that claims pages is issued, the array is marked for a flush.
 *   Whatever happens from then on, the module may have written to them.  Only if
 *   SEAMCALL itself fails, so that the module has seen nothing, the mark is as
 *   it was before.
 * - Control pages are held from a successful create to a successful delete.
 * - Donated memory is held as far as the module has said it got.
 * - Where a leaf fails, the module may own pages that are not recorded as held.
 *   It refuses to flush such a page at release, which keeps it out of use.
 *
 * Leaves and operands: TDX Connect ABI specification, Intel document 858625.
 */
#include <linux/export.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "door.h"
#include "pa_operand.h"
#include "pa_trace.h"

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

/*
 * What became of a leaf that was issued again @turns times: if the last of them
 * has not reached the module, then the one before stands.
 */
static u64 last_word(u64 status, unsigned int turns)
{
	return turns && was_not_entered(status) ? TDX_INTERRUPTED_RESUMABLE : status;
}

/* How a leaf ended, and how often it was issued again before. */
struct leaf_end {
	u64 status;
	unsigned int turns;
};

/* For leaves that take their original operands again after an interruption. */
static struct leaf_end door_resume(u64 leaf, struct tdx_module_args *args)
{
	const struct tdx_module_args operands = *args;
	unsigned int turns = 0;
	u64 status;

	do {
		*args = operands;
		status = tdx_door(leaf, args);
	} while (was_interrupted(status) && ++turns < RESUME_MAX);

	return (struct leaf_end) { last_word(status, turns), turns };
}

enum list_format { PAGE_LIST, IOMMU_MT_LIST };

/* The window of an array that fits one list page.  False: it does not. */
static bool single_window(const struct tdx_pa_array *array,
			  enum list_format format, struct tdx_pa_window *w)
{
	enum list_format is = array->iommu_mt ? IOMMU_MT_LIST : PAGE_LIST;

	if (array->nr > TDX_PA_WINDOW_MAX || is != format)
		return false;

	/* Every array has a first window. */
	tdx_pa_array_window(array, 0, w);
	return true;
}

/*
 * Issue a leaf that claims the pages of @mt as control pages, and wants to know of
 * them in @operand, which is one of @args.
 *
 * The host's own dirty cache lines of these pages are not written back before.  For
 * the pages of TDs, Linux 7.3 does that unconditionally (CLFLUSH_BEFORE_ALLOC in
 * tdx.c), but it is not expected to be needed where these leaves are:
 * https://lore.kernel.org/all/20260522034128.3144354-1-yilun.xu@linux.intel.com/
 * Should a module ask for it, this is the place, and tdh_ext_mem_add().
 */
static u64 door_claim(u64 leaf, struct tdx_module_args *args, u64 *operand,
		      struct tdx_pa_array *mt, enum list_format format)
{
	bool flush = mt->flush;
	struct tdx_pa_window w;
	struct leaf_end end;

	if (mt->nr_held || !single_window(mt, format, &w))
		return TDX_WRAPPER_REFUSED;

	*operand = format == IOMMU_MT_LIST ? tdx_operand_iommu_mt(&w) :
					     tdx_operand_hpa_array(&w);
	mt->flush = true;
	mt->donated = false;

	end = door_resume(leaf, args);
	if (!end.status)
		mt->nr_held = mt->nr;
	else if (was_not_entered(end.status))
		mt->flush = flush;
	trace_tdx_pa_array_claim(leaf, mt, 0, mt->nr, end.turns, end.status);
	return end.status;
}

/*
 * Issue a leaf that gives back the control pages of @mt.
 *
 * It wants to know in @operand where to write their list: in a scratch page, never
 * in the entries, which are the only record.  What is written there is of no
 * interest, since success means all pages.  The leaf for IOMMU_MT perhaps reads the
 * list instead, so it gets a copy, with the zeroes that end it.  Deletes are rare, and
 * none may fail for want of one page, so wait for it.
 */
static u64 door_give_back(u64 leaf, struct tdx_module_args *args, u64 *operand,
			  struct tdx_pa_array *mt, enum list_format format)
{
	struct tdx_pa_window w;
	struct leaf_end end;
	void *scratch = NULL;

	if (mt->nr_held != mt->nr || mt->donated || !single_window(mt, format, &w))
		return TDX_WRAPPER_REFUSED;

	if (tdx_operand_hpa_array_is_list(&w))
		scratch = kmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_NOFAIL);
	if (format == IOMMU_MT_LIST)
		memcpy(scratch, w.entries, PAGE_SIZE);
	*operand = tdx_operand_hpa_array_out(&w, scratch ? virt_to_phys(scratch) : 0);

	end = door_resume(leaf, args);
	kfree(scratch);
	if (!end.status)
		mt->nr_held = 0;
	trace_tdx_pa_array_give_back(leaf, mt, 0, mt->nr, end.turns, end.status);
	return end.status;
}

/*
 * Issue a leaf that exchanges messages with the device, and if @info is not NULL
 * writes there what @operand names: pages that host and module share.  The module
 * cannot send messages: it comes back with TDX_SPDM_REQUEST whenever the host is
 * to deliver one.
 */
static u64 door_exchange(u64 leaf, struct tdx_module_args *args, u64 *operand,
			 const struct tdx_pa_array *info, u64 *len)
{
	struct tdx_pa_window w;
	u64 status;

	if (info) {
		if (info->flush || !single_window(info, PAGE_LIST, &w))
			return TDX_WRAPPER_REFUSED;
		*operand = tdx_operand_hpa_array(&w);
	}

	status = door_resume(leaf, args).status;
	if (!status || (status & TDX_SEAMCALL_STATUS_MASK) == TDX_SPDM_REQUEST)
		*len = args->rcx;
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

	return door_resume(TDH_EXT_INIT, &args).status;
}
EXPORT_SYMBOL_GPL(tdh_ext_init);

/**
 * tdh_ext_mem_add - donate one window of pages to the module's extensions
 * @mem: the array
 * @window: its next window.  Windows are donated in order.
 *
 * The module keeps what it takes, there is no leaf to get it back.  It says
 * with each interruption how far it got, and wants its own operand back.  If it
 * fails, it may have taken more than it said; that is found out at release.
 * Until then the window may be tried again, unless a part of it is held.
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @window is not the next
 * one of @mem, or @mem holds control pages or is an IOMMU_MT list.
 */
u64 tdh_ext_mem_add(struct tdx_pa_array *mem, const struct tdx_pa_window *window)
{
	struct tdx_module_args args = {};
	unsigned int held = mem->nr_held;
	bool flush = mem->flush;
	unsigned int turns = 0;
	u64 status;

	/*
	 * No window follows control pages that are held, those are all or none, nor
	 * memory that is donated as a whole: what is in memory behind the entries may
	 * be the window of another array.
	 */
	if (mem->nr_held == mem->nr || mem->iommu_mt ||
	    window->entries != mem->entries + mem->nr_held)
		return TDX_WRAPPER_REFUSED;

	mem->flush = true;
	mem->donated = true;

	args.rcx = tdx_operand_hpa_list_info(window);
	do {
		status = tdx_door(TDH_EXT_MEM_ADD, &args);
		if (was_interrupted(status))
			held = max(held, window->first +
				   tdx_operand_hpa_list_info_done(window, args.rcx));
	} while (was_interrupted(status) && ++turns < RESUME_MAX);

	status = last_word(status, turns);
	mem->nr_held = status ? held : window->first + window->nr;
	if (was_not_entered(status))
		mem->flush = flush;
	trace_tdx_pa_array_claim(TDH_EXT_MEM_ADD, mem, window->first, window->nr, turns, status);
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
	u64 status;

	status = door_claim(TDH_IOMMU_SETUP, &args, &args.rdx, mt, IOMMU_MT_LIST);
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
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @mt is not held.
 */
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = { .rcx = iommu_id };

	return door_give_back(TDH_IOMMU_CLEAR, &args, &args.rdx, mt, IOMMU_MT_LIST);
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
	u64 status;

	status = door_claim(TDH_SPDM_CREATE, &args, &args.rdx, mt, PAGE_LIST);
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

	return door_give_back(TDH_SPDM_DELETE, &args, &args.rdx, mt, PAGE_LIST);
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
 * With TDX_SPDM_REQUEST the module waits for the device: deliver what is in
 * @request, put the answer into @response, and call again with the same
 * arguments.  A session has one such exchange at a time.
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

	return door_exchange(TDH_SPDM_CONNECT, &args, &args.r10, info, len);
}
EXPORT_SYMBOL_GPL(tdh_spdm_connect);

/**
 * tdh_spdm_disconnect - end the connection of an SPDM session
 * @spdm_id: the module's name for the session
 * @response: PA of the page with the device's last response
 * @request: PA of the page for the module's next request
 * @len: bytes of the request with TDX_SPDM_REQUEST
 *
 * Messages are exchanged as with tdh_spdm_connect().
 *
 * Context: May sleep.
 * Return: completion status.
 */
u64 tdh_spdm_disconnect(u64 spdm_id, phys_addr_t response, phys_addr_t request, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = response,
		.r8 = request,
	};

	return door_exchange(TDH_SPDM_DISCONNECT, &args, NULL, NULL, len);
}
EXPORT_SYMBOL_GPL(tdh_spdm_disconnect);

/**
 * tdh_spdm_mng - manage a connected SPDM session
 * @spdm_id: the module's name for the session
 * @op: what to do
 * @param: PA of a page with parameters of @op, or TDX_NO_OPERAND
 * @response: PA of the page with the device's last response
 * @request: PA of the page for the module's next request
 * @info: shared buffer for the device information, or NULL where @op gives none
 * @len: bytes of device information; bytes of the request with TDX_SPDM_REQUEST
 *
 * Messages are exchanged as with tdh_spdm_connect().
 *
 * Context: May sleep.
 * Return: completion status, or TDX_WRAPPER_REFUSED if @info does not fit one
 * list page or was private to the module before.
 * TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH: do TDX_SPDM_KEY_UPDATE first.
 */
u64 tdh_spdm_mng(u64 spdm_id, enum tdx_spdm_op op, u64 param, phys_addr_t response,
		 phys_addr_t request, const struct tdx_pa_array *info, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = op,
		.r8 = param,
		.r9 = response,
		.r10 = request,
		.r11 = TDX_NO_OPERAND,
	};

	return door_exchange(TDH_SPDM_MNG, &args, &args.r11, info, len);
}
EXPORT_SYMBOL_GPL(tdh_spdm_mng);

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
	u64 status;

	status = door_claim(TDH_IDE_STREAM_CREATE, &args, &args.r8, mt, PAGE_LIST);
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
 * tdh_ide_stream_km - manage the keys of an IDE stream
 * @spdm_id: the SPDM session that it belongs to
 * @stream_id: the module's name for the stream
 * @op: operation, as the leaf takes it
 * @response: PA of the page with the device's last response
 * @request: PA of the page for the module's next request
 * @len: bytes of the request with TDX_SPDM_REQUEST
 *
 * Messages are exchanged as with tdh_spdm_connect().
 *
 * Context: May sleep.
 * Return: completion status.  TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH: let
 * tdh_spdm_mng() do TDX_SPDM_KEY_UPDATE first.
 */
u64 tdh_ide_stream_km(u64 spdm_id, u64 stream_id, u64 op, phys_addr_t response,
		      phys_addr_t request, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = stream_id,
		.r8 = op,
		.r9 = response,
		.r10 = request,
	};

	return door_exchange(TDH_IDE_STREAM_KM, &args, NULL, NULL, len);
}
EXPORT_SYMBOL_GPL(tdh_ide_stream_km);

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

	return door_give_back(TDH_IDE_STREAM_DELETE, &args, &args.r8, mt, PAGE_LIST);
}
EXPORT_SYMBOL_GPL(tdh_ide_stream_delete);
