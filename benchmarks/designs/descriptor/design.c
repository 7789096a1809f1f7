// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptor: its callers
 *
 * The caller allocates pointers, pages and array, and after destroy frees pages
 * and pointers.  As posted, a failed add or a failed init of the extensions
 * frees all of their memory.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../design.h"
#include "page_array.h"

static const struct design design_descriptor;

static void free_pages_of(struct page **pages, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		put_page(pages[i]);
	kfree(pages);
}

static bool get_pages(struct page **pages, unsigned int nr)
{
	unsigned int filled = 0, now;

	do {
		now = alloc_pages_bulk(GFP_KERNEL, nr - filled, pages + filled);
		if (!now) {
			while (filled)
				__free_page(pages[--filled]);
			return false;
		}
		filled += now;
	} while (filled < nr);

	return true;
}

static bool get_contiguous(struct page **pages, unsigned int nr)
{
	struct page *page = nr ? alloc_contig_pages(nr, GFP_KERNEL, numa_mem_id(),
						    &node_online_map) : NULL;

	if (!page)
		return false;

	for (unsigned int i = 0; i < nr; i++)
		pages[i] = page + i;
	return true;
}

/*
 * An array that shows the first @nr_shown of @nr pages, which @pages takes
 * over.
 */
static struct tdx_page_array *describe(struct page **pages, unsigned int nr,
				       unsigned int nr_shown)
{
	struct tdx_page_array *array = tdx_page_array_create(pages, nr_shown);

	if (!array) {
		free_pages_of(pages, nr);
		return NULL;
	}

	array->nr_all = nr;
	return array;
}

static struct tdx_page_array *allocate(bool (*get)(struct page **pages, unsigned int nr),
				       unsigned int nr, unsigned int nr_shown)
{
	struct page **pages = kcalloc(nr, sizeof(*pages), GFP_KERNEL);

	if (!pages)
		return NULL;
	if (!get(pages, nr)) {
		kfree(pages);
		return NULL;
	}

	return describe(pages, nr, nr_shown);
}

static void *desc_create(enum design_use use, unsigned int nr)
{
	if (use == USE_CONTROL)
		return allocate(get_pages, nr, nr);
	return allocate(get_contiguous, nr, min(nr, TDX_PAGE_ARRAY_MAX_NENTS));
}

static struct page **first_pointer(const struct tdx_page_array *array)
{
	return array->pages - array->offset;
}

static void desc_free(struct tdx_page_array *array)
{
	struct page **pages = first_pointer(array);
	unsigned int nr = array->nr_all;

	tdx_page_array_destroy(array);
	free_pages_of(pages, nr);
}

/* After a failed delete, the caller returns early. */
static void leave_behind(struct tdx_page_array *array)
{
	design_leak(first_pointer(array));
	design_leak(array->root);
	design_leak(array);
}

/* Describe the pages from @offset on.  False: there are none, or not now. */
static bool describe_from(struct tdx_page_array *array, unsigned int offset)
{
	struct page **pages = first_pointer(array);
	unsigned int nr;

	if (offset >= array->nr_all)
		return false;

	nr = min(array->nr_all - offset, TDX_PAGE_ARRAY_MAX_NENTS);
	if (tdx_page_array_populate(array, pages + offset, nr))
		return false;

	array->offset = offset;
	return true;
}

static u64 desc_hand_over(void *data)
{
	struct tdx_page_array *array = data;
	unsigned int offset = 0;
	u64 mix = 0;

	while (describe_from(array, offset)) {
		mix ^= hpa_list_info_assign_raw(array);
		offset += array->nr_pages;
	}

	return mix;
}

static u64 desc_operand(void *data)
{
	return hpa_array_t_assign_raw(data);
}

static void desc_release(void *data)
{
	desc_free(data);
}

static void desc_release_flushed(void *data)
{
	struct tdx_page_array *array = data;

	/* The state after a create and a delete */
	array->flush_on_free = true;
	desc_free(array);
}

static phys_addr_t desc_pages(void *data, unsigned int i, unsigned long *nr_pages)
{
	struct page *page = first_pointer(data)[i];

	*nr_pages = compound_nr(page);
	return page_to_phys(page);
}

static unsigned int desc_nr_entries(void *data)
{
	struct tdx_page_array *array = data;

	return array->nr_all;
}

static u64 desc_window(void *data, unsigned int first)
{
	describe_from(data, rounddown(first, TDX_PAGE_ARRAY_MAX_NENTS));
	return hpa_list_info_assign_raw(data);
}

static int desc_claim(void *data, u64 func_id, u64 *id)
{
	return tdh_spdm_create(func_id, data, id) ? -EIO : 0;
}

static int desc_give_back(void *data, u64 id)
{
	return tdh_spdm_delete(id, data) ? -EIO : 0;
}

static size_t desc_metadata_bytes(void *data)
{
	struct tdx_page_array *array = data;

	return ksize(array) + ksize(array->root) + ksize(first_pointer(array));
}

/*
 * Call sequences
 */

static struct tdx_page_array *create(bool (*get)(struct page **pages, unsigned int nr),
				     unsigned int nr, unsigned int nr_shown)
{
	struct tdx_page_array *array = allocate(get, nr, nr_shown);

	if (array)
		design_allocated(&design_descriptor, array);
	return array;
}

static int desc_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm)
{
	struct tdx_page_array *mt = create(get_pages, nr, nr);

	if (!mt)
		return -ENOMEM;

	if (tdh_spdm_create(func_id, mt, &spdm->id)) {
		desc_free(mt);
		return -EIO;
	}

	spdm->array = mt;
	return 0;
}

static int desc_spdm_delete(struct design_object *spdm)
{
	if (tdh_spdm_delete(spdm->id, spdm->array)) {
		leave_behind(spdm->array);
		return -EIO;
	}

	desc_free(spdm->array);
	return 0;
}

static int desc_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
			   struct design_object *ide)
{
	struct tdx_page_array *mt = create(get_pages, nr, nr);
	u64 rp_ide_id;

	if (!mt)
		return -ENOMEM;

	if (tdh_ide_stream_create(info, spdm->id, mt, &ide->id, &rp_ide_id)) {
		desc_free(mt);
		return -EIO;
	}

	ide->array = mt;
	return 0;
}

static int desc_ide_delete(const struct design_object *spdm, struct design_object *ide)
{
	if (tdh_ide_stream_block(spdm->id, ide->id) ||
	    tdh_ide_stream_delete(spdm->id, ide->id, ide->array)) {
		leave_behind(ide->array);
		return -EIO;
	}

	desc_free(ide->array);
	return 0;
}

static struct tdx_page_array *create_iommu_mt(unsigned int order, unsigned int nr_pages)
{
	struct page **pages = kcalloc(2 + nr_pages, sizeof(*pages), GFP_KERNEL);
	unsigned int i;

	if (!pages)
		return NULL;

	for (i = 0; i < 2; i++) {
		struct folio *folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, order);

		if (!folio)
			goto free;
		pages[i] = folio_page(folio, 0);
	}
	if (get_pages(pages + 2, nr_pages))
		return describe(pages, 2 + nr_pages, 2 + nr_pages);
free:
	free_pages_of(pages, i);
	return NULL;
}

static int desc_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
			    struct design_object *iommu)
{
	struct tdx_page_array *mt = create_iommu_mt(order, nr_pages);

	if (!mt)
		return -ENOMEM;

	design_allocated(&design_descriptor, mt);

	if (tdh_iommu_setup(reg_base, mt, &iommu->id)) {
		desc_free(mt);
		return -EIO;
	}

	iommu->array = mt;
	return 0;
}

static int desc_iommu_clear(struct design_object *iommu)
{
	if (tdh_iommu_clear(iommu->id, iommu->array)) {
		leave_behind(iommu->array);
		return -EIO;
	}

	desc_free(iommu->array);
	return 0;
}

static int desc_ext_start(unsigned int nr)
{
	struct tdx_page_array *mem = create(get_contiguous, nr,
					    min(nr, TDX_PAGE_ARRAY_MAX_NENTS));
	unsigned int offset = 0;
	struct page **pages;
	int ret = 0;

	if (!mem)
		return -ENOMEM;

	pages = first_pointer(mem);
	while (!ret && describe_from(mem, offset)) {
		ret = tdh_ext_mem_add(mem) ? -EIO : 0;
		offset += mem->nr_pages;
	}
	if (!ret && tdh_ext_init()) {
		design_wbinvd_on_all_cpus();
		ret = -EIO;
	}

	if (ret) {
		desc_free(mem);
		return ret;
	}

	/* The pages stay with the module. */
	tdx_page_array_destroy(mem);
	kfree(pages);
	return 0;
}

static u64 get_info(u64 spdm_id, enum design_info how, struct tdx_page_array *info, u64 *len)
{
	const struct design_pages *p = &design_shared;

	if (how == INFO_CONNECT)
		return tdh_spdm_connect(spdm_id, p->config, p->response, p->request, info, len);
	return tdh_spdm_mng(spdm_id, 2, -1, p->response, p->request, info, len);
}

static int desc_read_info(const struct design_object *spdm, enum design_info how,
			  unsigned int nr_pages, void **blob, size_t *len)
{
	struct tdx_page_array *info = create(get_pages, nr_pages, nr_pages);
	unsigned int nr_filled, rounds = 0;
	u64 bytes = 0, status;
	int ret = -EIO;
	void *map;

	if (!info)
		return -ENOMEM;

	do {
		status = get_info(spdm->id, how, info, &bytes);
	} while (design_deliver(status, bytes, &rounds));

	if (status || bytes > (u64)info->nr_pages * PAGE_SIZE)
		goto free;

	ret = -ENOMEM;
	nr_filled = DIV_ROUND_UP(bytes, PAGE_SIZE);
	map = vm_map_ram(info->pages, nr_filled, NUMA_NO_NODE);
	if (!map)
		goto free;

	*blob = kmemdup(map, bytes, GFP_KERNEL);
	vm_unmap_ram(map, nr_filled);
	if (!*blob)
		goto free;

	*len = bytes;
	ret = 0;
free:
	desc_free(info);
	return ret;
}

static const struct design design_descriptor = {
	.name = "descriptor",
	.title = "the caller's pages, at most 512 described at a time",
	.owner = THIS_MODULE,
	.max_control = TDX_PAGE_ARRAY_MAX_NENTS,
	.max_memory = KMALLOC_MAX_SIZE / sizeof(struct page *),
	.create = desc_create,
	.hand_over = desc_hand_over,
	.operand = desc_operand,
	.release = desc_release,
	.release_flushed = desc_release_flushed,
	.pages = desc_pages,
	.nr_entries = desc_nr_entries,
	.window = desc_window,
	.adds_windows = true,
	.claim = desc_claim,
	.give_back = desc_give_back,
	.free_functions = { { "destroy, then free", desc_release } },
	.metadata_bytes = desc_metadata_bytes,
	.spdm_create = desc_spdm_create,
	.spdm_delete = desc_spdm_delete,
	.ide_create = desc_ide_create,
	.ide_delete = desc_ide_delete,
	.iommu_setup = desc_iommu_setup,
	.iommu_clear = desc_iommu_clear,
	.ext_start = desc_ext_start,
	.read_info = desc_read_info,
};

static int __init desc_init(void)
{
	design_register(&design_descriptor);
	return 0;
}
module_init(desc_init);

static void __exit desc_exit(void)
{
	design_unregister(&design_descriptor);
}
module_exit(desc_exit);

MODULE_DESCRIPTION("Descriptor: the caller's pages, and a flag to flush them");
MODULE_LICENSE("GPL");
