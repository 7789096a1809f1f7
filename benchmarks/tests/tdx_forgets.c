// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that unloads while its session exists
 *
 * Loaded the first time, it makes a session.  Unloading does nothing.  Loaded
 * again with the parameter that it had at the end, it checks that the module
 * still holds all pages, that no page was freed.  Then it deletes the session.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"

#define FUNC_ID		0x1000
#define NR_PAGES	20

static unsigned long left;
module_param(left, ulong, 0400);
MODULE_PARM_DESC(left, "the array that the module before it has left");

static int forget(void)
{
	struct tdx_pa_array *array = tdx_pa_array_alloc(NR_PAGES, NUMA_NO_NODE);
	int ret = array ? tdx_model_install() : -ENOMEM;
	u64 id;

	if (ret)
		return ret;
	tdx_model_reset();
	ret = tdx_checker_begin();
	if (ret)
		return ret;
	fixture_watch(array);
	if (tdh_spdm_create(FUNC_ID, array, &id) || id)
		return -EIO;
	left = (unsigned long)array;
	return 0;
}

static bool is_held(const struct tdx_pa_array *array)
{
	struct tdx_checker_report r;

	tdx_checker_read(&r);
	if (r.freed_owned || r.freed_dirty || r.freed_twice || r.held != NR_PAGES)
		return false;
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		phys_addr_t pa = tdx_pa_entry(array, i);

		if (!tdx_model_owns(pa) || page_count(pfn_to_page(PHYS_PFN(pa))) != 1)
			return false;
	}
	return true;
}

static int remember(struct tdx_pa_array *array)
{
	bool held = is_held(array), deleted = !tdh_spdm_delete(0, array);
	struct tdx_checker_report r;

	tdx_pa_array_free(array);
	tdx_checker_read(&r);
	tdx_checker_end();
	tdx_model_reset();
	return held && deleted && !r.held && !r.lost ? 0 : -EIO;
}

static int __init forgets_init(void)
{
	return left ? remember((struct tdx_pa_array *)left) : forget();
}
module_init(forgets_init);

static void __exit forgets_exit(void)
{
}
module_exit(forgets_exit);

MODULE_DESCRIPTION("Driver that unloads while its session exists");
MODULE_LICENSE("GPL");
