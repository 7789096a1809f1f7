/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that the modules are built for
 *
 * The external build includes this header first.  The sources are written for
 * Linux 7.3; this header adds what an older kernel does not have.
 */
#ifndef _TDX_COMPAT_H
#define _TDX_COMPAT_H

#include <linux/gfp.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "Linux 6.12 is the oldest kernel that these modules build for"
#endif

#include <asm/tdx.h>

/*
 * page_to_phys(): 7.3 has it in <linux/mm.h>, user-mode Linux 6.12 in
 * <asm/pgtable.h>
 */
#include <linux/io.h>
#include <linux/pgtable.h>

/* <asm/shared/tdx_errno.h> is newer than 6.12. */
#ifndef TDX_SEAMCALL_STATUS_MASK
#define TDX_SEAMCALL_STATUS_MASK	0xFFFFFFFF00000000ULL
#define TDX_INTERRUPTED_RESUMABLE	0x8000000300000000ULL
#define TDX_OPERAND_INVALID		0xC000010000000000ULL
#define TDX_OPERAND_BUSY		0x8000020000000000ULL
#define TDX_PAGE_METADATA_INCORRECT	0xC000030000000000ULL
#endif

#ifndef alloc_pages_bulk
#define alloc_pages_bulk	alloc_pages_bulk_array
#endif

/* 7.3 exports it, 6.12 does not. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define TDX_COMPAT_NO_CONTIG
#undef alloc_contig_pages
#define alloc_contig_pages(...)	((struct page *)NULL)
#endif

/*
 * Linux 7.2 and 7.3 do not export it to modules; the exported function does the
 * same.  Before 7.3, that function warned about pages with another reference.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
static inline void tdx_compat_free_pages(unsigned long pfn, unsigned long nr_pages)
{
	for (; nr_pages; nr_pages--, pfn++)
		__free_page(pfn_to_page(pfn));
}

#define __free_contig_range	tdx_compat_free_pages
#else
#define __free_contig_range	free_contig_range
#endif

/* The name is newer than 6.12. */
#if !defined(CONFIG_UML) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#include <asm/msr.h>
#define rdmsrq_safe	rdmsrl_safe
#endif

/*
 * User-mode Linux does not have this function, but the instruction works
 * without privilege.
 */
#ifdef CONFIG_UML
static inline bool tdx_compat_has_clflushopt(void)
{
	static int has = -1;

	if (has < 0) {
		unsigned int a = 7, b, c = 0, d;

		asm volatile("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
		has = (b >> 23) & 1;
	}
	return has;
}

static inline void clflush_cache_range(void *vaddr, unsigned int size)
{
	const unsigned long line = 64;
	char *end = vaddr + size;
	char *p = PTR_ALIGN_DOWN((char *)vaddr, line);

	/*
	 * Order the flush after earlier stores, as the kernel's function does.
	 */
	mb();
	if (tdx_compat_has_clflushopt()) {
		for (; p < end; p += line)
			asm volatile("clflushopt %0" : "+m" (*p));
	} else {
		for (; p < end; p += line)
			asm volatile("clflush %0" : "+m" (*p));
	}
	/* Order later accesses after the flush. */
	mb();
}
#endif

/*
 * This header has included <linux/printk.h> before these sources define their
 * own.
 */
#ifdef TDX_OWN_PR_FMT
#undef pr_fmt
#endif

#endif /* _TDX_COMPAT_H */
