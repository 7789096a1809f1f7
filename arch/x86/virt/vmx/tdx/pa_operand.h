/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operands: a window, in the three formats that the leaves take
 *
 *			HPA_LIST_INFO	HPA_ARRAY_T	IOMMU_MT
 *	bits 11:3	first entry	0		0
 *	bits 51:12	PFN of the list page, in HPA_ARRAY_T of a single page
 *			the PFN of that page ("singleton": there is no list)
 *	bits 63:55	last entry	entries - 1	0
 *
 * Nothing else in the kernel knows these layouts.  (What is in an entry, pa_blocks.h
 * knows.)  Encoding cannot fail: every window fits every format.
 *
 * Source: TDX Connect ABI specification, Intel document 858625.
 */
#ifndef _X86_VIRT_TDX_PA_OPERAND_H
#define _X86_VIRT_TDX_PA_OPERAND_H

#include <linux/bitfield.h>
#include <linux/minmax.h>
#include <linux/pfn.h>

#include <asm/tdx_pa_array.h>

#define HPA_LIST_INFO_FIRST	GENMASK_ULL(11, 3)
#define HPA_LIST_INFO_PFN	GENMASK_ULL(51, 12)
#define HPA_LIST_INFO_LAST	GENMASK_ULL(63, 55)

#define HPA_ARRAY_PFN		GENMASK_ULL(51, 12)
#define HPA_ARRAY_LAST		GENMASK_ULL(63, 55)

/**
 * tdx_operand_hpa_list_info - a window as HPA_LIST_INFO
 * @w: the window
 *
 * Return: the operand; processing starts at the window's first entry.
 */
static inline u64 tdx_operand_hpa_list_info(const struct tdx_pa_window *w)
{
	return FIELD_PREP(HPA_LIST_INFO_PFN, PHYS_PFN(w->list_pa)) |
	       FIELD_PREP(HPA_LIST_INFO_LAST, w->nr - 1);
}

/**
 * tdx_operand_hpa_list_info_done - how far the module got
 * @w: the window that was handed over
 * @info: HPA_LIST_INFO as the module returned it with an interruption
 *
 * Return: number of leading entries of @w that the module has processed.
 */
static inline unsigned int
tdx_operand_hpa_list_info_done(const struct tdx_pa_window *w, u64 info)
{
	return min_t(unsigned int, FIELD_GET(HPA_LIST_INFO_FIRST, info), w->nr);
}

/**
 * tdx_operand_hpa_array_is_list - does HPA_ARRAY_T name a list page?
 * @w: the window
 *
 * Return: true, unless @w has one page, which then is named itself, and comes
 * back in a register instead of on a page for output.
 */
static inline bool tdx_operand_hpa_array_is_list(const struct tdx_pa_window *w)
{
	return w->nr > 1;
}

/**
 * tdx_operand_hpa_array - a window as HPA_ARRAY_T
 * @w: the window
 *
 * Return: the operand: the list page, or the one page itself.
 */
static inline u64 tdx_operand_hpa_array(const struct tdx_pa_window *w)
{
	phys_addr_t pa = tdx_operand_hpa_array_is_list(w) ? w->list_pa : w->entries[0];

	return FIELD_PREP(HPA_ARRAY_PFN, PHYS_PFN(pa)) |
	       FIELD_PREP(HPA_ARRAY_LAST, w->nr - 1);
}

/**
 * tdx_operand_hpa_array_out - where the module may write the list of pages that
 * it gives back
 * @w: the window that those pages were handed over with
 * @page: PA of a page for the module to fill, unused if @w has one page.  Never
 *	  a page of entries.
 *
 * Return: the operand: @page, or 0 if tdx_operand_hpa_array_is_list() is false.
 */
static inline u64 tdx_operand_hpa_array_out(const struct tdx_pa_window *w,
					    phys_addr_t page)
{
	return tdx_operand_hpa_array_is_list(w) ? page : 0;
}

/**
 * tdx_operand_iommu_mt - a window as IOMMU_MT
 * @w: the window; its entries 0 and 1 are the blocks
 *
 * Return: the operand.
 */
static inline u64 tdx_operand_iommu_mt(const struct tdx_pa_window *w)
{
	return w->list_pa;
}

#endif /* _X86_VIRT_TDX_PA_OPERAND_H */
