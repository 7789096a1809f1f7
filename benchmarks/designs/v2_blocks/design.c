// SPDX-License-Identifier: GPL-2.0
/*
 * v2 with the allocation policy of flat: split blocks of up to 2 MiB, freed in
 * contiguous runs, and no CLFLUSH.  Pointers, root page and populate loop are
 * those of v2.  IOMMU_MT arrays stay as posted.
 */
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../v2/flows.h"

static void free_runs(struct page **pages, unsigned int nr_pages)
{
	unsigned long start = 0, end = 0;

	for (unsigned int i = 0; i < nr_pages; i++) {
		unsigned long pfn = page_to_pfn(pages[i]);

		if (pfn != end) {
			__free_contig_range(start, end - start);
			start = pfn;
		}
		end = pfn + 1;
	}
	__free_contig_range(start, end - start);
}

static void blocks_free(struct tdx_page_array *array)
{
	if (!array)
		return;

	free_runs(array->pages, array->nr_pages);
	kfree(array->pages);
	kfree(array->root);
	kfree(array);
}

static void append(struct page **pages, unsigned int *filled, struct page *page,
		   unsigned int nr)
{
	while (nr--)
		pages[(*filled)++] = page++;
}

static int blocks_alloc(struct page **pages, unsigned int nr_pages, void *data)
{
	int order = nr_pages < 128 ? PAGE_ALLOC_COSTLY_ORDER : ilog2(TDX_PAGE_ARRAY_MAX_NENTS);
	unsigned int filled = 0;
	struct page *page;

	while (filled < nr_pages) {
		order = min(order, ilog2(nr_pages - filled));
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN |
				   (order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL), order);
		if (page) {
			split_page(page, order);
			append(pages, &filled, page, 1U << order);
		} else if (!order--) {
			free_runs(pages, filled);
			return -ENOMEM;
		}
	}

	return 0;
}

static struct tdx_page_array *blocks_create_memory(unsigned int nr_pages)
{
	return tdx_page_array_alloc(nr_pages, blocks_alloc, NULL);
}

static struct tdx_page_array *blocks_create(unsigned int nr_pages)
{
	struct tdx_page_array *array;

	if (nr_pages > TDX_PAGE_ARRAY_MAX_NENTS)
		return NULL;

	array = blocks_create_memory(nr_pages);
	if (array)
		tdx_page_array_populate(array, 0);

	return array;
}

static int blocks_ctrl_release(struct tdx_page_array *array, unsigned int nr_released,
			       u64 released_hpa)
{
	int ret = tdx_page_array_ctrl_flush(array, nr_released, released_hpa);

	if (!ret)
		blocks_free(array);

	return ret;
}

static const struct v2_policy blocks = {
	.design = &design_v2_blocks,
	.create = blocks_create,
	.create_memory = blocks_create_memory,
	.free = blocks_free,
	.free_failed = blocks_free,
	.free_failed_memory = blocks_free,
	.free_failed_iommu_mt = tdx_page_array_free,
	.ctrl_release = blocks_ctrl_release,
	.ctrl_release_iommu_mt = tdx_page_array_ctrl_release,
};

static void blocks_select(void)
{
	v2_use_policy(&blocks);
}

const struct design design_v2_blocks = {
	.name = "v2-blocks",
	.title = "v2 without CLFLUSH, with the allocation policy of flat",
	.owner = THIS_MODULE,
	.select = blocks_select,
	V2_OPERATIONS,
};
