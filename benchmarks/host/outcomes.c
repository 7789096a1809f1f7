// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that the TDX module owns while something happens to the host:
 * outcomes.sh
 *
 * For an emulated TDX host.  The module is loaded before the event, with memory
 * of the extensions and a session, and unloaded after it.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/proc_fs.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>

#include "../seam/tdx_seam.h"
#include "../tests/offline.h"
#include "emulated_host.h"
#include "tdx.h"

#define FUNC_ID			0x1000
#define NR_DONATED_PAGES	512
#define NR_HELD_PAGES		20

static ulong donated;
module_param(donated, ulong, 0444);
MODULE_PARM_DESC(donated, "PA of a page of the extensions' memory");

static ulong held;
module_param(held, ulong, 0444);
MODULE_PARM_DESC(held, "PA of a control page of the session");

static ulong ordinary;
module_param(ordinary, ulong, 0444);
MODULE_PARM_DESC(ordinary, "PA of a page of the kernel, whose bytes are 0x5a");

static char *store = "";
module_param(store, charp, 0444);
MODULE_PARM_DESC(store, "cpu or device: it stores to the control page; user: a process can, with /proc/tdx_outcomes; partial: the CPU stores to it after the session (default: none)");

static struct tdx_pa_array *memory, *session;
static u64 session_id;
static struct page *ordinary_page;

static int map_held(struct file *file, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(held), PAGE_SIZE, vma->vm_page_prot);
}

static const struct proc_ops ops = { .proc_mmap = map_held };

static void print_machine(const char *when)
{
	u64 nr_owned;

	machine_call(TDX_HOST_MODEL, MODEL_NR_OWNED, 0, &nr_owned);
	pr_info("tdx_outcomes: %s: %llu pages owned, %llu dirty, %llu stores to owned pages, %llu late write-backs\n",
		when, nr_owned, read_machine(POSITION(nr_dirty)),
		read_machine(POSITION(nr_stores)), read_machine(POSITION(nr_write_backs)));
}

/*
 * Only held pages keep a block of memory online: after their return, it goes
 * offline.  Otherwise, the kernel has a page there, too, and another block is
 * tried.
 */
static void __init try_offline(void)
{
	int with = 0, without = -EBUSY;

	for (unsigned int i = 0; i < 10 && without; i++) {
		struct tdx_pa_array *mt = offline_alloc(NR_HELD_PAGES);
		phys_addr_t pa;
		u64 id;

		if (!mt)
			break;
		pa = tdx_pa_entry(mt, 0);
		if (!tdh_spdm_create(FUNC_ID + 1, mt, &id)) {
			with = offline_block_of(pa);
			tdh_spdm_delete(id, mt);
		}
		tdx_pa_array_free(mt);
		without = offline_block_of(pa);
	}
	pr_info("tdx_outcomes: offline: %d for donated pages, %d for held pages, %d after their return\n",
		offline_block_of(donated), with, without);
}

static int __init outcomes_init(void)
{
	struct proc_dir_entry *entry;
	u64 value, nr_owned, status = 0;
	bool offline;

	if (machine_call(TDX_HOST_IDENTIFY, 0, 0, &value) || value != TDX_HOST_MAGIC)
		return -ENODEV;
	print_machine("before");

	/* Linux 7.3 enables neither the extensions nor TDX Connect. */
	machine_call(TDX_HOST_ENABLE, 1, 0, &value);
	/*
	 * Donated pages of before can be in the only blocks that the kernel
	 * does not use.
	 */
	machine_call(TDX_HOST_MODEL, MODEL_NR_OWNED, 0, &nr_owned);
	offline = !*store && !nr_owned;
	if (offline)
		offline_prepare();
	memory = offline ? offline_alloc(NR_DONATED_PAGES) :
			   tdx_pa_array_alloc(NR_DONATED_PAGES, NUMA_NO_NODE);
	session = tdx_pa_array_alloc(NR_HELD_PAGES, NUMA_NO_NODE);
	ordinary_page = alloc_page(GFP_KERNEL);
	if (memory && session && ordinary_page)
		status = tdh_ext_mem_add(memory) ?: tdh_spdm_create(FUNC_ID, session, &session_id);
	if (!memory || !session || !ordinary_page || status) {
		if (ordinary_page)
			__free_page(ordinary_page);
		tdx_pa_array_free(session);
		tdx_pa_array_free(memory);
		return status ? -EIO : -ENOMEM;
	}
	donated = tdx_pa_entry(memory, 0);
	held = tdx_pa_entry(session, 0);
	ordinary = page_to_phys(ordinary_page);
	memset(page_address(ordinary_page), 0x5a, PAGE_SIZE);
	print_machine("with arrays");
	if (offline)
		try_offline();
	/* A machine check follows.  Without one, outcomes.sh lacks its line. */
	if (!strcmp(store, "cpu"))
		WRITE_ONCE(*(u8 *)phys_to_virt(held), 1);
	if (!strcmp(store, "device") && store_by_device(held, 4))
		pr_err("tdx_outcomes: the device cannot store\n");
	entry = strcmp(store, "user") ? NULL : proc_create("tdx_outcomes", 0600, NULL, &ops);
	if (entry)
		proc_set_size(entry, PAGE_SIZE);
	if (!strcmp(store, "partial") && !tdh_spdm_delete(session_id, session)) {
		/* Without the reset of tdx_pa_array_free() */
		tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, PHYS_PFN(held));
		WRITE_ONCE(*(u8 *)phys_to_virt(held), 1);
	}
	return 0;
}
module_init(outcomes_init);

static void __exit outcomes_exit(void)
{
	pr_info("tdx_outcomes: delete: status 0x%llx\n", tdh_spdm_delete(session_id, session));
	remove_proc_subtree("tdx_outcomes", NULL);
	tdx_pa_array_free(session);
	tdx_pa_array_free(memory);
	__free_page(ordinary_page);
	print_machine("after");
}
module_exit(outcomes_exit);

MODULE_DESCRIPTION("Pages of the TDX module for outcomes.sh");
MODULE_LICENSE("GPL");
