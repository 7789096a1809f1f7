/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the software TDX module of the tests uses of the kernel, for an emulated TDX host
 *
 * build.sh makes each <linux/...> and <asm/...> header that the module includes a header
 * that includes this one.
 */
#ifndef TDX_HOST_KERNEL_H
#define TDX_HOST_KERNEL_H

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tdx-host.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef u64 phys_addr_t;

#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(high, low)	((~0ULL << (low)) & (~0ULL >> (63 - (high))))
#define FIELD_GET(mask, value)	(((value) & (mask)) >> __builtin_ctzll(mask))
#define FIELD_PREP(mask, value)	(((u64)(value) << __builtin_ctzll(mask)) & (mask))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof(*(array)))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define clamp(value, low, high)	min(max(value, low), high)
#define IS_ALIGNED(value, size)	(!((value) & ((size) - 1)))
#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))
#define hash_64_generic(value, bits)	(((value) * 0x61C8864680B583EBULL) >> (64 - (bits)))

#define PAGE_SHIFT		TDX_HOST_PAGE_BITS
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define SZ_4K			0x1000
#define SZ_1M			0x100000
#define SZ_2M			0x200000
#define SZ_1G			0x40000000UL
#define PHYS_PFN(pa)		((unsigned long)((pa) >> PAGE_SHIFT))
#define PFN_PHYS(pfn)		((phys_addr_t)(pfn) << PAGE_SHIFT)
#define offset_in_page(pa)	((pa) & (PAGE_SIZE - 1))

/* The lock of frames.c is held. */
typedef struct { int unused; } raw_spinlock_t;
#define __RAW_SPIN_LOCK_UNLOCKED(name)	{}
#define guard(type)			(void)
#define READ_ONCE(value)		(value)
#define WRITE_ONCE(target, value)	((target) = (value))
typedef long atomic_long_t;
#define atomic_long_read(counter)	(*(counter))
#define atomic_long_set(counter, value)	(*(counter) = (value))
#define atomic_long_inc(counter)	(++*(counter))

/* Guest memory.  It has one node. */
#define phys_to_virt(pa)	tdx_host_memory(pa)
#define pfn_valid(pfn)		(!!tdx_host_memory(PFN_PHYS(pfn)))
extern unsigned long tdx_host_end_pfn;
#define for_each_online_node(nid)	for ((nid) = 0; (nid) < 1; (nid)++)
#define node_end_pfn(nid)	((void)(nid), tdx_host_end_pfn)
#define vcalloc(nr, size)	calloc(nr, size)
#define vfree(memory)		free(memory)
#define ENOMEM			12
#define ENOSPC			28
#define EINVAL			22
#define DEFINE_FREE(name, type, body)

struct page;

struct tdx_module_args {
	u64 rcx, rdx, r8, r9, r10, r11, r12, r13, r14, r15, rbx, rdi, rsi;
};

/* Completion statuses: Intel document 348549.  As in the kernel, -1 in bits 47:40 is software. */
#define TDX_ERROR				BIT_ULL(63)
#define TDX_SW_ERROR				(TDX_ERROR | GENMASK_ULL(47, 40))
#define TDX_SEAMCALL_STATUS_MASK		GENMASK_ULL(63, 32)
#define TDX_KEY_CONFIGURED			0x0000081500000000ULL
#define TDX_INTERRUPTED_RESUMABLE		0x8000000300000000ULL
#define TDX_OPERAND_BUSY			0x8000020000000000ULL
#define TDX_RND_NO_ENTROPY			0x8000020300000000ULL
#define TDX_SYS_NOT_READY			0x8000050600000000ULL
#define TDX_OPERAND_INVALID			0xC000010000000000ULL
#define TDX_PAGE_METADATA_INCORRECT		0xC000030000000000ULL
#define TDX_METADATA_FIELD_NOT_READABLE		0xC0000C0200000000ULL

#endif /* TDX_HOST_KERNEL_H */
