/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The software TDX module, and the judge
 *
 * The model stands behind the door and does what the TDX module does to pages:
 * it owns them, leaves dirty private cache lines on them, and lets them go.
 * It refuses operands that break a rule, and fails on demand.  A refusal changes
 * nothing.
 *
 * The judge watches the kernel's allocators.  It knows nothing of any design: a
 * page that is freed while the model owns it or while it is dirty is a
 * violation, no matter who freed it.
 *
 * What the model simplifies: one global lock; object names are small numbers; a
 * leaf takes as many control pages as it is offered, where the real module
 * announces a number; configurations, register values and parameters are not
 * looked at.  Where the specification leaves room, it chooses:
 *
 * - An interrupted IOMMU.SETUP owns the entries that it got to.  CLEAR gives
 *   pages back when it is done and not before.
 * - One leaf at a time exchanges messages for a session.  Until that is over, the
 *   others are busy.  DELETE ends it.
 */
#ifndef _TDX_MODEL_H
#define _TDX_MODEL_H

#include <linux/types.h>

/* The global HKID of the model, 33, above 46 bits of physical address. */
#define TDX_MODEL_GLOBAL_KEY	(33ULL << 46)

/* What TDH.IDE.STREAM.CREATE says is the IDE ID of the root port. */
#define TDX_MODEL_RP_IDE_ID	0x1de

/* Arm this many faults at the most. */
#define TDX_MODEL_MAX_FAULTS	16

/**
 * struct tdx_model_fault - a failure on demand
 * @leaf: of this leaf
 * @nth: on its n-th call from now on, the first being 1; 0 is every call
 * @status: what it returns.  An interruption is a status like the others.  If it
 *	    says that SEAMCALL failed, the model does nothing at all.
 * @after: number of entries that the leaf deals with first.  Memory that is added
 *	   is then owned, and so are control pages of an interrupted leaf; those of
 *	   a failed leaf are dirty, though not owned.
 * @keep: those of a failed leaf stay owned, too, as no module should let them.  If
 *	  @status is 0, a leaf that gives pages back reports success for all of them,
 *	  and returns the first @after entries only; no object owns the others.
 *
 * TDX_SPDM_REQUEST is one more message to deliver, and
 * TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH lasts until the key is updated.
 */
struct tdx_model_fault {
	u64 leaf;
	unsigned int nth;
	u64 status;
	unsigned int after;
	bool keep;
};

/* What the model writes where it is given a page for output. */
enum tdx_model_output {
	TDX_MODEL_OUTPUT_LIST,		/* the pages that it gives back */
	TDX_MODEL_OUTPUT_GARBAGE,	/* there, and in the register, too */
};

/* How TDH.IOMMU.CLEAR treats its list page. */
enum tdx_model_clear {
	TDX_MODEL_CLEAR_WRITES,		/* as output */
	TDX_MODEL_CLEAR_READS,		/* must list the pages to give back */
};

struct tdx_door;

int tdx_model_install(void);
void tdx_model_remove(void);
const struct tdx_door *tdx_model_door(void);
void tdx_model_reset(void);
int tdx_model_fail(const struct tdx_model_fault *fault);
int tdx_model_fail_wbinvd(phys_addr_t pa, u64 status);
void tdx_model_disarm(void);
void tdx_model_set_iommu_entries(unsigned int nr);
void tdx_model_set_output(enum tdx_model_output output);
void tdx_model_set_clear(enum tdx_model_clear clear);
void tdx_model_set_rounds(unsigned int nr);
void tdx_model_set_length(u64 length);
void tdx_model_device(phys_addr_t response, phys_addr_t request, size_t len);

unsigned long tdx_model_nr_calls(u64 leaf);
unsigned long tdx_model_nr_resets(void);
unsigned long tdx_model_nr_early_resets(void);
void tdx_model_set_erratum(bool erratum);
unsigned long tdx_model_nr_owned(void);
bool tdx_model_owns(phys_addr_t pa);
bool tdx_model_dirty(phys_addr_t pa);
u64 tdx_model_digest(void);
u8 tdx_model_info_byte(size_t offset);
void tdx_model_wbinvd_all(void);

/**
 * struct tdx_verdict - what the judge saw
 * @freed_owned: pages that reached the page allocator while the model owned them
 * @freed_dirty: pages that reached it with dirty private cache lines
 * @freed_twice: watched pages that were freed once more than allocated
 * @claimed_free: watched pages that the model was handed after they were freed
 * @held: watched pages that the model owns
 * @lost: watched pages that are neither owned nor back in the page allocator
 * @needless: those of @lost whose WBINVD the model has not refused
 * @objects: kmalloc objects of a module that are still allocated
 * @messages: lines that the code under test has written to the kernel's log
 *
 * The first four are violations.
 */
struct tdx_verdict {
	unsigned long freed_owned;
	unsigned long freed_dirty;
	unsigned long freed_twice;
	unsigned long claimed_free;
	unsigned long held;
	unsigned long lost;
	unsigned long needless;
	unsigned long objects;
	unsigned long messages;
};

int tdx_judge_begin(void);
void tdx_judge_watch(phys_addr_t pa, unsigned long nr_pages);
void tdx_judge_look(struct tdx_verdict *verdict);
void tdx_judge_end(void);
unsigned long tdx_judge_nr_free_pages(void);

unsigned long tdx_model_reclaim(void);

#endif /* _TDX_MODEL_H */
