/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of a measurement: one line of JSON each, after the module's name
 *
 * They are printed to the kernel's log at once, or written to a file of debugfs
 * with the module's name.  The log of a machine that does other work has no
 * room for them.
 *
 * For one file of a module.
 */
#ifndef _TDX_RECORDS_H
#define _TDX_RECORDS_H

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/stdarg.h>
#include <linux/vmalloc.h>

#define RECORDS_ROOM	(4UL << 20)

static struct {
	struct debugfs_blob_wrapper blob;
	struct dentry *file;
	bool full;
} records;

/* Make the file.  Without it, the records go to the kernel's log. */
static int records_open(void)
{
	records.blob.data = vmalloc(RECORDS_ROOM);
	if (!records.blob.data)
		return -ENOMEM;

	records.file = debugfs_create_blob(KBUILD_MODNAME, 0400, NULL, &records.blob);
	if (IS_ERR(records.file)) {
		vfree(records.blob.data);
		records.blob.data = NULL;
		return PTR_ERR(records.file);
	}
	return 0;
}

static void records_close(void)
{
	if (!records.blob.data)
		return;
	debugfs_remove(records.file);
	vfree(records.blob.data);
	records.blob.data = NULL;
}

static void records_append(const struct va_format *text)
{
	size_t size = records.blob.size;
	size_t room = RECORDS_ROOM - size;
	size_t len;

	len = snprintf(records.blob.data + size, room, KBUILD_MODNAME ": %pV\n", text);
	if (len >= room) {
		records.full = true;
		return;
	}
	/* The file may be read while it grows. */
	smp_store_release(&records.blob.size, size + len);
}

/* One record, without the name and the end of the line. */
static __printf(1, 2) void record_info(const char *format, ...)
{
	struct va_format text = { .fmt = format };
	va_list args;

	va_start(args, format);
	text.va = &args;
	if (records.blob.data)
		records_append(&text);
	else
		pr_info(KBUILD_MODNAME ": %pV\n", &text);
	va_end(args);
}

#endif /* _TDX_RECORDS_H */
