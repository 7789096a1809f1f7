// SPDX-License-Identifier: GPL-2.0
/*
 * v2: its callers
 *
 * The caller chooses one of three functions to end an array: free, ctrl_release
 * for returned pages, ctrl_leak for pages that the module keeps.
 *
 * One thing is left out.  The series also stores the array of an IOMMU in an
 * xarray, and passes NULL on if that fails.  It takes two failing allocations
 * in a row.
 */
#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <asm/shared/tdx_errno.h>

#include "flows.h"
#include "tdh.h"

static const struct v2_policy *policy;

void v2_use_policy(const struct v2_policy *p)
{
	policy = p;
	v2_clflush = p->clflush;
}

DEFINE_FREE(v2_array, struct tdx_page_array *, policy->free(_T))
DEFINE_FREE(v2_control, struct tdx_page_array *, policy->free_failed(_T))
DEFINE_FREE(v2_iommu_mt, struct tdx_page_array *, policy->free_failed_iommu_mt(_T))

static struct tdx_page_array *create(unsigned int nr)
{
	struct tdx_page_array *array = policy->create(nr);

	if (array)
		design_allocated(policy->design, array);
	return array;
}

/*
 * The array alone
 */

void *v2_create(enum design_use use, unsigned int nr)
{
	return use == USE_CONTROL ? policy->create(nr) : policy->create_memory(nr);
}

u64 v2_hand_over(void *data)
{
	struct tdx_page_array *array = data;
	unsigned int offset = 0;
	u64 mix = 0;
	int nents;

	while ((nents = tdx_page_array_populate(array, offset)) > 0) {
		mix ^= hpa_list_info_assign_raw(array);
		offset += nents;
	}

	return mix;
}

u64 v2_operand(void *data)
{
	return hpa_array_t_assign_raw(data);
}

void v2_release(void *data)
{
	policy->free(data);
}

void v2_release_flushed(void *data)
{
	struct tdx_page_array *array = data;
	u64 released_hpa = array->nr_pages == 1 ? page_to_phys(array->pages[0]) :
						  virt_to_phys(array->root);

	if (policy->ctrl_release(array, array->nr_pages, released_hpa))
		tdx_page_array_ctrl_leak(array);
}

phys_addr_t v2_pages(void *data, unsigned int i, unsigned long *nr_pages)
{
	struct tdx_page_array *array = data;

	*nr_pages = compound_nr(array->pages[i]);
	return page_to_phys(array->pages[i]);
}

unsigned int v2_nr_entries(void *data)
{
	struct tdx_page_array *array = data;

	return array->nr_pages;
}

u64 v2_window(void *data, unsigned int first)
{
	tdx_page_array_populate(data, first);
	return hpa_list_info_assign_raw(data);
}

int v2_claim(void *data, u64 func_id, u64 *id)
{
	return tdh_spdm_create(func_id, data, id) ? -EIO : 0;
}

int v2_give_back(void *data, u64 id)
{
	unsigned int nr_released;
	u64 released_hpa;

	return tdh_spdm_delete(id, data, &nr_released, &released_hpa) ? -EIO : 0;
}

void v2_leak(void *data)
{
	tdx_page_array_ctrl_leak(data);
}

size_t v2_metadata_bytes(void *data)
{
	struct tdx_page_array *array = data;

	return ksize(array) + ksize(array->root) + ksize(array->pages);
}

/*
 * Call sequences
 */

int v2_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm)
{
	struct tdx_page_array *mt __free(v2_control) = create(nr);

	if (!mt)
		return -ENOMEM;
	if (tdh_spdm_create(func_id, mt, &spdm->id))
		return -EIO;

	spdm->array = no_free_ptr(mt);
	return 0;
}

int v2_spdm_delete(struct design_object *spdm)
{
	struct tdx_page_array *mt = spdm->array;
	unsigned int nr_released;
	u64 released_hpa;

	if (tdh_spdm_delete(spdm->id, mt, &nr_released, &released_hpa)) {
		tdx_page_array_ctrl_leak(mt);
		return -EIO;
	}

	if (policy->ctrl_release(mt, nr_released, released_hpa)) {
		tdx_page_array_ctrl_leak(mt);
		return -EIO;
	}

	return 0;
}

int v2_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
		  struct design_object *ide)
{
	struct tdx_page_array *mt __free(v2_control) = create(nr);
	u64 rp_ide_id;

	if (!mt)
		return -ENOMEM;
	if (tdh_ide_stream_create(info, spdm->id, mt, 0, 0, 0, 0, 0, 0, &ide->id, &rp_ide_id))
		return -EIO;

	ide->array = no_free_ptr(mt);
	return 0;
}

int v2_ide_delete(const struct design_object *spdm, struct design_object *ide)
{
	struct tdx_page_array *mt = ide->array;
	unsigned int nr_released;
	u64 released_hpa;

	if (tdh_ide_stream_block(spdm->id, ide->id))
		goto leak;
	if (tdh_ide_stream_delete(spdm->id, ide->id, mt, &nr_released, &released_hpa))
		goto leak;
	if (policy->ctrl_release(mt, nr_released, released_hpa))
		goto leak;

	return 0;

leak:
	tdx_page_array_ctrl_leak(mt);
	return -EIO;
}

int v2_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
		   struct design_object *iommu)
{
	struct tdx_page_array *mt __free(v2_iommu_mt) =
		tdx_page_array_create_iommu_mt(order, nr_pages);
	u64 r;

	if (!mt)
		return -ENOMEM;

	design_allocated(policy->design, mt);

	iommu->array = NULL;
	r = tdh_iommu_setup(reg_base, mt, &iommu->id);
	/* As posted, an IOMMU without TDX mode is skipped. */
	if ((r & TDX_SEAMCALL_STATUS_MASK) == TDX_OPERAND_INVALID)
		return 0;
	if (r)
		return -EIO;

	iommu->array = no_free_ptr(mt);
	return 0;
}

int v2_iommu_clear(struct design_object *iommu)
{
	struct tdx_page_array *mt = iommu->array;

	if (!mt)
		return 0;

	if (tdh_iommu_clear(iommu->id, mt) ||
	    policy->ctrl_release_iommu_mt(mt, mt->nr_pages, virt_to_phys(mt->root))) {
		tdx_page_array_ctrl_leak(mt);
		return -EIO;
	}

	return 0;
}

int v2_ext_start(unsigned int nr)
{
	struct tdx_page_array *mem = policy->create_memory(nr);
	unsigned int offset = 0;
	int nents;

	if (!mem)
		return -ENOMEM;

	design_allocated(policy->design, mem);

	while ((nents = tdx_page_array_populate(mem, offset)) > 0) {
		if (tdh_ext_mem_add(mem))
			goto free;
		offset += nents;
	}

	if (tdh_ext_init()) {
		design_wbinvd_on_all_cpus();
		goto free;
	}

	tdx_page_array_ctrl_leak(mem);
	return 0;

free:
	/*
	 * After a failed add, the series does not use TDX and executes WBINVD
	 * on all CPUs.  The pages are free before that.
	 */
	policy->free_failed_memory(mem);
	return -EIO;
}

static u64 get_info(u64 spdm_id, enum design_info how, struct tdx_page_array *info, u64 *len)
{
	const struct design_pages *p = &design_shared;

	if (how == INFO_CONNECT)
		return tdh_spdm_connect(spdm_id, p->config, p->response, p->request, info, len);
	return tdh_spdm_mng(spdm_id, 2, -1, p->response, p->request, info, len);
}

int v2_read_info(const struct design_object *spdm, enum design_info how,
		 unsigned int nr_pages, void **blob, size_t *len)
{
	struct tdx_page_array *info __free(v2_array) = create(nr_pages);
	unsigned int nr_filled, rounds = 0;
	u64 bytes = 0, status;
	void *map;

	if (!info)
		return -ENOMEM;

	do {
		status = get_info(spdm->id, how, info, &bytes);
	} while (design_deliver(status, bytes, &rounds));

	if (status || bytes > (u64)info->nr_pages * PAGE_SIZE)
		return -EIO;

	nr_filled = DIV_ROUND_UP(bytes, PAGE_SIZE);
	map = vm_map_ram(info->pages, nr_filled, NUMA_NO_NODE);
	if (!map)
		return -ENOMEM;

	*blob = kmemdup(map, bytes, GFP_KERNEL);
	vm_unmap_ram(map, nr_filled);
	if (!*blob)
		return -ENOMEM;

	*len = bytes;
	return 0;
}
