// SPDX-License-Identifier: GPL-2.0
/*
 * The page checker: watches pages that reach the page allocator, slab objects
 * of modules, and messages
 *
 * It attaches to trace events of the kernel, which all paths of freeing pass.
 * They are not exported, so they are found by name.
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "model.h"

static bool attached;
static atomic_long_t freed_owned, freed_dirty, claimed_free, messages;

/*
 * Pages
 */

static void checker_page_free(void *data, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long end = min(pfn + (1UL << order), model.end_pfn);

	if (!READ_ONCE(model.watching))
		return;

	for (; pfn < end; pfn++) {
		struct model_page *mp = model_page(pfn);

		if (mp->owner)
			atomic_long_inc(&freed_owned);
		else if (mp->dirty)
			atomic_long_inc(&freed_dirty);

		/* The next user of the page starts without a state. */
		*mp = (struct model_page) { .freed = mp->watched };
	}
}

void checker_claimed_free(void)
{
	if (READ_ONCE(model.watching))
		atomic_long_inc(&claimed_free);
}

/* Extend the range of pages with a state.  The caller holds the lock. */
void model_note(unsigned long pfn, unsigned long nr_pages)
{
	model.first_pfn = min(model.first_pfn, pfn);
	model.last_pfn = max(model.last_pfn, pfn + nr_pages - 1);
}

/**
 * tdx_model_reclaim - free owned and leaked pages
 *
 * Ends the ownership of the model, so that tests and benchmarks that leak pages
 * can run for a long time.  Such a page has one reference, or none if it is not
 * the first page of a block that was leaked as a whole.
 *
 * Context: May sleep.
 * Return: number of pages freed.
 */
unsigned long tdx_model_reclaim(void)
{
	unsigned long pfn, nr_pages, nr = 0;

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn += nr_pages) {
		struct page *page;

		nr_pages = 1;
		if (!model_page(pfn)->owner && !model_page(pfn)->watched)
			continue;

		/* A compound page is freed as a whole. */
		page = pfn_to_page(pfn);
		nr_pages = compound_nr(page);
		memset(model_page(pfn), 0, nr_pages * sizeof(*model.pages));
		/*
		 * put_page() would warn about pages of a block that was not
		 * split.
		 */
		if (IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING_DEBUG) && !page_ref_count(page))
			continue;
		if (!page_ref_count(page))
			init_page_count(page);
		put_page(page);
		nr += nr_pages;
	}

	return nr;
}

/*
 * Objects that the watched task has allocated from a module since
 * tdx_checker_begin().  Allocations that the kernel makes for itself have
 * another call site.  Any task may free them.
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

static void checker_kmalloc(void *data, unsigned long call_site, const void *ptr,
			    size_t bytes_req, size_t bytes_alloc, gfp_t gfp, int node)
{
	if (current != READ_ONCE(watched_task) || !ptr || !is_in_module(call_site))
		return;

	guard(raw_spinlock_irqsave)(&objects_lock);

	if (!WARN_ON_ONCE(nr_objects == MAX_OBJECTS))
		objects[nr_objects++] = ptr;
}

static void checker_kfree(void *data, unsigned long call_site, const void *ptr)
{
	if (!READ_ONCE(nr_objects))
		return;

	guard(raw_spinlock_irqsave)(&objects_lock);

	/* Most often the youngest is freed first. */
	for (unsigned int i = nr_objects; i--; ) {
		if (objects[i] == ptr) {
			objects[i] = objects[--nr_objects];
			return;
		}
	}
}

/*
 * Messages
 */

/* pr_fmt() of the code under test */
#define MESSAGE_PREFIX	"virt/tdx: "

static char last_message[128];

static void checker_console(void *data, const char *text, size_t len)
{
	if (current != READ_ONCE(watched_task) || len <= strlen(MESSAGE_PREFIX) ||
	    !str_has_prefix(text, MESSAGE_PREFIX))
		return;

	atomic_long_inc(&messages);
	strscpy(last_message, text, min(len + 1, sizeof(last_message)));
}

/**
 * tdx_checker_message - get the last message of the code under test
 *
 * Return: the message since tdx_checker_begin(), or an empty string.
 */
const char *tdx_checker_message(void)
{
	return last_message;
}

/*
 * Events
 */

static struct {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} events[] = {
	{ "mm_page_free", checker_page_free },
	{ "kmalloc", checker_kmalloc },
	{ "kfree", checker_kfree },
	{ "console", checker_console },
};

static void checker_find_event(struct tracepoint *tp, void *data)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(tp->name, events[i].name))
			events[i].tp = tp;
	}
}

/* Detach from the first @nr events. */
static void checker_detach(unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(events[nr].tp, events[nr].probe, NULL);
	tracepoint_synchronize_unregister();
	attached = false;
}

static int checker_attach(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		int ret = tracepoint_probe_register(events[i].tp, events[i].probe, NULL);

		if (ret) {
			checker_detach(i);
			return ret;
		}
	}

	attached = true;
	return 0;
}

/**
 * tdx_checker_begin - start watching
 *
 * Objects and messages of the current task count until tdx_checker_end().
 *
 * Context: May sleep.
 * Return: 0, or a negative errno if attaching to an event failed.
 */
int tdx_checker_begin(void)
{
	if (!attached) {
		int ret = checker_attach();

		if (ret)
			return ret;
	}

	atomic_long_set(&freed_owned, 0);
	atomic_long_set(&freed_dirty, 0);
	atomic_long_set(&claimed_free, 0);
	atomic_long_set(&messages, 0);
	nr_objects = 0;
	last_message[0] = '\0';
	WRITE_ONCE(watched_task, current);
	WRITE_ONCE(model.watching, true);
	return 0;
}

/**
 * tdx_checker_end - stop watching
 *
 * The checker stays attached to the events: to detach takes a grace period.
 *
 * Context: Any.
 */
void tdx_checker_end(void)
{
	WRITE_ONCE(model.watching, false);
	WRITE_ONCE(watched_task, NULL);
	WRITE_ONCE(nr_objects, 0);
}

/**
 * tdx_checker_watch - expect pages in the page allocator
 * @pa: PA of the first page
 * @nr_pages: number of pages
 *
 * Context: Any.
 */
void tdx_checker_watch(phys_addr_t pa, unsigned long nr_pages)
{
	unsigned long pfn = PHYS_PFN(pa);

	guard(raw_spinlock)(&model.lock);

	model_note(pfn, nr_pages);
	while (nr_pages--) {
		struct model_page *mp = model_page(pfn++);

		mp->watched = true;
		mp->freed = false;
	}
}

/*
 * A free page has no reference.  A page that was freed twice has a negative
 * count, which only a debug kernel reports.  Reset it.
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
 * tdx_checker_read - get the report
 * @report: output
 *
 * Context: Any.
 */
void tdx_checker_read(struct tdx_checker_report *report)
{
	unsigned long pfn;

	*report = (struct tdx_checker_report) {
		.freed_owned = atomic_long_read(&freed_owned),
		.freed_dirty = atomic_long_read(&freed_dirty),
		.claimed_free = atomic_long_read(&claimed_free),
		.objects = READ_ONCE(nr_objects),
		.messages = atomic_long_read(&messages),
	};

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		const struct model_page *mp = model_page(pfn);

		if (mp->freed && was_freed_twice(pfn))
			report->freed_twice++;
		if (!mp->watched)
			continue;
		if (mp->owner) {
			report->held++;
		} else {
			report->lost++;
			report->needless += !mp->refused;
		}
	}
}

/**
 * tdx_checker_nr_free_pages - count the free pages of the machine
 *
 * Includes the pages of per-CPU lists and the changes in per-CPU counters.
 *
 * Context: Any.  The count is exact while no other task allocates.
 * Return: number of pages.
 */
unsigned long tdx_checker_nr_free_pages(void)
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

int checker_init(void)
{
	for_each_kernel_tracepoint(checker_find_event, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		if (!events[i].tp)
			return -ENOENT;
	}
	return 0;
}

void checker_exit(void)
{
	if (attached)
		checker_detach(ARRAY_SIZE(events));
}
