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
		 "let leaves through that claim pages for as long as what they make lives (default: N)");

module_param_named(donate_pages, tdx_seamcall_donate_pages, uint, 0444);
MODULE_PARM_DESC(donate_pages,
		 "let leaves through that give the TDX module so many pages, for good (default: 0)");

static struct tdx_door door = {
	.seamcall = tdx_seamcall_checked,
};

static struct tdx_seamcall_about about;

/**
 * tdx_seamcall_door - the door of this machine's own TDX module
 * @what: set to what the TDX module says about itself
 *
 * For who wants to stand between it and the door.
 *
 * Return: the door, which is installed.
 */
const struct tdx_door *tdx_seamcall_door(struct tdx_seamcall_about *what)
{
	*what = about;
	return &door;
}
EXPORT_SYMBOL_GPL(tdx_seamcall_door);

static u64 read_field(u64 field, u64 *value)
{
	struct tdx_module_args args = { .rdx = field };
	u64 status = tdx_seamcall_checked(TDH_SYS_RD, &args);

	if (!status)
		*value = args.r8;
	return status;
}

/* Does the TDX module answer?  Ask it what it is, and what it can do. */
static int ask_module(void)
{
	u64 status = read_field(TDX_FIELD_FEATURES0, &about.features0);
	const char *why;
	int err = tdx_seamcall_errno(status, &why);

	if (err) {
		pr_err("tdx_seamcall: %s (status 0x%016llx)\n", why, status);
		return err;
	}
	why = tdx_seamcall_lacks(about.features0, tdx_seamcall_allow_claims,
				 tdx_seamcall_donate_pages);
	if (why) {
		pr_err("tdx_seamcall: this TDX module has no %s: TDX_FEATURES0 is 0x%llx; leave out what needs it (allow_claims, CLAIM; donate_pages, DONATE)\n",
		       why, about.features0);
		return -EOPNOTSUPP;
	}

	/* Not every one has all of these: what stays 0 is not known. */
	read_field(TDX_FIELD_MAJOR_VERSION, &about.major);
	read_field(TDX_FIELD_MINOR_VERSION, &about.minor);
	read_field(TDX_FIELD_UPDATE_VERSION, &about.update);
	about.claims = tdx_seamcall_allow_claims || tdx_seamcall_donate_pages;
	return 0;
}

static int __init seamcall_init(void)
{
	u64 partitioning;
	int err;

	if (rdmsrq_safe(MSR_KEYID_PARTITIONING, &partitioning) ||
	    tdx_seamcall_global_key(partitioning, boot_cpu_data.x86_phys_bits, &door.global_key)) {
		pr_err("tdx_seamcall: this machine has no TDX: no private key IDs; use tdx_model instead\n");
		return -ENODEV;
	}

	err = ask_module();
	if (err)
		return err;

	if (boot_cpu_has_bug(X86_BUG_TDX_PW_MCE))
		door.reset_page = tdx_seamcall_reset_page;

	err = tdx_door_install(&door);
	if (err) {
		pr_err("tdx_seamcall: something else is behind the door; unload it (tdx_model?)\n");
		return err;
	}

	pr_info("tdx_seamcall: TDX module %llu.%llu.%02llu, TDX_FEATURES0 0x%llx, global key 0x%llx, claims %s, %u pages to be donated\n",
		about.major, about.minor, about.update, about.features0, door.global_key,
		tdx_seamcall_allow_claims ? "allowed" : "refused", tdx_seamcall_donate_pages);
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
