// SPDX-License-Identifier: GPL-2.0
/*
 * What each leaf of the software TDX module checks and does
 *
 * A leaf first checks everything and then changes everything, so that a refusal
 * leaves the model as it was.  A fault strikes in between: when the leaf could
 * have gone on.
 *
 * Leaves, operands and checks: TDX Connect ABI specification (Intel document
 * 858625), TDX module base specification (Intel document 348549).
 */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>

#include "../door.h"
#include "model.h"

/* Operand formats, spelled out anew: a shared mistake would go unnoticed. */
#define OPERAND_PFN		GENMASK_ULL(51, 12)
#define OPERAND_TOP		GENMASK_ULL(63, 55)
#define LIST_FIRST		GENMASK_ULL(11, 3)
#define LIST_RESERVED		(GENMASK_ULL(54, 52) | GENMASK_ULL(2, 0))
#define ARRAY_RESERVED		(GENMASK_ULL(54, 52) | GENMASK_ULL(11, 0))
#define ENTRY_RESERVED		GENMASK_ULL(63, 52)
#define ENTRY_LOW		GENMASK_ULL(11, 0)

#define IOMMU_NR_BLOCKS		2
#define NO_OPERAND		(~0ULL)

/* Which operand is wrong, in the low half of the status. */
enum operand { RCX = 1, RDX = 2, R8 = 8, R9, R10, R11 };

#define INVALID(operand)	(TDX_OPERAND_INVALID | (operand))
#define BUSY(operand)		(TDX_OPERAND_BUSY | (operand))

/*
 * Device information: each page is this pattern from another place on.  Made
 * beforehand, so that a benchmark of reading it is not one of making it.
 */
#define INFO_PERIOD	251
static u8 info_pattern[PAGE_SIZE + INFO_PERIOD];

/*
 * Pages and lists
 */

/* A page of the host's: one that the module may read or write with key 0. */
static bool is_shared_page(u64 pa)
{
	return pa && !(pa & ~OPERAND_PFN) && model_is_memory(pa) &&
	       !model_page(PHYS_PFN(pa))->owner;
}

static unsigned long entry_nr_pages(u64 entry)
{
	return (entry & ENTRY_LOW) ?: 1;
}

/* May this entry be claimed?  0, or why not. */
static u64 check_entry(u64 entry, bool may_be_block, enum operand operand)
{
	unsigned long nr = entry_nr_pages(entry);
	unsigned long pfn = PHYS_PFN(entry);

	if (entry & ENTRY_RESERVED)
		return INVALID(operand);
	if ((entry & ENTRY_LOW) && !may_be_block)
		return INVALID(operand);
	/* A block has more than one page, and the alignment of its size. */
	if ((entry & ENTRY_LOW) && (nr == 1 || !is_power_of_2(nr) || !IS_ALIGNED(pfn, nr)))
		return INVALID(operand);
	if (!pfn)
		return INVALID(operand);

	for (unsigned long i = 0; i < nr; i++) {
		if (!model_is_memory(PFN_PHYS(pfn + i)))
			return INVALID(operand);
		if (model_page(pfn + i)->owner)
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
		unsigned long n = entry_nr_pages(*entries);

		model_see(PHYS_PFN(*entries), n);
		for (; n--; mp++) {
			/* Not yet, if it only wants to know. */
			if (owner && dirty && mp->freed)
				judge_claimed_free();
			mp->owner = owner;
			mp->dirty |= dirty;
		}
	}
}

/*
 * Own all entries or none, without writing to them yet.  A duplicate fails when it
 * is met the second time.
 */
static u64 claim_entries(const u64 *entries, unsigned int nr, unsigned int nr_blocks,
			 enum model_owner owner, enum operand operand)
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

/* The same for a buffer, whose pages stay the host's.  Each may be listed once. */
static unsigned int read_buffer(u64 operand, u64 *entries)
{
	unsigned int nr = read_hpa_array(operand, entries);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct model_page *mp;

		if (!is_shared_page(entries[i]))
			break;
		mp = model_page(PHYS_PFN(entries[i]));
		if (mp->listed)
			break;
		mp->listed = true;
	}

	for (unsigned int n = i; n--; )
		model_page(PHYS_PFN(entries[n]))->listed = false;

	return i == nr ? nr : 0;
}

/*
 * What is not finished
 */

/* Is another leaf at work, or was this one begun with other operands? */
static u64 check_pending(const struct model_call *call, const struct model_pending *pending)
{
	if (!pending->leaf)
		return 0;
	if (pending->leaf != call->leaf)
		return BUSY(RCX);
	return memcmp(call->args, &pending->operands, sizeof(*call->args)) ? INVALID(RCX) : 0;
}

static bool is_interruption(const struct model_call *call)
{
	return call->fault && call->fault->status == TDX_INTERRUPTED_RESUMABLE;
}

/* Interrupted after @nr_done entries. */
static u64 interrupt(struct model_call *call, struct model_pending *pending,
		     unsigned int nr_done)
{
	pending->leaf = call->leaf;
	pending->operands = *call->args;
	pending->nr_done = nr_done;

	/* Nothing says that registers survive an interruption. */
	memset(call->args, 0x5a, sizeof(*call->args));
	return TDX_INTERRUPTED_RESUMABLE;
}

/* The fault that strikes a leaf which may be interrupted, but has no list. */
static u64 fail(struct model_call *call, struct model_pending *pending)
{
	if (is_interruption(call))
		return interrupt(call, pending, 0);

	pending->leaf = 0;
	return call->fault->status;
}

/*
 * Objects
 */

static u64 object_id(const struct model_object *o)
{
	return o - model.objects;
}

static struct model_object *object(u64 id, enum model_owner owner)
{
	struct model_object *o = &model.objects[id];

	return id < NR_OBJECTS && o->owner == owner && o->made ? o : NULL;
}

static struct model_object *object_by_key(u64 key, enum model_owner owner)
{
	for (struct model_object *o = model.objects; o < model.objects + NR_OBJECTS; o++) {
		if (o->owner == owner && o->key == key)
			return o;
	}
	return NULL;
}

static struct model_object *free_object(void)
{
	return object_by_key(0, OWNER_NONE);
}

/* Does the leaf say that it gives all pages back, and keeps some? */
static bool lies(const struct model_call *call)
{
	return call->fault && !call->fault->status && call->fault->keep;
}

/* Its pages are the host's again, but for those that the leaf keeps. */
static void object_free(const struct model_call *call, struct model_object *o)
{
	unsigned int nr = lies(call) ? min(call->fault->after, o->nr) : o->nr;

	own_entries(o->entries, nr, OWNER_NONE, false);
	o->owner = OWNER_NONE;
	o->key = 0;
	o->pending = (struct model_pending){};
}

/*
 * The leaf that makes an object fails, or is interrupted, when its operands have
 * been found good.  It has dealt with some entries before.
 */
static u64 object_create_fail(struct model_call *call, struct model_object *o,
			      enum model_owner owner, u64 key)
{
	unsigned int nr = min(max(call->fault->after, o->pending.nr_done), o->nr);

	own_entries(o->entries, nr, owner, true);
	own_entries(o->entries + nr, o->nr - nr, OWNER_NONE, false);

	if (call->leaf == TDH_IOMMU_SETUP && is_interruption(call)) {
		o->owner = owner;
		o->key = key;
		return interrupt(call, &o->pending, nr);
	}

	if (!call->fault->keep)
		own_entries(o->entries, nr, OWNER_NONE, true);
	o->owner = OWNER_NONE;
	o->key = 0;
	o->pending.leaf = 0;
	return call->fault->status;
}

/* Make an object from the entries in its own slot. */
static u64 object_create(struct model_call *call, struct model_object *o,
			 enum model_owner owner, u64 key, unsigned int nr_blocks,
			 enum operand operand)
{
	if (!o->pending.leaf) {
		u64 status = claim_entries(o->entries, o->nr, nr_blocks, owner, operand);

		if (status)
			return status;
		o->pending.nr_done = 0;
		o->made = false;
	}

	if (call->fault)
		return object_create_fail(call, o, owner, key);

	own_entries(o->entries, o->nr, owner, true);
	o->owner = owner;
	o->key = key;
	o->made = true;
	o->blocked = false;
	o->connected = false;
	o->stale = false;
	o->pending.leaf = 0;
	return 0;
}

static void write_list(u64 pa, const struct model_object *o)
{
	u64 *list = phys_to_virt(pa);

	if (model.output == TDX_MODEL_OUTPUT_GARBAGE)
		memset(list, 0xa5, PAGE_SIZE);
	else
		memcpy(list, o->entries, o->nr * sizeof(*list));
}

/* Give back all pages of @o, with a list in @out as HPA_ARRAY_T. */
static u64 object_give_back(struct model_call *call, struct model_object *o, u64 out,
			    enum operand operand)
{
	if (o->nr == 1 ? out : !is_shared_page(out))
		return INVALID(operand);
	if (call->fault && !lies(call))
		return call->fault->status;

	if (o->nr == 1) {
		call->args->rcx = o->entries[0];
	} else {
		write_list(out, o);
		call->args->rcx = out | FIELD_PREP(OPERAND_TOP, o->nr - 1);
	}
	if (model.output == TDX_MODEL_OUTPUT_GARBAGE)
		call->args->rcx = 0xa5a5a5a5a5a5a5a5ULL;

	object_free(call, o);
	return 0;
}

/*
 * Messages.  The module cannot send any: it leaves them on the page for requests,
 * and looks for the device's answer on the page for responses when it is called
 * again.
 */

#define MESSAGE_BYTES	48

u8 model_message_byte(u32 message, size_t offset)
{
	return message * 31 + offset;
}

/* What a device answers: this model's is not inventive. */
static u8 answer_byte(u32 message, size_t offset)
{
	return ~model_message_byte(message, offset);
}

static bool is_answered(const struct model_pending *pending, u64 response)
{
	const u8 *answer = phys_to_virt(response);

	for (size_t i = 0; i < MESSAGE_BYTES; i++) {
		if (answer[i] != answer_byte(pending->message, i))
			return false;
	}
	return true;
}

static u64 ask(struct model_call *call, struct model_pending *pending, u64 request)
{
	u8 *message = phys_to_virt(request);

	pending->leaf = call->leaf;
	pending->operands = *call->args;
	pending->asked = true;
	pending->message = ++model.message;

	for (size_t i = 0; i < MESSAGE_BYTES; i++)
		message[i] = model_message_byte(pending->message, i);

	call->args->rcx = model.length ?: MESSAGE_BYTES;
	return TDX_SPDM_REQUEST;
}

/*
 * One turn of an exchange.  0: it is over; else what the leaf returns.
 */
static u64 exchange(struct model_call *call, struct model_object *session,
		    u64 response, enum operand response_operand,
		    u64 request, enum operand request_operand)
{
	struct model_pending *pending = &session->pending;
	u64 status = check_pending(call, pending);

	if (status)
		return status;
	if (!is_shared_page(response))
		return INVALID(response_operand);
	if (!is_shared_page(request))
		return INVALID(request_operand);
	if (pending->asked && !is_answered(pending, response))
		return INVALID(response_operand);

	if (!pending->leaf)
		pending->rounds = model.rounds;

	if (call->fault && call->fault->status != TDX_SPDM_REQUEST) {
		if (is_interruption(call))
			return interrupt(call, pending, 0);
		pending->leaf = 0;
		pending->asked = false;
		if (call->fault->status == TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH)
			session->stale = true;
		return call->fault->status;
	}

	if (call->fault)
		return ask(call, pending, request);
	if (pending->rounds) {
		pending->rounds--;
		return ask(call, pending, request);
	}

	pending->leaf = 0;
	pending->asked = false;
	return 0;
}

/* The device information, into a buffer. */
static void write_info(const u64 *entries, unsigned int nr, struct tdx_module_args *args)
{
	for (unsigned int i = 0; i < nr; i++)
		memcpy(phys_to_virt(entries[i]), info_pattern + i % INFO_PERIOD, PAGE_SIZE);

	args->rcx = model.length ?: nr * PAGE_SIZE;
}

/*
 * Leaves
 */

static u64 phymem_page_wbinvd(struct model_call *call)
{
	u64 pa = call->args->rcx & ~TDX_MODEL_GLOBAL_KEY;
	struct model_page *mp;
	u64 status = 0;

	if ((call->args->rcx & TDX_MODEL_GLOBAL_KEY) != TDX_MODEL_GLOBAL_KEY)
		return INVALID(RCX);
	if ((pa & ~OPERAND_PFN) || !model_is_memory(pa))
		return INVALID(RCX);

	model_see(PHYS_PFN(pa), 1);
	mp = model_page(PHYS_PFN(pa));
	if (mp->owner)
		status = TDX_PAGE_METADATA_INCORRECT | RCX;
	else if (call->fault)
		status = call->fault->status;
	else if (mp->bad_flush)
		status = model.bad_flush_status;
	else
		mp->dirty = false;

	mp->refused = !!status;
	return status;
}

static u64 ext_init(struct model_call *call)
{
	u64 status = check_pending(call, &model.ext_init);

	if (status)
		return status;
	if (call->fault)
		return fail(call, &model.ext_init);

	model.ext_init.leaf = 0;
	return 0;
}

/* Unlike the others, it says how far it got, and goes on from where it is told. */
static u64 ext_mem_add(struct model_call *call)
{
	const struct tdx_model_fault *fault = call->fault;
	struct tdx_module_args *args = call->args;
	unsigned int first = FIELD_GET(LIST_FIRST, args->rcx);
	unsigned int last = FIELD_GET(OPERAND_TOP, args->rcx);
	u64 pa = args->rcx & OPERAND_PFN;
	unsigned int nr = last - first + 1;
	const u64 *list;
	u64 status;

	if ((args->rcx & LIST_RESERVED) || first > last || !is_shared_page(pa))
		return INVALID(RCX);

	list = (const u64 *)phys_to_virt(pa) + first;
	status = claim_entries(list, nr, 0, OWNER_EXT, RCX);
	if (status)
		return status;

	if (fault && fault->after < nr) {
		own_entries(list + fault->after, nr - fault->after, OWNER_NONE, false);
		nr = fault->after;
	}
	own_entries(list, nr, OWNER_EXT, true);

	if (is_interruption(call)) {
		if (first + nr > last)
			return 0;
		args->rcx = (args->rcx & ~LIST_FIRST) | FIELD_PREP(LIST_FIRST, first + nr);
	}
	return fault ? fault->status : 0;
}

static u64 iommu_setup(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	u64 reg_base = args->rcx;
	struct model_object *o;
	u64 status;

	if (!reg_base || (reg_base & ~OPERAND_PFN))
		return INVALID(RCX);

	o = object_by_key(reg_base, OWNER_IOMMU);
	if (o) {
		if (o->made)
			return INVALID(RCX);
		status = check_pending(call, &o->pending);
		if (status)
			return status;
	} else {
		o = free_object();
		if (!o)
			return BUSY(0);
		if (!is_shared_page(args->rdx))
			return INVALID(RDX);
		o->nr = model.iommu_entries;
		memcpy(o->entries, phys_to_virt(args->rdx), o->nr * sizeof(*o->entries));
	}

	status = object_create(call, o, OWNER_IOMMU, reg_base, IOMMU_NR_BLOCKS, RDX);
	if (!status)
		args->rcx = object_id(o);
	return status;
}

static u64 iommu_clear(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = object(args->rcx, OWNER_IOMMU);
	u64 status;

	if (!o)
		return INVALID(RCX);
	status = check_pending(call, &o->pending);
	if (status)
		return status;
	if (!is_shared_page(args->rdx))
		return INVALID(RDX);
	if (model.clear == TDX_MODEL_CLEAR_READS &&
	    memcmp(phys_to_virt(args->rdx), o->entries, o->nr * sizeof(*o->entries)))
		return INVALID(RDX);
	if (call->fault && !lies(call))
		return fail(call, &o->pending);

	if (model.clear == TDX_MODEL_CLEAR_WRITES)
		write_list(args->rdx, o);
	object_free(call, o);
	return 0;
}

static u64 spdm_create(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = free_object();
	u64 status;

	if (!o)
		return BUSY(0);
	if (!args->rcx || object_by_key(args->rcx, OWNER_SPDM))
		return INVALID(RCX);
	o->nr = read_hpa_array(args->rdx, o->entries);
	if (!o->nr)
		return INVALID(RDX);

	status = object_create(call, o, OWNER_SPDM, args->rcx, 0, RDX);
	if (!status)
		args->rcx = object_id(o);
	return status;
}

static u64 spdm_delete(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = object(args->rcx, OWNER_SPDM);

	if (!o)
		return INVALID(RCX);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		if (model.objects[i].owner == OWNER_IDE && model.objects[i].parent == args->rcx)
			return BUSY(RCX);
	}

	return object_give_back(call, o, args->rdx, RDX);
}

static u64 spdm_connect(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = object(args->rcx, OWNER_SPDM);
	static u64 list[LIST_MAX];
	unsigned int nr;
	u64 status;

	if (!o)
		return INVALID(RCX);
	if (!is_shared_page(args->rdx))
		return INVALID(RDX);
	nr = read_buffer(args->r10, list);
	if (!nr)
		return INVALID(R10);

	status = exchange(call, o, args->r8, R8, args->r9, R9);
	if (status)
		return status;

	o->connected = true;
	write_info(list, nr, args);
	return 0;
}

static u64 spdm_disconnect(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = object(args->rcx, OWNER_SPDM);
	u64 status;

	if (!o || !o->connected)
		return INVALID(RCX);

	status = exchange(call, o, args->rdx, RDX, args->r8, R8);
	if (status)
		return status;

	o->connected = false;
	args->rcx = 0;
	return 0;
}

static u64 spdm_mng(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = object(args->rcx, OWNER_SPDM);
	static u64 list[LIST_MAX];
	unsigned int nr = 0;
	u64 status;

	if (!o || !o->connected)
		return INVALID(RCX);
	if (args->rdx > TDX_SPDM_RECOLLECT)
		return INVALID(RDX);
	if (args->r8 != NO_OPERAND && !is_shared_page(args->r8))
		return INVALID(R8);
	if (args->rdx == TDX_SPDM_RECOLLECT)
		nr = read_buffer(args->r11, list);
	if (!nr && (args->rdx == TDX_SPDM_RECOLLECT || args->r11 != NO_OPERAND))
		return INVALID(R11);
	if (o->stale && args->rdx != TDX_SPDM_KEY_UPDATE)
		return TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH;

	status = exchange(call, o, args->r9, R9, args->r10, R10);
	if (status)
		return status;

	if (args->rdx == TDX_SPDM_KEY_UPDATE)
		o->stale = false;
	write_info(list, nr, args);
	return 0;
}

static u64 ide_stream_create(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *o = free_object();
	u64 status;

	if (!o)
		return BUSY(0);
	if (!args->rcx || object_by_key(args->rcx, OWNER_IDE))
		return INVALID(RCX);
	if (!object(args->rdx, OWNER_SPDM))
		return INVALID(RDX);
	o->nr = read_hpa_array(args->r8, o->entries);
	if (!o->nr)
		return INVALID(R8);

	o->parent = args->rdx;
	status = object_create(call, o, OWNER_IDE, args->rcx, 0, R8);
	if (!status) {
		args->rcx = object_id(o);
		args->rdx = TDX_MODEL_RP_IDE_ID;
	}
	return status;
}

/* The stream that RCX and RDX name; 0, or what is wrong. */
static u64 find_stream(const struct tdx_module_args *args, struct model_object **stream)
{
	*stream = object(args->rdx, OWNER_IDE);
	if (!*stream)
		return INVALID(RDX);
	return (*stream)->parent == args->rcx ? 0 : INVALID(RCX);
}

static u64 ide_stream_block(struct model_call *call)
{
	struct model_object *o;
	u64 status = find_stream(call->args, &o);

	if (status)
		return status;
	if (call->fault)
		return call->fault->status;

	o->blocked = true;
	return 0;
}

static u64 ide_stream_delete(struct model_call *call)
{
	struct model_object *o;
	u64 status = find_stream(call->args, &o);

	if (status)
		return status;
	if (!o->blocked)
		return INVALID(RDX);

	return object_give_back(call, o, call->args->r8, R8);
}

static u64 ide_stream_km(struct model_call *call)
{
	struct tdx_module_args *args = call->args;
	struct model_object *session, *o;
	u64 status = find_stream(args, &o);

	if (status)
		return status;
	session = object(args->rcx, OWNER_SPDM);
	if (session->stale)
		return TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH;

	status = exchange(call, session, args->r9, R9, args->r10, R10);
	if (!status)
		args->rcx = 0;
	return status;
}

static const struct {
	u64 leaf;
	model_leaf_fn fn;
} leaves[] = {
	{ TDH_PHYMEM_PAGE_WBINVD, phymem_page_wbinvd },
	{ TDH_EXT_INIT, ext_init },
	{ TDH_EXT_MEM_ADD, ext_mem_add },
	{ TDH_IOMMU_SETUP, iommu_setup },
	{ TDH_IOMMU_CLEAR, iommu_clear },
	{ TDH_SPDM_CREATE, spdm_create },
	{ TDH_SPDM_DELETE, spdm_delete },
	{ TDH_IDE_STREAM_CREATE, ide_stream_create },
	{ TDH_IDE_STREAM_BLOCK, ide_stream_block },
	{ TDH_IDE_STREAM_DELETE, ide_stream_delete },
	{ TDH_IDE_STREAM_KM, ide_stream_km },
	{ TDH_SPDM_CONNECT, spdm_connect },
	{ TDH_SPDM_DISCONNECT, spdm_disconnect },
	{ TDH_SPDM_MNG, spdm_mng },
};

static_assert(ARRAY_SIZE(leaves) == MODEL_NR_LEAVES);

/*
 * The function of a leaf, and its place among all; NULL if there is no such leaf.
 */
model_leaf_fn model_leaf(u64 leaf, unsigned int *slot)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i].leaf == leaf) {
			*slot = i;
			return leaves[i].fn;
		}
	}
	return NULL;
}

u8 model_info_byte(size_t offset)
{
	return info_pattern[offset_in_page(offset) + (offset >> PAGE_SHIFT) % INFO_PERIOD];
}

void model_leaves_init(void)
{
	for (size_t i = 0; i < sizeof(info_pattern); i++)
		info_pattern[i] = i * 7 % INFO_PERIOD;
}
