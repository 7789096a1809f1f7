/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An emulated TDX host: what QEMU, the new instructions and the TDX module share
 *
 * QEMU calls cpu.c (instructions) and frames.c (stores to memory).  Both call module.c,
 * which is built against kernel.h, with the software module of the tests and boot.c.
 */
#ifndef TDX_HOST_H
#define TDX_HOST_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* IA32_VMX_BASIC: calls of P-SEAMLDR keep the current VMCS */
#define TDX_HOST_VMX_BASIC	(1ULL << 60)

/* IA32_MKTME_KEYID_PARTITIONING: 31 MKTME KeyIDs, then 16 TDX KeyIDs */
#define TDX_HOST_MSR_KEYIDS	0x87
#define TDX_HOST_GLOBAL_KEYID	32
#define TDX_HOST_KEYIDS		(16ULL << 32 | (TDX_HOST_GLOBAL_KEYID - 1))

#define TDX_HOST_PAGE_BITS	12
#define TDX_HOST_MAX_CPUS	64

/* What a load from an owned page returns, in each byte */
#define TDX_HOST_PATTERN	0xdb

/* The state of a 4 KiB page */
enum tdx_host_page {
	TDX_HOST_SHARED,	/* the host's, and clean */
	TDX_HOST_OWNED,		/* the module's */
	TDX_HOST_DIRTY,		/* the host's, with dirty private cache lines */
	TDX_HOST_ARMED,		/* the same, and a dirty line will be written back */
};

/*
 * Leaves for tests: the machine answers them in every state of the module
 *
 * @TDX_HOST_IDENTIFY: RCX is TDX_HOST_MAGIC afterwards
 * @TDX_HOST_ENABLE: RCX is 1 to enable extensions and TDX Connect, as version 1 of
 *		     TDH.SYS.CONFIG does, or 0; Linux 7.3 uses version 0
 * @TDX_HOST_GET: RCX is a position in struct tdx_host, then the value
 * @TDX_HOST_SET: RCX is a position in struct tdx_host, RDX the value
 * @TDX_HOST_PAGE: RCX is a PA, then an enum tdx_host_page; RDX are the lines of the page that
 *		   MOVDIR64B must write first, one bit each
 * @TDX_HOST_FAIL: arm a fault: RCX is a leaf, RDX the call, counted from 1, R8 the status,
 *		   R9 the number of entries that the leaf processes first
 * @TDX_HOST_DISARM: remove all faults
 * @TDX_HOST_CONTROL: RCX is a leaf, RDX the number of control pages that it takes
 * @TDX_HOST_MODEL: call a function of tdx_model.h: RCX is an enum tdx_host_function, RDX, R8,
 *		    R9, R10 and R11 are its arguments; RCX is what it returns
 */
enum tdx_host_leaf {
	TDX_HOST_IDENTIFY = 0xf000,
	TDX_HOST_ENABLE,
	TDX_HOST_GET,
	TDX_HOST_SET,
	TDX_HOST_PAGE,
	TDX_HOST_FAIL,
	TDX_HOST_DISARM,
	TDX_HOST_CONTROL,
	TDX_HOST_MODEL,
};

/* Functions of tdx_model.h, in its order.  MODEL_PAGE returns a struct model_page. */
enum tdx_host_function {
	MODEL_SET_KEY,
	MODEL_RESET,
	MODEL_FAIL,
	MODEL_FAIL_WBINVD,
	MODEL_SET_OUTSIDE,
	MODEL_DISARM,
	MODEL_SET_BUSY_REGION,
	MODEL_LOCK_PAGES,
	MODEL_LOCK_OBJECT,
	MODEL_UNLOCK,
	MODEL_RECORD,
	MODEL_SET_FLUSH_OWNED,
	MODEL_SET_LIST_WRITE,
	MODEL_SET_ZERO_REGISTERS,
	MODEL_SET_NR_CONTROL,
	MODEL_SET_IOMMU_ENTRIES,
	MODEL_SET_OUTPUT,
	MODEL_SET_CLEAR,
	MODEL_SET_DELETE_BY_ID,
	MODEL_SET_ROUNDS,
	MODEL_SET_LENGTH,
	MODEL_NR_CALLS,
	MODEL_NR_OWNED,
	MODEL_DIGEST,
	MODEL_INFO_BYTE,
	MODEL_PAGE,
};

#define TDX_HOST_MAGIC		0x74736f6820786474ULL

/* Operands and results of a SEAMCALL, in the order of struct tdx_module_args */
#define TDX_HOST_NR_REGISTERS	13

/**
 * struct tdx_host_cpu - a CPU that executes an instruction
 * @cpu: its number
 * @package: number of its package
 * @nr_cpus: CPUs of the machine
 * @nr_packages: packages of the machine
 * @vmx_cpus: CPUs in VMX operation, one bit each
 */
struct tdx_host_cpu {
	unsigned int cpu;
	unsigned int package;
	unsigned int nr_cpus;
	unsigned int nr_packages;
	uint64_t vmx_cpus;
};

/* module.c: called with the lock of frames.c */
void tdx_module_init(uint64_t end_pa, unsigned int phys_bits);
uint64_t tdx_module_call(const struct tdx_host_cpu *cpu, uint64_t rax, uint64_t *registers);
void tdx_module_wbinvd(const struct tdx_host_cpu *cpu);
enum tdx_host_page tdx_module_page(uint64_t pfn);
bool tdx_module_is_on(void);

/* frames.c: guest memory, for module.c */
void *tdx_host_memory(uint64_t pa);
void tdx_host_changed(uint64_t pfn, uint64_t nr_pages);
uint64_t tdx_host_partial(uint64_t pfn);
void tdx_host_forget_partial(uint64_t pfn);
uint64_t tdx_host_random(uint64_t end);

/**
 * struct tdx_host - reactions and counters, which the guest can read and set
 * @seed: of the random delays
 * @max_delay_us: longest time between a store to a dirty page and a late write-back
 * @machine_check: deliver a machine check for a store that is reported
 * @interrupt: one in this many calls is interrupted, 0 for none
 * @busy: one in this many calls finds its pages locked by another, 0 for none
 * @rounds: messages of each exchange with a device
 * @zero_registers: failed leaves return 0 in RCX and RDX
 * @list_write: what the module writes to input lists, enum tdx_model_list_write
 * @nr_calls: SEAMCALLs
 * @nr_stores: stores to owned pages
 * @nr_pages: pages with such a store
 * @nr_partial: stores of less than a line to pages that were private, on a CPU with the
 *		erratum X86_BUG_TDX_PW_MCE, before MOVDIR64B has written the line
 * @nr_write_backs: late write-backs
 * @nr_owned: pages that the module owns, its tables (PAMT) included
 * @nr_dirty: pages that it returned, and that were not flushed
 * @nr_lines: lines that MOVDIR64B wrote
 * @nr_early_lines: the same, while the page was owned or dirty
 * @nr_walks: page walks that read a table in an owned page
 * @store_pa: PA of the first of @nr_stores
 * @partial_pa: PA of the first of @nr_partial
 * @write_back_pa: PA of the first of @nr_write_backs
 *
 * TDX_HOST_SET and TDX_HOST_GET take the position in this structure.
 */
struct tdx_host {
	uint64_t seed;
	uint64_t max_delay_us;
	uint64_t machine_check;
	uint64_t interrupt;
	uint64_t busy;
	uint64_t rounds;
	uint64_t zero_registers;
	uint64_t list_write;
	uint64_t nr_calls;
	uint64_t nr_stores;
	uint64_t nr_pages;
	uint64_t nr_partial;
	uint64_t nr_write_backs;
	uint64_t nr_owned;
	uint64_t nr_dirty;
	uint64_t nr_lines;
	uint64_t nr_early_lines;
	uint64_t nr_walks;
	uint64_t store_pa;
	uint64_t partial_pa;
	uint64_t write_back_pa;
};

extern struct tdx_host tdx_host;

/* cpu.c, called by frames.c */
#ifdef QEMU_OSDEP_H
#include "exec/cpu-common.h"

void tdx_host_init(unsigned int phys_bits, bool erratum);
void tdx_host_lock(void);
void tdx_host_unlock(void);
void tdx_host_sync(void);
void tdx_host_log(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* frames.c, called where QEMU stores to memory */
bool tdx_host_watches(ram_addr_t addr);
bool tdx_host_store(CPUState *cpu, ram_addr_t addr, vaddr va, unsigned int size,
		    uintptr_t retaddr);
/* Address of the line that the current MOVDIR64B writes as a whole */
extern __thread vaddr tdx_host_whole_line;
/* The call of the MOVDIR64B that has set it */
extern __thread uintptr_t tdx_host_whole_retaddr;
void tdx_host_device_store(ram_addr_t addr, uint64_t size);
void tdx_host_walk_store(uint64_t pa);
void tdx_host_watch_all(void);
#endif

#endif /* TDX_HOST_H */
