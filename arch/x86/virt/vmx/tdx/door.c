// SPDX-License-Identifier: GPL-2.0
/*
 * The door to the TDX module: the one place that enters it
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mm.h>

#include "door.h"

static const struct tdx_door *tdx_door_installed;

/**
 * tdx_door_install - put something behind the door
 * @door: what to install; must live until tdx_door_remove()
 *
 * Context: Any.
 * Return: 0, or -EBUSY if the door is taken.
 */
int tdx_door_install(const struct tdx_door *door)
{
	return cmpxchg(&tdx_door_installed, NULL, door) ? -EBUSY : 0;
}
EXPORT_SYMBOL_GPL(tdx_door_install);

/**
 * tdx_door_remove - take away what was installed
 * @door: what tdx_door_install() was given; anything else changes nothing
 *
 * Context: Any, but nobody may be inside the module, and no array may await a flush:
 * nobody could do it any more, and release would have to leave those pages behind.
 */
void tdx_door_remove(const struct tdx_door *door)
{
	cmpxchg(&tdx_door_installed, door, NULL);
}
EXPORT_SYMBOL_GPL(tdx_door_remove);

/**
 * tdx_door - enter the TDX module
 * @leaf: leaf number, one of TDH_*
 * @args: operands, and results on return
 *
 * Context: May sleep.
 * Return: completion status; TDX_SEAMCALL_UD if there is no TDX module, as the
 * instruction itself would say.
 */
u64 tdx_door(u64 leaf, struct tdx_module_args *args)
{
	const struct tdx_door *door = READ_ONCE(tdx_door_installed);

	return door ? door->seamcall(leaf, args) : TDX_SEAMCALL_UD;
}
EXPORT_SYMBOL_GPL(tdx_door);

/**
 * tdx_door_global_pa - a PA as the owner of control pages addresses it
 * @pa: physical address, without a key ID
 *
 * Context: Any.
 * Return: @pa with the global HKID in its upper bits.
 */
u64 tdx_door_global_pa(phys_addr_t pa)
{
	const struct tdx_door *door = READ_ONCE(tdx_door_installed);

	return pa | (door ? door->global_key : 0);
}
EXPORT_SYMBOL_GPL(tdx_door_global_pa);

/**
 * tdx_door_reset_pages - undo what private use leaves on a CPU with the erratum
 * X86_BUG_TDX_PW_MCE
 * @pa: physical address of the first of some pages that the module has let go
 *	and that were flushed
 * @nr: number of these pages, of 4 KiB each
 *
 * Context: Any.
 */
void tdx_door_reset_pages(phys_addr_t pa, unsigned long nr)
{
	const struct tdx_door *door = READ_ONCE(tdx_door_installed);

	if (!door || !door->reset_page)
		return;

	for (phys_addr_t end = pa + nr * PAGE_SIZE; pa < end; pa += PAGE_SIZE)
		door->reset_page(pa);
}
EXPORT_SYMBOL_GPL(tdx_door_reset_pages);
