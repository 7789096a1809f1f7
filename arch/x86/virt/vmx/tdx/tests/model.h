/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What model and judge know: about each page of this machine, and about what the
 * model has made
 */
#ifndef _TDX_TESTS_MODEL_H
#define _TDX_TESTS_MODEL_H

#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <asm/tdx.h>

#include "tdx_model.h"

#define LIST_MAX	512
#define NR_OBJECTS	64

enum model_owner {
	OWNER_NONE,		/* PT_NDA: the host's */
	OWNER_EXT,
	OWNER_IOMMU,
	OWNER_SPDM,
	OWNER_IDE,
};

/**
 * struct model_page - one 4 KiB page
 * @owner: whose it is
 * @dirty: there are dirty private lines of it in the caches
 * @bad_flush: TDH.PHYMEM.PAGE.WBINVD of it fails
 * @refused: the last TDH.PHYMEM.PAGE.WBINVD of it did
 * @watched: the judge waits for its return to the page allocator
 * @freed: it was watched and did return
 * @listed: seen in the list that is being looked at
 */
struct model_page {
	u8 owner;
	u8 dirty:1;
	u8 bad_flush:1;
	u8 refused:1;
	u8 watched:1;
	u8 freed:1;
	u8 listed:1;
};

/**
 * struct model_pending - a leaf that is not finished
 * @leaf: its number; 0 if there is none
 * @operands: what it began with, and is to be called with again
 * @nr_done: entries that it has dealt with
 * @asked: it waits for the answer to a message...
 * @message: ...with this number...
 * @rounds: ...and will want so many more
 */
struct model_pending {
	u64 leaf;
	struct tdx_module_args operands;
	unsigned int nr_done;
	bool asked;
	u32 message;
	unsigned int rounds;
};

/**
 * struct model_object - something that the module made from control pages
 * @owner: what it is; OWNER_NONE is a free slot
 * @made: it is complete
 * @blocked: an IDE stream without traffic
 * @connected: an SPDM session with a device at its other end
 * @stale: an SPDM session whose key must be updated
 * @nr: number of its entries
 * @key: what it was made for; no two objects of a kind have the same
 * @parent: name of the SPDM session that an IDE stream belongs to
 * @pending: what is going on with it
 * @entries: its pages as they were handed over
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
 * struct model - all of the module but its pages
 * @lock: held while a leaf is at work
 * @end_pfn: there is no memory from here on
 * @pages: by PFN
 * @first_pfn: all pages below it, and
 * @last_pfn: all above it, are as if they had never been seen
 * @objects: NR_OBJECTS of them
 * @ext_init: that leaf, if interrupted
 * @iommu_entries: length of an IOMMU_MT list
 * @rounds: messages that a leaf exchanges before it is done
 * @length: bytes that a leaf says it has written, whatever it has; 0 is the truth
 * @message: number of the last message
 * @bad_flush_status: what WBINVD of a page with @bad_flush returns
 * @output: what to write into pages for output
 * @clear: how to treat the list of IOMMU.CLEAR
 */
struct model {
	spinlock_t lock;	/* see above */
	unsigned long end_pfn;
	struct model_page *pages;
	unsigned long first_pfn;
	unsigned long last_pfn;
	struct model_object *objects;
	struct model_pending ext_init;
	unsigned int iommu_entries;
	unsigned int rounds;
	u64 length;
	u32 message;
	u64 bad_flush_status;
	enum tdx_model_output output;
	enum tdx_model_clear clear;
};

extern struct model model;

static inline struct model_page *model_page(unsigned long pfn)
{
	return &model.pages[pfn];
}

/* To be called with the lock before anything is noted about a page. */
static inline void model_see(unsigned long pfn, unsigned long nr_pages)
{
	model.first_pfn = min(model.first_pfn, pfn);
	model.last_pfn = max(model.last_pfn, pfn + nr_pages - 1);
}

/**
 * struct model_call - one SEAMCALL
 * @leaf: its number
 * @args: operands, and results
 * @fault: what goes wrong, or NULL
 */
struct model_call {
	u64 leaf;
	struct tdx_module_args *args;
	const struct tdx_model_fault *fault;
};

/* A leaf: checks everything first, then changes everything. */
typedef u64 (*model_leaf_fn)(struct model_call *call);

model_leaf_fn model_leaf(u64 leaf, unsigned int *slot);

/* Number of leaves; their slots are below. */
#define MODEL_NR_LEAVES	14

void model_leaves_init(void);
u8 model_info_byte(size_t offset);
u8 model_message_byte(u32 message, size_t offset);

bool model_is_memory(phys_addr_t pa);

int judge_init(void);
void judge_exit(void);
void judge_claimed_free(void);

#endif /* _TDX_TESTS_MODEL_H */
