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

#include "pa_blocks.h"

/* A smaller block will do as well: do not try hard, do not complain. */
#define GFP_BLOCK	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/**
 * tdx_pa_blocks_alloc - allocate pages and write their entries
 * @blocks: record of the allocation, added to block by block
 * @entries: where to write the PAs
 * @first: index of the first entry to write
 * @nr: number of entries to write, one page each
 *
 * Once an order is refused, no larger one is tried again, so that the blocks
 * come in descending order and @blocks describes them.
 *
 * Context: May sleep.
 * Return: true if all pages were allocated.  If not, @blocks records those
 * that were.
 */
bool tdx_pa_blocks_alloc(struct tdx_pa_blocks *blocks, u64 *entries,
			 unsigned int first, unsigned int nr)
{
	unsigned int order = TDX_PA_BLOCK_MAX_ORDER;
	u64 *entry = entries + first;
	u64 *end = entry + nr;

	while (entry < end) {
		struct page *page;
		phys_addr_t pa;
		u64 *block_end;

		order = min_t(unsigned int, order, ilog2(end - entry));
		page = alloc_pages(order ? GFP_BLOCK : GFP_KERNEL, order);
		if (!page) {
			if (!order)
				return false;
			order--;
			continue;
		}

		blocks->nr[order]++;
		block_end = entry + (1UL << order);
		for (pa = page_to_phys(page); entry < block_end; pa += PAGE_SIZE)
			*entry++ = pa;
	}

	return true;
}

/**
 * tdx_pa_blocks_alloc_mt - allocate the two blocks that an IOMMU_MT list begins
 * with and write entries 0 and 1
 * @blocks: empty record of the allocation
 * @entries: where to write the entries
 * @order: each block has 2^@order pages
 *
 * The blocks become invalidation queues and are zeroed.
 *
 * Context: May sleep.
 * Return: true if both blocks were allocated.  If not, @blocks records the one
 * that was.
 */
bool tdx_pa_blocks_alloc_mt(struct tdx_pa_blocks *blocks, u64 *entries,
			    unsigned int order)
{
	unsigned long nr_pages = 1UL << order;

	blocks->mt_order = order;

	while (blocks->nr_mt < TDX_IOMMU_MT_NR_BLOCKS) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);

		if (!page)
			return false;

		entries[blocks->nr_mt++] = page_to_phys(page) |
			FIELD_PREP(TDX_PA_ENTRY_NR_PAGES, order ? nr_pages : 0);
	}

	return true;
}
