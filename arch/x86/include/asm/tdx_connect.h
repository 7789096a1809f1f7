/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SEAMCALL wrappers for TDX Connect and for the extensions of the TDX module
 *
 * A wrapper that passes an array records in it what the module did with the
 * pages.  All wrappers return the completion status of the leaf, or 0 if it
 * succeeded with additional information.  Only tdh_ext_mem_add() returns such
 * information.  The status TDX_SW_ERROR reports a programmer error: the wrapper
 * warned and did not call the module.
 */
#ifndef _ASM_X86_TDX_CONNECT_H
#define _ASM_X86_TDX_CONNECT_H

#include <asm/tdx.h>
#include <asm/tdx_pa_array.h>

/* Deliver the message in the request page to the device, then call again. */
#define TDX_SPDM_REQUEST			0xC0000F5700000000ULL
/* Update the session key with TDX_SPDM_KEY_UPDATE, then call again. */
#define TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH	0xC0000F4500000000ULL

/* Operations of tdh_spdm_mng() */
enum tdx_spdm_op {
	TDX_SPDM_HEARTBEAT,
	TDX_SPDM_KEY_UPDATE,
	TDX_SPDM_RECOLLECT,	/* the device information */
};

/**
 * struct tdx_ide_stream - operands that describe an IDE stream
 * @info: stream information
 * @control: value of the IDE stream control register
 * @rid_assoc: values of the requester ID association registers
 * @addr_assoc: values of the address association registers
 */
struct tdx_ide_stream {
	u64 info;
	u64 control;
	u64 rid_assoc[2];
	u64 addr_assoc[3];
};

u64 tdh_ext_init(void);
u64 tdh_ext_mem_add(struct tdx_pa_array *mem);

u64 tdh_iommu_setup(u64 reg_base, struct tdx_pa_array *mt, u64 *iommu_id);
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_pa_array *mt);

u64 tdh_spdm_create(u64 func_id, struct tdx_pa_array *mt, u64 *spdm_id);
u64 tdh_spdm_delete(u64 spdm_id, struct tdx_pa_array *mt);

u64 tdh_spdm_connect(u64 spdm_id, struct page *config, struct page *response,
		     struct page *request, const struct tdx_pa_array *info, u64 *len);
u64 tdh_spdm_disconnect(u64 spdm_id, struct page *response, struct page *request, u64 *len);
u64 tdh_spdm_mng(u64 spdm_id, enum tdx_spdm_op op, struct page *param, struct page *response,
		 struct page *request, const struct tdx_pa_array *info, u64 *len);

u64 tdh_ide_stream_create(const struct tdx_ide_stream *stream, u64 spdm_id,
			  struct tdx_pa_array *mt, u64 *stream_id, u64 *rp_ide_id);
u64 tdh_ide_stream_km(u64 spdm_id, u64 stream_id, u64 op, struct page *response,
		      struct page *request, u64 *len);
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id);
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_pa_array *mt);

#endif /* _ASM_X86_TDX_CONNECT_H */
