// SPDX-License-Identifier: GPL-2.0
/*
 * Fragmented memory: cost of the memory of the extensions on a machine that has
 * been running for a long time
 *
 * A degree k is a state of the page allocator: its largest free block has order k.
 * To reach it, each larger block is allocated and cut into pieces of 1 << k pages.
 * Every other piece is freed.  The kernel cannot move the others, so free pieces do
 * not merge, and compaction does not help.  Degree MAX_PAGE_ORDER is memory without
 * fragmentation.  In the last state only every sparse-th page is free, so free pages
 * are far from each other.
 *
 * For each degree, a round starts the extensions once with each design, in an order
 * that is shuffled for each round.  Before each start the state is created again,
 * because pages that the last design freed have merged.  It is checked in the free
 * lists, those of the CPUs included.  A state that cannot be reached ends the run.
 * Afterwards, the software TDX module reports the pages that it owns, and they are
 * reclaimed.
 *
 * Loading the module runs all this.  The samples are read from debugfs, one line of
 * JSON each, when memory is no longer fragmented.
 */
#include <linux/debugfs.h>
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
#include <linux/vmalloc.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"

#define MAX_DEGREES	(MAX_PAGE_ORDER + 1)
#define MAX_ROUNDS	1001
#define SEED		20260328

/* In the first round, caches and page tables are cold. */
#define WARM_UP		1

/* A design that took this long once gets only a few rounds. */
#define SLOW_NS		NSEC_PER_SEC
#define SLOW_ROUNDS	3

/* Other tasks free pages, which may merge: the most attempts to reach a state */
#define MAX_TRIES	16

/* Pages of a region: a page table entry of 2 MiB maps it. */
#define REGION_PAGES	512

/*
 * Only free pages: no reclaim, no compaction, no warning.  A CPU has a list for each
 * migrate type.
 */
static const gfp_t gfp_take[MIGRATE_PCPTYPES] = {
	[MIGRATE_UNMOVABLE]	= __GFP_NOWARN,
	[MIGRATE_MOVABLE]	= __GFP_NOWARN | __GFP_MOVABLE,
	[MIGRATE_RECLAIMABLE]	= __GFP_NOWARN | __GFP_RECLAIMABLE,
};

static unsigned int degrees[MAX_DEGREES] = { MAX_PAGE_ORDER, 9, 6, 4, 2, 0 };
static unsigned int nr_degrees = 6;
module_param_array(degrees, uint, &nr_degrees, 0444);
MODULE_PARM_DESC(degrees, "orders of the largest free block (default: 10,9,6,4,2,0)");

static unsigned int sparse = 32;
module_param(sparse, uint, 0444);
MODULE_PARM_DESC(sparse, "last state: free one page in this many, none next to another (default: 32, 0: skip it)");

static unsigned int pages = 12800;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "pages for the extensions (default: 12800)");

static unsigned int rounds = 11;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "samples of each design at each degree (default: 11, at most 1001)");

/**
 * struct sample - one start of the extensions
 * @degree: the state
 * @share: one piece in @share was free
 * @largest: order of the largest free block before
 * @design: the design
 * @ret: result of the start
 * @free: free pages before
 * @ns: duration
 * @owned: pages that the TDX module owned afterwards
 * @regions: regions with such a page
 */
struct sample {
	unsigned int degree;
	unsigned int share;
	int largest;
	const struct design *design;
	int ret;
	unsigned long free;
	u64 ns;
	unsigned long owned;
	unsigned long regions;
};

/**
 * struct state - memory of a degree, before the first start
 * @degree: the degree
 * @share: one piece in @share was freed
 * @held: pages that keep the free ones apart
 * @free: free pages
 * @blocks: free blocks of each order
 */
struct state {
	unsigned int degree;
	unsigned int share;
	unsigned long held;
	unsigned long free;
	unsigned long blocks[NR_PAGE_ORDERS];
};

static struct sample *samples;
static unsigned int nr_samples;
static struct state states[MAX_DEGREES + 1];
static unsigned int nr_states;
static int frag_errno;

/* Pieces of 1 << held_order pages, by their first page: all but one in held_share */
static LIST_HEAD(held);
static unsigned int held_order;
static unsigned int held_share;
static unsigned long nr_held;

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

static void count_blocks(struct zone *zone, void *data)
{
	unsigned long *blocks = data;

	for (int order = 0; order < NR_PAGE_ORDERS; order++)
		blocks[order] += READ_ONCE(zone->free_area[order].nr_free);
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

/* Free one piece in held_share of a block of 1 << @order pages, never the first. */
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

/* Take all free blocks of @order, at most as many as exist: other tasks also free some. */
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
 * Blocks of low orders are also on the lists of the CPUs.  An allocation gets them
 * only if the zone has another free block of that order, so free the spare first.
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
 * Reach the state in which the largest free block has order @degree, and one piece in
 * @share is free.  Held pieces stay held.
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

static void count_regions(struct zone *zone, void *data)
{
	unsigned long end = zone_end_pfn(zone), last = ULONG_MAX;
	struct sample *sample = data;

	for (unsigned long pfn = zone->zone_start_pfn; pfn < end; pfn++) {
		if (!pfn_valid(pfn) || !tdx_model_owns(PFN_PHYS(pfn)))
			continue;
		sample->owned++;
		if (pfn / REGION_PAGES != last)
			sample->regions++;
		last = pfn / REGION_PAGES;
	}
}

static int take_sample(const struct design *design, unsigned int degree, unsigned int share,
		       struct sample *sample)
{
	u64 start;
	int ret;

	*sample = (struct sample) { .degree = degree, .share = share, .design = design };
	design_select(design);
	tdx_model_reset();
	ret = fragment(degree, share);
	if (ret)
		return ret;
	if (!enough_is_free())
		return -ENOMEM;

	sample->free = tdx_checker_nr_free_pages();
	sample->largest = largest_free();
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

static int run_degree(unsigned int degree, unsigned int share)
{
	unsigned int order[MAX_DESIGNS], taken[MAX_DESIGNS] = {};
	bool slow[MAX_DESIGNS] = {};
	struct rnd_state rnd;
	struct state *state;
	int ret;

	ret = fragment(degree, share);
	if (ret)
		return ret;

	state = &states[nr_states++];
	*state = (struct state) {
		.degree = degree,
		.share = share,
		.held = nr_held,
		.free = tdx_checker_nr_free_pages(),
	};
	look_at_zones(count_blocks, state->blocks);

	prandom_seed_state(&rnd, SEED);
	for (unsigned int round = 0; round < WARM_UP + rounds; round++) {
		shuffle(order, nr_designs, &rnd);
		for (unsigned int i = 0; i < nr_designs; i++) {
			unsigned int d = order[i];
			struct sample *sample = &samples[nr_samples];

			if (!designs[d]->ext_start || pages > designs[d]->max_memory)
				continue;
			if (slow[d] && taken[d] >= SLOW_ROUNDS)
				continue;
			ret = take_sample(designs[d], degree, share, sample);
			if (ret)
				return ret;
			slow[d] |= sample->ns > SLOW_NS;
			if (round < WARM_UP)
				continue;
			taken[d]++;
			nr_samples++;
			cond_resched();
		}
	}
	return 0;
}

static int run_all(void)
{
	int ret = 0;

	for (unsigned int i = 0; i < nr_degrees && !ret; i++) {
		ret = run_degree(degrees[i], 2);
		defragment();
	}
	if (!ret && sparse) {
		ret = run_degree(0, sparse);
		defragment();
	}
	return ret;
}

static int frag_show(struct seq_file *m, void *unused)
{
	for (unsigned int i = 0; i < nr_states; i++) {
		const struct state *s = &states[i];

		seq_printf(m, "tdx_frag: {\"kind\":\"state\",\"order\":%u,\"share\":%u,\"held\":%lu,\"free\":%lu,\"blocks\":[",
			   s->degree, s->share, s->held, s->free);
		for (int order = 0; order < NR_PAGE_ORDERS; order++)
			seq_printf(m, "%s%lu", order ? "," : "", s->blocks[order]);
		seq_puts(m, "]}\n");
	}
	for (unsigned int i = 0; i < nr_samples; i++) {
		const struct sample *s = &samples[i];

		seq_printf(m, "tdx_frag: {\"kind\":\"sample\",\"order\":%u,\"share\":%u,\"design\":\"%s\",\"largest\":%d,\"free\":%lu,\"errno\":%d,\"ns\":%llu,\"owned\":%lu,\"regions\":%lu}\n",
			   s->degree, s->share, s->design->name, s->largest, s->free, -s->ret,
			   s->ns, s->owned, s->regions);
	}
	seq_printf(m, "tdx_frag: {\"kind\":\"end\",\"pages\":%u,\"max_order\":%d,\"errno\":%d}\n",
		   pages, MAX_PAGE_ORDER, -frag_errno);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(frag);

static struct dentry *frag_file;

static int __init frag_init(void)
{
	if (!pages || !rounds || rounds > MAX_ROUNDS || sparse == 1) {
		pr_err("tdx_frag: pages must be 1 or more, rounds 1 to %u, sparse 0 or 2 and more\n",
		       MAX_ROUNDS);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < nr_degrees; i++) {
		if (degrees[i] > MAX_PAGE_ORDER) {
			pr_err("tdx_frag: degrees are 0 to %u\n", MAX_PAGE_ORDER);
			return -EINVAL;
		}
	}

	/* The modules of the designs must be loaded before. */
	if (!nr_designs)
		return -ENODEV;

	/* One more: the slot of the next sample also takes those of the warm-up. */
	samples = vcalloc((nr_degrees + 1) * nr_designs * rounds + 1, sizeof(*samples));
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

MODULE_DESCRIPTION("Ways to pass lists of pages to the TDX module, in fragmented memory");
MODULE_LICENSE("GPL");
