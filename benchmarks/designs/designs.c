// SPDX-License-Identifier: GPL-2.0
/*
 * The list of designs, and the code that their callers share
 */
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "design.h"

const struct design *designs[MAX_DESIGNS];
EXPORT_SYMBOL_GPL(designs);

unsigned int nr_designs;
EXPORT_SYMBOL_GPL(nr_designs);

void design_register(const struct design *design)
{
	if (!WARN_ON(nr_designs == MAX_DESIGNS))
		designs[nr_designs++] = design;
}
EXPORT_SYMBOL_GPL(design_register);

void design_unregister(const struct design *design)
{
	for (unsigned int i = 0; i < nr_designs; i++) {
		if (designs[i] == design) {
			designs[i] = designs[--nr_designs];
			return;
		}
	}
}
EXPORT_SYMBOL_GPL(design_unregister);

void (*design_on_array)(const struct design *design, void *array);
EXPORT_SYMBOL_GPL(design_on_array);

void design_watch(const struct design *design, void *array)
{
	for (unsigned int i = 0; i < design->nr_entries(array); i++) {
		unsigned long nr_pages;
		phys_addr_t pa = design->pages(array, i, &nr_pages);

		tdx_checker_watch(pa, nr_pages);
	}
}
EXPORT_SYMBOL_GPL(design_watch);

void design_select(const struct design *design)
{
	tdx_model_set_delete_by_id(design->deletes_by_id);
	if (design->select)
		design->select();
}
EXPORT_SYMBOL_GPL(design_select);

struct design_guard *design_guard;
EXPORT_SYMBOL_GPL(design_guard);

static void put_first(unsigned int nr)
{
	while (nr--)
		module_put(designs[nr]->owner);
}

bool designs_get(void)
{
	for (unsigned int i = 0; i < nr_designs; i++) {
		if (!try_module_get(designs[i]->owner)) {
			put_first(i);
			return false;
		}
	}
	if (design_guard && !try_module_get(design_guard->owner)) {
		put_first(nr_designs);
		return false;
	}
	return true;
}
EXPORT_SYMBOL_GPL(designs_get);

void designs_put(void)
{
	if (design_guard)
		module_put(design_guard->owner);
	put_first(nr_designs);
}
EXPORT_SYMBOL_GPL(designs_put);

/* More objects than any call sequence leaks */
#define MAX_LEAKED	64

static const void *leaked[MAX_LEAKED];
static unsigned int nr_leaked;

void design_leak(const void *object)
{
	if (!WARN_ON_ONCE(nr_leaked == MAX_LEAKED))
		leaked[nr_leaked++] = object;
}
EXPORT_SYMBOL_GPL(design_leak);

void design_reclaim(void)
{
	while (nr_leaked)
		kfree(leaked[--nr_leaked]);
}
EXPORT_SYMBOL_GPL(design_reclaim);

unsigned int design_null_walks;
EXPORT_SYMBOL_GPL(design_null_walks);

void design_null_walk(void)
{
	design_null_walks++;
}
EXPORT_SYMBOL_GPL(design_null_walk);

struct design_pages design_shared;
EXPORT_SYMBOL_GPL(design_shared);

static struct page *shared_pages;

const struct design *design_find(const char *name)
{
	for (unsigned int i = 0; i < nr_designs; i++) {
		if (!strcmp(designs[i]->name, name))
			return designs[i];
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(design_find);

void design_wbinvd_on_all_cpus(void)
{
	tdx_model_wbinvd_all();
}
EXPORT_SYMBOL_GPL(design_wbinvd_on_all_cpus);

/* A device that exchanges more messages is broken. */
#define MAX_ROUNDS	100

bool design_deliver(u64 status, u64 len, unsigned int *rounds)
{
	if ((status & TDX_SEAMCALL_STATUS_MASK) != TDX_SPDM_REQUEST ||
	    ++*rounds > MAX_ROUNDS)
		return false;

	tdx_model_device(page_to_phys(design_shared.response),
			 page_to_phys(design_shared.request), len);
	return true;
}
EXPORT_SYMBOL_GPL(design_deliver);

static int __init designs_init(void)
{
	shared_pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
	if (!shared_pages)
		return -ENOMEM;

	design_shared = (struct design_pages) {
		.config = shared_pages,
		.response = shared_pages + 1,
		.request = shared_pages + 2,
	};
	return 0;
}
module_init(designs_init);

static void __exit designs_exit(void)
{
	design_reclaim();
	__free_pages(shared_pages, 2);
}
module_exit(designs_exit);

MODULE_DESCRIPTION("Ways to pass lists of pages to the TDX module");
MODULE_LICENSE("GPL");
