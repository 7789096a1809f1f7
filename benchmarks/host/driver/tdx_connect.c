// SPDX-License-Identifier: GPL-2.0
/*
 * Example of a host driver for TDX Connect: bring-up and teardown of a device
 *
 * The call sequences are those of the design, see ../../designs/flat/flows.c.  This
 * file adds their order.  The driver makes no decision about pages on any path.
 */
#include <linux/slab.h>

#include "tdx_connect.h"

/**
 * tdx_link_up - set up an IOMMU, a session with a device and an IDE stream
 * @link: set for tdx_link_down()
 * @design: the call sequences; its ext_start() was called once after boot
 * @config: the device
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.  After an error, everything is taken down.
 */
int tdx_link_up(struct tdx_link *link, const struct design *design,
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

/**
 * tdx_link_down - take down what exists, in reverse order
 * @link: set by tdx_link_up()
 *
 * A failed step does not end the teardown: the pages of that object stay with the
 * TDX module, and the array is freed.
 *
 * Context: May sleep.
 */
void tdx_link_down(struct tdx_link *link)
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
