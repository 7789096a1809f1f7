// SPDX-License-Identifier: GPL-2.0
/*
 * The flows of a host driver for TDX Connect
 *
 * <tdx_connect.h> tells what they are.  This is to show that the array and its
 * wrappers are all that such a driver needs: nothing below keeps account of pages,
 * flushes one, or decides on an error path what becomes of them.  Each array is
 * allocated, handed to wrappers, and released.
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

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "tdx_connect.h"

/* The one place where a completion status becomes an errno. */
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
 * tdx_ext_start - give the module memory for its extensions, and start them
 * @nr_pages: number of 4 KiB pages that the module wants
 *
 * Once after boot: the module keeps what it is given.
 *
 * Context: May sleep.
 * Return: 0 or a negative errno; pages that the module did not take are free then.
 * The others are lost to both, which is told.
 */
int tdx_ext_start(unsigned int nr_pages)
{
	struct tdx_pa_array *mem __free(tdx_pa_array) = tdx_pa_array_alloc(nr_pages);
	struct tdx_pa_window w;
	unsigned int nr = 0;
	u64 status = 0;

	if (!mem)
		return -ENOMEM;

	for_each_tdx_pa_window(&w, mem) {
		status = tdh_ext_mem_add(mem, &w);
		if (status)
			break;
		nr += w.nr;
	}
	if (!status)
		status = tdh_ext_init();
	if (status)
		pr_err("tdx_connect: no extensions, status %#llx: the module keeps at least %u of %u pages\n",
		       status, nr, nr_pages);

	return to_errno(status);
}
EXPORT_SYMBOL_GPL(tdx_ext_start);

/*
 * IOMMUs
 */

/**
 * struct tdx_iommu - an IOMMU that the module has made trusted
 * @id: the module's name for it
 * @mt: its control pages, or NULL if it has no TDX mode
 */
struct tdx_iommu {
	u64 id;
	struct tdx_pa_array *mt;
};

/**
 * struct tdx_connect - what all devices share
 * @sizes: how much the module wants
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
		tdx_pa_array_alloc_iommu_mt(sizes->iommu_order, sizes->iommu);
	int ret;

	if (!mt)
		return -ENOMEM;

	ret = to_errno(tdh_iommu_setup(reg_base, mt, &iommu->id));
	if (!ret)
		iommu->mt = no_free_ptr(mt);
	if (ret != -EINVAL)
		return ret;

	/* One without a TDX mode is none of the module's. */
	pr_info("tdx_connect: IOMMU at %#llx stays as it is: no TDX mode\n", reg_base);
	return 0;
}

static void iommu_clear(struct tdx_iommu *iommu)
{
	if (!iommu->mt)
		return;

	tdh_iommu_clear(iommu->id, iommu->mt);
	tdx_pa_array_release(iommu->mt);
}

/**
 * tdx_connect_start - make the machine's IOMMUs trusted, those that can be
 * @sizes: how much the module wants, copied
 * @reg_bases: PA of the registers of each IOMMU
 * @nr: number of IOMMUs
 *
 * Context: May sleep.
 * Return: to be ended with tdx_connect_stop(), or a negative errno in a pointer;
 * all IOMMUs are as before then.
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
 * tdx_connect_stop - take the IOMMUs back, the last one first
 * @tc: from tdx_connect_start(), which may have failed; no device is connected any
 *	more
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
 * tdx_connect_nr_iommus - number of IOMMUs that are trusted
 * @tc: from tdx_connect_start()
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

/* Pages that host and module share while they talk to a device. */
struct link_shared {
	u8 config[SZ_4K];
	u8 response[SZ_4K];
	u8 request[SZ_4K];
};

/**
 * struct tdx_link - a device, and what the module holds for it
 * @sizes: how much the module wants
 * @ops: the way to the device
 * @device: first argument of @ops
 * @lock: one leaf at a time talks to a device
 * @shared: for messages
 * @buffer: for the device information.  Lives as long as the session, because a leaf that
 *	    has not come to its end may be about to write to it.
 * @spdm_id: the module's name for the session
 * @spdm_mt: control pages of the session, NULL if there is none
 * @connected: TDH.SPDM.CONNECT is done; its information may be of no use
 * @stream_id: the module's name for the stream
 * @stream_mt: control pages of the stream, NULL if there is none
 * @info: device information
 * @info_len: its bytes
 */
struct tdx_link {
	const struct tdx_connect_sizes *sizes;
	const struct tdx_link_ops *ops;
	void *device;
	/* Guards all that follows. */
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

/* One turn of a leaf that talks to the device, with an argument of its own. */
typedef u64 (*link_leaf_t)(const struct tdx_link *link, const void *arg, u64 *len);

static u64 leaf_connect(const struct tdx_link *link, const void *info, u64 *len)
{
	return tdh_spdm_connect(link->spdm_id, virt_to_phys(link->shared->config),
				virt_to_phys(link->shared->response),
				virt_to_phys(link->shared->request), info, len);
}

static u64 leaf_disconnect(const struct tdx_link *link, const void *unused, u64 *len)
{
	return tdh_spdm_disconnect(link->spdm_id, virt_to_phys(link->shared->response),
				   virt_to_phys(link->shared->request), len);
}

static u64 leaf_manage(const struct tdx_link *link, enum tdx_spdm_op op,
		       const struct tdx_pa_array *info, u64 *len)
{
	return tdh_spdm_mng(link->spdm_id, op, TDX_NO_OPERAND,
			    virt_to_phys(link->shared->response),
			    virt_to_phys(link->shared->request), info, len);
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
				 virt_to_phys(link->shared->response),
				 virt_to_phys(link->shared->request), len);
}

/* A device for which one leaf wants more messages is broken. */
#define LINK_MAX_MESSAGES	1000

/*
 * Call a leaf until it wants no message delivered any more.  If the device fails in
 * between, the leaf is not over: the module finds the session busy until it is
 * deleted, and so does every caller.
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

/* The same, after an update of the session's key if the module insists. */
static int link_talk(const struct tdx_link *link, link_leaf_t leaf, const void *arg, u64 *len)
{
	int ret = link_exchange(link, leaf, arg, len);

	if (ret != -EKEYEXPIRED)
		return ret;

	ret = link_exchange(link, leaf_key_update, NULL, len);
	return ret ?: link_exchange(link, leaf, arg, len);
}

/*
 * Have a leaf write the device information to the buffer, and keep a copy.  Both leaves
 * that do leave the session connected, whatever becomes of the copy.
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
	ret = tdx_pa_array_copy_out(link->buffer, info, 0, len);
	if (ret)
		return ret;

	swap(link->info, info);
	link->info_len = len;
	return 0;
}

static int link_open_session(struct tdx_link *link, u64 func_id)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = tdx_pa_array_alloc(link->sizes->spdm);
	int ret;

	if (!mt)
		return -ENOMEM;

	ret = to_errno(tdh_spdm_create(func_id, mt, &link->spdm_id));
	if (!ret)
		link->spdm_mt = no_free_ptr(mt);
	return ret;
}

/* Whatever fails here, release knows what the module still holds. */
static void link_close_stream(struct tdx_link *link)
{
	if (!link->stream_mt)
		return;

	if (!tdh_ide_stream_block(link->spdm_id, link->stream_id))
		tdh_ide_stream_delete(link->spdm_id, link->stream_id, link->stream_mt);
	tdx_pa_array_release(link->stream_mt);
	link->stream_mt = NULL;
}

static void link_close_session(struct tdx_link *link)
{
	u64 len;

	if (!link->spdm_mt)
		return;

	/* To be polite to the device.  The session ends without it, too. */
	if (link->connected)
		link_talk(link, leaf_disconnect, NULL, &len);
	tdh_spdm_delete(link->spdm_id, link->spdm_mt);
	tdx_pa_array_release(link->spdm_mt);
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
	link->buffer = tdx_pa_array_alloc(tc->sizes.info);
	if (!link->shared || !link->buffer) {
		tdx_link_disconnect(link);
		return NULL;
	}

	return link;
}

/**
 * tdx_link_connect - open a session with a device and get its information
 * @tc: from tdx_connect_start()
 * @func_id: the device function
 * @ops: the way to the device
 * @device: first argument of @ops
 *
 * Context: May sleep.
 * Return: to be ended with tdx_link_disconnect(), or a negative errno in a pointer.
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
 * @link: from tdx_link_connect(), which may have failed; nobody else uses it any more
 *
 * Context: May sleep.
 */
void tdx_link_disconnect(struct tdx_link *link)
{
	if (IS_ERR_OR_NULL(link))
		return;

	link_close_stream(link);
	link_close_session(link);
	tdx_pa_array_release(link->buffer);
	kvfree(link->info);
	kfree(link->shared);
	kfree(link);
}
EXPORT_SYMBOL_GPL(tdx_link_disconnect);

/**
 * tdx_link_heartbeat - keep a session alive
 * @link: from tdx_link_connect()
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
 * @link: from tdx_link_connect()
 *
 * Context: May sleep.
 * Return: 0, or a negative errno, and what was known before is kept.
 */
int tdx_link_recollect(struct tdx_link *link)
{
	guard(mutex)(&link->lock);

	return link_get_info(link, leaf_recollect);
}
EXPORT_SYMBOL_GPL(tdx_link_recollect);

/**
 * tdx_link_read_info - read from the device information
 * @link: from tdx_link_connect()
 * @dst: where to copy to
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
 * @link: from tdx_link_connect()
 * @stream: what it is made from
 * @key_ops: operations of TDH.IDE.STREAM.KM that make it run, in this order
 * @nr: their number
 * @rp_ide_id: IDE ID of the root port, set once the stream is made, although its keys
 *	may fail
 *
 * Context: May sleep.
 * Return: 0, -EEXIST if there is a stream, or another negative errno; the stream is
 * ended then.  If the module refuses to end it, its pages stay with the module.
 */
int tdx_link_protect(struct tdx_link *link, const struct tdx_ide_stream *stream,
		     const u64 *key_ops, unsigned int nr, u64 *rp_ide_id)
{
	struct tdx_pa_array *mt __free(tdx_pa_array) = tdx_pa_array_alloc(link->sizes->ide);
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
 * tdx_link_unprotect - end the stream of a device, if there is one
 * @link: from tdx_link_connect()
 *
 * Context: May sleep.
 */
void tdx_link_unprotect(struct tdx_link *link)
{
	guard(mutex)(&link->lock);

	link_close_stream(link);
}
EXPORT_SYMBOL_GPL(tdx_link_unprotect);

MODULE_DESCRIPTION("Flows of a host driver for TDX Connect, without PCI");
MODULE_LICENSE("GPL");
