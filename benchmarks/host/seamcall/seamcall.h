/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TDX module of a TDX host, for modules that are built outside the kernel
 * tree
 *
 * A kernel with CONFIG_INTEL_TDX_HOST does not export its SEAMCALL helpers.
 * This module replaces them, so that arrays can be measured on a host's own
 * kernel.
 */
#ifndef _TDX_SEAMCALL_H
#define _TDX_SEAMCALL_H

#include <linux/bits.h>
#include <linux/types.h>

#include <asm/tdx.h>

/* The leaf would change the ownership of memory and is not allowed. */
#define TDX_SEAMCALL_REFUSED	(TDX_SW_ERROR | 0x200)

/* Leaves that only read */
#define TDH_PHYMEM_PAGE_RDMD	24
#define TDH_SYS_RD		34

/* Module-wide metadata for TDH.SYS.RD */
#define TDX_FIELD_MINOR_VERSION		0x0800000100000003ULL
#define TDX_FIELD_MAJOR_VERSION		0x0800000100000004ULL
#define TDX_FIELD_UPDATE_VERSION	0x0800000100000005ULL
#define TDX_FIELD_FEATURES0		0x0A00000300000008ULL

/* Bits of TDX_FEATURES0: TDX Connect; extensions with memory of their own */
#define TDX_FEATURES0_CONNECT		BIT_ULL(6)
#define TDX_FEATURES0_EXT		BIT_ULL(39)

/**
 * struct tdx_seamcall_about - metadata of the TDX module
 * @major: major version, or 0 if the module does not have this field
 * @minor: minor version, or 0
 * @update: update version, or 0
 * @features0: TDX_FEATURES0
 */
struct tdx_seamcall_about {
	u64 major;
	u64 minor;
	u64 update;
	u64 features0;
};

struct tdx_seam;

const struct tdx_seam *tdx_seamcall_seam(struct tdx_seamcall_about *about);

u64 tdx_seamcall(u64 leaf, struct tdx_module_args *args);
u64 tdx_seamcall_checked(u64 leaf, struct tdx_module_args *args);
u32 tdx_seamcall_global_keyid(u64 partitioning);
int tdx_seamcall_errno(u64 status, const char **why);
const char *tdx_seamcall_lacks(u64 features0, bool claims, bool donates);
void tdx_seamcall_reset_paddr(unsigned long base, unsigned long size);

extern bool tdx_seamcall_allow_claims;
extern unsigned int tdx_seamcall_donate_pages;

#endif /* _TDX_SEAMCALL_H */
