// SPDX-License-Identifier: GPL-2.0
/*
 * The TDX module for modules that are built outside the kernel tree
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pfn.h>

#include <asm/tdx.h>

#include "include/tdx.h"

static u64 no_seamcall(u64 leaf, struct tdx_module_args *args)
{
	return TDX_SEAMCALL_UD;
}

static const struct tdx_seam no_module = { .seamcall = no_seamcall };
static const struct tdx_seam *installed = &no_module;
static DEFINE_MUTEX(install_lock);

/**
 * tdx_seam_install - install an implementation of the TDX module
 * @seam: the implementation
 *
 * Context: May sleep.
 * Return: 0, or -EBUSY if another one is installed.
 */
int tdx_seam_install(const struct tdx_seam *seam)
{
	guard(mutex)(&install_lock);

	if (installed != &no_module && installed != seam)
		return -EBUSY;
	WRITE_ONCE(installed, seam);
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_seam_install);

/**
 * tdx_seam_remove - remove an implementation of the TDX module
 * @seam: the implementation; nothing happens if another one is installed
 *
 * Context: May sleep.  No SEAMCALL may be in progress.
 */
void tdx_seam_remove(const struct tdx_seam *seam)
{
	guard(mutex)(&install_lock);

	if (installed == seam)
		WRITE_ONCE(installed, &no_module);
}
EXPORT_SYMBOL_GPL(tdx_seam_remove);

/* As often as sc_retry() of the kernel */
#define NR_ENTROPY_RETRIES	10

/**
 * tdx_seam_call - call a leaf, as seamcall_saved_ret() does in the kernel tree
 * @leaf: number of the leaf
 * @args: operands and results
 *
 * Like the kernel, it repeats a call that lacked entropy with the registers
 * that the call left.
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdx_seam_call(u64 leaf, struct tdx_module_args *args)
{
	int retry = NR_ENTROPY_RETRIES;
	u64 status;

	do {
		status = READ_ONCE(installed)->seamcall(leaf, args);
	} while (status == TDX_RND_NO_ENTROPY && --retry);

	return status;
}
EXPORT_SYMBOL_GPL(tdx_seam_call);

/**
 * tdx_seam_wbinvd - tdh_phymem_page_wbinvd_hkid() of the kernel tree
 * @keyid: KeyID
 * @pfn: PFN of the page
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdx_seam_wbinvd(u64 keyid, unsigned long pfn)
{
	struct tdx_module_args args = {
		.rcx = PFN_PHYS(pfn) | keyid << READ_ONCE(installed)->keyid_shift,
	};

	return tdx_seam_call(TDH_PHYMEM_PAGE_WBINVD, &args);
}
EXPORT_SYMBOL_GPL(tdx_seam_wbinvd);

/**
 * tdx_seam_reset_paddr - tdx_quirk_reset_paddr() of the kernel tree
 * @base: PA of the first page
 * @size: number of bytes
 *
 * Context: Any.
 */
void tdx_seam_reset_paddr(unsigned long base, unsigned long size)
{
	const struct tdx_seam *seam = READ_ONCE(installed);

	if (seam->reset_paddr)
		seam->reset_paddr(base, size);
}
EXPORT_SYMBOL_GPL(tdx_seam_reset_paddr);

/**
 * tdx_seam_keyid - the global KeyID, tdx_global_keyid of the kernel tree
 *
 * Context: Any.
 * Return: the KeyID.
 */
u32 tdx_seam_keyid(void)
{
	return READ_ONCE(installed)->keyid;
}
EXPORT_SYMBOL_GPL(tdx_seam_keyid);

MODULE_DESCRIPTION("The TDX module for modules that are built outside the kernel tree");
MODULE_LICENSE("GPL");
