/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the posted code has around it in the kernel tree, for outside of it
 *
 * This is the place to adapt if the compiler misses something in posted/.  What
 * goes to the TDX module goes through the same door as with all designs.
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

#include "../v2/tdh.h"

/* It is code of a kernel that has TDX, whatever the one below it has. */
#ifndef CONFIG_INTEL_TDX_HOST
#define CONFIG_INTEL_TDX_HOST	1
#endif

/* The door knows the key. */
#define tdx_global_keyid	0

/* The kernel's takes the number of a page frame; it took a page before. */
static inline u64 wbinvd_page_or_pfn(u64 hkid, unsigned long what, bool is_page)
{
	return tdh_phymem_page_wbinvd_global(is_page ? page_to_phys((struct page *)what) :
						       PFN_PHYS(what));
}

#define tdh_phymem_page_wbinvd_hkid(hkid, what)					\
	wbinvd_page_or_pfn(hkid, (unsigned long)(what),				\
			   __builtin_types_compatible_p(typeof(what), struct page *))

/* Nothing is exported from here. */
#undef EXPORT_SYMBOL
#define EXPORT_SYMBOL(name)			static_assert(sizeof(typeof(name) *))
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(name)			static_assert(sizeof(typeof(name) *))
#undef EXPORT_SYMBOL_FOR_KVM
#define EXPORT_SYMBOL_FOR_KVM(name)		static_assert(sizeof(typeof(name) *))
#undef EXPORT_SYMBOL_FOR_MODULES
#define EXPORT_SYMBOL_FOR_MODULES(name, to)	static_assert(sizeof(typeof(name) *) && sizeof(to))

#endif /* _V2_POSTED_PRELUDE_H */
