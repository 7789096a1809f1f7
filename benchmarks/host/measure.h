/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Measurements on a TDX host
 *
 * The watch is installed in the seam and calls the TDX module: this machine's
 * own or, in a simulation, the software module.  It ends a run at the first
 * completion status that a run does not expect.
 */
#ifndef _TDX_MEASURE_H
#define _TDX_MEASURE_H

#include <linux/types.h>

#include <asm/tdx.h>

#include "seamcall/seamcall.h"

/**
 * struct watch - state of the watch
 * @simulated: the TDX module is the software module
 * @about: metadata of the TDX module, if it is this machine's own
 * @nr_calls: number of SEAMCALLs
 * @nr_busy: number of them that were busy and retried
 * @leaf: number of the leaf that ended the run
 * @status: its completion status, or 0 while the run goes on
 * @nr_kept: number of pages that were leaked because their flush failed
 */
struct watch {
	bool simulated;
	struct tdx_seamcall_about about;
	unsigned long nr_calls;
	unsigned long nr_busy;
	u64 leaf;
	u64 status;
	unsigned long nr_kept;
};

extern struct watch watch;

int watch_begin(unsigned long wbinvd_ns, unsigned long fail_at, unsigned long busy_calls);
void watch_end(void);
u64 watch_try(u64 leaf, struct tdx_module_args *args);

/* Pages for each case of lines_measure() */
#define LINES_MAX_PAGES	4096

typedef void (*lines_report_fn)(const char *what, const char *lines, const char *where,
				const u64 *ns, unsigned int nr);

int lines_measure(unsigned int nr_pages, lines_report_fn report);

#endif /* _TDX_MEASURE_H */
