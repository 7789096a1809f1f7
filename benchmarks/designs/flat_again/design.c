// SPDX-License-Identifier: GPL-2.0
/*
 * flat under another name: the difference between the two is the spread of a
 * measurement (A/A test)
 */
#include <linux/module.h>

#define FLAT_DESIGN	design_flat_again
#define FLAT_NAME	"flat-again"
#define FLAT_TITLE	"flat once more, for the spread of an A/A pair"

#include "../flat/flows.c"

static int __init flat_again_init(void)
{
	design_register(&design_flat_again);
	return 0;
}
module_init(flat_again_init);

static void __exit flat_again_exit(void)
{
	design_unregister(&design_flat_again);
}
module_exit(flat_again_exit);

MODULE_DESCRIPTION("flat under another name, for the spread of a measurement");
MODULE_LICENSE("GPL");
