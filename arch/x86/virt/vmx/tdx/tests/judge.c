// SPDX-License-Identifier: GPL-2.0
/*
 * The judge: sees every page that reaches the page allocator, every object that a
 * module takes from the slab allocator and returns, and what is said about it
 *
 * It hangs on the kernel's own events, which all ways of freeing pass.  They are
 * not exported, so they are looked up by name.
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "model.h"

static bool attached, watching;
static atomic_long_t freed_owned, freed_dirty, claimed_free, messages;

/*
 * Pages
 */

static void judge_page_free(void *data, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long end = min(pfn + (1UL << order), model.end_pfn);

	if (!READ_ONCE(watching))
		return;

	for (; pfn < end; pfn++) {
		struct model_page *mp = model_page(pfn);

		if (mp->owner)
			atomic_long_inc(&freed_owned);
		else if (mp->dirty)
			atomic_long_inc(&freed_dirty);

		/* Judged; the page is anybody's now. */
		*mp = (struct model_page) { .freed = mp->watched };
	}
}

void judge_claimed_free(void)
{
	if (READ_ONCE(watching))
		atomic_long_inc(&claimed_free);
}

/*
 * Objects: those that the watched task has allocated from a module since the
 * judge began.  Allocations that the kernel makes for itself on the way, and
 * keeps, have another call site.  Who frees them does not matter.
 */

#define MAX_OBJECTS	256

static DEFINE_RAW_SPINLOCK(objects_lock);
static const void *objects[MAX_OBJECTS];
static unsigned int nr_objects;
static struct task_struct *watched_task;

static bool is_in_module(unsigned long addr)
{
#ifdef MODULES_VADDR
	return addr >= MODULES_VADDR && addr < MODULES_END;
#else
	return false;
#endif
}

static void judge_kmalloc(void *data, unsigned long call_site, const void *ptr,
			  size_t bytes_req, size_t bytes_alloc, gfp_t gfp, int node)
{
	if (current != READ_ONCE(watched_task) || !ptr || !is_in_module(call_site))
		return;

	guard(raw_spinlock_irqsave)(&objects_lock);

	if (!WARN_ON_ONCE(nr_objects == MAX_OBJECTS))
		objects[nr_objects++] = ptr;
}

static void judge_kfree(void *data, unsigned long call_site, const void *ptr)
{
	if (!READ_ONCE(nr_objects))
		return;

	guard(raw_spinlock_irqsave)(&objects_lock);

	/* The youngest dies first, mostly. */
	for (unsigned int i = nr_objects; i--; ) {
		if (objects[i] == ptr) {
			objects[i] = objects[--nr_objects];
			return;
		}
	}
}

/*
 * Messages of the code under test begin like this.
 */

#define MESSAGE_PREFIX	"tdx: "

static void judge_console(void *data, const char *text, size_t len)
{
	if (current == READ_ONCE(watched_task) && len > strlen(MESSAGE_PREFIX) &&
	    str_has_prefix(text, MESSAGE_PREFIX))
		atomic_long_inc(&messages);
}

/*
 * Events
 */

static struct {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} events[] = {
	{ "mm_page_free", judge_page_free },
	{ "kmalloc", judge_kmalloc },
	{ "kfree", judge_kfree },
	{ "console", judge_console },
};

static void judge_find_event(struct tracepoint *tp, void *data)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(tp->name, events[i].name))
			events[i].tp = tp;
	}
}

/* Detach from the first @nr events. */
static void judge_detach(unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(events[nr].tp, events[nr].probe, NULL);
	tracepoint_synchronize_unregister();
	attached = false;
}

static int judge_attach(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		int ret = tracepoint_probe_register(events[i].tp, events[i].probe, NULL);

		if (ret) {
			judge_detach(i);
			return ret;
		}
	}

	attached = true;
	return 0;
}

/**
 * tdx_judge_begin - watch the allocators from now on
 *
 * What this task allocates is accounted for until tdx_judge_end().
 *
 * Context: May sleep.
 * Return: 0, or a negative errno if the events cannot be attached to.
 */
int tdx_judge_begin(void)
{
	if (!attached) {
		int ret = judge_attach();

		if (ret)
			return ret;
	}

	atomic_long_set(&freed_owned, 0);
	atomic_long_set(&freed_dirty, 0);
	atomic_long_set(&claimed_free, 0);
	atomic_long_set(&messages, 0);
	nr_objects = 0;
	WRITE_ONCE(watched_task, current);
	WRITE_ONCE(watching, true);
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_judge_begin);

/**
 * tdx_judge_end - stop watching
 *
 * Stays attached to the events, which costs a grace period to detach from.
 *
 * Context: Any.
 */
void tdx_judge_end(void)
{
	WRITE_ONCE(watching, false);
	WRITE_ONCE(watched_task, NULL);
	WRITE_ONCE(nr_objects, 0);
}
EXPORT_SYMBOL_GPL(tdx_judge_end);

/**
 * tdx_judge_watch - expect pages to come back
 * @pa: PA of the first page
 * @nr_pages: number of pages
 *
 * Context: Any.
 */
void tdx_judge_watch(phys_addr_t pa, unsigned long nr_pages)
{
	unsigned long pfn = PHYS_PFN(pa);

	guard(spinlock)(&model.lock);

	model_see(pfn, nr_pages);
	while (nr_pages--) {
		struct model_page *mp = model_page(pfn++);

		mp->watched = true;
		mp->freed = false;
	}
}
EXPORT_SYMBOL_GPL(tdx_judge_watch);

/*
 * A free page has no references.  One that was freed again has less than none,
 * which the kernel does not notice unless it is built to.  Mend it.
 */
static bool was_freed_twice(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	if (page_ref_count(page) >= 0)
		return false;
	set_page_count(page, 0);
	return true;
}

/**
 * tdx_judge_look - the verdict up to now
 * @verdict: filled
 *
 * Context: Any.
 */
void tdx_judge_look(struct tdx_verdict *verdict)
{
	unsigned long pfn;

	*verdict = (struct tdx_verdict) {
		.freed_owned = atomic_long_read(&freed_owned),
		.freed_dirty = atomic_long_read(&freed_dirty),
		.claimed_free = atomic_long_read(&claimed_free),
		.objects = READ_ONCE(nr_objects),
		.messages = atomic_long_read(&messages),
	};

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		const struct model_page *mp = model_page(pfn);

		if (mp->freed && was_freed_twice(pfn))
			verdict->freed_twice++;
		if (!mp->watched)
			continue;
		if (mp->owner) {
			verdict->held++;
		} else {
			verdict->lost++;
			verdict->needless += !mp->refused;
		}
	}
}
EXPORT_SYMBOL_GPL(tdx_judge_look);

/**
 * tdx_judge_nr_free_pages - free pages of the machine, to the page
 *
 * Counts what the per-CPU lists hold and what the per-CPU counters have not
 * passed on yet, so a page cannot hide there.
 *
 * Context: Any; exact while nobody else allocates.
 * Return: number of pages.
 */
unsigned long tdx_judge_nr_free_pages(void)
{
	long nr = 0;
	int nid, cpu;

	for_each_online_node(nid) {
		struct zone *zones = NODE_DATA(nid)->node_zones;

		for (struct zone *zone = zones; zone < zones + MAX_NR_ZONES; zone++) {
			if (!populated_zone(zone))
				continue;
			nr += atomic_long_read(&zone->vm_stat[NR_FREE_PAGES]);
			for_each_online_cpu(cpu) {
				nr += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
#ifdef CONFIG_SMP
				nr += per_cpu_ptr(zone->per_cpu_zonestats,
						  cpu)->vm_stat_diff[NR_FREE_PAGES];
#endif
			}
		}
	}

	return nr;
}
EXPORT_SYMBOL_GPL(tdx_judge_nr_free_pages);

int judge_init(void)
{
	for_each_kernel_tracepoint(judge_find_event, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		if (!events[i].tp)
			return -ENOENT;
	}
	return 0;
}

void judge_exit(void)
{
	if (attached)
		judge_detach(ARRAY_SIZE(events));
}
