// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark: all designs in one run, interleaved
 *
 * A cell is an operation with a number of pages.  Cells come in random order.
 * In each cell, a round takes one sample of each design.  The designs are
 * shuffled for each round, and the first round is discarded.  A sample is many
 * equal operations, because the clock is coarse: stretches of a batch each,
 * with setup and cleanup outside the measured time.  The samples are recorded
 * after the last round, one line each.
 *
 * Loading the module runs the benchmark.  The module stays loaded and does
 * nothing more.  A signal ends the benchmark early, and the module is not
 * loaded.
 */
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/list_sort.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"
#include "records.h"
#include "tdx.h"

#define PREFIX		"tdx_bench: "

#define MAX_SIZES	16
#define MAX_BATCH	256
#define MAX_REPEATS	1001

#define MAX_STRETCHES	4096

/*
 * The most pages of all arrays in a batch.  With few, single pages come from
 * the per-CPU lists, as for a driver with one array at a time.  Large batches
 * would make v2 look slower than it is.
 */
#define MAX_BATCH_PAGES	2048

/* The most pages of one array: 4 GiB */
#define MAX_PAGES	1048576U

/*
 * Above this many pages a sample takes milliseconds.  Only the operations that
 * show the cost of a page are measured, with fewer samples.
 */
#define MANY_PAGES	512
#define MANY_REPEATS	DIV_ROUND_UP(repeats, 2)

/* No known use needs more for the extensions. */
#define MAX_EXTENSION_PAGES	32768

/* The device function that sessions are for */
#define FUNC_ID			0x1000

static bool log = true;
module_param(log, bool, 0444);
MODULE_PARM_DESC(log, "print records to the kernel's log, else keep them in debugfs/tdx_bench (default: Y)");

static char *only_designs = "";
module_param_named(designs, only_designs, charp, 0444);
MODULE_PARM_DESC(designs, "names of the designs to run, comma separated (default: all)");

static char *only_ops = "";
module_param_named(ops, only_ops, charp, 0444);
MODULE_PARM_DESC(ops, "names of the operations to run, comma separated (default: all)");

/*
 * 9,000 pages are a session of 35 MB; 12,800 and 27,000 are memory of the
 * extensions.
 */
static unsigned int sizes[MAX_SIZES] = {
	1, 2, 8, 32, 128, 512, 1024, 4096, 9000, 12800, 27000
};

static unsigned int nr_sizes = 11;
module_param_array_named(pages, sizes, uint, &nr_sizes, 0444);
MODULE_PARM_DESC(pages, "numbers of pages (default: 1,2,8,32,128,512,1024,4096,9000,12800,27000)");

static unsigned int repeats = 101;
module_param(repeats, uint, 0444);
MODULE_PARM_DESC(repeats, "samples of each kind (default: 101, at most 1001)");

static unsigned int sample_us = 100;
module_param(sample_us, uint, 0444);
MODULE_PARM_DESC(sample_us, "shortest sample to aim at, in us (default: 100)");

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "number of this boot, from which all random orders follow (default: 1)");

static bool prepare;
module_param(prepare, bool, 0444);
MODULE_PARM_DESC(prepare, "start each sample from the same lists of free pages (default: N)");

static bool touch;
module_param(touch, bool, 0444);
MODULE_PARM_DESC(touch, "use all memory once before, only for guests (default: N)");

/* One design in one cell */
struct run {
	const struct design *design;
	unsigned int nr_pages;
	unsigned int batch;
	unsigned int stretches;
	bool absent;
	void *arrays[MAX_BATCH];
	/* A session to read from, created outside the measured time */
	struct design_object spdm;
	u64 mix;
};

/* One sample per run and round */
static u64 *samples;

static u64 *sample_of(unsigned int run, unsigned int round)
{
	return &samples[run * repeats + round];
}

/**
 * struct bench_op - an operation to measure
 * @name: its name
 * @can: can the design do it with this number of pages?
 * @open: prepare a sample, not measured; may be NULL
 * @before: prepare a batch, not measured; may be NULL
 * @run: do the batch
 * @after: clean up after a batch, not measured; may be NULL
 * @close: clean up after a sample, not measured; may be NULL
 * @holds_pages: all pages of a batch are in use at once
 * @fixed_batch: the batch has its maximum size, the same for all designs
 * @many_pages: also measured above MANY_PAGES
 * @cold: caches are to be cold, so no part of a sample is left out
 *
 * The functions return 0 or a negative errno.
 */
struct bench_op {
	const char *name;
	bool (*can)(const struct design *design, unsigned int nr_pages);
	int (*open)(struct run *run);
	int (*before)(struct run *run);
	int (*run)(struct run *run);
	int (*after)(struct run *run);
	int (*close)(struct run *run);
	bool holds_pages;
	bool fixed_batch;
	bool many_pages;
	bool cold;
};

static enum design_use use_for(unsigned int nr_pages)
{
	return nr_pages <= 512 ? USE_CONTROL : USE_MEMORY;
}

static int create_batch(struct run *run)
{
	const struct design *design = run->design;
	enum design_use use = use_for(run->nr_pages);

	for (unsigned int i = 0; i < run->batch; i++)
		run->arrays[i] = design->create(use, run->nr_pages);
	for (unsigned int i = 0; i < run->batch; i++) {
		if (!run->arrays[i])
			goto release;
	}
	return 0;

release:
	for (unsigned int i = 0; i < run->batch; i++) {
		if (run->arrays[i])
			design->release(run->arrays[i]);
	}
	return -ENOMEM;
}

static int release_batch(struct run *run)
{
	for (unsigned int i = 0; i < run->batch; i++)
		run->design->release(run->arrays[i]);
	return 0;
}

static int release_flushed_batch(struct run *run)
{
	for (unsigned int i = 0; i < run->batch; i++)
		run->design->release_flushed(run->arrays[i]);
	return 0;
}

/*
 * One array is enough.  It is for memory at any size, because the callers of v2
 * populate such an array list by list.  The list of an array of control pages
 * is filled at creation.
 */
static int create_one(struct run *run)
{
	run->arrays[0] = run->design->create(USE_MEMORY, run->nr_pages);
	return run->arrays[0] ? 0 : -ENOMEM;
}

static int release_one(struct run *run)
{
	run->design->release(run->arrays[0]);
	return 0;
}

static int hand_over_batch(struct run *run)
{
	for (unsigned int i = 0; i < run->batch; i++)
		run->mix += run->design->hand_over(run->arrays[0]);
	return 0;
}

/* Everything that needs no call of the module */
static int cycle_batch(struct run *run)
{
	const struct design *design = run->design;
	enum design_use use = use_for(run->nr_pages);
	u64 (*hand_over)(void *array) = use == USE_CONTROL ? design->operand : design->hand_over;

	for (unsigned int i = 0; i < run->batch; i++) {
		void *array = design->create(use, run->nr_pages);

		if (!array)
			return -ENOMEM;
		if (hand_over)
			run->mix += hand_over(array);
		design->release(array);
	}
	return 0;
}

static int life_control_batch(struct run *run)
{
	struct design_object spdm;
	int ret = 0;

	for (unsigned int i = 0; i < run->batch && !ret; i++) {
		ret = run->design->spdm_create(FUNC_ID, run->nr_pages, &spdm);
		if (!ret)
			ret = run->design->spdm_delete(&spdm);
	}
	return ret;
}

static int open_session(struct run *run)
{
	return run->design->spdm_create(FUNC_ID, 1, &run->spdm);
}

static int close_session(struct run *run)
{
	return run->design->spdm_delete(&run->spdm);
}

static int life_blob_batch(struct run *run)
{
	int ret = 0;

	for (unsigned int i = 0; i < run->batch && !ret; i++) {
		size_t len;
		void *blob;

		ret = run->design->read_info(&run->spdm, INFO_CONNECT, run->nr_pages, &blob, &len);
		if (!ret)
			kfree(blob);
	}
	return ret;
}

/*
 * Memory for the extensions is donated once per boot, and its caches are cold.
 * Without this, designs that always get the same contiguous run would find it
 * in the caches.
 */
static struct page *other_data[16];

#define OTHER_DATA_ORDER 10

static bool have_other_data(void)
{
	/* The search for a contiguous run skips compound pages at once. */
	for (unsigned int i = 0; i < ARRAY_SIZE(other_data); i++) {
		if (!other_data[i])
			other_data[i] = alloc_pages(GFP_KERNEL | __GFP_COMP, OTHER_DATA_ORDER);
		if (!other_data[i])
			return false;
	}
	return true;
}

static void free_other_data(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(other_data); i++) {
		if (other_data[i])
			__free_pages(other_data[i], OTHER_DATA_ORDER);
	}
}

static int fill_caches(struct run *run)
{
	/* Instructions do not depend on caches. */
	if (prepare)
		return 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(other_data); i++) {
		const char *data = page_address(other_data[i]);

		for (size_t at = 0; at < PAGE_SIZE << OTHER_DATA_ORDER; at += L1_CACHE_BYTES)
			run->mix += READ_ONCE(data[at]);
	}
	return 0;
}

static int life_memory_batch(struct run *run)
{
	int ret = 0;

	for (unsigned int i = 0; i < run->batch && !ret; i++)
		ret = run->design->ext_start(run->nr_pages);
	return ret;
}

static int reclaim(struct run *run)
{
	tdx_model_reclaim();
	return 0;
}

/* One array, for the use with this number of pages */
static bool can_create(const struct design *design, unsigned int nr_pages)
{
	return nr_pages <= (use_for(nr_pages) == USE_CONTROL ? design->max_control :
							       design->max_memory);
}

static bool can_hand_over(const struct design *design, unsigned int nr_pages)
{
	return design->hand_over && nr_pages <= design->max_memory;
}

static bool can_release_flushed(const struct design *design, unsigned int nr_pages)
{
	return design->release_flushed && nr_pages <= design->max_control;
}

static bool can_live_as_control(const struct design *design, unsigned int nr_pages)
{
	return design->spdm_create && nr_pages <= 512;
}

static bool can_live_as_blob(const struct design *design, unsigned int nr_pages)
{
	return design->read_info && nr_pages <= 512;
}

static bool can_live_as_memory(const struct design *design, unsigned int nr_pages)
{
	return design->ext_start && nr_pages > MANY_PAGES && nr_pages <= MAX_EXTENSION_PAGES &&
	       nr_pages <= design->max_memory;
}

static const struct bench_op ops[] = {
	{ "create", can_create, .run = create_batch, .after = release_batch,
	  .holds_pages = true, .fixed_batch = true },
	{ "hand-over", can_hand_over, .open = create_one, .run = hand_over_batch,
	  .close = release_one, .many_pages = true },
	{ "release", can_create, .before = create_batch, .run = release_batch,
	  .holds_pages = true, .fixed_batch = true },
	{ "release-flushed", can_release_flushed, .before = create_batch,
	  .run = release_flushed_batch, .holds_pages = true, .fixed_batch = true },
	{ "cycle", can_create, .run = cycle_batch, .many_pages = true },
	{ "life-control", can_live_as_control, .run = life_control_batch },
	{ "life-blob", can_live_as_blob, .open = open_session, .run = life_blob_batch,
	  .close = close_session },
	{ "life-memory", can_live_as_memory, .before = fill_caches, .run = life_memory_batch,
	  .after = reclaim, .holds_pages = true, .many_pages = true, .cold = true },
};

/* Is @name in the comma separated @list?  An empty list has all names. */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	if (!*list)
		return true;
	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, len) && (!p[len] || p[len] == ','))
			return true;
	}
	return false;
}

/*
 * The cost of an allocation depends on the sizes, places and types of free
 * blocks, and on the contents of slab caches and of the lists of the CPU.  All
 * code that ran before changes them.  With prepare=Y, all samples of a cell
 * start from one state.  Only for one CPU.
 */

/*
 * Free blocks below the largest order, and those of the largest that a cell
 * does not use
 */
static LIST_HEAD(held);
static LIST_HEAD(reserved);

/*
 * Pages that the kernel and small cells leave behind are in the first GiB of a
 * zone.
 */
#define LOW_PAGES	262144

/*
 * Free blocks are in lists by order and type, in a zone and for a CPU.  With
 * @more = __GFP_COMP, each page of a block shows that it is used, so the search
 * for a contiguous run skips the block at once.
 */
static int take_blocks(struct list_head *list, const struct list_head *from, unsigned int order,
		       unsigned int type, gfp_t more)
{
	static const gfp_t flags[] = {
		[MIGRATE_UNMOVABLE] = GFP_KERNEL,
		[MIGRATE_MOVABLE] = GFP_KERNEL | __GFP_MOVABLE,
		[MIGRATE_RECLAIMABLE] = GFP_KERNEL | __GFP_RECLAIMABLE,
	};

	while (!list_empty(from)) {
		struct page *page = alloc_pages(flags[type] | __GFP_NOWARN | more, order);

		if (!page)
			return -ENOMEM;
		set_page_private(page, order);
		list_add(&page->lru, list);
	}
	return 0;
}

static void free_blocks(struct list_head *list)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, list, lru) {
		unsigned int order = page_private(page);

		set_page_private(page, 0);
		__free_pages(page, order);
	}
	INIT_LIST_HEAD(list);
}

static int by_address(void *unused, const struct list_head *a, const struct list_head *b)
{
	return list_entry(a, struct page, lru) > list_entry(b, struct page, lru);
}

/*
 * For arrays above 512 pages, leave only the end of the zone free, and else
 * only its start.  The search for a contiguous run then looks at the same
 * number of places in each boot.
 */
static int choose_blocks(unsigned int nr_pages, gfp_t more)
{
	struct zone *zone = page_zone(other_data[0]);
	struct page *border = pfn_to_page(zone->zone_start_pfn + LOW_PAGES), *page, *next;
	struct free_area *area = &zone->free_area[MAX_PAGE_ORDER];
	unsigned long low = zone->_watermark[WMARK_LOW];
	bool end = nr_pages > 512;
	LIST_HEAD(chosen);
	int ret = 0;

	/*
	 * Take all blocks of this zone before any of another.  Each gets the
	 * type of kernel memory.  With another type, its freed pages could not
	 * be allocated again at once.
	 */
	zone->_watermark[WMARK_LOW] = 0;
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES && !ret; type++)
		ret = take_blocks(&reserved, &area->free_list[type], MAX_PAGE_ORDER,
				  MIGRATE_UNMOVABLE, more);
	zone->_watermark[WMARK_LOW] = low;

	/* The last that is freed is the next that is allocated. */
	list_sort(NULL, &reserved, by_address);
	list_for_each_entry_safe(page, next, &reserved, lru) {
		bool at_end = page >= border;

		if (at_end == end)
			list_move_tail(&page->lru, &chosen);
	}
	free_blocks(&chosen);
	return ret;
}

/*
 * Leave only blocks of the largest order free, and nothing in the lists of the
 * CPU.  Before the @first sample of a cell, choose which blocks.
 */
static int prepare_memory(unsigned int nr_pages, bool first)
{
	struct zone *zone = page_zone(other_data[0]);
	struct per_cpu_pages *pcp = raw_cpu_ptr(zone->per_cpu_pageset);
	int high_min = pcp->high_min, high_max = pcp->high_max, ret = 0;
	LIST_HEAD(cached);

	for (unsigned int i = 0; i <= KMALLOC_SHIFT_HIGH; i++) {
		if (kmalloc_caches[KMALLOC_NORMAL][i])
			kmem_cache_shrink(kmalloc_caches[KMALLOC_NORMAL][i]);
	}

	/*
	 * With a limit of 0, an allocation takes one block, and a freed block
	 * is not kept.
	 */
	pcp->high_min = 0;
	pcp->high_max = 0;
	for (unsigned int i = 0; i < MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1) && !ret; i++)
		ret = take_blocks(&cached, &pcp->lists[i], i / MIGRATE_PCPTYPES,
				  i % MIGRATE_PCPTYPES, 0);
	free_blocks(&cached);
	for (unsigned int order = 0; order < MAX_PAGE_ORDER; order++) {
		struct list_head *lists = zone->free_area[order].free_list;

		for (unsigned int type = 0; type < MIGRATE_PCPTYPES && !ret; type++)
			ret = take_blocks(&held, &lists[type], order, type, __GFP_COMP);
	}
	/* A run that was freed is what would be allocated next. */
	if ((first || nr_pages > 512) && !ret)
		ret = choose_blocks(nr_pages, first ? __GFP_COMP : 0);

	/*
	 * The kernel adapts the limit and the batch to what was allocated and
	 * freed, and to a zone without free memory.
	 */
	pcp->high_max = high_max;
	pcp->high_min = high_min;
	pcp->high = high_min;
	pcp->alloc_factor = 0;
	pcp->free_count = 0;
	pcp->flags &= ~PCPF_PREV_FREE_HIGH_ORDER;
	clear_bit(ZONE_BELOW_HIGH, &zone->flags);
	return ret;
}

/*
 * The host provides a page of the guest at its first use.  That takes
 * microseconds, and would count for a design that gets other blocks each time.
 */
static void use_all_memory(void)
{
	LIST_HEAD(blocks);

	for (unsigned int order = MAX_PAGE_ORDER; order > PAGE_ALLOC_COSTLY_ORDER; order--) {
		struct page *page;

		while ((page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN,
					   order))) {
			set_page_private(page, order);
			list_add(&page->lru, &blocks);
		}
	}
	free_blocks(&blocks);
}

/* Take one sample.  Return ns, or a negative errno. */
static s64 sample(const struct bench_op *op, struct run *run)
{
	u64 start, ns = 0;
	int ret = 0;

	design_select(run->design);
	if (prepare)
		ret = prepare_memory(run->nr_pages, false);

	if (!ret && op->open)
		ret = op->open(run);
	if (ret)
		return ret;

	/*
	 * The first stretch is not counted: caches have the data of another
	 * design.
	 */
	for (unsigned int i = op->cold ? 1 : 0; i <= run->stretches && !ret; i++) {
		if (op->before)
			ret = op->before(run);
		if (ret)
			break;

		/*
		 * A timer interrupt adds instructions.  Start just after one.
		 */
		if (prepare)
			schedule_timeout_uninterruptible(1);

		start = ktime_get_ns();
		ret = op->run(run);
		if (i)
			ns += ktime_get_ns() - start;

		if (!ret && op->after)
			ret = op->after(run);
		if (!ret && signal_pending(current))
			ret = -EINTR;
		if (!ret && designs_must_stop())
			ret = -ECANCELED;
	}
	if (op->close)
		ret = op->close(run) ?: ret;
	return ret ?: ns;
}

static unsigned long nr_calls(void)
{
	unsigned long nr = 0;

	for (u64 leaf = 0; leaf <= U8_MAX; leaf++)
		nr += tdx_model_nr_calls(leaf);
	return nr;
}

/* Count the calls of the software TDX module that one operation makes. */
static int record_calls(const struct bench_op *op, struct run *run)
{
	unsigned long all, wbinvd;
	int ret = 0;

	run->batch = 1;
	design_select(run->design);
	if (op->open)
		ret = op->open(run);
	if (!ret && op->before)
		ret = op->before(run);
	if (ret)
		return ret;

	all = nr_calls();
	wbinvd = tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD);
	ret = op->run(run);
	all = nr_calls() - all;
	wbinvd = tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD) - wbinvd;

	if (!ret && op->after)
		ret = op->after(run);
	if (op->close)
		ret = op->close(run) ?: ret;
	if (!ret)
		record_info("{\"kind\": \"calls\", \"op\": \"%s\", \"design\": \"%s\", \"pages\": %u, \"leaves\": %lu, \"wbinvd\": %lu}",
			    op->name, run->design->name, run->nr_pages, all - wbinvd, wbinvd);
	return ret;
}

/* Find the batch that takes sample_us, and then the number of stretches. */
static int calibrate(const struct bench_op *op, struct run *run)
{
	unsigned int max_batch = op->holds_pages ?
		clamp(MAX_BATCH_PAGES / run->nr_pages, 1U, MAX_BATCH) : 1U << 20;
	u64 min_ns = sample_us * NSEC_PER_USEC;

	run->batch = op->fixed_batch ? max_batch : 1;
	run->stretches = 1;
	for (;;) {
		s64 ns = S64_MAX;

		/*
		 * The faster of two, because one may be an outlier, unless it
		 * is far longer
		 */
		for (unsigned int i = 0; i < 2 && (!i || ns < 8 * min_ns); i++) {
			s64 one = sample(op, run);

			if (one < 0)
				return one;
			ns = min(ns, one);
		}
		if (ns >= min_ns)
			return 0;
		if (run->batch < max_batch)
			run->batch = min(max_batch, run->batch *
					 clamp_t(u64, min_ns / (ns + 1) + 1, 2, 64));
		else if (run->stretches < MAX_STRETCHES)
			run->stretches *= 2;
		else
			return 0;
	}
}

static struct rnd_state rnd;

/* A new order of @n numbers, the same in each run with this seed */
static void shuffle(unsigned int *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int j = prandom_u32_state(&rnd) % i;

		swap(order[i - 1], order[j]);
	}
}

/* These errors end the benchmark.  Others concern one cell. */
static bool ends_benchmark(int err)
{
	return err == -EINTR || err == -ECANCELED;
}

/*
 * The design cannot do it.  For example, memory may lack a long run of free
 * pages.
 */
static void record_absent(const struct bench_op *op, const struct run *run, int err)
{
	record_info("{\"kind\": \"absent\", \"op\": \"%s\", \"design\": \"%s\", \"pages\": %u, \"errno\": %d}",
		    op->name, run->design->name, run->nr_pages, -err);
}

/* All @runs have the same number of pages.  An error ends the benchmark. */
static int measure(const struct bench_op *op, struct run *runs, unsigned int nr_runs)
{
	unsigned int rounds = runs->nr_pages > MANY_PAGES ? MANY_REPEATS : repeats;
	unsigned int order[MAX_DESIGNS];
	unsigned int round, i;

	if (prepare && prepare_memory(runs->nr_pages, true))
		return -ENOMEM;

	for (i = 0; i < nr_runs; i++) {
		int ret = record_calls(op, &runs[i]) ?: calibrate(op, &runs[i]);

		if (ends_benchmark(ret))
			return ret;
		runs[i].absent = ret;
		if (ret)
			record_absent(op, &runs[i], ret);
	}

	for (round = 0; round < rounds; round++) {
		shuffle(order, nr_runs);
		for (i = 0; i < nr_runs; i++) {
			unsigned int which = order[i];
			s64 ns = runs[which].absent ? 0 : sample(op, &runs[which]);

			if (ends_benchmark(ns))
				return ns;
			if (ns < 0) {
				runs[which].absent = true;
				record_absent(op, &runs[which], ns);
			}
			*sample_of(which, round) = ns;
		}
		cond_resched();
	}
	free_blocks(&held);
	free_blocks(&reserved);

	for (i = 0; i < nr_runs; i++) {
		for (round = 0; round < rounds && !runs[i].absent; round++)
			record_info("{\"kind\": \"sample\", \"op\": \"%s\", \"design\": \"%s\", \"pages\": %u, \"boot\": %u, \"round\": %u, \"operations\": %u, \"ns\": %llu}",
				    op->name, runs[i].design->name, runs[i].nr_pages, seed, round,
				    runs[i].batch * runs[i].stretches, *sample_of(i, round));
	}
	return 0;
}

static int measure_metadata(const struct design *design, unsigned int nr_pages)
{
	void *array;

	if (!design->metadata_bytes || !can_create(design, nr_pages))
		return 0;

	design_select(design);
	array = design->create(use_for(nr_pages), nr_pages);
	if (!array)
		return 0;

	record_info("{\"kind\": \"metadata\", \"design\": \"%s\", \"pages\": %u, \"bytes\": %zu}",
		    design->name, nr_pages, design->metadata_bytes(array));
	design->release(array);
	return 0;
}

static const struct bench_op *op_of(unsigned int cell)
{
	return &ops[cell / MAX_SIZES];
}

/*
 * Set up @runs with the designs that are measured in @cell; return their
 * number.
 */
static unsigned int find_runs(unsigned int cell, struct run *runs)
{
	const struct bench_op *op = op_of(cell);
	unsigned int nr_pages, nr = 0;

	if (cell % MAX_SIZES >= nr_sizes || !listed(only_ops, op->name))
		return 0;
	nr_pages = sizes[cell % MAX_SIZES];
	if (nr_pages > MANY_PAGES && !op->many_pages)
		return 0;

	for (unsigned int d = 0; d < nr_designs; d++) {
		if (!listed(only_designs, designs[d]->name) || !op->can(designs[d], nr_pages))
			continue;
		runs[nr].design = designs[d];
		runs[nr].nr_pages = nr_pages;
		nr++;
	}
	return nr;
}

static int bench_all(struct run *runs)
{
	unsigned int cells[ARRAY_SIZE(ops) * MAX_SIZES];
	unsigned int done = 0, all = 0;

	for (unsigned int s = 0; s < nr_sizes; s++) {
		for (unsigned int d = 0; d < nr_designs; d++) {
			if (listed(only_designs, designs[d]->name))
				measure_metadata(designs[d], sizes[s]);
		}
	}

	for (unsigned int cell = 0; cell < ARRAY_SIZE(cells); cell++)
		all += find_runs(cell, runs) > 0;

	prandom_seed_state(&rnd, seed);
	shuffle(cells, ARRAY_SIZE(cells));
	for (unsigned int i = 0; i < ARRAY_SIZE(cells); i++) {
		unsigned int nr_runs = find_runs(cells[i], runs);
		int ret;

		if (!nr_runs)
			continue;
		ret = measure(op_of(cells[i]), runs, nr_runs);
		if (ret)
			return ret;
		record_info("{\"kind\": \"progress\", \"done\": %u, \"of\": %u}", ++done, all);
	}
	return 0;
}

static int __init bench_init(void)
{
	struct run *runs;
	int ret = -ENOMEM;

	if (!repeats || repeats > MAX_REPEATS || !sample_us || sample_us > 10000) {
		pr_err(PREFIX "repeats must be 1 to %u, sample_us 1 to 10000\n", MAX_REPEATS);
		return -EINVAL;
	}
	for (unsigned int s = 0; s < nr_sizes; s++) {
		if (!sizes[s] || sizes[s] > MAX_PAGES) {
			pr_err(PREFIX "pages must be 1 to %u\n", MAX_PAGES);
			return -EINVAL;
		}
	}

	/* The modules of the designs must be loaded before, and stay loaded. */
	if (!nr_designs || !designs_get())
		return -ENODEV;

	runs = vcalloc(nr_designs, sizeof(*runs));
	samples = vcalloc(nr_designs * repeats, sizeof(*samples));
	if (!runs || !samples || !have_other_data())
		goto out;
	/*
	 * Page tables of vmalloc() stay.  Later ones would be where a
	 * contiguous run was.
	 */
	if (prepare)
		vfree(vmalloc(SZ_128M));
	else if (touch)
		use_all_memory();
	if (!log) {
		ret = records_open();
		if (ret)
			goto out;
	}

	tdx_model_reset();
	/*
	 * No known CPU has both the erratum and the leaves, and v2 ignores the
	 * erratum.
	 */
	tdx_model_set_erratum(false);
	ret = bench_all(runs);
	tdx_model_set_erratum(true);
	tdx_model_reset();
	if (!ret && records.full)
		ret = -ENOSPC;
	record_info("{\"kind\": \"end\", \"errno\": %d}", -ret);

	/* After a stop, the earlier records stay readable. */
	if (ret == -EINTR)
		records_close();
	else
		ret = 0;
out:
	free_blocks(&held);
	free_blocks(&reserved);
	free_other_data();
	vfree(samples);
	vfree(runs);
	designs_put();
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	records_close();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark of ways to pass lists of pages to the TDX module");
MODULE_LICENSE("GPL");
