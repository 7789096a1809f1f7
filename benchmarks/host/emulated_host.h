/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The leaves for tests of an emulated TDX host, a store by a device, and a
 * memory load that finds corrupted pages
 */
#ifndef _EMULATED_HOST_H
#define _EMULATED_HOST_H

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "../kernels/tdx-host/tdx-host.h"
#include "tdx.h"

#define POSITION(field)	(offsetof(struct tdx_host, field) / sizeof(u64))

static inline u64 machine_call(u64 leaf, u64 rcx, u64 rdx, u64 *value)
{
	struct tdx_module_args args = { .rcx = rcx, .rdx = rdx };
	u64 status = tdx_seam_call(leaf, &args);

	*value = args.rcx;
	return status;
}

static inline u64 read_machine(size_t position)
{
	u64 value;

	return machine_call(TDX_HOST_GET, position, 0, &value) ? ~0ULL : value;
}

static inline void set(size_t position, u64 value)
{
	u64 unused;

	machine_call(TDX_HOST_SET, position, value, &unused);
}

/* Lines of a page that MOVDIR64B must write first, one bit each */
static inline u64 page_lines(struct page *page)
{
	struct tdx_module_args args = { .rcx = page_to_phys(page) };

	return tdx_seam_call(TDX_HOST_PAGE, &args) ? 0 : args.rdx;
}

static inline unsigned int page_state(struct page *page)
{
	u64 value;

	return machine_call(TDX_HOST_PAGE, page_to_phys(page), 0, &value) ? ~0U : value;
}

static inline void disarm(void)
{
	u64 unused;

	machine_call(TDX_HOST_DISARM, 0, 0, &unused);
}

/* The DMA interface of QEMU's firmware configuration device */
#define FW_CFG_DMA_PORT		0x514
/* Read, and select item 0 */
#define FW_CFG_DMA_READ		cpu_to_be32(2 | 8)

struct fw_cfg_dma {
	__be32 control;
	__be32 length;
	__be64 address;
};

/* Let a device store @nr_bytes: 4 bytes of the item, then the others. */
static inline int store_by_device(phys_addr_t pa, unsigned int nr_bytes)
{
	struct fw_cfg_dma *dma = kzalloc(sizeof(*dma), GFP_KERNEL);
	int ret;

	if (!dma)
		return -ENOMEM;
	*dma = (struct fw_cfg_dma) {
		.control = FW_CFG_DMA_READ,
		.length = cpu_to_be32(nr_bytes),
		.address = cpu_to_be64(pa),
	};
	outl((__force u32)cpu_to_be32(upper_32_bits(virt_to_phys(dma))), FW_CFG_DMA_PORT);
	outl((__force u32)cpu_to_be32(lower_32_bits(virt_to_phys(dma))), FW_CFG_DMA_PORT + 4);
	ret = READ_ONCE(dma->control) ? -EIO : 0;
	kfree(dma);
	return ret;
}

/* Late write-backs happen within this time. */
#define MAX_DELAY_MS	5

/*
 * A load that reuses freed pages, keeps them for longer than a write-back
 * takes, and verifies their contents.  It allocates kernel memory on the CPU
 * that frees, before it frees: otherwise it does not get the freed pages.
 */

#define LOAD_BATCHES	128
#define LOAD_PAGES	96	/* at least, in a batch */
#define MAX_LOAD_PAGES	4096

/**
 * struct load - batches of blocks, by @lru of their first pages
 * @batches: full batches
 * @next: the batch that is filled
 * @nr_next: number of its pages
 * @turn: number of turns
 * @nr_checked: pages that were verified
 * @nr_corrupted: those that had other contents
 * @on_taken: called for each allocated page, or NULL
 * @on_corrupted: called for each corrupted page, or NULL
 */
struct load {
	struct list_head batches[LOAD_BATCHES];
	struct list_head next;
	unsigned int nr_next;
	unsigned int turn;
	unsigned long nr_checked;
	unsigned long nr_corrupted;
	void (*on_taken)(struct page *page);
	void (*on_corrupted)(struct page *page);
};

static inline void load_init(struct load *load)
{
	for (unsigned int i = 0; i < LOAD_BATCHES; i++)
		INIT_LIST_HEAD(&load->batches[i]);
	INIT_LIST_HEAD(&load->next);
}

/* The load fills a page with this byte. */
static inline u8 load_byte(struct page *page)
{
	return page_to_pfn(page);
}

static inline bool load_take(struct load *load, unsigned int order)
{
	struct page *block = NULL;

	if (load->nr_next < MAX_LOAD_PAGES)
		block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
	if (!block)
		return false;
	set_page_private(block, order);
	list_add_tail(&block->lru, &load->next);
	load->nr_next += 1 << order;
	for (unsigned int n = 0; n < 1 << order; n++) {
		memset(page_address(block + n), load_byte(block + n), PAGE_SIZE);
		if (load->on_taken)
			load->on_taken(block + n);
	}
	return true;
}

/*
 * Reuse @nr_freed freed pages.  The page allocator may have merged some to
 * large blocks, and has the others as they were freed.
 */
static inline void load_reuse(struct load *load, unsigned int nr_freed)
{
	unsigned int left = nr_freed, order;

	while (left) {
		order = min(ilog2(left), MAX_PAGE_ORDER);
		if (!load_take(load, order))
			break;
		left -= 1 << order;
	}
	while (nr_freed && load_take(load, 0))
		nr_freed--;
}

static inline void load_check_and_free(struct load *load, struct list_head *batch)
{
	struct page *block, *unused;

	list_for_each_entry_safe(block, unused, batch, lru) {
		unsigned int order = page_private(block);

		for (unsigned int n = 0; n < 1 << order; n++) {
			load->nr_checked++;
			if (!memchr_inv(page_address(block + n), load_byte(block + n), PAGE_SIZE))
				continue;
			load->nr_corrupted++;
			if (load->on_corrupted)
				load->on_corrupted(block + n);
		}
		list_del(&block->lru);
		set_page_private(block, 0);
		__free_pages(block, order);
	}
}

/* Fill the next batch, and replace the oldest. */
static inline void load_turn(struct load *load)
{
	struct list_head *oldest = &load->batches[load->turn++ % LOAD_BATCHES];
	unsigned int order = 0;

	while (load->nr_next < LOAD_PAGES && load_take(load, order))
		order = !order;
	load_check_and_free(load, oldest);
	list_splice_init(&load->next, oldest);
	load->nr_next = 0;
}

static inline void load_end(struct load *load)
{
	msleep(2 * MAX_DELAY_MS);
	for (unsigned int i = 0; i < LOAD_BATCHES; i++)
		load_check_and_free(load, &load->batches[i]);
}

#endif /* _EMULATED_HOST_H */
