// SPDX-License-Identifier: GPL-2.0
/*
 * hpa_list: the list and the SEAMCALL wrappers
 *
 * Leaves that return pages take IDs only.  No wrapper executes CLFLUSH.
 */
#include <linux/bitfield.h>
#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <asm/shared/tdx_errno.h>

#include "seamcall_internal.h"
#include "tdx.h"

#include "hpa_list.h"

#define HPA_PFN		GENMASK_ULL(51, 12)
#define HPA_SIZE	GENMASK_ULL(63, 55)

/* Serialises all leaves of SPDM sessions and IDE streams */
static DEFINE_MUTEX(tdx_spdm_ide_lock);

int tdx_hpa_list_info_alloc(struct tdx_hpa_list_info *info)
{
	info->hpa_list = kzalloc_obj(*info->hpa_list, GFP_KERNEL);
	return info->hpa_list ? 0 : -ENOMEM;
}

void tdx_hpa_list_info_fill(struct tdx_hpa_list_info *info, void *addr,
			    unsigned int nr_pages)
{
	for (unsigned int i = 0; i < nr_pages; i++)
		info->hpa_list->entries[i] = virt_to_phys(addr + i * PAGE_SIZE);
	info->nr_pages = nr_pages;
}

int tdx_hpa_list_info_setup(struct tdx_hpa_list_info *info, void *addr,
			    unsigned int nr_pages)
{
	int ret = tdx_hpa_list_info_alloc(info);

	if (!ret)
		tdx_hpa_list_info_fill(info, addr, nr_pages);
	return ret;
}

void tdx_hpa_list_info_free(struct tdx_hpa_list_info *info)
{
	kfree(info->hpa_list);
}

u64 tdx_hpa_list_info_raw(const struct tdx_hpa_list_info *info)
{
	return FIELD_PREP(HPA_PFN, PHYS_PFN(virt_to_phys(info->hpa_list))) |
	       FIELD_PREP(HPA_SIZE, info->nr_pages - 1);
}

u64 tdx_hpa_array_t_raw(const struct tdx_hpa_list_info *info)
{
	/* The operand of one page names the page itself. */
	return info->nr_pages == 1 ? info->hpa_list->entries[0] : tdx_hpa_list_info_raw(info);
}

static bool interrupted(u64 r)
{
	return (r & TDX_SEAMCALL_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE;
}

static u64 seamcall_resume(u64 fn, struct tdx_module_args *args)
{
	u64 r;

	do {
		r = seamcall_ret(fn, args);
	} while (interrupted(r));

	return r;
}

u64 tdh_ext_init(void)
{
	struct tdx_module_args args = {};

	return seamcall_resume(TDH_EXT_INIT, &args);
}

u64 tdh_ext_mem_add(const struct tdx_hpa_list_info *ext_mem)
{
	struct tdx_module_args args = { .rcx = tdx_hpa_list_info_raw(ext_mem) };

	return seamcall_resume(TDH_EXT_MEM_ADD, &args);
}

u64 tdh_spdm_create(u64 func_id, const struct tdx_hpa_list_info *spdm_mt, u64 *spdm_id)
{
	struct tdx_module_args args = {
		.rcx = func_id,
		.rdx = tdx_hpa_array_t_raw(spdm_mt),
	};
	u64 r;

	guard(mutex)(&tdx_spdm_ide_lock);

	r = seamcall_ret(TDH_SPDM_CREATE, &args);
	*spdm_id = args.rcx;
	return r;
}

u64 tdh_spdm_delete(u64 spdm_id)
{
	struct tdx_module_args args = { .rcx = spdm_id };

	guard(mutex)(&tdx_spdm_ide_lock);

	return seamcall(TDH_SPDM_DELETE, &args);
}

u64 tdh_spdm_connect(u64 spdm_id, struct page *spdm_conf, struct page *spdm_rsp,
		     struct page *spdm_req, const struct tdx_hpa_list_info *spdm_out, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = page_to_phys(spdm_conf),
		.r8 = page_to_phys(spdm_rsp),
		.r9 = page_to_phys(spdm_req),
		.r10 = tdx_hpa_array_t_raw(spdm_out),
	};
	u64 r;

	guard(mutex)(&tdx_spdm_ide_lock);

	r = seamcall_resume(TDH_SPDM_CONNECT, &args);
	*len = args.rcx;
	return r;
}

u64 tdh_spdm_mng(u64 spdm_id, u64 spdm_op, u64 spdm_param, struct page *spdm_rsp,
		 struct page *spdm_req, const struct tdx_hpa_list_info *spdm_out, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = spdm_op,
		.r8 = spdm_param,
		.r9 = page_to_phys(spdm_rsp),
		.r10 = page_to_phys(spdm_req),
		.r11 = tdx_hpa_array_t_raw(spdm_out),
	};
	u64 r;

	guard(mutex)(&tdx_spdm_ide_lock);

	r = seamcall_resume(TDH_SPDM_MNG, &args);
	*len = args.rcx;
	return r;
}

u64 tdh_ide_stream_create(u64 stream_info, u64 spdm_id, struct page *stream_mt,
			  u64 *stream_id, u64 *rp_ide_id)
{
	struct tdx_module_args args = {
		.rcx = stream_info,
		.rdx = spdm_id,
		.r8 = page_to_phys(stream_mt),
	};
	u64 r;

	guard(mutex)(&tdx_spdm_ide_lock);

	r = seamcall_saved_ret(TDH_IDE_STREAM_CREATE, &args);
	*stream_id = args.rcx;
	*rp_ide_id = args.rdx;
	return r;
}

u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = stream_id };

	guard(mutex)(&tdx_spdm_ide_lock);

	return seamcall(TDH_IDE_STREAM_BLOCK, &args);
}

u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = stream_id };

	guard(mutex)(&tdx_spdm_ide_lock);

	return seamcall(TDH_IDE_STREAM_DELETE, &args);
}
