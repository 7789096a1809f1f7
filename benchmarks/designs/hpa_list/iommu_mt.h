/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hpa_list: the pages of an IOMMU
 *
 * The IOMMU driver has the two arrays of v2 for itself.
 */
#ifndef _HPA_IOMMU_MT_H
#define _HPA_IOMMU_MT_H

#include <linux/types.h>

struct page;

/* Each of the two queues has two pages. */
#define IOMMU_MT_IQ_ORDER	1

/**
 * struct iommu_mt - the pages of an IOMMU
 * @nr_pages: number of entries
 * @pages: the pages; the first two are the queues
 * @root: the list page
 */
struct iommu_mt {
	unsigned int nr_pages;
	struct page **pages;
	u64 *root;
};

struct iommu_mt *iommu_mt_alloc(unsigned int nr_mt_pages, int nid);
int iommu_mt_flush(const struct iommu_mt *mt);
void iommu_mt_free_arrays(struct iommu_mt *mt);
void iommu_mt_free(struct iommu_mt *mt);

u64 tdh_iommu_setup(u64 vtbar, const struct iommu_mt *mt, u64 *iommu_id);
u64 tdh_iommu_clear(u64 iommu_id);

#endif /* _HPA_IOMMU_MT_H */
