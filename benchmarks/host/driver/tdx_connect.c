// SPDX-License-Identifier: GPL-2.0
/*
 * Example of a host driver for TDX Connect: bring-up and teardown of a device
 *
 * The call sequences are those of the design, see ../../designs/flat/flows.c.
 * This file adds their order.  The driver makes no decision about pages on any
 * path.  A real driver gets the configuration from PCI and from the TDX module.
 */
#include <linux/slab.h>
#include <linux/types.h>

#include "../../designs/design.h"

/**
 * struct tdx_link_config - a device, and the numbers of pages that the module
 * requires
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
 * @iommu: its IOMMU; the array of each object is NULL if the object does not
 *	exist
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

/**
 * tdx_link_down - take down what exists, in reverse order
 * @link: set by tdx_link_up()
 *
 * A failed step does not end the teardown: the pages of that object stay with
 * the TDX module, and the array is freed.
 *
 * Context: May sleep.
 */
static void tdx_link_down(struct tdx_link *link)
{
	if (link->ide.array)
		link->design->ide_delete(&link->spdm, &link->ide);
	kfree(link->info);
	if (link->spdm.array)
		link->design->spdm_delete(&link->spdm);
	if (link->iommu.array)
		link->design->iommu_clear(&link->iommu);

	*link = (struct tdx_link) {};
}

/**
 * tdx_link_up - set up an IOMMU, a session with a device and an IDE stream
 * @link: set for tdx_link_down()
 * @design: the call sequences; its ext_start() was called once after boot
 * @config: the device
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.  After an error, everything is taken down.
 */
static int tdx_link_up(struct tdx_link *link, const struct design *design,
		       const struct tdx_link_config *config)
{
	int ret;

	*link = (struct tdx_link) { .design = design };

	ret = design->iommu_setup(config->reg_base, config->iommu_order, config->nr_iommu,
				  &link->iommu);
	if (!ret)
		ret = design->spdm_create(config->func_id, config->nr_spdm, &link->spdm);
	if (!ret)
		ret = design->read_info(&link->spdm, INFO_CONNECT, config->nr_info, &link->info,
					&link->info_len);
	if (!ret)
		ret = design->ide_create(config->stream_info, &link->spdm, config->nr_ide,
					 &link->ide);
	if (ret)
		tdx_link_down(link);

	return ret;
}
