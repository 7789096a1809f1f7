// SPDX-License-Identifier: GPL-2.0
/*
 * The fault matrix: every leaf that takes or returns pages, every way in which it
 * can fail, every design
 *
 * A case runs one flow of a host driver on one design, with faults armed in the
 * software TDX module or in the kernel's allocators, and asks the judge what has
 * become of the pages.  A row sums up the cases of one failure: the same failure
 * at the first, the middle and the last call, after each possible number of pages.
 * What the cases are, the table of each flow says; what the designs do, they are
 * not asked but watched.
 *
 * The matrix is made when the module is loaded, and is read from debugfs, one line
 * of JSON for each row and design.
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
#include <linux/vmalloc.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define REG_BASE	0xfed90000

#define MAX_ROWS	256

/* The kernel's code for it is newer than 6.12. */
#define NO_ENTROPY	0x8000020300000000ULL

/**
 * struct cell - what became of one design in the cases of one row
 * @cases: number of cases
 * @unsafe: cases with any of the following: @freed_owned to @stale
 * @stranding: the other cases in which pages were stranded or anything leaked
 * @freed_owned: pages freed while the module owned them
 * @freed_dirty: pages freed without the flush that they needed
 * @freed_twice: pages freed twice
 * @claimed_free: pages handed to the module after they were freed
 * @stale: entries of a list that do not name the pages they should
 * @objects: kmalloc objects leaked
 * @leaked: other pages leaked
 * @stranded: pages that stay out of the page allocator
 * @needless: those of them that could have come back: the module neither owns them
 *	      nor refuses to flush them
 */
struct cell {
	unsigned long cases;
	unsigned long unsafe;
	unsigned long stranding;
	unsigned long freed_owned;
	unsigned long freed_dirty;
	unsigned long freed_twice;
	unsigned long claimed_free;
	unsigned long stale;
	unsigned long objects;
	unsigned long leaked;
	unsigned long stranded;
	unsigned long needless;
};

struct row {
	char leaf[32];
	char failure[96];
	const char *hazard;
	struct cell cells[MAX_DESIGNS];
};

static struct row *rows;
static unsigned int nr_rows;

static __printf(3, 4)
struct row *new_row(const char *leaf, const char *hazard, const char *fmt, ...)
{
	struct row *row;
	va_list args;

	if (nr_rows == MAX_ROWS)
		return ERR_PTR(-ENOSPC);

	row = &rows[nr_rows++];
	strscpy(row->leaf, leaf, sizeof(row->leaf));
	row->hazard = hazard;
	va_start(args, fmt);
	vscnprintf(row->failure, sizeof(row->failure), fmt, args);
	va_end(args);
	return row;
}

/*
 * Flows.  Each makes three objects, a short list, a singleton, and a full list,
 * and ends them; so there is a first, a middle and a last call of each leaf.  A
 * flow goes on with what it could make.
 */

static const unsigned int sizes[] = { 20, 1, 512 };

#define NR_SIZES	ARRAY_SIZE(sizes)
#define NR_IOMMU_PAGES	30
#define NR_MEMORY	1300

/* Pages that the flow meant to leave with the module. */
static unsigned long meant_to_stay;
/* Entries of a list that it found not to name the pages they should. */
static unsigned long stale;

static int flow_spdm(const struct design *d)
{
	struct design_object spdm[NR_SIZES];
	bool made[NR_SIZES];
	int ret = 0;

	for (int i = 0; i < NR_SIZES; i++) {
		int err = d->spdm_create(FUNC_ID + i, sizes[i], &spdm[i]);

		made[i] = !err;
		ret = ret ?: err;
	}
	for (int i = 0; i < NR_SIZES; i++) {
		if (made[i])
			ret = d->spdm_delete(&spdm[i]) ?: ret;
	}
	return ret;
}

static int flow_ide(const struct design *d)
{
	struct design_object spdm, ide[NR_SIZES];
	bool made[NR_SIZES];
	int ret = d->spdm_create(FUNC_ID, 4, &spdm);

	if (ret)
		return ret;

	for (int i = 0; i < NR_SIZES; i++) {
		int err = d->ide_create(STREAM_INFO + i, &spdm, sizes[i], &ide[i]);

		made[i] = !err;
		ret = ret ?: err;
	}
	for (int i = 0; i < NR_SIZES; i++) {
		if (made[i])
			ret = d->ide_delete(&spdm, &ide[i]) ?: ret;
	}
	return d->spdm_delete(&spdm) ?: ret;
}

static int flow_iommu(const struct design *d)
{
	static const unsigned int orders[NR_SIZES] = { 3, 0, 5 };
	struct design_object iommu[NR_SIZES];
	bool made[NR_SIZES];
	int ret = 0;

	for (int i = 0; i < NR_SIZES; i++) {
		int err = d->iommu_setup(REG_BASE + i * PAGE_SIZE, orders[i], NR_IOMMU_PAGES,
					 &iommu[i]);

		made[i] = !err;
		ret = ret ?: err;
	}
	for (int i = 0; i < NR_SIZES; i++) {
		if (made[i])
			ret = d->iommu_clear(&iommu[i]) ?: ret;
	}
	return ret;
}

static int flow_memory(const struct design *d)
{
	int ret = d->ext_start(NR_MEMORY);

	if (!ret)
		meant_to_stay = NR_MEMORY;
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

static int flow_connect(const struct design *d)
{
	struct design_object spdm;
	int ret = d->spdm_create(FUNC_ID, 1, &spdm);

	if (ret)
		return ret;

	ret = read_info(d, &spdm, INFO_CONNECT);
	return d->spdm_delete(&spdm) ?: ret;
}

static int flow_recollect(const struct design *d)
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

/*
 * Cases
 */

/**
 * struct plan - what goes wrong in a case
 * @faults: of the software TDX module
 * @nr_faults: number of them
 * @fail_alloc: this allocation of the flow fails, the first being 1; 0 for none
 * @output: what the module writes into pages for output
 * @clear: what it does with the list of IOMMU.CLEAR
 */
struct plan {
	struct tdx_model_fault faults[4];
	unsigned int nr_faults;
	unsigned int fail_alloc;
	enum tdx_model_output output;
	enum tdx_model_clear clear;
};

static void plan_fault(struct plan *plan, struct tdx_model_fault fault)
{
	plan->faults[plan->nr_faults++] = fault;
}

/* What a case says of itself, beside the judge. */
struct outcome {
	struct tdx_verdict verdict;
	unsigned long stranded;
	unsigned long stale;
	long leaked;
	int ret;
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

/* Run @flow once.  Everything is given back afterwards, whatever was lost. */
static void run_once(const struct design *d, int (*flow)(const struct design *d),
		     const struct plan *plan, struct outcome *out)
{
	unsigned long before;

	tdx_model_reset();
	tdx_model_set_iommu_entries(2 + NR_IOMMU_PAGES);
	tdx_model_set_rounds(1);
	tdx_model_set_output(plan->output);
	tdx_model_set_clear(plan->clear);
	for (unsigned int i = 0; i < plan->nr_faults; i++)
		tdx_model_fail(&plan->faults[i]);
	meant_to_stay = 0;

	before = tdx_judge_nr_free_pages();
	tdx_judge_begin();
	arm_allocation(plan->fail_alloc);
	stale = 0;
	out->ret = flow(d);
	out->stale = stale;
	out->allocation_failed = plan->fail_alloc && !armed_allocation();
	arm_allocation(0);
	tdx_judge_look(&out->verdict);
	tdx_judge_end();

	out->stranded = out->verdict.held + out->verdict.lost - meant_to_stay;
	tdx_model_reclaim();
	design_reclaim();
	out->leaked = before - tdx_judge_nr_free_pages();
}

/*
 * The kernel takes pages for itself now and then: a new slab, page tables for
 * addresses that vm_map_ram() has not used yet.  Only what is missing every time has
 * leaked.
 */
#define LEAK_TRIES	32

static void run_case(struct row *row, unsigned int design,
		     int (*flow)(const struct design *d), const struct plan *plan,
		     struct outcome *out)
{
	const struct design *d = designs[design];
	struct cell *cell = &row->cells[design];
	const struct tdx_verdict *v = &out->verdict;
	unsigned long leaked = ULONG_MAX;

	design_select(d);
	for (int i = 0; i < LEAK_TRIES && leaked; i++) {
		run_once(d, flow, plan, out);
		leaked = min_t(unsigned long, leaked, max(out->leaked, 0));
	}

	cell->cases++;
	if (v->freed_owned || v->freed_dirty || v->freed_twice || v->claimed_free ||
	    out->stale)
		cell->unsafe++;
	else if (out->stranded || v->objects || leaked)
		cell->stranding++;
	cell->freed_owned += v->freed_owned;
	cell->freed_dirty += v->freed_dirty;
	cell->freed_twice += v->freed_twice;
	cell->claimed_free += v->claimed_free;
	cell->stale += out->stale;
	cell->objects += v->objects;
	cell->leaked += leaked;
	cell->stranded += out->stranded;
	cell->needless += v->needless;
}

/* Some designs have one use only, and the floor has none. */
static bool has_flow(const struct design *d, int (*flow)(const struct design *d))
{
	return flow == flow_memory ? !!d->ext_start : !!d->spdm_create;
}

/* One case on all designs that have the flow. */
static void try_plan(struct row *row, int (*flow)(const struct design *d),
		     const struct plan *plan)
{
	for (unsigned int i = 0; i < nr_designs; i++) {
		struct outcome out = {};

		if (has_flow(designs[i], flow))
			run_case(row, i, flow, plan, &out);
	}
	cond_resched();
}

static void try_fault(struct row *row, int (*flow)(const struct design *d),
		      struct tdx_model_fault fault)
{
	struct plan plan = {};

	plan_fault(&plan, fault);
	try_plan(row, flow, &plan);
}

/*
 * Rows of one leaf
 */

enum leaf_kind {
	CLAIMS		= BIT(0),
	ADDS		= BIT(1),
	RESUMABLE	= BIT(2),
	EXCHANGES	= BIT(3),
	LISTS		= BIT(4),	/* writes the pages it gives back to a list */
};

struct leaf {
	const char *name;
	u64 leaf;
	int (*flow)(const struct design *d);
	unsigned int kind;
	/* Number of calls in the flow, and of entries in each that takes or returns pages. */
	unsigned int nr_calls;
	unsigned int nr_entries[NR_SIZES];
	/* Which hazard shows where the leaf fails, or fails having touched pages. */
	const char *hazard, *hazard_touched;
};

static const struct leaf leaves[] = {
	{ "EXT.MEM.ADD", TDH_EXT_MEM_ADD, flow_memory, ADDS | RESUMABLE, 3,
	  { 512, 512, 276 }, "H1", "H1" },
	{ "EXT.INIT", TDH_EXT_INIT, flow_memory, RESUMABLE, 1, {}, "H1" },
	{ "IOMMU.SETUP", TDH_IOMMU_SETUP, flow_iommu, CLAIMS | RESUMABLE, 3,
	  { 32, 32, 32 }, NULL, "H2" },
	{ "IOMMU.CLEAR", TDH_IOMMU_CLEAR, flow_iommu, RESUMABLE | LISTS, 3, { 32, 32, 32 } },
	{ "SPDM.CREATE", TDH_SPDM_CREATE, flow_spdm, CLAIMS, 3, { 20, 1, 512 }, NULL, "H2" },
	{ "SPDM.DELETE", TDH_SPDM_DELETE, flow_spdm, LISTS, 3, { 20, 1, 512 } },
	{ "IDE.STREAM.CREATE", TDH_IDE_STREAM_CREATE, flow_ide, CLAIMS, 3,
	  { 20, 1, 512 }, NULL, "H2" },
	{ "IDE.STREAM.BLOCK", TDH_IDE_STREAM_BLOCK, flow_ide, 0, 3 },
	{ "IDE.STREAM.DELETE", TDH_IDE_STREAM_DELETE, flow_ide, LISTS, 3, { 20, 1, 512 } },
	{ "SPDM.CONNECT", TDH_SPDM_CONNECT, flow_connect, RESUMABLE | EXCHANGES, 6 },
	{ "SPDM.MNG", TDH_SPDM_MNG, flow_recollect, RESUMABLE | EXCHANGES, 6 },
};

static const struct {
	const char *name;
	u64 status;
} statuses[] = {
	{ "OPERAND_INVALID", TDX_OPERAND_INVALID },
	{ "OPERAND_BUSY", TDX_OPERAND_BUSY },
	{ "RND_NO_ENTROPY", NO_ENTROPY },
	{ "PAGE_METADATA_INCORRECT", TDX_PAGE_METADATA_INCORRECT },
	{ "SEAMCALL fails (#UD)", TDX_SEAMCALL_UD },
};

/* What follows @i in first, middle and last of @n. */
static unsigned int next_of_three(unsigned int i, unsigned int n)
{
	unsigned int middle = (n + 1) / 2;

	if (i < middle)
		return middle;
	return i < n ? n : n + 1;
}

/* It returns @status and does nothing. */
static int refused_row(const struct leaf *l, const char *name, u64 status)
{
	struct row *row = new_row(l->name, l->hazard, "%s", name);

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls))
		try_fault(row, l->flow, (struct tdx_model_fault) {
			.leaf = l->leaf, .nth = nth, .status = status,
		});
	return 0;
}

/* It fails having dealt with one page, half of them, or all. */
static int touched_row(const struct leaf *l, bool keep)
{
	struct row *row = new_row(l->name, l->hazard_touched, "OPERAND_BUSY, pages %s before",
				  keep || (l->kind & ADDS) ? "taken" : "written to");

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls)) {
		unsigned int nr = l->nr_entries[nth - 1];

		for (unsigned int after = 1; after <= nr; after = next_of_three(after, nr))
			try_fault(row, l->flow, (struct tdx_model_fault) {
				.leaf = l->leaf, .nth = nth, .status = TDX_OPERAND_BUSY,
				.after = after, .keep = keep,
			});
	}
	return 0;
}

/* It is interrupted after k entries, for every k; then it goes on, or fails. */
static int interrupted_row(const struct leaf *l, const char *then, u64 status)
{
	bool lists = l->kind & (ADDS | CLAIMS);
	struct row *row = new_row(l->name, status ? l->hazard_touched ?: l->hazard : NULL,
				  "interrupted%s, then %s", lists ? " after each k" : "", then);

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls)) {
		/* All entries, and the leaf is done. */
		unsigned int last_k = lists ? l->nr_entries[nth - 1] - 1 : 0;

		for (unsigned int k = 0; k <= last_k; k++) {
			struct plan plan = {};

			plan_fault(&plan, (struct tdx_model_fault) {
				.leaf = l->leaf, .nth = nth, .after = k,
				.status = TDX_INTERRUPTED_RESUMABLE,
			});
			if (status)
				plan_fault(&plan, (struct tdx_model_fault) {
					.leaf = l->leaf, .nth = nth + 1, .status = status,
				});
			try_plan(row, l->flow, &plan);
		}
	}
	return 0;
}

/* It succeeds, and gives back no more than the first half; of one page, nothing. */
static int keeping_row(const struct leaf *l)
{
	struct row *row = new_row(l->name, "H3", "succeeds, and keeps the second half");

	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int nth = 1; nth <= l->nr_calls; nth = next_of_three(nth, l->nr_calls))
		try_fault(row, l->flow, (struct tdx_model_fault) {
			.leaf = l->leaf, .nth = nth, .after = l->nr_entries[nth - 1] / 2,
			.keep = true,
		});
	return 0;
}

static int output_row(const struct leaf *l)
{
	struct row *row = new_row(l->name, NULL, "writes garbage as the list of pages");

	if (IS_ERR(row))
		return PTR_ERR(row);
	try_plan(row, l->flow, &(struct plan) { .output = TDX_MODEL_OUTPUT_GARBAGE });

	if (l->leaf != TDH_IOMMU_CLEAR)
		return 0;

	row = new_row(l->name, NULL, "reads its list instead of writing it");
	if (IS_ERR(row))
		return PTR_ERR(row);
	try_plan(row, l->flow, &(struct plan) { .clear = TDX_MODEL_CLEAR_READS });
	return 0;
}

static int leaf_rows(const struct leaf *l)
{
	int ret = 0;

	for (int i = 0; i < ARRAY_SIZE(statuses) && !ret; i++)
		ret = refused_row(l, statuses[i].name, statuses[i].status);
	if (!ret && (l->kind & EXCHANGES))
		ret = refused_row(l, "one more message", TDX_SPDM_REQUEST) ?:
		      refused_row(l, "SESSION_KEY_REQUIRE_REFRESH",
				  TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	if (!ret && (l->kind & (CLAIMS | ADDS)))
		ret = touched_row(l, false);
	if (!ret && (l->kind & CLAIMS))
		ret = touched_row(l, true);
	if (!ret && (l->kind & RESUMABLE))
		ret = interrupted_row(l, "goes on", 0) ?:
		      interrupted_row(l, "OPERAND_BUSY", TDX_OPERAND_BUSY) ?:
		      interrupted_row(l, "SEAMCALL fails (#UD)", TDX_SEAMCALL_UD);
	if (!ret && (l->kind & LISTS))
		ret = keeping_row(l) ?: output_row(l);
	return ret;
}

/*
 * Rows of WBINVD.  @before is a fault that leads up to it.
 */

struct flush {
	const char *name;
	int (*flow)(const struct design *d);
	unsigned int nr_pages;
	struct tdx_model_fault before;
};

static const struct flush flushes[] = {
	{ "of control pages", flow_spdm, 20 + 1 + 512 },
	{ "of control pages", flow_ide, 20 + 1 + 512 + 4 },
	{ "of control pages", flow_iommu, 2 * (8 + 1 + 32) + 3 * NR_IOMMU_PAGES },
	{ "after a failed add", flow_memory, NR_MEMORY - 512,
	  { .leaf = TDH_EXT_MEM_ADD, .nth = 2, .status = TDX_OPERAND_BUSY } },
};

static void bad_flushes(struct row *row, const struct flush *f, const char *which,
			u64 status)
{
	const unsigned int middle = f->nr_pages / 2, last = f->nr_pages;
	unsigned int nth[3] = {}, n = 0;
	struct plan plan = {};

	if (!strcmp(which, "first page")) {
		nth[n++] = 1;
	} else if (!strcmp(which, "middle page")) {
		nth[n++] = middle;
	} else if (!strcmp(which, "last page")) {
		nth[n++] = last;
	} else if (!strcmp(which, "several pages")) {
		nth[n++] = 3;
		nth[n++] = middle;
		nth[n++] = last - 1;
	} else {
		nth[n++] = 0;
	}

	if (f->before.leaf)
		plan_fault(&plan, f->before);
	for (unsigned int i = 0; i < n; i++)
		plan_fault(&plan, (struct tdx_model_fault) {
			.leaf = TDH_PHYMEM_PAGE_WBINVD, .nth = nth[i], .status = status,
		});
	try_plan(row, f->flow, &plan);
}

static int flush_rows(void)
{
	static const char * const which[] = {
		"first page", "middle page", "last page", "several pages", "every page"
	};

	for (int w = 0; w < ARRAY_SIZE(which); w++) {
		for (int f = 0; f < ARRAY_SIZE(flushes); f++) {
			bool same = f && !strcmp(flushes[f].name, flushes[f - 1].name);
			struct row *row = same ? &rows[nr_rows - 1] :
				new_row("PAGE.WBINVD", flushes[f].before.leaf ? "H1" : "H3",
					"%s, %s", which[w], flushes[f].name);

			if (IS_ERR(row))
				return PTR_ERR(row);
			for (int s = 0; s < ARRAY_SIZE(statuses); s++)
				bad_flushes(row, &flushes[f], which[w], statuses[s].status);
		}
	}
	return 0;
}

/*
 * Rows of allocations.  Designs differ in their number, so each has its own count.
 */

/* More than any flow makes. */
#define MAX_ALLOCATIONS	10000

static int allocation_row(const char *name, int (*flow)(const struct design *d))
{
	struct row *row = new_row(name, NULL, "each allocation fails in turn");

	if (IS_ERR(row))
		return PTR_ERR(row);

	for (unsigned int i = 0; i < nr_designs; i++) {
		struct outcome out;
		unsigned int nth = 0;

		if (!has_flow(designs[i], flow))
			continue;
		do {
			struct plan plan = { .fail_alloc = ++nth };

			out = (struct outcome) {};
			run_case(row, i, flow, &plan, &out);
			cond_resched();
		} while (out.allocation_failed && nth < MAX_ALLOCATIONS);

		if (out.allocation_failed || out.ret)
			return -ELOOP;
	}
	return 0;
}

static int allocation_rows(void)
{
	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		return 0;

	return allocation_row("flow of memory", flow_memory) ?:
	       allocation_row("flow of IOMMUs", flow_iommu) ?:
	       allocation_row("flow of SPDM sessions", flow_spdm) ?:
	       allocation_row("flow of IDE streams", flow_ide) ?:
	       allocation_row("flow of device information", flow_connect) ?:
	       allocation_row("flow of recollection", flow_recollect);
}

/*
 * Rows without a failing leaf: what a caller may do wrong
 */

enum state { UNSEEN, FAILED, HELD, GIVEN_BACK };

static const char * const state_names[] = {
	[UNSEEN]	= "never handed over",
	[FAILED]	= "create has failed",
	[HELD]		= "held by the module",
	[GIVEN_BACK]	= "given back",
};

/* Parameters of the flows below, which have none. */
static enum state state;
static unsigned int way_out;
static unsigned int refill_at;

static void *array_in_state(const struct design *d)
{
	void *array = d->create(USE_CONTROL, 20);
	u64 id;

	if (!array)
		return NULL;
	design_watch(d, array);

	if (state == FAILED)
		tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = TDH_SPDM_CREATE, .nth = 1, .status = TDX_OPERAND_BUSY,
			.after = 20,
		});
	if (state != UNSEEN && !d->claim(array, FUNC_ID, &id) && state == GIVEN_BACK)
		d->give_back(array, id);
	return array;
}

/* The life of an array ends in this way. */
static int flow_way_out(const struct design *d)
{
	void *array = array_in_state(d);

	if (!array)
		return -ENOMEM;
	d->ways_out[way_out].take(array);
	return 0;
}

static int way_out_rows(void)
{
	for (state = UNSEEN; state <= GIVEN_BACK; state++) {
		struct row *row = new_row("caller", "H4", "%s, ended in each way that there is",
					  state_names[state]);

		if (IS_ERR(row))
			return PTR_ERR(row);
		for (unsigned int i = 0; i < nr_designs; i++) {
			const struct design *d = designs[i];

			for (way_out = 0; way_out < DESIGN_MAX_WAYS_OUT; way_out++) {
				struct outcome out = {};

				if (d->ways_out[way_out].take)
					run_case(row, i, flow_way_out, &(struct plan) {}, &out);
			}
		}
	}
	return 0;
}

/* Entries of the list in @info that are not those of @array from @first on. */
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

/* Two windows are made ready, then handed over. */
static int flow_two_windows(const struct design *d)
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

/* While its pages await their flush, another window is made ready. */
static int flow_refill(const struct design *d)
{
	void *array = array_in_state(d);

	if (!array)
		return -ENOMEM;
	d->window(array, refill_at);
	d->release_flushed(array);
	return 0;
}

static int caller_rows(void)
{
	struct row *row;
	int ret = way_out_rows();

	if (ret)
		return ret;

	row = new_row("caller", "H5", "two windows made ready before either is handed over");
	if (IS_ERR(row))
		return PTR_ERR(row);
	for (unsigned int i = 0; i < nr_designs; i++) {
		struct outcome out = {};

		if (designs[i]->window)
			run_case(row, i, flow_two_windows, &(struct plan) {}, &out);
	}

	row = new_row("caller", "H6", "another window made ready while pages await their flush");
	if (IS_ERR(row))
		return PTR_ERR(row);
	state = GIVEN_BACK;
	for (refill_at = 0; refill_at < 20; refill_at += 10) {
		for (unsigned int i = 0; i < nr_designs; i++) {
			struct outcome out = {};

			if (designs[i]->window && designs[i]->claim)
				run_case(row, i, flow_refill, &(struct plan) {}, &out);
		}
	}
	return 0;
}

static int sound_row(void)
{
	struct row *row = new_row("all", NULL, "nothing fails");

	if (IS_ERR(row))
		return PTR_ERR(row);
	try_plan(row, flow_memory, &(struct plan) {});
	try_plan(row, flow_iommu, &(struct plan) {});
	try_plan(row, flow_spdm, &(struct plan) {});
	try_plan(row, flow_ide, &(struct plan) {});
	try_plan(row, flow_connect, &(struct plan) {});
	try_plan(row, flow_recollect, &(struct plan) {});
	return 0;
}

static int make_matrix(void)
{
	int ret = sound_row();

	for (int i = 0; i < ARRAY_SIZE(leaves) && !ret; i++)
		ret = leaf_rows(&leaves[i]);
	return ret ?: flush_rows() ?: allocation_rows() ?: caller_rows();
}

/*
 * The matrix, to be read
 */

static int matrix_errno;

static int matrix_show(struct seq_file *m, void *unused)
{
	for (unsigned int n = 0; n < nr_rows; n++) {
		const struct row *row = &rows[n];

		for (unsigned int i = 0; i < nr_designs; i++) {
			const struct cell *c = &row->cells[i];

			if (!c->cases)
				continue;
			seq_printf(m, "tdx_faults: {\"row\":%u,\"leaf\":\"%s\",\"failure\":\"%s\",\"hazard\":\"%s\",\"design\":\"%s\",\"cases\":%lu,\"unsafe\":%lu,\"stranding\":%lu,\"freed_owned\":%lu,\"freed_dirty\":%lu,\"freed_twice\":%lu,\"claimed_free\":%lu,\"stale\":%lu,\"objects\":%lu,\"leaked\":%lu,\"stranded\":%lu,\"needless\":%lu}\n",
				   n, row->leaf, row->failure, row->hazard ?: "",
				   designs[i]->name, c->cases, c->unsafe, c->stranding,
				   c->freed_owned, c->freed_dirty, c->freed_twice,
				   c->claimed_free, c->stale, c->objects, c->leaked,
				   c->stranded, c->needless);
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

MODULE_DESCRIPTION("Fault matrix of ways to hand pages to the TDX module");
MODULE_LICENSE("GPL");
