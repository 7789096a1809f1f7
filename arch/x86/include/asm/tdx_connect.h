/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SEAMCALL wrappers of TDX Connect and of the TDX module's extensions
 *
 * A wrapper tells the module about an array's pages and tells the array what
 * became of them.  It returns the completion status of the leaf, 0 being
 * success, or TDX_WRAPPER_REFUSED.  All of them may sleep.
 */
#ifndef _ASM_X86_TDX_CONNECT_H
#define _ASM_X86_TDX_CONNECT_H

#include <asm/tdx.h>

struct tdx_pa_array;
struct tdx_pa_window;

/*
 * The operands cannot be handed to this leaf.  The module was not entered and
 * the array is as it was.  Lies above every exception vector in the class of
 * software-made codes.
 */
#define TDX_WRAPPER_REFUSED	(TDX_SW_ERROR | 0x100)

/*
 * The module wants a message delivered to the device and its answer brought
 * back with the next call.
 */
#define TDX_SPDM_REQUEST	0xC0000F5700000000ULL

/* The session's key is worn out: update it, then call again. */
#define TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH	0xC0000F4500000000ULL

/* Where a leaf takes an operand or none. */
#define TDX_NO_OPERAND		(~0ULL)

/* What tdh_spdm_mng() does. */
enum tdx_spdm_op {
	TDX_SPDM_HEARTBEAT,
	TDX_SPDM_KEY_UPDATE,
	TDX_SPDM_RECOLLECT,	/* the device information */
};

/**
 * struct tdx_ide_stream - what an IDE stream is made from
 * @info: stream information, as the leaf takes it
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

u64 tdh_phymem_page_wbinvd(phys_addr_t pa);

u64 tdh_ext_init(void);
u64 tdh_ext_mem_add(struct tdx_pa_array *mem, const struct tdx_pa_window *window);

u64 tdh_iommu_setup(u64 reg_base, struct tdx_pa_array *mt, u64 *iommu_id);
u64 tdh_iommu_clear(u64 iommu_id, struct tdx_pa_array *mt);

u64 tdh_spdm_create(u64 func_id, struct tdx_pa_array *mt, u64 *spdm_id);
u64 tdh_spdm_delete(u64 spdm_id, struct tdx_pa_array *mt);

u64 tdh_spdm_connect(u64 spdm_id, phys_addr_t config, phys_addr_t response,
		     phys_addr_t request, const struct tdx_pa_array *info, u64 *len);
u64 tdh_spdm_disconnect(u64 spdm_id, phys_addr_t response, phys_addr_t request, u64 *len);
u64 tdh_spdm_mng(u64 spdm_id, enum tdx_spdm_op op, u64 param, phys_addr_t response,
		 phys_addr_t request, const struct tdx_pa_array *info, u64 *len);

u64 tdh_ide_stream_create(const struct tdx_ide_stream *stream, u64 spdm_id,
			  struct tdx_pa_array *mt, u64 *stream_id, u64 *rp_ide_id);
u64 tdh_ide_stream_km(u64 spdm_id, u64 stream_id, u64 op, phys_addr_t response,
		      phys_addr_t request, u64 *len);
u64 tdh_ide_stream_block(u64 spdm_id, u64 stream_id);
u64 tdh_ide_stream_delete(u64 spdm_id, u64 stream_id, struct tdx_pa_array *mt);

#endif /* _ASM_X86_TDX_CONNECT_H */
