// SPDX-License-Identifier: GPL-2.0
/*
 * v2 without the CLFLUSH before each claiming leaf, which the later series for
 * the extensions does not do:
 * https://lore.kernel.org/all/20260522034128.3144354-1-yilun.xu@linux.intel.com/
 */
#include <linux/module.h>

#include "../v2/flows.h"

static const struct v2_policy no_clflush = {
	.design = &design_v2_noclflush,
	.create = tdx_page_array_create,
	.create_memory = tdx_page_array_alloc_contig,
	V2_FREE_AS_POSTED,
};

static void no_clflush_select(void)
{
	v2_use_policy(&no_clflush);
}

const struct design design_v2_noclflush = {
	.name = "v2-noclflush",
	.title = "v2 without CLFLUSH before a claim",
	.owner = THIS_MODULE,
	.select = no_clflush_select,
	V2_OPERATIONS,
};
