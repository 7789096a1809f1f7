// SPDX-License-Identifier: GPL-2.0
/*
 * Bare list: no object, one list page, refilled for each 512 pages
 *
 * This is the series for the extensions of 18 June 2026, the successor of
 * https://lore.kernel.org/all/20260522034128.3144354-1-yilun.xu@linux.intel.com/
 * It covers memory that the module never returns, and no other use.  The
 * callers need no object.  For the benchmark, their local variables become one.
 */
#include <linux/bitfield.h>
#include <linux/bug.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/shared/tdx_errno.h>

#include "seamcall_internal.h"
#include "tdx.h"

#include "../design.h"

#define NR_ENTRIES	512

struct tdx_page_list {
	u64 entries[NR_ENTRIES];
};

/* The local variables of bare_ext_start() */
struct memory {
	struct tdx_page_list *list;
	struct page *page;
	unsigned int nr;
};

static const struct design design_bare_list;

static bool memory_get(struct memory *mem, unsigned int nr)
{
	mem->nr = nr;
	mem->list = kzalloc_obj(*mem->list, GFP_KERNEL);
	if (!mem->list)
		return false;

	mem->page = alloc_contig_pages(nr, GFP_KERNEL, numa_mem_id(), &node_online_map);
	if (!mem->page)
		kfree(mem->list);
	return mem->page;
}

/* Fill the list with the pages from @first on.  Return it as HPA_LIST_INFO. */
static u64 memory_list(const struct memory *mem, unsigned int first)
{
	unsigned int nr = min(mem->nr - first, NR_ENTRIES);

	for (unsigned int i = 0; i < nr; i++)
		mem->list->entries[i] = page_to_phys(mem->page + first + i);

	return FIELD_PREP(GENMASK_ULL(51, 12), PHYS_PFN(virt_to_phys(mem->list))) |
	       FIELD_PREP(GENMASK_ULL(63, 55), nr - 1);
}

static bool interrupted(u64 r)
{
	return r == TDX_INTERRUPTED_RESUMABLE;
}

static u64 tdh_ext_mem_add(u64 info)
{
	struct tdx_module_args args = { .rcx = info };
	u64 r;

	do {
		r = seamcall_ret(TDH_EXT_MEM_ADD, &args);
	} while (interrupted(r));

	return r;
}

static u64 tdh_ext_init(void)
{
	u64 r;

	do {
		struct tdx_module_args args = {};

		r = seamcall(TDH_EXT_INIT, &args);
	} while (interrupted(r));

	return r;
}

static int bare_ext_start(unsigned int nr)
{
	struct memory mem;
	int ret = 0;

	if (!nr || !memory_get(&mem, nr))
		return -ENOMEM;

	design_allocated(&design_bare_list, &mem);

	for (unsigned int first = 0; first < nr && !ret; first += NR_ENTRIES)
		ret = tdh_ext_mem_add(memory_list(&mem, first)) ? -EIO : 0;
	/* As posted, the pages that were not added are also leaked. */
	WARN_ON(ret);
	if (!ret)
		ret = tdh_ext_init() ? -EIO : 0;

	kfree(mem.list);
	return ret;
}

/*
 * The steps of it, for the benchmark
 */

static void *bare_create(enum design_use use, unsigned int nr)
{
	struct memory *mem;

	if (!nr || use != USE_MEMORY)
		return NULL;

	mem = kmalloc_obj(*mem, GFP_KERNEL);
	if (mem && !memory_get(mem, nr)) {
		kfree(mem);
		return NULL;
	}
	return mem;
}

static u64 bare_hand_over(void *data)
{
	struct memory *mem = data;
	u64 mix = 0;

	for (unsigned int first = 0; first < mem->nr; first += NR_ENTRIES)
		mix ^= memory_list(mem, first);
	return mix;
}

static void bare_release(void *data)
{
	struct memory *mem = data;

	for (unsigned int i = 0; i < mem->nr; i++)
		__free_page(mem->page + i);
	kfree(mem->list);
	kfree(mem);
}

static phys_addr_t bare_pages(void *data, unsigned int i, unsigned long *nr_pages)
{
	struct memory *mem = data;

	*nr_pages = 1;
	return page_to_phys(mem->page + i);
}

static unsigned int bare_nr_entries(void *data)
{
	struct memory *mem = data;

	return mem->nr;
}

static u64 bare_window(void *data, unsigned int first)
{
	return memory_list(data, first);
}

static size_t bare_metadata_bytes(void *data)
{
	struct memory *mem = data;

	return ksize(mem->list);
}

static const struct design design_bare_list = {
	.name = "bare-list",
	.title = "one refilled list page, no object, for donated memory only",
	.owner = THIS_MODULE,
	.max_memory = 1 << 20,
	.create = bare_create,
	.hand_over = bare_hand_over,
	.release = bare_release,
	.pages = bare_pages,
	.nr_entries = bare_nr_entries,
	.window = bare_window,
	.metadata_bytes = bare_metadata_bytes,
	.ext_start = bare_ext_start,
};

static int __init bare_init(void)
{
	design_register(&design_bare_list);
	return 0;
}
module_init(bare_init);

static void __exit bare_exit(void)
{
	design_unregister(&design_bare_list);
}
module_exit(bare_exit);

MODULE_DESCRIPTION("Bare list: one list page and no object");
MODULE_LICENSE("GPL");
