/* SPDX-License-Identifier: GPL-2.0 */
/*
 * v2 from the mbox of its series: stands for ../v2/page_array.h
 *
 * Wrappers and callers are the project's, compiled once more against the struct
 * of the series.  benchmarks/compare/extract.py writes what is in posted/: the
 * array itself, and in names.h which of the functions that the callers use are
 * static there (POSTED_STATIC_), and which the patches do not have at all
 * (POSTED_LACKS_), for which the project's own are taken.
 */
#ifndef _V2_PAGE_ARRAY_H
#define _V2_PAGE_ARRAY_H

#include "prelude.h"
#include "posted/names.h"
#include "posted/page_array.h"

#ifndef TDX_PAGE_ARRAY_MAX_NENTS
#define TDX_PAGE_ARRAY_MAX_NENTS	512
#endif

/* page_array.c has a way to those that are static. */
struct tdx_page_array *series_alloc_contig(unsigned int nr_pages);
int series_populate(struct tdx_page_array *array, unsigned int offset);
u64 series_hpa_list_info(struct tdx_page_array *array);
u64 series_hpa_array_t(struct tdx_page_array *array);
u64 series_hpa_array_t_release(struct tdx_page_array *array);

/* own.c has what is not there. */
struct tdx_page_array *own_alloc_contig(unsigned int nr_pages);
u64 own_hpa_list_info(const struct tdx_page_array *array);
u64 own_hpa_array_t(const struct tdx_page_array *array);
u64 own_hpa_array_t_release(const struct tdx_page_array *array);

/* Where a function is defined, it has its own name. */
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
