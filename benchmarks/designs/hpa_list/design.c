// SPDX-License-Identifier: GPL-2.0
/*
 * The module with hpa_list and its variant
 */
#include <linux/module.h>

#include "../design.h"
#include "variants.h"

static int __init hpa_init(void)
{
	design_register(&design_hpa_list);
	design_register(&design_hpa_list_freed);
	return 0;
}
module_init(hpa_init);

static void __exit hpa_exit(void)
{
	design_unregister(&design_hpa_list_freed);
	design_unregister(&design_hpa_list);
}
module_exit(hpa_exit);

MODULE_DESCRIPTION("hpa_list: contiguous runs of pages, and a list for each call");
MODULE_LICENSE("GPL");
