// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate, free and read arrays of pages for the TDX module
 *
 * <asm/tdx_pa_array.h> describes the design.
 */
#define pr_fmt(fmt) "virt/tdx: " fmt

#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx.h>
#include <asm/tdx_pa_array.h>

#include "tdx.h"
#define CREATE_TRACE_POINTS
#include "pa_trace.h"

/* As many calls of a busy module as sc_retry() makes without entropy */
#define FLUSH_RETRIES	10

/*
 * Operands.  Source: TDX Connect ABI specification, Intel document 858625.
 *
 *		HPA_LIST_INFO	HPA_ARRAY_T		IOMMU_MT
 * bits 11:3	first entry	0			0
 * bits 51:12	the list	the list, or the page	the list
 *				itself if it is only one
 * bits 63:55	last entry	number of entries - 1	0
 */

/**
 * tdx_pa_list - get the list that contains an entry
 * @array: the array
 * @i: index of the entry
 *
 * Return: PA of the list.  This is the IOMMU_MT operand if @i is 0.
 */
phys_addr_t tdx_pa_list(const struct tdx_pa_array *array, unsigned int i)
{
	void *list = array->entries + round_down(i, TDX_PA_LIST_MAX);

	return is_vmalloc_addr(list) ? PFN_PHYS(vmalloc_to_pfn(list)) : virt_to_phys(list);
}

/**
 * tdx_hpa_list_info - compute HPA_LIST_INFO for the rest of a list
 * @array: the array
 * @first: index of the first entry to process
 *
 * Return: the operand.
 */
u64 tdx_hpa_list_info(const struct tdx_pa_array *array, unsigned int first)
{
	unsigned int last = min(first | (TDX_PA_LIST_MAX - 1), array->nr - 1);

	return tdx_pa_list(array, first) | FIELD_PREP(HPA_LIST_FIRST, first % TDX_PA_LIST_MAX) |
	       FIELD_PREP(HPA_LIST_LAST, last % TDX_PA_LIST_MAX);
}

/**
 * tdx_hpa_array - compute HPA_ARRAY_T
 * @array: the array, with at most TDX_PA_LIST_MAX entries
 *
 * Return: the operand.  A single page is named without a list ("singleton").
 */
u64 tdx_hpa_array(const struct tdx_pa_array *array)
{
	return array->nr == 1 ? tdx_pa_entry(array, 0) : tdx_hpa_list_info(array, 0);
}

/**
 * tdx_hpa_array_output - get the page that receives the list of returned pages
 * @array: the array
 *
 * Return: PA of the spare page behind the lists, or 0 if the array has only one
 * entry: the module then returns the PA of the page in a register.
 */
phys_addr_t tdx_hpa_array_output(const struct tdx_pa_array *array)
{
	return array->nr == 1 ? 0 : tdx_pa_list(array, round_up(array->nr, TDX_PA_LIST_MAX));
}

/* Append a block of pages, each with a reference.  Inlining costs 63 bytes. */
static noinline bool append_block(struct tdx_pa_array *array, unsigned int order,
				  unsigned int nr_entries, gfp_t gfp, int nid)
{
	struct page *page = alloc_pages_node(nid, GFP_KERNEL | gfp, order);
	u64 *entry = array->entries + array->nr;

	if (!page)
		return false;

	split_page(page, order);
	array->nr += nr_entries;
	for (phys_addr_t pa = page_to_phys(page); nr_entries--; pa += PAGE_SIZE)
		*entry++ = pa;
	return true;
}

static struct tdx_pa_array *alloc_array(unsigned int nr_blocks, unsigned int block_order,
					unsigned int nr, int nid)
{
	int order = nr < 128 ? PAGE_ALLOC_COSTLY_ORDER : ilog2(TDX_PA_LIST_MAX);
	struct tdx_pa_array *array;

	array = kzalloc_obj(*array, GFP_KERNEL);
	if (!array)
		return NULL;

	/* A spare page for the output of a delete, which allocates nothing */
	nr += nr_blocks;
	array->entries = kvzalloc_node(PAGE_ALIGN(nr * sizeof(u64)) + (nr > 1 ? PAGE_SIZE : 0),
				       GFP_KERNEL, nid);
	if (!array->entries)
		goto free;

	array->block_order = block_order;
	while (array->nr < nr_blocks) {
		if (!append_block(array, block_order, 1, __GFP_ZERO | __GFP_RETRY_MAYFAIL, nid))
			goto free;
		if (block_order)
			array->entries[array->nr - 1] |= 1UL << block_order;
	}

	while (array->nr < nr) {
		order = min(order, ilog2(nr - array->nr));
		if (!append_block(array, order, 1U << order, __GFP_NOWARN |
				  (order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL), nid) && !order--)
			goto free;
	}

	return array;

free:
	tdx_pa_array_free(array);
	return NULL;
}

/**
 * tdx_pa_array_alloc - allocate pages for the TDX module
 * @nr: number of 4 KiB pages
 * @nid: preferred NUMA node, or NUMA_NO_NODE
 *
 * Context: May sleep.
 * Return: the array, or NULL if @nr is 0 or memory is short.
 */
struct tdx_pa_array *tdx_pa_array_alloc(unsigned int nr, int nid)
{
	return nr ? alloc_array(0, 0, nr, nid) : NULL;
}

/**
 * tdx_pa_array_alloc_iommu_mt - allocate the pages of an IOMMU_MT list
 * @order: each of the two blocks has 1 << @order pages
 * @nr: number of single pages that follow the blocks, at most 510
 * @nid: preferred NUMA node, or NUMA_NO_NODE
 *
 * Context: May sleep.
 * Return: the array, or NULL if memory is short.
 */
struct tdx_pa_array *tdx_pa_array_alloc_iommu_mt(unsigned int order, unsigned int nr, int nid)
{
	return alloc_array(TDX_IOMMU_MT_NR_BLOCKS, order, nr, nid);
}

/*
 * Make a page that was private fit for reuse.  While another SEAMCALL works on
 * the same 2 MiB, the module is busy.
 */
static bool flush_page(unsigned long pfn)
{
	int retry = FLUSH_RETRIES;
	u64 status;

	do {
		status = tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, pfn);
	} while (upper_32_bits(status) == upper_32_bits(TDX_OPERAND_BUSY) && --retry);

	trace_tdx_pa_array_flush_failed(pfn, status);
	if (status & TDX_ERROR)
		return false;

	tdx_quirk_reset_paddr(PFN_PHYS(pfn), PAGE_SIZE);
	return true;
}

/**
 * tdx_pa_array_free - free an array, except what the TDX module holds
 * @array: the array, or NULL
 *
 * Pages that the module may have written to are flushed first.  A page that
 * cannot be flushed is leaked: the module refuses to flush a page that it owns.
 * One message has the number of the pages that are not freed, and the caller.
 *
 * Context: May sleep.
 */
void tdx_pa_array_free(struct tdx_pa_array *array)
{
	u64 start_ns = trace_tdx_pa_array_free_enabled() ? ktime_get_ns() : 0;
	unsigned long start = 0, end = 0;
	unsigned int leaked = 0;

	might_sleep();
	if (!array)
		return;

	/*
	 * [start, end) is the present run of contiguous pages.  Only the two
	 * blocks of an IOMMU_MT list have an order above 0.
	 */
	for (unsigned int i = array->nr_held; i < array->nr; i++) {
		unsigned long pfn = PHYS_PFN(tdx_pa_entry(array, i));
		unsigned long nr = i < TDX_IOMMU_MT_NR_BLOCKS ? 1UL << array->block_order : 1;

		for (; nr--; pfn++) {
			if (array->flush && !flush_page(pfn)) {
				leaked++;
				continue;
			}
			if (pfn != end) {
				__free_contig_range(start, end - start);
				start = pfn;
			}
			end = pfn + 1;
		}
	}
	__free_contig_range(start, end - start);
	trace_tdx_pa_array_free(array, leaked, start_ns, _RET_IP_);

	if (array->nr_held || leaked)
		pr_notice("%pS: the TDX module keeps %u entries, %u pages cannot be flushed\n",
			  (void *)_RET_IP_, array->nr_held, leaked);

	kvfree(array->entries);
	kfree(array);
}

/**
 * tdx_pa_array_copy_out - read a buffer that was shared with the TDX module
 * @array: the array
 * @dst: destination
 * @len: number of bytes, from the start of the first page
 *
 * Context: Any.
 * Return: 0, or -EINVAL if @len exceeds the array or the module used its pages
 * privately.
 */
int tdx_pa_array_copy_out(const struct tdx_pa_array *array, void *dst, size_t len)
{
	if (array->flush || len > array->nr * PAGE_SIZE)
		return -EINVAL;

	for (unsigned int i = 0; len; i++) {
		size_t bytes = min(len, PAGE_SIZE);

		memcpy(dst, phys_to_virt(tdx_pa_entry(array, i)), bytes);
		dst += bytes;
		len -= bytes;
	}

	return 0;
}
