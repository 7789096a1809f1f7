// SPDX-License-Identifier: GPL-2.0
/*
 * A known workload for the tools that trace arrays of pages
 *
 * Each step is the life of one array, with faults armed in the software TDX
 * module.  The module prints what it did as JSON behind a fixed prefix: a line
 * for each call of a wrapper, and the step's row of the table below.
 *
 * Loading the module runs the steps and allocates two more arrays, which
 * unloading frees: until then they look like leaks.
 */
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/numa.h>

#include <asm/tdx_connect.h>

#include "../../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "tdx.h"

#define PREFIX		"tdx_workload: "

#define FUNC_ID		0x1000
#define REG_BASE	0xfed90000
#define IOMMU_ORDER	3

#define MAX_FAULTS	2

static unsigned int rounds = 3;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how often to run all steps (default: 3)");

/**
 * struct step - the life of one array
 * @name: what happens
 * @run: function that allocates, uses and frees it
 * @caller: name of @run
 * @nr: number of entries
 * @path: name of this kind of free in the tools
 * @nr_pages: number of pages, if it is not @nr
 * @nr_held: pages that the module holds when the array is freed
 * @leaked: index of the entry whose page cannot be flushed, or 0 for none
 * @faults: faults of the module
 */
struct step {
	const char *name;
	int (*run)(const struct step *s);
	const char *caller;
	unsigned int nr;
	const char *path;
	unsigned int nr_pages;
	unsigned int nr_held;
	unsigned int leaked;
	struct tdx_model_fault faults[MAX_FAULTS];
};

/* Call a wrapper and print its status. */
#define CALL(fn, ...)							\
({									\
	u64 __status = fn(__VA_ARGS__);					\
									\
	pr_info(PREFIX "{\"kind\": \"call\", \"function\": \"%s\", \"status\": %llu}\n", \
		#fn, __status);						\
	__status;							\
})

static unsigned long first_pfn, leaked_pfn;

/* Note what the events report of @array, and let the page checker find its pages. */
static struct tdx_pa_array *watch(const struct step *s, struct tdx_pa_array *array)
{
	if (!array)
		return NULL;

	first_pfn = PHYS_PFN(tdx_pa_entry(array, 0));
	leaked_pfn = 0;
	if (s->leaked) {
		leaked_pfn = PHYS_PFN(tdx_pa_entry(array, s->leaked));
		tdx_model_fail_wbinvd(PFN_PHYS(leaked_pfn), TDX_OPERAND_BUSY);
	}

	for (unsigned int i = 0; i < array->nr; i++)
		tdx_checker_watch(tdx_pa_entry(array, i),
				  i < TDX_IOMMU_MT_NR_BLOCKS ? 1UL << array->block_order : 1);
	return array;
}

/* A buffer that the module never owns. */
static noinline int run_buffer(const struct step *s)
{
	struct tdx_pa_array *array = watch(s, tdx_pa_array_alloc(s->nr, NUMA_NO_NODE));

	if (!array)
		return -ENOMEM;

	tdx_pa_array_free(array);
	return 0;
}

static noinline int run_session(const struct step *s)
{
	struct tdx_pa_array *mt = watch(s, tdx_pa_array_alloc(s->nr, NUMA_NO_NODE));
	u64 id;

	if (!mt)
		return -ENOMEM;

	if (!CALL(tdh_spdm_create, FUNC_ID, mt, &id))
		CALL(tdh_spdm_delete, id, mt);
	tdx_pa_array_free(mt);
	return 0;
}

static noinline int run_iommu(const struct step *s)
{
	unsigned int nr_single = s->nr - TDX_IOMMU_MT_NR_BLOCKS;
	struct tdx_pa_array *mt;
	u64 id;

	mt = watch(s, tdx_pa_array_alloc_iommu_mt(IOMMU_ORDER, nr_single, NUMA_NO_NODE));
	if (!mt)
		return -ENOMEM;

	tdx_model_set_iommu_entries(s->nr);
	if (!CALL(tdh_iommu_setup, REG_BASE, mt, &id))
		CALL(tdh_iommu_clear, id, mt);
	tdx_pa_array_free(mt);
	return 0;
}

static noinline int run_memory(const struct step *s)
{
	struct tdx_pa_array *mem = watch(s, tdx_pa_array_alloc(s->nr, NUMA_NO_NODE));

	if (!mem)
		return -ENOMEM;

	CALL(tdh_ext_mem_add, mem);
	tdx_pa_array_free(mem);
	return 0;
}

#define STEP(fn, n)	.run = fn, .caller = #fn, .nr = n
#define IOMMU_PAGES	(2 * (1 << IOMMU_ORDER) + 30)

static const struct step steps[] = {
	{ "a buffer of one page", STEP(run_buffer, 1), "plain" },
	{ "a buffer of 32 pages", STEP(run_buffer, 32), "plain" },
	{ "a buffer of 1300 pages", STEP(run_buffer, 1300), "plain" },
	{ "a session of one page", STEP(run_session, 1), "flushed" },
	{ "a session of 512 pages", STEP(run_session, 512), "flushed" },
	{
		"an IOMMU, with interrupted leaves",
		STEP(run_iommu, 32), "flushed", .nr_pages = IOMMU_PAGES,
		.faults = {
			{ .leaf = TDH_IOMMU_SETUP, .nth = 1, .after = 5,
			  .status = TDX_INTERRUPTED_RESUMABLE },
			{ .leaf = TDH_IOMMU_CLEAR, .nth = 1,
			  .status = TDX_INTERRUPTED_RESUMABLE },
		},
	},
	{
		"an IOMMU that the module does not clear",
		STEP(run_iommu, 32), "held", .nr_pages = IOMMU_PAGES, .nr_held = IOMMU_PAGES,
		.faults = {
			{ .leaf = TDH_IOMMU_CLEAR, .nth = 1, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"a session that the module does not create",
		STEP(run_session, 20), "flushed",
		.faults = {
			{ .leaf = TDH_SPDM_CREATE, .nth = 1, .status = TDX_OPERAND_BUSY },
		},
	},
	{
		"a session with a page that cannot be flushed",
		STEP(run_session, 20), "flush-failed", .leaked = 3,
	},
	{
		"memory for the extensions, interrupted once",
		STEP(run_memory, 1300), "held", .nr_held = 1300,
		.faults = {
			{ .leaf = TDH_EXT_MEM_ADD, .nth = 1, .after = 100,
			  .status = TDX_INTERRUPTED_RESUMABLE },
		},
	},
	{
		"memory for the extensions, taken in part, with a page that cannot be flushed",
		STEP(run_memory, 1300), "flush-failed", .nr_held = 100, .leaked = 700,
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
	ret = s->run(s);
	tdx_checker_read(&report);
	tdx_model_reclaim();
	tdx_checker_end();
	if (ret)
		return ret;

	/* The table is right: the page checker finds the same. */
	if (report.held != s->nr_held || report.lost != !!s->leaked) {
		pr_err(PREFIX "%s: %lu pages held, %lu leaked\n", s->name, report.held,
		       report.lost);
		return -EIO;
	}

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

	/* Never pass test pages to a real TDX module. */
	ret = tdx_model_install();
	if (ret) {
		pr_err(PREFIX "another TDX module is installed: %d\n", ret);
		return ret;
	}

	ret = run_all();
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
