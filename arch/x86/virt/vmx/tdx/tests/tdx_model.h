/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The software TDX module, and the judge
 *
 * The model stands behind the door and does what the TDX module does to pages:
 * it owns them, leaves dirty private cache lines on them, and lets them go.
 * It refuses operands that break a rule, and fails on demand.
 *
 * The judge watches the kernel's page allocator.  It knows nothing of any
 * design: a page that is freed while the model owns it or while it is dirty is
 * a violation, no matter who freed it.
 *
 * What the model simplifies: one global lock; object names are small numbers; a
 * leaf takes as many control pages as it is offered, where the real module
 * announces a number; messages to the device are not exchanged.
 */
#ifndef _TDX_MODEL_H
#define _TDX_MODEL_H

#include <linux/types.h>

/* The global HKID of the model, 33, above 46 bits of physical address. */
#define TDX_MODEL_GLOBAL_KEY	(33ULL << 46)

/* Arm this many faults at the most. */
#define TDX_MODEL_MAX_FAULTS	16

/**
 * struct tdx_model_fault - a failure on demand
 * @leaf: of this leaf
 * @nth: on its n-th call from now on, the first being 1; 0 is every call
 * @status: what it returns.  An interruption is a status like the others.
 * @after: number of pages that the leaf deals with first.  Memory that is added
 *	   is then owned; pages that are claimed are dirty, though not owned.
 */
struct tdx_model_fault {
	u64 leaf;
	unsigned int nth;
	u64 status;
	unsigned int after;
};

/* What the model writes where it is given a page for output. */
enum tdx_model_output {
	TDX_MODEL_OUTPUT_LIST,		/* the pages that it gives back */
	TDX_MODEL_OUTPUT_GARBAGE,
};

/* How TDH.IOMMU.CLEAR treats its list page. */
enum tdx_model_clear {
	TDX_MODEL_CLEAR_WRITES,		/* as output */
	TDX_MODEL_CLEAR_READS,		/* must list the pages to give back */
};

void tdx_model_reset(void);
int tdx_model_fail(const struct tdx_model_fault *fault);
int tdx_model_fail_wbinvd(phys_addr_t pa, u64 status);
void tdx_model_set_iommu_entries(unsigned int nr);
void tdx_model_set_output(enum tdx_model_output output);
void tdx_model_set_clear(enum tdx_model_clear clear);

unsigned long tdx_model_nr_calls(u64 leaf);
unsigned long tdx_model_nr_resets(void);
unsigned long tdx_model_nr_owned(void);
bool tdx_model_owns(phys_addr_t pa);
bool tdx_model_dirty(phys_addr_t pa);
u8 tdx_model_info_byte(size_t offset);
void tdx_model_wbinvd_all(void);

/**
 * struct tdx_verdict - what the judge saw
 * @freed_owned: pages that reached the page allocator while the model owned them
 * @freed_dirty: pages that reached it with dirty private cache lines
 * @held: watched pages that the model owns
 * @lost: watched pages that are neither owned nor back in the page allocator
 */
struct tdx_verdict {
	unsigned long freed_owned;
	unsigned long freed_dirty;
	unsigned long held;
	unsigned long lost;
};

int tdx_judge_begin(void);
void tdx_judge_watch(phys_addr_t pa, unsigned long nr_pages);
void tdx_judge_look(struct tdx_verdict *verdict);
void tdx_judge_end(void);
unsigned long tdx_judge_nr_free_pages(void);

unsigned long tdx_model_reclaim(void);

#endif /* _TDX_MODEL_H */
