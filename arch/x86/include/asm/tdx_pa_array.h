/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists of pages for the TDX module
 *
 * The TDX module takes pages in lists.  A list is one 4 KiB page with at most
 * 512 little-endian entries of 8 bytes; an entry is the physical address (PA)
 * of a page.  A struct tdx_pa_array is one page aligned run of such entries,
 * so every 512 entries are a list.  No list is refilled:
 *
 *	entries  0          512         1024   1299
 *		 |-----------|-----------|------|	1,300 pages of 4 KiB
 *		   list 0      list 1     list 2
 *
 * The operand of a SEAMCALL is computed from the array and a position in it.
 *
 * The array also records how many of its leading entries the module holds
 * (nr_held) and whether the other pages need a flush before reuse (flush).
 * The SEAMCALL wrappers of <asm/tdx_connect.h> maintain this record, callers
 * never do.  So one function, tdx_pa_array_free(), frees an array in every
 * state:
 *
 *	mt = tdx_pa_array_alloc(nr, nid);
 *	if (!mt)
 *		return -ENOMEM;
 *	if (tdh_spdm_create(func_id, mt, &spdm_id)) {
 *		tdx_pa_array_free(mt);		(pages are flushed and freed)
 *		return -EIO;
 *	}
 *	...
 *	tdh_spdm_delete(spdm_id, mt);
 *	tdx_pa_array_free(mt);		(the same, if the delete succeeded;
 *					 else the module keeps the pages)
 *
 * Each page is an order-0 page with a reference of its own.
 *
 * Words: the module claims control pages when it creates an object, and
 * returns them when it deletes the object.  It holds them in between.  Memory
 * for its extensions is donated: the module holds it until the machine is
 * reset.  A page that is neither held nor freed is leaked.
 *
 * Locking: callers serialise wrappers and tdx_pa_array_free() for one array.
 * Different arrays are independent.
 */
#ifndef _ASM_X86_TDX_PA_ARRAY_H
#define _ASM_X86_TDX_PA_ARRAY_H

#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* Entries in one list */
#define TDX_PA_LIST_MAX		(SZ_4K / sizeof(u64))

/* Fields of the HPA_LIST_INFO operand */
#define HPA_LIST_FIRST	GENMASK_ULL(11, 3)
#define HPA_LIST_LAST	GENMASK_ULL(63, 55)

/* An IOMMU_MT list starts with two blocks of pages, its invalidation queues. */
#define TDX_IOMMU_MT_NR_BLOCKS	2

/**
 * struct tdx_pa_array - pages in the format of the TDX module
 * @entries: PA of each page.  The entry of an IOMMU_MT block has the number of
 *	     its pages in bits 11:0.
 * @nr: number of entries
 * @nr_held: number of leading entries that the module holds
 * @block_order: order of the two blocks of an IOMMU_MT list, otherwise 0
 * @flush: the module may have written to the pages with a private key, so
 *	   pages that it does not hold need TDH.PHYMEM.PAGE.WBINVD before reuse
 *
 * Allocation sets @entries, @nr and @block_order.  The SEAMCALL wrappers set
 * @nr_held and @flush.  Nothing clears @flush.
 */
struct tdx_pa_array {
	u64 *entries;
	unsigned int nr;
	unsigned int nr_held;
	unsigned int block_order;
	bool flush;
};

/*
 * PA of the page of entry @i.  No other bit of an entry decides what is freed
 * or read.
 */
static inline phys_addr_t tdx_pa_entry(const struct tdx_pa_array *array, unsigned int i)
{
	return array->entries[i] & GENMASK_ULL(51, 12);
}

struct tdx_pa_array *tdx_pa_array_alloc(unsigned int nr, int nid);
struct tdx_pa_array *tdx_pa_array_alloc_iommu_mt(unsigned int order, unsigned int nr, int nid);
void tdx_pa_array_free(struct tdx_pa_array *array);
int tdx_pa_array_copy_out(const struct tdx_pa_array *array, void *dst, size_t len);

/* For the SEAMCALL wrappers */
phys_addr_t tdx_pa_list(const struct tdx_pa_array *array, unsigned int i);
u64 tdx_hpa_list_info(const struct tdx_pa_array *array, unsigned int first);
u64 tdx_hpa_array(const struct tdx_pa_array *array);
phys_addr_t tdx_hpa_array_output(const struct tdx_pa_array *array);

DEFINE_FREE(tdx_pa_array, struct tdx_pa_array *, tdx_pa_array_free(_T))

#endif /* _ASM_X86_TDX_PA_ARRAY_H */
