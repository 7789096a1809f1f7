// SPDX-License-Identifier: GPL-2.0
/*
 * flat with whole blocks
 *
 * Blocks of up to 2 MiB are not split.  They are freed whole if no page of them
 * stays with the module or is leaked.
 *
 * The array is compiled again from its own source, with other functions below
 * it.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>

/* Names for the second copy of the array's public functions */
#define tdx_pa_array_alloc		blocks_alloc
#define tdx_pa_array_alloc_iommu_mt	blocks_alloc_iommu_mt
#define tdx_pa_array_free		blocks_free
#define tdx_pa_array_copy_out		blocks_copy_out
#define tdx_pa_list			blocks_list
#define tdx_hpa_list_info		blocks_hpa_list_info
#define tdx_hpa_array			blocks_hpa_array
#define tdx_hpa_array_output		blocks_hpa_array_output
/* This also renames the trace event. */
#define trace_tdx_pa_array_free		trace_blocks_free
#define trace_tdx_pa_array_free_enabled	trace_blocks_free_enabled

/* page_private() of the first page of a block is its order. */
static void keep_block(struct page *page, unsigned int order)
{
	set_page_private(page, order);
}

/* Pages behind the first one have no reference until the block is split. */
static void split_block_of(struct page *page)
{
	unsigned int order;

	while (!page_count(page))
		page--;

	order = page_private(page);
	split_page(page, order);
	for (unsigned int i = 0; i < 1U << order; i++)
		set_page_private(page + i, 0);
}

/* Free a run of pages.  A block that is only partly in it is split first. */
static void free_run(unsigned long pfn, unsigned long nr)
{
	for (unsigned long end = pfn + nr, order; pfn < end; pfn += 1UL << order) {
		struct page *page = pfn_to_page(pfn);

		if (!page_count(page) || pfn + (1UL << page_private(page)) > end)
			split_block_of(page);
		order = page_private(page);
		set_page_private(page, 0);
		__free_pages(page, order);
	}
}

#undef pr_fmt
#undef __free_contig_range
#define split_page		keep_block
#define __free_contig_range	free_run

#include "../../../arch/x86/virt/vmx/tdx/pa_array.c"

#define FLAT_DESIGN		design_flat_blocks
#define FLAT_NAME		"flat-blocks"
#define FLAT_TITLE		"flat with blocks that are not split"
#include "../flat/flows.c"
