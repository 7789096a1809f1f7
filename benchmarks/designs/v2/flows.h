/* SPDX-License-Identifier: GPL-2.0 */
/*
 * v2: the functions that variants replace, and those that they share
 */
#ifndef _V2_FLOWS_H
#define _V2_FLOWS_H

#include <linux/slab.h>

#include "../design.h"
#include "page_array.h"

/**
 * struct v2_policy - the calls of v2 that a variant may replace
 * @design: the variant, for the page checker
 * @create: array of at most 512 pages, populated
 * @create_memory: array of any number of pages
 * @free: frees pages and array
 * @free_failed: the same after a failed create of an object; accepts NULL
 * @free_failed_memory: after a failed start of the extensions
 * @free_failed_iommu_mt: after a failed setup of an IOMMU; accepts NULL
 * @ctrl_release: checks, flushes and frees
 * @ctrl_release_iommu_mt: the same for an IOMMU_MT array
 * @clflush: claiming wrappers CLFLUSH the pages first
 */
struct v2_policy {
	const struct design *design;
	struct tdx_page_array *(*create)(unsigned int nr_pages);
	struct tdx_page_array *(*create_memory)(unsigned int nr_pages);
	void (*free)(struct tdx_page_array *array);
	void (*free_failed)(struct tdx_page_array *array);
	void (*free_failed_memory)(struct tdx_page_array *array);
	void (*free_failed_iommu_mt)(struct tdx_page_array *array);
	int (*ctrl_release)(struct tdx_page_array *array, unsigned int nr_released,
			    u64 released_hpa);
	int (*ctrl_release_iommu_mt)(struct tdx_page_array *array, unsigned int nr_released,
				     u64 released_hpa);
	bool clflush;
};

/* What is done as posted with pages that were allocated as posted */
#define V2_FREE_AS_POSTED						\
	.free = tdx_page_array_free,					\
	.free_failed = tdx_page_array_free,				\
	.free_failed_memory = tdx_page_array_free,			\
	.free_failed_iommu_mt = tdx_page_array_free,			\
	.ctrl_release = tdx_page_array_ctrl_release,			\
	.ctrl_release_iommu_mt = tdx_page_array_ctrl_release

extern const struct design design_v2, design_v2_fixed, design_v2_noclflush, design_v2_blocks;

void v2_use_policy(const struct v2_policy *policy);

void *v2_create(enum design_use use, unsigned int nr);
u64 v2_hand_over(void *data);
u64 v2_operand(void *data);
void v2_release(void *data);
void v2_release_flushed(void *data);
phys_addr_t v2_pages(void *data, unsigned int i, unsigned long *nr_pages);
unsigned int v2_nr_entries(void *data);
u64 v2_window(void *data, unsigned int first);
int v2_claim(void *data, u64 func_id, u64 *id);
int v2_give_back(void *data, u64 id);
void v2_leak(void *data);
size_t v2_metadata_bytes(void *data);

int v2_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm);
int v2_spdm_delete(struct design_object *spdm);
int v2_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
		  struct design_object *ide);
int v2_ide_delete(const struct design_object *spdm, struct design_object *ide);
int v2_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
		   struct design_object *iommu);
int v2_iommu_clear(struct design_object *iommu);
int v2_ext_start(unsigned int nr);
int v2_read_info(const struct design_object *spdm, enum design_info how,
		 unsigned int nr_pages, void **blob, size_t *len);

/* Everything of a variant but its name and its select(). */
#define V2_OPERATIONS				\
	.max_control = TDX_PAGE_ARRAY_MAX_NENTS,	\
	.max_memory = KMALLOC_MAX_SIZE / sizeof(struct page *),			\
	.create = v2_create,			\
	.hand_over = v2_hand_over,		\
	.operand = v2_operand,			\
	.release = v2_release,			\
	.release_flushed = v2_release_flushed,	\
	.pages = v2_pages,			\
	.nr_entries = v2_nr_entries,		\
	.window = v2_window,			\
	.adds_windows = true,			\
	.claim = v2_claim,			\
	.give_back = v2_give_back,		\
	.free_functions = {				\
		{ "free", v2_release },		\
		{ "ctrl_release", v2_release_flushed },	\
		{ "ctrl_leak", v2_leak },	\
	},					\
	.metadata_bytes = v2_metadata_bytes,	\
	.spdm_create = v2_spdm_create,		\
	.spdm_delete = v2_spdm_delete,		\
	.ide_create = v2_ide_create,		\
	.ide_delete = v2_ide_delete,		\
	.iommu_setup = v2_iommu_setup,		\
	.iommu_clear = v2_iommu_clear,		\
	.ext_start = v2_ext_start,		\
	.read_info = v2_read_info

#endif /* _V2_FLOWS_H */
