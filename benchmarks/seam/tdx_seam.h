/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TDX module for modules that are built outside the kernel tree
 *
 * In the tree, the design calls the kernel's own SEAMCALL helpers.  A module
 * cannot: they are not exported.  The headers in include/ have the names of
 * the kernel's private headers and map its helpers to the functions below.
 * These call what is installed: the software TDX module, or on a TDX host the
 * SEAMCALL instruction of ../host/seamcall.
 */
#ifndef _TDX_SEAM_H
#define _TDX_SEAM_H

#include <linux/types.h>

struct tdx_module_args;

/**
 * struct tdx_seam - an implementation of the TDX module
 * @seamcall: call a leaf once; all registers of @args are output
 * @reset_paddr: convert private pages back on a CPU with X86_BUG_TDX_PW_MCE, or
 *		 NULL
 * @keyid: global KeyID
 * @keyid_shift: its position in a physical address
 */
struct tdx_seam {
	u64 (*seamcall)(u64 leaf, struct tdx_module_args *args);
	void (*reset_paddr)(unsigned long base, unsigned long size);
	u16 keyid;
	u8 keyid_shift;
};

int tdx_seam_install(const struct tdx_seam *seam);
void tdx_seam_remove(const struct tdx_seam *seam);

u64 tdx_seam_call(u64 leaf, struct tdx_module_args *args);
u64 tdx_seam_wbinvd(u64 keyid, unsigned long pfn);
void tdx_seam_reset_paddr(unsigned long base, unsigned long size);
u32 tdx_seam_keyid(void);

#endif /* _TDX_SEAM_H */
