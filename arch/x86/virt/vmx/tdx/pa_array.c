// SPDX-License-Identifier: GPL-2.0
/*
 * The array: allocation, windows, release, reading a shared buffer
 *
 * <asm/tdx_pa_array.h> tells the idea.  This file allocates the entries and
 * frees everything; it never changes what the wrappers record.
 */
#include <linux/atomic.h>
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "door.h"
#include "pa_blocks.h"

#define CREATE_TRACE_POINTS
#include "pa_trace.h"

/* Pages that never came back, since boot. */
static atomic_long_t nr_stranded;

static size_t entries_bytes(unsigned int nr)
{
	return PAGE_ALIGN(array_size(nr, sizeof(u64)));
}

/*
 * Page aligned and not a byte more than the list pages need.  One list page comes
 * from the slab allocator, which is the faster and aligns it as well.  Windows are
 * looked up one by one, so memory that is contiguous only virtually serves.
 */
static u64 *entries_alloc(unsigned int nr, bool iommu_mt)
{
	size_t bytes = entries_bytes(nr);

	/*
	 * Other lists are read as far as the operand says, but nobody tells the
	 * module how long an IOMMU_MT list is: that one ends with zeroes.
	 */
	if (bytes == PAGE_SIZE)
		return kmalloc(bytes, GFP_KERNEL | (iommu_mt ? __GFP_ZERO : 0));

	return alloc_pages_exact(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN) ?:
	       vmalloc(bytes);
}

static void entries_free(u64 *entries, unsigned int nr)
{
	if (nr <= TDX_PA_WINDOW_MAX)
		kfree(entries);
	else if (is_vmalloc_addr(entries))
		vfree(entries);
	else
		free_pages_exact(entries, entries_bytes(nr));
}

/*
 * The object lives behind the last entry, if the last list page has room for it;
 * not in an IOMMU_MT list, see above.
 */
static struct tdx_pa_array *array_alloc(unsigned int nr, bool iommu_mt)
{
	struct tdx_pa_array *array;
	size_t bytes;
	u64 *entries;

	if (!nr || nr > TDX_PA_ARRAY_MAX)
		return NULL;

	entries = entries_alloc(nr, iommu_mt);
	if (!entries)
		return NULL;

	bytes = entries_bytes(nr);
	if (iommu_mt || bytes - nr * sizeof(u64) < sizeof(*array))
		array = kmalloc_obj(*array, GFP_KERNEL);
	else
		array = (void *)entries + bytes - sizeof(*array);
	if (!array) {
		entries_free(entries, nr);
		return NULL;
	}

	*array = (struct tdx_pa_array) {
		.entries = entries,
		.nr = nr,
		.iommu_mt = iommu_mt,
	};
	return array;
}

static void array_free(struct tdx_pa_array *array)
{
	u64 *entries = array->entries;
	unsigned int nr = array->nr;

	if ((void *)array - (void *)entries >= entries_bytes(nr))
		kfree(array);
	entries_free(entries, nr);
}

/* Pages behind the first @nr entries. */
static unsigned long pages_behind(const struct tdx_pa_array *array, unsigned int nr)
{
	unsigned long per_block = FIELD_GET(TDX_PA_ENTRY_NR_PAGES, array->entries[0]);

	return per_block ? nr + min(nr, TDX_IOMMU_MT_NR_BLOCKS) * (per_block - 1) : nr;
}

/* Pages of @b, from its first, that the module holds. */
static unsigned long block_nr_held(const struct tdx_pa_array *array,
				   const struct tdx_pa_block *b)
{
	if (array->nr_held >= b->first + b->nr)
		return 1UL << b->order;
	if (array->nr_held <= b->first)
		return 0;
	return array->nr_held - b->first;
}

/*
 * Make pages fit for general use, one by one.  Return how many are, from the
 * first: the one behind them must not be used again.
 */
static unsigned long pages_come_back(const struct tdx_pa_array *array,
				     phys_addr_t pa, unsigned long nr)
{
	unsigned long i;

	if (!array->flush)
		return nr;

	for (i = 0; i < nr; i++) {
		u64 status = tdh_phymem_page_wbinvd(pa + i * PAGE_SIZE);

		if (status) {
			trace_tdx_wbinvd_failed(array, pa + i * PAGE_SIZE, status);
			break;
		}
	}

	tdx_door_reset_pages(pa, i);
	return i;
}

/*
 * Return one block to the page allocator, without the pages that the module
 * holds and those that cannot be flushed.  Return the number of the latter.
 */
static unsigned long release_block(const struct tdx_pa_array *array,
				   const struct tdx_pa_block *b)
{
	struct page *page = pfn_to_page(PHYS_PFN(b->pa));
	unsigned long i = block_nr_held(array, b);
	unsigned long nr = 1UL << b->order;
	unsigned long ready, lost = 0;

	if (i == nr)
		return 0;

	/* The rule: nothing stays behind, the block goes back as it came. */
	ready = i + pages_come_back(array, b->pa + i * PAGE_SIZE, nr - i);
	if (!i && ready == nr) {
		__free_pages(page, b->order);
		return 0;
	}

	/* The exception: free what can be freed, page by page. */
	split_page(page, b->order);
	for (;;) {
		while (i < ready)
			__free_page(page + i++);
		if (i == nr)
			return lost;

		/* Leave this one behind. */
		lost++;
		i++;
		ready = i + pages_come_back(array, b->pa + i * PAGE_SIZE, nr - i);
	}
}

/* Control pages that the module holds still. */
static unsigned long nr_control_pages_held(const struct tdx_pa_array *array)
{
	if (!array->nr_held || array->donated)
		return 0;
	return pages_behind(array, array->nr_held);
}

/*
 * Return what may go back of the first @nr entries, and the number of pages that
 * could not be flushed.
 */
static unsigned long let_pages_go(const struct tdx_pa_array *array, unsigned int nr)
{
	unsigned long held = nr_control_pages_held(array), lost = 0;
	struct tdx_pa_block b;

	for (unsigned int i = 0; i < nr; i += b.nr) {
		b = tdx_pa_block_at(array->entries, i);
		lost += release_block(array, &b);
	}

	if (held)
		pr_warn("tdx: %lu control pages stay with the TDX module: not deleted before release\n",
			held);
	if (lost)
		pr_warn("tdx: %lu pages stay out of use: the TDX module refused to flush them\n",
			lost);
	if (held || lost)
		atomic_long_add(held + lost, &nr_stranded);

	return lost;
}

/* The end of an allocation, which has got pages for the first @nr entries. */
static struct tdx_pa_array *array_got(struct tdx_pa_array *array, unsigned int nr,
				      unsigned long caller)
{
	if (nr < array->nr) {
		let_pages_go(array, nr);
		array_free(array);
		return NULL;
	}

	trace_tdx_pa_array_alloc(array, pages_behind(array, nr), caller);
	return array;
}

/**
 * tdx_pa_array_alloc - allocate pages to be handed to the TDX module
 * @nr: number of 4 KiB pages, 1 to TDX_PA_ARRAY_MAX
 *
 * Context: May sleep.
 * Return: the array, or NULL if @nr is out of range or memory is short;
 * nothing stays allocated then.
 */
struct tdx_pa_array *tdx_pa_array_alloc(unsigned int nr)
{
	struct tdx_pa_array *array = array_alloc(nr, false);

	if (!array)
		return NULL;

	return array_got(array, tdx_pa_blocks_alloc(array->entries, nr), _RET_IP_);
}
EXPORT_SYMBOL_GPL(tdx_pa_array_alloc);

/**
 * tdx_pa_array_alloc_iommu_mt - allocate the pages of an IOMMU_MT list
 * @order: entries 0 and 1 are blocks of 1 << @order pages each, for the
 *	   invalidation queues; at most TDX_IOMMU_MT_MAX_ORDER
 * @nr_pages: number of single pages that follow, 0 to
 *	      TDX_PA_WINDOW_MAX - TDX_IOMMU_MT_NR_BLOCKS
 *
 * The list is handed over as one list page, hence the limit.
 *
 * Context: May sleep.
 * Return: the array, or NULL if an argument is out of range or memory is
 * short; nothing stays allocated then.
 */
struct tdx_pa_array *tdx_pa_array_alloc_iommu_mt(unsigned int order,
						 unsigned int nr_pages)
{
	struct tdx_pa_array *array;
	unsigned int nr;

	if (order > TDX_IOMMU_MT_MAX_ORDER ||
	    nr_pages > TDX_PA_WINDOW_MAX - TDX_IOMMU_MT_NR_BLOCKS)
		return NULL;

	array = array_alloc(TDX_IOMMU_MT_NR_BLOCKS + nr_pages, true);
	if (!array)
		return NULL;

	nr = tdx_pa_blocks_alloc_mt(array->entries, order);
	if (nr == TDX_IOMMU_MT_NR_BLOCKS)
		nr += tdx_pa_blocks_alloc(array->entries + nr, nr_pages);

	return array_got(array, nr, _RET_IP_);
}
EXPORT_SYMBOL_GPL(tdx_pa_array_alloc_iommu_mt);

/* The name of the path, see pa_trace.h. */
static const char *release_path(const struct tdx_pa_array *array, unsigned long lost)
{
	if (lost)
		return "flush-failed";
	if (array->nr_held)
		return array->donated ? "donated" : "held-stranded";
	return array->flush ? "flushed" : "plain";
}

static noinline void let_pages_go_traced(const struct tdx_pa_array *array,
					 unsigned long caller)
{
	u64 start = ktime_get_ns();
	unsigned long lost = let_pages_go(array, array->nr);
	u64 duration = ktime_get_ns() - start;

	trace_tdx_pa_array_release(array, release_path(array, lost),
				   pages_behind(array, array->nr),
				   pages_behind(array, array->nr_held),
				   nr_control_pages_held(array) + lost, duration, caller);
}

/**
 * tdx_pa_array_release - give the pages back, and the array with them
 * @array: the array, or NULL
 *
 * The only way out, right in every state.  A page that the module holds stays
 * with it: silently if it was donated, with a warning if it is a control page,
 * because then a delete must have failed.  Every other page is flushed if the
 * module may have written it privately, and goes back to the page allocator.
 * A page whose flush fails is kept out of it, with a warning, and the rest
 * goes on.
 *
 * Context: May sleep.
 */
void tdx_pa_array_release(struct tdx_pa_array *array)
{
	if (!array)
		return;

	if (trace_tdx_pa_array_release_enabled())
		let_pages_go_traced(array, _RET_IP_);
	else
		let_pages_go(array, array->nr);

	array_free(array);
}
EXPORT_SYMBOL_GPL(tdx_pa_array_release);

/**
 * tdx_pa_array_window - the window with a given number
 * @array: the array
 * @idx: number of the window, from 0; it covers the entries from
 *	 @idx * TDX_PA_WINDOW_MAX on
 * @window: filled on success
 *
 * Context: Any.
 * Return: 0, or -ERANGE if @idx lies past the last window.
 */
int tdx_pa_array_window(const struct tdx_pa_array *array, unsigned int idx,
			struct tdx_pa_window *window)
{
	const u64 *entries;
	unsigned int first;

	if (idx >= DIV_ROUND_UP(array->nr, TDX_PA_WINDOW_MAX))
		return -ERANGE;

	first = idx * TDX_PA_WINDOW_MAX;
	entries = array->entries + first;

	window->list_pa = is_vmalloc_addr(entries) ?
			  PFN_PHYS(vmalloc_to_pfn(entries)) :
			  virt_to_phys((void *)entries);
	window->entries = entries;
	window->first = first;
	window->nr = min(array->nr - first, TDX_PA_WINDOW_MAX);
	trace_tdx_pa_array_window(array, window);
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_pa_array_window);

/**
 * tdx_pa_array_copy_out - read from pages that were used as a shared buffer
 * @array: the array
 * @dst: where to copy to
 * @offset: first byte to read, counted from the start of the first page
 * @len: number of bytes
 *
 * Context: Any.
 * Return:
 * * %0		- @len bytes were copied
 * * %-ERANGE	- the range reaches past the last page; nothing was copied
 * * %-EPERM	- the pages are or were private to the module, or they belong to
 *		  an IOMMU_MT list: they hold nothing for the host to read
 */
int tdx_pa_array_copy_out(const struct tdx_pa_array *array, void *dst,
			  size_t offset, size_t len)
{
	size_t size = (size_t)array->nr * PAGE_SIZE;

	if (array->flush || array->iommu_mt)
		return -EPERM;
	if (offset > size || len > size - offset)
		return -ERANGE;

	while (len) {
		size_t in_page = offset_in_page(offset);
		size_t bytes = min(len, PAGE_SIZE - in_page);

		memcpy(dst, phys_to_virt(array->entries[offset >> PAGE_SHIFT]) + in_page, bytes);
		dst += bytes;
		offset += bytes;
		len -= bytes;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(tdx_pa_array_copy_out);

/**
 * tdx_pa_array_nr_stranded - count the pages that release had to leave behind
 *
 * Context: Any.
 * Return: number of pages since boot that are neither in use nor in the page
 * allocator, because a delete or a flush failed.  Donated pages do not count.
 */
unsigned long tdx_pa_array_nr_stranded(void)
{
	return atomic_long_read(&nr_stranded);
}
EXPORT_SYMBOL_GPL(tdx_pa_array_nr_stranded);

MODULE_DESCRIPTION("Lists of pages for the TDX module");
MODULE_LICENSE("GPL");
