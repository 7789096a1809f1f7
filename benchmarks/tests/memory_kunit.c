// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays and the memory of the machine: poisoned pages, NUMA nodes, hotplug
 *
 * ENGINE=tdx runs all cases.  A kernel without these features skips them.
 */
#include <linux/io.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include <asm/tdx_connect.h>

#include "tdx.h"
#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "offline.h"
#include "poison.h"

#define FUNC_ID		0x1000
#define NR_PAGES	512

static __maybe_unused struct page *entry_page(const struct tdx_pa_array *array, unsigned int i)
{
	return pfn_to_page(PHYS_PFN(tdx_pa_entry(array, i)));
}

#ifdef CONFIG_MEMORY_FAILURE

/* Poison the page of an entry.  The kernel cannot do more with a page of its own. */
static void poison(struct kunit *test, const struct tdx_pa_array *array, unsigned int i)
{
	memory_failure(PHYS_PFN(tdx_pa_entry(array, i)), MF_SW_SIMULATED);
	KUNIT_ASSERT_TRUE(test, PageHWPoison(entry_page(array, i)));
}

/*
 * Rule: a page that was poisoned while it belonged to an array is never allocated again.
 * Its neighbours are.  While the module holds it, nothing happens.
 */
static void poisoned_page_is_not_reused(struct kunit *test)
{
	stay_on_this_cpu();
	for (int returned = 0; returned < 2; returned++) {
		struct tdx_pa_array *mt = fixture_alloc(test, NR_PAGES);
		struct page *bad = entry_page(mt, 100), *next = entry_page(mt, 101);
		u64 id;

		if (returned)
			KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
		poison(test, mt, 100);
		if (returned)
			KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
		tdx_pa_array_free(mt);

		KUNIT_EXPECT_TRUE(test, PageHWPoison(bad));
		KUNIT_EXPECT_FALSE(test, is_free(bad));
		KUNIT_EXPECT_TRUE(test, is_free(next));
	}
}

#else

static void poisoned_page_is_not_reused(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
}

#endif /* CONFIG_MEMORY_FAILURE */

#ifdef CONFIG_NUMA

static unsigned long nr_free_pages_of(int nid)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	unsigned long nr = 0;

	for (struct zone *zone = zones; zone < zones + MAX_NR_ZONES; zone++)
		nr += zone_page_state(zone, NR_FREE_PAGES);
	return nr;
}

static unsigned int nr_pages_on(const struct tdx_pa_array *array, int nid)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < array->nr; i++)
		nr += page_to_nid(entry_page(array, i)) == nid;
	return nr;
}

static bool lists_are_on(const struct tdx_pa_array *array, int nid)
{
	for (unsigned int i = 0; i < array->nr; i += TDX_PA_LIST_MAX) {
		if (page_to_nid(pfn_to_page(PHYS_PFN(tdx_pa_list(array, i)))) != nid)
			return false;
	}
	return true;
}

/* Rule: pages and lists come from the requested node, whatever the task's memory policy is. */
static void alloc_ignores_the_memory_policy(struct kunit *test)
{
	struct mempolicy policy = { .refcnt = ATOMIC_INIT(1), .mode = MPOL_BIND }, *old;
	static const unsigned int sizes[] = { 1, 512, 1300, 12800 };
	int nid, other;

	if (num_node_state(N_MEMORY) < 2)
		kunit_skip(test, "needs two NUMA nodes");

	for_each_node_state(nid, N_MEMORY) {
		other = next_node_in(nid, node_states[N_MEMORY]);
		policy.nodes = nodemask_of_node(other);
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct tdx_pa_array *array;

			task_lock(current);
			old = current->mempolicy;
			current->mempolicy = &policy;
			task_unlock(current);
			array = tdx_pa_array_alloc(sizes[i], nid);
			task_lock(current);
			current->mempolicy = old;
			task_unlock(current);

			KUNIT_ASSERT_NOT_NULL(test, array);
			fixture_watch(array);
			KUNIT_EXPECT_EQ(test, nr_pages_on(array, nid), sizes[i]);
			KUNIT_EXPECT_TRUE(test, lists_are_on(array, nid));
			tdx_pa_array_free(array);
		}
	}
}

/* Rule: if the requested node is full, other nodes complete the array. */
static void alloc_falls_back_to_another_node(struct kunit *test)
{
	int nid, smallest = NUMA_NO_NODE;
	struct tdx_pa_array *array;
	unsigned long nr;

	for_each_node_state(nid, N_MEMORY) {
		if (smallest == NUMA_NO_NODE || nr_free_pages_of(nid) < nr_free_pages_of(smallest))
			smallest = nid;
	}
	nr = nr_free_pages_of(smallest) + NR_PAGES;
	if (num_node_state(N_MEMORY) < 2 || nr > tdx_checker_nr_free_pages() / 4)
		kunit_skip(test, "needs a small and a large NUMA node");

	array = tdx_pa_array_alloc(nr, smallest);
	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	KUNIT_EXPECT_EQ(test, page_to_nid(entry_page(array, 0)), smallest);
	KUNIT_EXPECT_GT(test, nr_pages_on(array, smallest), nr / 2);
	KUNIT_EXPECT_LT(test, nr_pages_on(array, smallest), nr);
	tdx_pa_array_free(array);
}

#else

static void alloc_ignores_the_memory_policy(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_NUMA");
}

static void alloc_falls_back_to_another_node(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_NUMA");
}

#endif /* CONFIG_NUMA */

/* The array whose block of memory the suite tries to take offline, and what that returned */
static struct tdx_pa_array *stays;
static int offline_result;
/* What it returned for another block, which also went online again */
static int other_result;
static bool was_tried;

/*
 * Only the pages of the array, which the module holds, must keep its block online: without
 * them, it was taken offline.
 */
static void try_to_offline(void)
{
	u64 id;

	offline_prepare();
	stays = offline_alloc(NR_PAGES);
	if (!stays || tdx_model_install() || tdh_spdm_create(FUNC_ID, stays, &id))
		return;
	offline_result = offline_block_of(tdx_pa_entry(stays, 0));
	other_result = offline_another();
	was_tried = !tdh_spdm_delete(id, stays);
}

/* This runs in the task that loads this module: other tasks cannot open files. */
static int memory_suite_init(struct kunit_suite *suite)
{
	try_to_offline();
	return 0;
}

static void memory_suite_exit(struct kunit_suite *suite)
{
	tdx_pa_array_free(stays);
	stays = NULL;
	/* On an emulated TDX host, the machine's own module is installed next. */
	tdx_model_remove();
}

/*
 * Rule: memory with pages that the module holds cannot be taken offline, and
 * stays usable.  Another block goes offline and online meanwhile.
 */
static void offline_keeps_pages(struct kunit *test)
{
	u64 id;

	if (!was_tried)
		kunit_skip(test, "needs CONFIG_MEMORY_HOTPLUG and an empty block of memory");

	fixture_watch(stays);
	KUNIT_EXPECT_EQ(test, offline_result, -EBUSY);
	KUNIT_EXPECT_EQ(test, other_result, 0);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		memset(phys_to_virt(tdx_pa_entry(stays, i)), i, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, stays, &id), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, stays), 0);
	tdx_pa_array_free(stays);
	stays = NULL;
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(poisoned_page_is_not_reused),
	KUNIT_CASE(offline_keeps_pages),
	KUNIT_CASE(alloc_ignores_the_memory_policy),
	KUNIT_CASE(alloc_falls_back_to_another_node),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "tdx_memory",
	.suite_init = memory_suite_init,
	.suite_exit = memory_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = memory_cases,
};

kunit_test_suite(memory_suite);

MODULE_DESCRIPTION("KUnit tests of page arrays with the memory of the machine");
MODULE_LICENSE("GPL");
