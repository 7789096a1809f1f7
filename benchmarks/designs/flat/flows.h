/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flat: what its variant changes, and what they share
 */
#ifndef _FLAT_FLOWS_H
#define _FLAT_FLOWS_H

#include <asm/tdx_pa_array.h>

#include "../design.h"

/**
 * struct flat_policy - the call of flat that a variant may replace
 * @design: whose arrays the judge is told of
 * @alloc: array of any number of pages
 */
struct flat_policy {
	const struct design *design;
	struct tdx_pa_array *(*alloc)(enum design_use use, unsigned int nr);
};

extern const struct design design_flat, design_flat_v2alloc;

void flat_use_policy(const struct flat_policy *policy);

void *flat_create(enum design_use use, unsigned int nr);
u64 flat_hand_over(void *data);
u64 flat_operand(void *data);
void flat_release(void *data);
void flat_release_flushed(void *data);
phys_addr_t flat_pages(void *data, unsigned int i, unsigned long *nr_pages);
unsigned int flat_nr_entries(void *data);
u64 flat_window(void *data, unsigned int first);
int flat_claim(void *data, u64 func_id, u64 *id);
int flat_give_back(void *data, u64 id);
size_t flat_metadata_bytes(void *data);

int flat_spdm_create(u64 func_id, unsigned int nr, struct design_object *spdm);
int flat_spdm_delete(struct design_object *spdm);
int flat_ide_create(u64 info, const struct design_object *spdm, unsigned int nr,
		    struct design_object *ide);
int flat_ide_delete(const struct design_object *spdm, struct design_object *ide);
int flat_iommu_setup(u64 reg_base, unsigned int order, unsigned int nr_pages,
		     struct design_object *iommu);
int flat_iommu_clear(struct design_object *iommu);
int flat_ext_start(unsigned int nr);
int flat_read_info(const struct design_object *spdm, enum design_info how,
		   unsigned int nr_pages, void **blob, size_t *len);

/* Everything of a variant but its name and its select(). */
#define FLAT_OPERATIONS				\
	.max_control = TDX_PA_ARRAY_MAX,	\
	.max_memory = TDX_PA_ARRAY_MAX,		\
	.create = flat_create,			\
	.hand_over = flat_hand_over,		\
	.operand = flat_operand,		\
	.release = flat_release,		\
	.release_flushed = flat_release_flushed,	\
	.pages = flat_pages,			\
	.nr_entries = flat_nr_entries,		\
	.window = flat_window,			\
	.claim = flat_claim,			\
	.give_back = flat_give_back,		\
	.ways_out = { { "release", flat_release } },	\
	.metadata_bytes = flat_metadata_bytes,	\
	.spdm_create = flat_spdm_create,	\
	.spdm_delete = flat_spdm_delete,	\
	.ide_create = flat_ide_create,		\
	.ide_delete = flat_ide_delete,		\
	.iommu_setup = flat_iommu_setup,	\
	.iommu_clear = flat_iommu_clear,	\
	.ext_start = flat_ext_start,		\
	.read_info = flat_read_info

#endif /* _FLAT_FLOWS_H */
