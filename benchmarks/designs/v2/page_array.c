// SPDX-License-Identifier: GPL-2.0
/*
 * v2: the array, its populate loop and its three free functions
 */
#include <linux/bitfield.h>
#include <linux/bug.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "tdx.h"

#include "page_array.h"

#define HPA_PFN		GENMASK_ULL(51, 12)
#define HPA_SIZE	GENMASK_ULL(63, 55)

/* The series has these lines in both loops: inlined, they cost the same. */
static __always_inline u64 tdx_page_array_entry(struct page *page)
{
	u64 entry = page_to_phys(page);

	if (compound_nr(page) > 1)
		entry |= compound_nr(page);

	return entry;
}

int tdx_page_array_populate(struct tdx_page_array *array, unsigned int offset)
{
	unsigned int i, nents;

	if (offset >= array->nr_pages)
		return 0;

	nents = min(array->nr_pages - offset, TDX_PAGE_ARRAY_MAX_NENTS);
	for (i = 0; i < nents; i++)
		array->root[i] = tdx_page_array_entry(array->pages[offset + i]);

	array->offset = offset;
	array->nents = nents;
	return nents;
}

struct tdx_page_array *tdx_page_array_alloc(unsigned int nr_pages,
					    tdx_page_array_alloc_fn alloc_fn, void *data)
{
	struct tdx_page_array *array;

	if (!nr_pages)
		return NULL;

	array = kzalloc_obj(*array, GFP_KERNEL);
	if (!array)
		return NULL;

	array->root = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!array->root)
		goto free_array;

	array->pages = kcalloc(nr_pages, sizeof(*array->pages), GFP_KERNEL);
	if (!array->pages)
		goto free_root;

	if (alloc_fn(array->pages, nr_pages, data))
		goto free_pages;

	array->nr_pages = nr_pages;
	return array;

free_pages:
	kfree(array->pages);
free_root:
	kfree(array->root);
free_array:
	kfree(array);
	return NULL;
}

static int tdx_alloc_pages_bulk(struct page **pages, unsigned int nr_pages, void *data)
{
	unsigned int filled = 0, now;

	do {
		now = alloc_pages_bulk(GFP_KERNEL, nr_pages - filled, pages + filled);
		if (!now) {
			while (filled)
				__free_page(pages[--filled]);
			return -ENOMEM;
		}
		filled += now;
	} while (filled < nr_pages);

	return 0;
}

static int tdx_alloc_pages_contig(struct page **pages, unsigned int nr_pages, void *data)
{
	struct page *page;
	unsigned int i;

	page = alloc_contig_pages(nr_pages, GFP_KERNEL, numa_mem_id(),
				  &node_online_map);
	if (!page)
		return -ENOMEM;

	for (i = 0; i < nr_pages; i++)
		pages[i] = page + i;

	return 0;
}

static int tdx_alloc_pages_iommu_mt(struct page **pages, unsigned int nr_pages, void *data)
{
	unsigned int iq_order = *(unsigned int *)data;
	struct folio *folio_0, *folio_1;

	folio_0 = folio_alloc(GFP_KERNEL | __GFP_ZERO, iq_order);
	if (!folio_0)
		return -ENOMEM;

	folio_1 = folio_alloc(GFP_KERNEL | __GFP_ZERO, iq_order);
	if (!folio_1)
		goto put_folio_0;

	if (nr_pages > 2 && tdx_alloc_pages_bulk(pages + 2, nr_pages - 2, NULL))
		goto put_folio_1;

	pages[0] = folio_page(folio_0, 0);
	pages[1] = folio_page(folio_1, 0);
	return 0;

put_folio_1:
	folio_put(folio_1);
put_folio_0:
	folio_put(folio_0);
	return -ENOMEM;
}

struct tdx_page_array *tdx_page_array_alloc_contig(unsigned int nr_pages)
{
	return tdx_page_array_alloc(nr_pages, tdx_alloc_pages_contig, NULL);
}

struct tdx_page_array *tdx_page_array_create(unsigned int nr_pages)
{
	struct tdx_page_array *array;

	if (nr_pages > TDX_PAGE_ARRAY_MAX_NENTS)
		return NULL;

	array = tdx_page_array_alloc(nr_pages, tdx_alloc_pages_bulk, NULL);
	if (array)
		tdx_page_array_populate(array, 0);

	return array;
}

struct tdx_page_array *tdx_page_array_create_iommu_mt(unsigned int iq_order,
						      unsigned int nr_mt_pages)
{
	unsigned int nr_entries = nr_mt_pages + 2;
	struct tdx_page_array *array;

	if (nr_entries > TDX_PAGE_ARRAY_MAX_NENTS)
		return NULL;

	array = tdx_page_array_alloc(nr_entries, tdx_alloc_pages_iommu_mt, &iq_order);
	if (array)
		tdx_page_array_populate(array, 0);

	return array;
}

void tdx_page_array_free(struct tdx_page_array *array)
{
	unsigned int i;

	if (!array)
		return;

	for (i = 0; i < array->nr_pages; i++)
		put_page(array->pages[i]);

	kfree(array->pages);
	kfree(array->root);
	kfree(array);
}

void tdx_page_array_ctrl_leak(struct tdx_page_array *array)
{
	if (!array)
		return;

	kfree(array->pages);
	kfree(array->root);
	kfree(array);
}

static bool tdx_page_array_validate_release(struct tdx_page_array *array,
					    unsigned int nr_released, u64 released_hpa)
{
	unsigned int i;

	if (array->nr_pages != nr_released)
		return false;

	if (nr_released == 1)
		return page_to_phys(array->pages[0]) == released_hpa;

	if (virt_to_phys(array->root) != released_hpa)
		return false;

	for (i = 0; i < nr_released; i++) {
		if (array->root[i] != tdx_page_array_entry(array->pages[i]))
			return false;
	}

	return true;
}

/*
 * All that comes before the pages are freed.  As posted, each entry gets one
 * WBINVD.  The other pages of a multi-page entry are not flushed (hazard H7).
 */
int tdx_page_array_ctrl_flush(struct tdx_page_array *array, unsigned int nr_released,
			      u64 released_hpa)
{
	unsigned int i;

	if (WARN_ON(array->nr_pages > TDX_PAGE_ARRAY_MAX_NENTS))
		return -EINVAL;

	if (!tdx_page_array_validate_release(array, nr_released, released_hpa)) {
		pr_err("tdx: released pages do not match: %u pages, HPA %#llx\n",
		       nr_released, released_hpa);
		WARN_ONCE(1, "tdx: released pages do not match\n");
		return -EFAULT;
	}

	for (i = 0; i < array->nr_pages; i++) {
		u64 r = tdh_phymem_page_wbinvd_hkid(tdx_global_keyid,
						    page_to_pfn(array->pages[i]));

		if (WARN_ON(r))
			return -EFAULT;
	}

	return 0;
}

int tdx_page_array_ctrl_release(struct tdx_page_array *array, unsigned int nr_released,
				u64 released_hpa)
{
	int ret = tdx_page_array_ctrl_flush(array, nr_released, released_hpa);

	if (!ret)
		tdx_page_array_free(array);

	return ret;
}

u64 hpa_list_info_assign_raw(const struct tdx_page_array *array)
{
	return FIELD_PREP(HPA_PFN, PHYS_PFN(virt_to_phys(array->root))) |
	       FIELD_PREP(HPA_SIZE, array->nents - 1);
}

u64 hpa_array_t_assign_raw(const struct tdx_page_array *array)
{
	phys_addr_t pa = array->nents == 1 ? page_to_phys(array->pages[array->offset]) :
			 virt_to_phys(array->root);

	return FIELD_PREP(HPA_PFN, PHYS_PFN(pa)) | FIELD_PREP(HPA_SIZE, array->nents - 1);
}

u64 hpa_array_t_release_raw(const struct tdx_page_array *array)
{
	return array->nents == 1 ? 0 : virt_to_phys(array->root);
}
