/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an array's pages come from, and in which portions they go back
 *
 * Pages are taken in the largest blocks that the page allocator gives without
 * effort, down to single pages; few pages in those that it has at hand.  A block
 * is not compound: it is freed whole, or split first if some of its pages must stay
 * behind.  Its order is kept in page_private() of its first page, so that the entries
 * tell everything: where a block begins, and by that, where the next one does.
 */
#ifndef _X86_VIRT_TDX_PA_BLOCKS_H
#define _X86_VIRT_TDX_PA_BLOCKS_H

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/mm.h>

#include <asm/tdx_pa_array.h>

/* The PA in an entry, without the page count of an IOMMU_MT block. */
#define TDX_PA_ENTRY_PA		GENMASK_ULL(51, 12)
#define TDX_PA_ENTRY_NR_PAGES	GENMASK_ULL(11, 0)

/**
 * struct tdx_pa_block - one allocation behind one or more entries
 * @pa: PA of its first page
 * @order: it has 2^order pages
 * @first: index of its first entry
 * @nr: number of its entries: 2^order, or 1 for an IOMMU_MT block
 */
struct tdx_pa_block {
	phys_addr_t pa;
	unsigned int order;
	unsigned int first;
	unsigned int nr;
};

unsigned int tdx_pa_blocks_alloc(u64 *entries, unsigned int nr);
unsigned int tdx_pa_blocks_alloc_mt(u64 *entries, unsigned int order);

/* The block that begins with entry @first. */
static inline struct tdx_pa_block tdx_pa_block_at(const u64 *entries, unsigned int first)
{
	phys_addr_t pa = entries[first] & TDX_PA_ENTRY_PA;
	unsigned int order = page_private(pfn_to_page(PHYS_PFN(pa)));

	return (struct tdx_pa_block) {
		.pa = pa,
		.order = order,
		.first = first,
		.nr = entries[first] & TDX_PA_ENTRY_NR_PAGES ? 1 : 1U << order,
	};
}

#endif /* _X86_VIRT_TDX_PA_BLOCKS_H */
