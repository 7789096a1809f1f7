/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an array's pages come from, and in which portions they go back
 *
 * Pages are taken in the largest blocks that the page allocator gives without
 * effort, down to single pages.  A block is not compound: it is freed whole,
 * or split first if some of its pages must stay behind.
 */
#ifndef _X86_VIRT_TDX_PA_BLOCKS_H
#define _X86_VIRT_TDX_PA_BLOCKS_H

#include <linux/log2.h>
#include <linux/minmax.h>

#include <asm/tdx_pa_array.h>

/* The PA in an entry, without the page count of an IOMMU_MT block. */
#define TDX_PA_ENTRY_PA		GENMASK_ULL(51, 12)
#define TDX_PA_ENTRY_NR_PAGES	GENMASK_ULL(11, 0)

/**
 * struct tdx_pa_block - one allocation behind one or more entries
 * @first: index of its first entry
 * @nr: number of its entries: 2^order, or 1 for an IOMMU_MT block
 * @order: it has 2^order pages
 * @end: private: number of entries of the array
 * @left: private: blocks of the same kind that follow
 * @mt: private: still among the IOMMU_MT blocks
 */
struct tdx_pa_block {
	unsigned int first;
	unsigned int nr;
	unsigned int order;
	unsigned int end;
	unsigned int left;
	bool mt;
};

bool tdx_pa_blocks_alloc(struct tdx_pa_blocks *blocks, u64 *entries,
			 unsigned int first, unsigned int nr);
bool tdx_pa_blocks_alloc_mt(struct tdx_pa_blocks *blocks, u64 *entries,
			    unsigned int order);

/*
 * Walk the blocks of an array of @nr entries in entry order, as far as they were
 * allocated:
 *
 *	struct tdx_pa_block b = tdx_pa_block_start(blocks, nr);
 *
 *	while (tdx_pa_block_next(blocks, &b))
 *		...
 */
static inline struct tdx_pa_block tdx_pa_block_start(const struct tdx_pa_blocks *blocks,
						     unsigned int nr)
{
	return (struct tdx_pa_block) {
		.mt = true,
		.order = blocks->mt_order,
		.left = blocks->nr_mt,
		.end = nr,
	};
}

static inline bool tdx_pa_block_next(const struct tdx_pa_blocks *blocks,
				     struct tdx_pa_block *b)
{
	b->first += b->nr;
	if (b->first == b->end)
		return false;

	while (!b->left) {
		if (b->mt) {
			b->mt = false;
			/* None is larger than what it is a part of. */
			b->order = min(TDX_PA_BLOCK_MAX_ORDER, ilog2(b->end - b->first)) + 1;
		}
		if (!b->order)
			return false;
		b->left = blocks->nr[--b->order];
	}

	b->left--;
	b->nr = b->mt ? 1 : 1 << b->order;
	return true;
}

#endif /* _X86_VIRT_TDX_PA_BLOCKS_H */
