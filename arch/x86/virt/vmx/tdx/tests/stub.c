// SPDX-License-Identifier: GPL-2.0
/*
 * Redirect the SEAMCALLs of a test to the software TDX module
 *
 * sc_retry() is inlined, so its stub has the address of __seamcall_saved_ret().
 * KUnit redirects only the task of the test.
 */
#include <kunit/static_stub.h>
#include <linux/init.h>

#include "seamcall_internal.h"
#include "tdx.h"
#include "model.h"

/* Replaces sc_retry(), with its loop. */
static u64 seamcall_stub(u64 leaf, struct tdx_module_args *args)
{
	int retry = RDRAND_RETRY_LOOPS;
	u64 status;

	do {
		status = tdx_model_seamcall(leaf, args);
	} while (status == TDX_RND_NO_ENTROPY && --retry);

	return status;
}

int tdx_model_attach(struct kunit *test)
{
	if (!model.pages)
		return -ENODEV;

	tdx_model_set_key((u64)tdx_global_keyid << boot_cpu_data.x86_phys_bits);
	kunit_activate_static_stub(test, __seamcall_saved_ret, seamcall_stub);
	kunit_activate_static_stub(test, tdx_quirk_reset_paddr, tdx_model_reset_paddr);
	return 0;
}

late_initcall(tdx_model_init);
