// SPDX-License-Identifier: GPL-2.0
/*
 * Example of a host driver for TDX Connect: several devices, and keys of
 * sessions
 *
 * Keys need no pages, so this calls the wrapper without a design.
 */
#include <asm/tdx_connect.h>

#include "tdx_connect.c"

/**
 * tdx_link_update_key - update the key of the session of a link
 * @link: set by tdx_link_up()
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.
 */
static int tdx_link_update_key(struct tdx_link *link)
{
	const struct design_pages *p = &design_shared;
	unsigned int rounds = 0;
	u64 len, status;

	do {
		status = tdh_spdm_mng(link->spdm.id, TDX_SPDM_KEY_UPDATE, NULL, p->response,
				      p->request, NULL, &len);
	} while (design_deliver(status, len, &rounds));

	return status ? -EIO : 0;
}

/**
 * tdx_links_down - take down several links, the last one first
 * @links: set by tdx_links_up()
 * @nr: number of links
 *
 * Context: May sleep.
 */
static void tdx_links_down(struct tdx_link *links, unsigned int nr)
{
	while (nr--)
		tdx_link_down(&links[nr]);
}

/**
 * tdx_links_up - set up several links, then update the key of each session
 * @links: set for tdx_links_down()
 * @nr: number of links
 * @design: the call sequences
 * @configs: the devices
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.  After an error, everything is taken down.
 */
static int tdx_links_up(struct tdx_link *links, unsigned int nr, const struct design *design,
			const struct tdx_link_config *configs)
{
	unsigned int nr_up;
	int ret = 0;

	for (nr_up = 0; !ret && nr_up < nr; nr_up++)
		ret = tdx_link_up(&links[nr_up], design, &configs[nr_up]);
	for (unsigned int i = 0; !ret && i < nr; i++)
		ret = tdx_link_update_key(&links[i]);
	/* A link that failed is empty. */
	if (ret)
		tdx_links_down(links, nr_up);

	return ret;
}
