/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other names for the functions of a second copy of pa_array.c, and another
 * source of its pages
 */
#ifndef _FLAT_V2ALLOC_RENAME_H
#define _FLAT_V2ALLOC_RENAME_H

#define tdx_pa_blocks_alloc		bulk_or_contig
#define tdx_pa_blocks_alloc_mt(...)	0	/* IOMMU_MT arrays are flat's */
#define tdx_pa_array_alloc		v2alloc_pa_array_alloc
#define tdx_pa_array_alloc_iommu_mt	v2alloc_pa_array_alloc_iommu_mt
#define tdx_pa_array_release		v2alloc_pa_array_release
#define tdx_pa_array_window		v2alloc_pa_array_window
#define tdx_pa_array_copy_out		v2alloc_pa_array_copy_out
#define tdx_pa_array_nr_stranded	v2alloc_pa_array_nr_stranded

void tdx_pa_array_release(struct tdx_pa_array *array);

#endif /* _FLAT_V2ALLOC_RENAME_H */
