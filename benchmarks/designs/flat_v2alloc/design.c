// SPDX-License-Identifier: GPL-2.0
/*
 * flat with the allocation policy of v2: single pages from the bulk allocator,
 * or one contiguous run for the memory of the extensions
 *
 * Operands, wrappers and freeing are those of flat.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/tdx_pa_array.h>

#include "../design.h"

static void append_contig(struct tdx_pa_array *array, unsigned int nr)
{
	struct page *page = alloc_contig_pages(nr, GFP_KERNEL, numa_mem_id(), &node_online_map);

	if (!page)
		return;
	for (; array->nr < nr; array->nr++)
		array->entries[array->nr] = page_to_phys(page + array->nr);
}

static void append_bulk(struct tdx_pa_array *array, unsigned int nr)
{
	/* Pointers and entries have the same size: convert in place. */
	struct page **pages = (struct page **)array->entries;
	unsigned int filled = 0, now;

	do {
		now = alloc_pages_bulk(GFP_KERNEL, nr - filled, pages + filled);
		filled += now;
	} while (now && filled < nr);

	for (; array->nr < filled; array->nr++)
		array->entries[array->nr] = page_to_phys(pages[array->nr]);
}

static struct tdx_pa_array *v2alloc(enum design_use use, unsigned int nr)
{
	struct tdx_pa_array *array = kzalloc_obj(*array, GFP_KERNEL);

	if (!array)
		return NULL;

	array->entries = kvzalloc(PAGE_ALIGN(nr * sizeof(u64)) + (nr > 1 ? PAGE_SIZE : 0),
				  GFP_KERNEL);
	if (array->entries && use == USE_MEMORY)
		append_contig(array, nr);
	else if (array->entries)
		append_bulk(array, nr);

	if (array->nr < nr) {
		tdx_pa_array_free(array);
		return NULL;
	}
	return array;
}

#define FLAT_DESIGN	design_flat_v2alloc
#define FLAT_NAME	"flat-v2alloc"
#define FLAT_TITLE	"flat with the allocation policy of v2"
#define FLAT_ALLOC	v2alloc
#include "../flat/flows.c"
