/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptor: the caller's pages, described for one SEAMCALL
 *
 * The incremental change of v2 as posted on 16 April 2026, below the cover
 * letter of v2:
 * https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/
 * The caller owns the pages and the pointers to them.  The array describes at
 * most 512 of them and records whether to flush them when it is destroyed.
 */
#ifndef _DESCRIPTOR_PAGE_ARRAY_H
#define _DESCRIPTOR_PAGE_ARRAY_H

#include <linux/mm_types.h>
#include <linux/types.h>

#define TDX_PAGE_ARRAY_MAX_NENTS	512

/**
 * struct tdx_page_array - pages of the caller, in the format of the module
 * @nr_pages: number of pages, or of folios in an IOMMU_MT array
 * @pages: the caller's pointers to them
 * @root: the list page
 * @flush_on_free: the module may have written to the pages
 * @nr_all: number of all pages of the caller
 * @offset: index of @pages in all pointers of the caller
 *
 * @nr_all and @offset belong to the caller.  They are here because the caller
 * has no object of its own.
 */
struct tdx_page_array {
	unsigned int nr_pages;
	unsigned int nr_all;
	unsigned int offset;
	bool flush_on_free;
	struct page **pages;
	u64 *root;
};

struct tdx_page_array *tdx_page_array_create(struct page **pages, unsigned int nr_pages);
int tdx_page_array_populate(struct tdx_page_array *array, struct page **pages,
			    unsigned int nr_pages);
void tdx_page_array_destroy(struct tdx_page_array *array);

u64 hpa_list_info_assign_raw(const struct tdx_page_array *array);
u64 hpa_array_t_assign_raw(const struct tdx_page_array *array);

u64 tdh_ext_init(void);
u64 tdh_ext_mem_add(struct tdx_page_array *ext_mem);
u64 tdh_iommu_setup(u64 vtbar, struct tdx_page_array *iommu_mt, u64 *iommu_id);
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_page_array *iommu_mt);
u64 tdh_spdm_create(u64 func_id, struct tdx_page_array *spdm_mt, u64 *spdm_id);
u64 tdh_spdm_delete(u64 spdm_id, struct tdx_page_array *spdm_mt);
u64 tdh_spdm_connect(u64 spdm_id, struct page *spdm_conf, struct page *spdm_rsp,
		     struct page *spdm_req, struct tdx_page_array *spdm_out, u64 *len);
u64 tdh_spdm_mng(u64 spdm_id, u64 spdm_op, u64 spdm_param, struct page *spdm_rsp,
		 struct page *spdm_req, struct tdx_page_array *spdm_out, u64 *len);
u64 tdh_ide_stream_create(u64 stream_info, u64 spdm_id, struct tdx_page_array *stream_mt,
			  u64 *stream_id, u64 *rp_ide_id);
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id);
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_page_array *stream_mt);

#endif /* _DESCRIPTOR_PAGE_ARRAY_H */
