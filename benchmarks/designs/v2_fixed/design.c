// SPDX-License-Identifier: GPL-2.0
/*
 * v2 with repaired error paths and flushes: without H1, H2 and H7
 *
 * A failed start of the extensions leaks their memory.  A failed create flushes
 * the pages before it frees them.  Every page of a multi-page block is flushed.
 * The hazards of the design stay, H3 to H6, and so does CLFLUSH.
 */
#include <linux/bug.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "tdx.h"

#include "../v2/flows.h"

/* Flush the pages of each entry, from page @first of the entry on. */
static int fixed_flush(struct tdx_page_array *array, unsigned int first)
{
	for (unsigned int i = 0; i < array->nr_pages; i++) {
		struct page *page = array->pages[i];

		for (unsigned int n = first; n < compound_nr(page); n++) {
			u64 r = tdh_phymem_page_wbinvd_hkid(tdx_global_keyid,
							    page_to_pfn(page) + n);

			if (WARN_ON(r))
				return -EFAULT;
		}
	}

	return 0;
}

static int fixed_ctrl_release(struct tdx_page_array *array, unsigned int nr_released,
			      u64 released_hpa)
{
	/* As posted, this flushes the first page of each entry. */
	int ret = tdx_page_array_ctrl_flush(array, nr_released, released_hpa);

	if (!ret)
		ret = fixed_flush(array, 1);
	if (!ret)
		tdx_page_array_free(array);

	return ret;
}

/* The module may have written to the pages before the create failed. */
static void fixed_free_failed(struct tdx_page_array *array)
{
	if (!array)
		return;

	if (fixed_flush(array, 0))
		tdx_page_array_ctrl_leak(array);
	else
		tdx_page_array_free(array);
}

static const struct v2_policy fixed = {
	.design = &design_v2_fixed,
	.create = tdx_page_array_create,
	.create_memory = tdx_page_array_alloc_contig,
	.free = tdx_page_array_free,
	.free_failed = fixed_free_failed,
	.free_failed_memory = tdx_page_array_ctrl_leak,
	.free_failed_iommu_mt = fixed_free_failed,
	.ctrl_release = fixed_ctrl_release,
	.ctrl_release_iommu_mt = fixed_ctrl_release,
	.clflush = true,
};

static void fixed_select(void)
{
	v2_use_policy(&fixed);
}

const struct design design_v2_fixed = {
	.name = "v2-fixed",
	.title = "v2 without H1, H2 and H7",
	.owner = THIS_MODULE,
	.select = fixed_select,
	V2_OPERATIONS,
};
