// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the trace events: what they say is what has happened
 *
 * Probes hang on all of them while the suite runs and write down what they are
 * given.  How an event is printed is seen where people trace: benchmarks/trace.
 */
#include <kunit/test.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "../door.h"
#include "../pa_trace.h"
#include "events.h"
#include "fixture.h"

#define FUNC_ID		0x1000
#define REG_BASE	0xfed90000

/* What the probes saw last, and how often they saw something. */
static struct {
	struct task_struct *task;

	unsigned int allocs;
	const void *array;
	unsigned long nr_pages;
	unsigned long alloc_caller;

	unsigned int windows;
	struct tdx_pa_window window;

	unsigned int claims, give_backs;
	u64 leaf;
	unsigned int first, nr, nr_held, turns;
	u64 status;

	unsigned int refused;
	phys_addr_t refused_pa;
	u64 refused_status;

	unsigned int releases;
	const void *released;
	char path[16];
	unsigned long nr_released_pages, nr_held_pages, nr_stranded_pages;
	u64 duration_ns;
	unsigned long release_caller;
} seen;

/* Other tasks may have arrays, too. */
static bool is_ours(void)
{
	return current == READ_ONCE(seen.task);
}

static void probe_alloc(void *data, const struct tdx_pa_array *array,
			unsigned long nr_pages, unsigned long caller)
{
	if (!is_ours())
		return;
	seen.allocs++;
	seen.array = array;
	seen.nr_pages = nr_pages;
	seen.alloc_caller = caller;
}

static void probe_window(void *data, const struct tdx_pa_array *array,
			 const struct tdx_pa_window *window)
{
	if (!is_ours())
		return;
	seen.windows++;
	seen.array = array;
	seen.window = *window;
}

static void leaf_seen(u64 leaf, const struct tdx_pa_array *array, unsigned int first,
		      unsigned int nr, unsigned int turns, u64 status)
{
	seen.leaf = leaf;
	seen.array = array;
	seen.first = first;
	seen.nr = nr;
	seen.nr_held = array->nr_held;
	seen.turns = turns;
	seen.status = status;
}

static void probe_claim(void *data, u64 leaf, const struct tdx_pa_array *array,
			unsigned int first, unsigned int nr, unsigned int turns, u64 status)
{
	if (!is_ours())
		return;
	seen.claims++;
	leaf_seen(leaf, array, first, nr, turns, status);
}

static void probe_give_back(void *data, u64 leaf, const struct tdx_pa_array *array,
			    unsigned int first, unsigned int nr, unsigned int turns,
			    u64 status)
{
	if (!is_ours())
		return;
	seen.give_backs++;
	leaf_seen(leaf, array, first, nr, turns, status);
}

static void probe_wbinvd_failed(void *data, const struct tdx_pa_array *array,
				phys_addr_t pa, u64 status)
{
	if (!is_ours())
		return;
	seen.refused++;
	seen.array = array;
	seen.refused_pa = pa;
	seen.refused_status = status;
}

static void probe_release(void *data, const struct tdx_pa_array *array, const char *path,
			  unsigned long nr_pages, unsigned long nr_held_pages,
			  unsigned long nr_stranded_pages, u64 duration_ns,
			  unsigned long caller)
{
	if (!is_ours())
		return;
	seen.releases++;
	seen.released = array;
	strscpy(seen.path, path);
	seen.nr_released_pages = nr_pages;
	seen.nr_held_pages = nr_held_pages;
	seen.nr_stranded_pages = nr_stranded_pages;
	seen.duration_ns = duration_ns;
	seen.release_caller = caller;
}

static struct test_event events[] = {
	{ "tdx_pa_array_alloc", probe_alloc },
	{ "tdx_pa_array_window", probe_window },
	{ "tdx_pa_array_claim", probe_claim },
	{ "tdx_pa_array_give_back", probe_give_back },
	{ "tdx_wbinvd_failed", probe_wbinvd_failed },
	{ "tdx_pa_array_release", probe_release },
};

static int trace_suite_init(struct kunit_suite *suite)
{
	check_trace_callback_type_tdx_pa_array_alloc(probe_alloc);
	check_trace_callback_type_tdx_pa_array_window(probe_window);
	check_trace_callback_type_tdx_pa_array_claim(probe_claim);
	check_trace_callback_type_tdx_pa_array_give_back(probe_give_back);
	check_trace_callback_type_tdx_wbinvd_failed(probe_wbinvd_failed);
	check_trace_callback_type_tdx_pa_array_release(probe_release);

	return events_attach(events, ARRAY_SIZE(events));
}

static void trace_suite_exit(struct kunit_suite *suite)
{
	events_detach(events, ARRAY_SIZE(events));
}

static int trace_init(struct kunit *test)
{
	memset(&seen, 0, sizeof(seen));
	WRITE_ONCE(seen.task, current);
	return fixture_init(test);
}

static void trace_exit(struct kunit *test)
{
	WRITE_ONCE(seen.task, NULL);
	fixture_exit(test);
}

static void fail(u64 leaf, unsigned int nth, u64 status, unsigned int after)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = status, .after = after,
	});
}

/* Does the address lie in a function of this name? */
static bool lies_in(unsigned long addr, const char *function)
{
	char name[KSYM_SYMBOL_LEN];

	snprintf(name, sizeof(name), "%ps", (void *)addr);
	return str_has_prefix(name, function);
}

/* Rule: what is allocated is announced once, with its caller, in pages. */
static void alloc_is_announced(struct kunit *test)
{
	struct tdx_pa_array *array = tdx_pa_array_alloc(600);
	struct tdx_pa_array *mt;

	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	KUNIT_EXPECT_EQ(test, seen.allocs, 1);
	KUNIT_EXPECT_PTR_EQ(test, seen.array, array);
	KUNIT_EXPECT_EQ(test, seen.nr_pages, 600);
	KUNIT_EXPECT_TRUE(test, lies_in(seen.alloc_caller, "alloc_is_announced"));

	mt = tdx_pa_array_alloc_iommu_mt(3, 30);
	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	KUNIT_EXPECT_EQ(test, seen.allocs, 2);
	KUNIT_EXPECT_PTR_EQ(test, seen.array, mt);
	KUNIT_EXPECT_EQ(test, seen.nr_pages, 2 * 8 + 30);
	KUNIT_EXPECT_TRUE(test, lies_in(seen.alloc_caller, "alloc_is_announced"));

	tdx_pa_array_release(array);
	tdx_pa_array_release(mt);
}

/* Rule: what was not allocated is neither announced nor released. */
static void failed_alloc_is_silent(struct kunit *test)
{
	if (!fixture_fail_nth_allocation(0))
		kunit_skip(test, "needs CONFIG_FAULT_INJECTION");
	if (!fixture_counts_are_exact())
		kunit_skip(test, "KASAN and kmemleak allocate, too");

	/* Allocation 1 is the entries, with the object behind them. */
	for (unsigned int nth = 2; nth <= 3; nth++) {
		bool struck;

		fixture_fail_from_nth_allocation(nth);
		KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(3));
		struck = fixture_allocation_failed();
		fixture_fail_from_nth_allocation(0);
		KUNIT_EXPECT_TRUE(test, struck);
	}

	fixture_fail_from_nth_allocation(3);
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc_iommu_mt(0, 3));
	fixture_fail_from_nth_allocation(0);

	KUNIT_EXPECT_EQ(test, seen.allocs, 0);
	KUNIT_EXPECT_EQ(test, seen.releases, 0);
}

/* Rule: each window is told as it was handed out; what is no window is not. */
static void windows_are_told(struct kunit *test)
{
	struct tdx_pa_array *array = fixture_alloc(test, 1300);
	struct tdx_pa_window w;
	unsigned int nr = 0;

	for_each_tdx_pa_window(&w, array) {
		KUNIT_EXPECT_EQ(test, seen.windows, ++nr);
		KUNIT_EXPECT_PTR_EQ(test, seen.array, array);
		KUNIT_EXPECT_EQ(test, seen.window.list_pa, w.list_pa);
		KUNIT_EXPECT_EQ(test, seen.window.first, w.first);
		KUNIT_EXPECT_EQ(test, seen.window.nr, w.nr);
	}
	KUNIT_EXPECT_EQ(test, seen.windows, 3);
	tdx_pa_array_release(array);
}

static void expect_leaf(struct kunit *test, u64 leaf, const struct tdx_pa_array *array,
			unsigned int first, unsigned int nr, unsigned int nr_held,
			unsigned int turns, u64 status)
{
	KUNIT_EXPECT_EQ(test, seen.leaf, leaf);
	KUNIT_EXPECT_PTR_EQ(test, seen.array, array);
	KUNIT_EXPECT_EQ(test, seen.first, first);
	KUNIT_EXPECT_EQ(test, seen.nr, nr);
	KUNIT_EXPECT_EQ(test, seen.nr_held, nr_held);
	KUNIT_EXPECT_EQ(test, seen.turns, turns);
	KUNIT_EXPECT_EQ(test, seen.status, status);
}

/* Rule: a leaf is told when it is over, with what the array has on record by then. */
static void claims_are_told(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	u64 id;

	fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 0);
	fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);

	KUNIT_EXPECT_NE(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	expect_leaf(test, TDH_SPDM_CREATE, mt, 0, 20, 0, 0, TDX_OPERAND_BUSY);
	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	expect_leaf(test, TDH_SPDM_CREATE, mt, 0, 20, 20, 0, 0);
	KUNIT_EXPECT_EQ(test, seen.claims, 2);
	KUNIT_EXPECT_EQ(test, seen.give_backs, 0);

	KUNIT_EXPECT_NE(test, tdh_spdm_delete(id, mt), 0);
	expect_leaf(test, TDH_SPDM_DELETE, mt, 0, 20, 20, 0, TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	expect_leaf(test, TDH_SPDM_DELETE, mt, 0, 20, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, seen.claims, 2);
	KUNIT_EXPECT_EQ(test, seen.give_backs, 2);
	tdx_pa_array_release(mt);
}

/* Rule: each time that a leaf is issued again counts. */
static void resumes_are_counted(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(0, 30);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	fail(TDH_IOMMU_SETUP, 1, TDX_INTERRUPTED_RESUMABLE, 5);
	fail(TDH_IOMMU_SETUP, 2, TDX_INTERRUPTED_RESUMABLE, 5);
	fail(TDH_IOMMU_CLEAR, 1, TDX_INTERRUPTED_RESUMABLE, 0);

	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	expect_leaf(test, TDH_IOMMU_SETUP, mt, 0, 32, 32, 2, 0);
	KUNIT_ASSERT_EQ(test, tdh_iommu_clear(id, mt), 0);
	expect_leaf(test, TDH_IOMMU_CLEAR, mt, 0, 32, 0, 1, 0);
	tdx_pa_array_release(mt);
}

/* Rule: memory is told window by window, and how far the module got. */
static void donations_are_told(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);
	struct tdx_pa_window w;

	fail(TDH_EXT_MEM_ADD, 1, TDX_INTERRUPTED_RESUMABLE, 100);
	fail(TDH_EXT_MEM_ADD, 3, TDX_INTERRUPTED_RESUMABLE, 8);
	fail(TDH_EXT_MEM_ADD, 4, TDX_OPERAND_BUSY, 0);

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_ASSERT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	expect_leaf(test, TDH_EXT_MEM_ADD, mem, 0, 512, 512, 1, 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 1, &w), 0);
	KUNIT_EXPECT_NE(test, tdh_ext_mem_add(mem, &w), 0);
	expect_leaf(test, TDH_EXT_MEM_ADD, mem, 512, 88, 520, 1, TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, seen.claims, 2);

	tdx_pa_array_release(mem);
	fixture_expect(test, 520, 0);
}

/* A release comes back here. */
static noinline void release_from_here(struct tdx_pa_array *array)
{
	tdx_pa_array_release(array);
	barrier();
}

static void expect_release(struct kunit *test, struct tdx_pa_array *array, const char *path,
			   unsigned long nr_pages, unsigned long nr_held,
			   unsigned long nr_stranded)
{
	u64 start = ktime_get_ns();

	release_from_here(array);

	KUNIT_EXPECT_EQ(test, seen.releases, 1);
	KUNIT_EXPECT_PTR_EQ(test, seen.released, (const void *)array);
	KUNIT_EXPECT_STREQ(test, seen.path, path);
	KUNIT_EXPECT_EQ(test, seen.nr_released_pages, nr_pages);
	KUNIT_EXPECT_EQ(test, seen.nr_held_pages, nr_held);
	KUNIT_EXPECT_EQ(test, seen.nr_stranded_pages, nr_stranded);
	KUNIT_EXPECT_TRUE(test, lies_in(seen.release_caller, "release_from_here"));
	KUNIT_EXPECT_LE(test, seen.duration_ns, ktime_get_ns() - start);
	fixture_expect(test, nr_held, nr_stranded - (strcmp(path, "held-stranded") ? 0 : nr_held));
}

static u64 create(struct kunit *test, struct tdx_pa_array *mt)
{
	u64 id = 0;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	return id;
}

static void plain_release(struct kunit *test)
{
	expect_release(test, fixture_alloc(test, 600), "plain", 600, 0, 0);
}

static void flushed_release(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(create(test, mt), mt), 0);
	expect_release(test, mt, "flushed", 20, 0, 0);
}

static void failed_create_release(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	u64 id;

	fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 3);
	KUNIT_EXPECT_NE(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	expect_release(test, mt, "flushed", 20, 0, 0);
}

static void donated_release(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);
	struct tdx_pa_window w;

	for_each_tdx_pa_window(&w, mem)
		KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	expect_release(test, mem, "donated", 600, 600, 0);
}

static void partly_donated_release(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);
	struct tdx_pa_window w;

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	expect_release(test, mem, "donated", 600, 512, 0);
}

static void held_release(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(3, 30);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	expect_release(test, mt, "held-stranded", 46, 46, 46);
}

/* Rule: each page that cannot be flushed has an event, and the release its name. */
static void flush_failed_release(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	phys_addr_t pa = mt->entries[3];

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(create(test, mt), mt), 0);
	tdx_model_fail_wbinvd(pa, TDX_OPERAND_BUSY);
	expect_release(test, mt, "flush-failed", 20, 0, 1);
	KUNIT_EXPECT_EQ(test, seen.refused, 1);
	KUNIT_EXPECT_PTR_EQ(test, seen.array, (const void *)mt);
	KUNIT_EXPECT_EQ(test, seen.refused_pa, pa);
	KUNIT_EXPECT_EQ(test, seen.refused_status, TDX_OPERAND_BUSY);
}

/* Rule: the worst gives the name: a page that is lost, before memory that was donated. */
static void donated_and_flush_failed_release(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);
	struct tdx_pa_window w;

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	tdx_model_fail_wbinvd(mem->entries[599], TDX_OPERAND_BUSY);
	expect_release(test, mem, "flush-failed", 600, 512, 1);
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE(alloc_is_announced),
	KUNIT_CASE(failed_alloc_is_silent),
	KUNIT_CASE(windows_are_told),
	KUNIT_CASE(claims_are_told),
	KUNIT_CASE(resumes_are_counted),
	KUNIT_CASE(donations_are_told),
	KUNIT_CASE(plain_release),
	KUNIT_CASE(flushed_release),
	KUNIT_CASE(failed_create_release),
	KUNIT_CASE(donated_release),
	KUNIT_CASE(partly_donated_release),
	KUNIT_CASE(held_release),
	KUNIT_CASE(flush_failed_release),
	KUNIT_CASE(donated_and_flush_failed_release),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "tdx_trace",
	.suite_init = trace_suite_init,
	.suite_exit = trace_suite_exit,
	.init = trace_init,
	.exit = trace_exit,
	.test_cases = trace_cases,
};

kunit_test_suite(trace_suite);

MODULE_DESCRIPTION("KUnit tests of the trace events of arrays");
MODULE_LICENSE("GPL");
