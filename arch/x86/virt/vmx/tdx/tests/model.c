// SPDX-License-Identifier: GPL-2.0
/*
 * The software TDX module
 *
 * One function per leaf, one table of leaves.  A leaf first checks everything
 * and then changes everything, so that a refusal leaves the model as it was.
 *
 * Leaves, operands and checks: TDX Connect ABI specification (Intel document
 * 858625), TDX module base specification (Intel document 348549).
 */
#include <linux/bitfield.h>
#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "../door.h"
#include "model_page.h"
#include "tdx_model.h"

#define LIST_MAX	512
#define NR_OBJECTS	64

/* Operand formats, spelled out anew: a shared mistake would go unnoticed. */
#define OPERAND_PFN		GENMASK_ULL(51, 12)
#define OPERAND_TOP		GENMASK_ULL(63, 55)
#define LIST_FIRST		GENMASK_ULL(11, 3)
#define LIST_RESERVED		(GENMASK_ULL(54, 52) | GENMASK_ULL(2, 0))
#define ARRAY_RESERVED		(GENMASK_ULL(54, 52) | GENMASK_ULL(11, 0))
#define ENTRY_RESERVED		GENMASK_ULL(63, 52)
#define ENTRY_LOW		GENMASK_ULL(11, 0)

#define INVALID(operand)	(TDX_OPERAND_INVALID | (operand))
#define RCX	1
#define RDX	2
#define R8	8
#define R9	9
#define R10	10

/**
 * struct model_object - something that the module made from control pages
 * @owner: what it is; OWNER_NONE is a free slot
 * @blocked: an IDE stream without traffic
 * @nr: number of its entries
 * @key: what it was made for; no two objects of a kind have the same
 * @parent: name of the SPDM session that an IDE stream belongs to
 * @entries: its pages as they were handed over
 */
struct model_object {
	enum model_owner owner;
	bool blocked;
	unsigned int nr;
	u64 key;
	u64 parent;
	u64 entries[LIST_MAX];
};

struct model_leaf {
	u64 leaf;
	u64 (*call)(struct tdx_module_args *args, const struct tdx_model_fault *fault);
	bool resumes_with_originals;
	unsigned long nr_calls;
	/* Operands of an interrupted call, which its retry must repeat. */
	struct tdx_module_args interrupted;
	bool was_interrupted;
};

static DEFINE_SPINLOCK(model_lock);

static struct model_page *pages;
static unsigned long end_pfn;

static struct model_object *objects;

static struct armed_fault {
	struct tdx_model_fault fault;
	unsigned int seen;
} faults[TDX_MODEL_MAX_FAULTS];
static unsigned int nr_faults;
static u64 bad_flush_status;

/*
 * Device information: each page is this pattern from another place on.  Made
 * beforehand, so that a benchmark of reading it is not one of making it.
 */
#define INFO_PERIOD	251
static u8 info_pattern[PAGE_SIZE + INFO_PERIOD];

static unsigned long nr_resets;
static unsigned int iommu_entries;
static enum tdx_model_output output;
static enum tdx_model_clear clear_list;

struct model_page *model_page(unsigned long pfn)
{
	return &pages[pfn];
}

unsigned long model_end_pfn(void)
{
	return end_pfn;
}

/*
 * Pages and lists
 */

static bool is_memory(u64 pa)
{
	return PHYS_PFN(pa) < end_pfn && pfn_valid(PHYS_PFN(pa));
}

/* A page of the host's: one that the module may read or write with key 0. */
static bool is_shared_page(u64 pa)
{
	return !(pa & ~OPERAND_PFN) && is_memory(pa) && !pages[PHYS_PFN(pa)].owner;
}

static unsigned long entry_nr_pages(u64 entry)
{
	return (entry & ENTRY_LOW) ?: 1;
}

/* May this entry be claimed?  0, or why not. */
static u64 check_entry(u64 entry, bool may_be_block, u64 operand)
{
	unsigned long nr = entry_nr_pages(entry);
	unsigned long pfn = PHYS_PFN(entry);
	unsigned long i;

	if (entry & ENTRY_RESERVED)
		return INVALID(operand);
	if ((entry & ENTRY_LOW) && !may_be_block)
		return INVALID(operand);
	if ((entry & ENTRY_LOW) == 1 || !IS_ALIGNED(pfn, nr))
		return INVALID(operand);
	if (!pfn)
		return INVALID(operand);

	for (i = 0; i < nr; i++) {
		if (!is_memory(PFN_PHYS(pfn + i)))
			return INVALID(operand);
		if (pages[pfn + i].owner)
			return TDX_PAGE_METADATA_INCORRECT | operand;
	}

	return 0;
}

/* Change hands; what was dirty stays dirty. */
static void own_entries(const u64 *entries, unsigned int nr, enum model_owner owner,
			bool dirty)
{
	for (; nr--; entries++) {
		struct model_page *mp = model_page(PHYS_PFN(*entries));

		for (unsigned long n = entry_nr_pages(*entries); n--; mp++) {
			mp->owner = owner;
			mp->dirty |= dirty;
		}
	}
}

/*
 * Own all entries or none, without writing to them yet.  A duplicate fails when
 * it is met the second time.
 */
static u64 claim_entries(const u64 *entries, unsigned int nr, unsigned int nr_blocks,
			 enum model_owner owner, u64 operand)
{
	for (unsigned int i = 0; i < nr; i++) {
		u64 status = check_entry(entries[i], i < nr_blocks, operand);

		if (status) {
			own_entries(entries, i, OWNER_NONE, false);
			return status;
		}
		own_entries(entries + i, 1, owner, false);
	}

	return 0;
}

/*
 * Read an HPA_ARRAY_T into @entries.  Return its number of entries, or 0 if it
 * is malformed.
 */
static unsigned int read_hpa_array(u64 operand, u64 *entries)
{
	unsigned int nr = FIELD_GET(OPERAND_TOP, operand) + 1;
	u64 pa = operand & OPERAND_PFN;

	if (operand & ARRAY_RESERVED)
		return 0;

	if (nr == 1) {
		entries[0] = pa;
		return 1;
	}

	if (!is_shared_page(pa))
		return 0;

	memcpy(entries, phys_to_virt(pa), nr * sizeof(*entries));
	return nr;
}

/*
 * Objects
 */

static struct model_object *object(u64 id, enum model_owner owner)
{
	if (id >= NR_OBJECTS || objects[id].owner != owner)
		return NULL;
	return &objects[id];
}

static struct model_object *object_by_key(u64 key, enum model_owner owner)
{
	for (struct model_object *o = objects; o < objects + NR_OBJECTS; o++) {
		if (o->owner == owner && o->key == key)
			return o;
	}
	return NULL;
}

/*
 * Make an object from the entries in its own slot.  The fault, if any, strikes
 * when all operands have been found good.
 */
static u64 object_create(struct model_object *o, enum model_owner owner, u64 key,
			 unsigned int nr_blocks, u64 operand,
			 const struct tdx_model_fault *fault)
{
	u64 status = claim_entries(o->entries, o->nr, nr_blocks, owner, operand);

	if (status)
		return status;

	if (fault) {
		/* It wrote to some pages, then thought better of it. */
		own_entries(o->entries, min(fault->after, o->nr), OWNER_NONE, true);
		own_entries(o->entries, o->nr, OWNER_NONE, false);
		return fault->status;
	}

	own_entries(o->entries, o->nr, owner, true);
	o->owner = owner;
	o->blocked = false;
	o->key = key;
	return 0;
}

static struct model_object *free_object(void)
{
	return object_by_key(0, OWNER_NONE);
}

static u64 object_id(const struct model_object *o)
{
	return o - objects;
}

static void object_destroy(struct model_object *o)
{
	own_entries(o->entries, o->nr, OWNER_NONE, false);
	o->owner = OWNER_NONE;
	o->key = 0;
}

static void write_list(u64 pa, const struct model_object *o)
{
	u64 *list = phys_to_virt(pa);

	if (output == TDX_MODEL_OUTPUT_GARBAGE)
		memset(list, 0xa5, PAGE_SIZE);
	else
		memcpy(list, o->entries, o->nr * sizeof(*list));
}

/* Give back all pages of @o, with a list in @out as HPA_ARRAY_T. */
static u64 object_give_back(struct model_object *o, u64 out, u64 operand,
			    struct tdx_module_args *args)
{
	if (o->nr == 1) {
		if (out)
			return INVALID(operand);
		args->rcx = o->entries[0];
	} else {
		if (!out || !is_shared_page(out))
			return INVALID(operand);
		write_list(out, o);
		args->rcx = out | FIELD_PREP(OPERAND_TOP, o->nr - 1);
	}

	object_destroy(o);
	return 0;
}

/*
 * Leaves
 */

static u64 phymem_page_wbinvd(struct tdx_module_args *args,
			      const struct tdx_model_fault *fault)
{
	u64 pa = args->rcx & ~TDX_MODEL_GLOBAL_KEY;
	struct model_page *mp;

	if ((args->rcx & TDX_MODEL_GLOBAL_KEY) != TDX_MODEL_GLOBAL_KEY)
		return INVALID(RCX);
	if ((pa & ~OPERAND_PFN) || !is_memory(pa))
		return INVALID(RCX);

	mp = &pages[PHYS_PFN(pa)];
	if (mp->owner)
		return TDX_PAGE_METADATA_INCORRECT | RCX;
	if (fault)
		return fault->status;
	if (mp->bad_flush)
		return bad_flush_status;

	mp->dirty = false;
	return 0;
}

static u64 ext_init(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	return fault ? fault->status : 0;
}

static u64 ext_mem_add(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	unsigned int first = FIELD_GET(LIST_FIRST, args->rcx);
	unsigned int last = FIELD_GET(OPERAND_TOP, args->rcx);
	u64 pa = args->rcx & OPERAND_PFN;
	unsigned int nr;
	u64 *list;
	u64 status;

	if ((args->rcx & LIST_RESERVED) || first > last || !is_shared_page(pa))
		return INVALID(RCX);

	list = phys_to_virt(pa);
	nr = last - first + 1;
	if (fault && fault->after < nr)
		nr = fault->after;

	status = claim_entries(list + first, nr, 0, OWNER_EXT, RCX);
	if (status)
		return status;
	own_entries(list + first, nr, OWNER_EXT, true);

	if (first + nr > last)
		return fault && fault->status != TDX_INTERRUPTED_RESUMABLE ? fault->status : 0;

	/* Only an interruption says how far it got. */
	if (fault->status == TDX_INTERRUPTED_RESUMABLE)
		args->rcx = (args->rcx & ~LIST_FIRST) | FIELD_PREP(LIST_FIRST, first + nr);
	return fault->status;
}

static u64 iommu_setup(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	struct model_object *o = free_object();
	u64 status;

	if (!o)
		return TDX_OPERAND_BUSY;
	if (!args->rcx || (args->rcx & ~OPERAND_PFN) ||
	    object_by_key(args->rcx, OWNER_IOMMU))
		return INVALID(RCX);
	if (!is_shared_page(args->rdx))
		return INVALID(RDX);

	o->nr = iommu_entries;
	memcpy(o->entries, phys_to_virt(args->rdx), o->nr * sizeof(*o->entries));

	status = object_create(o, OWNER_IOMMU, args->rcx, 2, RDX, fault);
	if (!status)
		args->rcx = object_id(o);
	return status;
}

static u64 iommu_clear(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	struct model_object *o = object(args->rcx, OWNER_IOMMU);

	if (!o)
		return INVALID(RCX);
	if (!is_shared_page(args->rdx))
		return INVALID(RDX);
	if (clear_list == TDX_MODEL_CLEAR_READS &&
	    memcmp(phys_to_virt(args->rdx), o->entries, o->nr * sizeof(*o->entries)))
		return INVALID(RDX);
	if (fault)
		return fault->status;

	if (clear_list == TDX_MODEL_CLEAR_WRITES)
		write_list(args->rdx, o);
	object_destroy(o);
	return 0;
}

static u64 spdm_create(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	struct model_object *o = free_object();
	u64 status;

	if (!o)
		return TDX_OPERAND_BUSY;
	if (!args->rcx || object_by_key(args->rcx, OWNER_SPDM))
		return INVALID(RCX);
	o->nr = read_hpa_array(args->rdx, o->entries);
	if (!o->nr)
		return INVALID(RDX);

	status = object_create(o, OWNER_SPDM, args->rcx, 0, RDX, fault);
	if (!status)
		args->rcx = object_id(o);
	return status;
}

static u64 spdm_delete(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	struct model_object *o = object(args->rcx, OWNER_SPDM);

	if (!o)
		return INVALID(RCX);
	for (struct model_object *ide = objects; ide < objects + NR_OBJECTS; ide++) {
		if (ide->owner == OWNER_IDE && ide->parent == args->rcx)
			return TDX_OPERAND_BUSY | RCX;
	}
	if (fault)
		return fault->status;

	return object_give_back(o, args->rdx, RDX, args);
}

static u64 spdm_connect(struct tdx_module_args *args, const struct tdx_model_fault *fault)
{
	static u64 list[LIST_MAX];
	unsigned int nr, i;

	if (!object(args->rcx, OWNER_SPDM))
		return INVALID(RCX);
	if (!is_shared_page(args->rdx))
		return INVALID(RDX);
	if (!is_shared_page(args->r8))
		return INVALID(R8);
	if (!is_shared_page(args->r9))
		return INVALID(R9);

	nr = read_hpa_array(args->r10, list);
	for (i = 0; i < nr; i++) {
		if (!list[i] || !is_shared_page(list[i]))
			return INVALID(R10);
	}
	if (!nr)
		return INVALID(R10);
	if (fault)
		return fault->status;

	for (i = 0; i < nr; i++)
		memcpy(phys_to_virt(list[i]), info_pattern + i % INFO_PERIOD, PAGE_SIZE);

	args->rcx = nr * PAGE_SIZE;
	return 0;
}

static u64 ide_stream_create(struct tdx_module_args *args,
			     const struct tdx_model_fault *fault)
{
	struct model_object *o = free_object();
	u64 status;

	if (!o)
		return TDX_OPERAND_BUSY;
	if (!args->rcx || object_by_key(args->rcx, OWNER_IDE))
		return INVALID(RCX);
	if (!object(args->rdx, OWNER_SPDM))
		return INVALID(RDX);
	o->nr = read_hpa_array(args->r8, o->entries);
	if (!o->nr)
		return INVALID(R8);

	o->parent = args->rdx;
	status = object_create(o, OWNER_IDE, args->rcx, 0, R8, fault);
	if (!status) {
		args->rcx = object_id(o);
		args->rdx = object_id(o);
	}
	return status;
}

static u64 ide_stream_block(struct tdx_module_args *args,
			    const struct tdx_model_fault *fault)
{
	struct model_object *o = object(args->rdx, OWNER_IDE);

	if (!o)
		return INVALID(RDX);
	if (o->parent != args->rcx)
		return INVALID(RCX);
	if (fault)
		return fault->status;

	o->blocked = true;
	return 0;
}

static u64 ide_stream_delete(struct tdx_module_args *args,
			     const struct tdx_model_fault *fault)
{
	struct model_object *o = object(args->rdx, OWNER_IDE);

	if (!o || !o->blocked)
		return INVALID(RDX);
	if (o->parent != args->rcx)
		return INVALID(RCX);
	if (fault)
		return fault->status;

	return object_give_back(o, args->r8, R8, args);
}

static struct model_leaf leaves[] = {
	{ TDH_PHYMEM_PAGE_WBINVD, phymem_page_wbinvd },
	{ TDH_EXT_INIT, ext_init, .resumes_with_originals = true },
	{ TDH_EXT_MEM_ADD, ext_mem_add },
	{ TDH_IOMMU_SETUP, iommu_setup, .resumes_with_originals = true },
	{ TDH_IOMMU_CLEAR, iommu_clear, .resumes_with_originals = true },
	{ TDH_SPDM_CREATE, spdm_create },
	{ TDH_SPDM_DELETE, spdm_delete },
	{ TDH_IDE_STREAM_CREATE, ide_stream_create },
	{ TDH_IDE_STREAM_BLOCK, ide_stream_block },
	{ TDH_IDE_STREAM_DELETE, ide_stream_delete },
	{ TDH_SPDM_CONNECT, spdm_connect, .resumes_with_originals = true },
};

static struct model_leaf *find_leaf(u64 leaf)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i].leaf == leaf)
			return &leaves[i];
	}
	return NULL;
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

static bool same_operands(const struct tdx_module_args *a, const struct tdx_module_args *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static u64 model_seamcall(u64 nr, struct tdx_module_args *args)
{
	struct tdx_module_args operands = *args;
	struct model_leaf *leaf = find_leaf(nr);
	u64 status;

	if (!leaf)
		return INVALID(0);

	guard(spinlock)(&model_lock);

	leaf->nr_calls++;
	if (leaf->was_interrupted && !same_operands(args, &leaf->interrupted))
		return INVALID(RCX);
	leaf->was_interrupted = false;

	status = leaf->call(args, strike(nr));
	if (status == TDX_INTERRUPTED_RESUMABLE && leaf->resumes_with_originals) {
		leaf->interrupted = operands;
		leaf->was_interrupted = true;
		/* Nothing says that registers survive an interruption. */
		memset(args, 0x5a, sizeof(*args));
	}
	return status;
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
	guard(spinlock)(&model_lock);

	if (!find_leaf(fault->leaf))
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
	if (!is_memory(pa))
		return -EINVAL;
	pages[PHYS_PFN(pa)].bad_flush = true;
	bad_flush_status = status;
	return 0;
}
EXPORT_SYMBOL_GPL(tdx_model_fail_wbinvd);

/**
 * tdx_model_set_iommu_entries - how long an IOMMU_MT list this model wants
 * @nr: number of entries, the two blocks included
 */
void tdx_model_set_iommu_entries(unsigned int nr)
{
	iommu_entries = clamp(nr, 2, LIST_MAX);
}
EXPORT_SYMBOL_GPL(tdx_model_set_iommu_entries);

/**
 * tdx_model_set_output - what to write into pages for output
 * @what: the list, or garbage
 */
void tdx_model_set_output(enum tdx_model_output what)
{
	output = what;
}
EXPORT_SYMBOL_GPL(tdx_model_set_output);

/**
 * tdx_model_set_clear - choose the reading of TDH.IOMMU.CLEAR's list operand
 * @how: it is read, or it is written
 */
void tdx_model_set_clear(enum tdx_model_clear how)
{
	clear_list = how;
}
EXPORT_SYMBOL_GPL(tdx_model_set_clear);

/**
 * tdx_model_nr_calls - how often a leaf was called since the reset
 * @leaf: its number
 *
 * Return: number of calls, failed ones included.
 */
unsigned long tdx_model_nr_calls(u64 leaf)
{
	struct model_leaf *l = find_leaf(leaf);

	return l ? l->nr_calls : 0;
}
EXPORT_SYMBOL_GPL(tdx_model_nr_calls);

/**
 * tdx_model_nr_resets - how many clean pages were reset since the model was
 *
 * Return: number of pages.
 */
unsigned long tdx_model_nr_resets(void)
{
	return nr_resets;
}
EXPORT_SYMBOL_GPL(tdx_model_nr_resets);

/**
 * tdx_model_nr_owned - how many pages the model owns
 *
 * Return: number of pages.
 */
unsigned long tdx_model_nr_owned(void)
{
	unsigned long pfn, nr = 0;

	for (pfn = 0; pfn < end_pfn; pfn++)
		nr += !!pages[pfn].owner;
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
	return pages[PHYS_PFN(pa)].owner;
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
	return pages[PHYS_PFN(pa)].dirty;
}
EXPORT_SYMBOL_GPL(tdx_model_dirty);

/**
 * tdx_model_info_byte - what TDH.SPDM.CONNECT writes as device information
 * @offset: at this offset
 *
 * Return: the byte.  Any 251 pages in a row differ from each other.
 */
u8 tdx_model_info_byte(size_t offset)
{
	return info_pattern[offset_in_page(offset) + (offset >> PAGE_SHIFT) % INFO_PERIOD];
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

	for (pfn = 0; pfn < end_pfn; pfn++) {
		if (!pages[pfn].owner)
			pages[pfn].dirty = false;
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
	guard(spinlock)(&model_lock);

	memset(pages, 0, array_size(end_pfn, sizeof(*pages)));
	for (struct model_object *o = objects; o < objects + NR_OBJECTS; o++) {
		o->owner = OWNER_NONE;
		o->key = 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		leaves[i].nr_calls = 0;
		leaves[i].was_interrupted = false;
	}
	nr_faults = 0;
	nr_resets = 0;
	iommu_entries = 2;
	output = TDX_MODEL_OUTPUT_LIST;
	clear_list = TDX_MODEL_CLEAR_WRITES;
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
	unsigned long pfn, nr = 0;

	for (pfn = 0; pfn < end_pfn; pfn++) {
		struct page *page = pfn_to_page(pfn);
		struct model_page *mp = &pages[pfn];

		if (!mp->owner && !mp->watched)
			continue;

		*mp = (struct model_page){};
		nr++;
		if (PageTail(page))
			continue;
		if (!page_ref_count(page))
			init_page_count(page);
		put_page(page);
	}

	return nr;
}
EXPORT_SYMBOL_GPL(tdx_model_reclaim);

/* What a CPU with X86_BUG_TDX_PW_MCE wants, after the flush and not before. */
static void model_reset_page(phys_addr_t pa)
{
	struct model_page *mp = &pages[PHYS_PFN(pa)];

	if (!mp->owner && !mp->dirty)
		nr_resets++;
}

static const struct tdx_door model_door = {
	.seamcall = model_seamcall,
	.reset_page = model_reset_page,
	.global_key = TDX_MODEL_GLOBAL_KEY,
};

static int __init model_init(void)
{
	int nid, ret;

	for_each_online_node(nid)
		end_pfn = max(end_pfn, node_end_pfn(nid));

	for (size_t i = 0; i < sizeof(info_pattern); i++)
		info_pattern[i] = i * 7 % INFO_PERIOD;

	pages = vcalloc(end_pfn, sizeof(*pages));
	objects = vcalloc(NR_OBJECTS, sizeof(*objects));
	ret = pages && objects ? judge_init() : -ENOMEM;
	if (!ret) {
		tdx_model_reset();
		ret = tdx_door_install(&model_door);
	}
	if (ret) {
		vfree(objects);
		vfree(pages);
	}

	return ret;
}
module_init(model_init);

static void __exit model_exit(void)
{
	tdx_door_remove(&model_door);
	judge_exit();
	vfree(objects);
	vfree(pages);
}
module_exit(model_exit);

MODULE_DESCRIPTION("Software TDX module");
MODULE_LICENSE("GPL");
