// SPDX-License-Identifier: GPL-2.0
/*
 * The fault matrix: every leaf that takes or returns pages, every failure of
 * it, every design
 *
 * A case runs one call sequence of a host driver on one design, with faults
 * armed in the software TDX module or in the kernel's allocators.  The page
 * checker then reports the state of all pages.  A row holds the cases of one
 * situation.  They are at the first, the middle and the last call, after each
 * possible number of pages, and have each status that takes the same path.
 *
 * The rows are repeated in each mode of the software module, with fewer
 * interruptions and without failing allocations.  In the modes that write to
 * input lists, only rows are repeated in which a leaf stops inside its list or
 * none fails.
 *
 * Loading the module makes the matrix.  debugfs shows it, one line of JSON for
 * each row and design.
 */
#include <linux/bitfield.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <asm/tdx_connect.h>

#include "seamcall_internal.h"
#include "tdx.h"

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "design.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define REG_BASE	0xfed90000

/* The success class with information, for example: the memory pool is full */
#define SUCCESS_WITH_INFORMATION	0x0000001000000000ULL

#define MAX_ROWS	2048

/* sc_retry() of the kernel repeats a call this often. */
#define NR_ENTROPY_RETRIES	10

/**
 * struct cell - result of one design in the cases of one row
 * @cases: number of cases
 * @inexpressible: the functions of the design cannot do what a case needs
 * @unsafe: cases with any of the following: @freed_owned to @null_walks
 * @leaking: the other cases in which anything leaked
 * @freed_owned: pages freed while the module owned them
 * @freed_dirty: pages freed without the flush that they needed
 * @freed_twice: pages freed twice
 * @freed_foreign: frees of a page that does not belong to the array
 * @claimed_free: pages passed to the module after they were freed
 * @stale: entries of a list that do not name the right pages
 * @null_walks: walks of a NULL range of pages
 * @objects: kmalloc objects leaked
 * @others: leaked pages that belong to no array
 * @leaked: leaked pages of arrays
 * @needless: those of @leaked that the module does not own and did not refuse
 *	to flush
 *
 * Each number after @leaking is the largest of any case.
 */
struct cell {
	unsigned long cases;
	bool inexpressible;
	unsigned long unsafe;
	unsigned long leaking;
	unsigned long freed_owned;
	unsigned long freed_dirty;
	unsigned long freed_twice;
	unsigned long freed_foreign;
	unsigned long claimed_free;
	unsigned long stale;
	unsigned long null_walks;
	unsigned long objects;
	unsigned long others;
	unsigned long leaked;
	unsigned long needless;
};

/* The group of a row: what its failure requires */
enum cause {
	ALLOWED,	/* the specification, or the kernel, allows it */
	BROKEN_MODULE,	/* a module that breaks the specification */
	MISUSE,		/* a caller that misuses the functions of the design */
};

static const char * const cause_names[] = {
	[ALLOWED]	= "allowed",
	[BROKEN_MODULE]	= "broken module",
	[MISUSE]	= "misuse",
};

/* How the software module differs from what the other rows expect of it */
struct mode {
	const char *name;
	/* This design is left out, because it crashes the kernel. */
	const char *crashes;
	bool flush_owned;
	enum tdx_model_list_write list_write;
	bool zero_registers;
};

static const struct mode modes[] = {
	{ "" },
	{ "WBINVD of an owned page succeeds", .flush_owned = true },
	{ "input lists: bit 63", .list_write = TDX_MODEL_WRITE_BIT63 },
	{ "input lists: low bits", .list_write = TDX_MODEL_WRITE_LOW_BITS },
	{ "input lists: zero", .list_write = TDX_MODEL_WRITE_ZERO },
	{ "input lists: another PA", .list_write = TDX_MODEL_WRITE_OTHER_PA,
	  .crashes = "flat-blocks" },
	{ "failed leaves change registers", .zero_registers = true },
};

static const struct mode *mode;

struct row {
	const struct mode *mode;
	enum cause cause;
	char leaf[32];
	char failure[96];
	const char *hazard;
	struct cell cells[MAX_DESIGNS];
};

static struct row *rows;
static unsigned int nr_rows;

/* Find or add a row.  One situation has one name. */
static __printf(4, 5)
struct row *get_row(enum cause cause, const char *leaf, const char *hazard, const char *fmt, ...)
{
	char failure[sizeof(rows->failure)];
	struct row *row;
	va_list args;

	va_start(args, fmt);
	vscnprintf(failure, sizeof(failure), fmt, args);
	va_end(args);

	for (row = rows; row < rows + nr_rows; row++) {
		if (row->mode == mode && !strcmp(row->leaf, leaf) && !strcmp(row->failure, failure))
			return row;
	}
	if (nr_rows == MAX_ROWS)
		return ERR_PTR(-ENOSPC);

	nr_rows++;
	row->mode = mode;
	row->cause = cause;
	strscpy(row->leaf, leaf, sizeof(row->leaf));
	strscpy(row->failure, failure, sizeof(row->failure));
	row->hazard = hazard;
	return row;
}

/*
 * Call sequences.  Each makes and deletes three objects: from a single page,
 * from a short list and from a full list.  So each leaf has a first, a middle
 * and a last call.  A sequence continues with the objects that it could make.
 * A design that makes few kinds of objects makes the first.
 */

typedef int (*sequence_fn)(const struct design *d);

static const unsigned int sizes[] = { 1, 20, 512 };

#define NR_SIZES	ARRAY_SIZE(sizes)
#define NR_IOMMU_PAGES	30
#define NR_MEMORY	1300

/* Pages that the sequence offered successfully */
static unsigned long nr_donated;
/* Entries of a list that do not name the right pages */
static unsigned long stale;

/*
 * Add the result @err of an object to the result @ret of its sequence, which
 * starts with -EOPNOTSUPP: the design can make none of the objects.
 */
static int add_result(int ret, int err)
{
	if (err == -EOPNOTSUPP)
		return ret;
	return ret && ret != -EOPNOTSUPP ? ret : err;
}

static int spdm_sessions(const struct design *d)
{
	struct design_object spdm[NR_SIZES];
	bool made[NR_SIZES];
	int ret = -EOPNOTSUPP;

	for (int i = 0; i < NR_SIZES; i++) {
		int err = d->spdm_create(FUNC_ID + i, sizes[i], &spdm[i]);

		made[i] = !err;
		ret = add_result(ret, err);
	}
	for (int i = 0; i < NR_SIZES; i++) {
		if (made[i])
			ret = add_result(ret, d->spdm_delete(&spdm[i]));
	}
	return ret;
}

static int ide_streams(const struct design *d)
{
	struct design_object spdm, ide[NR_SIZES];
	bool made[NR_SIZES];
	int ret = d->spdm_create(FUNC_ID, 4, &spdm);

	if (ret)
		return ret;

	ret = -EOPNOTSUPP;
	for (int i = 0; i < NR_SIZES; i++) {
		int err = d->ide_create(STREAM_INFO + i, &spdm, sizes[i], &ide[i]);

		made[i] = !err;
		ret = add_result(ret, err);
	}
	for (int i = 0; i < NR_SIZES; i++) {
		if (made[i])
			ret = add_result(ret, d->ide_delete(&spdm, &ide[i]));
	}
	return d->spdm_delete(&spdm) ?: ret;
}

static int iommus(const struct design *d)
{
	static const unsigned int orders[NR_SIZES] = { 1, 0, 5 };
	struct design_object iommu[NR_SIZES];
	bool made[NR_SIZES];
	int ret = -EOPNOTSUPP;

	for (int i = 0; i < NR_SIZES; i++) {
		int err = d->iommu_setup(REG_BASE + i * PAGE_SIZE, orders[i], NR_IOMMU_PAGES,
					 &iommu[i]);

		made[i] = !err;
		ret = add_result(ret, err);
	}
	for (int i = 0; i < NR_SIZES; i++) {
		if (made[i])
			ret = add_result(ret, d->iommu_clear(&iommu[i]));
	}
	return ret;
}

static int ext_memory(const struct design *d)
{
	int ret = d->ext_start(NR_MEMORY);

	if (!ret)
		nr_donated = NR_MEMORY;
	return ret;
}

static int read_info(const struct design *d, const struct design_object *spdm,
		     enum design_info how)
{
	int ret = 0;

	for (int i = 0; i < NR_SIZES; i++) {
		size_t len;
		void *blob;
		int err = d->read_info(spdm, how, sizes[i], &blob, &len);

		if (!err)
			kfree(blob);
		ret = ret ?: err;
	}
	return ret;
}

static int device_info(const struct design *d)
{
	struct design_object spdm;
	int ret = d->spdm_create(FUNC_ID, 1, &spdm);

	if (ret)
		return ret;

	ret = read_info(d, &spdm, INFO_CONNECT);
	return d->spdm_delete(&spdm) ?: ret;
}

static int recollected_info(const struct design *d)
{
	struct design_object spdm;
	int ret = d->spdm_create(FUNC_ID, 1, &spdm);
	size_t len;
	void *blob;

	if (ret)
		return ret;

	ret = d->read_info(&spdm, INFO_CONNECT, 1, &blob, &len);
	if (!ret) {
		kfree(blob);
		ret = read_info(d, &spdm, INFO_RECOLLECT);
	}
	return d->spdm_delete(&spdm) ?: ret;
}

static const struct {
	const char *name;
	sequence_fn run;
	/* Which hazard shows although nothing fails */
	const char *hazard;
} sequences[] = {
	{ "extensions memory", ext_memory },
	{ "IOMMUs", iommus, "H7" },
	{ "SPDM sessions", spdm_sessions, "H9" },
	{ "IDE streams", ide_streams, "H9" },
	/* Reading it again takes the same path as reading it. */
	{ "device information", device_info },
	{ "device information", recollected_info },
};

/*
 * Cases
 */

/**
 * struct plan - what goes wrong in a case
 * @faults: of the software TDX module
 * @nr_faults: number of them
 * @fail_alloc: this allocation of the sequence fails, the first being 1; 0 for
 *	none
 * @output: what the module writes to pages for output
 * @clear: how the module uses the list of IOMMU.CLEAR
 */
struct plan {
	struct tdx_model_fault faults[TDX_MODEL_MAX_FAULTS];
	unsigned int nr_faults;
	unsigned int fail_alloc;
	enum tdx_model_output output;
	enum tdx_model_clear clear;
};

static void plan_fault(struct plan *plan, struct tdx_model_fault fault)
{
	plan->faults[plan->nr_faults++] = fault;
}

/* Result of a case, with the report of the page checker */
struct outcome {
	struct tdx_checker_report report;
	unsigned long leaked;
	unsigned long freed_foreign;
	unsigned long stale;
	unsigned int null_walks;
	long others;
	int ret;
	bool reached;
	bool allocation_failed;
};

static void arm_allocation(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = nth;
#endif
}

static unsigned int armed_allocation(void)
{
#ifdef CONFIG_FAULT_INJECTION
	return current->fail_nth;
#else
	return 0;
#endif
}

/*
 * A cleared entry names PA 0, and the pages behind it if it is that of a block.
 * No TDMR contains them.  Additional references keep these pages of the kernel
 * from being freed, and count the frees.
 */
#define NR_GUARDED	32
#define NR_GUARD_REFS	100000

static int guarded_refs[NR_GUARDED];

static void guard_low_pages(void)
{
	for (unsigned long pfn = 0; pfn < NR_GUARDED; pfn++) {
		tdx_model_set_outside(PFN_PHYS(pfn));
		guarded_refs[pfn] = page_ref_count(pfn_to_page(pfn));
		page_ref_add(pfn_to_page(pfn), NR_GUARD_REFS);
	}
}

/* Return the number of frees. */
static unsigned long unguard_low_pages(void)
{
	unsigned long nr = 0;

	for (unsigned long pfn = 0; pfn < NR_GUARDED; pfn++) {
		struct page *page = pfn_to_page(pfn);

		nr += guarded_refs[pfn] + NR_GUARD_REFS - page_ref_count(page);
		set_page_count(page, guarded_refs[pfn]);
	}
	return nr;
}

/*
 * A design that makes fewer objects may not make the call that fails.  A design
 * that makes no call of WBINVD frees or leaks its pages, which is a result.
 */
static bool is_reached(const struct plan *plan)
{
	const struct tdx_model_fault *first = plan->faults;

	return !plan->nr_faults || first->leaf == TDH_PHYMEM_PAGE_WBINVD ||
	       tdx_model_nr_calls(first->leaf) >= first->nth;
}

/* Run @sequence once.  Free everything afterwards, leaked pages included. */
static void run_once(const struct design *d, sequence_fn sequence, const struct plan *plan,
		     struct outcome *out)
{
	bool guard = mode->list_write == TDX_MODEL_WRITE_ZERO;
	unsigned long before;

	tdx_model_reset();
	/* A design may switch a mode of the module on. */
	design_select(d);
	tdx_model_set_iommu_entries(2 + NR_IOMMU_PAGES);
	tdx_model_set_rounds(1);
	tdx_model_set_output(plan->output);
	tdx_model_set_clear(plan->clear);
	tdx_model_set_flush_owned(mode->flush_owned);
	tdx_model_set_list_write(mode->list_write);
	tdx_model_set_zero_registers(mode->zero_registers);
	for (unsigned int i = 0; i < plan->nr_faults; i++)
		tdx_model_fail(&plan->faults[i]);
	nr_donated = 0;
	if (guard)
		guard_low_pages();

	before = tdx_checker_nr_free_pages();
	tdx_checker_begin();
	arm_allocation(plan->fail_alloc);
	stale = 0;
	design_null_walks = 0;
	out->ret = sequence(d);
	out->stale = stale;
	out->null_walks = design_null_walks;
	out->reached = is_reached(plan);
	out->allocation_failed = plan->fail_alloc && !armed_allocation();
	arm_allocation(0);
	tdx_checker_read(&out->report);
	tdx_checker_end();
	out->freed_foreign = guard ? unguard_low_pages() : 0;

	/* The module may take fewer pages than it was offered. */
	out->leaked = out->report.held - min(nr_donated, out->report.held) + out->report.lost;
	tdx_model_reclaim();
	design_reclaim();
	out->others = before - tdx_checker_nr_free_pages();
}

/*
 * The kernel sometimes takes pages for itself: a new slab, page tables for
 * addresses that vm_map_ram() has not used yet.  Only pages that are missing
 * every time have leaked.
 */
#define LEAK_TRIES	32

static void run_case(struct row *row, unsigned int design, sequence_fn sequence,
		     const struct plan *plan, struct outcome *out)
{
	const struct design *d = designs[design];
	struct cell *cell = &row->cells[design];
	const struct tdx_checker_report *v = &out->report;
	unsigned long others = ULONG_MAX;

	if (mode->crashes && !strcmp(d->name, mode->crashes))
		return;

	for (int i = 0; i < LEAK_TRIES && others; i++) {
		run_once(d, sequence, plan, out);
		others = min_t(unsigned long, others, max(out->others, 0));
	}

	if (out->ret == -EOPNOTSUPP || !out->reached) {
		cell->inexpressible = true;
		return;
	}

	cell->cases++;
	if (v->freed_owned || v->freed_dirty || v->freed_twice || v->claimed_free ||
	    out->freed_foreign || out->stale || out->null_walks)
		cell->unsafe++;
	else if (out->leaked || v->objects || others)
		cell->leaking++;
	cell->freed_owned = max(cell->freed_owned, v->freed_owned);
	cell->freed_dirty = max(cell->freed_dirty, v->freed_dirty);
	cell->freed_twice = max(cell->freed_twice, v->freed_twice);
	cell->freed_foreign = max(cell->freed_foreign, out->freed_foreign);
	cell->claimed_free = max(cell->claimed_free, v->claimed_free);
	cell->stale = max(cell->stale, out->stale);
	cell->null_walks = max(cell->null_walks, out->null_walks);
	cell->objects = max(cell->objects, v->objects);
	cell->others = max(cell->others, others);
	cell->leaked = max(cell->leaked, out->leaked);
	cell->needless = max(cell->needless, v->needless);
}

/* Some designs have one use only, and the floor has none. */
static bool has_sequence(const struct design *d, sequence_fn sequence)
{
	return sequence == ext_memory ? !!d->ext_start : !!d->spdm_create;
}

/* One case on all designs that have the sequence */
static void try_plan(struct row *row, sequence_fn sequence, const struct plan *plan)
{
	for (unsigned int i = 0; i < nr_designs; i++) {
		struct outcome out = {};

		if (has_sequence(designs[i], sequence))
			run_case(row, i, sequence, plan, &out);
	}
	cond_resched();
}

static void try_fault(struct row *row, sequence_fn sequence, struct tdx_model_fault fault)
{
	struct plan plan = {};

	plan_fault(&plan, fault);
	try_plan(row, sequence, &plan);
}

/*
 * Rows of one leaf
 */

enum leaf_kind {
	CLAIMS		= BIT(0),
	ADDS		= BIT(1),
	RESUMABLE	= BIT(2),
	EXCHANGES	= BIT(3),
	LISTS		= BIT(4),	/* writes the pages that it returns to a list */
	OPTIONAL	= BIT(5),	/* OPERAND_INVALID: the device has no TDX mode */
};

struct leaf {
	const char *name;
	u64 leaf;
	sequence_fn sequence;
	unsigned int kind;
	/*
	 * Number of calls in the sequence, and of entries in each that takes or
	 * returns pages
	 */
	unsigned int nr_calls;
	unsigned int nr_entries[NR_SIZES];
	/*
	 * Which hazard shows if the leaf refuses, or fails after it used pages
	 */
	const char *hazard, *hazard_touched;
};

/*
 * The same code of each design calls SPDM.CONNECT and SPDM.MNG.  A failure of
 * IOMMU.SETUP names no hazard, because H7 shows in all rows of IOMMUs.
 */
static const struct leaf leaves[] = {
	{ "EXT.MEM.ADD", TDH_EXT_MEM_ADD, ext_memory, ADDS | RESUMABLE, 3,
	  { 512, 512, 276 }, "H1", "H1" },
	{ "EXT.INIT", TDH_EXT_INIT, ext_memory, RESUMABLE, 1, {}, "H1" },
	{ "IOMMU.SETUP", TDH_IOMMU_SETUP, iommus, CLAIMS | RESUMABLE | OPTIONAL, 3,
	  { 32, 32, 32 } },
	{ "IOMMU.CLEAR", TDH_IOMMU_CLEAR, iommus, RESUMABLE | LISTS, 3, { 32, 32, 32 } },
	{ "SPDM.CREATE", TDH_SPDM_CREATE, spdm_sessions, CLAIMS, 3, { 1, 20, 512 }, "H10", "H2" },
	{ "SPDM.DELETE", TDH_SPDM_DELETE, spdm_sessions, LISTS, 3, { 1, 20, 512 } },
	{ "IDE.STREAM.CREATE", TDH_IDE_STREAM_CREATE, ide_streams, CLAIMS, 3,
	  { 1, 20, 512 }, "H10", "H2" },
	{ "IDE.STREAM.BLOCK", TDH_IDE_STREAM_BLOCK, ide_streams, 0, 3 },
	{ "IDE.STREAM.DELETE", TDH_IDE_STREAM_DELETE, ide_streams, LISTS, 3, { 1, 20, 512 } },
	{ "SPDM.CONNECT, MNG", TDH_SPDM_CONNECT, device_info, RESUMABLE | EXCHANGES, 6 },
	{ "SPDM.CONNECT, MNG", TDH_SPDM_MNG, recollected_info, RESUMABLE | EXCHANGES, 6 },
};

/*
 * Statuses of a leaf that has done nothing.  All take the same path: the
 * designs test for an error or for a status that is not 0, and never for one of
 * these.  So does tdh.c.  sc_retry() repeats a call that lacks entropy, which
 * no design notices unless each retry fails.  After #UD and VMFAILINVALID, the
 * module was not called at all.  This differs from a refusal only if the leaf
 * was interrupted before: see leaf_rows().
 */
static const struct status {
	u64 status;
	/* Number of calls in a row that return it */
	unsigned int times;
} refusals[] = {
	{ TDX_OPERAND_INVALID, 1 },
	{ TDX_OPERAND_BUSY, 1 },
	{ TDX_PAGE_METADATA_INCORRECT, 1 },
	{ TDX_RND_NO_ENTROPY, NR_ENTROPY_RETRIES },
	{ TDX_SEAMCALL_UD, 1 },
	{ TDX_SEAMCALL_VMFAILINVALID, 1 },
	/* Leaves that exchange messages only */
	{ TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 1 },
};

/* The number after @i in first, middle and last of @n */
static unsigned int next_of_three(unsigned int i, unsigned int n)
{
	unsigned int middle = (n + 1) / 2;

	if (i < middle)
		return middle;
	return i < n ? n : n + 1;
}

/* The leaf returns @s.  With @resumed, it is interrupted first. */
static void try_status(struct row *row, const struct leaf *l, const struct status *s,
		       bool resumed)
{
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls)) {
		struct plan plan = {};

		if (resumed)
			plan_fault(&plan, (struct tdx_model_fault) {
				.leaf = l->leaf, .nth = nth, .status = TDX_INTERRUPTED_RESUMABLE,
			});
		for (unsigned int i = 0; i < s->times; i++)
			plan_fault(&plan, (struct tdx_model_fault) {
				.leaf = l->leaf, .nth = nth + resumed + i, .status = s->status,
			});
		try_plan(row, l->sequence, &plan);
	}
}

static int status_row(const struct leaf *l, const char *hazard, const char *name, u64 status)
{
	struct row *row = get_row(ALLOWED, l->name, hazard, "%s", name);

	if (IS_ERR(row))
		return PTR_ERR(row);
	try_status(row, l, &(struct status) { status, 1 }, false);
	return 0;
}

static int refused_row(const struct leaf *l)
{
	const struct status *first = refusals + !!(l->kind & OPTIONAL);
	const struct status *end = refusals + ARRAY_SIZE(refusals) - !(l->kind & EXCHANGES);
	/*
	 * The interruption of a leaf that processes a list has rows of its own.
	 */
	bool resumed = (l->kind & RESUMABLE) && !(l->kind & (ADDS | CLAIMS));
	struct row *row = get_row(ALLOWED, l->name, l->hazard, "refused%s, %td statuses",
				  resumed ? ", or interrupted and then refused" : "", end - first);

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (const struct status *s = first; s < end; s++) {
		try_status(row, l, s, false);
		if (resumed)
			try_status(row, l, s, true);
	}
	return first == refusals ? 0 :
	       status_row(l, NULL, "OPERAND_INVALID: it has no TDX mode", TDX_OPERAND_INVALID);
}

/* The leaf stops after the first page, half of the pages, or all. */
static int touched_row(const struct leaf *l, const char *name, u64 status, bool keep)
{
	struct row *row = get_row(keep ? BROKEN_MODULE : ALLOWED, l->name, l->hazard_touched,
				  "%s", name);

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls)) {
		unsigned int nr = l->nr_entries[nth - 1];

		for (unsigned int after = 1; after <= nr; after = next_of_three(after, nr))
			try_fault(row, l->sequence, (struct tdx_model_fault) {
				.leaf = l->leaf, .nth = nth, .status = status,
				.after = after, .keep = keep,
			});
	}
	return 0;
}

/*
 * The leaf is interrupted after k entries, for every k; in a mode of the
 * software module, for three.  Then it continues, or fails.
 */
static int interrupted_row(const struct leaf *l, const char *then, u64 status)
{
	bool lists = l->kind & (ADDS | CLAIMS);
	struct row *row = get_row(ALLOWED, l->name, status ? l->hazard_touched : NULL,
				  "interrupted%s, then %s", lists ? " after each k" : "", then);

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls)) {
		/* After all entries, the leaf is done. */
		unsigned int last_k = lists ? l->nr_entries[nth - 1] - 1 : 0;

		for (unsigned int k = 0; k <= last_k;
		     k = mode == modes ? k + 1 : next_of_three(k, last_k)) {
			struct plan plan = {};

			plan_fault(&plan, (struct tdx_model_fault) {
				.leaf = l->leaf, .nth = nth, .after = k,
				.status = TDX_INTERRUPTED_RESUMABLE,
			});
			if (status)
				plan_fault(&plan, (struct tdx_model_fault) {
					.leaf = l->leaf, .nth = nth + 1, .status = status,
				});
			try_plan(row, l->sequence, &plan);
		}
	}
	return 0;
}

/*
 * The leaf succeeds, but returns only the first half of the pages; of one page,
 * none.
 */
static int keeping_row(const struct leaf *l)
{
	struct row *row = get_row(BROKEN_MODULE, l->name, "H3",
				  "succeeds, and keeps the second half");

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls))
		try_fault(row, l->sequence, (struct tdx_model_fault) {
			.leaf = l->leaf, .nth = nth, .after = l->nr_entries[nth - 1] / 2,
			.keep = true,
		});
	return 0;
}

static int output_row(const struct leaf *l)
{
	struct row *row = get_row(BROKEN_MODULE, l->name, NULL,
				  "writes garbage as the list of pages");

	if (IS_ERR(row))
		return PTR_ERR(row);
	try_plan(row, l->sequence, &(struct plan) { .output = TDX_MODEL_OUTPUT_GARBAGE });

	if (l->leaf != TDH_IOMMU_CLEAR)
		return 0;

	row = get_row(ALLOWED, l->name, NULL, "reads its list instead of writing it");
	if (IS_ERR(row))
		return PTR_ERR(row);
	try_plan(row, l->sequence, &(struct plan) { .clear = TDX_MODEL_CLEAR_READS });
	return 0;
}

/* Rows in which the leaf stops inside its list */
static int list_rows(const struct leaf *l)
{
	int ret = 0;

	if (l->kind & ADDS)
		ret = touched_row(l, "OPERAND_BUSY, pages taken before", TDX_OPERAND_BUSY, false);
	if (!ret && (l->kind & CLAIMS))
		ret = touched_row(l, "OPERAND_BUSY, pages written to before", TDX_OPERAND_BUSY,
				  false) ?:
		      touched_row(l, "OPERAND_BUSY, pages taken before", TDX_OPERAND_BUSY, true);
	if (!ret && (l->kind & RESUMABLE))
		ret = interrupted_row(l, "continues", 0);
	return ret;
}

static int leaf_rows(const struct leaf *l)
{
	static const char information[] = "success with information";
	int ret = refused_row(l) ?: status_row(l, "H8", information, SUCCESS_WITH_INFORMATION);

	if (!ret && (l->kind & ADDS))
		ret = touched_row(l, information, SUCCESS_WITH_INFORMATION, false);
	if (!ret && (l->kind & EXCHANGES))
		ret = status_row(l, NULL, "one more message", TDX_SPDM_REQUEST);
	ret = ret ?: list_rows(l);
	if (!ret && (l->kind & RESUMABLE) && (l->kind & (ADDS | CLAIMS)))
		ret = interrupted_row(l, "OPERAND_BUSY", TDX_OPERAND_BUSY);
	/*
	 * A failed claim returns its pages, unless the module is not called.
	 * Added pages stay.
	 */
	if (!ret && (l->kind & RESUMABLE) && (l->kind & CLAIMS))
		ret = interrupted_row(l, "SEAMCALL fails (#UD)", TDX_SEAMCALL_UD);
	if (!ret && (l->kind & LISTS))
		ret = keeping_row(l) ?: output_row(l);
	return ret;
}

/*
 * Rows of WBINVD.  @before leads up to it.
 */

struct flush {
	const char *name;
	sequence_fn sequence;
	const char *hazard;
	struct plan before;
};

/*
 * The release of a block has a row of its own, because H7 shows in it as well.
 */
static const struct flush flushes[] = {
	{ "of control pages", spdm_sessions, "H3" },
	{ "of control pages", ide_streams, "H3" },
	{ "of an IOMMU_MT list", iommus },
	{ "after a failed add", ext_memory, "H1",
	  { { { .leaf = TDH_EXT_MEM_ADD, .nth = 2, .status = TDX_OPERAND_BUSY } }, 1 } },
};

static const struct {
	const char *name;
	enum cause cause;
	const u64 statuses[3];
} bad_flushes[] = {
	{ "OPERAND_BUSY or #UD", ALLOWED, { TDX_OPERAND_BUSY, TDX_SEAMCALL_UD } },
	{ "another error", BROKEN_MODULE,
	  { TDX_OPERAND_INVALID, TDX_OPERAND_ADDR_RANGE_ERROR, TDX_PAGE_METADATA_INCORRECT } },
};

/* First page, middle page, last page, several pages, every page */
enum { EVERY_PAGE = 4, NR_BAD_PAGES };

/*
 * Designs differ in the number of calls, so each has its own middle and last.
 */
static unsigned int nr_flushes(const struct design *d, const struct flush *f)
{
	struct outcome out = {};

	run_once(d, f->sequence, &f->before, &out);
	return max(tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 4UL);
}

static void try_bad_flush(struct row *row, unsigned int design, const struct flush *f,
			  unsigned int which, u64 status)
{
	const unsigned int last = nr_flushes(designs[design], f), middle = last / 2;
	/* 0 is every call. */
	const unsigned int nth[NR_BAD_PAGES][3] = {
		{ 1 }, { middle }, { last }, { 3, middle, last - 1 }, { 0 }
	};
	struct plan plan = f->before;
	struct outcome out = {};

	for (unsigned int i = 0; i < 3 && (!i || nth[which][i]); i++)
		plan_fault(&plan, (struct tdx_model_fault) {
			.leaf = TDH_PHYMEM_PAGE_WBINVD, .nth = nth[which][i], .status = status,
		});
	run_case(row, design, f->sequence, &plan, &out);
	cond_resched();
}

static int flush_row(unsigned int bad, const struct flush *f, unsigned int which)
{
	bool every = which == EVERY_PAGE;
	struct row *row = get_row(bad_flushes[bad].cause, "PAGE.WBINVD", every ? NULL : f->hazard,
				  "%s, %s, %s", bad_flushes[bad].name,
				  every ? "every page" : "one page or several", f->name);

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int i = 0; i < nr_designs; i++) {
		for (int s = 0; s < ARRAY_SIZE(bad_flushes[bad].statuses); s++) {
			u64 status = bad_flushes[bad].statuses[s];

			if (status && has_sequence(designs[i], f->sequence))
				try_bad_flush(row, i, f, which, status);
		}
	}
	return 0;
}

static int flush_rows(void)
{
	int ret = 0;

	for (int bad = 0; bad < ARRAY_SIZE(bad_flushes); bad++) {
		for (int f = 0; f < ARRAY_SIZE(flushes); f++) {
			for (int which = 0; which < NR_BAD_PAGES && !ret; which++)
				ret = flush_row(bad, &flushes[f], which);
		}
	}
	return ret;
}

/*
 * Rows of allocations.  Designs differ in their number, so each has its own
 * count.
 */

/* More than any sequence makes */
#define MAX_ALLOCATIONS	10000

static int allocation_row(const char *name, sequence_fn sequence)
{
	struct row *row = get_row(ALLOWED, "allocation", NULL, "each fails once, %s", name);

	if (IS_ERR(row))
		return PTR_ERR(row);

	for (unsigned int i = 0; i < nr_designs; i++) {
		struct outcome out;
		unsigned int nth = 0;

		if (!has_sequence(designs[i], sequence))
			continue;
		do {
			struct plan plan = { .fail_alloc = ++nth };

			out = (struct outcome) {};
			run_case(row, i, sequence, &plan, &out);
			cond_resched();
		} while (out.allocation_failed && nth < MAX_ALLOCATIONS);

		if (out.allocation_failed || (out.ret && out.ret != -EOPNOTSUPP))
			return -ELOOP;
	}
	return 0;
}

static int allocation_rows(void)
{
	int ret = 0;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		return 0;

	for (int i = 0; i < ARRAY_SIZE(sequences) && !ret; i++)
		ret = allocation_row(sequences[i].name, sequences[i].run);
	return ret;
}

/*
 * Rows without a failing leaf
 */

enum state { UNUSED, FAILED, HELD, RETURNED };

static const char * const state_names[] = {
	[UNUSED]	= "never passed to the module",
	[FAILED]	= "create failed",
	[HELD]		= "held by the module",
	[RETURNED]	= "returned by the module",
};

#define NR_PAGES	20

/* Parameters of the sequences below, which have none. */
static enum state state;
static unsigned int parameter;

static void *array_in_state(const struct design *d)
{
	void *array = d->create(USE_CONTROL, NR_PAGES);
	u64 id;

	if (!array)
		return NULL;
	design_watch(d, array);

	if (state == FAILED)
		tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = TDH_SPDM_CREATE, .nth = 1, .status = TDX_OPERAND_BUSY,
			.after = NR_PAGES,
		});
	if (state != UNUSED && !d->claim(array, FUNC_ID, &id) && state == RETURNED)
		d->give_back(array, id);
	return array;
}

/*
 * Free an array with the function number @parameter of those that the design
 * has.
 */
static int free_array(const struct design *d)
{
	void *array = array_in_state(d);

	if (!array)
		return -ENOMEM;
	d->free_functions[parameter].free(array);
	return 0;
}

static int free_rows(void)
{
	for (state = UNUSED; state <= RETURNED; state++) {
		struct row *row = get_row(MISUSE, "caller", state == HELD ? "H11" : "H4",
					  "%s, freed by each function", state_names[state]);

		if (IS_ERR(row))
			return PTR_ERR(row);
		for (unsigned int i = 0; i < nr_designs; i++) {
			const struct design *d = designs[i];

			for (parameter = 0; parameter < DESIGN_MAX_FREE_FUNCTIONS; parameter++) {
				struct outcome out = {};

				if (d->free_functions[parameter].free)
					run_case(row, i, free_array, &(struct plan) {}, &out);
			}
		}
	}
	return 0;
}

/*
 * The module holds the array of a second create.  The caller frees it
 * nevertheless.
 */
static int claim_twice(const struct design *d)
{
	void *array = array_in_state(d);
	u64 id;

	if (!array)
		return -ENOMEM;
	d->claim(array, FUNC_ID + 1, &id);
	d->release(array);
	return 0;
}

/* Entries of the list in @info that are not those of @array from @first on */
static unsigned long nr_stale(const struct design *d, void *array, u64 info,
			      unsigned int first)
{
	unsigned int nr = FIELD_GET(GENMASK_ULL(63, 55), info) + 1;
	const u64 *list = phys_to_virt(info & GENMASK_ULL(51, 12));
	unsigned long ret = 0;

	for (unsigned int i = 0; i < nr; i++) {
		unsigned long nr_pages;

		ret += list[i] != d->pages(array, first + i, &nr_pages);
	}
	return ret;
}

/* Build the operands of two windows before either is used. */
static int build_two_windows(const struct design *d)
{
	void *array = d->create(USE_MEMORY, 1024);
	u64 info[2];

	if (!array)
		return -ENOMEM;
	design_watch(d, array);
	info[0] = d->window(array, 0);
	info[1] = d->window(array, 512);
	stale = nr_stale(d, array, info[0], 0) + nr_stale(d, array, info[1], 512);
	d->release(array);
	return 0;
}

/* Add one window twice instead of two windows. */
static int confuse_windows(const struct design *d)
{
	void *array = d->create(USE_MEMORY, 1024);
	struct tdx_module_args args = {};

	if (!array)
		return -ENOMEM;
	design_watch(d, array);
	for (int i = 0; i < 2; i++) {
		args.rcx = d->window(array, 0);
		seamcall_ret(TDH_EXT_MEM_ADD, &args);
	}
	d->release(array);
	return 0;
}

/* Build another window while the pages await their flush. */
static int refill(const struct design *d)
{
	void *array = array_in_state(d);

	if (!array)
		return -ENOMEM;
	d->window(array, parameter);
	d->release_flushed(array);
	return 0;
}

/* Other calls keep the region of the first page busy for @parameter flushes. */
static int free_busy(const struct design *d)
{
	void *array = array_in_state(d);
	unsigned long nr_pages;

	if (!array)
		return -ENOMEM;
	tdx_model_set_busy_region(d->pages(array, 0, &nr_pages), parameter);
	d->release_flushed(array);
	return 0;
}

#define CANARY	0x0123456789abcdefULL

/* The list page belongs to the array up to its end. */
static int keep_canary(const struct design *d)
{
	void *array = d->create(USE_CONTROL, NR_PAGES);
	u64 *canary, id;
	int ret;

	if (!array)
		return -ENOMEM;
	design_watch(d, array);

	canary = (u64 *)phys_to_virt(d->operand(array) & GENMASK_ULL(51, 12)) + NR_PAGES;
	*canary = CANARY;
	ret = d->claim(array, FUNC_ID, &id) ?: d->give_back(array, id);
	stale = *canary != CANARY;
	d->release_flushed(array);
	return ret;
}

/*
 * A row of a sequence that needs @has of a design, for @nr values of its
 * parameter
 */
static int sequence_row(struct row *row, sequence_fn sequence,
			bool (*has)(const struct design *d), unsigned int nr,
			const unsigned int *parameters)
{
	if (IS_ERR(row))
		return PTR_ERR(row);

	for (unsigned int i = 0; i < nr_designs; i++) {
		for (unsigned int n = 0; n < nr; n++) {
			struct outcome out = {};

			parameter = parameters[n];
			if (has(designs[i]))
				run_case(row, i, sequence, &(struct plan) {}, &out);
		}
	}
	return 0;
}

static bool has_control(const struct design *d)
{
	return d->claim;
}

static bool has_window(const struct design *d)
{
	return d->window;
}

static bool has_control_window(const struct design *d)
{
	return d->claim && d->window;
}

static bool has_added_window(const struct design *d)
{
	return d->claim && d->adds_windows;
}

static int caller_rows(void)
{
	static const unsigned int none[] = { 0 }, offsets[] = { 0, 10 }, nr_busy[] = { 1, 1000 };
	struct row *row;
	int ret;

	state = RETURNED;
	ret = sequence_row(get_row(ALLOWED, "PAGE.WBINVD", "H3",
				   "another call works on the same 2 MiB"),
			   free_busy, has_control, ARRAY_SIZE(nr_busy), nr_busy) ?:
	      sequence_row(get_row(ALLOWED, "all", NULL,
				   "a canary behind the last entry must survive"),
			   keep_canary, has_control, 1, none);
	if (ret)
		return ret;

	ret = sequence_row(get_row(MISUSE, "caller", "H5",
				   "two windows built before either is used"),
			   build_two_windows, has_window, 1, none) ?:
	      sequence_row(get_row(MISUSE, "caller", "H6",
				   "another window built while pages await their flush"),
			   refill, has_control_window, ARRAY_SIZE(offsets), offsets);
	if (ret)
		return ret;

	row = get_row(MISUSE, "caller", "H11", "one window added twice instead of two, then freed");
	ret = sequence_row(row, confuse_windows, has_added_window, 1, none);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < nr_designs; i++)
		row->cells[i].inexpressible = designs[i]->claim && !designs[i]->adds_windows;

	state = HELD;
	return sequence_row(get_row(MISUSE, "caller", "H11",
				    "second create with the same array, then freed"),
			    claim_twice, has_control, 1, none) ?: free_rows();
}

/*
 * Nothing fails, or each leaf lacks entropy once.  The kernel repeats such a
 * call.
 */
static int sound_rows(void)
{
	for (int i = 0; i < ARRAY_SIZE(sequences); i++) {
		struct row *row = get_row(ALLOWED, "all", sequences[i].hazard, "nothing fails, %s",
					  sequences[i].name);

		if (IS_ERR(row))
			return PTR_ERR(row);
		try_plan(row, sequences[i].run, &(struct plan) {});

		for (int l = 0; l < ARRAY_SIZE(leaves); l++) {
			if (leaves[l].sequence == sequences[i].run)
				try_status(row, &leaves[l],
					   &(struct status) { TDX_RND_NO_ENTROPY, 1 }, false);
		}
	}
	return 0;
}

static int make_rows(void)
{
	bool writes = mode->list_write;
	int ret = sound_rows();

	for (int i = 0; i < ARRAY_SIZE(leaves) && !ret; i++)
		ret = writes ? list_rows(&leaves[i]) : leaf_rows(&leaves[i]);
	if (!ret && !writes)
		ret = flush_rows();
	return ret ?: caller_rows();
}

static int make_matrix(void)
{
	int ret;

	mode = modes;
	ret = make_rows() ?: allocation_rows();
	while (!ret && ++mode < modes + ARRAY_SIZE(modes))
		ret = make_rows();
	return ret;
}

/*
 * The matrix in debugfs
 */

static int matrix_errno;

static void show_cell(struct seq_file *m, unsigned int n, const struct row *row,
		      const char *design, const struct cell *c)
{
	seq_printf(m, "tdx_faults: {\"row\":%u,\"mode\":\"%s\",\"leaf\":\"%s\",\"failure\":\"%s\",\"cause\":\"%s\",\"hazard\":\"%s\",\"design\":\"%s\",\"cases\":%lu,",
		   n, row->mode->name, row->leaf, row->failure, cause_names[row->cause],
		   row->hazard ?: "", design, c->cases);
	seq_printf(m, "\"unsafe\":%lu,\"leaking\":%lu,\"freed_owned\":%lu,\"freed_dirty\":%lu,\"freed_twice\":%lu,\"freed_foreign\":%lu,\"claimed_free\":%lu,\"stale\":%lu,\"null_walks\":%lu,\"objects\":%lu,\"others\":%lu,\"leaked\":%lu,\"needless\":%lu}\n",
		   c->unsafe, c->leaking, c->freed_owned, c->freed_dirty, c->freed_twice,
		   c->freed_foreign, c->claimed_free, c->stale, c->null_walks, c->objects,
		   c->others, c->leaked, c->needless);
}

static int matrix_show(struct seq_file *m, void *unused)
{
	for (unsigned int n = 0; n < nr_rows; n++) {
		for (unsigned int i = 0; i < nr_designs; i++) {
			const struct cell *c = &rows[n].cells[i];

			if (c->cases || c->inexpressible)
				show_cell(m, n, &rows[n], designs[i]->name, c);
		}
	}
	seq_printf(m, "tdx_faults: {\"end\":%d}\n", matrix_errno);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(matrix);

static struct dentry *matrix_file;

static int __init faults_init(void)
{
	rows = vcalloc(MAX_ROWS, sizeof(*rows));
	if (!rows)
		return -ENOMEM;

	design_on_array = design_watch;
	matrix_errno = make_matrix();
	design_on_array = NULL;

	matrix_file = debugfs_create_file("tdx_faults", 0444, NULL, NULL, &matrix_fops);
	return 0;
}
module_init(faults_init);

static void __exit faults_exit(void)
{
	debugfs_remove(matrix_file);
	vfree(rows);
}
module_exit(faults_exit);

MODULE_DESCRIPTION("Fault matrix of designs that pass pages to the TDX module");
MODULE_LICENSE("GPL");
