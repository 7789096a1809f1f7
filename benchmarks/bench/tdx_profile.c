// SPDX-License-Identifier: GPL-2.0
/*
 * One operation of one design, between two marks
 *
 * A recorder of executed instructions finds the operation between
 * tdx_profile_begin() and tdx_profile_end().
 *
 * Writing "OPERATION DESIGN PAGES" to the debugfs file runs the operation
 * ROUNDS times, and again if the clock's interrupt came in the last one.
 * Reading it returns the time of the last round without that of the marks.  If
 * an instruction takes a nanosecond, this is the number of instructions.
 */
#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"

#define ROUNDS	8

enum op { CREATE, RELEASE, RELEASE_FLUSHED, NR_OPS };

static const char * const op_names[NR_OPS] = {
	[CREATE]		= "create",
	[RELEASE]		= "release",
	[RELEASE_FLUSHED]	= "release-flushed",
};

static char result[128] = "nothing was run\n";

/* The two must differ, or the compiler merges them. */
static noinline void tdx_profile_begin(void)
{
	asm volatile("" : : "i" (0) : "memory");
}

static noinline void tdx_profile_end(void)
{
	asm volatile("" : : "i" (1) : "memory");
}

/* Time of no operation */
static u64 empty_ns(void)
{
	u64 start = ktime_get_ns();

	tdx_profile_begin();
	tdx_profile_end();
	return ktime_get_ns() - start;
}

/*
 * Create and release an array, @op of it between the marks.  ns, or a negative
 * errno.
 */
static s64 run(const struct design *design, enum op op, unsigned int nr)
{
	enum design_use use = nr <= 512 ? USE_CONTROL : USE_MEMORY;
	u64 ns = ktime_get_ns();
	void *array;

	if (op == CREATE)
		tdx_profile_begin();
	array = design->create(use, nr);
	if (op == CREATE) {
		tdx_profile_end();
		ns = ktime_get_ns() - ns;
	}
	if (!array)
		return -ENOMEM;
	if (op == CREATE) {
		design->release(array);
		return ns;
	}

	ns = ktime_get_ns();
	tdx_profile_begin();
	if (op == RELEASE_FLUSHED)
		design->release_flushed(array);
	else
		design->release(array);
	tdx_profile_end();
	return ktime_get_ns() - ns;
}

static ssize_t profile_write(struct file *file, const char __user *text, size_t len,
			     loff_t *pos)
{
	char line[64] = "", op_name[16], name[16];
	const struct design *design;
	unsigned int nr;
	unsigned long tick = 0;
	s64 ns = 0;
	int op;

	if (len >= sizeof(line) || copy_from_user(line, text, len))
		return -EFAULT;
	if (sscanf(line, "%15s %15s %u", op_name, name, &nr) != 3)
		return -EINVAL;
	op = match_string(op_names, NR_OPS, op_name);
	design = design_find(name);
	if (op < 0 || !design || (op == RELEASE_FLUSHED && !design->release_flushed))
		return -EINVAL;

	design_select(design);
	/* The clock's interrupt must not be part of the last round. */
	for (int i = 0;
	     i < 2 * ROUNDS && (i < ROUNDS || time_after(jiffies, tick)) && ns >= 0; i++) {
		tick = jiffies;
		ns = run(design, op, nr);
	}
	if (ns < 0)
		return ns;

	snprintf(result, sizeof(result), "%lld\n", ns - (s64)empty_ns());
	return len;
}

static int profile_show(struct seq_file *m, void *unused)
{
	seq_puts(m, result);
	return 0;
}

static int profile_open(struct inode *inode, struct file *file)
{
	return single_open(file, profile_show, NULL);
}

static const struct file_operations profile_fops = {
	.owner = THIS_MODULE,
	.open = profile_open,
	.read = seq_read,
	.write = profile_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static struct dentry *profile_file;

static int __init profile_init(void)
{
	/* As in the benchmark */
	tdx_model_set_erratum(false);
	profile_file = debugfs_create_file("tdx_profile", 0600, NULL, NULL, &profile_fops);
	return 0;
}
module_init(profile_init);

static void __exit profile_exit(void)
{
	debugfs_remove(profile_file);
	tdx_model_set_erratum(true);
}
module_exit(profile_exit);

MODULE_DESCRIPTION("One operation of a design, for a profiler");
MODULE_LICENSE("GPL");
