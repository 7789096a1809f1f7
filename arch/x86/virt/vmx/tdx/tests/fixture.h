/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites share: each case starts with a new model and a fresh judge,
 * and ends with the judge's verdict
 *
 * Whatever a case does, no page that the model owns and no dirty page may reach
 * the page allocator, none twice, no watched page may vanish, and no object stay
 * allocated.  A case that means pages to stay behind says how many.
 */
#ifndef _TDX_TESTS_FIXTURE_H
#define _TDX_TESTS_FIXTURE_H

#include <kunit/test.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include <asm/tdx_pa_array.h>

#include "tdx_model.h"

/* In test->priv: what the case expects to find in the end. */
struct fixture {
	unsigned long held;
	unsigned long lost;
};

static inline int fixture_init(struct kunit *test)
{
	/* Not for a test's sake will pages be given to a real TDX module. */
	if (tdx_model_install())
		kunit_skip(test, "the software TDX module is not behind the door");

	test->priv = kunit_kzalloc(test, sizeof(struct fixture), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;

	tdx_model_reset();
	return tdx_judge_begin();
}

static inline void fixture_exit(struct kunit *test)
{
	struct fixture *expected = test->priv;
	struct tdx_verdict verdict;

	if (!expected)
		return;

	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ_MSG(test, verdict.freed_owned, 0, "pages freed while owned");
	KUNIT_EXPECT_EQ_MSG(test, verdict.freed_dirty, 0, "pages freed while dirty");
	KUNIT_EXPECT_EQ_MSG(test, verdict.freed_twice, 0, "pages freed twice");
	KUNIT_EXPECT_EQ_MSG(test, verdict.claimed_free, 0, "free pages handed over");
	KUNIT_EXPECT_EQ_MSG(test, verdict.objects, 0, "objects not freed");
	KUNIT_EXPECT_EQ_MSG(test, verdict.held, expected->held, "pages with the module");
	KUNIT_EXPECT_EQ_MSG(test, verdict.lost, expected->lost, "pages out of use");

	tdx_model_reclaim();
	tdx_judge_end();
	tdx_model_reset();
}

static inline void fixture_expect(struct kunit *test, unsigned long held,
				  unsigned long lost)
{
	struct fixture *expected = test->priv;

	expected->held = held;
	expected->lost = lost;
}

/* Let the judge wait for the pages of @array. */
static inline void fixture_watch(const struct tdx_pa_array *array)
{
	for (unsigned int i = 0; i < array->nr; i++)
		tdx_judge_watch(array->entries[i] & PAGE_MASK,
				(array->entries[i] & ~PAGE_MASK) ?: 1);
}

static inline struct tdx_pa_array *fixture_alloc(struct kunit *test, unsigned int nr)
{
	struct tdx_pa_array *array = tdx_pa_array_alloc(nr);

	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	return array;
}

/*
 * An unexpected warning in the kernel's log fails a run.  Those between these two
 * lines are expected.
 */
static inline void fixture_expect_warnings(bool expected)
{
	pr_info("tdx-test: %s\n", expected ? "warnings expected" : "no more warnings expected");
}

/*
 * Let the @nth allocation of this task fail, the first being 1; 0 disarms.
 * Needs fail_page_alloc and failslab to heed allocations that may sleep, which
 * the engine sets up.
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

/* The same, and all that follow fail, too, until it is disarmed. */
static inline bool fixture_fail_from_nth_allocation(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	current->make_it_fail = nth;
#endif
	return fixture_fail_nth_allocation(nth);
}

/*
 * Are pages and allocations counted exactly?  Not where KASAN and kmemleak allocate
 * with every allocation, and keep for a while what was freed; there kmemleak looks for
 * leaks, and few rounds are enough.
 */
static inline bool fixture_counts_are_exact(void)
{
	return !IS_ENABLED(CONFIG_KASAN) && !IS_ENABLED(CONFIG_DEBUG_KMEMLEAK);
}

/* Has the armed failure struck? */
static inline bool fixture_allocation_failed(void)
{
#ifdef CONFIG_FAULT_INJECTION
	return !current->fail_nth;
#else
	return false;
#endif
}

#endif /* _TDX_TESTS_FIXTURE_H */
