// SPDX-License-Identifier: GPL-2.0
/*
 * The watch: every SEAMCALL of a run passes here
 *
 * A run needs TDH.PHYMEM.PAGE.WBINVD and TDH.SYS.RD.  The watch refuses other
 * leaves, so the module never owns a page of the run.  A busy WBINVD is
 * retried.  Any other status than success ends the run: the watch sets the stop
 * flag of the designs, and the pages of the run are freed without another
 * SEAMCALL.
 */
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/processor.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"
#include "measure.h"
#include "tdx.h"

struct watch watch;

static struct design_guard guard = {
	.owner = THIS_MODULE,
};

/* The watch, and the implementation that it calls */
static struct tdx_seam seam;
static struct tdx_seam inner;
/* This machine's own implementation, while the watch replaces it */
static const struct tdx_seam *machine;

static unsigned long delay_ns, first_failure, last_failure;
static u64 failure;

/*
 * A WBINVD is busy while another SEAMCALL works on the same 4 KiB, 2 MiB or
 * 1 GiB.  That takes microseconds, and so does each retry.
 */
#define MAX_RETRIES	1000

static void stop(u64 leaf, u64 status)
{
	if (watch.status)
		return;

	watch.leaf = leaf;
	watch.status = status;
	WRITE_ONCE(guard.stop, true);
	pr_err("tdx_measure: leaf %llu returned 0x%016llx; the run stops\n", leaf, status);
}

static u64 call(u64 leaf, struct tdx_module_args *args)
{
	u64 start, status;

	watch.nr_calls++;
	if (watch.nr_calls >= first_failure && watch.nr_calls <= last_failure)
		return failure;
	/* The software module does not have this leaf, which only reads. */
	if (watch.simulated && leaf == TDH_SYS_RD)
		return 0;

	start = ktime_get_ns();
	status = inner.seamcall(leaf, args);
	if (delay_ns && leaf == TDH_PHYMEM_PAGE_WBINVD) {
		while (ktime_get_ns() - start < delay_ns)
			cpu_relax();
	}
	return status;
}

/**
 * watch_try - issue a SEAMCALL that may fail; retry a busy WBINVD
 * @leaf: number of the leaf
 * @args: operands and results
 *
 * Context: Any.
 * Return: completion status.
 */
u64 watch_try(u64 leaf, struct tdx_module_args *args)
{
	const struct tdx_module_args operands = *args;
	u64 status = call(leaf, args);

	for (unsigned int i = 0; i < MAX_RETRIES && leaf == TDH_PHYMEM_PAGE_WBINVD &&
	     (status & TDX_SEAMCALL_STATUS_MASK) == TDX_OPERAND_BUSY; i++) {
		watch.nr_busy++;
		/* A failed call may have cleared them. */
		*args = operands;
		status = call(leaf, args);
	}
	return status;
}

static u64 watched(u64 leaf, struct tdx_module_args *args)
{
	u64 status = TDX_SEAMCALL_REFUSED;

	if (watch.status && leaf == TDH_PHYMEM_PAGE_WBINVD)
		return 0;

	if (leaf == TDH_PHYMEM_PAGE_WBINVD || leaf == TDH_SYS_RD)
		status = watch_try(leaf, args);
	if (status) {
		watch.nr_kept += leaf == TDH_PHYMEM_PAGE_WBINVD;
		stop(leaf, status);
	}
	return status;
}

/* Find the implementation to call, and remove it from the seam. */
static void replace_inner(void)
{
	const struct tdx_seam *(*real)(struct tdx_seamcall_about *about);

	real = symbol_get(tdx_seamcall_seam);
	watch = (struct watch) { .simulated = !real };
	if (real) {
		machine = real(&watch.about);
		inner = *machine;
		tdx_seam_remove(machine);
	} else {
		inner = (struct tdx_seam) {
			.seamcall = tdx_model_seamcall,
			.keyid = TDX_MODEL_KEYID,
			.keyid_shift = TDX_MODEL_KEYID_SHIFT,
		};
		tdx_model_remove();
	}
}

static void restore_inner(void)
{
	if (watch.simulated) {
		tdx_model_install();
		return;
	}
	tdx_seam_install(machine);
	symbol_put(tdx_seamcall_seam);
}

/**
 * watch_begin - install the watch in front of the TDX module: this machine's
 * own if tdx_seamcall is loaded, otherwise the software module
 * @wbinvd_ns: duration of TDH.PHYMEM.PAGE.WBINVD of the software module
 * @fail_at: number of the call that fails in the software module, from 1; 0:
 *	none
 * @busy_calls: number of calls from @fail_at on that are busy; 0: @fail_at has
 *	a page outside of TDX memory
 *
 * Context: May sleep.
 * Return: 0, -EINVAL if @wbinvd_ns or @fail_at is set for the machine's own
 * module, or -EBUSY if another implementation is installed.
 */
int watch_begin(unsigned long wbinvd_ns, unsigned long fail_at, unsigned long busy_calls)
{
	int err;

	replace_inner();
	if (!watch.simulated && (wbinvd_ns || fail_at)) {
		pr_err("tdx_measure: tdx_seamcall is loaded: wbinvd_ns and fail_at are for simulations\n");
		restore_inner();
		return -EINVAL;
	}
	delay_ns = wbinvd_ns;
	first_failure = fail_at;
	last_failure = fail_at ? fail_at + max(busy_calls, 1UL) - 1 : 0;
	failure = busy_calls ? TDX_OPERAND_BUSY : TDX_OPERAND_ADDR_RANGE_ERROR;

	seam = inner;
	seam.seamcall = watched;
	/* Pages that were never private need no reset. */
	seam.reset_paddr = NULL;
	err = tdx_seam_install(&seam);
	if (err) {
		pr_err("tdx_measure: another TDX module is installed; unload it\n");
		restore_inner();
		return err;
	}

	design_guard = &guard;
	return 0;
}

/**
 * watch_end - install the previous implementation again
 *
 * Context: May sleep.  No SEAMCALL may be in progress.
 */
void watch_end(void)
{
	design_guard = NULL;
	tdx_seam_remove(&seam);
	restore_inner();
}
