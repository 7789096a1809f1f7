// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to flush one page, by the state of its cache lines
 *
 * A page is prepared (its lines in no cache, or read, or written) by a CPU of this
 * package or of another one, on memory that is near to that CPU, and is flushed
 * then by this one.  All cases take turns, in a new order for each page.
 *
 * These lines are the host's own, of key ID 0.  Whether a flush under the global key
 * ID looks at them is the CPU's affair; so the leaf is also asked to flush them
 * under key ID 0, if it does that.
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

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "../designs/design.h"
#include "measure.h"

#define SEED	20260522
#define LINE	64

/*
 * The flushes
 */

static u64 flush_global(struct page *page)
{
	return tdh_phymem_page_wbinvd(page_to_phys(page));
}

static u64 flush_key0(struct page *page)
{
	struct tdx_module_args args = { .rcx = page_to_phys(page) };

	return tdx_door(TDH_PHYMEM_PAGE_WBINVD, &args);
}

static u64 flush_clflush(struct page *page)
{
	clflush_cache_range(page_address(page), PAGE_SIZE);
	return 0;
}

/* To enter the TDX module and to leave it. */
static u64 flush_nothing(struct page *page)
{
	struct tdx_module_args args = { .rdx = TDX_FIELD_FEATURES0 };

	return tdx_door(TDH_SYS_RD, &args);
}

/* To read the clock. */
static u64 no_flush(struct page *page)
{
	return 0;
}

static const struct what {
	const char *name;
	u64 (*flush)(struct page *page);
	bool looks_at_page;
} whats[] = {
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
 * struct package - where lines are prepared
 * @cpu: who does it; negative if there is no such package
 * @pages: memory near to that CPU
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

#define MAX_CASES	(ARRAY_SIZE(whats) * ARRAY_SIZE(all_lines) * NR_PACKAGES)

static struct flush_case {
	const struct what *what;
	const struct lines *lines;
	unsigned int where;
	u64 *ns;
} cases[MAX_CASES];
static unsigned int nr_cases;

/* Does the leaf take a PA without a key ID?  It may say no. */
static bool takes_key0(struct page *page)
{
	struct tdx_module_args args = { .rcx = page_to_phys(page) };

	return !watch_ask(TDH_PHYMEM_PAGE_WBINVD, &args);
}

static void find_cases(u64 *samples, unsigned int nr_pages)
{
	bool key0 = takes_key0(packages[SAME].pages[0]);

	nr_cases = 0;
	for (const struct what *w = whats; w < whats + ARRAY_SIZE(whats); w++) {
		/* Where no page is looked at, one state of its lines is enough. */
		unsigned int nr_lines = w->looks_at_page ? ARRAY_SIZE(all_lines) : 1;
		unsigned int nr_where = nr_lines == 1 || packages[OTHER].cpu < 0 ? 1 : 2;

		if (w->flush == flush_key0 && !key0)
			continue;
		for (unsigned int i = 0; i < nr_lines * nr_where; i++) {
			cases[nr_cases] = (struct flush_case) {
				.what = w,
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
	status = c->what->flush(p->pages[i]);
	c->ns[i] = ktime_get_ns() - start;
	preempt_enable();

	/* A page that cannot be flushed may be somebody else's. */
	if (status && c->what->looks_at_page)
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
 * @nr_pages: of so many pages each, at most LINES_MAX_PAGES
 * @tell: gets the samples of each case, one for each page, in ns
 *
 * Context: May sleep.  The caller stays on its CPU.
 * Return: 0, -EIO if the watch has ended the run, -EINTR after a signal, or -ENOMEM.
 */
int lines_measure(unsigned int nr_pages, void (*tell)(const char *what, const char *lines,
						      const char *where, const u64 *ns,
						      unsigned int nr))
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
		tell(cases[i].what->name, cases[i].lines->name, where_names[cases[i].where],
		     cases[i].ns, nr_pages);

	package_free(&packages[OTHER], nr_pages);
	package_free(&packages[SAME], nr_pages);
	vfree(samples);
	return ret;
}
