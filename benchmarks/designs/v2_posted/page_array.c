// SPDX-License-Identifier: GPL-2.0
/*
 * v2 from the mbox of its series: the array as posted, and access to its static
 * functions
 */
#undef pr_fmt
#define pr_fmt(fmt)	"virt/tdx: " fmt

#define V2_POSTED_DEFINES
#include "page_array.h"
#include "posted/page_array.c"

#ifdef POSTED_STATIC_tdx_page_array_populate
int series_populate(struct tdx_page_array *array, unsigned int offset)
{
	return tdx_page_array_populate(array, offset);
}
#endif

#ifdef POSTED_STATIC_tdx_page_array_alloc_contig
struct tdx_page_array *series_alloc_contig(unsigned int nr_pages)
{
	return tdx_page_array_alloc_contig(nr_pages);
}
#endif

#ifdef POSTED_STATIC_hpa_list_info_assign_raw
u64 series_hpa_list_info(struct tdx_page_array *array)
{
	return hpa_list_info_assign_raw(array);
}
#endif

#ifdef POSTED_STATIC_hpa_array_t_assign_raw
u64 series_hpa_array_t(struct tdx_page_array *array)
{
	return hpa_array_t_assign_raw(array);
}
#endif

#ifdef POSTED_STATIC_hpa_array_t_release_raw
u64 series_hpa_array_t_release(struct tdx_page_array *array)
{
	return hpa_array_t_release_raw(array);
}
#endif
