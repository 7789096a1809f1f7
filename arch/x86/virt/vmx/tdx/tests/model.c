// SPDX-License-Identifier: GPL-2.0
/*
 * The software TDX module: its state, its entry point, and its interface for
 * tests and benchmarks
 */
#include <linux/cleanup.h>
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include <asm/tdx_connect.h>

#include "tdx.h"
#include "model.h"

struct model model = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(model.lock),
	.first_pfn = ULONG_MAX,
	.global_key = (u64)TDX_MODEL_KEYID << TDX_MODEL_KEYID_SHIFT,
};

static struct armed_fault {
	struct tdx_model_fault fault;
	unsigned int nr_calls;
} faults[TDX_MODEL_MAX_FAULTS];
static unsigned int nr_faults;

static unsigned long nr_calls[MODEL_NR_LEAVES];
static atomic_long_t nr_resets;
static atomic_long_t nr_early_resets;

bool model_is_memory(phys_addr_t pa)
{
	return PHYS_PFN(pa) < model.end_pfn && pfn_valid(PHYS_PFN(pa));
}

/*
 * Return the fault of this call, or NULL.  Each armed fault counts all calls.
 */
static const struct tdx_model_fault *find_fault(u64 leaf)
{
	const struct tdx_model_fault *found = NULL;

	for (struct armed_fault *f = faults; f < faults + nr_faults; f++) {
		if (f->fault.leaf != leaf)
			continue;
		f->nr_calls++;
		if (!found && (!f->fault.nth || f->fault.nth == f->nr_calls))
			found = &f->fault;
	}
	return found;
}

/*
 * SEAMCALL itself fails.  A WBINVD still enters its leaf, which does nothing
 * but record for the page checker that the page was not flushed.
 */
static bool seamcall_fails(const struct model_call *call)
{
	return call->fault && (call->fault->status & TDX_SW_ERROR) == TDX_SW_ERROR &&
	       call->leaf != TDH_PHYMEM_PAGE_WBINVD;
}

/*
 * An interrupted leaf and a leaf that lacks entropy leave all registers in
 * place.
 */
static bool zeroes_registers(u64 leaf, u64 status)
{
	u64 class = status & TDX_SEAMCALL_STATUS_MASK;

	return model.zero_registers && (status & TDX_ERROR) && leaf != TDH_EXT_MEM_ADD &&
	       class != TDX_INTERRUPTED_RESUMABLE && class != TDX_RND_NO_ENTROPY &&
	       class != TDX_SPDM_REQUEST;
}

/**
 * tdx_model_seamcall - call a leaf of the software TDX module
 * @leaf: number of the leaf
 * @args: operands and results
 *
 * Context: Any.
 * Return: completion status.
 */
u64 tdx_model_seamcall(u64 leaf, struct tdx_module_args *args)
{
	struct model_call call = { .leaf = leaf, .args = args };
	unsigned int slot;
	model_leaf_fn fn = model_leaf(leaf, &slot);
	u64 status;

	if (model.record && leaf == model.record_leaf)
		*model.record = *args;

	if (!fn)
		return TDX_OPERAND_INVALID;

	guard(raw_spinlock)(&model.lock);

	nr_calls[slot]++;
	call.fault = find_fault(leaf);
	if (seamcall_fails(&call))
		return call.fault->status;

	/* Benchmarks do not measure these checks. */
	status = 0;
	if (READ_ONCE(model.watching))
		status = model_check_registers(args, slot) ?: model_check_objects(args, slot);
	if (!status)
		status = fn(&call);
	/* A success with information */
	if (!status && call.fault && !model_fails(&call))
		status = call.fault->status;
	if (zeroes_registers(leaf, status)) {
		args->rcx = 0;
		args->rdx = 0;
	}
	return status;
}

/**
 * tdx_model_set_key - set the global KeyID
 * @global_key: KeyID at its position in a physical address
 */
void tdx_model_set_key(u64 global_key)
{
	model.global_key = global_key;
}

/**
 * tdx_model_key - get the global KeyID
 *
 * Return: KeyID at its position in a physical address.
 */
u64 tdx_model_key(void)
{
	return model.global_key;
}

/*
 * For tests and benchmarks
 */

/**
 * tdx_model_fail - arm a fault
 * @fault: copied
 *
 * Context: Any.
 * Return: 0, -EINVAL if @fault names an unknown leaf, -ENOSPC if too many
 * faults are armed.
 */
int tdx_model_fail(const struct tdx_model_fault *fault)
{
	unsigned int slot;

	guard(raw_spinlock)(&model.lock);

	if (!model_leaf(fault->leaf, &slot))
		return -EINVAL;
	if (nr_faults == TDX_MODEL_MAX_FAULTS)
		return -ENOSPC;
	faults[nr_faults++] = (struct armed_fault) { .fault = *fault };
	return 0;
}

/**
 * tdx_model_fail_wbinvd - make every TDH.PHYMEM.PAGE.WBINVD of one page fail
 * @pa: PA of the page
 * @status: completion status, the same for all pages that fail this way
 *
 * Context: Any.
 * Return: 0, or -EINVAL if @pa is not memory.
 */
int tdx_model_fail_wbinvd(phys_addr_t pa, u64 status)
{
	guard(raw_spinlock)(&model.lock);

	if (!model_is_memory(pa))
		return -EINVAL;
	model_note(PHYS_PFN(pa), 1);
	model_page(PHYS_PFN(pa))->bad_flush = true;
	model.bad_flush_status = status;
	return 0;
}

/**
 * tdx_model_set_outside - place a page outside of all TDMRs
 * @pa: PA of the page
 *
 * The module rejects such a page with TDX_OPERAND_ADDR_RANGE_ERROR.
 *
 * Context: Any.
 * Return: 0, or -EINVAL if @pa is not memory.
 */
int tdx_model_set_outside(phys_addr_t pa)
{
	guard(raw_spinlock)(&model.lock);

	if (!model_is_memory(pa))
		return -EINVAL;
	model_note(PHYS_PFN(pa), 1);
	model_page(PHYS_PFN(pa))->outside = true;
	return 0;
}

/**
 * tdx_model_disarm - remove all armed faults, except those of
 *	tdx_model_fail_wbinvd()
 */
void tdx_model_disarm(void)
{
	guard(raw_spinlock)(&model.lock);

	nr_faults = 0;
}

/**
 * tdx_model_set_busy_region - another call works on a region of 2 MiB
 * @pa: a PA in this region
 * @nr_calls: the next @nr_calls WBINVDs in this region return TDX_OPERAND_BUSY
 */
void tdx_model_set_busy_region(phys_addr_t pa, unsigned int nr_calls)
{
	guard(raw_spinlock)(&model.lock);

	model.busy_region = pa / SZ_2M;
	model.nr_busy = nr_calls;
}

/**
 * tdx_model_lock_pages - another call has locked a PAMT entry
 * @pa: PA of its pages
 * @size: size of its pages: 4 KiB, 2 MiB or 1 GiB
 *
 * Until tdx_model_unlock(), leaves that flush, claim or return one of these
 * pages return TDX_OPERAND_BUSY.
 */
void tdx_model_lock_pages(phys_addr_t pa, u64 size)
{
	guard(raw_spinlock)(&model.lock);

	model.lock_pa = pa & ~(size - 1);
	model.lock_size = size;
}

/**
 * tdx_model_lock_object - another call has locked an IOMMU, a session or a
 *	stream
 * @id: ID of the object
 *
 * Until tdx_model_unlock(), leaves that have this ID as an operand return
 * TDX_OPERAND_BUSY.
 */
void tdx_model_lock_object(u64 id)
{
	guard(raw_spinlock)(&model.lock);

	model.locked_object = id < NR_OBJECTS ? &model.objects[id] : NULL;
}

/**
 * tdx_model_unlock - the other call ends
 */
void tdx_model_unlock(void)
{
	guard(raw_spinlock)(&model.lock);

	model.lock_size = 0;
	model.locked_object = NULL;
}

/**
 * tdx_model_record - record the operands of a leaf
 * @leaf: number of the leaf
 * @args: each call of the leaf stores its operands here, until
 *	tdx_model_reset()
 */
void tdx_model_record(u64 leaf, struct tdx_module_args *args)
{
	model.record_leaf = leaf;
	model.record = args;
}

/**
 * tdx_model_set_flush_owned - break the specification of TDH.PHYMEM.PAGE.WBINVD
 * @on: WBINVD of a page that the module owns succeeds
 */
void tdx_model_set_flush_owned(bool on)
{
	model.flush_owned = on;
}

/**
 * tdx_model_set_list_write - write to input lists
 * @how: what to write to each entry that a leaf has processed
 */
void tdx_model_set_list_write(enum tdx_model_list_write how)
{
	model.list_write = how;
}

/**
 * tdx_model_set_zero_registers - change the registers of failed calls
 * @on: a failed leaf returns 0 in RCX and RDX.  A failed TDH.EXT.MEM.ADD
 *	returns HPA_LIST_INFO advanced by the pages that it took.
 *
 * A call that lacked entropy leaves its registers: the kernel's sc_retry()
 * repeats it with the registers that the call returned.
 */
void tdx_model_set_zero_registers(bool on)
{
	model.zero_registers = on;
}

/**
 * tdx_model_set_nr_control - set the number of control pages that a leaf takes
 * @leaf: TDH.SPDM.CREATE or TDH.IDE.STREAM.CREATE
 * @nr: the only number that the leaf accepts, or 0 for any number
 */
void tdx_model_set_nr_control(u64 leaf, unsigned int nr)
{
	if (leaf == TDH_SPDM_CREATE)
		model.nr_spdm_control = nr;
	else if (leaf == TDH_IDE_STREAM_CREATE)
		model.nr_ide_control = nr;
}

/**
 * tdx_model_set_iommu_entries - set the length of an IOMMU_MT list
 * @nr: number of entries, the two blocks included
 */
void tdx_model_set_iommu_entries(unsigned int nr)
{
	model.iommu_entries = clamp(nr, 2, LIST_MAX);
}

/**
 * tdx_model_set_output - choose the contents of output pages
 * @what: the list, or garbage
 */
void tdx_model_set_output(enum tdx_model_output what)
{
	model.output = what;
}

/**
 * tdx_model_set_clear - choose the meaning of the list operand of
 *	TDH.IOMMU.CLEAR
 * @how: input or output
 */
void tdx_model_set_clear(enum tdx_model_clear how)
{
	model.clear = how;
}

/**
 * tdx_model_set_delete_by_id - choose the interface of leaves that return pages
 * @on: TDH.SPDM.DELETE, TDH.IDE.STREAM.DELETE and TDH.IOMMU.CLEAR take IDs
 *	only, as in the newest public interface.  Otherwise they also take a
 *	list, the default.
 *
 * A caller is written for one interface, so tdx_model_reset() keeps the choice.
 */
void tdx_model_set_delete_by_id(bool on)
{
	model.delete_by_id = on;
}

/**
 * tdx_model_set_rounds - set the number of messages of each exchange
 * @nr: number of messages that each leaf for messages exchanges
 */
void tdx_model_set_rounds(unsigned int nr)
{
	model.rounds = nr;
}

/**
 * tdx_model_set_length - report a wrong length of messages and device
 *	information
 * @length: length in bytes that a leaf reports, or 0 for the correct length
 */
void tdx_model_set_length(u64 length)
{
	model.length = length;
}

/**
 * tdx_model_device - write the answer of the device to a message
 * @response: PA of the page for the answer
 * @request: PA of the page with the message
 * @len: length of the message in bytes, as the leaf reported it
 */
void tdx_model_device(phys_addr_t response, phys_addr_t request, size_t len)
{
	const u8 *message = phys_to_virt(request);
	u8 *answer = phys_to_virt(response);

	for (size_t i = 0; i < min(len, PAGE_SIZE); i++)
		answer[i] = ~message[i];
}

/**
 * tdx_model_nr_calls - count the calls of a leaf since tdx_model_reset()
 * @leaf: number of the leaf
 *
 * Return: number of calls, failed ones included.
 */
unsigned long tdx_model_nr_calls(u64 leaf)
{
	unsigned int slot;

	return model_leaf(leaf, &slot) ? nr_calls[slot] : 0;
}

/**
 * tdx_model_nr_resets - count resets of clean pages since tdx_model_reset()
 *
 * Return: number of pages.
 */
unsigned long tdx_model_nr_resets(void)
{
	return atomic_long_read(&nr_resets);
}

/**
 * tdx_model_nr_early_resets - count resets of owned or dirty pages
 *
 * Such a reset has no lasting effect, because a dirty line may follow it.
 *
 * Return: number of pages since tdx_model_reset().
 */
unsigned long tdx_model_nr_early_resets(void)
{
	return atomic_long_read(&nr_early_resets);
}

/**
 * tdx_model_nr_owned - count the pages that the model owns
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

/**
 * tdx_model_owns - test whether the model owns a page
 * @pa: PA of the page
 *
 * Return: true if it does.
 */
bool tdx_model_owns(phys_addr_t pa)
{
	return model_page(PHYS_PFN(pa))->owner;
}

/**
 * tdx_model_dirty - test whether a page may have dirty private cache lines
 * @pa: PA of the page
 *
 * Return: true if it may.
 */
bool tdx_model_dirty(phys_addr_t pa)
{
	return model_page(PHYS_PFN(pa))->dirty;
}

static u64 mix(u64 digest, u64 value)
{
	return hash_64_generic(digest ^ value, 64);
}

/**
 * tdx_model_digest - compute a digest of the state
 *
 * Return: a number that changes with the owned pages, the dirty pages, and the
 * objects and their state.
 */
u64 tdx_model_digest(void)
{
	unsigned long pfn;
	u64 digest = 0;

	guard(raw_spinlock)(&model.lock);

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		const struct model_page *mp = model_page(pfn);

		if (mp->owner || mp->dirty)
			digest = mix(digest, pfn << 8 | mp->owner << 1 | mp->dirty);
	}
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		const struct model_object *o = &model.objects[i];
		u64 state = o->made | o->blocked << 1 | o->connected << 2 | o->stale << 3 |
			    o->pending.waits << 4 | (u64)o->pending.rounds << 5 |
			    (u64)o->pending.leaf << 32;

		if (o->owner)
			digest = mix(digest, state ^ o->key << 24 ^ (u64)i << 56);
	}
	return mix(digest, model.ext_init.leaf);
}

/**
 * tdx_model_info_byte - get a byte of the device information
 * @offset: offset of the byte
 *
 * Return: the byte that TDH.SPDM.CONNECT writes there.  Any 251 pages in a row
 * differ.
 */
u8 tdx_model_info_byte(size_t offset)
{
	return model_info_byte(offset);
}

/**
 * tdx_model_wbinvd_all - write back and invalidate the caches of all CPUs
 *
 * For designs that execute WBINVD on all CPUs instead of calling the module.
 */
void tdx_model_wbinvd_all(void)
{
	unsigned long pfn;

	for (pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		if (!model_page(pfn)->owner)
			model_page(pfn)->dirty = false;
	}
}

/**
 * tdx_model_reset - remove all objects, faults and counts, switch all modes off
 *
 * The erratum and tdx_model_set_delete_by_id() stay as they are.
 * Owned pages stay out of the page allocator: call tdx_model_reclaim() first.
 */
void tdx_model_reset(void)
{
	guard(raw_spinlock)(&model.lock);

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
	model.list_write = TDX_MODEL_WRITE_NONE;
	model.flush_owned = false;
	model.zero_registers = false;
	model.record = NULL;
	model.nr_spdm_control = 0;
	model.nr_ide_control = 0;
	model.nr_busy = 0;
	model.lock_size = 0;
	model.locked_object = NULL;
	nr_faults = 0;
	memset(nr_calls, 0, sizeof(nr_calls));
	atomic_long_set(&nr_resets, 0);
	atomic_long_set(&nr_early_resets, 0);
}

static bool erratum = true;

/**
 * tdx_model_reset_paddr - convert private pages, as tdx_quirk_reset_paddr()
 *	does
 * @base: PA of the first page
 * @size: number of bytes
 */
void tdx_model_reset_paddr(unsigned long base, unsigned long size)
{
	if (!READ_ONCE(erratum))
		return;

	for (unsigned long pa = base; pa < base + size; pa += PAGE_SIZE) {
		struct model_page *mp = model_page(PHYS_PFN(pa));

		atomic_long_inc(mp->owner || mp->dirty ? &nr_early_resets : &nr_resets);
	}
}

/**
 * tdx_model_set_erratum - choose a CPU with X86_BUG_TDX_PW_MCE or without
 * @has_erratum: the CPU has the erratum, the default
 */
void tdx_model_set_erratum(bool has_erratum)
{
	WRITE_ONCE(erratum, has_erratum);
}

/**
 * tdx_model_init - initialise the model
 *
 * Context: May sleep.
 * Return: 0, or a negative errno.
 */
int tdx_model_init(void)
{
	int nid, ret;

	for_each_online_node(nid)
		model.end_pfn = max(model.end_pfn, node_end_pfn(nid));

	model_leaves_init();
	model.pages = vcalloc(model.end_pfn, sizeof(*model.pages));
	model.objects = vcalloc(NR_OBJECTS, sizeof(*model.objects));
	ret = model.pages && model.objects ? checker_init() : -ENOMEM;
	if (ret) {
		vfree(model.objects);
		vfree(model.pages);
		/*
		 * Built in, the suites still run: tdx_model_attach() skips
		 * them.
		 */
		model.pages = NULL;
		return ret;
	}

	tdx_model_reset();
	return 0;
}

/**
 * tdx_model_exit - free the memory of the model
 */
void tdx_model_exit(void)
{
	checker_exit();
	vfree(model.objects);
	vfree(model.pages);
}
