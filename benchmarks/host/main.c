// SPDX-License-Identifier: GPL-2.0
/*
 * Measure the TDX module of a TDX host, and watch the modules that run
 * afterwards
 *
 * Loading this module measures and leaves records in debugfs.  The watch stays
 * installed until this module is unloaded.
 */
#include <linux/cpufeature.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "../bench/records.h"
#include "measure.h"

#define MAX_WBINVD_NS	1000000

static unsigned int lines_pages = 512;
module_param(lines_pages, uint, 0444);
MODULE_PARM_DESC(lines_pages, "pages to flush in each state of their cache lines (default: 512, at most 4096)");

static unsigned long wbinvd_ns;
module_param(wbinvd_ns, ulong, 0444);
MODULE_PARM_DESC(wbinvd_ns, "simulation: duration of TDH.PHYMEM.PAGE.WBINVD in ns (at most 1000000)");

static unsigned long fail_at;
module_param(fail_at, ulong, 0444);
MODULE_PARM_DESC(fail_at, "simulation: number of the SEAMCALL that fails, from 1 (default: none)");

static unsigned long busy_calls;
module_param(busy_calls, ulong, 0444);
MODULE_PARM_DESC(busy_calls, "simulation: from fail_at on, this many SEAMCALLs are busy (default: 0, one fails)");

static void report_lines(const char *what, const char *lines, const char *where, const u64 *ns,
			 unsigned int nr)
{
	/* A number has at most ten digits. */
	const size_t room = nr * 12 + 1;
	char *text = kvmalloc(room, GFP_KERNEL);
	size_t len = 0;

	if (!text) {
		records.full = true;
		return;
	}
	for (unsigned int i = 0; i < nr; i++)
		len += scnprintf(text + len, room - len, "%s%llu", i ? ", " : "", ns[i]);
	record_info("{\"kind\": \"lines\", \"what\": \"%s\", \"lines\": \"%s\", \"where\": \"%s\", \"ns\": [%s]}",
		    what, lines, where, text);
	kvfree(text);
}

static struct dentry *watch_dir;

static void show_watch(void)
{
	watch_dir = debugfs_create_dir("tdx_watch", NULL);
	debugfs_create_ulong("calls", 0400, watch_dir, &watch.nr_calls);
	debugfs_create_ulong("busy", 0400, watch_dir, &watch.nr_busy);
	debugfs_create_ulong("kept", 0400, watch_dir, &watch.nr_kept);
	debugfs_create_u64("leaf", 0400, watch_dir, &watch.leaf);
	debugfs_create_x64("status", 0400, watch_dir, &watch.status);
}

static void report_module(void)
{
	const struct tdx_seamcall_about *about = &watch.about;

	record_info("{\"kind\": \"module\", \"simulated\": %s, \"version\": \"%llu.%llu.%02llu\", \"features0\": \"0x%016llx\", \"erratum\": %s}",
		    watch.simulated ? "true" : "false", about->major, about->minor, about->update,
		    about->features0, boot_cpu_has_bug(X86_BUG_TDX_PW_MCE) ? "true" : "false");
}

static int __init host_init(void)
{
	int ret;

	if (!lines_pages || lines_pages > LINES_MAX_PAGES || wbinvd_ns > MAX_WBINVD_NS) {
		pr_err("tdx_measure: lines_pages must be 1 to %u, wbinvd_ns at most %u\n",
		       LINES_MAX_PAGES, MAX_WBINVD_NS);
		return -EINVAL;
	}
	ret = records_open();
	if (ret)
		return ret;
	ret = watch_begin(wbinvd_ns, fail_at, busy_calls);
	if (ret)
		goto close;

	report_module();
	ret = lines_measure(lines_pages, report_lines);
	if (!ret && records.full)
		ret = -ENOSPC;
	if (ret == -EINTR)
		goto end;

	show_watch();
	/* The records of a run that failed stay readable. */
	record_info("{\"kind\": \"end\", \"errno\": %d}", -ret);
	return 0;

end:
	watch_end();
close:
	records_close();
	return ret;
}
module_init(host_init);

static void __exit host_exit(void)
{
	debugfs_remove(watch_dir);
	watch_end();
	records_close();
}
module_exit(host_exit);

MODULE_DESCRIPTION("Measurements of the TDX module of a TDX host");
MODULE_LICENSE("GPL");
