// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the trace events of arrays of pages
 *
 * The events report all tasks, so each test reads only the events of its own
 * task.  make trace checks the fields that the events record.
 */
#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/trace_events.h>

#include <asm/tdx_connect.h>

#include "../../../arch/x86/virt/vmx/tdx/pa_trace.h"
#include "../../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "tdx.h"

#define FUNC_ID		0x1000

/* Arguments of the last event of each kind in @task */
static struct {
	struct task_struct *task;
	unsigned int nr_frees;
	const struct tdx_pa_array *array;
	unsigned int nr_held;
	unsigned long leaked;
	bool in_time;
	unsigned long caller;
	unsigned int nr_failures;
	unsigned long pfn;
	u64 status;
} seen;

static void probe_free(void *data, const struct tdx_pa_array *array, unsigned long leaked,
		       u64 start, unsigned long caller)
{
	if (READ_ONCE(seen.task) != current)
		return;

	seen.nr_frees++;
	seen.array = array;
	seen.nr_held = array->nr_held;
	seen.leaked = leaked;
	seen.in_time = start && start <= ktime_get_ns();
	seen.caller = caller;
}

static void probe_flush_failed(void *data, unsigned long pfn, u64 status)
{
	if (READ_ONCE(seen.task) != current)
		return;

	seen.nr_failures++;
	seen.pfn = pfn;
	seen.status = status;
}

/* Also record the events, so that the code of their fields runs. */
static int trace_suite_init(struct kunit_suite *suite)
{
	int ret;

	ret = register_trace_tdx_pa_array_free(probe_free, NULL);
	if (ret)
		return ret;
	ret = register_trace_tdx_pa_array_flush_failed(probe_flush_failed, NULL);
	if (ret)
		goto free;
	ret = trace_set_clr_event("tdx", NULL, 1);
	if (ret)
		goto flush_failed;
	return 0;

flush_failed:
	unregister_trace_tdx_pa_array_flush_failed(probe_flush_failed, NULL);
free:
	unregister_trace_tdx_pa_array_free(probe_free, NULL);
	tracepoint_synchronize_unregister();
	return ret;
}

static void trace_suite_exit(struct kunit_suite *suite)
{
	trace_set_clr_event("tdx", NULL, 0);
	unregister_trace_tdx_pa_array_flush_failed(probe_flush_failed, NULL);
	unregister_trace_tdx_pa_array_free(probe_free, NULL);
	tracepoint_synchronize_unregister();
}

static int trace_case_init(struct kunit *test)
{
	memset(&seen, 0, sizeof(seen));
	WRITE_ONCE(seen.task, current);
	return fixture_init(test);
}

static void trace_case_exit(struct kunit *test)
{
	WRITE_ONCE(seen.task, NULL);
	fixture_exit(test);
}

/* The caller that the event reports */
static noinline void free_here(struct tdx_pa_array *array)
{
	tdx_pa_array_free(array);
	barrier();
}

static void expect_free(struct kunit *test, struct tdx_pa_array *array, unsigned int nr_held,
			unsigned int leaked)
{
	char caller[KSYM_SYMBOL_LEN];

	free_here(array);

	KUNIT_EXPECT_EQ(test, seen.nr_frees, 1);
	KUNIT_EXPECT_PTR_EQ(test, seen.array, (const struct tdx_pa_array *)array);
	KUNIT_EXPECT_EQ(test, seen.nr_held, nr_held);
	KUNIT_EXPECT_EQ(test, seen.leaked, leaked);
	KUNIT_EXPECT_TRUE(test, seen.in_time);
	snprintf(caller, sizeof(caller), "%ps", (void *)seen.caller);
	KUNIT_EXPECT_TRUE(test, str_has_prefix(caller, "free_here"));
	KUNIT_EXPECT_EQ(test, seen.nr_failures, leaked);
	fixture_expect(test, nr_held, leaked);
}

/* Rule: each free has one event, with its array, caller and start. */
static void free_is_traced(struct kunit *test)
{
	expect_free(test, fixture_alloc(test, 600), 0, 0);
}

/* Rule: the event comes while the array still has its state. */
static void held_pages_are_traced(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);

	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = TDH_EXT_MEM_ADD, .nth = 2, .status = TDX_OPERAND_BUSY,
	});
	KUNIT_EXPECT_NE(test, tdh_ext_mem_add(mem), 0);
	expect_free(test, mem, 512, 0);
}

/* Rule: each page that cannot be flushed has one event, with its status. */
static void failed_flush_is_traced(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	phys_addr_t pa = tdx_pa_entry(mt, 3);
	u64 id;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_ASSERT_EQ(test, tdx_model_fail_wbinvd(pa, TDX_OPERAND_BUSY), 0);
	expect_free(test, mt, 0, 1);
	KUNIT_EXPECT_EQ(test, seen.pfn, PHYS_PFN(pa));
	KUNIT_EXPECT_EQ(test, seen.status, TDX_OPERAND_BUSY);
}

/* Rule: freeing NULL has no event. */
static void null_is_not_traced(struct kunit *test)
{
	free_here(NULL);
	KUNIT_EXPECT_EQ(test, seen.nr_frees, 0);
}

/* Rule: the event reads no entries of an array that has none. */
static void failed_allocation_is_traced(struct kunit *test)
{
	/*
	 * The first allocation is the object, the others are for its entries.
	 */
	if (!fixture_fail_from_nth_allocation(2))
		kunit_skip(test, "needs CONFIG_FAULT_INJECTION");

	fixture_expect_warnings(true);
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(3, NUMA_NO_NODE));
	KUNIT_EXPECT_TRUE(test, fixture_allocation_failed());
	fixture_fail_from_nth_allocation(0);
	fixture_expect_warnings(false);
	KUNIT_EXPECT_EQ(test, seen.nr_frees, 1);
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE(free_is_traced),
	KUNIT_CASE(held_pages_are_traced),
	KUNIT_CASE(failed_flush_is_traced),
	KUNIT_CASE(null_is_not_traced),
	KUNIT_CASE(failed_allocation_is_traced),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "tdx_trace",
	.suite_init = trace_suite_init,
	.suite_exit = trace_suite_exit,
	.init = trace_case_init,
	.exit = trace_case_exit,
	.test_cases = trace_cases,
};

kunit_test_suite(trace_suite);

MODULE_DESCRIPTION("KUnit tests of the trace events of arrays of pages");
MODULE_LICENSE("GPL");
