/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A host driver for TDX Connect without PCI
 *
 * The TDX module takes pages of the host for its extensions, IOMMUs, SPDM sessions
 * with devices, and IDE streams of these devices.  Call order:
 *
 *	tdx_ext_start()				once after boot
 *	tdx_connect_start()			the IOMMUs
 *		tdx_link_connect()		a device: session and information
 *			tdx_link_protect()	its stream, with keys
 *			tdx_link_heartbeat(), tdx_link_recollect(), ...
 *			tdx_link_unprotect()
 *		tdx_link_disconnect()
 *	tdx_connect_stop()
 *
 * The driver reads no field of an array.
 *
 * The caller supplies the operands of the leaves that depend on the device, and
 * delivers messages.  A real driver uses a DOE mailbox.
 */
#ifndef _TDX_CONNECT_H
#define _TDX_CONNECT_H

#include <linux/cleanup.h>
#include <linux/types.h>

struct tdx_ide_stream;
struct tdx_connect;
struct tdx_link;

/**
 * struct tdx_connect_sizes - numbers of pages that the module requires
 * @iommu_order: each of the two queues of an IOMMU has 1 << @iommu_order pages
 * @iommu: single pages of an IOMMU, without the queues
 * @spdm: control pages of a session
 * @ide: control pages of a stream
 * @info: pages of the buffer for the device information
 *
 * Pages of 4 KiB.
 */
struct tdx_connect_sizes {
	unsigned int iommu_order;
	unsigned int iommu;
	unsigned int spdm;
	unsigned int ide;
	unsigned int info;
};

/**
 * struct tdx_link_ops - functions that reach a device
 * @deliver: send @len bytes of @request to the device, and write its answer to
 *	     @response, a page of 4 KiB.  May sleep.  Return 0 or a negative errno.
 */
struct tdx_link_ops {
	int (*deliver)(void *device, const void *request, size_t len, void *response);
};

int tdx_ext_start(unsigned int nr_pages);

struct tdx_connect *tdx_connect_start(const struct tdx_connect_sizes *sizes,
				      const u64 *reg_bases, unsigned int nr);
void tdx_connect_stop(struct tdx_connect *tc);
unsigned int tdx_connect_nr_iommus(const struct tdx_connect *tc);

DEFINE_FREE(tdx_connect, struct tdx_connect *, tdx_connect_stop(_T))

struct tdx_link *tdx_link_connect(const struct tdx_connect *tc, u64 func_id,
				  const struct tdx_link_ops *ops, void *device);
void tdx_link_disconnect(struct tdx_link *link);
int tdx_link_heartbeat(struct tdx_link *link);
int tdx_link_recollect(struct tdx_link *link);
size_t tdx_link_read_info(struct tdx_link *link, void *dst, size_t offset, size_t len);
int tdx_link_protect(struct tdx_link *link, const struct tdx_ide_stream *stream,
		     const u64 *key_ops, unsigned int nr, u64 *rp_ide_id);
void tdx_link_unprotect(struct tdx_link *link);

DEFINE_FREE(tdx_link, struct tdx_link *, tdx_link_disconnect(_T))

#endif /* _TDX_CONNECT_H */
