// SPDX-License-Identifier: GPL-2.0
/*
 * hpa_list: the pages of an IOMMU, and its SEAMCALL wrappers
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <asm/shared/tdx_errno.h>

#include "seamcall_internal.h"
#include "tdx.h"

#include "iommu_mt.h"

#define NR_QUEUES	2

/* Append pages up to @nr_pages. */
static bool get_pages(struct iommu_mt *mt, unsigned int nr_pages, int nid)
{
	for (; mt->nr_pages < nr_pages; mt->nr_pages++) {
		unsigned int order = mt->nr_pages < NR_QUEUES ? IOMMU_MT_IQ_ORDER : 0;
		struct page *page = alloc_pages_node(nid, GFP_KERNEL | __GFP_ZERO | __GFP_COMP,
						     order);

		if (!page)
			return false;
		mt->pages[mt->nr_pages] = page;
		mt->root[mt->nr_pages] = page_to_phys(page) | (order ? 1U << order : 0);
	}

	return true;
}

struct iommu_mt *iommu_mt_alloc(unsigned int nr_mt_pages, int nid)
{
	unsigned int nr_pages = NR_QUEUES + nr_mt_pages;
	struct iommu_mt *mt = kzalloc_node(sizeof(*mt), GFP_KERNEL, nid);

	if (!mt)
		return NULL;

	mt->root = kzalloc_node(PAGE_SIZE, GFP_KERNEL, nid);
	mt->pages = kcalloc_node(nr_pages, sizeof(*mt->pages), GFP_KERNEL, nid);
	if (!mt->root || !mt->pages || !get_pages(mt, nr_pages, nid)) {
		iommu_mt_free(mt);
		return NULL;
	}

	return mt;
}

int iommu_mt_flush(const struct iommu_mt *mt)
{
	for (unsigned int i = 0; i < mt->nr_pages; i++) {
		unsigned long pfn = page_to_pfn(mt->pages[i]);

		for (unsigned int n = 0; n < compound_nr(mt->pages[i]); n++) {
			if (tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, pfn + n))
				return -EIO;
		}
	}

	return 0;
}

void iommu_mt_free_arrays(struct iommu_mt *mt)
{
	kfree(mt->pages);
	kfree(mt->root);
	kfree(mt);
}

void iommu_mt_free(struct iommu_mt *mt)
{
	for (unsigned int i = 0; i < mt->nr_pages; i++)
		put_page(mt->pages[i]);
	iommu_mt_free_arrays(mt);
}

static u64 seamcall_resume(u64 fn, struct tdx_module_args *args)
{
	u64 r;

	do {
		r = seamcall_ret(fn, args);
	} while ((r & TDX_SEAMCALL_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE);

	return r;
}

u64 tdh_iommu_setup(u64 vtbar, const struct iommu_mt *mt, u64 *iommu_id)
{
	struct tdx_module_args args = {
		.rcx = vtbar,
		.rdx = virt_to_phys(mt->root),
	};
	u64 r = seamcall_resume(TDH_IOMMU_SETUP, &args);

	*iommu_id = args.rcx;
	return r;
}

u64 tdh_iommu_clear(u64 iommu_id)
{
	struct tdx_module_args args = { .rcx = iommu_id };

	return seamcall_resume(TDH_IOMMU_CLEAR, &args);
}
