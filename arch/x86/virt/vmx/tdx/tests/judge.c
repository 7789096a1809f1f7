// SPDX-License-Identifier: GPL-2.0
/*
 * The judge: sees every page that reaches the page allocator
 *
 * It hangs on the kernel's own event for freed pages, which all ways of freeing
 * pass.  The event is not exported, so it is looked up by name.
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "model_page.h"
#include "tdx_model.h"

static struct tracepoint *free_event;
static bool attached, watching;
static atomic_long_t freed_owned, freed_dirty;

static void judge_freed(void *data, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long end = min(pfn + (1UL << order), model_end_pfn());

	if (!READ_ONCE(watching))
		return;

	for (; pfn < end; pfn++) {
		struct model_page *mp = model_page(pfn);

		if (mp->owner)
			atomic_long_inc(&freed_owned);
		else if (mp->dirty)
			atomic_long_inc(&freed_dirty);

		/* Judged; the page is anybody's now. */
		*mp = (struct model_page){};
	}
}

static void judge_find_event(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "mm_page_free"))
		free_event = tp;
}

/**
 * tdx_judge_begin - watch the page allocator from now on
 *
 * Context: May sleep.
 * Return: 0, or a negative errno if the event cannot be attached to.
 */
int tdx_judge_begin(void)
{
	if (!attached) {
		int ret = tracepoint_probe_register(free_event, judge_freed, NULL);

		if (ret)
			return ret;
		attached = true;
	}

	atomic_long_set(&freed_owned, 0);
	atomic_long_set(&freed_dirty, 0);
	WRITE_ONCE(watching, true);
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_judge_begin);

/**
 * tdx_judge_end - stop watching
 *
 * Stays attached to the event, which costs a grace period to detach from.
 *
 * Context: Any.
 */
void tdx_judge_end(void)
{
	WRITE_ONCE(watching, false);
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

	while (nr_pages--)
		model_page(pfn++)->watched = true;
}
EXPORT_SYMBOL_GPL(tdx_judge_watch);

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
	};

	for (pfn = 0; pfn < model_end_pfn(); pfn++) {
		struct model_page *mp = model_page(pfn);

		if (!mp->watched)
			continue;
		if (mp->owner)
			verdict->held++;
		else
			verdict->lost++;
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
	return free_event ? 0 : -ENOENT;
}

void judge_exit(void)
{
	if (!attached)
		return;
	tracepoint_probe_unregister(free_event, judge_freed, NULL);
	tracepoint_synchronize_unregister();
}
