// SPDX-License-Identifier: GPL-2.0
/*
 * flat with v2's allocation policy: single pages from the bulk allocator, or
 * one contiguous run for the memory of the extensions, freed one by one
 *
 * The array is compiled once more from its own source; only the function that
 * gets the pages is another one.  Wrappers and release are those of flat.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "../../../arch/x86/virt/vmx/tdx/pa_blocks.h"
#include "../../../arch/x86/virt/vmx/tdx/pa_trace.h"
#include "../flat/flows.h"

static enum design_use alloc_use;

/* page_private() of each page is 0: it is a block by itself. */
static unsigned int bulk_or_contig(u64 *entries, unsigned int nr)
{
	struct page **pages = (struct page **)entries;
	unsigned int filled = 0, i;

	if (alloc_use == USE_MEMORY) {
		struct page *page = alloc_contig_pages(nr, GFP_KERNEL, numa_mem_id(),
						       &node_online_map);

		if (!page)
			return 0;
		for (i = 0; i < nr; i++)
			entries[i] = page_to_phys(page + i);
		return nr;
	}

	/* Page pointers and entries are both eight bytes: convert in place. */
	memset(pages, 0, nr * sizeof(*pages));
	while (filled < nr) {
		unsigned int now = alloc_pages_bulk(GFP_KERNEL, nr - filled, pages + filled);

		if (!now)
			break;
		filled += now;
	}

	for (i = 0; i < filled; i++)
		entries[i] = page_to_phys(pages[i]);
	return filled;
}

#include "rename.h"

__diag_push();
__diag_ignore_all("-Wmissing-prototypes", "the header declares the originals");
#include "../../../arch/x86/virt/vmx/tdx/pa_array.c"
__diag_pop();

static struct tdx_pa_array *v2alloc_alloc(enum design_use use, unsigned int nr)
{
	alloc_use = use;
	return tdx_pa_array_alloc(nr);
}

static const struct flat_policy v2alloc = {
	.design = &design_flat_v2alloc,
	.alloc = v2alloc_alloc,
};

static void v2alloc_select(void)
{
	flat_use_policy(&v2alloc);
}

const struct design design_flat_v2alloc = {
	.name = "flat-v2alloc",
	.title = "flat with the allocation policy of v2",
	.owner = THIS_MODULE,
	.select = v2alloc_select,
	FLAT_OPERATIONS,
};
