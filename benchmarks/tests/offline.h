/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks of memory that the kernel can take offline, for tests whose pages must
 * prevent it
 *
 * Only the task that loads a module can open the files of sysfs.
 */
#ifndef _OFFLINE_H
#define _OFFLINE_H

#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/memory.h>
#include <linux/types.h>

#include <asm/tdx_connect.h>

#ifdef CONFIG_MEMORY_HOTPLUG

#define MAX_BLOCKS	1024
#define MAX_TRIES	100
/* Pages that are skipped after each try: 16 MiB */
#define NR_SKIPPED	4096

static DECLARE_BITMAP(was_offline, MAX_BLOCKS);

static inline int set_block(unsigned long block, const char *state)
{
	struct file *file;
	char name[64];
	loff_t pos = 0;
	ssize_t n;

	snprintf(name, sizeof(name), "/sys/devices/system/memory/memory%lu/state", block);
	file = filp_open(name, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_write(file, state, strlen(state), &pos);
	filp_close(file, NULL);
	return n < 0 ? n : 0;
}

static inline int offline_and_online(unsigned long block)
{
	return set_block(block, "offline") ?: set_block(block, "online");
}

/* Find blocks that can go offline. */
static inline void offline_prepare(void)
{
	for (unsigned long block = 0; block < MAX_BLOCKS; block++) {
		if (!offline_and_online(block))
			__set_bit(block, was_offline);
	}
}

static inline bool offline_is_possible(phys_addr_t pa)
{
	unsigned long block = pa / memory_block_size_bytes();

	return block < MAX_BLOCKS && test_bit(block, was_offline);
}

static inline int offline_block_of(phys_addr_t pa)
{
	return offline_and_online(pa / memory_block_size_bytes());
}

/*
 * Take a block without an array of offline_alloc() offline, and online again.
 * Return 0 if one of them does that.
 */
static inline int offline_another(void)
{
	unsigned long block;
	int ret = -ENODEV;

	for_each_set_bit(block, was_offline, MAX_BLOCKS) {
		ret = offline_and_online(block);
		if (!ret)
			break;
	}
	return ret;
}

/*
 * Allocate an array whose first page is in such a block, and not in the block
 * of another such array.  The kernel has other pages in the first blocks that
 * it allocates from.
 */
static inline struct tdx_pa_array *offline_alloc(unsigned int nr)
{
	struct tdx_pa_array *tries[MAX_TRIES][2], *array = NULL;
	unsigned int n = 0;

	while (n < MAX_TRIES) {
		array = tdx_pa_array_alloc(nr, NUMA_NO_NODE);
		if (!array || offline_is_possible(tdx_pa_entry(array, 0)))
			break;
		tries[n][0] = array;
		tries[n++][1] = tdx_pa_array_alloc(NR_SKIPPED, NUMA_NO_NODE);
		array = NULL;
	}
	if (array)
		__clear_bit(tdx_pa_entry(array, 0) / memory_block_size_bytes(), was_offline);
	while (n--) {
		tdx_pa_array_free(tries[n][0]);
		tdx_pa_array_free(tries[n][1]);
	}
	return array;
}

#else

static inline void offline_prepare(void)
{
}

static inline struct tdx_pa_array *offline_alloc(unsigned int nr)
{
	return NULL;
}

static inline int offline_block_of(phys_addr_t pa)
{
	return -ENODEV;
}

static inline int offline_another(void)
{
	return -ENODEV;
}

#endif /* CONFIG_MEMORY_HOTPLUG */

#endif /* _OFFLINE_H */
