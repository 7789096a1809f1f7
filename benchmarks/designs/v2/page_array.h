/* SPDX-License-Identifier: GPL-2.0 */
/*
 * v2: struct page pointers plus one reused root page
 *
 * The design of the series posted on 27 March 2026, written from a description
 * of it, with its names:
 * https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/
 * Nothing is slower than posted and nothing is repaired.
 */
#ifndef _V2_PAGE_ARRAY_H
#define _V2_PAGE_ARRAY_H

#include <linux/mm_types.h>
#include <linux/types.h>

#define TDX_PAGE_ARRAY_MAX_NENTS	512

/**
 * struct tdx_page_array - pages, and the window of them that root shows now
 * @nr_pages: number of pages, or of folios in an IOMMU_MT array
 * @pages: the pages
 * @offset: first page of the current window
 * @nents: number of entries of the current window
 * @root: the list page, refilled for each window
 */
struct tdx_page_array {
	unsigned int nr_pages;
	struct page **pages;

	unsigned int offset;
	unsigned int nents;
	u64 *root;
};

typedef int (*tdx_page_array_alloc_fn)(struct page **pages, unsigned int nr_pages,
				       void *data);

struct tdx_page_array *tdx_page_array_alloc(unsigned int nr_pages,
					    tdx_page_array_alloc_fn alloc_fn, void *data);
struct tdx_page_array *tdx_page_array_alloc_contig(unsigned int nr_pages);
struct tdx_page_array *tdx_page_array_create(unsigned int nr_pages);
struct tdx_page_array *tdx_page_array_create_iommu_mt(unsigned int iq_order,
						      unsigned int nr_mt_pages);
int tdx_page_array_populate(struct tdx_page_array *array, unsigned int offset);

void tdx_page_array_free(struct tdx_page_array *array);
void tdx_page_array_ctrl_leak(struct tdx_page_array *array);
int tdx_page_array_ctrl_flush(struct tdx_page_array *array, unsigned int nr_released,
			      u64 released_hpa);
int tdx_page_array_ctrl_release(struct tdx_page_array *array, unsigned int nr_released,
				u64 released_hpa);

u64 hpa_list_info_assign_raw(const struct tdx_page_array *array);
u64 hpa_array_t_assign_raw(const struct tdx_page_array *array);
u64 hpa_array_t_release_raw(const struct tdx_page_array *array);

#endif /* _V2_PAGE_ARRAY_H */
