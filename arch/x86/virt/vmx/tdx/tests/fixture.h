/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the suites: each case starts with a new model and page checker, and
 * ends with the report of the page checker
 *
 * In every case, no owned page and no dirty page may reach the page allocator,
 * no page twice, no watched page may be lost, and all objects must be freed.  A
 * case that leaks pages on purpose sets the numbers with fixture_expect().
 */
#ifndef _TDX_TESTS_FIXTURE_H
#define _TDX_TESTS_FIXTURE_H

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <asm/tdx_pa_array.h>

#include "tdx_model.h"

/* In test->priv: the numbers that the case expects at its end */
struct fixture {
	unsigned long held;
	unsigned long lost;
};

static inline int fixture_init(struct kunit *test)
{
	/* Never hand test pages to a real TDX module. */
	if (tdx_model_attach(test))
		kunit_skip(test, "the software TDX module is not available");

	test->priv = kunit_kzalloc(test, sizeof(struct fixture), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;

	tdx_model_reset();
	return tdx_checker_begin();
}

static inline void fixture_exit(struct kunit *test)
{
	struct fixture *expected = test->priv;
	struct tdx_checker_report report;

	if (!expected)
		return;

	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ_MSG(test, report.freed_owned, 0, "pages freed while owned");
	KUNIT_EXPECT_EQ_MSG(test, report.freed_dirty, 0, "pages freed while dirty");
	KUNIT_EXPECT_EQ_MSG(test, report.freed_twice, 0, "pages freed twice");
	KUNIT_EXPECT_EQ_MSG(test, report.claimed_free, 0, "free pages claimed");
	KUNIT_EXPECT_EQ_MSG(test, report.objects, 0, "objects not freed");
	KUNIT_EXPECT_EQ_MSG(test, report.held, expected->held, "pages held");
	KUNIT_EXPECT_EQ_MSG(test, report.lost, expected->lost, "pages leaked");

	tdx_model_reclaim();
	tdx_checker_end();
	tdx_model_reset();
}

static inline void fixture_expect(struct kunit *test, unsigned long held,
				  unsigned long lost)
{
	struct fixture *expected = test->priv;

	expected->held = held;
	expected->lost = lost;
}

/* The page checker expects the pages of @array in the page allocator. */
static inline void fixture_watch(const struct tdx_pa_array *array)
{
	for (unsigned int i = 0; i < array->nr; i++)
		tdx_checker_watch(array->entries[i] & PAGE_MASK,
				  (array->entries[i] & ~PAGE_MASK) ?: 1);
}

static inline struct tdx_pa_array *fixture_alloc(struct kunit *test, unsigned int nr)
{
	struct tdx_pa_array *array = tdx_pa_array_alloc(nr, NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	return array;
}

/*
 * A warning in the kernel log fails a run, unless it stands between these two
 * lines.
 */
static inline void fixture_expect_warnings(bool expected)
{
	pr_info("tdx-test: %s\n", expected ? "warnings expected" : "no more warnings expected");
}

/*
 * Make the @nth allocation of this task fail, counted from 1; 0 disarms.  The
 * engine configures fail_page_alloc and failslab for allocations that may
 * sleep.
 */
static inline bool fixture_fail_nth_allocation(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = nth;
	return true;
#else
	return false;
#endif
}

/* Make all allocations from the @nth on fail, until it is disarmed. */
static inline bool fixture_fail_from_nth_allocation(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	current->make_it_fail = nth;
#endif
	return fixture_fail_nth_allocation(nth);
}

/* Fault injection is configured for allocations that may sleep. */
static inline bool fixture_can_fail_allocations(void)
{
	struct page *page;
	void *object;

	fixture_fail_nth_allocation(1);
	object = kmalloc(8, GFP_KERNEL);
	fixture_fail_nth_allocation(1);
	page = alloc_page(GFP_KERNEL);
	fixture_fail_nth_allocation(0);
	if (page)
		__free_page(page);
	kfree(object);
	return !object && !page;
}

/*
 * Free pages and allocations can be counted.  KASAN and kmemleak allocate with
 * every allocation and delay frees.  There, kmemleak searches for leaks, and
 * few rounds are enough.  Allocation profiling allocates with some slab
 * objects.
 */
static inline bool fixture_counts_are_exact(void)
{
	return !IS_ENABLED(CONFIG_KASAN) && !IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) &&
	       !IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING);
}

/* The armed failure has happened. */
static inline bool fixture_allocation_failed(void)
{
#ifdef CONFIG_FAULT_INJECTION
	return !current->fail_nth;
#else
	return false;
#endif
}

#endif /* _TDX_TESTS_FIXTURE_H */
