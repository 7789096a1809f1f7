/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Example of a host driver for TDX Connect: bring-up and teardown of a device
 *
 * A real driver gets the configuration from PCI and from the TDX module.
 */
#ifndef _TDX_CONNECT_H
#define _TDX_CONNECT_H

#include <linux/types.h>

#include "../../designs/design.h"

/**
 * struct tdx_link_config - a device, and the numbers of pages that the module requires
 * @reg_base: PA of the registers of its IOMMU
 * @iommu_order: each of the two queues of the IOMMU has 1 << @iommu_order pages
 * @nr_iommu: single pages of the IOMMU, without the queues
 * @func_id: the device function
 * @nr_spdm: control pages of the SPDM session
 * @nr_info: pages of the buffer for the device information
 * @stream_info: describes the IDE stream
 * @nr_ide: control pages of the IDE stream
 */
struct tdx_link_config {
	u64 reg_base;
	unsigned int iommu_order;
	unsigned int nr_iommu;
	u64 func_id;
	unsigned int nr_spdm;
	unsigned int nr_info;
	u64 stream_info;
	unsigned int nr_ide;
};

/**
 * struct tdx_link - a device whose traffic is protected
 * @design: the call sequences
 * @iommu: its IOMMU; the array of each object is NULL if the object does not exist
 * @spdm: its SPDM session
 * @info: device information
 * @info_len: bytes of @info
 * @ide: its IDE stream
 */
struct tdx_link {
	const struct design *design;
	struct design_object iommu;
	struct design_object spdm;
	void *info;
	size_t info_len;
	struct design_object ide;
};

int tdx_link_up(struct tdx_link *link, const struct design *design,
		const struct tdx_link_config *config);
void tdx_link_down(struct tdx_link *link);

#endif /* _TDX_CONNECT_H */
