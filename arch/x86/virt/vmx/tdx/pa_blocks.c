// SPDX-License-Identifier: GPL-2.0
/*
 * Pages for the TDX module, in the largest blocks that come cheaply
 *
 * Control pages live as long as the device or the machine.  Taken one by one
 * they would scatter over the free lists and keep many 2 MiB regions from ever
 * becoming whole again; taken in blocks, 12,800 of them occupy 25 regions.
 */
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/unroll.h>

#include "pa_blocks.h"

/*
 * The page allocator has blocks of up to PAGE_ALLOC_COSTLY_ORDER at hand for each
 * CPU, while a larger one is cut out of the free lists under a lock, and put together
 * again when it is freed.  Fewer pages than these come and go faster in blocks at hand.
 */
#define FEW_PAGES	128

/* A smaller block will do as well: do not try hard, do not complain. */
#define GFP_BLOCK	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/*
 * A single page, or a block whose size is given: try hard.  But a caller can do without,
 * and is told so, before a process is killed for its pages.  (The list of them is small.)
 */
#define GFP_NO_LESS	(GFP_KERNEL | __GFP_RETRY_MAYFAIL)

/* Write down that @page begins a block. */
static phys_addr_t block_pa(struct page *page, unsigned int order)
{
	set_page_private(page, order);
	return page_to_phys(page);
}

/**
 * tdx_pa_blocks_alloc - allocate pages and write their entries
 * @entries: where to write the PAs
 * @nr: number of entries to write, one page each
 *
 * Once an order is refused, no larger one is tried again.
 *
 * Context: May sleep.
 * Return: number of entries written, in whole blocks; less than @nr if memory
 * is short.
 */
unsigned int tdx_pa_blocks_alloc(u64 *entries, unsigned int nr)
{
	unsigned int order = TDX_PA_BLOCK_MAX_ORDER;
	u64 *end = entries + nr;
	u64 *entry = entries;

	while (entry < end) {
		struct page *page;
		phys_addr_t pa;
		u64 *block_end;

		order = min_t(unsigned int, order, ilog2(end - entry));
		if (end - entry < FEW_PAGES)
			order = min(order, PAGE_ALLOC_COSTLY_ORDER);

		page = alloc_pages(order ? GFP_BLOCK : GFP_NO_LESS, order);
		if (!page) {
			if (!order)
				break;
			order--;
			continue;
		}

		block_end = entry + (1UL << order);
		unrolled_count(8)
		for (pa = block_pa(page, order); entry < block_end; pa += PAGE_SIZE)
			*entry++ = pa;
	}

	return entry - entries;
}

/**
 * tdx_pa_blocks_alloc_mt - allocate the two blocks that an IOMMU_MT list begins
 * with and write entries 0 and 1
 * @entries: where to write the entries
 * @order: each block has 1 << @order pages
 *
 * The blocks become invalidation queues and are zeroed.
 *
 * Context: May sleep.
 * Return: number of entries written; less than two if memory is short.
 */
unsigned int tdx_pa_blocks_alloc_mt(u64 *entries, unsigned int order)
{
	unsigned int nr;

	for (nr = 0; nr < TDX_IOMMU_MT_NR_BLOCKS; nr++) {
		struct page *page = alloc_pages(GFP_NO_LESS | __GFP_ZERO, order);

		if (!page)
			break;

		entries[nr] = block_pa(page, order) |
			      FIELD_PREP(TDX_PA_ENTRY_NR_PAGES, order ? 1UL << order : 0);
	}

	return nr;
}
