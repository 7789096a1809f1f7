// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the extensions: what designs get in states of the page allocator,
 * and how many large regions they keep from other uses
 *
 * Just after boot: nothing was done.
 *
 * Mixed load: memory was filled with page cache and pages of the kernel, and
 * some of both were removed, several times.  Page cache can be migrated.
 *
 * Pieces: each block above an order is allocated and cut into pieces of that
 * order.  Every other piece is freed, in the last state one in 32.  The kernel
 * cannot move the others, so free pieces do not merge, and compaction does not
 * help.
 *
 * In each state, a round starts the extensions once with each design, in an
 * order that is shuffled for each round.  Before each start the state is
 * created again.  A state of pieces is checked in the free lists, those of the
 * CPUs included.  A state that cannot be reached ends the run.  Afterwards, the
 * software TDX module reports the pages that it owns, and they are reclaimed.
 *
 * Loading the module runs all this.  A tmpfs must be mounted at LOAD_DIR.  The
 * samples are read from debugfs, one line of JSON each.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"

#define MAX_ROUNDS	1001
#define SEED		20260328

/*
 * In the first round, caches and page tables are cold.  The mixed load warms
 * them.
 */
#define WARM_UP		1

/*
 * Other tasks free pages, which may merge: the most attempts to reach a state
 */
#define MAX_TRIES	16

/* Sizes of regions: 2 MiB, 4 MiB, 32 MiB, 1 GiB */
static const unsigned int region_orders[] = { 9, 10, 13, 18 };

/*
 * The mixed load writes ranges of 1 to LOAD_RANGE pages of a file until only
 * one page in LOAD_FREE is free.  For every LOAD_CACHE pages it allocates one
 * page for the kernel.  Then it removes one range in LOAD_REMOVED, and as many
 * pages of the kernel.  It does that LOAD_PASSES times.
 */
#define LOAD_DIR	"/run"
#define LOAD_PASSES	3
#define LOAD_RANGE	256
#define LOAD_CACHE	16
#define LOAD_FREE	256
#define LOAD_REMOVED	4
/* It takes seconds, so a design has fewer samples. */
#define LOAD_ROUNDS	3

/*
 * Only free pages: no reclaim, no compaction, no warning.  A CPU has a list for
 * each migrate type.
 */
static const gfp_t gfp_take[MIGRATE_PCPTYPES] = {
	[MIGRATE_UNMOVABLE]	= __GFP_NOWARN,
	[MIGRATE_MOVABLE]	= __GFP_NOWARN | __GFP_MOVABLE,
	[MIGRATE_RECLAIMABLE]	= __GFP_NOWARN | __GFP_RECLAIMABLE,
};

/**
 * struct state - a state of the page allocator
 * @name: how it is reached, or the largest free block
 * @order: the largest order of a free block
 * @share: one piece in @share is free; 1 is memory without pieces, 0 the mixed
 *	load
 */
struct state {
	const char *name;
	unsigned int order;
	unsigned int share;
};

static const struct state states[] = {
	{ "just after boot", MAX_PAGE_ORDER, 1 },
	{ "mixed load", MAX_PAGE_ORDER, 0 },
	{ "2,048 KiB", 9, 2 },
	{ "64 KiB", 4, 2 },
	{ "4 KiB", 0, 2 },
	{ "4 KiB, 1 in 32 free", 0, 32 },
};

static unsigned int pages = 12800;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "pages for the extensions (default: 12800)");

static unsigned int rounds = 11;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "samples of each design in each state (default: 11, at most 1001; with the mixed load at most 3)");

/**
 * struct sample - one start of the extensions
 * @state: the state
 * @design: the design
 * @ret: result of the start
 * @largest: order of the largest free block before
 * @whole: free blocks of order MAX_PAGE_ORDER before
 * @free: free pages before
 * @cache: pages of page cache before
 * @held: pages before that keep free ones apart and cannot be moved
 * @ns: duration
 * @owned: pages that the TDX module owned afterwards
 * @regions: regions with such a page, by size
 */
struct sample {
	const struct state *state;
	const struct design *design;
	int ret;
	int largest;
	unsigned long whole;
	unsigned long free;
	unsigned long cache;
	unsigned long held;
	u64 ns;
	unsigned long owned;
	unsigned long regions[ARRAY_SIZE(region_orders)];
};

static struct sample *samples;
static unsigned int nr_samples;
static int frag_errno;

/*
 * Pieces of 1 << held_order pages, by their first page: all but one in
 * held_share
 */
static LIST_HEAD(held);
static unsigned int held_order;
static unsigned int held_share;
static unsigned long nr_held;

#define REMOVE		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
static struct file *load_file;

/* One block of order MAX_PAGE_ORDER of each zone, for empty_cpu_lists() */
static struct page *spares[MAX_NR_ZONES];

/* The kernel exports no iterator for zones. */
static void look_at_zones(void (*look)(struct zone *zone, void *data), void *data)
{
	int nid;

	for_each_online_node(nid) {
		struct zone *zones = NODE_DATA(nid)->node_zones;

		for (struct zone *zone = zones; zone < zones + MAX_NR_ZONES; zone++) {
			if (populated_zone(zone))
				look(zone, data);
		}
	}
}

/* Order of the pages on list @i of a CPU */
static unsigned int order_on_cpu_list(unsigned int i)
{
	return i < NR_LOWORDER_PCP_LISTS ? i / MIGRATE_PCPTYPES : pageblock_order;
}

static void look_for_largest(struct zone *zone, void *data)
{
	int *largest = data;
	int cpu;

	for (int order = 0; order < NR_PAGE_ORDERS; order++) {
		if (READ_ONCE(zone->free_area[order].nr_free))
			*largest = max(*largest, order);
	}
	for_each_online_cpu(cpu) {
		const struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);

		for (unsigned int i = 0; i < NR_PCP_LISTS; i++) {
			if (!list_empty(&pcp->lists[i]))
				*largest = max(*largest, (int)order_on_cpu_list(i));
		}
	}
}

/* Order of the largest free block, -1 if nothing is free. */
static int largest_free(void)
{
	int largest = -1;

	look_at_zones(look_for_largest, &largest);
	return largest;
}

static void count_whole(struct zone *zone, void *data)
{
	unsigned long *whole = data;

	*whole += READ_ONCE(zone->free_area[MAX_PAGE_ORDER].nr_free);
}

/* The reason of a failure must be fragmentation, not a lack of memory. */
static bool enough_is_free(void)
{
	return tdx_checker_nr_free_pages() >= 2UL * pages;
}

static void free_piece(struct page *page)
{
	for (unsigned long i = 0; i < 1UL << held_order; i++)
		__free_page(page + i);
}

/*
 * Free one piece in held_share of a block of 1 << @order pages, never the
 * first.
 */
static void cut(struct page *page, unsigned int order)
{
	unsigned long piece = 1UL << held_order;

	split_page(page, order);
	for (unsigned long i = 0; i < 1UL << (order - held_order); i++, page += piece) {
		if (i % held_share == held_share - 1) {
			free_piece(page);
			continue;
		}
		list_add(&page->lru, &held);
		nr_held += piece;
	}
}

/*
 * Take all free blocks of @order, at most as many as exist: other tasks also
 * free some.
 */
static int take_all(unsigned int order)
{
	unsigned long left = tdx_checker_nr_free_pages() >> order;

	for (int type = 0; type < MIGRATE_PCPTYPES; type++) {
		struct page *page;

		while (left && (page = alloc_pages(gfp_take[type], order))) {
			struct page **spare = &spares[page_zonenum(page)];

			left--;
			if (order == MAX_PAGE_ORDER && !*spare)
				*spare = page;
			else
				cut(page, order);
			if (!enough_is_free())
				return -ENOMEM;
			cond_resched();
		}
	}
	return 0;
}

/*
 * Blocks of low orders are also on the lists of the CPUs.  An allocation gets
 * them only if the zone has another free block of that order, so free the spare
 * first.
 */
static void empty_cpu_lists(unsigned int z)
{
	struct zone *zone = page_zone(spares[z]);
	const struct per_cpu_pages *pcp = raw_cpu_ptr(zone->per_cpu_pageset);
	unsigned int left = pcp->count;

	__free_pages(spares[z], MAX_PAGE_ORDER);
	for (unsigned int order = PAGE_ALLOC_COSTLY_ORDER; order > held_order; order--) {
		for (int type = 0; type < MIGRATE_PCPTYPES; type++) {
			const struct list_head *list = &pcp->lists[order * MIGRATE_PCPTYPES + type];

			for (; left && !list_empty(list); left--) {
				struct page *page = alloc_pages(gfp_take[type], order);

				if (!page)
					break;
				cut(page, order);
			}
		}
	}
	spares[z] = alloc_pages(gfp_take[MIGRATE_UNMOVABLE], MAX_PAGE_ORDER);
}

/*
 * Reach the state in which the largest free block has order @degree, and one
 * piece in @share is free.  Held pieces stay held.
 */
static int fragment(unsigned int degree, unsigned int share)
{
	held_order = degree;
	held_share = share;

	for (int try = 0; try < MAX_TRIES; try++) {
		for (unsigned int order = MAX_PAGE_ORDER; order > degree; order--) {
			int ret = take_all(order);

			if (ret)
				return ret;
		}
		if (largest_free() == degree)
			return 0;

		for (unsigned int z = 0; z < MAX_NR_ZONES; z++) {
			if (spares[z])
				empty_cpu_lists(z);
		}
		if (largest_free() == degree)
			return 0;
		cond_resched();
	}

	pr_err("tdx_frag: degree %u cannot be reached: the largest free block has order %d\n",
	       degree, largest_free());
	return -EAGAIN;
}

static void defragment(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &held, lru) {
		list_del(&page->lru);
		free_piece(page);
		cond_resched();
	}
	nr_held = 0;

	for (unsigned int z = 0; z < MAX_NR_ZONES; z++) {
		if (spares[z])
			__free_pages(spares[z], MAX_PAGE_ORDER);
		spares[z] = NULL;
	}
}

/* Write or remove a range of the file. */
static int change_range(int mode, unsigned long range, loff_t nr_pages)
{
	return vfs_fallocate(load_file, mode, (loff_t)range * LOAD_RANGE * PAGE_SIZE,
			     nr_pages * PAGE_SIZE);
}

static int fill(unsigned long *nr_ranges, struct rnd_state *rnd)
{
	while (tdx_checker_nr_free_pages() > totalram_pages() / LOAD_FREE) {
		unsigned int nr_pages = 1 + prandom_u32_state(rnd) % LOAD_RANGE;
		int ret = change_range(0, (*nr_ranges)++, nr_pages);

		if (ret)
			return ret;
		for (unsigned int i = 0; i < nr_pages; i += LOAD_CACHE) {
			struct page *page = alloc_page(GFP_KERNEL);

			if (!page)
				return -ENOMEM;
			list_add(&page->lru, &held);
			nr_held++;
		}
		cond_resched();
	}
	return 0;
}

static int load(unsigned int seed)
{
	unsigned long nr_ranges = 0;
	struct rnd_state rnd;

	held_order = 0;
	prandom_seed_state(&rnd, seed);
	for (unsigned int pass = 0; pass < LOAD_PASSES; pass++) {
		struct page *page, *next;
		int ret = fill(&nr_ranges, &rnd);

		for (unsigned long i = 0; i < nr_ranges && !ret; i++) {
			if (prandom_u32_state(&rnd) % LOAD_REMOVED == 0)
				ret = change_range(REMOVE, i, LOAD_RANGE);
		}
		if (ret)
			return ret;

		list_for_each_entry_safe(page, next, &held, lru) {
			if (prandom_u32_state(&rnd) % LOAD_REMOVED)
				continue;
			list_del(&page->lru);
			__free_page(page);
			nr_held--;
		}
	}
	return 0;
}

/* Free all that keeps memory in its state. */
static int restore(void)
{
	defragment();
	return change_range(REMOVE, 0, MAX_LFS_FILESIZE / PAGE_SIZE);
}

/* A load has the same seed for all designs of a round. */
static int reach(const struct state *state, unsigned int round)
{
	int ret;

	if (state->share)
		return fragment(state->order, state->share);

	ret = restore();
	return ret ?: load(SEED + round);
}

static void count_regions(struct zone *zone, void *data)
{
	unsigned long end = zone_end_pfn(zone), last[ARRAY_SIZE(region_orders)];
	struct sample *sample = data;

	memset(last, 0xff, sizeof(last));
	for (unsigned long pfn = zone->zone_start_pfn; pfn < end; pfn++) {
		if (!pfn_valid(pfn) || !tdx_model_owns(PFN_PHYS(pfn)))
			continue;
		sample->owned++;
		for (unsigned int i = 0; i < ARRAY_SIZE(region_orders); i++) {
			unsigned long region = pfn >> region_orders[i];

			sample->regions[i] += region != last[i];
			last[i] = region;
		}
	}
}

static int take_sample(const struct design *design, const struct state *state,
		       unsigned int round, struct sample *sample)
{
	u64 start;
	int ret;

	*sample = (struct sample) { .state = state, .design = design };
	ret = reach(state, round);
	if (ret)
		return ret;
	if (!enough_is_free())
		return -ENOMEM;

	sample->free = tdx_checker_nr_free_pages();
	sample->cache = global_node_page_state(NR_FILE_PAGES);
	sample->held = nr_held;
	sample->largest = largest_free();
	look_at_zones(count_whole, &sample->whole);
	tdx_model_reset();
	design_select(design);
	start = ktime_get_ns();
	sample->ret = design->ext_start(pages);
	sample->ns = ktime_get_ns() - start;

	look_at_zones(count_regions, sample);
	tdx_model_reclaim();
	design_reclaim();
	return 0;
}

/* A new order for each round, the same in each run. */
static void shuffle(unsigned int *order, unsigned int n, struct rnd_state *rnd)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int j = prandom_u32_state(rnd) % i;

		swap(order[i - 1], order[j]);
	}
}

static int run_state(const struct state *state)
{
	unsigned int warm_up = state->share ? WARM_UP : 0;
	unsigned int nr_rounds = state->share ? rounds : min(rounds, LOAD_ROUNDS);
	unsigned int order[MAX_DESIGNS];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, SEED);
	for (unsigned int round = 0; round < warm_up + nr_rounds; round++) {
		shuffle(order, nr_designs, &rnd);
		for (unsigned int i = 0; i < nr_designs; i++) {
			const struct design *design = designs[order[i]];
			struct sample *sample = &samples[nr_samples];
			int ret;

			if (!design->ext_start || pages > design->max_memory)
				continue;
			ret = take_sample(design, state, round, sample);
			if (ret)
				return ret;
			if (round >= warm_up && sample->ret != -EOPNOTSUPP)
				nr_samples++;
			cond_resched();
		}
	}
	return 0;
}

static int run_all(void)
{
	int ret = 0;

	load_file = filp_open(LOAD_DIR, O_TMPFILE | O_RDWR, 0600);
	if (IS_ERR(load_file))
		return PTR_ERR(load_file);

	for (unsigned int i = 0; i < ARRAY_SIZE(states) && !ret; i++) {
		ret = run_state(&states[i]);
		ret = restore() ?: ret;
	}
	filp_close(load_file, NULL);
	return ret;
}

static int frag_show(struct seq_file *m, void *unused)
{
	for (unsigned int i = 0; i < nr_samples; i++) {
		const struct sample *s = &samples[i];

		seq_printf(m, "tdx_frag: {\"state\":\"%s\",\"order\":%u,\"share\":%u,\"design\":\"%s\",\"largest\":%d,\"whole\":%lu,\"free\":%lu,\"cache\":%lu,\"held\":%lu,\"errno\":%d,\"ns\":%llu,\"owned\":%lu,\"regions\":[",
			   s->state->name, s->state->order, s->state->share, s->design->name,
			   s->largest, s->whole, s->free, s->cache, s->held, -s->ret, s->ns,
			   s->owned);
		for (unsigned int j = 0; j < ARRAY_SIZE(region_orders); j++)
			seq_printf(m, "%s%lu", j ? "," : "", s->regions[j]);
		seq_puts(m, "]}\n");
	}
	seq_puts(m, "tdx_frag: {\"kind\":\"end\",\"region_orders\":[");
	for (unsigned int j = 0; j < ARRAY_SIZE(region_orders); j++)
		seq_printf(m, "%s%u", j ? "," : "", region_orders[j]);
	seq_printf(m, "],\"pages\":%u,\"guest_pages\":%lu,\"max_order\":%d,\"seed\":%u,\"errno\":%d}\n",
		   pages, totalram_pages(), MAX_PAGE_ORDER, SEED, -frag_errno);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(frag);

static struct dentry *frag_file;

static int __init frag_init(void)
{
	if (!pages || !rounds || rounds > MAX_ROUNDS) {
		pr_err("tdx_frag: pages must be 1 or more, rounds 1 to %u\n", MAX_ROUNDS);
		return -EINVAL;
	}

	/* The modules of the designs must be loaded before. */
	if (!nr_designs)
		return -ENODEV;

	/*
	 * One more: the slot of the next sample also takes those of the
	 * warm-up.
	 */
	samples = vcalloc(ARRAY_SIZE(states) * nr_designs * rounds + 1, sizeof(*samples));
	if (!samples)
		return -ENOMEM;

	frag_errno = run_all();
	tdx_model_reset();
	frag_file = debugfs_create_file("tdx_frag", 0444, NULL, NULL, &frag_fops);
	return 0;
}
module_init(frag_init);

static void __exit frag_exit(void)
{
	debugfs_remove(frag_file);
	vfree(samples);
}
module_exit(frag_exit);

MODULE_DESCRIPTION("Regions of memory that pages of the TDX module keep from other uses");
MODULE_LICENSE("GPL");
