/* SPDX-License-Identifier: GPL-2.0 */
/*
 * State of the software TDX module and of the page checker
 */
#ifndef _TDX_TESTS_MODEL_H
#define _TDX_TESTS_MODEL_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include <asm/tdx.h>

#include "tdx_model.h"

#define LIST_MAX	512
#define NR_OBJECTS	64

enum model_owner {
	OWNER_NONE,		/* PT_NDA: the host */
	OWNER_EXT,
	OWNER_IOMMU,
	OWNER_SPDM,
	OWNER_IDE,
	/*
	 * Only on an emulated TDX host: tables of the module, reserved areas of
	 * a TDMR
	 */
	OWNER_PAMT,
	OWNER_RESERVED,
};

/**
 * struct model_page - one 4 KiB page
 * @owner: owner of the page
 * @dirty: the caches may hold dirty private lines of it
 * @bad_flush: TDH.PHYMEM.PAGE.WBINVD of it fails
 * @outside: it lies outside of all TDMRs
 * @refused: the last TDH.PHYMEM.PAGE.WBINVD of it failed
 * @watched: the page checker expects it in the page allocator
 * @freed: it was watched and reached the page allocator
 * @listed: found in the list that is being read
 */
struct model_page {
	u8 owner;
	u8 dirty:1;
	u8 bad_flush:1;
	u8 outside:1;
	u8 refused:1;
	u8 watched:1;
	u8 freed:1;
	u8 listed:1;
};

/**
 * struct model_pending - a leaf that is to be called again
 * @leaf: its number, or 0
 * @operands: its operands: the next call must have the same
 * @nr_done: number of entries that it has processed
 * @waits: it waits for the answer to @message
 * @message: number of its last message
 * @rounds: number of messages that follow
 */
struct model_pending {
	u64 leaf;
	struct tdx_module_args operands;
	unsigned int nr_done;
	bool waits;
	u32 message;
	unsigned int rounds;
};

/**
 * struct model_object - an object that the module made from control pages
 * @owner: kind of the object; OWNER_NONE is a free slot
 * @made: it is complete
 * @blocked: an IDE stream without traffic
 * @connected: an SPDM session that is connected to a device
 * @stale: an SPDM session whose key must be updated
 * @nr: number of its entries
 * @key: operand that identifies it; unique among the objects of a kind
 * @parent: ID of the SPDM session of an IDE stream
 * @pending: its unfinished leaf
 * @entries: its pages, as they were passed
 */
struct model_object {
	enum model_owner owner;
	bool made;
	bool blocked;
	bool connected;
	bool stale;
	unsigned int nr;
	u64 key;
	u64 parent;
	struct model_pending pending;
	u64 entries[LIST_MAX];
};

/**
 * struct model - the state of the module
 * @lock: held during a leaf.  It is raw because the kernel calls TDH.EXT.INIT
 *	with interrupts off, on PREEMPT_RT, too.
 * @end_pfn: first PFN behind the memory
 * @pages: by PFN
 * @first_pfn: no page below it has a state
 * @last_pfn: no page above it has a state
 * @objects: NR_OBJECTS of them
 * @ext_init: TDH.EXT.INIT, if interrupted
 * @iommu_entries: length of an IOMMU_MT list
 * @nr_spdm_control: number of control pages of an SPDM session, 0 for any
 *	number
 * @nr_ide_control: the same for an IDE stream
 * @rounds: number of messages of each exchange
 * @length: length that leaves report, or 0 for the correct one
 * @message: number of the last message
 * @global_key: global KeyID at its position in a PA
 * @bad_flush_status: status of WBINVD of a page with @bad_flush
 * @busy_region: region of 2 MiB that another call works on
 * @nr_busy: number of WBINVDs in @busy_region that will find it busy
 * @lock_pa: PA of the pages whose PAMT entry another call has locked
 * @lock_size: size of these pages in bytes, or 0
 * @locked_object: object that another call has locked, or NULL
 * @flush_owned: WBINVD of an owned page succeeds
 * @zero_registers: failed leaves change their registers
 * @record: where to store the operands of calls of @record_leaf
 * @record_leaf: number of a leaf
 * @list_write: what to write to input lists
 * @output: what to write to output pages
 * @clear: meaning of the list operand of IOMMU.CLEAR
 * @delete_by_id: leaves that return pages take no list
 * @watching: between tdx_checker_begin() and tdx_checker_end()
 */
struct model {
	raw_spinlock_t lock;	/* see above */
	unsigned long end_pfn;
	struct model_page *pages;
	unsigned long first_pfn;
	unsigned long last_pfn;
	struct model_object *objects;
	struct model_pending ext_init;
	unsigned int iommu_entries;
	unsigned int nr_spdm_control;
	unsigned int nr_ide_control;
	unsigned int rounds;
	u64 length;
	u32 message;
	u64 global_key;
	u64 bad_flush_status;
	u64 busy_region;
	unsigned int nr_busy;
	phys_addr_t lock_pa;
	u64 lock_size;
	const struct model_object *locked_object;
	bool flush_owned;
	bool zero_registers;
	struct tdx_module_args *record;
	u64 record_leaf;
	enum tdx_model_list_write list_write;
	enum tdx_model_output output;
	enum tdx_model_clear clear;
	bool delete_by_id;
	bool watching;
};

extern struct model model;

static inline struct model_page *model_page(unsigned long pfn)
{
	return &model.pages[pfn];
}

/**
 * struct model_call - one SEAMCALL
 * @leaf: number of the leaf
 * @args: operands and results
 * @fault: the fault of this call, or NULL
 */
struct model_call {
	u64 leaf;
	struct tdx_module_args *args;
	const struct tdx_model_fault *fault;
};

/* The call fails: bit 63 of a status distinguishes failures from successes. */
static inline bool model_fails(const struct model_call *call)
{
	return call->fault && (call->fault->status & TDX_ERROR);
}

/* A leaf checks everything before it changes anything. */
typedef u64 (*model_leaf_fn)(struct model_call *call);

model_leaf_fn model_leaf(u64 leaf, unsigned int *slot);

/* Number of leaves; slots are below it */
#define MODEL_NR_LEAVES	14

u64 model_check_unused(const struct tdx_module_args *args, unsigned int nr_operands);
u64 model_check_registers(const struct tdx_module_args *args, unsigned int slot);
u64 model_check_objects(const struct tdx_module_args *args, unsigned int slot);
void model_leaves_init(void);
u8 model_info_byte(size_t offset);
u8 model_message_byte(u32 message, size_t offset);

bool model_is_memory(phys_addr_t pa);
void model_note(unsigned long pfn, unsigned long nr_pages);

int checker_init(void);
void checker_exit(void);
void checker_claimed_free(void);

#endif /* _TDX_TESTS_MODEL_H */
