/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands for the kernel tree around the posted code
 *
 * Adapt this file if the compiler misses something in posted/.  SEAMCALL
 * helpers are those of the seam, as for all designs.
 */
#ifndef _V2_POSTED_PRELUDE_H
#define _V2_POSTED_PRELUDE_H

#include <linux/align.h>
#include <linux/bitfield.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/types.h>

#include <asm/tdx.h>

#include "tdx.h"

/* The posted code is for a kernel with TDX. */
#ifndef CONFIG_INTEL_TDX_HOST
#define CONFIG_INTEL_TDX_HOST	1
#endif

/* The kernel's function takes a PFN.  Older kernels took a page. */
static inline u64 wbinvd_page_or_pfn(u64 hkid, unsigned long what, bool is_page)
{
	return tdx_seam_wbinvd(hkid, is_page ? page_to_pfn((struct page *)what) : what);
}

#undef tdh_phymem_page_wbinvd_hkid
#define tdh_phymem_page_wbinvd_hkid(hkid, what)					\
	wbinvd_page_or_pfn(hkid, (unsigned long)(what),				\
			   __builtin_types_compatible_p(typeof(what), struct page *))

/* Nothing is exported. */
#undef EXPORT_SYMBOL
#define EXPORT_SYMBOL(name)			static_assert(sizeof(typeof(name) *))
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(name)			static_assert(sizeof(typeof(name) *))
#undef EXPORT_SYMBOL_FOR_KVM
#define EXPORT_SYMBOL_FOR_KVM(name)		static_assert(sizeof(typeof(name) *))
#undef EXPORT_SYMBOL_FOR_MODULES
#define EXPORT_SYMBOL_FOR_MODULES(name, to)	static_assert(sizeof(typeof(name) *) && sizeof(to))

#endif /* _V2_POSTED_PRELUDE_H */
