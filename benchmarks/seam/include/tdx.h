/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replaces arch/x86/virt/vmx/tdx/tdx.h outside the kernel tree
 */
#ifndef _SEAM_TDX_H
#define _SEAM_TDX_H

#include <asm/tdx.h>

#include "../tdx_seam.h"

#define TDH_PHYMEM_PAGE_WBINVD		41
#define TDH_EXT_INIT			60
#define TDH_EXT_MEM_ADD			61
#define TDH_IOMMU_SETUP			128
#define TDH_IOMMU_CLEAR			129
#define TDH_SPDM_CREATE			130
#define TDH_SPDM_DELETE			131
#define TDH_IDE_STREAM_CREATE		132
#define TDH_IDE_STREAM_BLOCK		133
#define TDH_IDE_STREAM_DELETE		134
#define TDH_IDE_STREAM_KM		135
#define TDH_SPDM_CONNECT		142
#define TDH_SPDM_DISCONNECT		143
#define TDH_SPDM_MNG			144

/* Macros, because <asm/tdx.h> may declare functions of these names. */
#define tdx_global_keyid			tdx_seam_keyid()
#define tdh_phymem_page_wbinvd_hkid(hkid, pfn)	tdx_seam_wbinvd(hkid, pfn)
#define tdx_quirk_reset_paddr(base, size)	tdx_seam_reset_paddr(base, size)

#endif /* _SEAM_TDX_H */
