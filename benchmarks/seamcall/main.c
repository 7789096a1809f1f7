// SPDX-License-Identifier: GPL-2.0
/*
 * Put the machine's own TDX module behind the door
 */
#include <linux/cpufeature.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/processor.h>

#include <asm/msr.h>

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "seamcall.h"

#define MSR_KEYID_PARTITIONING	0x87

module_param_named(allow_claims, tdx_seamcall_allow_claims, bool, 0444);
MODULE_PARM_DESC(allow_claims,
		 "let leaves through that hand memory to the TDX module; some of it for good (default: N)");

static struct tdx_door door = {
	.seamcall = tdx_seamcall_checked,
};

/* Does the module answer?  Ask it what it can do. */
static int ask_features(u64 *features)
{
	struct tdx_module_args args = { .rdx = TDX_FIELD_FEATURES0 };
	const char *why;
	u64 status;
	int err;

	status = tdx_seamcall_checked(TDH_SYS_RD, &args);
	err = tdx_seamcall_errno(status, &why);
	if (err)
		pr_err("tdx_seamcall: %s (status 0x%016llx)\n", why, status);
	else
		*features = args.r8;
	return err;
}

static int __init seamcall_init(void)
{
	u64 partitioning, features;
	int err;

	if (rdmsrq_safe(MSR_KEYID_PARTITIONING, &partitioning) ||
	    tdx_seamcall_global_key(partitioning, boot_cpu_data.x86_phys_bits, &door.global_key)) {
		pr_err("tdx_seamcall: this machine has no TDX: no private key IDs; use tdx_model instead\n");
		return -ENODEV;
	}

	err = ask_features(&features);
	if (err)
		return err;

	if (boot_cpu_has_bug(X86_BUG_TDX_PW_MCE))
		door.reset_page = tdx_seamcall_reset_page;

	err = tdx_door_install(&door);
	if (err) {
		pr_err("tdx_seamcall: something else is behind the door; unload it (tdx_model?)\n");
		return err;
	}

	pr_info("tdx_seamcall: TDX module with TDX_FEATURES0 0x%llx, global key 0x%llx, claims %s\n",
		features, door.global_key, tdx_seamcall_allow_claims ? "allowed" : "refused");
	return 0;
}
module_init(seamcall_init);

static void __exit seamcall_exit(void)
{
	tdx_door_remove(&door);
}
module_exit(seamcall_exit);

MODULE_DESCRIPTION("The machine's own TDX module, for arrays of pages");
MODULE_LICENSE("GPL");
