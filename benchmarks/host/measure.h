/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A TDX host under measurement
 *
 * The watch stands between the door and the TDX module, this machine's own or, in a
 * simulation, the software one.  It ends a run at the first completion status that
 * no run should see.
 */
#ifndef _TDX_MEASURE_H
#define _TDX_MEASURE_H

#include <linux/types.h>

#include <asm/tdx.h>

#include "../seamcall/seamcall.h"

/**
 * struct watch - what the watch has seen
 * @simulated: the software module answers
 * @about: the TDX module, if it is this machine's own
 * @claimed: a leaf went through that may have handed pages to the module
 * @nr_calls: SEAMCALLs up to now
 * @leaf: number of the leaf that has ended the run...
 * @status: ... with this completion status; 0 as long as none has
 * @nr_kept: pages that were kept out of the page allocator because their flush failed
 */
struct watch {
	bool simulated;
	struct tdx_seamcall_about about;
	bool claimed;
	unsigned long nr_calls;
	u64 leaf;
	u64 status;
	unsigned long nr_kept;
};

extern struct watch watch;

int watch_begin(unsigned long wbinvd_ns, unsigned long fail_at);
void watch_end(void);
u64 watch_ask(u64 leaf, struct tdx_module_args *args);

/* Number of pages for each cell of lines_measure(). */
#define LINES_MAX_PAGES	4096

int lines_measure(unsigned int nr_pages, void (*tell)(const char *what, const char *lines,
						      const char *where, const u64 *ns,
						      unsigned int nr));

#endif /* _TDX_MEASURE_H */
