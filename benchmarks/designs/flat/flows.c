// SPDX-License-Identifier: GPL-2.0
/*
 * flat: its callers
 *
 * The array itself is what arch/ has.  A caller allocates, passes the array to
 * the wrappers, and releases; nothing else is asked of it on any path.
 */
#include <linux/cleanup.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "../../../arch/x86/virt/vmx/tdx/pa_operand.h"
#include "flows.h"

static const struct flat_policy *policy;

void flat_use_policy(const struct flat_policy *p)
{
	policy = p;
}

static struct tdx_pa_array *alloc(enum design_use use, unsigned int nr)
{
	struct tdx_pa_array *array = policy->alloc(use, nr);

	if (array)
		design_allocated(policy->design, array);
	return array;
}

/*
 * The array by itself
 */

void *flat_create(enum design_use use, unsigned int nr)
{
	return policy->alloc(use, nr);
}

u64 flat_hand_over(void *data)
{
	struct tdx_pa_array *array = data;
	struct tdx_pa_window w;
	u64 mix = 0;

	for_each_tdx_pa_window(&w, array)
		mix ^= tdx_operand_hpa_list_info(&w);

	return mix;
}

u64 flat_operand(void *data)
{
	struct tdx_pa_window w;

	if (tdx_pa_array_window(data, 0, &w))
		return 0;
	return tdx_operand_hpa_array(&w);
}

void flat_release(void *data)
{
	tdx_pa_array_release(data);
}

void flat_release_flushed(void *data)
{
	struct tdx_pa_array *array = data;

	/* What a create and a delete leave behind. */
	array->flush = true;
	tdx_pa_array_release(array);
}

phys_addr_t flat_pages(void *data, unsigned int i, unsigned long *nr_pages)
{
	struct tdx_pa_array *array = data;

	*nr_pages = (array->entries[i] & ~PAGE_MASK) ?: 1;
	return array->entries[i] & PAGE_MASK;
}

unsigned int flat_nr_entries(void *data)
{
	struct tdx_pa_array *array = data;

	return array->nr;
}

u64 flat_window(void *data, unsigned int first)
{
	struct tdx_pa_window w;

	if (tdx_pa_array_window(data, first / TDX_PA_WINDOW_MAX, &w))
		return 0;
	return tdx_operand_hpa_list_info(&w);
}

int flat_claim(void *data, u64 func_id, u64 *id)
{
	return tdh_spdm_create(func_id, data, id) ? -EIO : 0;
}

int flat_give_back(void *data, u64 id)
{
	return tdh_spdm_delete(id, data) ? -EIO : 0;
}

size_t flat_metadata_bytes(void *data)
{
	struct tdx_pa_array *array = data;

	size_t bytes = PAGE_ALIGN(array->nr * sizeof(*array->entries));
	bool within = (void *)array - (void *)array->entries < bytes;

	return bytes + (within ? 0 : ksize(array));
}

/*
 * Flows
 */

int flat_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = alloc(USE_CONTROL, nr);

	if (!mt)
		return -ENOMEM;
	if (tdh_spdm_create(func_id, mt, &spdm->id))
		return -EIO;

	spdm->array = no_free_ptr(mt);
	return 0;
}

int flat_spdm_delete(struct design_object *spdm)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = spdm->array;

	return tdh_spdm_delete(spdm->id, mt) ? -EIO : 0;
}

int flat_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
		    struct design_object *ide)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = alloc(USE_CONTROL, nr);
	struct tdx_ide_stream stream = { .info = info };
	u64 rp_ide_id;

	if (!mt)
		return -ENOMEM;
	if (tdh_ide_stream_create(&stream, spdm->id, mt, &ide->id, &rp_ide_id))
		return -EIO;

	ide->array = no_free_ptr(mt);
	return 0;
}

int flat_ide_delete(const struct design_object *spdm, struct design_object *ide)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = ide->array;

	if (tdh_ide_stream_block(spdm->id, ide->id))
		return -EIO;

	return tdh_ide_stream_delete(spdm->id, ide->id, mt) ? -EIO : 0;
}

int flat_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
		     struct design_object *iommu)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) =
		tdx_pa_array_alloc_iommu_mt(order, nr_pages);

	if (!mt)
		return -ENOMEM;

	design_allocated(policy->design, mt);

	if (tdh_iommu_setup(reg_base, mt, &iommu->id))
		return -EIO;

	iommu->array = no_free_ptr(mt);
	return 0;
}

int flat_iommu_clear(struct design_object *iommu)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = iommu->array;

	return tdh_iommu_clear(iommu->id, mt) ? -EIO : 0;
}

int flat_ext_start(unsigned int nr)
{
	struct tdx_pa_array *mem __free(tdx_pa_array) = alloc(USE_MEMORY, nr);
	struct tdx_pa_window w;

	if (!mem)
		return -ENOMEM;

	for_each_tdx_pa_window(&w, mem) {
		if (tdh_ext_mem_add(mem, &w))
			return -EIO;
	}

	return tdh_ext_init() ? -EIO : 0;
}

static u64 get_info(u64 spdm_id, enum design_info how, struct tdx_pa_array *info, u64 *len)
{
	const struct design_pages *p = &design_shared;

	if (how == INFO_CONNECT)
		return tdh_spdm_connect(spdm_id, p->config, p->response, p->request, info, len);
	return tdh_spdm_mng(spdm_id, TDX_SPDM_RECOLLECT, TDX_NO_OPERAND, p->response,
			    p->request, info, len);
}

int flat_read_info(const struct design_object *spdm, enum design_info how,
		   unsigned int nr_pages, void **blob, size_t *len)
{
	struct tdx_pa_array *info __free(tdx_pa_array) = alloc(USE_CONTROL, nr_pages);
	void *copy __free(kvfree) = NULL;
	unsigned int rounds = 0;
	u64 bytes = 0, status;

	if (!info)
		return -ENOMEM;

	do {
		status = get_info(spdm->id, how, info, &bytes);
	} while (design_talk(status, bytes, &rounds));

	if (status || bytes > (u64)nr_pages * PAGE_SIZE)
		return -EIO;

	copy = kmalloc(bytes, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	if (tdx_pa_array_copy_out(info, copy, 0, bytes))
		return -EIO;

	*len = bytes;
	*blob = no_free_ptr(copy);
	return 0;
}

static struct tdx_pa_array *blocks_alloc(enum design_use use, unsigned int nr)
{
	return tdx_pa_array_alloc(nr);
}

static const struct flat_policy blocks = {
	.design = &design_flat,
	.alloc = blocks_alloc,
};

static void flat_select(void)
{
	flat_use_policy(&blocks);
}

const struct design design_flat = {
	.name = "flat",
	.title = "the flat PA array",
	.owner = THIS_MODULE,
	.select = flat_select,
	FLAT_OPERATIONS,
};

static int __init flat_init(void)
{
	design_register(&design_flat_v2alloc);
	design_register(&design_flat);
	return 0;
}
module_init(flat_init);

static void __exit flat_exit(void)
{
	design_unregister(&design_flat);
	design_unregister(&design_flat_v2alloc);
}
module_exit(flat_exit);

MODULE_DESCRIPTION("flat: one array of physical addresses");
MODULE_LICENSE("GPL");
