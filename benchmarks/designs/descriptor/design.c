// SPDX-License-Identifier: GPL-2.0
/*
 * The module with descriptor
 */
#include <linux/module.h>

#include "flows.h"

static int __init desc_init(void)
{
	design_register(&design_descriptor);
	return 0;
}
module_init(desc_init);

static void __exit desc_exit(void)
{
	design_unregister(&design_descriptor);
}
module_exit(desc_exit);

MODULE_DESCRIPTION("Descriptor: the caller's pages, and a flag to flush them");
MODULE_LICENSE("GPL");
