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
#include <linux/mm.h>
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

/* Let a device store 4 bytes. */
static inline int store_by_device(phys_addr_t pa)
{
	struct fw_cfg_dma *dma = kzalloc(sizeof(*dma), GFP_KERNEL);
	int ret;

	if (!dma)
		return -ENOMEM;
	*dma = (struct fw_cfg_dma) {
		.control = FW_CFG_DMA_READ,
		.length = cpu_to_be32(4),
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
 * that frees, in small blocks, before it frees: otherwise it does not get the
 * freed pages.
 */

#define LOAD_BATCHES	128
#define LOAD_BLOCKS	64

struct load {
	struct page *batches[LOAD_BATCHES][LOAD_BLOCKS];
	unsigned int turn;
	unsigned long nr_checked;
	unsigned long nr_corrupted;
	unsigned long first_corrupted;	/* PFN */
};

static inline unsigned int block_order(unsigned int i)
{
	return i % 2;
}

static inline void load_check_and_free(struct load *load, struct page **batch)
{
	for (unsigned int i = 0; i < LOAD_BLOCKS; i++) {
		if (!batch[i])
			continue;
		for (unsigned int n = 0; n < 1 << block_order(i); n++) {
			load->nr_checked++;
			if (!memchr_inv(page_address(batch[i] + n), i, PAGE_SIZE))
				continue;
			if (!load->nr_corrupted++)
				load->first_corrupted = page_to_pfn(batch[i] + n);
		}
		__free_pages(batch[i], block_order(i));
		batch[i] = NULL;
	}
}

/* Replace the oldest batch. */
static inline void load_turn(struct load *load)
{
	struct page **oldest = load->batches[load->turn++ % LOAD_BATCHES];
	struct page *batch[LOAD_BLOCKS];

	for (unsigned int i = 0; i < LOAD_BLOCKS; i++) {
		batch[i] = alloc_pages(GFP_KERNEL, block_order(i));
		if (batch[i])
			memset(page_address(batch[i]), i, PAGE_SIZE << block_order(i));
	}
	load_check_and_free(load, oldest);
	memcpy(oldest, batch, sizeof(batch));
}

static inline void load_end(struct load *load)
{
	msleep(2 * MAX_DELAY_MS);
	for (unsigned int i = 0; i < LOAD_BATCHES; i++)
		load_check_and_free(load, load->batches[i]);
}

#endif /* _EMULATED_HOST_H */
