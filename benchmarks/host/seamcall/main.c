// SPDX-License-Identifier: GPL-2.0
/*
 * Install the machine's own TDX module
 */
#include <linux/cpufeature.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/processor.h>

#include <asm/msr.h>

#include "../../seam/tdx_seam.h"
#include "seamcall.h"

#define MSR_KEYID_PARTITIONING	0x87

module_param_named(allow_claims, tdx_seamcall_allow_claims, bool, 0444);
MODULE_PARM_DESC(allow_claims,
		 "allow leaves that claim control pages until their object is deleted (default: N)");

module_param_named(donate_pages, tdx_seamcall_donate_pages, uint, 0444);
MODULE_PARM_DESC(donate_pages,
		 "allow leaves that give this many pages to the TDX module for good (default: 0)");

static struct tdx_seam seam = {
	.seamcall = tdx_seamcall_checked,
};

static struct tdx_seamcall_about about;

/**
 * tdx_seamcall_seam - get the installed implementation of this machine's TDX
 * module
 * @module: set to the metadata of the TDX module
 *
 * For a module that puts itself between the implementation and its callers.
 *
 * Return: the implementation.
 */
const struct tdx_seam *tdx_seamcall_seam(struct tdx_seamcall_about *module)
{
	*module = about;
	return &seam;
}
EXPORT_SYMBOL_GPL(tdx_seamcall_seam);

static u64 read_field(u64 field, u64 *value)
{
	struct tdx_module_args args = { .rdx = field };
	u64 status = tdx_seamcall_checked(TDH_SYS_RD, &args);

	if (!status)
		*value = args.r8;
	return status;
}

/*
 * Can the TDX module be called, and does it have the features that are allowed?
 */
static int read_module(void)
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
		pr_err("tdx_seamcall: this TDX module does not have %s: TDX_FEATURES0 is 0x%llx; omit allow_claims or donate_pages\n",
		       why, about.features0);
		return -EOPNOTSUPP;
	}

	read_field(TDX_FIELD_MAJOR_VERSION, &about.major);
	read_field(TDX_FIELD_MINOR_VERSION, &about.minor);
	read_field(TDX_FIELD_UPDATE_VERSION, &about.update);
	return 0;
}

static int __init seamcall_init(void)
{
	u64 partitioning = 0;
	int err;

	if (!rdmsrq_safe(MSR_KEYID_PARTITIONING, &partitioning))
		seam.keyid = tdx_seamcall_global_keyid(partitioning);
	if (!seam.keyid) {
		pr_err("tdx_seamcall: this machine has no TDX: no private KeyIDs; use tdx_model instead\n");
		return -ENODEV;
	}
	seam.keyid_shift = boot_cpu_data.x86_phys_bits;

	err = read_module();
	if (err)
		return err;

	if (boot_cpu_has_bug(X86_BUG_TDX_PW_MCE))
		seam.reset_paddr = tdx_seamcall_reset_paddr;

	err = tdx_seam_install(&seam);
	if (err) {
		pr_err("tdx_seamcall: another TDX module is installed; unload it (tdx_model?)\n");
		return err;
	}

	pr_info("tdx_seamcall: TDX module %llu.%llu.%02llu, TDX_FEATURES0 0x%llx, global KeyID %u, claims %s, %u pages may be donated\n",
		about.major, about.minor, about.update, about.features0, seam.keyid,
		tdx_seamcall_allow_claims ? "allowed" : "refused", tdx_seamcall_donate_pages);
	return 0;
}
module_init(seamcall_init);

static void __exit seamcall_exit(void)
{
	tdx_seam_remove(&seam);
}
module_exit(seamcall_exit);

MODULE_DESCRIPTION("The machine's own TDX module");
MODULE_LICENSE("GPL");
