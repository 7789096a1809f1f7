// SPDX-License-Identifier: GPL-2.0
/*
 * Behind the door: the TDX module of this machine
 *
 * Built into the kernel only, because the SEAMCALL functions are the kernel's own.
 * They note that a CPU's cache may hold private lines.
 */
#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/processor.h>

#include <asm/archrandom.h>
#include <asm/tdx.h>

#include "door.h"
#include "seamcall_internal.h"
#include "tdx.h"

/*
 * All registers: the leaf that creates an IDE stream takes operands up to R14.
 *
 * A module that is short of entropy is asked again, as seamcall_saved_ret() does, but
 * each time with the operands of the caller: what comes back is in @args, whatever
 * the status, and a leaf that has failed need not have left its operands there.
 */
static u64 door_seamcall(u64 leaf, struct tdx_module_args *args)
{
	const struct tdx_module_args operands = *args;
	unsigned int tries = RDRAND_RETRY_LOOPS;
	u64 status;

	do {
		*args = operands;
		preempt_disable();
		status = __seamcall_dirty_cache(__seamcall_saved_ret, leaf, args);
		preempt_enable();
	} while (status == TDX_RND_NO_ENTROPY && --tries);

	return status;
}

static void door_reset_page(phys_addr_t pa)
{
	tdx_quirk_reset_paddr(pa, PAGE_SIZE);
}

static struct tdx_door this_machine __ro_after_init = {
	.seamcall = door_seamcall,
};

/* At the level after tdx_enable()'s. */
static int __init door_seamcall_init(void)
{
	/* Without a TDX module in working order the door stays shut. */
	if (!tdx_get_sysinfo())
		return 0;

	this_machine.global_key = (u64)tdx_global_keyid << boot_cpu_data.x86_phys_bits;
	if (boot_cpu_has_bug(X86_BUG_TDX_PW_MCE))
		this_machine.reset_page = door_reset_page;
	return tdx_door_install(&this_machine);
}
subsys_initcall_sync(door_seamcall_init);
