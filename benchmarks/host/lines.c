// SPDX-License-Identifier: GPL-2.0
/*
 * Time of a flush of one page, by the state of its cache lines
 *
 * A CPU of this package or of another package prepares a page of its own NUMA
 * node: its lines are in no cache, or were read, or were written.  This CPU
 * then flushes the page.  Each page runs through all cases, in random order.
 *
 * The lines belong to the host's KeyID 0.  The CPU may ignore them in a flush
 * with the global KeyID, so the leaf is also called with KeyID 0, if it takes
 * that.
 */
#include <linux/cacheflush.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include <asm/tdx_connect.h>

#include "measure.h"
#include "tdx.h"

#define SEED	20260522
#define LINE	64

/*
 * The flushes
 */

static u64 flush_global(struct page *page)
{
	return tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, page_to_pfn(page));
}

static u64 flush_key0(struct page *page)
{
	struct tdx_module_args args = { .rcx = page_to_phys(page) };

	return tdx_seam_call(TDH_PHYMEM_PAGE_WBINVD, &args);
}

static u64 flush_clflush(struct page *page)
{
	clflush_cache_range(page_address(page), PAGE_SIZE);
	return 0;
}

/* Enter and leave the TDX module. */
static u64 flush_nothing(struct page *page)
{
	struct tdx_module_args args = { .rdx = TDX_FIELD_FEATURES0 };

	return tdx_seam_call(TDH_SYS_RD, &args);
}

/* Only read the clock. */
static u64 no_flush(struct page *page)
{
	return 0;
}

static const struct method {
	const char *name;
	u64 (*flush)(struct page *page);
	bool takes_page;
} methods[] = {
	{ "wbinvd", flush_global, true },
	{ "wbinvd-key0", flush_key0, true },
	{ "clflush", flush_clflush, true },
	{ "enter", flush_nothing },
	{ "clock", no_flush },
};

/*
 * The lines
 */

static void lines_flushed(void *page)
{
	clflush_cache_range(page, PAGE_SIZE);
}

static void lines_clean(void *page)
{
	clflush_cache_range(page, PAGE_SIZE);
	for (unsigned int i = 0; i < PAGE_SIZE; i += LINE)
		READ_ONCE(*(u8 *)(page + i));
}

static void lines_dirty(void *page)
{
	clflush_cache_range(page, PAGE_SIZE);
	for (unsigned int i = 0; i < PAGE_SIZE; i += LINE)
		WRITE_ONCE(*(u8 *)(page + i), i);
}

static const struct lines {
	const char *name;
	void (*prepare)(void *page);
} all_lines[] = {
	{ "flushed", lines_flushed },
	{ "clean", lines_clean },
	{ "dirty", lines_dirty },
};

/*
 * The packages
 */

enum { SAME, OTHER, NR_PACKAGES };

static const char * const where_names[] = { "same", "other" };

/**
 * struct package - a package that prepares cache lines
 * @cpu: the CPU that prepares them, negative without such a package
 * @pages: pages of the NUMA node of that CPU
 */
struct package {
	int cpu;
	struct page **pages;
};

static struct package packages[NR_PACKAGES];

static int cpu_of_another_package(int here)
{
	int cpu;

	for_each_online_cpu(cpu) {
		if (topology_physical_package_id(cpu) != topology_physical_package_id(here))
			return cpu;
	}
	return -1;
}

static void package_free(struct package *p, unsigned int nr_pages)
{
	if (!p->pages)
		return;
	for (unsigned int i = 0; i < nr_pages; i++) {
		if (p->pages[i])
			__free_page(p->pages[i]);
	}
	vfree(p->pages);
	p->pages = NULL;
}

static int package_init(struct package *p, int cpu, unsigned int nr_pages)
{
	p->cpu = cpu;
	if (cpu < 0)
		return 0;

	p->pages = vcalloc(nr_pages, sizeof(*p->pages));
	if (!p->pages)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr_pages; i++) {
		p->pages[i] = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL, 0);
		if (!p->pages[i])
			return -ENOMEM;
	}
	return 0;
}

/*
 * The cases
 */

#define MAX_CASES	(ARRAY_SIZE(methods) * ARRAY_SIZE(all_lines) * NR_PACKAGES)

static struct flush_case {
	const struct method *method;
	const struct lines *lines;
	unsigned int where;
	u64 *ns;
} cases[MAX_CASES];
static unsigned int nr_cases;

/* Does the leaf take a PA with KeyID 0? */
static bool takes_key0(struct page *page)
{
	struct tdx_module_args args = { .rcx = page_to_phys(page) };

	return !watch_try(TDH_PHYMEM_PAGE_WBINVD, &args);
}

static void find_cases(u64 *samples, unsigned int nr_pages)
{
	bool key0 = takes_key0(packages[SAME].pages[0]);

	nr_cases = 0;
	for (const struct method *m = methods; m < methods + ARRAY_SIZE(methods); m++) {
		/* One state is enough for a case that takes no page. */
		unsigned int nr_lines = m->takes_page ? ARRAY_SIZE(all_lines) : 1;
		unsigned int nr_where = nr_lines == 1 || packages[OTHER].cpu < 0 ? 1 : 2;

		if (m->flush == flush_key0 && !key0)
			continue;
		for (unsigned int i = 0; i < nr_lines * nr_where; i++) {
			cases[nr_cases] = (struct flush_case) {
				.method = m,
				.lines = &all_lines[i % nr_lines],
				.where = i / nr_lines,
				.ns = samples + (size_t)nr_cases * nr_pages,
			};
			nr_cases++;
		}
	}
}

static int sample(struct flush_case *c, unsigned int i)
{
	const struct package *p = &packages[c->where];
	void *page = page_address(p->pages[i]);
	u64 start, status;
	int ret = 0;

	if (c->where == SAME)
		c->lines->prepare(page);
	else
		ret = smp_call_function_single(p->cpu, c->lines->prepare, page, true);
	if (ret)
		return ret;

	preempt_disable();
	start = ktime_get_ns();
	status = c->method->flush(p->pages[i]);
	c->ns[i] = ktime_get_ns() - start;
	preempt_enable();

	/*
	 * A page that cannot be flushed may belong to the TDX module: leak it.
	 */
	if (status && c->method->takes_page)
		p->pages[i] = NULL;
	return status ? -EIO : 0;
}

static int sample_all(unsigned int nr_pages)
{
	unsigned int order[MAX_CASES];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, SEED);
	for (unsigned int i = 0; i < nr_cases; i++)
		order[i] = i;

	for (unsigned int page = 0; page < nr_pages; page++) {
		if (signal_pending(current))
			return -EINTR;
		for (unsigned int i = nr_cases; i; i--) {
			unsigned int j = prandom_u32_state(&rnd) % i;
			int ret;

			swap(order[i - 1], order[j]);
			ret = sample(&cases[order[i - 1]], page);
			if (ret)
				return ret;
		}
		cond_resched();
	}
	return 0;
}

/**
 * lines_measure - measure all cases
 * @nr_pages: number of pages for each case, at most LINES_MAX_PAGES
 * @report: gets the samples of each case, one for each page, in ns
 *
 * Context: May sleep.  The caller stays on its CPU.
 * Return: 0, -EIO if the watch ended the run, -EINTR after a signal, or
 * -ENOMEM.
 */
int lines_measure(unsigned int nr_pages, lines_report_fn report)
{
	int here = raw_smp_processor_id();
	u64 *samples = vcalloc(MAX_CASES * nr_pages, sizeof(*samples));
	int ret = samples ? 0 : -ENOMEM;

	if (!ret)
		ret = package_init(&packages[SAME], here, nr_pages);
	if (!ret)
		ret = package_init(&packages[OTHER], cpu_of_another_package(here), nr_pages);
	if (!ret) {
		find_cases(samples, nr_pages);
		ret = sample_all(nr_pages);
	}
	for (unsigned int i = 0; i < nr_cases && !ret; i++)
		report(cases[i].method->name, cases[i].lines->name, where_names[cases[i].where],
		       cases[i].ns, nr_pages);

	package_free(&packages[OTHER], nr_pages);
	package_free(&packages[SAME], nr_pages);
	vfree(samples);
	return ret;
}
