// SPDX-License-Identifier: GPL-2.0
/*
 * The module with flat and its variants
 */
#include <linux/module.h>

#include "../design.h"
#include "variants.h"

static int __init flat_init(void)
{
	design_register(&design_flat_blocks);
	design_register(&design_flat_v2alloc);
	design_register(&design_flat);
	return 0;
}
module_init(flat_init);

static void __exit flat_exit(void)
{
	design_unregister(&design_flat);
	design_unregister(&design_flat_v2alloc);
	design_unregister(&design_flat_blocks);
}
module_exit(flat_exit);

MODULE_DESCRIPTION("flat: one array of physical addresses");
MODULE_LICENSE("GPL");
