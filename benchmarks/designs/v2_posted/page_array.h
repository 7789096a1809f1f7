/* SPDX-License-Identifier: GPL-2.0 */
/*
 * v2 from the mbox of its series: stands for ../v2/page_array.h
 *
 * Wrappers and callers are the project's, compiled against the struct of the
 * series.  benchmarks/tdxpa/extract.py writes the files in posted/: the array,
 * and names.h.  It lists the functions used by the callers that are static in
 * the series (POSTED_STATIC_), and those that the series lacks (POSTED_LACKS_).
 * The project's own functions replace the latter.
 */
#ifndef _V2_PAGE_ARRAY_H
#define _V2_PAGE_ARRAY_H

#include "prelude.h"
#include "posted/names.h"
#include "posted/page_array.h"

#ifndef TDX_PAGE_ARRAY_MAX_NENTS
#define TDX_PAGE_ARRAY_MAX_NENTS	512
#endif

/* Defined in page_array.c, for static functions of the series */
struct tdx_page_array *series_alloc_contig(unsigned int nr_pages);
int series_populate(struct tdx_page_array *array, unsigned int offset);
u64 series_hpa_list_info(struct tdx_page_array *array);
u64 series_hpa_array_t(struct tdx_page_array *array);
u64 series_hpa_array_t_release(struct tdx_page_array *array);

/* Defined in own.c, for functions that the series lacks */
struct tdx_page_array *own_alloc_contig(unsigned int nr_pages);
u64 own_hpa_list_info(const struct tdx_page_array *array);
u64 own_hpa_array_t(const struct tdx_page_array *array);
u64 own_hpa_array_t_release(const struct tdx_page_array *array);

/* The files that define the functions use the original names. */
#ifndef V2_POSTED_DEFINES

#if defined(POSTED_STATIC_tdx_page_array_populate)
#define tdx_page_array_populate		series_populate
#endif

#if defined(POSTED_STATIC_tdx_page_array_alloc_contig)
#define tdx_page_array_alloc_contig	series_alloc_contig
#elif defined(POSTED_LACKS_tdx_page_array_alloc_contig)
#define tdx_page_array_alloc_contig	own_alloc_contig
#endif

#if defined(POSTED_STATIC_hpa_list_info_assign_raw)
#define hpa_list_info_assign_raw	series_hpa_list_info
#elif defined(POSTED_LACKS_hpa_list_info_assign_raw)
#define hpa_list_info_assign_raw	own_hpa_list_info
#endif

#if defined(POSTED_STATIC_hpa_array_t_assign_raw)
#define hpa_array_t_assign_raw		series_hpa_array_t
#elif defined(POSTED_LACKS_hpa_array_t_assign_raw)
#define hpa_array_t_assign_raw		own_hpa_array_t
#endif

#if defined(POSTED_STATIC_hpa_array_t_release_raw)
#define hpa_array_t_release_raw		series_hpa_array_t_release
#elif defined(POSTED_LACKS_hpa_array_t_release_raw)
#define hpa_array_t_release_raw		own_hpa_array_t_release
#endif

#endif /* V2_POSTED_DEFINES */

#endif /* _V2_PAGE_ARRAY_H */
