/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a page that was poisoned in the page allocator again?
 */
#ifndef _TDX_TESTS_POISON_H
#define _TDX_TESTS_POISON_H

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/sched.h>

#ifdef CONFIG_MEMORY_FAILURE

/* Is a page part of a free block? */
static bool is_in_free_block(struct page *page)
{
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *head = pfn_to_page(round_down(page_to_pfn(page), 1UL << order));

		if (PageBuddy(head) && page_private(head) >= order)
			return true;
	}
	return false;
}

/*
 * Is a page in the page allocator?  Pages of the lists of this CPU are allocated
 * next, so the caller must run on the CPU that has freed it.
 */
static bool is_free(struct page *page)
{
	const unsigned int nr = 4096;
	struct page **pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	bool found = is_in_free_block(page);

	for (unsigned int i = 0; pages && i < nr; i++) {
		pages[i] = alloc_pages_node(page_to_nid(page), GFP_KERNEL, 0);
		found |= pages[i] == page;
	}
	for (unsigned int i = 0; pages && i < nr; i++) {
		if (pages[i])
			__free_page(pages[i]);
	}
	kvfree(pages);
	return found;
}

/* The thread of a case ends with it. */
static void stay_on_this_cpu(void)
{
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

#endif /* CONFIG_MEMORY_FAILURE */

#endif /* _TDX_TESTS_POISON_H */
