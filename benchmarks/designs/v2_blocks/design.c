// SPDX-License-Identifier: GPL-2.0
/*
 * v2 with the flat design's allocation policy: what it could have by taking and
 * returning pages in blocks, and without CLFLUSH, but with pointers, root page
 * and populate loop as they are.  IOMMU_MT arrays stay as posted.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../../../arch/x86/virt/vmx/tdx/pa_blocks.h"
#include "../v2/flows.h"

static void blocks_free(struct tdx_page_array *array)
{
	unsigned int i, order;

	if (!array)
		return;

	for (i = 0; i < array->nr_pages; i += 1U << order) {
		struct page *page = array->pages[i];

		order = page_private(page);
		__free_pages(page, order);
	}

	kfree(array->pages);
	kfree(array->root);
	kfree(array);
}

static int blocks_alloc(struct page **pages, unsigned int nr_pages, void *data)
{
	/* Both are eight bytes: convert in place. */
	u64 *entries = (u64 *)pages;
	unsigned int *nr = data, i;

	*nr = tdx_pa_blocks_alloc(entries, nr_pages);
	for (i = 0; i < *nr; i++)
		pages[i] = pfn_to_page(PHYS_PFN(entries[i]));

	/* What there is, blocks_free() gives back. */
	return 0;
}

static struct tdx_page_array *blocks_create_memory(unsigned int nr_pages)
{
	unsigned int nr;
	struct tdx_page_array *array = tdx_page_array_alloc(nr_pages, blocks_alloc, &nr);

	if (array && nr < nr_pages) {
		array->nr_pages = nr;
		blocks_free(array);
		return NULL;
	}

	return array;
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
	.ctrl_release = blocks_ctrl_release,
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
