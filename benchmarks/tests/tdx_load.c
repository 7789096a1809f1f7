// SPDX-License-Identifier: GPL-2.0
/*
 * Load: random call sequences of a host driver on all CPUs at once, with random faults
 *
 * In a round, each CPU brings up links with the driver example, reads the device
 * information again, takes the links down, and donates memory.  Leaves are interrupted
 * or fail, flushes are busy, and allocations fail.  A seed would not repeat a run, because
 * the order of the CPUs differs.
 *
 * After a round, no array exists, and pages that the module owns are taken back.  So the
 * counters of the machine must not grow from round to round.
 *
 * /sys/module/tdx_load/parameters/round: write anything to run a round, read its totals
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "tdx.h"
#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../host/driver/tdx_connect.c"

/* Sequences of each CPU in a round */
#define NR_SEQUENCES	16
/* Most pages that are donated at once */
#define MAX_MEMORY	27000
#define MAX_ORDER	5
/* Allocations of a sequence, and calls of a leaf on all CPUs, of which one fails */
#define NR_ALLOCATIONS	60
#define NR_CALLS	8
/* Busy flushes in the 2 MiB of an array: the design calls ten times. */
#define NR_BUSY		30
#define SUCCESS_INFO	0x0000000100000000ULL

static const u64 leaves[] = {
	TDH_PHYMEM_PAGE_WBINVD, TDH_EXT_INIT, TDH_EXT_MEM_ADD, TDH_IOMMU_SETUP, TDH_IOMMU_CLEAR,
	TDH_SPDM_CREATE, TDH_SPDM_DELETE, TDH_SPDM_CONNECT, TDH_SPDM_MNG, TDH_IDE_STREAM_CREATE,
	TDH_IDE_STREAM_BLOCK, TDH_IDE_STREAM_DELETE,
};

static const u64 statuses[] = {
	TDX_INTERRUPTED_RESUMABLE, TDX_INTERRUPTED_RESUMABLE, TDX_OPERAND_INVALID,
	TDX_OPERAND_BUSY, TDX_PAGE_METADATA_INCORRECT, TDX_RND_NO_ENTROPY, TDX_SEAMCALL_UD,
	TDX_SEAMCALL_VMFAILINVALID, TDX_SPDM_REQUEST, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH,
	SUCCESS_INFO,
};

static const struct design *flat;
/* Functions, registers and streams: the module accepts each once. */
static atomic_t next_key;
/* The module expects one length of all IOMMU_MT lists. */
static unsigned int nr_iommu;

/* Of a round */
static atomic_long_t nr_failed, nr_arrays, nr_pages, nr_failed_allocations;
static char totals[768];

static u32 draw(u32 n)
{
	return get_random_u32_below(n);
}

/* From 1 to @max.  Each power of two is equally probable, and so is @max. */
static unsigned int draw_size(unsigned int max)
{
	unsigned int shift = draw(fls(max) + 1);

	return shift == fls(max) ? max : 1 + draw(max >> shift);
}

static void on_array(const struct design *d, void *array)
{
	unsigned long unused;

	atomic_long_inc(&nr_arrays);
	atomic_long_add(d->nr_entries(array), &nr_pages);
	design_watch(d, array);
	if (!draw(4))
		tdx_model_set_busy_region(d->pages(array, 0, &unused), draw(NR_BUSY));
}

static void arm_fault(void)
{
	struct tdx_model_fault fault = {
		.leaf = leaves[draw(ARRAY_SIZE(leaves))],
		.nth = 1 + draw(NR_CALLS),
		.status = statuses[draw(ARRAY_SIZE(statuses))],
		.after = draw_size(TDX_PA_LIST_MAX) - 1,
	};

	fault.keep = !draw(4) && fault.status != TDX_INTERRUPTED_RESUMABLE;
	if (tdx_model_fail(&fault))
		tdx_model_disarm();
}

static int run_link(void)
{
	u32 key = atomic_inc_return(&next_key);
	struct tdx_link_config config = {
		.reg_base = key * PAGE_SIZE,
		.iommu_order = draw(MAX_ORDER + 1),
		.nr_iommu = nr_iommu,
		.func_id = key,
		.nr_spdm = draw_size(TDX_PA_LIST_MAX),
		.nr_info = draw_size(TDX_PA_LIST_MAX),
		.stream_info = key,
		.nr_ide = draw_size(TDX_PA_LIST_MAX),
	};
	struct tdx_link link;
	size_t len;
	void *info;
	int ret = tdx_link_up(&link, flat, &config);

	if (ret)
		return ret;
	ret = flat->read_info(&link.spdm, INFO_RECOLLECT, config.nr_info, &info, &len);
	if (!ret)
		kfree(info);
	tdx_link_down(&link);
	return ret;
}

/* Let the @nth allocation of this task fail.  Return what is left of the one before. */
static unsigned int arm_allocation(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	swap(nth, current->fail_nth);
#endif
	return nth;
}

static void run_on_this_cpu(struct work_struct *unused)
{
	for (int i = 0; i < NR_SEQUENCES; i++) {
		unsigned int nth = draw(4) ? 0 : 1 + draw(NR_ALLOCATIONS);

		if (draw(2))
			arm_fault();
		arm_allocation(nth);
		if (draw(4) ? run_link() : flat->ext_start(draw_size(MAX_MEMORY)))
			atomic_long_inc(&nr_failed);
		if (!arm_allocation(0) && nth)
			atomic_long_inc(&nr_failed_allocations);
		cond_resched();
	}
}

static DEFINE_PER_CPU(struct work_struct, works);

static void run_on_all_cpus(void)
{
	int cpu;

	for_each_online_cpu(cpu) {
		INIT_WORK(per_cpu_ptr(&works, cpu), run_on_this_cpu);
		schedule_work_on(cpu, per_cpu_ptr(&works, cpu));
	}
	for_each_online_cpu(cpu)
		flush_work(per_cpu_ptr(&works, cpu));
}

static int round_set(const char *text, const struct kernel_param *kp)
{
	/* Modes of the module: without them, a bad round is hard to repeat. */
	unsigned int list_write = draw(3), zero = draw(2), output = draw(2), clear = draw(2);
	unsigned int rounds = draw(4);
	struct tdx_checker_report r;
	unsigned long nr_calls = 0;
	int len, ret;

	/* Never hand test pages to a real TDX module. */
	ret = tdx_model_install();
	if (ret)
		return ret;

	design_select(flat);
	/* The entries are the only record of the pages: the module writes to other bits only. */
	tdx_model_set_list_write(list_write);
	tdx_model_set_zero_registers(zero);
	tdx_model_set_output(output);
	tdx_model_set_clear(clear);
	tdx_model_set_rounds(rounds);
	nr_iommu = draw(TDX_PA_LIST_MAX - TDX_IOMMU_MT_NR_BLOCKS + 1);
	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + nr_iommu);
	atomic_long_set(&nr_failed, 0);
	atomic_long_set(&nr_arrays, 0);
	atomic_long_set(&nr_pages, 0);
	atomic_long_set(&nr_failed_allocations, 0);
	ret = tdx_checker_begin();
	if (ret)
		return ret;
	design_on_array = on_array;
	run_on_all_cpus();
	design_on_array = NULL;

	tdx_checker_read(&r);
	tdx_checker_end();
	for (int i = 0; i < ARRAY_SIZE(leaves); i++)
		nr_calls += tdx_model_nr_calls(leaves[i]);
	tdx_model_reclaim();
	tdx_model_reset();
	/* The kernel keeps the addresses that vfree() frees, up to 32 MiB and more of them. */
	vm_unmap_aliases();
	len = scnprintf(totals, sizeof(totals), "\"modes\": [%u, %u, %u, %u, %u, %u], ",
			list_write, zero, output, clear, rounds, nr_iommu);
	scnprintf(totals + len, sizeof(totals) - len,
		  "\"cpus\": %u, \"sequences\": %d, \"failed\": %ld, \"failed_allocations\": %ld, \"arrays\": %ld, \"pages\": %ld, \"calls\": %lu, \"held\": %lu, \"refused\": %lu, \"freed_owned\": %lu, \"freed_dirty\": %lu, \"freed_twice\": %lu, \"claimed_free\": %lu, \"needless\": %lu, \"free\": %lu",
		  num_online_cpus(), num_online_cpus() * NR_SEQUENCES, atomic_long_read(&nr_failed),
		  atomic_long_read(&nr_failed_allocations), atomic_long_read(&nr_arrays),
		  atomic_long_read(&nr_pages), nr_calls, r.held,
		  r.lost - r.needless, r.freed_owned, r.freed_dirty, r.freed_twice,
		  r.claimed_free, r.needless, tdx_checker_nr_free_pages());
	return 0;
}

static int round_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", totals);
}

static const struct kernel_param_ops round_ops = { .set = round_set, .get = round_get };
module_param_cb(round, &round_ops, NULL, 0600);
MODULE_PARM_DESC(round, "write anything to run a round, read its totals");

static int __init load_init(void)
{
	flat = design_find("flat");
	return flat ? 0 : -ENOENT;
}
module_init(load_init);

static void __exit load_exit(void)
{
}
module_exit(load_exit);

MODULE_DESCRIPTION("Load of page arrays on all CPUs");
MODULE_LICENSE("GPL");
