// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: no object at all, only the calls that get the same memory from the
 * page allocator and give it back, in the cheapest way found: 2 MiB blocks, then
 * smaller ones for the rest, and less than 128 pages in blocks of 32 KiB at most,
 * which the allocator has at hand.  What it must remember is kept in the struct
 * page of each block: PFN of the next block and order of this one.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <asm/tdx_connect.h>

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
		unsigned int order = page_private(page) & ORDER_MASK;

		__free_pages(page, order);
		page = next ? pfn_to_page(next) : NULL;
	}
}

/* The bare loop of WBINVDs before that. */
static void floor_release_flushed(void *data)
{
	struct page *page = data;

	while (page) {
		unsigned long next = page_private(page) >> ORDER_BITS;
		unsigned long nr = 1UL << (page_private(page) & ORDER_MASK);
		phys_addr_t pa = page_to_phys(page);

		for (unsigned long i = 0; i < nr; i++)
			tdh_phymem_page_wbinvd(pa + i * PAGE_SIZE);
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
		set_page_private(page, (head ? page_to_pfn(head) : 0) << ORDER_BITS | order);
		head = page;
		nr -= 1U << order;
	}

	return head;
}

static const struct design design_floor = {
	.name = "floor",
	.title = "bare allocator calls, no object",
	.owner = THIS_MODULE,
	.max_control = 1 << 20,
	.max_memory = 1 << 20,
	.create = floor_create,
	.release = floor_release,
	.release_flushed = floor_release_flushed,
};

static int __init floor_init(void)
{
	design_register(&design_floor);
	return 0;
}
module_init(floor_init);

static void __exit floor_exit(void)
{
	design_unregister(&design_floor);
}
module_exit(floor_exit);

MODULE_DESCRIPTION("Floor: bare allocator calls");
MODULE_LICENSE("GPL");
