/* SPDX-License-Identifier: GPL-2.0 */
/*
 * v2: the SEAMCALL wrappers
 */
#ifndef _V2_TDH_H
#define _V2_TDH_H

#include <linux/types.h>

struct page;
struct tdx_page_array;

/* Whether claiming wrappers CLFLUSH the pages first.  As posted, they do. */
extern bool v2_clflush;

u64 tdh_ext_init(void);
u64 tdh_ext_mem_add(struct tdx_page_array *ext_mem);
u64 tdh_iommu_setup(u64 vtbar, struct tdx_page_array *iommu_mt, u64 *iommu_id);
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_page_array *iommu_mt);
u64 tdh_spdm_create(u64 func_id, struct tdx_page_array *spdm_mt, u64 *spdm_id);
u64 tdh_spdm_delete(u64 spdm_id, struct tdx_page_array *spdm_mt,
		    unsigned int *nr_released, u64 *released_hpa);
u64 tdh_spdm_connect(u64 spdm_id, struct page *spdm_conf, struct page *spdm_rsp,
		     struct page *spdm_req, struct tdx_page_array *spdm_out, u64 *len);
u64 tdh_spdm_mng(u64 spdm_id, u64 spdm_op, u64 spdm_param, struct page *spdm_rsp,
		 struct page *spdm_req, struct tdx_page_array *spdm_out, u64 *len);
u64 tdh_ide_stream_create(u64 stream_info, u64 spdm_id, struct tdx_page_array *stream_mt,
			  u64 stream_ctrl, u64 rid_assoc1, u64 rid_assoc2, u64 addr_assoc1,
			  u64 addr_assoc2, u64 addr_assoc3, u64 *stream_id, u64 *rp_ide_id);
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id);
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_page_array *stream_mt,
			  unsigned int *nr_released, u64 *released_hpa);

#endif /* _V2_TDH_H */
