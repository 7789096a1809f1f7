// SPDX-License-Identifier: GPL-2.0
/*
 * Load: random call sequences of a host driver on all CPUs at once, with random
 * faults
 *
 * In a round, each CPU brings up links with the driver example, exchanges
 * messages and manages keys, misuses wrappers, takes the links down, and
 * donates memory.  Leaves are interrupted or fail, pages and objects are
 * locked, flushes fail or are busy, and allocations fail.  A seed would not
 * repeat a run, because the order of the CPUs differs.
 *
 * A delete with the array of another object is missing: flat does not detect
 * it.  So are the modes of the software module that are against the
 * specification (it flushes its own pages, clears or exchanges entries).
 *
 * After a round, no array exists, and pages that the module owns are taken
 * back.  So the counters of the machine must not grow from round to round.
 *
 * /sys/module/tdx_load/parameters/round: write anything to run a round, read
 * its totals
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "tdx.h"
#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../host/driver/tdx_links.c"
#include "misuse.h"

/* Sequences of each CPU in a round */
#define NR_SEQUENCES	16
/* Most pages that are donated at once */
#define MAX_MEMORY	27000
#define MAX_ORDER	5
/*
 * Allocations of a sequence, and calls of a leaf on all CPUs, of which one
 * fails
 */
#define NR_ALLOCATIONS	60
#define NR_CALLS	8
/* Busy flushes in the 2 MiB of an array: the design calls ten times. */
#define NR_BUSY		30
#define MAX_LINKS	3
/* IDs of objects are small numbers. */
#define MAX_OBJECTS	64
#define NO_ID		1000
#define SUCCESS_INFO	0x0000000100000000ULL

static const u64 leaves[] = {
	TDH_PHYMEM_PAGE_WBINVD, TDH_EXT_INIT, TDH_EXT_MEM_ADD, TDH_IOMMU_SETUP, TDH_IOMMU_CLEAR,
	TDH_SPDM_CREATE, TDH_SPDM_DELETE, TDH_SPDM_CONNECT, TDH_SPDM_MNG, TDH_IDE_STREAM_CREATE,
	TDH_IDE_STREAM_BLOCK, TDH_IDE_STREAM_DELETE, TDH_IDE_STREAM_KM, TDH_SPDM_DISCONNECT,
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
static atomic_long_t nr_failed, nr_arrays, nr_pages, nr_failed_allocations, nr_misused, nr_accepted;
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
	static const u64 sizes[] = { SZ_4K, SZ_4K, SZ_2M, SZ_2M, SZ_1G };
	unsigned int nr = d->nr_entries(array);
	unsigned long in_block;
	phys_addr_t pa;

	atomic_long_inc(&nr_arrays);
	atomic_long_add(nr, &nr_pages);
	design_watch(d, array);
	pa = d->pages(array, draw(nr), &in_block);
	pa += draw(in_block) * PAGE_SIZE;
	switch (draw(32)) {
	case 0 ... 7:
		tdx_model_set_busy_region(pa, draw(NR_BUSY));
		break;
	case 8:
		tdx_model_lock_pages(pa, sizes[draw(ARRAY_SIZE(sizes))]);
		break;
	case 9:
		tdx_model_fail_wbinvd(pa, TDX_OPERAND_INVALID);
		break;
	case 10:
		tdx_model_set_outside(pa);
		break;
	case 11:
		tdx_model_lock_object(draw(MAX_OBJECTS));
		break;
	}
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

/*
 * The operations of a session and of a stream, except those that tdx_links_up()
 * has
 */
static u64 call_session(struct tdx_link *link, unsigned int what, u64 *len)
{
	const struct design_pages *p = &design_shared;

	switch (what) {
	case 0:
		return tdh_spdm_mng(link->spdm.id, TDX_SPDM_HEARTBEAT, NULL, p->response,
				    p->request, NULL, len);
	case 1:
		return tdh_ide_stream_km(link->spdm.id, link->ide.id, 0, p->response, p->request,
					 len);
	default:
		return tdh_spdm_disconnect(link->spdm.id, p->response, p->request, len);
	}
}

/*
 * One exchange of messages.  It starts again if the key must be updated first.
 */
static void exchange(struct tdx_link *link)
{
	unsigned int rounds = 0, what = draw(3);
	bool updated = false;
	u64 len, status;

	do {
		status = call_session(link, what, &len);
		if (status == TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH && !updated) {
			updated = true;
			if (!tdx_link_update_key(link))
				status = call_session(link, what, &len);
		}
	} while (design_deliver(status, len, &rounds));
}

/* The wrapper must refuse this without a call. */
static void misuse(struct tdx_link *link)
{
	struct tdx_pa_array *held = link->spdm.array, *array;
	const struct design_pages *p = &design_shared;
	u64 unused, status = 0;

	array = tdx_pa_array_alloc(draw_size(2 * TDX_PA_LIST_MAX), NUMA_NO_NODE);
	if (!array)
		return;
	switch (draw(6)) {
	case 0:
		status = tdh_spdm_create(atomic_inc_return(&next_key), held, &unused);
		break;
	case 1:
		status = tdh_spdm_delete(link->spdm.id, array);
		break;
	case 2:
		status = tdh_ide_stream_delete(link->spdm.id, link->ide.id, array);
		break;
	case 3:
		status = tdh_iommu_clear(link->iommu.id, array);
		break;
	case 4:
		status = tdh_ext_mem_add(held);
		break;
	case 5:
		status = tdh_spdm_mng(link->spdm.id, TDX_SPDM_RECOLLECT, NULL, p->response,
				      p->request, held, &unused);
		break;
	}
	atomic_long_inc(&nr_misused);
	if (status != TDX_SW_ERROR)
		atomic_long_inc(&nr_accepted);
	tdx_pa_array_free(array);
}

static void use_link(struct tdx_link *link, unsigned int nr_info)
{
	size_t len;
	void *info;

	for (int i = draw(4); i; i--)
		exchange(link);
	if (!flat->read_info(&link->spdm, draw(4) ? INFO_RECOLLECT : INFO_CONNECT, nr_info, &info,
			     &len))
		kfree(info);
	if (!draw(4))
		misuse(link);
	/* The module does not have this session, and keeps the pages. */
	if (!draw(8))
		tdh_spdm_delete(NO_ID, link->spdm.array);
}

static int run_links(void)
{
	struct tdx_link_config configs[MAX_LINKS];
	unsigned int nr = 1 + draw(MAX_LINKS);
	struct tdx_link links[MAX_LINKS];
	int ret;

	for (unsigned int i = 0; i < nr; i++) {
		u32 key = atomic_inc_return(&next_key);

		configs[i] = (struct tdx_link_config) {
			.reg_base = key * PAGE_SIZE,
			.iommu_order = draw(MAX_ORDER + 1),
			.nr_iommu = nr_iommu,
			.func_id = key,
			.nr_spdm = draw_size(TDX_PA_LIST_MAX),
			.nr_info = draw_size(TDX_PA_LIST_MAX),
			.stream_info = key,
			.nr_ide = draw_size(TDX_PA_LIST_MAX),
		};
	}
	ret = tdx_links_up(links, nr, flat, configs);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < nr; i++)
		use_link(&links[i], configs[i].nr_info);
	tdx_links_down(links, nr);
	return 0;
}

/*
 * Let the @nth allocation of this task fail.  Return what is left of the one
 * before.
 */
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
		if (draw(4) ? run_links() : flat->ext_start(draw_size(MAX_MEMORY)))
			atomic_long_inc(&nr_failed);
		if (!arm_allocation(0) && nth)
			atomic_long_inc(&nr_failed_allocations);
		/* Of any CPU */
		tdx_model_unlock();
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
	u64 length = draw(8) ? 0 : 1ULL << draw(64);
	struct tdx_checker_report r;
	unsigned long nr_calls = 0;
	int len, ret;

	design_select(flat);
	/*
	 * The entries are the only record of the pages: the module writes to
	 * other bits only.
	 */
	tdx_model_set_list_write(list_write);
	tdx_model_set_zero_registers(zero);
	tdx_model_set_output(output);
	tdx_model_set_clear(clear);
	tdx_model_set_rounds(rounds);
	tdx_model_set_length(length);
	nr_iommu = draw(TDX_PA_LIST_MAX - TDX_IOMMU_MT_NR_BLOCKS + 1);
	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + nr_iommu);
	atomic_long_set(&nr_failed, 0);
	atomic_long_set(&nr_arrays, 0);
	atomic_long_set(&nr_pages, 0);
	atomic_long_set(&nr_failed_allocations, 0);
	atomic_long_set(&nr_misused, 0);
	atomic_long_set(&nr_accepted, 0);
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
	/*
	 * The kernel keeps the addresses that vfree() frees, up to 32 MiB and
	 * more of them.
	 */
	vm_unmap_aliases();
	len = scnprintf(totals, sizeof(totals), "\"modes\": [%u, %u, %u, %u, %u, %llu, %u], ",
			list_write, zero, output, clear, rounds, length, nr_iommu);
	scnprintf(totals + len, sizeof(totals) - len,
		  "\"cpus\": %u, \"sequences\": %d, \"failed\": %ld, \"failed_allocations\": %ld, \"arrays\": %ld, \"pages\": %ld, \"misused\": %ld, \"accepted\": %ld, \"calls\": %lu, \"held\": %lu, \"refused\": %lu, \"freed_owned\": %lu, \"freed_dirty\": %lu, \"freed_twice\": %lu, \"claimed_free\": %lu, \"needless\": %lu",
		  num_online_cpus(), num_online_cpus() * NR_SEQUENCES, atomic_long_read(&nr_failed),
		  atomic_long_read(&nr_failed_allocations), atomic_long_read(&nr_arrays),
		  atomic_long_read(&nr_pages), atomic_long_read(&nr_misused),
		  atomic_long_read(&nr_accepted), nr_calls, r.held,
		  r.lost - r.needless, r.freed_owned, r.freed_dirty, r.freed_twice,
		  r.claimed_free, r.needless);
	return 0;
}

static int round_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s, \"free\": %lu\n", totals, tdx_checker_nr_free_pages());
}

static const struct kernel_param_ops round_ops = { .set = round_set, .get = round_get };
module_param_cb(round, &round_ops, NULL, 0600);
MODULE_PARM_DESC(round, "write anything to run a round, read its totals");

static int __init load_init(void)
{
	int ret;

	flat = design_find("flat");
	/* Never hand test pages to a real TDX module. */
	ret = flat ? tdx_model_install() : -ENOENT;
	if (!ret)
		expect_warnings();
	return ret;
}
module_init(load_init);

static void __exit load_exit(void)
{
}
module_exit(load_exit);

MODULE_DESCRIPTION("Load of page arrays on all CPUs");
MODULE_LICENSE("GPL");
