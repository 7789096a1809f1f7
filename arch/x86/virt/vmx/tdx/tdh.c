// SPDX-License-Identifier: GPL-2.0
/*
 * SEAMCALL wrappers for TDX Connect and for the extensions of the TDX module
 *
 * Only these wrappers change nr_held and flush of an array.  They set flush
 * before the SEAMCALL that claims the pages: even if it fails, the module may
 * have written to them.
 *
 * Leaves and operands: TDX Connect ABI specification, Intel document 858625.
 */
#define pr_fmt(fmt) "virt/tdx: " fmt

#include <linux/bitfield.h>
#include <linux/bug.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/wordpart.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "seamcall_internal.h"
#include "tdx.h"

/* Omits an optional page or list. */
#define NO_OPERAND	(~0ULL)

static bool is_interrupted(u64 status)
{
	return upper_32_bits(status) == upper_32_bits(TDX_INTERRUPTED_RESUMABLE);
}

/*
 * Call a leaf until it is not interrupted any more.  An interrupted leaf leaves
 * its operands in place.  A success with additional information is a success.
 */
static u64 seamcall_resume(u64 leaf, struct tdx_module_args *args)
{
	u64 status;

	do {
		status = seamcall_saved_ret(leaf, args);
	} while (is_interrupted(status));

	return status & TDX_ERROR ? status : 0;
}

/* Programmer errors: a list that exceeds one page, pages in the wrong state. */
static bool is_misused(const struct tdx_pa_array *array, bool wrong_state)
{
	return WARN_ON_ONCE(wrong_state || array->nr > TDX_PA_LIST_MAX);
}

/*
 * Call a leaf that claims the pages of @mt as control pages of a new object.
 * Inlining this function and the next would cost 155 bytes.
 */
static noinline u64 claim(u64 leaf, struct tdx_module_args *args, struct tdx_pa_array *mt, u64 *id)
{
	u64 status;

	if (is_misused(mt, mt->nr_held))
		return TDX_SW_ERROR;

	mt->flush = true;
	status = seamcall_resume(leaf, args);
	if (!status)
		mt->nr_held = mt->nr;
	*id = args->rcx;
	return status;
}

/* Call a leaf that returns the control pages of @mt. */
static noinline u64 give_back(u64 leaf, struct tdx_module_args *args, struct tdx_pa_array *mt)
{
	u64 status;

	if (WARN_ON_ONCE(!mt->nr_held))
		return TDX_SW_ERROR;

	status = seamcall_resume(leaf, args);
	if (status)
		pr_warn("SEAMCALL leaf %llu failed: 0x%016llx, the TDX module holds %u entries\n",
			leaf, status, mt->nr_held);
	else
		mt->nr_held = 0;
	return status;
}

/*
 * Call a leaf that exchanges messages with a device, and that may write to the
 * shared pages of @info.
 */
static u64 exchange(u64 leaf, struct tdx_module_args *args,
		    const struct tdx_pa_array *info, u64 *len)
{
	u64 status;

	if (info && is_misused(info, info->flush))
		return TDX_SW_ERROR;

	status = seamcall_resume(leaf, args);
	*len = args->rcx;
	return status;
}

/**
 * tdh_ext_init - start the extensions of the module on their memory
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_ext_init(void)
{
	struct tdx_module_args args = {};

	return seamcall_resume(TDH_EXT_INIT, &args);
}

/**
 * tdh_ext_mem_add - donate the pages of an array to the extensions
 * @mem: the array
 *
 * No leaf returns these pages.  The module reports its progress when it is
 * interrupted and when it finishes a list; after any other status it may own
 * pages that are not recorded.  It refuses to flush those, so
 * tdx_pa_array_free() leaks them.  A later call continues after the last page
 * that the module reported.
 *
 * Context: Any.
 * Return: completion status.  A status of the success class that is not 0
 * stops as well, for example if the memory pool of the module is full.
 */
u64 tdh_ext_mem_add(struct tdx_pa_array *mem)
{
	/* The pages of another object, or of an earlier call */
	if (WARN_ON_ONCE(mem->nr_held == mem->nr))
		return TDX_SW_ERROR;

	mem->flush = true;
	while (mem->nr_held < mem->nr) {
		struct tdx_module_args args = { .rcx = tdx_hpa_list_info(mem, mem->nr_held) };
		unsigned int next = round_down(mem->nr_held, TDX_PA_LIST_MAX);
		u64 status = seamcall_ret(TDH_EXT_MEM_ADD, &args);

		if (status && !is_interrupted(status))
			return status;

		/* An interruption reports the next entry. */
		next += status ? FIELD_GET(HPA_LIST_FIRST, args.rcx) : TDX_PA_LIST_MAX;
		mem->nr_held = min(next, mem->nr);
	}

	return 0;
}

/**
 * tdh_iommu_setup - set up an IOMMU for TDX Connect
 * @reg_base: PA of the registers of the IOMMU
 * @mt: its control pages, an IOMMU_MT list
 * @iommu_id: identifies the IOMMU to the module, valid on success
 *
 * Context: Any.
 * Return: completion status.  TDX_OPERAND_INVALID: the IOMMU has no TDX mode.
 */
u64 tdh_iommu_setup(u64 reg_base, struct tdx_pa_array *mt, u64 *iommu_id)
{
	struct tdx_module_args args = { .rcx = reg_base, .rdx = tdx_pa_list(mt, 0) };

	return claim(TDH_IOMMU_SETUP, &args, mt, iommu_id);
}

/**
 * tdh_iommu_clear - reset an IOMMU and return its control pages
 * @iommu_id: identifies the IOMMU
 * @mt: the array that was passed to tdh_iommu_setup()
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = { .rcx = iommu_id, .rdx = tdx_hpa_array_output(mt) };

	/* The copy needs the spare page behind one list. */
	if (is_misused(mt, mt->nr < TDX_IOMMU_MT_NR_BLOCKS))
		return TDX_SW_ERROR;

	/* It is not specified whether the module reads or writes this list. */
	copy_page(mt->entries + TDX_PA_LIST_MAX, mt->entries);
	return give_back(TDH_IOMMU_CLEAR, &args, mt);
}

/**
 * tdh_spdm_create - create an SPDM session
 * @func_id: the device function
 * @mt: control pages of the session
 * @spdm_id: identifies the session to the module, valid on success
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_spdm_create(u64 func_id, struct tdx_pa_array *mt, u64 *spdm_id)
{
	struct tdx_module_args args = { .rcx = func_id, .rdx = tdx_hpa_array(mt) };

	return claim(TDH_SPDM_CREATE, &args, mt, spdm_id);
}

/**
 * tdh_spdm_delete - delete an SPDM session and return its control pages
 * @spdm_id: identifies the session
 * @mt: the array that was passed to tdh_spdm_create()
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_spdm_delete(u64 spdm_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = tdx_hpa_array_output(mt) };

	return give_back(TDH_SPDM_DELETE, &args, mt);
}

/**
 * tdh_spdm_connect - connect an SPDM session and read the device information
 * @spdm_id: identifies the session
 * @config: page with the configuration of the connection
 * @response: page with the last response of the device
 * @request: page for the next request to the device
 * @info: shared buffer for the device information, for tdx_pa_array_copy_out()
 * @len: bytes of device information on success, bytes of the request if the
 *	 status is TDX_SPDM_REQUEST
 *
 * TDX_SPDM_REQUEST: deliver @request, write the answer to @response, call again
 * with the same arguments.  The module serves one such exchange at a time.
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_spdm_connect(u64 spdm_id, struct page *config, struct page *response,
		     struct page *request, const struct tdx_pa_array *info, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = page_to_phys(config),
		.r8 = page_to_phys(response),
		.r9 = page_to_phys(request),
		.r10 = tdx_hpa_array(info),
	};

	return exchange(TDH_SPDM_CONNECT, &args, info, len);
}

/**
 * tdh_spdm_disconnect - disconnect an SPDM session
 * @spdm_id: identifies the session
 * @response: page with the last response of the device
 * @request: page for the next request to the device
 * @len: bytes of the request if the status is TDX_SPDM_REQUEST, see
 *	 tdh_spdm_connect()
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_spdm_disconnect(u64 spdm_id, struct page *response, struct page *request, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = page_to_phys(response),
		.r8 = page_to_phys(request),
	};

	return exchange(TDH_SPDM_DISCONNECT, &args, NULL, len);
}

/**
 * tdh_spdm_mng - manage a connected SPDM session
 * @spdm_id: identifies the session
 * @op: operation
 * @param: page with parameters of @op, or NULL
 * @response: page with the last response of the device
 * @request: page for the next request to the device
 * @info: shared buffer for the device information, or NULL
 * @len: as in tdh_spdm_connect()
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_spdm_mng(u64 spdm_id, enum tdx_spdm_op op, struct page *param, struct page *response,
		 struct page *request, const struct tdx_pa_array *info, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = op,
		.r8 = param ? page_to_phys(param) : NO_OPERAND,
		.r9 = page_to_phys(response),
		.r10 = page_to_phys(request),
		.r11 = info ? tdx_hpa_array(info) : NO_OPERAND,
	};

	return exchange(TDH_SPDM_MNG, &args, info, len);
}

/**
 * tdh_ide_stream_create - create an IDE stream
 * @stream: describes the stream
 * @spdm_id: identifies the SPDM session of the stream
 * @mt: control pages of the stream
 * @stream_id: identifies the stream to the module, valid on success
 * @rp_ide_id: IDE ID of the root port, valid on success
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_ide_stream_create(const struct tdx_ide_stream *stream, u64 spdm_id,
			  struct tdx_pa_array *mt, u64 *stream_id, u64 *rp_ide_id)
{
	struct tdx_module_args args = {
		.rcx = stream->info,
		.rdx = spdm_id,
		.r8 = tdx_hpa_array(mt),
		.r9 = stream->control,
		.r10 = stream->rid_assoc[0],
		.r11 = stream->rid_assoc[1],
		.r12 = stream->addr_assoc[0],
		.r13 = stream->addr_assoc[1],
		.r14 = stream->addr_assoc[2],
	};
	u64 status = claim(TDH_IDE_STREAM_CREATE, &args, mt, stream_id);

	*rp_ide_id = args.rdx;
	return status;
}

/**
 * tdh_ide_stream_km - manage the keys of an IDE stream
 * @spdm_id: identifies the SPDM session of the stream
 * @stream_id: identifies the stream
 * @op: operation
 * @response: page with the last response of the device
 * @request: page for the next request to the device
 * @len: bytes of the request if the status is TDX_SPDM_REQUEST, see
 *	 tdh_spdm_connect()
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_ide_stream_km(u64 spdm_id, u64 stream_id, u64 op, struct page *response,
		      struct page *request, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = stream_id,
		.r8 = op,
		.r9 = page_to_phys(response),
		.r10 = page_to_phys(request),
	};

	return exchange(TDH_IDE_STREAM_KM, &args, NULL, len);
}

/**
 * tdh_ide_stream_block - stop the traffic of an IDE stream, to delete it
 * @spdm_id: identifies the SPDM session of the stream
 * @stream_id: identifies the stream
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = stream_id };

	return seamcall_resume(TDH_IDE_STREAM_BLOCK, &args);
}

/**
 * tdh_ide_stream_delete - delete an IDE stream and return its control pages
 * @spdm_id: identifies the SPDM session of the stream
 * @stream_id: identifies the stream, which is blocked
 * @mt: the array that was passed to tdh_ide_stream_create()
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_pa_array *mt)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = stream_id,
		.r8 = tdx_hpa_array_output(mt),
	};

	return give_back(TDH_IDE_STREAM_DELETE, &args, mt);
}
