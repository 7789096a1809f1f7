// SPDX-License-Identifier: GPL-2.0
/*
 * v2 with the flat design's allocation policy: what it could have by taking and
 * returning pages in blocks, and without CLFLUSH, but with pointers, root page
 * and populate loop as they are.  IOMMU_MT arrays stay as posted.
 */
#include <linux/container_of.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../../../arch/x86/virt/vmx/tdx/pa_blocks.h"
#include "../v2/flows.h"

struct blocks_array {
	struct tdx_page_array array;
	struct tdx_pa_blocks blocks;
};

static void blocks_free(struct tdx_page_array *array)
{
	struct blocks_array *ba = container_of(array, struct blocks_array, array);
	struct tdx_pa_block b;

	if (!array)
		return;

	b = tdx_pa_block_start(&ba->blocks, array->nr_pages);
	while (tdx_pa_block_next(&ba->blocks, &b))
		__free_pages(array->pages[b.first], b.order);

	kfree(array->pages);
	kfree(array->root);
	kfree(ba);
}

static struct tdx_page_array *blocks_create_memory(unsigned int nr_pages)
{
	struct blocks_array *ba;
	unsigned int i;
	u64 *entries;

	if (!nr_pages)
		return NULL;

	ba = kzalloc_obj(*ba, GFP_KERNEL);
	if (!ba)
		return NULL;

	ba->array.root = kzalloc(PAGE_SIZE, GFP_KERNEL);
	ba->array.pages = kcalloc(nr_pages, sizeof(*ba->array.pages), GFP_KERNEL);
	if (!ba->array.root || !ba->array.pages)
		goto free;

	/* Both are eight bytes: convert in place. */
	entries = (u64 *)ba->array.pages;
	if (!tdx_pa_blocks_alloc(&ba->blocks, entries, 0, nr_pages))
		goto free_blocks;
	for (i = 0; i < nr_pages; i++)
		ba->array.pages[i] = pfn_to_page(PHYS_PFN(entries[i]));

	ba->array.nr_pages = nr_pages;
	return &ba->array;

free_blocks:
	for (i = 0; i < nr_pages; i++)
		ba->array.pages[i] = entries[i] ? pfn_to_page(PHYS_PFN(entries[i])) : NULL;
	blocks_free(&ba->array);
	return NULL;
free:
	kfree(ba->array.pages);
	kfree(ba->array.root);
	kfree(ba);
	return NULL;
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
	.select = blocks_select,
	V2_OPERATIONS,
};
