// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: the cheapest calls found that allocate and free the same order-0
 * pages, without an object
 *
 * Blocks of 2 MiB, then smaller ones for the rest; few pages come in blocks of
 * 32 KiB at most, which each CPU has on a list.  Blocks are split, and freed in
 * runs.  page_private() of the first page of a block has the PFN of the next
 * block and the order of this one.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "tdx.h"

#include "../design.h"

#define BLOCK_ORDER	9
#define FEW_PAGES	128
#define ORDER_BITS	4
#define ORDER_MASK	((1UL << ORDER_BITS) - 1)

static void floor_release(void *data)
{
	struct page *page = data;

	while (page) {
		unsigned long next = page_private(page) >> ORDER_BITS;
		unsigned long nr = 1UL << (page_private(page) & ORDER_MASK);

		__free_contig_range(page_to_pfn(page), nr);
		page = next ? pfn_to_page(next) : NULL;
	}
}

/* WBINVD of all pages, then free them. */
static void floor_release_flushed(void *data)
{
	struct page *page = data;

	while (page) {
		unsigned long next = page_private(page) >> ORDER_BITS;
		unsigned long pfn = page_to_pfn(page);
		unsigned long end = pfn + (1UL << (page_private(page) & ORDER_MASK));

		for (; pfn < end; pfn++)
			tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, pfn);
		page = next ? pfn_to_page(next) : NULL;
	}
	floor_release(data);
}

static void *floor_create(enum design_use use, unsigned int nr)
{
	struct page *head = NULL;

	while (nr) {
		unsigned int most = nr < FEW_PAGES ? PAGE_ALLOC_COSTLY_ORDER : BLOCK_ORDER;
		unsigned int order = min_t(unsigned int, most, ilog2(nr));
		struct page *page = alloc_pages(GFP_KERNEL, order);

		if (!page) {
			floor_release(head);
			return NULL;
		}
		split_page(page, order);
		set_page_private(page, (head ? page_to_pfn(head) : 0) << ORDER_BITS | order);
		head = page;
		nr -= 1U << order;
	}

	return head;
}

static const struct design design_floor = {
	.name = "floor",
	.title = "bare allocator calls for the same pages, no object",
	.owner = THIS_MODULE,
	.max_control = 1 << 20,
	.max_memory = 1 << 20,
	.create = floor_create,
	.release = floor_release,
	.release_flushed = floor_release_flushed,
};

/* The same pages, each of them flushed and freed alone */
static void pages_release(void *data, bool flush)
{
	struct page *page = data;

	while (page) {
		unsigned long next = page_private(page) >> ORDER_BITS;
		unsigned long nr = 1UL << (page_private(page) & ORDER_MASK);

		for (; nr--; page++) {
			if (flush)
				tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, page_to_pfn(page));
			__free_page(page);
		}
		page = next ? pfn_to_page(next) : NULL;
	}
}

static void pages_free(void *data)
{
	pages_release(data, false);
}

static void pages_flush_and_free(void *data)
{
	pages_release(data, true);
}

static const struct design design_floor_pages = {
	.name = "floor-pages",
	.title = "the pages of the floor, each flushed and freed alone",
	.owner = THIS_MODULE,
	.max_control = 1 << 20,
	.max_memory = 1 << 20,
	.create = floor_create,
	.release = pages_free,
	.release_flushed = pages_flush_and_free,
};

static int __init floor_init(void)
{
	design_register(&design_floor);
	design_register(&design_floor_pages);
	return 0;
}
module_init(floor_init);

static void __exit floor_exit(void)
{
	design_unregister(&design_floor_pages);
	design_unregister(&design_floor);
}
module_exit(floor_exit);

MODULE_DESCRIPTION("Floor: bare allocator calls");
MODULE_LICENSE("GPL");
