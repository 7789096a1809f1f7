// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts in which drivers and the kernel call: with panic_on_warn, in
 * stop_machine(), under a lock that reclaim takes, without memory.  The task is
 * being killed, or in a full memory cgroup.
 */
#include <linux/cgroup.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/stop_machine.h>
#include <linux/string.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "tdx.h"
#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"

#define FUNC_ID		0x1000
#define REG_BASE	0xfed90000
#define NR_PAGES	20
#define NR_MEM		1300

static void fail(u64 leaf, unsigned int nth, u64 status, unsigned int after)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = status, .after = after,
	});
}

static unsigned long nr_messages(void)
{
	struct tdx_checker_report report;

	tdx_checker_read(&report);
	return report.messages;
}

/* An array, and the session or the IOMMU that the module made from it */
struct object {
	struct tdx_pa_array *array;
	u64 id;
	bool is_iommu;
};

static void object_alloc(struct kunit *test, struct object *o, bool is_iommu)
{
	o->is_iommu = is_iommu;
	o->array = is_iommu ? tdx_pa_array_alloc_iommu_mt(3, NR_PAGES - 2, NUMA_NO_NODE) :
			      tdx_pa_array_alloc(NR_PAGES, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, o->array);
	fixture_watch(o->array);
	tdx_model_set_iommu_entries(NR_PAGES);
}

static u64 object_create(struct object *o)
{
	return o->is_iommu ? tdh_iommu_setup(REG_BASE, o->array, &o->id) :
			     tdh_spdm_create(FUNC_ID, o->array, &o->id);
}

static u64 object_delete(struct object *o)
{
	return o->is_iommu ? tdh_iommu_clear(o->id, o->array) :
			     tdh_spdm_delete(o->id, o->array);
}

/*
 * All cases run with panic_on_warn, if there is a task that can write to this
 * file.
 */
#define PANIC_ON_WARN	"/proc/sys/kernel/panic_on_warn"

static bool panics_on_warn;

static bool set_panic_on_warn(const char *character)
{
	struct file *file = filp_open(PANIC_ON_WARN, O_WRONLY, 0);
	loff_t pos = 0;
	ssize_t n;

	if (IS_ERR(file))
		return false;
	n = kernel_write(file, character, 1, &pos);
	filp_close(file, NULL);
	return n == 1;
}

/* These run in the task that loads this module, the cases in another one. */
static int context_suite_init(struct kunit_suite *suite)
{
	panics_on_warn = set_panic_on_warn("1");
	return 0;
}

static void context_suite_exit(struct kunit_suite *suite)
{
	set_panic_on_warn("0");
}

/*
 * Rule: with panic_on_warn, the host survives a lifetime, failed allocations,
 * creates, deletes and flushes.  The last two print one line each.
 */
static void nothing_but_misuse_panics(struct kunit *test)
{
	struct tdx_pa_array *mem;

	if (!panics_on_warn)
		kunit_skip(test, "cannot write to " PANIC_ON_WARN);

	for (int is_iommu = 0; is_iommu < 2; is_iommu++) {
		struct object o;

		object_alloc(test, &o, is_iommu);
		fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 3);
		fail(TDH_IOMMU_SETUP, 1, TDX_OPERAND_BUSY, 3);
		KUNIT_EXPECT_NE(test, object_create(&o), 0);
		KUNIT_EXPECT_EQ(test, object_create(&o), 0);
		KUNIT_EXPECT_EQ(test, nr_messages(), 2 * is_iommu);

		fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);
		fail(TDH_IOMMU_CLEAR, 1, TDX_OPERAND_BUSY, 0);
		KUNIT_EXPECT_NE(test, object_delete(&o), 0);
		KUNIT_EXPECT_EQ(test, nr_messages(), 2 * is_iommu + 1);
		KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
		tdx_model_fail_wbinvd(tdx_pa_entry(o.array, 5), TDX_PAGE_METADATA_INCORRECT);
		tdx_model_fail_wbinvd(tdx_pa_entry(o.array, 7), TDX_PAGE_METADATA_INCORRECT);
		tdx_pa_array_free(o.array);
		KUNIT_EXPECT_EQ(test, nr_messages(), 2 * is_iommu + 2);
	}

	mem = fixture_alloc(test, NR_MEM);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem), 0);
	tdx_pa_array_free(mem);

	if (fixture_can_fail_allocations()) {
		/* warn_alloc() prints a stack trace, which is not a WARN(). */
		fixture_expect_warnings(true);
		for (unsigned int nth = 1; nth <= 4; nth++) {
			fixture_fail_from_nth_allocation(nth);
			KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(513, NUMA_NO_NODE));
			fixture_fail_from_nth_allocation(0);
		}
		fixture_expect_warnings(false);
	}
	fixture_expect(test, NR_MEM, 4);
}

static int ext_init(void *status)
{
	*(u64 *)status = tdh_ext_init();
	return !irqs_disabled();
}

/*
 * Rule: TDH.EXT.INIT works in stop_machine(), and when it is interrupted there.
 */
static void ext_init_in_stop_machine(struct kunit *test)
{
	u64 status = ~0ULL;

	for (unsigned int call = 1; call <= 3; call++)
		fail(TDH_EXT_INIT, call, TDX_INTERRUPTED_RESUMABLE, 0);
	KUNIT_EXPECT_EQ(test, stop_machine(ext_init, &status, NULL), 0);
	KUNIT_EXPECT_EQ(test, status, 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 4);
}

static DEFINE_MUTEX(reclaim_lock);

/*
 * Rule: delete and free work under a lock that reclaim takes, and with all
 * memory in use, because they allocate nothing.  Lockdep reports an allocation,
 * and so does the fault.
 */
static void delete_under_a_lock_of_reclaim(struct kunit *test)
{
	fs_reclaim_acquire(GFP_KERNEL);
	mutex_lock(&reclaim_lock);
	mutex_unlock(&reclaim_lock);
	fs_reclaim_release(GFP_KERNEL);

	for (int is_iommu = 0; is_iommu < 2; is_iommu++) {
		struct tdx_pa_array *mem = fixture_alloc(test, NR_MEM);
		struct object o;
		bool failed;

		object_alloc(test, &o, is_iommu);
		KUNIT_ASSERT_EQ(test, object_create(&o), 0);
		fail(TDH_EXT_MEM_ADD, 2, TDX_OPERAND_BUSY, 7);
		fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);

		mutex_lock(&reclaim_lock);
		fixture_fail_from_nth_allocation(1);
		KUNIT_EXPECT_NE(test, tdh_ext_mem_add(mem), 0);
		if (!is_iommu)
			KUNIT_EXPECT_NE(test, object_delete(&o), 0);
		KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
		tdx_pa_array_free(o.array);
		tdx_pa_array_free(mem);
		failed = fixture_allocation_failed();
		fixture_fail_from_nth_allocation(0);
		mutex_unlock(&reclaim_lock);
		KUNIT_EXPECT_FALSE(test, failed);
	}
	fixture_expect(test, 512 + 7 + 512 + 7, 0);
}

/* Rule: in a task that is being killed, create, delete and free complete. */
static void killed_task_completes(struct kunit *test)
{
	struct object o;

	object_alloc(test, &o, false);
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	KUNIT_EXPECT_TRUE(test, fatal_signal_pending(current));

	fail(TDH_SPDM_CREATE, 1, TDX_INTERRUPTED_RESUMABLE, 3);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	tdx_pa_array_free(o.array);
	/* An allocation may fail, and then leaks nothing. */
	tdx_pa_array_free(tdx_pa_array_alloc(NR_MEM, NUMA_NO_NODE));

	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), NR_PAGES);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
}

#ifdef CONFIG_MEMCG

/*
 * Rule: arrays work in a memory cgroup at its limit, because nothing is charged
 * to it.  The guest's init makes this cgroup with a limit of 0.
 */
static void full_cgroup_is_not_charged(struct kunit *test)
{
	struct cgroup *cgroup = cgroup_get_from_path("/full");
	struct mem_cgroup *memcg, *old;
	struct tdx_pa_array *mem;
	struct page *charged;
	struct object o;

	if (IS_ERR(cgroup))
		kunit_skip(test, "needs a mounted cgroup2");

	memcg = mem_cgroup_from_css(rcu_access_pointer(cgroup->subsys[memory_cgrp_id]));
	KUNIT_ASSERT_NOT_NULL(test, memcg);
	for (int is_iommu = 0; is_iommu < 2; is_iommu++) {
		old = set_active_memcg(memcg);
		charged = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
		object_alloc(test, &o, is_iommu);
		mem = tdx_pa_array_alloc(NR_MEM, NUMA_NO_NODE);
		KUNIT_EXPECT_EQ(test, object_create(&o), 0);
		KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
		tdx_pa_array_free(o.array);
		tdx_pa_array_free(mem);
		set_active_memcg(old);

		KUNIT_EXPECT_NULL(test, charged);
		KUNIT_EXPECT_NOT_NULL(test, mem);
		KUNIT_EXPECT_EQ(test, page_counter_read(&memcg->memory), 0);
		if (charged)
			__free_page(charged);
	}
	cgroup_put(cgroup);
}

#else

static void full_cgroup_is_not_charged(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MEMCG");
}

#endif /* CONFIG_MEMCG */

static struct kunit_case context_cases[] = {
	KUNIT_CASE(nothing_but_misuse_panics),
	KUNIT_CASE(ext_init_in_stop_machine),
	KUNIT_CASE(delete_under_a_lock_of_reclaim),
	KUNIT_CASE(killed_task_completes),
	KUNIT_CASE(full_cgroup_is_not_charged),
	{}
};

static struct kunit_suite context_suite = {
	.name = "tdx_context",
	.suite_init = context_suite_init,
	.suite_exit = context_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = context_cases,
};

kunit_test_suite(context_suite);

MODULE_DESCRIPTION("KUnit tests of page arrays in contexts of drivers");
MODULE_LICENSE("GPL");
