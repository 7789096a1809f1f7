// SPDX-License-Identifier: GPL-2.0
/*
 * flat: its callers
 *
 * The array itself is in arch/.  A caller allocates it, passes it to the
 * wrappers and frees it, and has nothing else to do on any path.
 *
 * Variants compile this file again, with another allocation.
 */
#include <linux/cleanup.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/tdx_connect.h>

#include "../design.h"
#include "variants.h"

#ifndef FLAT_DESIGN
#define FLAT_DESIGN		design_flat
#define FLAT_NAME		"flat"
#define FLAT_TITLE		"the flat PA array"
#endif

#ifndef FLAT_ALLOC
#define FLAT_ALLOC		flat_alloc
static struct tdx_pa_array *flat_alloc(enum design_use use, unsigned int nr)
{
	return tdx_pa_array_alloc(nr, NUMA_NO_NODE);
}
#endif

static struct tdx_pa_array *alloc(enum design_use use, unsigned int nr)
{
	struct tdx_pa_array *array = FLAT_ALLOC(use, nr);

	if (array)
		design_allocated(&FLAT_DESIGN, array);
	return array;
}

/*
 * The array alone
 */

static void *flat_create(enum design_use use, unsigned int nr)
{
	return FLAT_ALLOC(use, nr);
}

static u64 flat_hand_over(void *data)
{
	struct tdx_pa_array *array = data;
	u64 mix = 0;

	for (unsigned int first = 0; first < array->nr; first += TDX_PA_LIST_MAX)
		mix ^= tdx_hpa_list_info(array, first);

	return mix;
}

static u64 flat_operand(void *data)
{
	return tdx_hpa_array(data);
}

static void flat_release(void *data)
{
	tdx_pa_array_free(data);
}

static void flat_release_flushed(void *data)
{
	struct tdx_pa_array *array = data;

	/* The state after a create and a delete */
	array->flush = true;
	tdx_pa_array_free(array);
}

static phys_addr_t flat_pages(void *data, unsigned int i, unsigned long *nr_pages)
{
	struct tdx_pa_array *array = data;

	*nr_pages = i < TDX_IOMMU_MT_NR_BLOCKS ? 1UL << array->block_order : 1;
	return tdx_pa_entry(array, i);
}

static unsigned int flat_nr_entries(void *data)
{
	struct tdx_pa_array *array = data;

	return array->nr;
}

static u64 flat_window(void *data, unsigned int first)
{
	return tdx_hpa_list_info(data, first);
}

static int flat_claim(void *data, u64 func_id, u64 *id)
{
	return tdh_spdm_create(func_id, data, id) ? -EIO : 0;
}

static int flat_give_back(void *data, u64 id)
{
	return tdh_spdm_delete(id, data) ? -EIO : 0;
}

static size_t flat_metadata_bytes(void *data)
{
	struct tdx_pa_array *array = data;

	if (is_vmalloc_addr(array->entries))
		return ksize(array) + PAGE_ALIGN(array->nr * sizeof(u64)) + PAGE_SIZE;
	return ksize(array) + ksize(array->entries);
}

/*
 * Call sequences
 */

static int flat_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = alloc(USE_CONTROL, nr);

	if (!mt)
		return -ENOMEM;
	if (tdh_spdm_create(func_id, mt, &spdm->id))
		return -EIO;

	spdm->array = no_free_ptr(mt);
	return 0;
}

static int flat_spdm_delete(struct design_object *spdm)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = spdm->array;

	return tdh_spdm_delete(spdm->id, mt) ? -EIO : 0;
}

static int flat_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
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

static int flat_ide_delete(const struct design_object *spdm, struct design_object *ide)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = ide->array;

	if (tdh_ide_stream_block(spdm->id, ide->id))
		return -EIO;

	return tdh_ide_stream_delete(spdm->id, ide->id, mt) ? -EIO : 0;
}

static int flat_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
			    struct design_object *iommu)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) =
		tdx_pa_array_alloc_iommu_mt(order, nr_pages, NUMA_NO_NODE);

	if (!mt)
		return -ENOMEM;

	design_allocated(&FLAT_DESIGN, mt);

	if (tdh_iommu_setup(reg_base, mt, &iommu->id))
		return -EIO;

	iommu->array = no_free_ptr(mt);
	return 0;
}

static int flat_iommu_clear(struct design_object *iommu)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = iommu->array;

	return tdh_iommu_clear(iommu->id, mt) ? -EIO : 0;
}

static int flat_ext_start(unsigned int nr)
{
	struct tdx_pa_array *mem __free(tdx_pa_array) = alloc(USE_MEMORY, nr);

	if (!mem)
		return -ENOMEM;

	/* A full pool is a success with information. */
	return (tdh_ext_mem_add(mem) & TDX_ERROR) || tdh_ext_init() ? -EIO : 0;
}

static u64 get_info(u64 spdm_id, enum design_info how, struct tdx_pa_array *info, u64 *len)
{
	const struct design_pages *p = &design_shared;

	if (how == INFO_CONNECT)
		return tdh_spdm_connect(spdm_id, p->config, p->response, p->request, info, len);
	return tdh_spdm_mng(spdm_id, TDX_SPDM_RECOLLECT, NULL, p->response, p->request, info,
			    len);
}

static int flat_read_info(const struct design_object *spdm, enum design_info how,
			  unsigned int nr_pages, void **blob, size_t *len)
{
	struct tdx_pa_array *info __free(tdx_pa_array) = alloc(USE_CONTROL, nr_pages);
	void *copy __free(kfree) = NULL;
	unsigned int rounds = 0;
	u64 bytes = 0, status;

	if (!info)
		return -ENOMEM;

	do {
		status = get_info(spdm->id, how, info, &bytes);
	} while (design_deliver(status, bytes, &rounds));

	if (status)
		return -EIO;

	/*
	 * No warning if the length is absurd: copying checks it against the
	 * array.
	 */
	copy = kmalloc(bytes, GFP_KERNEL | __GFP_NOWARN);
	if (!copy)
		return -ENOMEM;
	if (tdx_pa_array_copy_out(info, copy, bytes))
		return -EIO;

	*len = bytes;
	*blob = no_free_ptr(copy);
	return 0;
}

const struct design FLAT_DESIGN = {
	.name = FLAT_NAME,
	.title = FLAT_TITLE,
	.owner = THIS_MODULE,
	.max_control = 1 << 20,
	.max_memory = 1 << 20,
	.create = flat_create,
	.hand_over = flat_hand_over,
	.operand = flat_operand,
	.release = flat_release,
	.release_flushed = flat_release_flushed,
	.pages = flat_pages,
	.nr_entries = flat_nr_entries,
	.window = flat_window,
	.claim = flat_claim,
	.give_back = flat_give_back,
	.free_functions = { { "free", flat_release } },
	.metadata_bytes = flat_metadata_bytes,
	.spdm_create = flat_spdm_create,
	.spdm_delete = flat_spdm_delete,
	.ide_create = flat_ide_create,
	.ide_delete = flat_ide_delete,
	.iommu_setup = flat_iommu_setup,
	.iommu_clear = flat_iommu_clear,
	.ext_start = flat_ext_start,
	.read_info = flat_read_info,
};
