// SPDX-License-Identifier: GPL-2.0
/*
 * The call sequences of a host driver for TDX Connect
 *
 * "tdx_connect.h" lists them.  They show that such a driver needs only the array
 * and its wrappers.  The driver does not count pages, does not flush them, and has
 * no decision about them on an error path.  It allocates each array, passes it to
 * wrappers and frees it.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "tdx_connect.h"

static int to_errno(u64 status)
{
	switch (status & TDX_SEAMCALL_STATUS_MASK) {
	case 0:
		return 0;
	case TDX_OPERAND_INVALID:
		return -EINVAL;
	case TDX_OPERAND_BUSY:
		return -EBUSY;
	case TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH:
		return -EKEYEXPIRED;
	default:
		return -EIO;
	}
}

/*
 * The module's extensions
 */

/**
 * tdx_ext_start - donate memory to the extensions of the module, and start them
 * @nr_pages: number of 4 KiB pages that the module requires
 *
 * To be called once after boot.  The module keeps the pages.
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.
 */
int tdx_ext_start(unsigned int nr_pages)
{
	struct tdx_pa_array *mem __free(tdx_pa_array) = tdx_pa_array_alloc(nr_pages, NUMA_NO_NODE);
	u64 status;

	if (!mem)
		return -ENOMEM;

	/* The pool may be full before all pages are added. */
	status = tdh_ext_mem_add(mem);
	if (!(status & TDX_ERROR))
		status = tdh_ext_init();
	if (status)
		pr_err("tdx_connect: the extensions do not start: status %#llx\n", status);

	return to_errno(status);
}
EXPORT_SYMBOL_GPL(tdx_ext_start);

/*
 * IOMMUs
 */

/**
 * struct tdx_iommu - an IOMMU
 * @id: identifies it to the module
 * @mt: its control pages, or NULL if it has no TDX mode
 */
struct tdx_iommu {
	u64 id;
	struct tdx_pa_array *mt;
};

/**
 * struct tdx_connect - the IOMMUs, and the sizes for all devices
 * @sizes: numbers of pages that the module requires
 * @nr: number of IOMMUs
 * @iommus: the IOMMUs
 */
struct tdx_connect {
	struct tdx_connect_sizes sizes;
	unsigned int nr;
	struct tdx_iommu iommus[] __counted_by(nr);
};

static int iommu_setup(struct tdx_iommu *iommu, const struct tdx_connect_sizes *sizes,
		       u64 reg_base)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) =
		tdx_pa_array_alloc_iommu_mt(sizes->iommu_order, sizes->iommu, NUMA_NO_NODE);
	int ret;

	if (!mt)
		return -ENOMEM;

	ret = to_errno(tdh_iommu_setup(reg_base, mt, &iommu->id));
	if (!ret)
		iommu->mt = no_free_ptr(mt);
	if (ret != -EINVAL)
		return ret;

	pr_info("tdx_connect: the IOMMU at %#llx has no TDX mode\n", reg_base);
	return 0;
}

static void iommu_clear(struct tdx_iommu *iommu)
{
	if (!iommu->mt)
		return;

	tdh_iommu_clear(iommu->id, iommu->mt);
	tdx_pa_array_free(iommu->mt);
}

/**
 * tdx_connect_start - set up all IOMMUs that have a TDX mode
 * @sizes: numbers of pages that the module requires; copied
 * @reg_bases: PA of the registers of each IOMMU
 * @nr: number of IOMMUs
 *
 * Context: May sleep.
 * Return: an object for tdx_connect_stop(), or a negative errno in a pointer.  After
 * an error, no IOMMU is set up.
 */
struct tdx_connect *tdx_connect_start(const struct tdx_connect_sizes *sizes,
				      const u64 *reg_bases, unsigned int nr)
{
	struct tdx_connect *tc __free(tdx_connect) = NULL;

	tc = kzalloc_flex(*tc, iommus, nr);
	if (!tc)
		return ERR_PTR(-ENOMEM);

	tc->sizes = *sizes;
	tc->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		int ret = iommu_setup(&tc->iommus[i], sizes, reg_bases[i]);

		if (ret)
			return ERR_PTR(ret);
	}

	return_ptr(tc);
}
EXPORT_SYMBOL_GPL(tdx_connect_start);

/**
 * tdx_connect_stop - clear the IOMMUs, the last one first
 * @tc: result of tdx_connect_start(), or an error pointer; no device is connected
 *
 * Context: May sleep.
 */
void tdx_connect_stop(struct tdx_connect *tc)
{
	if (IS_ERR_OR_NULL(tc))
		return;

	for (unsigned int i = tc->nr; i--; )
		iommu_clear(&tc->iommus[i]);
	kfree(tc);
}
EXPORT_SYMBOL_GPL(tdx_connect_stop);

/**
 * tdx_connect_nr_iommus - get the number of IOMMUs that are set up
 * @tc: result of tdx_connect_start()
 *
 * Context: Any.
 * Return: number of IOMMUs.
 */
unsigned int tdx_connect_nr_iommus(const struct tdx_connect *tc)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < tc->nr; i++)
		nr += !!tc->iommus[i].mt;
	return nr;
}
EXPORT_SYMBOL_GPL(tdx_connect_nr_iommus);

/*
 * Devices
 */

/* Shared pages for messages.  Each is a whole page. */
struct link_shared {
	u8 config[SZ_4K];
	u8 response[SZ_4K];
	u8 request[SZ_4K];
};

/**
 * struct tdx_link - a device
 * @sizes: numbers of pages that the module requires
 * @ops: functions that reach the device
 * @device: first argument of @ops
 * @lock: serialises the leaves that exchange messages with the device
 * @shared: for messages
 * @buffer: for the device information.  It is freed after the session ends: an
 *	    unfinished leaf may still write to it.
 * @spdm_id: identifies the session to the module
 * @spdm_mt: control pages of the session, NULL without a session
 * @connected: TDH.SPDM.CONNECT succeeded
 * @stream_id: identifies the stream to the module
 * @stream_mt: control pages of the stream, NULL without a stream
 * @info: device information
 * @info_len: bytes of @info
 */
struct tdx_link {
	const struct tdx_connect_sizes *sizes;
	const struct tdx_link_ops *ops;
	void *device;
	/* Protects all that follows */
	struct mutex lock;
	struct link_shared *shared;
	struct tdx_pa_array *buffer;
	u64 spdm_id;
	struct tdx_pa_array *spdm_mt;
	bool connected;
	u64 stream_id;
	struct tdx_pa_array *stream_mt;
	void *info;
	size_t info_len;
};

/* Call a leaf that exchanges messages once, with an argument of its own. */
typedef u64 (*link_leaf_t)(const struct tdx_link *link, const void *arg, u64 *len);

static u64 leaf_connect(const struct tdx_link *link, const void *info, u64 *len)
{
	return tdh_spdm_connect(link->spdm_id, virt_to_page(link->shared->config),
				virt_to_page(link->shared->response),
				virt_to_page(link->shared->request), info, len);
}

static u64 leaf_disconnect(const struct tdx_link *link, const void *unused, u64 *len)
{
	return tdh_spdm_disconnect(link->spdm_id, virt_to_page(link->shared->response),
				   virt_to_page(link->shared->request), len);
}

static u64 leaf_manage(const struct tdx_link *link, enum tdx_spdm_op op,
		       const struct tdx_pa_array *info, u64 *len)
{
	return tdh_spdm_mng(link->spdm_id, op, NULL,
			    virt_to_page(link->shared->response),
			    virt_to_page(link->shared->request), info, len);
}

static u64 leaf_heartbeat(const struct tdx_link *link, const void *unused, u64 *len)
{
	return leaf_manage(link, TDX_SPDM_HEARTBEAT, NULL, len);
}

static u64 leaf_key_update(const struct tdx_link *link, const void *unused, u64 *len)
{
	return leaf_manage(link, TDX_SPDM_KEY_UPDATE, NULL, len);
}

static u64 leaf_recollect(const struct tdx_link *link, const void *info, u64 *len)
{
	return leaf_manage(link, TDX_SPDM_RECOLLECT, info, len);
}

static u64 leaf_program_key(const struct tdx_link *link, const void *op, u64 *len)
{
	return tdh_ide_stream_km(link->spdm_id, link->stream_id, *(const u64 *)op,
				 virt_to_page(link->shared->response),
				 virt_to_page(link->shared->request), len);
}

/* A device that exchanges more messages for one leaf is broken. */
#define LINK_MAX_MESSAGES	1000

/*
 * Call a leaf and deliver messages until it is done.  If the device fails before, the
 * leaf is unfinished: the session is busy until it is deleted.
 */
static int link_exchange(const struct tdx_link *link, link_leaf_t leaf, const void *arg,
			 u64 *len)
{
	for (unsigned int i = 0; i < LINK_MAX_MESSAGES; i++) {
		u64 status = leaf(link, arg, len);
		int ret;

		if ((status & TDX_SEAMCALL_STATUS_MASK) != TDX_SPDM_REQUEST)
			return to_errno(status);
		if (*len > sizeof(link->shared->request))
			return -EPROTO;

		ret = link->ops->deliver(link->device, link->shared->request, *len,
					 link->shared->response);
		if (ret)
			return ret;
	}

	return -EPROTO;
}

/* The same.  Updates the session key if the module requires it. */
static int link_talk(const struct tdx_link *link, link_leaf_t leaf, const void *arg, u64 *len)
{
	int ret = link_exchange(link, leaf, arg, len);

	if (ret != -EKEYEXPIRED)
		return ret;

	ret = link_exchange(link, leaf_key_update, NULL, len);
	return ret ?: link_exchange(link, leaf, arg, len);
}

/*
 * Call a leaf that writes the device information to the buffer, and keep a copy.  After
 * success of either leaf the session is connected, even if the copy fails.
 */
static int link_get_info(struct tdx_link *link, link_leaf_t leaf)
{
	void *info __free(kvfree) = NULL;
	u64 len = 0;
	int ret;

	ret = link_talk(link, leaf, link->buffer, &len);
	if (ret)
		return ret;
	link->connected = true;
	if (len > (u64)link->sizes->info * SZ_4K)
		return -EPROTO;
	info = kvmalloc(len, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	ret = tdx_pa_array_copy_out(link->buffer, info, len);
	if (ret)
		return ret;

	swap(link->info, info);
	link->info_len = len;
	return 0;
}

static int link_open_session(struct tdx_link *link, u64 func_id)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) =
		tdx_pa_array_alloc(link->sizes->spdm, NUMA_NO_NODE);
	int ret;

	if (!mt)
		return -ENOMEM;

	ret = to_errno(tdh_spdm_create(func_id, mt, &link->spdm_id));
	if (!ret)
		link->spdm_mt = no_free_ptr(mt);
	return ret;
}

/* If a leaf fails, the array records it, and its pages stay with the module. */
static void link_close_stream(struct tdx_link *link)
{
	if (!link->stream_mt)
		return;

	if (!tdh_ide_stream_block(link->spdm_id, link->stream_id))
		tdh_ide_stream_delete(link->spdm_id, link->stream_id, link->stream_mt);
	tdx_pa_array_free(link->stream_mt);
	link->stream_mt = NULL;
}

static void link_close_session(struct tdx_link *link)
{
	u64 len;

	if (!link->spdm_mt)
		return;

	/* For the device.  The session also ends without it. */
	if (link->connected)
		link_talk(link, leaf_disconnect, NULL, &len);
	tdh_spdm_delete(link->spdm_id, link->spdm_mt);
	tdx_pa_array_free(link->spdm_mt);
}

static struct tdx_link *link_alloc(const struct tdx_connect *tc,
				   const struct tdx_link_ops *ops, void *device)
{
	struct tdx_link *link = kzalloc_obj(*link, GFP_KERNEL);

	if (!link)
		return NULL;

	link->sizes = &tc->sizes;
	link->ops = ops;
	link->device = device;
	mutex_init(&link->lock);

	link->shared = kzalloc_obj(*link->shared, GFP_KERNEL);
	link->buffer = tdx_pa_array_alloc(tc->sizes.info, NUMA_NO_NODE);
	if (!link->shared || !link->buffer) {
		tdx_link_disconnect(link);
		return NULL;
	}

	return link;
}

/**
 * tdx_link_connect - open a session with a device and get its information
 * @tc: result of tdx_connect_start()
 * @func_id: the device function
 * @ops: functions that reach the device
 * @device: first argument of @ops
 *
 * Context: May sleep.
 * Return: an object for tdx_link_disconnect(), or a negative errno in a pointer.
 */
struct tdx_link *tdx_link_connect(const struct tdx_connect *tc, u64 func_id,
				  const struct tdx_link_ops *ops, void *device)
{
	struct tdx_link *link __free(tdx_link) = link_alloc(tc, ops, device);
	int ret;

	if (!link)
		return ERR_PTR(-ENOMEM);

	ret = link_open_session(link, func_id);
	if (ret)
		return ERR_PTR(ret);

	ret = link_get_info(link, leaf_connect);
	if (ret)
		return ERR_PTR(ret);

	return_ptr(link);
}
EXPORT_SYMBOL_GPL(tdx_link_connect);

/**
 * tdx_link_disconnect - end stream and session of a device
 * @link: result of tdx_link_connect(), or an error pointer; it has no other user
 *
 * Context: May sleep.
 */
void tdx_link_disconnect(struct tdx_link *link)
{
	if (IS_ERR_OR_NULL(link))
		return;

	link_close_stream(link);
	link_close_session(link);
	tdx_pa_array_free(link->buffer);
	kvfree(link->info);
	kfree(link->shared);
	kfree(link);
}
EXPORT_SYMBOL_GPL(tdx_link_disconnect);

/**
 * tdx_link_heartbeat - keep a session alive
 * @link: result of tdx_link_connect()
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.
 */
int tdx_link_heartbeat(struct tdx_link *link)
{
	u64 len;

	guard(mutex)(&link->lock);

	return link_talk(link, leaf_heartbeat, NULL, &len);
}
EXPORT_SYMBOL_GPL(tdx_link_heartbeat);

/**
 * tdx_link_recollect - get the device information again
 * @link: result of tdx_link_connect()
 *
 * Context: May sleep.
 * Return: 0, or a negative errno.  After an error, the old information is kept.
 */
int tdx_link_recollect(struct tdx_link *link)
{
	guard(mutex)(&link->lock);

	return link_get_info(link, leaf_recollect);
}
EXPORT_SYMBOL_GPL(tdx_link_recollect);

/**
 * tdx_link_read_info - read from the device information
 * @link: result of tdx_link_connect()
 * @dst: destination
 * @offset: first byte
 * @len: number of bytes
 *
 * Context: May sleep.
 * Return: number of bytes copied, fewer than @len at the end of the information.
 */
size_t tdx_link_read_info(struct tdx_link *link, void *dst, size_t offset, size_t len)
{
	guard(mutex)(&link->lock);

	if (offset >= link->info_len)
		return 0;

	len = min(len, link->info_len - offset);
	memcpy(dst, link->info + offset, len);
	return len;
}
EXPORT_SYMBOL_GPL(tdx_link_read_info);

/**
 * tdx_link_protect - protect the traffic of a device with an IDE stream
 * @link: result of tdx_link_connect()
 * @stream: describes the stream
 * @key_ops: operations of TDH.IDE.STREAM.KM that start the stream, in this order
 * @nr: number of operations
 * @rp_ide_id: IDE ID of the root port, valid if the stream was created
 *
 * Context: May sleep.
 * Return: 0, -EEXIST if there is a stream, or another negative errno.  After such an
 * error, there is no stream.
 */
int tdx_link_protect(struct tdx_link *link, const struct tdx_ide_stream *stream,
		     const u64 *key_ops, unsigned int nr, u64 *rp_ide_id)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) =
		tdx_pa_array_alloc(link->sizes->ide, NUMA_NO_NODE);
	u64 len;
	int ret;

	if (!mt)
		return -ENOMEM;

	guard(mutex)(&link->lock);

	if (link->stream_mt)
		return -EEXIST;

	ret = to_errno(tdh_ide_stream_create(stream, link->spdm_id, mt, &link->stream_id,
					     rp_ide_id));
	if (ret)
		return ret;
	link->stream_mt = no_free_ptr(mt);

	for (unsigned int i = 0; i < nr && !ret; i++)
		ret = link_talk(link, leaf_program_key, key_ops + i, &len);
	if (ret)
		link_close_stream(link);

	return ret;
}
EXPORT_SYMBOL_GPL(tdx_link_protect);

/**
 * tdx_link_unprotect - delete the stream of a device, if there is one
 * @link: result of tdx_link_connect()
 *
 * Context: May sleep.
 */
void tdx_link_unprotect(struct tdx_link *link)
{
	guard(mutex)(&link->lock);

	link_close_stream(link);
}
EXPORT_SYMBOL_GPL(tdx_link_unprotect);

MODULE_DESCRIPTION("Call sequences of a host driver for TDX Connect, without PCI");
MODULE_LICENSE("GPL");
