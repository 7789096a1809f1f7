/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wrappers warn once about misuse.  Warn at each place before a random test, so
 * that no step of it may warn.
 */
#ifndef _TDX_TESTS_MISUSE_H
#define _TDX_TESTS_MISUSE_H

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include <asm/tdx_connect.h>

static void expect_warnings(void)
{
	struct tdx_pa_array *array = tdx_pa_array_alloc(TDX_PA_LIST_MAX + 1, NUMA_NO_NODE);
	struct tdx_pa_array *small = tdx_pa_array_alloc(TDX_IOMMU_MT_NR_BLOCKS, NUMA_NO_NODE);
	struct tdx_ide_stream stream = {};
	struct page *page;
	u64 unused;

	if (array && small) {
		page = pfn_to_page(PHYS_PFN(tdx_pa_entry(array, 0)));
		pr_info("tdx-test: warnings expected\n");
		/* The compiler may inline a check: call each wrapper. */
		tdh_iommu_setup(0, array, &unused);
		tdh_spdm_create(0, array, &unused);
		tdh_ide_stream_create(&stream, 0, array, &unused, &unused);
		tdh_iommu_clear(0, array);
		tdh_iommu_clear(0, small);
		tdh_spdm_delete(0, small);
		tdh_ide_stream_delete(0, 0, small);
		tdh_spdm_connect(0, page, page, page, array, &unused);
		tdh_spdm_mng(0, TDX_SPDM_RECOLLECT, NULL, page, page, array, &unused);
		small->nr_held = small->nr;
		tdh_ext_mem_add(small);
		small->nr_held = 0;
		pr_info("tdx-test: no more warnings expected\n");
	}
	tdx_pa_array_free(array);
	tdx_pa_array_free(small);
}

#endif /* _TDX_TESTS_MISUSE_H */
