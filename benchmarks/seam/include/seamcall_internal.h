/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replaces arch/x86/virt/vmx/tdx/seamcall_internal.h outside the kernel tree
 */
#ifndef _SEAM_SEAMCALL_INTERNAL_H
#define _SEAM_SEAMCALL_INTERNAL_H

#include <asm/tdx.h>

#include "../tdx_seam.h"

/* As in the kernel, six registers are operands and none is written back. */
static inline u64 tdx_seam_call_no_output(u64 leaf, const struct tdx_module_args *args)
{
	struct tdx_module_args copy = {
		.rcx = args->rcx, .rdx = args->rdx, .r8 = args->r8,
		.r9 = args->r9, .r10 = args->r10, .r11 = args->r11,
	};

	return tdx_seam_call(leaf, &copy);
}

/* As in the kernel, six registers are operands and written back. */
static inline u64 tdx_seam_call_ret(u64 leaf, struct tdx_module_args *args)
{
	struct tdx_module_args copy = {
		.rcx = args->rcx, .rdx = args->rdx, .r8 = args->r8,
		.r9 = args->r9, .r10 = args->r10, .r11 = args->r11,
	};
	u64 status = tdx_seam_call(leaf, &copy);

	args->rcx = copy.rcx;
	args->rdx = copy.rdx;
	args->r8 = copy.r8;
	args->r9 = copy.r9;
	args->r10 = copy.r10;
	args->r11 = copy.r11;
	return status;
}

#undef seamcall
#undef seamcall_ret
#undef seamcall_saved_ret
#define seamcall(leaf, args)		tdx_seam_call_no_output(leaf, args)
#define seamcall_ret(leaf, args)	tdx_seam_call_ret(leaf, args)
#define seamcall_saved_ret(leaf, args)	tdx_seam_call(leaf, args)

#endif /* _SEAM_SEAMCALL_INTERNAL_H */
