// SPDX-License-Identifier: GPL-2.0
/*
 * v2 from the mbox of its series: the project's own v2, compiled against the
 * struct of the series, for functions that the patches lack
 */
#define V2_POSTED_DEFINES
#include "page_array.h"

#define tdx_page_array_alloc_contig		own_alloc_contig
#define hpa_list_info_assign_raw		own_hpa_list_info
#define hpa_array_t_assign_raw			own_hpa_array_t
#define hpa_array_t_release_raw			own_hpa_array_t_release

/* Unused, but defined in the same file */
#define tdx_page_array_alloc			own_alloc
#define tdx_page_array_create			own_create
#define tdx_page_array_create_iommu_mt		own_create_iommu_mt
#define tdx_page_array_populate			own_populate
#define tdx_page_array_free			own_free
#define tdx_page_array_ctrl_leak		own_ctrl_leak
#define tdx_page_array_ctrl_flush		own_ctrl_flush
#define tdx_page_array_ctrl_release		own_ctrl_release
#define tdx_page_array_alloc_fn			own_alloc_fn

typedef int (*own_alloc_fn)(struct page **pages, unsigned int nr_pages, void *data);

__diag_push();
__diag_ignore_all("-Wmissing-prototypes", "the header declares the originals");
#include "../v2/page_array.c"
__diag_pop();
