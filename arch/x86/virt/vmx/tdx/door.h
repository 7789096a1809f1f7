/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The door to the TDX module
 *
 * All code here enters the module through tdx_door() and nothing else.  What
 * stands behind it is installed when the machine comes up: whoever can execute
 * SEAMCALL on this machine, or another implementation of the same interface.
 */
#ifndef _X86_VIRT_TDX_DOOR_H
#define _X86_VIRT_TDX_DOOR_H

#include <linux/types.h>

#include <asm/tdx.h>

/*
 * Leaf numbers: TDX Connect ABI specification (Intel document 858625); the
 * first one: TDX module base specification (Intel document 348549).
 */
#ifndef TDH_PHYMEM_PAGE_WBINVD
#define TDH_PHYMEM_PAGE_WBINVD	41
#endif
#define TDH_EXT_INIT		60
#define TDH_EXT_MEM_ADD		61
#define TDH_IOMMU_SETUP		128
#define TDH_IOMMU_CLEAR		129
#define TDH_SPDM_CREATE		130
#define TDH_SPDM_DELETE		131
#define TDH_IDE_STREAM_CREATE	132
#define TDH_IDE_STREAM_BLOCK	133
#define TDH_IDE_STREAM_DELETE	134
#define TDH_IDE_STREAM_KM	135
#define TDH_SPDM_CONNECT	142
#define TDH_SPDM_DISCONNECT	143
#define TDH_SPDM_MNG		144

/**
 * struct tdx_door - what stands behind the door
 * @seamcall: enter the module with leaf number and operands, come back with
 *	      the completion status and @args as the module left them.  Retries
 *	      by itself while the module is short of entropy.
 * @reset_page: make one page that was private fit for general use on a CPU
 *		with the erratum X86_BUG_TDX_PW_MCE; NULL where there is none
 * @global_key: the global HKID, at its place in the upper bits of a PA
 */
struct tdx_door {
	u64 (*seamcall)(u64 leaf, struct tdx_module_args *args);
	void (*reset_page)(phys_addr_t pa);
	u64 global_key;
};

int tdx_door_install(const struct tdx_door *door);
void tdx_door_remove(const struct tdx_door *door);

u64 tdx_door(u64 leaf, struct tdx_module_args *args);
u64 tdx_door_global_pa(phys_addr_t pa);
void tdx_door_reset_pages(phys_addr_t pa, unsigned long nr);

#endif /* _X86_VIRT_TDX_DOOR_H */
