/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SEAMCALL for a module that is built outside of the kernel
 *
 * A kernel with CONFIG_INTEL_TDX_HOST has SEAMCALL functions and keeps them to
 * itself.  This is what takes their place on a TDX host, so that the arrays can
 * be measured there on the kernel that it runs.
 */
#ifndef _TDX_SEAMCALL_H
#define _TDX_SEAMCALL_H

#include <linux/bits.h>
#include <linux/types.h>

#include <asm/tdx.h>

/*
 * The leaf is not let through: it would change who owns memory, and nobody has
 * allowed that.  In the class of software-made codes, so the array knows that
 * the module has seen nothing.
 */
#define TDX_SEAMCALL_REFUSED	(TDX_SW_ERROR | 0x200)

/* Leaves that look and change nothing, beside TDH.PHYMEM.PAGE.WBINVD. */
#define TDH_PHYMEM_PAGE_RDMD	24
#define TDH_SYS_RD		34

/* Module-wide metadata for TDH.SYS.RD. */
#define TDX_FIELD_MINOR_VERSION		0x0800000100000003ULL
#define TDX_FIELD_MAJOR_VERSION		0x0800000100000004ULL
#define TDX_FIELD_UPDATE_VERSION	0x0800000100000005ULL
#define TDX_FIELD_FEATURES0		0x0A00000300000008ULL

/* Of TDX_FEATURES0: sessions, streams and IOMMUs; extensions with memory of their own. */
#define TDX_FEATURES0_CONNECT		BIT_ULL(6)
#define TDX_FEATURES0_EXT		BIT_ULL(39)

/**
 * struct tdx_seamcall_about - the TDX module as it presents itself
 * @major: version...
 * @minor: ...
 * @update: ...
 * @features0: TDX_FEATURES0
 * @claims: leaves are let through that hand memory to it
 */
struct tdx_seamcall_about {
	u64 major;
	u64 minor;
	u64 update;
	u64 features0;
	bool claims;
};

struct tdx_door;

u64 tdx_seamcall(u64 leaf, struct tdx_module_args *args);
u64 tdx_seamcall_checked(u64 leaf, struct tdx_module_args *args);
bool tdx_seamcall_is_harmless(u64 leaf);
bool tdx_seamcall_donates(u64 leaf);
const struct tdx_door *tdx_seamcall_door(struct tdx_seamcall_about *about);
int tdx_seamcall_global_key(u64 partitioning, unsigned int phys_bits, u64 *key);
int tdx_seamcall_errno(u64 status, const char **why);
const char *tdx_seamcall_lacks(u64 features0, bool claims, bool donates);
void tdx_seamcall_reset_page(phys_addr_t pa);

extern bool tdx_seamcall_allow_claims;
extern unsigned int tdx_seamcall_donate_pages;

#endif /* _TDX_SEAMCALL_H */
