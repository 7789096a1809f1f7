// SPDX-License-Identifier: GPL-2.0
/*
 * A known workload for the tools that trace arrays of pages
 *
 * Each step is the life of one array in a call sequence of flat, with faults
 * armed in the software TDX module.  The module prints what happened as JSON
 * behind a fixed prefix: a line for each call of a wrapper, and the step's row
 * of the table below.
 *
 * Loading the module runs the steps and allocates two more arrays, which
 * unloading frees: until then they look like leaks.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/numa.h>

#include <asm/tdx_connect.h>

#include "../../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../../designs/design.h"
#include "tdx.h"

#define PREFIX		"tdx_workload: "

#define FUNC_ID		0x1000
#define REG_BASE	0xfed90000
#define IOMMU_ORDER	3

#define MAX_CALLS	2
#define MAX_FAULTS	2

static unsigned int rounds = 3;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how often to run all steps (default: 3)");

/**
 * struct step - the life of one array
 * @name: what happens
 * @run: function that allocates, uses and frees it
 * @nr: number of entries
 * @caller: name of the function that frees it
 * @path: name of this kind of free in the tools
 * @nr_pages: number of pages, if it is not @nr
 * @nr_held: pages that the module holds when the array is freed
 * @leaked: index of the entry whose page cannot be flushed, or 0 for none
 * @calls: wrappers that take the array, with their status
 * @faults: faults of the module
 */
struct step {
	const char *name;
	void (*run)(const struct step *s);
	unsigned int nr;
	const char *caller;
	const char *path;
	unsigned int nr_pages;
	unsigned int nr_held;
	unsigned int leaked;
	struct {
		const char *function;
		u64 status;
	} calls[MAX_CALLS];
	struct tdx_model_fault faults[MAX_FAULTS];
};

static const struct design *flat;

static const struct step *running;
static unsigned long first_pfn, leaked_pfn;

/*
 * Record what the events report of @array, and watch its pages with the page
 * checker.
 */
static void watch(const struct design *design, void *array)
{
	first_pfn = PHYS_PFN(tdx_pa_entry(array, 0));
	leaked_pfn = 0;
	if (running->leaked) {
		leaked_pfn = PHYS_PFN(tdx_pa_entry(array, running->leaked));
		tdx_model_fail_wbinvd(PFN_PHYS(leaked_pfn), TDX_OPERAND_BUSY);
	}
	design_watch(design, array);
}

/* A buffer that the module never owns. */
static noinline void run_buffer(const struct step *s)
{
	struct tdx_pa_array *array = tdx_pa_array_alloc(s->nr, NUMA_NO_NODE);

	if (!array)
		return;

	watch(flat, array);
	tdx_pa_array_free(array);
	barrier();
}

static void run_session(const struct step *s)
{
	struct design_object spdm;

	if (!flat->spdm_create(FUNC_ID, s->nr, &spdm))
		flat->spdm_delete(&spdm);
}

static void run_iommu(const struct step *s)
{
	struct design_object iommu;

	tdx_model_set_iommu_entries(s->nr);
	if (!flat->iommu_setup(REG_BASE, IOMMU_ORDER, s->nr - TDX_IOMMU_MT_NR_BLOCKS, &iommu))
		flat->iommu_clear(&iommu);
}

static void run_memory(const struct step *s)
{
	flat->ext_start(s->nr);
}

#define IOMMU_PAGES	(2 * (1 << IOMMU_ORDER) + 30)

static const struct step steps[] = {
	{ "a buffer of one page", run_buffer, 1, "run_buffer", "plain" },
	{ "a buffer of 32 pages", run_buffer, 32, "run_buffer", "plain" },
	{ "a buffer of 1300 pages", run_buffer, 1300, "run_buffer", "plain" },
	{
		"a session of one page", run_session, 1, "flat_spdm_delete", "flushed",
		.calls = { { "tdh_spdm_create" }, { "tdh_spdm_delete" } },
	},
	{
		"a session of 512 pages", run_session, 512, "flat_spdm_delete", "flushed",
		.calls = { { "tdh_spdm_create" }, { "tdh_spdm_delete" } },
	},
	{
		"an IOMMU, with interrupted leaves",
		run_iommu, 32, "flat_iommu_clear", "flushed", .nr_pages = IOMMU_PAGES,
		.calls = { { "tdh_iommu_setup" }, { "tdh_iommu_clear" } },
		.faults = {
			{ .leaf = TDH_IOMMU_SETUP, .nth = 1, .after = 5,
			  .status = TDX_INTERRUPTED_RESUMABLE },
			{ .leaf = TDH_IOMMU_CLEAR, .nth = 1,
			  .status = TDX_INTERRUPTED_RESUMABLE },
		},
	},
	{
		"an IOMMU that the module does not clear",
		run_iommu, 32, "flat_iommu_clear", "held",
		.nr_pages = IOMMU_PAGES, .nr_held = IOMMU_PAGES,
		.calls = { { "tdh_iommu_setup" }, { "tdh_iommu_clear", TDX_OPERAND_BUSY } },
		.faults = {
			{ .leaf = TDH_IOMMU_CLEAR, .nth = 1, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"a session that the module does not create",
		run_session, 20, "flat_spdm_create", "flushed",
		.calls = { { "tdh_spdm_create", TDX_OPERAND_BUSY } },
		.faults = {
			{ .leaf = TDH_SPDM_CREATE, .nth = 1, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"a session with a page that cannot be flushed",
		run_session, 20, "flat_spdm_delete", "flush-failed", .leaked = 3,
		.calls = { { "tdh_spdm_create" }, { "tdh_spdm_delete" } },
	},
	{
		"memory for the extensions, interrupted once",
		run_memory, 1300, "flat_ext_start", "held", .nr_held = 1300,
		.calls = { { "tdh_ext_mem_add" } },
		.faults = {
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 1, .after = 100,
			  .status = TDX_INTERRUPTED_RESUMABLE },
		},
	},
	{
		"memory for the extensions, taken in part, with a page that cannot be flushed",
		run_memory, 1300, "flat_ext_start", "flush-failed",
		.nr_held = 100, .leaked = 700,
		.calls = { { "tdh_ext_mem_add", TDX_OPERAND_BUSY } },
		.faults = {
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 1, .after = 100,
			  .status = TDX_INTERRUPTED_RESUMABLE },
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 2, .status = TDX_OPERAND_BUSY },
		},
	},
};

static int run_step(const struct step *s)
{
	struct tdx_checker_report report;
	int ret;

	tdx_model_reset();
	for (unsigned int i = 0; i < MAX_FAULTS && s->faults[i].leaf; i++)
		tdx_model_fail(&s->faults[i]);

	ret = tdx_checker_begin();
	if (ret)
		return ret;
	running = s;
	first_pfn = 0;
	s->run(s);
	tdx_checker_read(&report);
	tdx_model_reclaim();
	tdx_checker_end();
	if (!first_pfn)
		return -ENOMEM;

	/* The page checker must find what the table lists. */
	if (report.held != s->nr_held || report.lost != !!s->leaked) {
		pr_err(PREFIX "%s: %lu pages held, %lu leaked\n", s->name, report.held,
		       report.lost);
		return -EIO;
	}

	for (unsigned int i = 0; i < MAX_CALLS && s->calls[i].function; i++)
		pr_info(PREFIX "{\"kind\": \"call\", \"function\": \"%s\", \"status\": %llu}\n",
			s->calls[i].function, s->calls[i].status);
	pr_info(PREFIX "{\"kind\": \"free\", \"name\": \"%s\", \"caller\": \"%s\", \"pfn\": %lu, \"pages\": %u, \"path\": \"%s\", \"held\": %u, \"leaked\": %u, \"leaked_pfn\": %lu}\n",
		s->name, s->caller, first_pfn, s->nr_pages ?: s->nr, s->path, s->nr_held,
		!!s->leaked, leaked_pfn);
	return 0;
}

static const unsigned int kept_sizes[] = { 7, 600 };
static struct tdx_pa_array *kept[ARRAY_SIZE(kept_sizes)];

static void free_kept(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
		tdx_pa_array_free(kept[i]);
}

static noinline int keep_some(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++) {
		kept[i] = tdx_pa_array_alloc(kept_sizes[i], NUMA_NO_NODE);
		if (!kept[i])
			return -ENOMEM;
		pr_info(PREFIX "{\"kind\": \"kept\", \"pages\": %u}\n", kept_sizes[i]);
	}
	return 0;
}

static int run_all(void)
{
	for (unsigned int round = 0; round < rounds; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
			int ret = run_step(&steps[i]);

			if (ret)
				return ret;
		}
	}
	return keep_some();
}

/* Not __init: stacks show its name. */
static int workload_init(void)
{
	int ret;

	flat = design_find("flat");
	if (!flat) {
		pr_err(PREFIX "the module tdx_flat is not loaded; load it first\n");
		return -ENOENT;
	}
	/* Never pass test pages to a real TDX module. */
	ret = tdx_model_install();
	if (ret) {
		pr_err(PREFIX "another TDX module is installed: %d\n", ret);
		return ret;
	}

	design_on_array = watch;
	ret = run_all();
	design_on_array = NULL;
	tdx_model_reset();
	if (ret)
		free_kept();
	pr_info(PREFIX "{\"kind\": \"end\", \"errno\": %d}\n", -ret);
	return ret;
}
module_init(workload_init);

static void __exit workload_exit(void)
{
	free_kept();
}
module_exit(workload_exit);

MODULE_DESCRIPTION("Known workload for the tools that trace arrays of pages");
MODULE_LICENSE("GPL");
