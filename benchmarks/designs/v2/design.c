// SPDX-License-Identifier: GPL-2.0
/*
 * v2 as posted, and the module that holds it and its variants
 */
#include <linux/init.h>
#include <linux/module.h>

#include "flows.h"

static const struct v2_policy as_posted = {
	.design = &design_v2,
	.create = tdx_page_array_create,
	.create_memory = tdx_page_array_alloc_contig,
	V2_FREE_AS_POSTED,
	.clflush = true,
};

static void v2_select(void)
{
	v2_use_policy(&as_posted);
}

const struct design design_v2 = {
	.name = "v2",
	.title = "v2 as posted",
	.owner = THIS_MODULE,
	.select = v2_select,
	V2_OPERATIONS,
};

static int __init v2_init(void)
{
	design_register(&design_v2);
	design_register(&design_v2_fixed);
	design_register(&design_v2_noclflush);
	design_register(&design_v2_blocks);
	return 0;
}
module_init(v2_init);

static void __exit v2_exit(void)
{
	design_unregister(&design_v2_blocks);
	design_unregister(&design_v2_noclflush);
	design_unregister(&design_v2_fixed);
	design_unregister(&design_v2);
}
module_exit(v2_exit);

MODULE_DESCRIPTION("v2: struct page pointers and one reused root page");
MODULE_LICENSE("GPL");
