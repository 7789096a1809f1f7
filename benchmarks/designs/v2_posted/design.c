// SPDX-License-Identifier: GPL-2.0
/*
 * v2 from the mbox of its series, to check the project's own v2
 *
 * The array is that of patches 03 to 05.  This repository contains no line of
 * it: "make bench V2_MBOX=file" builds it from the mbox.  See
 * Documentation/method.rst.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "page_array.h"
#include "../v2/flows.h"

static const struct design design_v2_posted;

static const struct v2_policy from_mbox = {
	.design = &design_v2_posted,
	.create = tdx_page_array_create,
	.create_memory = tdx_page_array_alloc_contig,
	V2_FREE_AS_POSTED,
	.clflush = true,
};

static void from_mbox_select(void)
{
	v2_use_policy(&from_mbox);
}

static const struct design design_v2_posted = {
	.name = "v2-posted",
	.title = "v2 from the mbox of its series",
	.owner = THIS_MODULE,
	.select = from_mbox_select,
	V2_OPERATIONS,
};

static int __init posted_init(void)
{
	design_register(&design_v2_posted);
	return 0;
}
module_init(posted_init);

static void __exit posted_exit(void)
{
	design_unregister(&design_v2_posted);
}
module_exit(posted_exit);

MODULE_DESCRIPTION("v2 from the mbox of its series, with the project's wrappers and callers");
MODULE_LICENSE("GPL");
