// SPDX-License-Identifier: GPL-2.0
/*
 * hpa_list: its callers
 *
 * A session has the address and the number of its pages, an IDE stream has one
 * page.  A session is limited to one list, an IDE stream to one page, the
 * queues of an IOMMU to two pages.
 *
 * The variant compiles this file again, with another error path.
 */
#include <linux/bug.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../design.h"
#include "hpa_list.h"
#include "iommu_mt.h"
#include "variants.h"

#ifndef HPA_DESIGN
#define HPA_DESIGN	design_hpa_list
#define HPA_NAME	"hpa-list"
#define HPA_TITLE	"contiguous runs of pages, and a list for each call"
/*
 * After a failed create, the public code frees the pages of the session's own
 * field, which is not set yet.  So it leaks @mt, and frees the range at NULL.
 */
static void free_unset_field(void *mt, unsigned int nr)
{
	design_null_walk();
}

#define HPA_FREE_FAILED	free_unset_field
#endif

/**
 * struct hpa_pages - pages, for the page checker and the benchmark
 * @addr: the run; not for an IOMMU
 * @nr: number of pages, or of entries of an IOMMU
 * @pages: pages of an IOMMU, which are not contiguous
 * @info: the last list
 *
 * The callers need no such object.  For the benchmark, their local variables
 * become one.  It keeps a list until the next one, because tests read it.
 */
struct hpa_pages {
	void *addr;
	unsigned int nr;
	struct page **pages;
	struct tdx_hpa_list_info info;
};

#define RUN(a, n)	((struct hpa_pages) { .addr = a, .nr = n })
#define OF_IOMMU(p, n)	((struct hpa_pages) { .pages = p, .nr = n })

static void *alloc_memory(unsigned int nr)
{
	struct page *page = alloc_contig_pages(nr, GFP_KERNEL, numa_mem_id(), &node_online_map);

	return page ? page_address(page) : NULL;
}

static void *alloc(unsigned int nr)
{
	void *addr = alloc_pages_exact(nr * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);

	if (addr)
		design_allocated(&HPA_DESIGN, &RUN(addr, nr));
	return addr;
}

/*
 * The array alone
 */

static void hpa_release(void *data)
{
	struct hpa_pages *p = data;

	free_pages_exact(p->addr, (size_t)p->nr * PAGE_SIZE);
	tdx_hpa_list_info_free(&p->info);
	kfree(p);
}

static void *hpa_create(enum design_use use, unsigned int nr)
{
	struct hpa_pages *p;

	if (!nr || (use == USE_CONTROL && nr > TDX_HPA_LIST_MAX))
		return NULL;

	p = kzalloc_obj(*p, GFP_KERNEL);
	if (!p)
		return NULL;

	p->addr = use == USE_MEMORY ? alloc_memory(nr) :
		  alloc_pages_exact(nr * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!p->addr) {
		kfree(p);
		return NULL;
	}

	p->nr = nr;
	/* Memory has one list.  Control pages get one for each call. */
	if (use == USE_MEMORY && tdx_hpa_list_info_alloc(&p->info)) {
		hpa_release(p);
		return NULL;
	}
	return p;
}

/* Fill the list with the pages from @first on. */
static u64 hpa_window(void *data, unsigned int first)
{
	struct hpa_pages *p = data;

	if (!p->info.hpa_list && tdx_hpa_list_info_alloc(&p->info))
		return 0;

	tdx_hpa_list_info_fill(&p->info, p->addr + (size_t)first * PAGE_SIZE,
			       min(p->nr - first, TDX_HPA_LIST_MAX));
	return tdx_hpa_list_info_raw(&p->info);
}

static u64 hpa_hand_over(void *data)
{
	struct hpa_pages *p = data;
	u64 mix = 0;

	for (unsigned int first = 0; first < p->nr; first += TDX_HPA_LIST_MAX)
		mix ^= hpa_window(p, first);
	return mix;
}

static u64 hpa_operand(void *data)
{
	struct hpa_pages *p = data;

	tdx_hpa_list_info_free(&p->info);
	if (tdx_hpa_list_info_setup(&p->info, p->addr, p->nr))
		return 0;
	return tdx_hpa_array_t_raw(&p->info);
}

static phys_addr_t hpa_pages(void *data, unsigned int i, unsigned long *nr_pages)
{
	struct hpa_pages *p = data;

	*nr_pages = p->pages ? compound_nr(p->pages[i]) : 1;
	return p->pages ? page_to_phys(p->pages[i]) :
			  virt_to_phys(p->addr + (size_t)i * PAGE_SIZE);
}

static unsigned int hpa_nr_entries(void *data)
{
	struct hpa_pages *p = data;

	return p->nr;
}

static int hpa_claim(void *data, u64 func_id, u64 *id)
{
	struct hpa_pages *p = data;
	struct tdx_hpa_list_info info;
	u64 r;

	if (tdx_hpa_list_info_setup(&info, p->addr, p->nr))
		return -ENOMEM;

	r = tdh_spdm_create(func_id, &info, id);
	tdx_hpa_list_info_free(&info);
	return r ? -EIO : 0;
}

static int hpa_give_back(void *data, u64 id)
{
	return tdh_spdm_delete(id) ? -EIO : 0;
}

/* The list.  It exists during a call only. */
static size_t hpa_metadata_bytes(void *data)
{
	return sizeof(struct tdx_hpa_list);
}

/*
 * Call sequences
 */

static int hpa_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm)
{
	struct tdx_hpa_list_info info;
	void *mt;
	u64 r;

	if (nr > TDX_HPA_LIST_MAX)
		return -EOPNOTSUPP;

	mt = alloc(nr);
	if (!mt)
		return -ENOMEM;
	if (tdx_hpa_list_info_setup(&info, mt, nr)) {
		free_pages_exact(mt, nr * PAGE_SIZE);
		return -ENOMEM;
	}

	r = tdh_spdm_create(func_id, &info, &spdm->id);
	tdx_hpa_list_info_free(&info);
	if (r) {
		HPA_FREE_FAILED(mt, nr);
		return -EIO;
	}

	spdm->array = mt;
	spdm->nr_pages = nr;
	return 0;
}

/* As in the public code, the pages are not flushed. */
static int hpa_spdm_delete(struct design_object *spdm)
{
	if (tdh_spdm_delete(spdm->id)) {
		pr_err("tdx: session %llu cannot be deleted\n", spdm->id);
		return -EIO;
	}

	free_pages_exact(spdm->array, spdm->nr_pages * PAGE_SIZE);
	return 0;
}

static struct page *alloc_stream_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (page)
		design_allocated(&HPA_DESIGN, &RUN(page_address(page), 1));
	return page;
}

static int hpa_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
			  struct design_object *ide)
{
	struct page *mt;
	u64 rp_ide_id;

	if (nr != 1)
		return -EOPNOTSUPP;

	mt = alloc_stream_page();
	if (!mt)
		return -ENOMEM;

	if (tdh_ide_stream_create(info, spdm->id, mt, &ide->id, &rp_ide_id)) {
		__free_page(mt);
		return -EIO;
	}

	ide->array = mt;
	return 0;
}

static int hpa_ide_delete(const struct design_object *spdm, struct design_object *ide)
{
	if (tdh_ide_stream_block(spdm->id, ide->id) ||
	    tdh_ide_stream_delete(spdm->id, ide->id)) {
		pr_err("tdx: stream %llu cannot be deleted\n", ide->id);
		return -EIO;
	}

	__free_page(ide->array);
	return 0;
}

static struct iommu_mt *alloc_iommu_mt(unsigned int nr_pages)
{
	/* A driver takes the node of its IOMMU. */
	struct iommu_mt *mt = iommu_mt_alloc(nr_pages, numa_mem_id());

	if (mt)
		design_allocated(&HPA_DESIGN, &OF_IOMMU(mt->pages, mt->nr_pages));
	return mt;
}

static int hpa_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
			   struct design_object *iommu)
{
	struct iommu_mt *mt;

	if (order != IOMMU_MT_IQ_ORDER)
		return -EOPNOTSUPP;

	mt = alloc_iommu_mt(nr_pages);
	if (!mt)
		return -ENOMEM;

	if (tdh_iommu_setup(reg_base, mt, &iommu->id)) {
		iommu_mt_free(mt);
		return -EIO;
	}

	iommu->array = mt;
	return 0;
}

/*
 * The description does not mention a flush after a successful clear, nor what
 * remains after a failure.  Here each page is flushed, and pages stay in doubt.
 */
static int hpa_iommu_clear(struct design_object *iommu)
{
	struct iommu_mt *mt = iommu->array;

	if (tdh_iommu_clear(iommu->id) || iommu_mt_flush(mt)) {
		pr_err("tdx: IOMMU %llu cannot be cleared\n", iommu->id);
		iommu_mt_free_arrays(mt);
		return -EIO;
	}

	iommu_mt_free(mt);
	return 0;
}

static int hpa_ext_start(unsigned int nr)
{
	struct tdx_hpa_list_info info;
	void *mem = alloc_memory(nr);
	u64 r = 0;

	if (!mem)
		return -ENOMEM;
	if (tdx_hpa_list_info_alloc(&info)) {
		free_pages_exact(mem, (size_t)nr * PAGE_SIZE);
		return -ENOMEM;
	}

	design_allocated(&HPA_DESIGN, &RUN(mem, nr));

	for (unsigned int i = 0; i < nr && !r; i += TDX_HPA_LIST_MAX) {
		tdx_hpa_list_info_fill(&info, mem + (size_t)i * PAGE_SIZE,
				       min(nr - i, TDX_HPA_LIST_MAX));
		r = tdh_ext_mem_add(&info);
	}
	tdx_hpa_list_info_free(&info);
	if (!r)
		r = tdh_ext_init();

	/* All pages stay, also those that were not added. */
	return WARN_ON(r) ? -EIO : 0;
}

static u64 get_info(u64 spdm_id, enum design_info how, const struct tdx_hpa_list_info *info,
		    u64 *len)
{
	const struct design_pages *p = &design_shared;

	if (how == INFO_CONNECT)
		return tdh_spdm_connect(spdm_id, p->config, p->response, p->request, info, len);
	return tdh_spdm_mng(spdm_id, 2, -1, p->response, p->request, info, len);
}

static int hpa_read_info(const struct design_object *spdm, enum design_info how,
			 unsigned int nr, void **blob, size_t *len)
{
	struct tdx_hpa_list_info info;
	size_t size = nr * PAGE_SIZE;
	unsigned int rounds = 0;
	u64 bytes = 0, status;
	int ret = -ENOMEM;
	void *buffer;

	if (nr > TDX_HPA_LIST_MAX)
		return -EOPNOTSUPP;

	buffer = alloc(nr);
	if (!buffer)
		return -ENOMEM;
	if (tdx_hpa_list_info_setup(&info, buffer, nr))
		goto free;

	do {
		status = get_info(spdm->id, how, &info, &bytes);
	} while (design_deliver(status, bytes, &rounds));
	tdx_hpa_list_info_free(&info);

	ret = -EIO;
	if (status || bytes > size)
		goto free;

	ret = -ENOMEM;
	*blob = kmemdup(buffer, bytes, GFP_KERNEL);
	if (!*blob)
		goto free;

	*len = bytes;
	ret = 0;
free:
	free_pages_exact(buffer, size);
	return ret;
}

const struct design HPA_DESIGN = {
	.name = HPA_NAME,
	.title = HPA_TITLE,
	.owner = THIS_MODULE,
	.max_control = TDX_HPA_LIST_MAX,
	.max_memory = 1 << 20,
	.deletes_by_id = true,
	.create = hpa_create,
	.hand_over = hpa_hand_over,
	.operand = hpa_operand,
	.release = hpa_release,
	/* Returned pages are not flushed. */
	.release_flushed = hpa_release,
	.pages = hpa_pages,
	.nr_entries = hpa_nr_entries,
	.window = hpa_window,
	.adds_windows = true,
	.claim = hpa_claim,
	.give_back = hpa_give_back,
	.free_functions = { { "free_pages_exact", hpa_release } },
	.metadata_bytes = hpa_metadata_bytes,
	.spdm_create = hpa_spdm_create,
	.spdm_delete = hpa_spdm_delete,
	.ide_create = hpa_ide_create,
	.ide_delete = hpa_ide_delete,
	.iommu_setup = hpa_iommu_setup,
	.iommu_clear = hpa_iommu_clear,
	.ext_start = hpa_ext_start,
	.read_info = hpa_read_info,
};
