/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A list of pages for the TDX module
 *
 * The TDX module takes pages in lists.  Each list is one 4 KiB page with at
 * most 512 little-endian entries of 8 bytes, an entry being the physical
 * address (PA) of a page.  A struct tdx_pa_array is one contiguous, page
 * aligned run of exactly those entries, so that every 512 of them already are
 * a list page.  A window is a slice of the run, and nothing is ever refilled:
 *
 *	entries  0          512         1024   1299
 *		 |-----------|-----------|------|	1,300 pages of 4 KiB
 *		 ^           ^           ^
 *		 window 0    window 1    window 2	(list_pa, nr) each:
 *		 512         512         276		what the module is told
 *
 * The array also knows two things about its pages: how many of them, counted
 * from entry 0, the module holds now (nr_held), and whether the others must be
 * flushed before anybody else may use them (flush).  The SEAMCALL wrappers of
 * <asm/tdx_connect.h> keep both up to date, callers never do.  So there is one
 * way out, tdx_pa_array_release(), and it is right in every state:
 *
 *	struct tdx_pa_array *mt __free(tdx_pa_array) = tdx_pa_array_alloc(nr);
 *
 *	if (!mt)
 *		return -ENOMEM;
 *	if (tdh_spdm_create(func_id, mt, &spdm_id))
 *		return -EIO;		(the pages are flushed and freed)
 *	...
 *	tdh_spdm_delete(spdm_id, mt);	(fails: the pages stay with the module)
 *	return 0;			(succeeds: they are flushed and freed)
 *
 * Which pages need the flush?  Those that the module may have written with a
 * private key.  Pages that it only used as a shared buffer do not.
 *
 * Vocabulary: an entry names a page (or, in an IOMMU_MT list, a block of
 * pages); the module claims control pages and gives them back; it is donated
 * the memory of its extensions and keeps it; a page is stranded when release
 * leaves it behind, neither free nor recorded as donated.
 *
 * Locking: none here.  An array that several threads share is theirs to
 * serialise: wrappers and release change it.  Looking up windows and copying out
 * do not, so those may run side by side.  Different arrays are independent.
 */
#ifndef _ASM_X86_TDX_PA_ARRAY_H
#define _ASM_X86_TDX_PA_ARRAY_H

#include <linux/cleanup.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* Entries in one list page. */
#define TDX_PA_WINDOW_MAX	(SZ_4K / sizeof(u64))
static_assert(TDX_PA_WINDOW_MAX == 512);

/* Entries in one array: 4 GiB of pages, far above any need known today. */
#define TDX_PA_ARRAY_MAX	(SZ_4G / SZ_4K)

/* An IOMMU_MT list starts with two blocks, the rest are single pages. */
#define TDX_IOMMU_MT_NR_BLOCKS	2

/*
 * An entry of an IOMMU_MT list carries the number of 4 KiB pages of its block
 * in bits 11:0, or 0 if the block is a single page.  So the largest block has
 * 2048 pages, if the page allocator gives that.
 */
#define TDX_IOMMU_MT_MAX_ORDER	MIN(11, MAX_PAGE_ORDER)

/* One window is one allocation at best: 512 pages, 2 MiB. */
#define TDX_PA_BLOCK_MAX_ORDER	9
static_assert(1 << TDX_PA_BLOCK_MAX_ORDER == TDX_PA_WINDOW_MAX);

/**
 * struct tdx_pa_array - pages, named the way the TDX module reads them
 * @entries: PA of each page; the two IOMMU_MT blocks with their number of
 *	     pages in bits 11:0.  The only record of what the array owns, so it
 *	     is never an output operand.  Written by allocation only.
 * @nr: number of entries.  Written by allocation only.
 * @nr_held: number of leading entries that the module holds now
 * @flush: what comes back needs TDH.PHYMEM.PAGE.WBINVD before anybody else
 *	   uses it.  Set before a claiming SEAMCALL is issued, and never cleared
 *	   once the module was entered.
 * @donated: the module was given the held entries for good
 * @iommu_mt: the entries are an IOMMU_MT list.  Written by allocation only.
 *
 * @nr_held, @flush and @donated belong to the SEAMCALL wrappers.
 *
 * Sixteen bytes, which mostly fit behind the last entry.
 */
struct tdx_pa_array {
	u64 *entries;
	u32 nr;
	u32 nr_held : 29;
	bool flush : 1;
	bool donated : 1;
	bool iommu_mt : 1;
};

/**
 * struct tdx_pa_window - one list page, ready to be handed to the module
 * @list_pa: PA of the list page, 4 KiB aligned
 * @entries: the same list as the kernel reads it
 * @first: index in the array of the window's first entry
 * @nr: number of entries, 1 to TDX_PA_WINDOW_MAX
 *
 * A window is a value.  Any number of them may be in use at once, each valid
 * until its array is released.
 */
struct tdx_pa_window {
	phys_addr_t list_pa;
	const u64 *entries;
	unsigned int first;
	unsigned int nr;
};

struct tdx_pa_array *tdx_pa_array_alloc(unsigned int nr);
struct tdx_pa_array *tdx_pa_array_alloc_iommu_mt(unsigned int order, unsigned int nr_pages);
void tdx_pa_array_release(struct tdx_pa_array *array);

int tdx_pa_array_window(const struct tdx_pa_array *array, unsigned int idx,
			struct tdx_pa_window *window);
int tdx_pa_array_copy_out(const struct tdx_pa_array *array, void *dst,
			  size_t offset, size_t len);

unsigned long tdx_pa_array_nr_stranded(void);

DEFINE_FREE(tdx_pa_array, struct tdx_pa_array *, if (_T) tdx_pa_array_release(_T))

/**
 * for_each_tdx_pa_window - walk the windows of an array, in order
 * @window: struct tdx_pa_window to fill for each turn
 * @array: the array
 */
#define for_each_tdx_pa_window(window, array) \
	for (unsigned int __idx = 0; \
	     !tdx_pa_array_window(array, __idx, window); __idx++)

#endif /* _ASM_X86_TDX_PA_ARRAY_H */
