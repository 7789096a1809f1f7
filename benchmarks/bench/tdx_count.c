// SPDX-License-Identifier: GPL-2.0
/*
 * Counts calls to the allocators
 *
 * The other modules are linked with --wrap, so that their calls to each
 * function FN in count_list.h go to __wrap_FN here.  That counts and jumps on to
 * FN with all arguments in place, so it need not know any prototype.
 */
#include <linux/export.h>
#include <linux/module.h>

unsigned long tdx_count_calls;
EXPORT_SYMBOL_GPL(tdx_count_calls);

#include "tdx_count.h"
#include "count_list.h"

MODULE_DESCRIPTION("Counter of allocator calls");
MODULE_LICENSE("GPL");
