// SPDX-License-Identifier: GPL-2.0
/*
 * Install the software TDX module outside the kernel tree
 *
 * In the tree, the tests redirect the kernel's helpers to it for their own task
 * (tests/stub.c).
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "tdx_seam.h"

static struct tdx_seam software_module = {
	.seamcall = tdx_model_seamcall,
	.reset_paddr = tdx_model_reset_paddr,
	.keyid = TDX_MODEL_KEYID,
	.keyid_shift = TDX_MODEL_KEYID_SHIFT,
};

/**
 * tdx_model_install - install the software TDX module
 *
 * Context: May sleep.
 * Return: 0, or -EBUSY if another implementation is installed.
 */
int tdx_model_install(void)
{
	return tdx_seam_install(&software_module);
}
EXPORT_SYMBOL_GPL(tdx_model_install);

/**
 * tdx_model_remove - remove the software TDX module
 *
 * Context: May sleep.  No SEAMCALL may be in progress.
 */
void tdx_model_remove(void)
{
	tdx_seam_remove(&software_module);
}
EXPORT_SYMBOL_GPL(tdx_model_remove);

/**
 * tdx_model_attach - install the software TDX module for a test
 * @test: the test, ignored here
 *
 * Context: May sleep.
 * Return: 0, or -EBUSY if another implementation is installed.
 */
int tdx_model_attach(struct kunit *test)
{
	return tdx_model_install();
}
EXPORT_SYMBOL_GPL(tdx_model_attach);

static bool install = true;
module_param(install, bool, 0444);
MODULE_PARM_DESC(install, "install the software TDX module when it is loaded (default: Y)");

static int __init model_install_init(void)
{
	int ret = tdx_model_init();

	if (ret || !install)
		return ret;

	ret = tdx_model_install();
	if (ret)
		tdx_model_exit();
	return ret;
}
module_init(model_install_init);

static void __exit model_install_exit(void)
{
	tdx_model_remove();
	tdx_model_exit();
}
module_exit(model_install_exit);

MODULE_DESCRIPTION("Software TDX module");
MODULE_LICENSE("GPL");
