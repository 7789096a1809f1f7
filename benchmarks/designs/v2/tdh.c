// SPDX-License-Identifier: GPL-2.0
/*
 * v2: the SEAMCALL wrappers
 */
#include <linux/bitfield.h>
#include <linux/cacheflush.h>
#include <linux/io.h>
#include <linux/mm.h>

#include <asm/shared/tdx_errno.h>

#include "seamcall_internal.h"
#include "tdx.h"

#include "page_array.h"
#include "tdh.h"

bool v2_clflush = true;

/* Write back each page of the current window before the module gets it. */
static void tdx_clflush_page_array(struct tdx_page_array *array)
{
	unsigned int i;

	if (!v2_clflush)
		return;

	for (i = 0; i < array->nents; i++) {
		struct page *page = array->pages[array->offset + i];

		clflush_cache_range(page_to_virt(page), page_size(page));
	}
}

/* As posted, the status is compared with its detail bits. */
static bool interrupted(u64 r)
{
	return r == TDX_INTERRUPTED_RESUMABLE;
}

static u64 seamcall_resume(u64 fn, struct tdx_module_args *args)
{
	struct tdx_module_args copy;
	u64 r;

	do {
		copy = *args;
		r = seamcall_ret(fn, &copy);
	} while (interrupted(r));

	*args = copy;
	return r;
}

static void released(const struct tdx_module_args *args, unsigned int *nr_released,
		     u64 *released_hpa)
{
	*nr_released = FIELD_GET(GENMASK_ULL(63, 55), args->rcx) + 1;
	*released_hpa = FIELD_GET(GENMASK_ULL(51, 12), args->rcx) << PAGE_SHIFT;
}

u64 tdh_ext_init(void)
{
	struct tdx_module_args args = {};

	return seamcall_resume(TDH_EXT_INIT, &args);
}

u64 tdh_ext_mem_add(struct tdx_page_array *ext_mem)
{
	struct tdx_module_args args = { .rcx = hpa_list_info_assign_raw(ext_mem) };
	u64 r;

	tdx_clflush_page_array(ext_mem);

	do {
		r = seamcall_ret(TDH_EXT_MEM_ADD, &args);
	} while (interrupted(r));

	return r;
}

u64 tdh_iommu_setup(u64 vtbar, struct tdx_page_array *iommu_mt, u64 *iommu_id)
{
	struct tdx_module_args args = {
		.rcx = vtbar,
		.rdx = virt_to_phys(iommu_mt->root),
	};
	u64 r;

	tdx_clflush_page_array(iommu_mt);

	r = seamcall_resume(TDH_IOMMU_SETUP, &args);
	*iommu_id = args.rcx;
	return r;
}

u64 tdh_iommu_clear(u64 iommu_id, struct tdx_page_array *iommu_mt)
{
	struct tdx_module_args args = {
		.rcx = iommu_id,
		.rdx = virt_to_phys(iommu_mt->root),
	};

	return seamcall_resume(TDH_IOMMU_CLEAR, &args);
}

u64 tdh_spdm_create(u64 func_id, struct tdx_page_array *spdm_mt, u64 *spdm_id)
{
	struct tdx_module_args args = {
		.rcx = func_id,
		.rdx = hpa_array_t_assign_raw(spdm_mt),
	};
	u64 r;

	tdx_clflush_page_array(spdm_mt);

	r = seamcall_ret(TDH_SPDM_CREATE, &args);
	*spdm_id = args.rcx;
	return r;
}

u64 tdh_spdm_delete(u64 spdm_id, struct tdx_page_array *spdm_mt,
		    unsigned int *nr_released, u64 *released_hpa)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = hpa_array_t_release_raw(spdm_mt),
	};
	u64 r;

	r = seamcall_ret(TDH_SPDM_DELETE, &args);
	if (!r)
		released(&args, nr_released, released_hpa);
	return r;
}

u64 tdh_spdm_connect(u64 spdm_id, struct page *spdm_conf, struct page *spdm_rsp,
		     struct page *spdm_req, struct tdx_page_array *spdm_out, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = page_to_phys(spdm_conf),
		.r8 = page_to_phys(spdm_rsp),
		.r9 = page_to_phys(spdm_req),
		.r10 = hpa_array_t_assign_raw(spdm_out),
	};
	u64 r;

	r = seamcall_resume(TDH_SPDM_CONNECT, &args);
	*len = args.rcx;
	return r;
}

u64 tdh_spdm_mng(u64 spdm_id, u64 spdm_op, u64 spdm_param, struct page *spdm_rsp,
		 struct page *spdm_req, struct tdx_page_array *spdm_out, u64 *len)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = spdm_op,
		.r8 = spdm_param,
		.r9 = page_to_phys(spdm_rsp),
		.r10 = page_to_phys(spdm_req),
		.r11 = hpa_array_t_assign_raw(spdm_out),
	};
	u64 r;

	r = seamcall_resume(TDH_SPDM_MNG, &args);
	*len = args.rcx;
	return r;
}

u64 tdh_ide_stream_create(u64 stream_info, u64 spdm_id, struct tdx_page_array *stream_mt,
			  u64 stream_ctrl, u64 rid_assoc1, u64 rid_assoc2, u64 addr_assoc1,
			  u64 addr_assoc2, u64 addr_assoc3, u64 *stream_id, u64 *rp_ide_id)
{
	struct tdx_module_args args = {
		.rcx = stream_info,
		.rdx = spdm_id,
		.r8 = hpa_array_t_assign_raw(stream_mt),
		.r9 = stream_ctrl,
		.r10 = rid_assoc1,
		.r11 = rid_assoc2,
		.r12 = addr_assoc1,
		.r13 = addr_assoc2,
		.r14 = addr_assoc3,
	};
	u64 r;

	tdx_clflush_page_array(stream_mt);

	r = seamcall_saved_ret(TDH_IDE_STREAM_CREATE, &args);
	*stream_id = args.rcx;
	*rp_ide_id = args.rdx;
	return r;
}

u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id)
{
	struct tdx_module_args args = { .rcx = spdm_id, .rdx = stream_id };

	return seamcall(TDH_IDE_STREAM_BLOCK, &args);
}

u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_page_array *stream_mt,
			  unsigned int *nr_released, u64 *released_hpa)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = stream_id,
		.r8 = hpa_array_t_release_raw(stream_mt),
	};
	u64 r;

	r = seamcall_ret(TDH_IDE_STREAM_DELETE, &args);
	if (!r)
		released(&args, nr_released, released_hpa);
	return r;
}
