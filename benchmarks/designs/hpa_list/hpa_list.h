/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hpa_list: one contiguous run of pages, and a list that lives for one call
 *
 * The approach of Intel's public development tree after 29 June 2026, written
 * from a description of it, with its names.  A caller has the address of its
 * pages and their number.  Nothing has a pointer to each page.
 *
 * Nothing is slower than described and nothing is repaired.
 */
#ifndef _HPA_LIST_H
#define _HPA_LIST_H

#include <linux/types.h>

struct page;

#define TDX_HPA_LIST_MAX	512

struct tdx_hpa_list {
	u64 entries[TDX_HPA_LIST_MAX];
};

/**
 * struct tdx_hpa_list_info - a list for one call
 * @hpa_list: the list page
 * @nr_pages: number of its entries
 */
struct tdx_hpa_list_info {
	struct tdx_hpa_list *hpa_list;
	unsigned int nr_pages;
};

int tdx_hpa_list_info_alloc(struct tdx_hpa_list_info *info);
void tdx_hpa_list_info_fill(struct tdx_hpa_list_info *info, void *addr,
			    unsigned int nr_pages);
int tdx_hpa_list_info_setup(struct tdx_hpa_list_info *info, void *addr,
			    unsigned int nr_pages);
void tdx_hpa_list_info_free(struct tdx_hpa_list_info *info);

u64 tdx_hpa_list_info_raw(const struct tdx_hpa_list_info *info);
u64 tdx_hpa_array_t_raw(const struct tdx_hpa_list_info *info);

u64 tdh_ext_init(void);
u64 tdh_ext_mem_add(const struct tdx_hpa_list_info *ext_mem);
u64 tdh_spdm_create(u64 func_id, const struct tdx_hpa_list_info *spdm_mt, u64 *spdm_id);
u64 tdh_spdm_delete(u64 spdm_id);
u64 tdh_spdm_connect(u64 spdm_id, struct page *spdm_conf, struct page *spdm_rsp,
		     struct page *spdm_req, const struct tdx_hpa_list_info *spdm_out, u64 *len);
u64 tdh_spdm_mng(u64 spdm_id, u64 spdm_op, u64 spdm_param, struct page *spdm_rsp,
		 struct page *spdm_req, const struct tdx_hpa_list_info *spdm_out, u64 *len);
u64 tdh_ide_stream_create(u64 stream_info, u64 spdm_id, struct page *stream_mt,
			  u64 *stream_id, u64 *rp_ide_id);
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id);
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id);

#endif /* _HPA_LIST_H */
