// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptor: the array and its wrappers
 */
#include <linux/bitfield.h>
#include <linux/bug.h>
#include <linux/cacheflush.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include <asm/shared/tdx_errno.h>

#include "seamcall_internal.h"
#include "tdx.h"

#include "page_array.h"

#define HPA_PFN		GENMASK_ULL(51, 12)
#define HPA_SIZE	GENMASK_ULL(63, 55)

int tdx_page_array_populate(struct tdx_page_array *array, struct page **pages,
			    unsigned int nr_pages)
{
	unsigned int i;

	if (WARN_ON_ONCE(array->flush_on_free))
		return -EBUSY;
	if (!nr_pages || nr_pages > TDX_PAGE_ARRAY_MAX_NENTS)
		return -EINVAL;

	for (i = 0; i < nr_pages; i++) {
		u64 entry = page_to_phys(pages[i]);

		if (compound_nr(pages[i]) > 1)
			entry |= compound_nr(pages[i]);
		array->root[i] = entry;
	}

	array->pages = pages;
	array->nr_pages = nr_pages;
	return 0;
}

struct tdx_page_array *tdx_page_array_create(struct page **pages, unsigned int nr_pages)
{
	struct tdx_page_array *array = kzalloc_obj(*array, GFP_KERNEL);

	if (!array)
		return NULL;

	array->root = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!array->root || tdx_page_array_populate(array, pages, nr_pages)) {
		kfree(array->root);
		kfree(array);
		return NULL;
	}

	return array;
}

/* As posted, one WBINVD for each entry, of however many pages (hazard H7). */
static void flush(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	if (tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, pfn))
		pr_warn("tdx: page frame %#lx cannot be flushed\n", pfn);
}

/* The caller frees the pages. */
void tdx_page_array_destroy(struct tdx_page_array *array)
{
	if (array->flush_on_free) {
		for (unsigned int i = 0; i < array->nr_pages; i++)
			flush(array->pages[i]);
	}

	kfree(array->root);
	kfree(array);
}

u64 hpa_list_info_assign_raw(const struct tdx_page_array *array)
{
	return FIELD_PREP(HPA_PFN, PHYS_PFN(virt_to_phys(array->root))) |
	       FIELD_PREP(HPA_SIZE, array->nr_pages - 1);
}

u64 hpa_array_t_assign_raw(const struct tdx_page_array *array)
{
	phys_addr_t pa = array->nr_pages == 1 ? page_to_phys(array->pages[0]) :
						virt_to_phys(array->root);

	return FIELD_PREP(HPA_PFN, PHYS_PFN(pa)) | FIELD_PREP(HPA_SIZE, array->nr_pages - 1);
}

static u64 hpa_array_t_release_raw(const struct tdx_page_array *array)
{
	return array->nr_pages == 1 ? 0 : virt_to_phys(array->root);
}

static void tdx_clflush_page_array(struct tdx_page_array *array)
{
	for (unsigned int i = 0; i < array->nr_pages; i++) {
		struct page *page = array->pages[i];

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

u64 tdh_ext_init(void)
{
	struct tdx_module_args args = {};

	return seamcall_resume(TDH_EXT_INIT, &args);
}

/* The module never returns these pages, so flush_on_free stays clear. */
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
	iommu_mt->flush_on_free = true;
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
	spdm_mt->flush_on_free = true;
	r = seamcall_ret(TDH_SPDM_CREATE, &args);
	*spdm_id = args.rcx;
	return r;
}

u64 tdh_spdm_delete(u64 spdm_id, struct tdx_page_array *spdm_mt)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = hpa_array_t_release_raw(spdm_mt),
	};

	return seamcall_ret(TDH_SPDM_DELETE, &args);
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
			  u64 *stream_id, u64 *rp_ide_id)
{
	struct tdx_module_args args = {
		.rcx = stream_info,
		.rdx = spdm_id,
		.r8 = hpa_array_t_assign_raw(stream_mt),
	};
	u64 r;

	tdx_clflush_page_array(stream_mt);
	stream_mt->flush_on_free = true;
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

u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_page_array *stream_mt)
{
	struct tdx_module_args args = {
		.rcx = spdm_id,
		.rdx = stream_id,
		.r8 = hpa_array_t_release_raw(stream_mt),
	};

	return seamcall_ret(TDH_IDE_STREAM_DELETE, &args);
}
