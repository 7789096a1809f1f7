// SPDX-License-Identifier: GPL-2.0
/*
 * The flat design's allocation policy once more, for the variants that have it
 * without the array.  It is not exported where it lives.
 */
#include "../../arch/x86/virt/vmx/tdx/pa_blocks.c"
