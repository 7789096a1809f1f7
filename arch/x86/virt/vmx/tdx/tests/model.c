// SPDX-License-Identifier: GPL-2.0
/*
 * The software TDX module: its state, its entry, and what tests and benchmarks
 * may ask of it
 */
#include <linux/cleanup.h>
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/vmalloc.h>

#include "../door.h"
#include "model.h"

struct model model = {
	.lock = __SPIN_LOCK_UNLOCKED(model.lock),
	.first_pfn = ULONG_MAX,
};

static struct armed_fault {
	struct tdx_model_fault fault;
	unsigned int seen;
} faults[TDX_MODEL_MAX_FAULTS];
static unsigned int nr_faults;

static unsigned long nr_calls[MODEL_NR_LEAVES];
static atomic_long_t nr_resets;
static atomic_long_t nr_early_resets;

bool model_is_memory(phys_addr_t pa)
{
	return PHYS_PFN(pa) < model.end_pfn && pfn_valid(PHYS_PFN(pa));
}

/* The fault that strikes this call.  Each armed fault counts all calls. */
static const struct tdx_model_fault *strike(u64 leaf)
{
	const struct tdx_model_fault *hit = NULL;

	for (struct armed_fault *f = faults; f < faults + nr_faults; f++) {
		if (f->fault.leaf != leaf)
			continue;
		f->seen++;
		if (!hit && (!f->fault.nth || f->fault.nth == f->seen))
			hit = &f->fault;
	}
	return hit;
}

/*
 * The module is not to see this call.  A WBINVD that fails does nothing anyway,
 * but the judge wants to know.
 */
static bool is_lost_on_the_way(const struct model_call *call)
{
	return call->fault && (call->fault->status & TDX_SW_ERROR) == TDX_SW_ERROR &&
	       call->leaf != TDH_PHYMEM_PAGE_WBINVD;
}

static u64 model_seamcall(u64 leaf, struct tdx_module_args *args)
{
	struct model_call call = { .leaf = leaf, .args = args };
	unsigned int slot;
	model_leaf_fn fn = model_leaf(leaf, &slot);

	if (!fn)
		return TDX_OPERAND_INVALID;

	guard(spinlock)(&model.lock);

	nr_calls[slot]++;
	call.fault = strike(leaf);
	if (is_lost_on_the_way(&call))
		return call.fault->status;
	return fn(&call);
}

/*
 * For tests and benchmarks
 */

/**
 * tdx_model_fail - arm a fault
 * @fault: copied
 *
 * Context: Any.
 * Return: 0, -EINVAL if there is no such leaf, -ENOSPC if too many are armed.
 */
int tdx_model_fail(const struct tdx_model_fault *fault)
{
	unsigned int slot;

	guard(spinlock)(&model.lock);

	if (!model_leaf(fault->leaf, &slot))
		return -EINVAL;
	if (nr_faults == TDX_MODEL_MAX_FAULTS)
		return -ENOSPC;
	faults[nr_faults++] = (struct armed_fault) { .fault = *fault };
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_model_fail);

/**
 * tdx_model_fail_wbinvd - let every TDH.PHYMEM.PAGE.WBINVD of one page fail
 * @pa: PA of the page
 * @status: completion status, the same for all pages that fail this way
 *
 * Context: Any.
 * Return: 0, or -EINVAL if there is no such page.
 */
int tdx_model_fail_wbinvd(phys_addr_t pa, u64 status)
{
	guard(spinlock)(&model.lock);

	if (!model_is_memory(pa))
		return -EINVAL;
	model_see(PHYS_PFN(pa), 1);
	model_page(PHYS_PFN(pa))->bad_flush = true;
	model.bad_flush_status = status;
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_model_fail_wbinvd);

/**
 * tdx_model_disarm - forget all faults that are armed, but not those of WBINVD of a
 * page
 */
void tdx_model_disarm(void)
{
	guard(spinlock)(&model.lock);

	nr_faults = 0;
}
EXPORT_SYMBOL_GPL(tdx_model_disarm);

/**
 * tdx_model_set_iommu_entries - how long an IOMMU_MT list this model wants
 * @nr: number of entries, the two blocks included
 */
void tdx_model_set_iommu_entries(unsigned int nr)
{
	model.iommu_entries = clamp(nr, 2, LIST_MAX);
}
EXPORT_SYMBOL_GPL(tdx_model_set_iommu_entries);

/**
 * tdx_model_set_output - what to write into pages for output
 * @what: the list, or garbage
 */
void tdx_model_set_output(enum tdx_model_output what)
{
	model.output = what;
}
EXPORT_SYMBOL_GPL(tdx_model_set_output);

/**
 * tdx_model_set_clear - choose the reading of TDH.IOMMU.CLEAR's list operand
 * @how: it is read, or it is written
 */
void tdx_model_set_clear(enum tdx_model_clear how)
{
	model.clear = how;
}
EXPORT_SYMBOL_GPL(tdx_model_set_clear);

/**
 * tdx_model_set_rounds - how talkative the module is
 * @nr: number of messages that each leaf exchanges which exchanges any
 */
void tdx_model_set_rounds(unsigned int nr)
{
	model.rounds = nr;
}
EXPORT_SYMBOL_GPL(tdx_model_set_rounds);

/**
 * tdx_model_set_length - lie about the length of messages and device information
 * @length: bytes that a leaf says it has written; 0 has it tell the truth again
 */
void tdx_model_set_length(u64 length)
{
	model.length = length;
}
EXPORT_SYMBOL_GPL(tdx_model_set_length);

/**
 * tdx_model_device - answer a message in the device's place
 * @response: PA of the page for the answer
 * @request: PA of the page with the message
 * @len: its length in bytes, as the leaf told
 */
void tdx_model_device(phys_addr_t response, phys_addr_t request, size_t len)
{
	const u8 *message = phys_to_virt(request);
	u8 *answer = phys_to_virt(response);

	for (size_t i = 0; i < min(len, PAGE_SIZE); i++)
		answer[i] = ~message[i];
}
EXPORT_SYMBOL_GPL(tdx_model_device);

/**
 * tdx_model_nr_calls - how often a leaf was called since the reset
 * @leaf: its number
 *
 * Return: number of calls, failed ones included.
 */
unsigned long tdx_model_nr_calls(u64 leaf)
{
	unsigned int slot;

	return model_leaf(leaf, &slot) ? nr_calls[slot] : 0;
}
EXPORT_SYMBOL_GPL(tdx_model_nr_calls);

/**
 * tdx_model_nr_resets - how many clean pages were reset since the model was
 *
 * Return: number of pages.
 */
unsigned long tdx_model_nr_resets(void)
{
	return atomic_long_read(&nr_resets);
}
EXPORT_SYMBOL_GPL(tdx_model_nr_resets);

/**
 * tdx_model_nr_early_resets - how many pages were reset that the model owned or that
 * were dirty, since the model was reset
 *
 * Return: number of pages.  A reset that comes too early is lost, or worse.
 */
unsigned long tdx_model_nr_early_resets(void)
{
	return atomic_long_read(&nr_early_resets);
}
EXPORT_SYMBOL_GPL(tdx_model_nr_early_resets);

/**
 * tdx_model_nr_owned - how many pages the model owns
 *
 * Return: number of pages.
 */
unsigned long tdx_model_nr_owned(void)
{
	unsigned long pfn, nr = 0;

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++)
		nr += !!model_page(pfn)->owner;
	return nr;
}
EXPORT_SYMBOL_GPL(tdx_model_nr_owned);

/**
 * tdx_model_owns - is this page the model's?
 * @pa: PA of the page
 *
 * Return: true if it is.
 */
bool tdx_model_owns(phys_addr_t pa)
{
	return model_page(PHYS_PFN(pa))->owner;
}
EXPORT_SYMBOL_GPL(tdx_model_owns);

/**
 * tdx_model_dirty - are there dirty private lines of this page?
 * @pa: PA of the page
 *
 * Return: true if there are.
 */
bool tdx_model_dirty(phys_addr_t pa)
{
	return model_page(PHYS_PFN(pa))->dirty;
}
EXPORT_SYMBOL_GPL(tdx_model_dirty);

static u64 mix(u64 digest, u64 value)
{
	return hash_64_generic(digest ^ value, 64);
}

/**
 * tdx_model_digest - has anything changed?
 *
 * Return: a number that is the same as long as the model owns the same pages,
 * the same pages are dirty, and it has made the same things in the same state.
 */
u64 tdx_model_digest(void)
{
	unsigned long pfn;
	u64 digest = 0;

	guard(spinlock)(&model.lock);

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		const struct model_page *mp = model_page(pfn);

		if (mp->owner || mp->dirty)
			digest = mix(digest, pfn << 8 | mp->owner << 1 | mp->dirty);
	}
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		const struct model_object *o = &model.objects[i];
		u64 state = o->made | o->blocked << 1 | o->connected << 2 | o->stale << 3 |
			    o->pending.asked << 4 | (u64)o->pending.rounds << 5 |
			    (u64)o->pending.leaf << 32;

		if (o->owner)
			digest = mix(digest, state ^ o->key << 24 ^ (u64)i << 56);
	}
	return mix(digest, model.ext_init.leaf);
}
EXPORT_SYMBOL_GPL(tdx_model_digest);

/**
 * tdx_model_info_byte - what TDH.SPDM.CONNECT writes as device information
 * @offset: at this offset
 *
 * Return: the byte.  Any 251 pages in a row differ from each other.
 */
u8 tdx_model_info_byte(size_t offset)
{
	return model_info_byte(offset);
}
EXPORT_SYMBOL_GPL(tdx_model_info_byte);

/**
 * tdx_model_wbinvd_all - the caches of all CPUs are written back and invalid
 *
 * For callers that execute WBINVD everywhere instead of asking the module.
 */
void tdx_model_wbinvd_all(void)
{
	unsigned long pfn;

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		if (!model_page(pfn)->owner)
			model_page(pfn)->dirty = false;
	}
}
EXPORT_SYMBOL_GPL(tdx_model_wbinvd_all);

/**
 * tdx_model_reset - a new module: no objects, no faults, no calls counted
 *
 * Pages that were owned stay out of the page allocator; take them back with
 * tdx_model_reclaim() first.
 */
void tdx_model_reset(void)
{
	guard(spinlock)(&model.lock);

	if (model.first_pfn <= model.last_pfn)
		memset(model_page(model.first_pfn), 0,
		       (model.last_pfn - model.first_pfn + 1) * sizeof(*model.pages));
	model.first_pfn = ULONG_MAX;
	model.last_pfn = 0;
	for (struct model_object *o = model.objects; o < model.objects + NR_OBJECTS; o++) {
		o->owner = OWNER_NONE;
		o->key = 0;
		o->pending = (struct model_pending){};
	}
	model.ext_init.leaf = 0;
	model.iommu_entries = 2;
	model.rounds = 0;
	model.length = 0;
	model.output = TDX_MODEL_OUTPUT_LIST;
	model.clear = TDX_MODEL_CLEAR_WRITES;
	nr_faults = 0;
	memset(nr_calls, 0, sizeof(nr_calls));
	atomic_long_set(&nr_resets, 0);
	atomic_long_set(&nr_early_resets, 0);
}
EXPORT_SYMBOL_GPL(tdx_model_reset);

/**
 * tdx_model_reclaim - free what was left with the model or lost, for real
 *
 * Ends the model's ownership and frees the pages, so that tests and benchmarks
 * that leave pages behind can go on for long.  Such a page has one reference, or
 * none if it lies inside an allocation that was left behind as a whole.
 *
 * Context: May sleep.
 * Return: number of pages freed.
 */
unsigned long tdx_model_reclaim(void)
{
	unsigned long pfn, nr_pages, nr = 0;

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn += nr_pages) {
		struct page *page;

		nr_pages = 1;
		if (!model_page(pfn)->owner && !model_page(pfn)->watched)
			continue;

		/* A compound page goes as a whole. */
		page = pfn_to_page(pfn);
		nr_pages = compound_nr(page);
		memset(model_page(pfn), 0, nr_pages * sizeof(*model.pages));
		if (!page_ref_count(page))
			init_page_count(page);
		put_page(page);
		nr += nr_pages;
	}

	return nr;
}
EXPORT_SYMBOL_GPL(tdx_model_reclaim);

/* What a CPU with X86_BUG_TDX_PW_MCE wants, after the flush and not before. */
static void model_reset_page(phys_addr_t pa)
{
	struct model_page *mp = model_page(PHYS_PFN(pa));

	atomic_long_inc(mp->owner || mp->dirty ? &nr_early_resets : &nr_resets);
}

static struct tdx_door model_door = {
	.seamcall = model_seamcall,
	.reset_page = model_reset_page,
	.global_key = TDX_MODEL_GLOBAL_KEY,
};

/**
 * tdx_model_door - what the model puts behind the door
 *
 * For who wants to stand between it and the door.
 *
 * Return: the door, which lives as long as the model's module.
 */
const struct tdx_door *tdx_model_door(void)
{
	return &model_door;
}
EXPORT_SYMBOL_GPL(tdx_model_door);

/**
 * tdx_model_set_erratum - choose a CPU with X86_BUG_TDX_PW_MCE or without
 * @erratum: with, as it is from the start
 *
 * Context: Any, but nobody may be inside the module.
 */
void tdx_model_set_erratum(bool erratum)
{
	model_door.reset_page = erratum ? model_reset_page : NULL;
}
EXPORT_SYMBOL_GPL(tdx_model_set_erratum);

static bool is_installed;

/**
 * tdx_model_install - put the model behind the door, where it mostly is from the start
 *
 * Return: 0 if it is there, -ENODEV if the model was not set up, -EBUSY if the door
 * is taken: this machine has a TDX module, and whatever is meant for the model must
 * not be done to it.
 */
int tdx_model_install(void)
{
	int ret = 0;

	if (!model.pages)
		return -ENODEV;
	if (!is_installed)
		ret = tdx_door_install(&model_door);
	is_installed = !ret;
	return ret;
}
EXPORT_SYMBOL_GPL(tdx_model_install);

/**
 * tdx_model_remove - leave the door
 */
void tdx_model_remove(void)
{
	tdx_door_remove(&model_door);
	is_installed = false;
}
EXPORT_SYMBOL_GPL(tdx_model_remove);

static bool behind_door = true;
module_param(behind_door, bool, 0444);
MODULE_PARM_DESC(behind_door, "stand behind the door from the start (default: Y)");

static int __init model_init(void)
{
	int nid, ret;

	for_each_online_node(nid)
		model.end_pfn = max(model.end_pfn, node_end_pfn(nid));

	model_leaves_init();
	model.pages = vcalloc(model.end_pfn, sizeof(*model.pages));
	model.objects = vcalloc(NR_OBJECTS, sizeof(*model.objects));
	ret = model.pages && model.objects ? judge_init() : -ENOMEM;
	if (!ret) {
		tdx_model_reset();
		ret = behind_door ? tdx_model_install() : 0;
		if (ret)
			judge_exit();
	}
	if (ret) {
		vfree(model.objects);
		vfree(model.pages);
		/* Built in, this code stays. */
		model.pages = NULL;
	}

	return ret;
}
module_init(model_init);

static void __exit model_exit(void)
{
	tdx_model_remove();
	judge_exit();
	vfree(model.objects);
	vfree(model.pages);
}
module_exit(model_exit);

MODULE_DESCRIPTION("Software TDX module");
MODULE_LICENSE("GPL");
