// SPDX-License-Identifier: GPL-2.0
/*
 * hpa_list with another error path: a failed create of a session
 * frees the pages, unflushed
 */
#include <linux/gfp.h>
#include <linux/mm.h>

static void free_run(void *mt, unsigned int nr)
{
	free_pages_exact(mt, nr * PAGE_SIZE);
}

#define HPA_DESIGN	design_hpa_list_freed
#define HPA_NAME	"hpa-list-freed"
#define HPA_TITLE	"hpa-list, a failed create frees the pages"
#define HPA_FREE_FAILED	free_run

#include "../hpa_list/flows.c"
