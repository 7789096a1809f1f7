/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The software TDX module and the page checker
 *
 * The model does to pages what the TDX module does: it owns them, leaves dirty
 * private cache lines on them, and returns them.  It rejects operands that
 * break a rule, and fails on demand.  A rejected call changes nothing.
 *
 * The page checker watches the allocators of the kernel and is independent of
 * any design.  A page that is freed while the model owns it, or while it is
 * dirty, is a violation.
 *
 * Simplifications: one global lock; IDs of objects are small numbers; the
 * contents of configurations, registers and parameters are not checked.  Where
 * the specification leaves a choice, the model chooses:
 *
 * - An interrupted IOMMU.SETUP owns the entries that it has processed.  CLEAR
 *   returns all pages when it succeeds.
 * - A register that is not an operand of the leaf must be 0.
 * - A leaf that claims or returns pages is busy if another call has locked the
 *   PAMT entry of one of them, as the specification says for
 *   TDH.PHYMEM.PAGE.WBINVD.  A setup that is resumed does not check this again.
 * - An interrupted leaf leaves its operands in place.
 * - A leaf that lacks entropy leaves its registers and its input list in place:
 *   the kernel's sc_retry() calls it again with both.  EXT.MEM.ADD reports its
 *   progress.
 * - One leaf at a time exchanges messages with a device.  Until that ends,
 *   other such calls are busy.  DELETE ends it.
 */
#ifndef _TDX_MODEL_H
#define _TDX_MODEL_H

#include <linux/types.h>

/* The default global KeyID and its position in a physical address */
#define TDX_MODEL_KEYID		33
#define TDX_MODEL_KEYID_SHIFT	46

/* IDE ID of the root port that TDH.IDE.STREAM.CREATE returns */
#define TDX_MODEL_RP_IDE_ID	0x1de

/* A page lies outside of all TDMRs.  Linux 7.3 does not define this status. */
#define TDX_OPERAND_ADDR_RANGE_ERROR	0xC000010100000000ULL

/* Maximum number of armed faults */
#define TDX_MODEL_MAX_FAULTS	16

/**
 * struct tdx_model_fault - a failure on demand
 * @leaf: number of the leaf
 * @nth: the call that fails, counted from 1; 0 is every call
 * @status: completion status.  An interruption is a status like the others.  A
 *	    software error means that SEAMCALL itself fails: the leaf does
 *	    nothing.  After a status with bit 63 clear, the leaf has done its
 *	    work: it is a success, with information if it is not 0.
 * @after: number of entries that the leaf processes first.  The module then
 *	   owns these pages of added memory or of an interrupted leaf.  Control
 *	   pages of a failed leaf are dirty and not owned.  A success of
 *	   TDH.EXT.MEM.ADD takes only these pages.
 * @keep: the module keeps pages, against the specification.  A failed leaf
 *	  keeps @after pages.  A leaf that returns control pages succeeds,
 *	  returns @after entries, and keeps the others.
 *
 * TDX_SPDM_REQUEST adds one message to the exchange.
 * TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH lasts until the key is updated.
 */
struct tdx_model_fault {
	u64 leaf;
	unsigned int nth;
	u64 status;
	unsigned int after;
	bool keep;
};

/* Contents of output pages */
enum tdx_model_output {
	TDX_MODEL_OUTPUT_LIST,		/* the returned pages */
	TDX_MODEL_OUTPUT_GARBAGE,	/* in the register as well */
};

/* The list page of TDH.IOMMU.CLEAR */
enum tdx_model_clear {
	TDX_MODEL_CLEAR_WRITES,		/* is output */
	TDX_MODEL_CLEAR_READS,		/* must list the pages of the IOMMU */
};

/*
 * What the module writes to the entries of input lists, after it has processed
 * them.  It writes to no other entry of the list page.
 */
enum tdx_model_list_write {
	TDX_MODEL_WRITE_NONE,
	TDX_MODEL_WRITE_BIT63,		/* sets bit 63 */
	TDX_MODEL_WRITE_LOW_BITS,	/* sets bits 11:0 to 2 or 4 pages */
	TDX_MODEL_WRITE_ZERO,		/* clears the entry */
	TDX_MODEL_WRITE_OTHER_PA,	/* copies odd entries one back */
};

struct kunit;
struct tdx_module_args;

int tdx_model_init(void);
void tdx_model_exit(void);
int tdx_model_attach(struct kunit *test);
int tdx_model_install(void);
void tdx_model_remove(void);
u64 tdx_model_seamcall(u64 leaf, struct tdx_module_args *args);
void tdx_model_reset_paddr(unsigned long base, unsigned long size);
void tdx_model_set_key(u64 global_key);
u64 tdx_model_key(void);
void tdx_model_reset(void);
int tdx_model_fail(const struct tdx_model_fault *fault);
int tdx_model_fail_wbinvd(phys_addr_t pa, u64 status);
int tdx_model_set_outside(phys_addr_t pa);
void tdx_model_disarm(void);
void tdx_model_set_busy_region(phys_addr_t pa, unsigned int nr_calls);
void tdx_model_lock_pages(phys_addr_t pa, u64 size);
void tdx_model_lock_object(u64 id);
void tdx_model_unlock(void);
void tdx_model_record(u64 leaf, struct tdx_module_args *args);
void tdx_model_set_flush_owned(bool on);
void tdx_model_set_list_write(enum tdx_model_list_write how);
void tdx_model_set_zero_registers(bool on);
void tdx_model_set_nr_control(u64 leaf, unsigned int nr);
void tdx_model_set_iommu_entries(unsigned int nr);
void tdx_model_set_output(enum tdx_model_output output);
void tdx_model_set_clear(enum tdx_model_clear clear);
void tdx_model_set_delete_by_id(bool on);
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
 * struct tdx_checker_report - report of the page checker
 * @freed_owned: pages that reached the page allocator while the model owned
 *	them
 * @freed_dirty: pages that reached it with dirty private cache lines
 * @freed_twice: watched pages that were freed twice
 * @claimed_free: watched pages that were freed before the model took them
 * @held: watched pages that the model owns
 * @lost: watched pages that are neither owned nor in the page allocator
 * @needless: pages of @lost whose last WBINVD did not fail
 * @objects: kmalloc objects of a module that are still allocated
 * @messages: lines that the code under test wrote to the kernel log
 *
 * The first four are violations.
 */
struct tdx_checker_report {
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

int tdx_checker_begin(void);
void tdx_checker_watch(phys_addr_t pa, unsigned long nr_pages);
void tdx_checker_read(struct tdx_checker_report *report);
void tdx_checker_end(void);
const char *tdx_checker_message(void);
unsigned long tdx_checker_nr_free_pages(void);

unsigned long tdx_model_reclaim(void);

#endif /* _TDX_MODEL_H */
