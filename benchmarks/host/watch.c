// SPDX-License-Identifier: GPL-2.0
/*
 * The watch: every SEAMCALL of a run passes here
 *
 * A run expects success; of any leaf but TDH.PHYMEM.PAGE.WBINVD and TDH.SYS.RD also
 * an interruption, or a message to be delivered.  At anything else it is over: no leaf
 * that claims pages is let through any more, and whoever runs designs is told to stop.
 * What the run holds then is given back: as long as no page was ever the module's,
 * without another SEAMCALL.
 */
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/processor.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"
#include "measure.h"

struct watch watch;

static struct design_guard guard = {
	.owner = THIS_MODULE,
};

static const struct tdx_door *inner;
static unsigned long delay_ns, fail_nth;

static bool is_expected(u64 leaf, u64 status)
{
	u64 class = status & TDX_SEAMCALL_STATUS_MASK;

	/* These two do all or nothing. */
	if (leaf == TDH_PHYMEM_PAGE_WBINVD || leaf == TDH_SYS_RD)
		return !status;
	return !status || class == TDX_INTERRUPTED_RESUMABLE || class == TDX_SPDM_REQUEST;
}

static bool claims(u64 leaf)
{
	switch (leaf) {
	case TDH_IOMMU_SETUP:
	case TDH_SPDM_CREATE:
	case TDH_IDE_STREAM_CREATE:
	case TDH_EXT_MEM_ADD:
	case TDH_EXT_INIT:
		return true;
	default:
		return false;
	}
}

static void stop(u64 leaf, u64 status)
{
	if (watch.status)
		return;

	watch.leaf = leaf;
	watch.status = status;
	WRITE_ONCE(guard.stop, true);
	pr_err("tdx_measure: leaf %llu came back with 0x%016llx; the run stops\n", leaf, status);
}

static u64 call(u64 leaf, struct tdx_module_args *args)
{
	u64 start, status;

	if (watch.nr_calls == fail_nth)
		return TDX_OPERAND_BUSY;
	/* The software module has nothing to read; this is to enter and to leave. */
	if (watch.simulated && leaf == TDH_SYS_RD)
		return 0;

	start = ktime_get_ns();
	status = inner->seamcall(leaf, args);
	if (delay_ns && leaf == TDH_PHYMEM_PAGE_WBINVD) {
		while (ktime_get_ns() - start < delay_ns)
			cpu_relax();
	}
	return status;
}

static u64 watched(u64 leaf, struct tdx_module_args *args)
{
	u64 status;

	if (watch.status) {
		if (claims(leaf))
			return TDX_SEAMCALL_REFUSED;
		if (leaf == TDH_PHYMEM_PAGE_WBINVD && !watch.claimed)
			return 0;
	}

	watch.nr_calls++;
	watch.claimed |= claims(leaf);
	status = call(leaf, args);
	if (!is_expected(leaf, status)) {
		watch.nr_kept += leaf == TDH_PHYMEM_PAGE_WBINVD;
		stop(leaf, status);
	}
	return status;
}

/**
 * watch_ask - one SEAMCALL that may fail
 * @leaf: leaf number
 * @args: operands, and results on return
 *
 * Context: As the TDX module's.
 * Return: completion status.
 */
u64 watch_ask(u64 leaf, struct tdx_module_args *args)
{
	watch.nr_calls++;
	return call(leaf, args);
}

static struct tdx_door door = {
	.seamcall = watched,
};

/**
 * watch_begin - stand between the door and the TDX module: this machine's own if
 * tdx_seamcall is loaded, else the software one
 * @wbinvd_ns: let TDH.PHYMEM.PAGE.WBINVD of the software module take so many ns
 * @fail_at: let this call, counted from 1, fail in the software module; 0: none
 *
 * Context: May sleep.
 * Return: 0, -EINVAL if the machine's own module was to be delayed or to fail, or
 * -EBUSY if something else is behind the door.
 */
int watch_begin(unsigned long wbinvd_ns, unsigned long fail_at)
{
	const struct tdx_door *(*real)(struct tdx_seamcall_about *about);
	int err;

	real = symbol_get(tdx_seamcall_door);
	watch = (struct watch) { .simulated = !real };
	if (real) {
		inner = real(&watch.about);
		if (wbinvd_ns || fail_at) {
			pr_err("tdx_measure: tdx_seamcall is loaded: wbinvd_ns and fail_at are for simulations\n");
			symbol_put(tdx_seamcall_door);
			return -EINVAL;
		}
		tdx_door_remove(inner);
	} else {
		inner = tdx_model_door();
		tdx_model_remove();
	}
	delay_ns = wbinvd_ns;
	fail_nth = fail_at ?: ULONG_MAX;

	/* What was never private needs no reset. */
	door.reset_page = watch.about.claims ? inner->reset_page : NULL;
	door.global_key = inner->global_key;
	err = tdx_door_install(&door);
	if (err) {
		pr_err("tdx_measure: something else is behind the door; unload it\n");
		if (real)
			symbol_put(tdx_seamcall_door);
	}
	if (!err)
		design_guard = &guard;
	return err;
}

/**
 * watch_end - leave the door to what was there before
 *
 * Context: May sleep; nobody may be inside the TDX module.
 */
void watch_end(void)
{
	design_guard = NULL;
	tdx_door_remove(&door);
	if (!watch.simulated) {
		tdx_door_install(inner);
		symbol_put(tdx_seamcall_door);
		return;
	}
	tdx_model_install();
}
