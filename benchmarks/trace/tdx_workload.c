// SPDX-License-Identifier: GPL-2.0
/*
 * A known workload to be traced: every way an array can go, a known number of times
 *
 * A step is the life of one array, with faults armed in the software TDX module.  The
 * table says what becomes of that array on flat and by which of its functions v2 lets
 * it go.  So whoever traces the workload can be told whether the numbers are right:
 * after each step the module prints its line of the table as JSON behind a fixed
 * prefix.
 *
 * Loading the module does the work.  Unloading it releases two more arrays for each
 * design, which until then are what a leak looks like.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include <asm/tdx.h>

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"

#define PREFIX		"tdx_workload: "

#define FUNC_ID		0x1000
#define REG_BASE	0xfed90000
#define IOMMU_ORDER	3

#define MAX_FAULTS	3

static char *only_design = "";
module_param_named(design, only_design, charp, 0444);
MODULE_PARM_DESC(design, "name of the one design to run (default: flat and v2)");

static unsigned int turns = 3;
module_param(turns, uint, 0444);
MODULE_PARM_DESC(turns, "how often to do it all (default: 3)");

/**
 * struct step - the life of one array
 * @name: what happens to it
 * @run: does it; a negative errno if the flow fails, as many of these are to
 * @fails: it is to
 * @nr: number of entries
 * @nr_pages: number of pages behind them; 0 is one each
 * @nr_held: pages that the module holds at the end
 * @nr_stranded: pages that stay out of use on flat without having been donated
 * @nr_refused: pages of which the module refuses the flush
 * @hand_outs: how often its windows are walked from the first on
 * @nr_handed_out: entries that a walk gets to; 0 is all
 * @claim: leaf that is to take its pages; 0 for none
 * @give_back: leaf that is to return them; 0 for none
 * @claim_resumes: interruptions of @claim
 * @give_back_resumes: interruptions of @give_back
 * @path: of its release on flat
 * @caller: function of flat that releases it
 * @v2: which way v2 lets it go
 * @faults: what goes wrong
 */
struct step {
	const char *name;
	int (*run)(const struct design *d, const struct step *s);
	bool fails;
	unsigned int nr;
	unsigned int nr_pages;
	unsigned int nr_held;
	unsigned int nr_stranded;
	unsigned int nr_refused;
	unsigned int hand_outs;
	unsigned int nr_handed_out;
	u64 claim;
	u64 give_back;
	unsigned int claim_resumes;
	unsigned int give_back_resumes;
	const char *path;
	const char *caller;
	const char *v2;
	struct tdx_model_fault faults[MAX_FAULTS];
};

/* A buffer that the module never owns. */
static int workload_buffer(const struct design *d, const struct step *s)
{
	void *array = d->create(s->nr <= 512 ? USE_CONTROL : USE_MEMORY, s->nr);

	if (!array)
		return -ENOMEM;
	design_watch(d, array);
	d->hand_over(array);
	d->release(array);
	/* The caller's address is to lie in here. */
	barrier();
	return 0;
}

static int workload_session(const struct design *d, const struct step *s)
{
	struct design_object spdm;

	return d->spdm_create(FUNC_ID, s->nr, &spdm) ?: d->spdm_delete(&spdm);
}

static int workload_iommu(const struct design *d, const struct step *s)
{
	struct design_object iommu;

	tdx_model_set_iommu_entries(s->nr);
	return d->iommu_setup(REG_BASE, IOMMU_ORDER, s->nr - 2, &iommu) ?:
	       d->iommu_clear(&iommu);
}

static int workload_memory(const struct design *d, const struct step *s)
{
	return d->ext_start(s->nr);
}

#define BUFFER(n)							\
	.run = workload_buffer, .nr = n, .hand_outs = 1,		\
	.path = "plain", .caller = "workload_buffer", .v2 = "free"

/* Handed out once to be claimed, once to be given back. */
#define SESSION(n)							\
	.run = workload_session, .nr = n, .hand_outs = 2,		\
	.claim = TDH_SPDM_CREATE, .give_back = TDH_SPDM_DELETE

#define MEMORY(n)							\
	.run = workload_memory, .nr = n, .hand_outs = 1,		\
	.claim = TDH_EXT_MEM_ADD, .path = "donated", .caller = "flat_ext_start"

static const struct step steps[] = {
	{ "a buffer of one page", BUFFER(1) },
	{ "a buffer of 32 pages", BUFFER(32) },
	{ "a buffer of 512 pages", BUFFER(512) },
	{ "a buffer of 1300 pages", BUFFER(1300) },
	{ "a session of one page", SESSION(1),
	  .path = "flushed", .caller = "flat_spdm_delete", .v2 = "ctrl_release" },
	{ "a session of 20 pages", SESSION(20),
	  .path = "flushed", .caller = "flat_spdm_delete", .v2 = "ctrl_release" },
	{ "a session of 512 pages", SESSION(512),
	  .path = "flushed", .caller = "flat_spdm_delete", .v2 = "ctrl_release" },
	{
		"an IOMMU, interrupted twice, and once at its end",
		.run = workload_iommu, .nr = 32, .nr_pages = 2 * (1 << IOMMU_ORDER) + 30,
		.hand_outs = 2,
		.claim = TDH_IOMMU_SETUP, .give_back = TDH_IOMMU_CLEAR,
		.claim_resumes = 2, .give_back_resumes = 1,
		.path = "flushed", .caller = "flat_iommu_clear", .v2 = "ctrl_release",
		.faults = {
			{ .leaf = TDH_IOMMU_SETUP, .nth = 1, .after = 5,
			  .status = TDX_INTERRUPTED_RESUMABLE },
			{ .leaf = TDH_IOMMU_SETUP, .nth = 2, .after = 20,
			  .status = TDX_INTERRUPTED_RESUMABLE },
			{ .leaf = TDH_IOMMU_CLEAR, .nth = 1,
			  .status = TDX_INTERRUPTED_RESUMABLE },
		},
	},
	{
		"a session that the module does not create",
		.run = workload_session, .fails = true, .nr = 20,
		.hand_outs = 1, .claim = TDH_SPDM_CREATE,
		.path = "flushed", .caller = "flat_spdm_create", .v2 = "free",
		.faults = {
			{ .leaf = TDH_SPDM_CREATE, .nth = 1, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"a session that the module does not delete",
		SESSION(20), .fails = true, .nr_held = 20, .nr_stranded = 20,
		.path = "held-stranded", .caller = "flat_spdm_delete", .v2 = "ctrl_leak",
		.faults = {
			{ .leaf = TDH_SPDM_DELETE, .nth = 1, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"a session with a page that cannot be flushed",
		SESSION(20), .nr_stranded = 1, .nr_refused = 1,
		.path = "flush-failed", .caller = "flat_spdm_delete",
		.v2 = "ctrl_release fails, ctrl_leak",
		.faults = {
			{ .leaf = TDH_PHYMEM_PAGE_WBINVD, .nth = 3, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"memory for the extensions, interrupted once",
		MEMORY(1300), .nr_held = 1300, .claim_resumes = 1,
		.v2 = "ctrl_leak",
		.faults = {
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 1, .after = 100,
			  .status = TDX_INTERRUPTED_RESUMABLE },
		},
	},
	{
		"memory for the extensions, of which the module takes a part and fails",
		MEMORY(1300), .fails = true, .nr_held = 100, .nr_handed_out = 512,
		.claim_resumes = 1, .v2 = "free",
		.faults = {
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 1, .after = 100,
			  .status = TDX_INTERRUPTED_RESUMABLE },
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 2, .status = TDX_OPERAND_BUSY },
		},
	},
};

static const unsigned int kept_sizes[] = { 7, 600 };

#define NR_DESIGNS	2

static const char *const names[NR_DESIGNS] = { "flat", "v2" };
static const struct design *used[NR_DESIGNS];
static void *kept[NR_DESIGNS][ARRAY_SIZE(kept_sizes)];

static void print_step(const struct design *d, const struct step *s)
{
	pr_info(PREFIX "{\"kind\": \"step\", \"design\": \"%s\", \"name\": \"%s\", \"entries\": %u, \"pages\": %u, \"held\": %u, \"stranded\": %u, \"refused\": %u, \"hand_outs\": %u, \"handed_out\": %u, \"claim\": %llu, \"give_back\": %llu, \"claim_resumes\": %u, \"give_back_resumes\": %u, \"fails\": %d, \"path\": \"%s\", \"caller\": \"%s\", \"v2\": \"%s\"}\n",
		d->name, s->name, s->nr, s->nr_pages ?: s->nr, s->nr_held, s->nr_stranded,
		s->nr_refused, s->hand_outs, s->nr_handed_out ?: s->nr, s->claim, s->give_back,
		s->claim_resumes, s->give_back_resumes, s->fails, s->path, s->caller, s->v2);
}

static int do_step(const struct design *d, const struct step *s)
{
	int ret;

	tdx_model_reset();
	for (unsigned int i = 0; i < MAX_FAULTS && s->faults[i].leaf; i++)
		tdx_model_fail(&s->faults[i]);

	/* The judge tells the model which pages are free again. */
	ret = tdx_judge_begin();
	if (ret)
		return ret;
	ret = s->run(d, s);
	tdx_judge_end();
	tdx_model_reclaim();

	/* v2 reports pages that cannot be flushed, flat keeps that to itself. */
	if (!ret == s->fails && !s->nr_refused) {
		pr_err(PREFIX "%s, %s: unexpected result %d\n", d->name, s->name, ret);
		return ret ?: -EIO;
	}

	print_step(d, s);
	return 0;
}

static void drop_kept(void)
{
	for (unsigned int i = 0; i < NR_DESIGNS; i++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(kept_sizes); k++) {
			if (kept[i][k])
				used[i]->release(kept[i][k]);
		}
	}
}

static noinline int keep_some(unsigned int i)
{
	for (unsigned int k = 0; k < ARRAY_SIZE(kept_sizes); k++) {
		kept[i][k] = used[i]->create(kept_sizes[k] <= 512 ? USE_CONTROL : USE_MEMORY,
					     kept_sizes[k]);
		if (!kept[i][k])
			return -ENOMEM;
		pr_info(PREFIX "{\"kind\": \"kept\", \"design\": \"%s\", \"entries\": %u, \"pages\": %u}\n",
			used[i]->name, kept_sizes[k], kept_sizes[k]);
	}
	return 0;
}

static int do_all(void)
{
	for (unsigned int i = 0; i < NR_DESIGNS; i++) {
		const struct design *d;
		int ret;

		if (*only_design && strcmp(only_design, names[i]))
			continue;
		d = design_find(names[i]);
		if (!d) {
			pr_err(PREFIX "the module of design %s is not loaded\n", names[i]);
			return -ENOENT;
		}
		used[i] = d;
		d->select();

		for (unsigned int t = 0; t < turns; t++) {
			for (unsigned int s = 0; s < ARRAY_SIZE(steps); s++) {
				ret = do_step(d, &steps[s]);
				if (ret)
					return ret;
			}
		}

		ret = keep_some(i);
		if (ret)
			return ret;
	}
	return 0;
}

/* Not __init, so that it has its name when stacks are printed. */
static int workload_init(void)
{
	int ret;

	/* Some machine's real TDX module is not to be tried in this way. */
	ret = tdx_model_install();
	if (ret) {
		pr_err(PREFIX "needs the software TDX module behind the door (%d)\n", ret);
		return ret;
	}

	design_on_array = design_watch;
	ret = do_all();
	design_on_array = NULL;
	tdx_model_reset();
	if (ret)
		drop_kept();
	pr_info(PREFIX "{\"kind\": \"end\", \"turns\": %u, \"errno\": %d}\n", turns, -ret);
	return ret;
}
module_init(workload_init);

static void __exit workload_exit(void)
{
	drop_kept();
}
module_exit(workload_exit);

MODULE_DESCRIPTION("A known workload for the tools that trace arrays");
MODULE_LICENSE("GPL");
