// SPDX-License-Identifier: GPL-2.0
/*
 * Random cycles of one design on an emulated TDX host, with a memory load
 *
 * Each cycle brings up an IOMMU, a session and an IDE stream with the driver
 * example, and takes them down.  Some cycles also add memory of the extensions.
 * The thread moves to another CPU for each half.  Calls are interrupted, and
 * one call in some cycles fails.  All of that depends on the seed and on the
 * number of the cycle only.
 *
 * The load reuses freed pages after each half, and verifies what it wrote to
 * them before.
 *
 * For each first mistake that the machine reports, and for corrupted pages, the
 * operation is printed that freed the page too early, also if a machine check
 * follows.
 *
 * Three parts of a run are not those of a real host.  The machine deletes
 * objects with a page for the output only, so designs that delete by ID borrow
 * one here.  WBINVD does not fail.  TDH.EXT.INIT does not fail either: the
 * WBINVD of v2 and the descriptor that follows acts on the software module of
 * the tests.
 */
#include <linux/cpumask.h>
#include <linux/kdebug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "../designs/design.h"
#include "../seam/tdx_seam.h"
#include "driver/tdx_connect.c"
#include "emulated_host.h"
#include "seamcall/seamcall.h"

static char *design = "flat";
module_param(design, charp, 0444);
MODULE_PARM_DESC(design, "name of the design (default: flat)");

static unsigned int steps = 10000;
module_param(steps, uint, 0444);
MODULE_PARM_DESC(steps, "number of cycles (default: 10000)");

static u64 seed = 1;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "seed of operations and faults (default: 1)");

/*
 * Starts of the extensions: one in START_CYCLES of the first MAX_START_CYCLE.
 * As after the boot of a host, other users of memory still grow.  The memory
 * stays with the module.
 */
#define START_CYCLES	8
#define MAX_START_CYCLE	(2 * LOAD_BATCHES)
/*
 * Destroys that fail in a run: the module keeps the objects, and has room for
 * 64.
 */
#define NR_FAILED	12
#define NR_REPORTS	20

/* Device messages of each exchange */
#define NR_ROUNDS	2

enum operation {
	EXT_START, IOMMU_SETUP, SPDM_CREATE, READ_INFO, IDE_CREATE,
	IDE_DELETE, SPDM_DELETE, IOMMU_CLEAR,
	NR_OPERATIONS,
	FIRST_DESTROY = IDE_DELETE,
};

/* @resumable: the leaf can be interrupted */
static const struct {
	const char *name;
	u64 leaf;
	bool resumable;
} operations[NR_OPERATIONS] = {
	[EXT_START] = { "ext_start", TDH_EXT_MEM_ADD, true },
	[IOMMU_SETUP] = { "iommu_setup", TDH_IOMMU_SETUP, true },
	[SPDM_CREATE] = { "spdm_create", TDH_SPDM_CREATE },
	[READ_INFO] = { "read_info", TDH_SPDM_CONNECT, true },
	[IDE_CREATE] = { "ide_create", TDH_IDE_STREAM_CREATE },
	[IDE_DELETE] = { "ide_delete", TDH_IDE_STREAM_DELETE },
	[SPDM_DELETE] = { "spdm_delete", TDH_SPDM_DELETE },
	[IOMMU_CLEAR] = { "iommu_clear", TDH_IOMMU_CLEAR, true },
};

/**
 * struct plan - what a cycle does
 * @cpus: CPUs of its two halves
 * @starts: it adds memory of the extensions
 * @nr_ext: number of these pages
 * @config: the device
 * @interrupts: operations whose leaf is interrupted, one bit each
 * @failing: the operation that fails, or NR_OPERATIONS
 * @status: of its leaf
 * @after: entries that a leaf processes before it fails or is interrupted
 */
struct plan {
	unsigned int cpus[2];
	bool starts;
	unsigned int nr_ext;
	struct tdx_link_config config;
	unsigned long interrupts;
	unsigned int failing;
	u64 status;
	unsigned int after;
};

static const struct design *rival;
static struct plan plan;
static unsigned int cycle;
static unsigned int current_operation = NR_OPERATIONS;
static unsigned long nr_operations, nr_failed, nr_faults, nr_interrupts;

/*
 * Pages of arrays: the page allocator gets them, or the module keeps them, or
 * they leak.
 */

/*
 * UNRESET: a CPU with X86_BUG_TDX_PW_MCE can take a machine check for a store
 * to the page.
 */
enum wrong { OWNED, UNFLUSHED, UNRESET, NR_WRONG };

/*
 * A page that was freed while it was owned or dirty, and allocated again, is
 * spoilt.  FREED: an array had the page last, or another user that is not the
 * load.
 */
enum watched { NOT_WATCHED, WATCHED, SPOILT, FREED };

static u8 *watched;
/*
 * Pages of arrays that were freed; those that the load reused; those that an
 * array reused
 */
static unsigned long nr_freed, nr_reused, nr_again;
/* The same, since the load has reused some */
static unsigned int nr_new;
static unsigned long end_pfn;
static struct tracepoint *page_free;

/**
 * struct early - pages that one operation freed in one wrong state
 * @operation: the operation
 * @failed: its result, or -1 as long as it runs
 * @state: the state
 * @nr_pages: number of pages
 */
struct early {
	enum operation operation;
	int failed;
	enum wrong state;
	unsigned long nr_pages;
};

static struct early *early;
static unsigned int nr_early, max_early;
/* Those of the current operation */
static struct early *current_early[NR_WRONG];
/*
 * By PFN: what has freed the page last in a wrong state, as a position in
 * early, counted from 1
 */
static u32 *freed_by;

static void note_early(unsigned long pfn, enum wrong state)
{
	struct early **e = &current_early[state];

	if (current_operation == NR_OPERATIONS)
		return;
	if (!*e && nr_early < max_early) {
		*e = &early[nr_early++];
		**e = (struct early) {
			.operation = current_operation, .failed = -1, .state = state,
		};
	}
	if (!*e)
		return;
	(*e)->nr_pages++;
	freed_by[pfn] = *e - early + 1;
}

static void watch(const struct design *d, void *array)
{
	for (unsigned int i = 0; i < d->nr_entries(array); i++) {
		unsigned long nr_pages, pfn = PHYS_PFN(d->pages(array, i, &nr_pages));

		for (; nr_pages--; pfn++) {
			nr_again += watched[pfn] == FREED;
			watched[pfn] = page_state(pfn_to_page(pfn)) == TDX_HOST_SHARED ?
				       WATCHED : SPOILT;
		}
	}
}

static void on_page_free(void *data, struct page *page, unsigned int order)
{
	for (unsigned long n = 0; n < 1UL << order; n++) {
		unsigned long pfn = page_to_pfn(page) + n;
		unsigned int state;

		if (pfn >= end_pfn || !watched[pfn] || watched[pfn] == FREED)
			continue;
		state = page_state(page + n);
		if (state != TDX_HOST_SHARED && watched[pfn] == WATCHED)
			note_early(pfn, state == TDX_HOST_OWNED ? OWNED : UNFLUSHED);
		else if (state == TDX_HOST_SHARED && page_lines(page + n))
			note_early(pfn, UNRESET);
		else if (state == TDX_HOST_SHARED)
			freed_by[pfn] = 0;
		watched[pfn] = FREED;
		nr_freed++;
		nr_new++;
	}
}

static void on_load_taken(struct page *page)
{
	u8 *state = &watched[page_to_pfn(page)];

	nr_reused += *state == FREED;
	*state = NOT_WATCHED;
}

static void find_page_free(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "mm_page_free"))
		page_free = tp;
}

/* Count pages that are neither free nor the module's. */
static unsigned long count_leaked(void)
{
	unsigned long nr = 0;

	for (unsigned long pfn = 0; pfn < end_pfn; pfn++)
		nr += watched[pfn] && watched[pfn] != FREED &&
		      page_state(pfn_to_page(pfn)) != TDX_HOST_OWNED;
	return nr;
}

/*
 * Between the designs and the machine
 */

static const struct tdx_seam *machine;
static struct tdx_seam seam;
static struct page *output;

static u64 counted_seamcall(u64 leaf, struct tdx_module_args *args)
{
	u64 status;

	/* The machine expects a page for the list of returned pages. */
	if (rival->deletes_by_id && (leaf == TDH_SPDM_DELETE || leaf == TDH_IOMMU_CLEAR))
		args->rdx = page_to_phys(output);
	status = machine->seamcall(leaf, args);
	if (current_operation == NR_OPERATIONS)
		return status;
	if (status == TDX_INTERRUPTED_RESUMABLE)
		nr_interrupts++;
	else if (status == plan.status && plan.failing == current_operation)
		nr_faults++;
	return status;
}

/*
 * Operations: each arms its faults, calls the design, and reports what it
 * freed.
 */

static void arm(u64 leaf, unsigned int nth, u64 status)
{
	struct tdx_module_args args = {
		.rcx = leaf, .rdx = nth, .r8 = status, .r9 = plan.after,
	};

	tdx_seam_call(TDX_HOST_FAIL, &args);
}

static void begin(enum operation op)
{
	bool interrupted = plan.interrupts & BIT(op);

	current_operation = op;
	nr_operations++;
	memset(current_early, 0, sizeof(current_early));
	if (interrupted)
		arm(operations[op].leaf, 1, TDX_INTERRUPTED_RESUMABLE);
	if (op == EXT_START && interrupted)
		arm(TDH_EXT_INIT, 1, TDX_INTERRUPTED_RESUMABLE);
	if (plan.failing == op)
		arm(operations[op].leaf, 1 + interrupted, plan.status);
}

/*
 * Blocks of an IOMMU_MT list.  A clear that frees one page of each unflushed
 * shows H7.
 */
#define NR_TAILS	TDX_IOMMU_MT_NR_BLOCKS

/*
 * The hazard of faults.json that an operation shows, or NULL if that is not
 * certain
 */
static const char *hazard(const struct early *e)
{
	bool creates = e->operation == SPDM_CREATE || e->operation == IDE_CREATE ||
		       (e->operation == IOMMU_SETUP && e->nr_pages != NR_TAILS);
	bool deletes = e->operation == SPDM_DELETE || e->operation == IDE_DELETE;

	if (e->state == UNRESET)
		return "no reset";
	if (e->failed < 0)
		return NULL;
	if (e->state == OWNED)
		return e->operation == EXT_START && e->failed ? "H1" : NULL;
	if (e->failed)
		return creates ? "H2" : NULL;
	if (e->operation == IOMMU_CLEAR && e->nr_pages == NR_TAILS)
		return "H7";
	return deletes ? "H9" : NULL;
}

static const char *name_of(const struct early *e)
{
	static const char *const states[NR_WRONG] = { "owned", "unflushed", "unreset" };
	static const char *const results[] = { "running", "done", "failed" };
	static char text[64];

	if (!e)
		return "unknown page";
	if (hazard(e))
		return hazard(e);
	snprintf(text, sizeof(text), "%s %s, %s", operations[e->operation].name,
		 results[e->failed + 1], states[e->state]);
	return text;
}

static const struct early *early_of(unsigned long pfn)
{
	return pfn < end_pfn && freed_by[pfn] ? &early[freed_by[pfn] - 1] : NULL;
}

static void print_early(const char *kind, const struct early *e)
{
	pr_info("tdx_cycles: {\"kind\": \"%s\", \"cycle\": %u, \"hazard\": \"%s\"}\n", kind,
		cycle, name_of(e));
}

/**
 * struct lost - corrupted pages, by what has freed them
 * @name: its name
 * @cycle: the cycle that found the first
 * @nr_pages: number of pages
 */
static struct lost {
	char name[64];
	unsigned int cycle;
	unsigned long nr_pages;
} lost[32];

static void on_corrupted(struct page *page)
{
	const char *name = name_of(early_of(page_to_pfn(page)));
	struct lost *l = lost;

	while (l < lost + ARRAY_SIZE(lost) - 1 && l->nr_pages && strcmp(l->name, name))
		l++;
	if (!l->nr_pages++) {
		strscpy(l->name, name);
		l->cycle = cycle;
	}
}

/*
 * Print the first time that an operation with this result frees pages in this
 * state.
 */
static void report_freed(enum operation op, bool failed)
{
	static bool reported[NR_OPERATIONS][2][NR_WRONG];

	for (unsigned int i = 0; i < NR_WRONG; i++) {
		if (!current_early[i])
			continue;
		current_early[i]->failed = failed;
		if (!reported[op][failed][i])
			print_early("freed", current_early[i]);
		reported[op][failed][i] = true;
	}
}

static int end(int ret)
{
	disarm();
	nr_failed += !!ret;
	report_freed(current_operation, ret);
	current_operation = NR_OPERATIONS;
	return ret;
}

static int iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
		       struct design_object *iommu)
{
	int ret;

	begin(IOMMU_SETUP);
	ret = rival->iommu_setup(reg_base, order, nr_pages, iommu);
	/* v2 skips an IOMMU that the module refuses. */
	end(ret ?: iommu->array ? 0 : -ENODEV);
	return ret;
}

static int spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm)
{
	begin(SPDM_CREATE);
	return end(rival->spdm_create(func_id, nr, spdm));
}

static int read_info(const struct design_object *spdm, enum design_info how,
		     unsigned int nr_pages, void **blob, size_t *len)
{
	begin(READ_INFO);
	return end(rival->read_info(spdm, how, nr_pages, blob, len));
}

static int ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
		      struct design_object *ide)
{
	begin(IDE_CREATE);
	return end(rival->ide_create(info, spdm, nr, ide));
}

static int ide_delete(const struct design_object *spdm, struct design_object *ide)
{
	begin(IDE_DELETE);
	return end(rival->ide_delete(spdm, ide));
}

static int spdm_delete(struct design_object *spdm)
{
	begin(SPDM_DELETE);
	return end(rival->spdm_delete(spdm));
}

static int iommu_clear(struct design_object *iommu)
{
	begin(IOMMU_CLEAR);
	return end(rival->iommu_clear(iommu));
}

/* What the driver calls */
static const struct design observed = {
	.iommu_setup = iommu_setup,
	.spdm_create = spdm_create,
	.read_info = read_info,
	.ide_create = ide_create,
	.ide_delete = ide_delete,
	.spdm_delete = spdm_delete,
	.iommu_clear = iommu_clear,
};

/*
 * Cycles
 */

static struct rnd_state rnd;

static u32 draw(u32 n)
{
	return prandom_u32_state(&rnd) % n;
}

static unsigned int draw_cpu(void)
{
	return cpumask_nth(draw(num_online_cpus()), cpu_online_mask);
}

static void make_plan(void)
{
	static const u64 statuses[] = {
		TDX_OPERAND_BUSY, TDX_OPERAND_INVALID, TDX_PAGE_METADATA_INCORRECT,
	};

	prandom_seed_state(&rnd, seed * 0x9e3779b97f4a7c15ULL + cycle);
	plan = (struct plan) {
		.failing = NR_OPERATIONS,
		.config = {
			/* The module accepts each of these once. */
			.reg_base = cycle * PAGE_SIZE,
			.func_id = cycle,
			.stream_info = cycle,
			/* All designs support these. */
			.iommu_order = 1,
			.nr_ide = 1,
		},
	};
	plan.cpus[0] = draw_cpu();
	plan.cpus[1] = draw_cpu();
	plan.starts = !draw(START_CYCLES) && cycle <= MAX_START_CYCLE;
	plan.nr_ext = 1 + draw(1100);
	plan.config.nr_iommu = draw(30);
	/* A single page has no list: see counted_seamcall(). */
	plan.config.nr_spdm = 2 + draw(40);
	plan.config.nr_info = 1 + draw(8);
	for (unsigned int op = 0; op < NR_OPERATIONS; op++)
		plan.interrupts |= !draw(3) && operations[op].resumable ? BIT(op) : 0;
	if (!draw(4))
		plan.failing = draw(FIRST_DESTROY);
	if (!draw(max(steps / NR_FAILED, 2)))
		plan.failing = FIRST_DESTROY + draw(NR_OPERATIONS - FIRST_DESTROY);
	if (plan.starts && draw(2))
		plan.failing = EXT_START;
	plan.status = statuses[draw(ARRAY_SIZE(statuses))];
	plan.after = draw(plan.failing == EXT_START ? 512 : 40);
}

static void move_to(unsigned int cpu)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

static struct load *load;

static void reuse_freed(void)
{
	load_reuse(load, nr_new);
	nr_new = 0;
}

static void run_cycle(void)
{
	struct tdx_module_args args = {
		.rcx = TDH_IOMMU_SETUP,
		.rdx = TDX_IOMMU_MT_NR_BLOCKS + plan.config.nr_iommu,
	};
	struct tdx_link link;

	move_to(plan.cpus[0]);
	if (plan.starts) {
		begin(EXT_START);
		end(rival->ext_start(plan.nr_ext));
	}
	/* One design has memory of the extensions only. */
	if (!rival->spdm_create)
		return;
	tdx_seam_call(TDX_HOST_CONTROL, &args);
	if (tdx_link_up(&link, &observed, &plan.config))
		return;
	reuse_freed();
	move_to(plan.cpus[1]);
	tdx_link_down(&link);
}

static u64 first_owned;

static void report(const char *kind)
{
	for (struct lost *l = lost; l < lost + ARRAY_SIZE(lost) && l->nr_pages; l++)
		pr_info("tdx_cycles: {\"kind\": \"lost\", \"cycle\": %u, \"hazard\": \"%s\", \"pages\": %lu}\n",
			l->cycle, l->name, l->nr_pages);
	pr_info("tdx_cycles: {\"kind\": \"%s\", \"cycle\": %u, \"operations\": %lu, \"failed\": %lu, \"faults\": %lu, \"interruptions\": %lu, \"verified\": %lu, \"corrupted\": %lu, \"stores\": %llu, \"partial\": %llu, \"write_backs\": %llu, \"owned\": %lld, \"leaked\": %lu, \"freed_pages\": %lu, \"reused\": %lu, \"again\": %lu}\n",
		kind, cycle, nr_operations, nr_failed, nr_faults, nr_interrupts,
		load->nr_checked, load->nr_corrupted, read_machine(POSITION(nr_stores)),
		read_machine(POSITION(nr_partial)), read_machine(POSITION(nr_write_backs)),
		read_machine(POSITION(nr_owned)) - first_owned, count_leaked(),
		nr_freed, nr_reused, nr_again);
}

/*
 * The machine counts a mistake, and has the PA of the first: print what has
 * freed the page.
 */
static void report_first(const char *kind, size_t counter, size_t pa, bool *reported)
{
	u64 nr = read_machine(counter);

	if (nr && !*reported)
		print_early(kind, early_of(PHYS_PFN(read_machine(pa))));
	*reported = nr;
}

static void report_firsts(void)
{
	static bool write_back, store, partial;

	report_first("write_back", POSITION(nr_write_backs), POSITION(write_back_pa), &write_back);
	report_first("store", POSITION(nr_stores), POSITION(store_pa), &store);
	report_first("partial", POSITION(nr_partial), POSITION(partial_pa), &partial);
}

/* The kernel stops, perhaps because of a machine check. */
static int on_panic(struct notifier_block *block, unsigned long action, void *message)
{
	report_firsts();
	report("panic");
	return NOTIFY_DONE;
}

static int on_die(struct notifier_block *block, unsigned long action, void *args)
{
	return action == DIE_OOPS ? on_panic(block, action, args) : NOTIFY_DONE;
}

static struct notifier_block panic_block = { .notifier_call = on_panic };
static struct notifier_block die_block = { .notifier_call = on_die };

static void run_cycles(void)
{
	pr_info("tdx_cycles: {\"kind\": \"begin\", \"seed\": %llu, \"steps\": %u, \"cpus\": %u}\n",
		seed, steps, num_online_cpus());
	first_owned = read_machine(POSITION(nr_owned));
	for (cycle = 1; cycle <= steps; cycle++) {
		make_plan();
		run_cycle();
		reuse_freed();
		load_turn(load);
		report_firsts();
		if (cycle % max(steps / NR_REPORTS, 1) == 0)
			report("progress");
		cond_resched();
	}
	cycle = steps;
	load_end(load);
	report_firsts();
	report("end");
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static int prepare(void)
{
	u64 value;
	int nid;

	if (machine_call(TDX_HOST_IDENTIFY, 0, 0, &value) || value != TDX_HOST_MAGIC) {
		pr_err("tdx_cycles: this machine is not an emulated TDX host\n");
		return -ENODEV;
	}
	machine_call(TDX_HOST_ENABLE, 1, 0, &value);
	set(POSITION(max_delay_us), MAX_DELAY_MS * 1000);
	set(POSITION(rounds), NR_ROUNDS);

	for_each_online_node(nid)
		end_pfn = max(end_pfn, node_end_pfn(nid));
	watched = vzalloc(end_pfn);
	freed_by = vcalloc(end_pfn, sizeof(*freed_by));
	max_early = steps * NR_OPERATIONS;
	early = vcalloc(max_early, sizeof(*early));
	load = vzalloc(sizeof(*load));
	output = alloc_page(GFP_KERNEL);
	if (!watched || !freed_by || !early || !load || !output)
		return -ENOMEM;

	load_init(load);
	load->on_taken = on_load_taken;
	load->on_corrupted = on_corrupted;
	for_each_kernel_tracepoint(find_page_free, NULL);
	return page_free ? tracepoint_probe_register(page_free, on_page_free, NULL) : -ENOENT;
}

/* Run between the designs and the machine. */
static int run(void)
{
	int ret;

	machine = tdx_seamcall_seam(&(struct tdx_seamcall_about) {});
	seam = *machine;
	seam.seamcall = counted_seamcall;
	tdx_seam_remove(machine);
	ret = tdx_seam_install(&seam);
	if (!ret) {
		design_select(rival);
		design_on_array = watch;
		atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
		register_die_notifier(&die_block);
		run_cycles();
		unregister_die_notifier(&die_block);
		atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
		design_on_array = NULL;
		tdx_seam_remove(&seam);
	}
	tracepoint_probe_unregister(page_free, on_page_free, NULL);
	tracepoint_synchronize_unregister();
	return ret ?: tdx_seam_install(machine);
}

static int __init cycles_init(void)
{
	int ret;

	rival = design_find(design);
	if (!rival || !steps)
		return -EINVAL;

	ret = prepare() ?: run();
	if (output)
		__free_page(output);
	vfree(load);
	vfree(early);
	vfree(freed_by);
	vfree(watched);
	return ret;
}
module_init(cycles_init);

static void __exit cycles_exit(void)
{
}
module_exit(cycles_exit);

MODULE_DESCRIPTION("Random cycles of one design on an emulated TDX host");
MODULE_LICENSE("GPL");
