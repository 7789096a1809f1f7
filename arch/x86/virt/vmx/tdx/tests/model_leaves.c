// SPDX-License-Identifier: GPL-2.0
/*
 * The leaves of the software TDX module
 *
 * A leaf checks everything before it changes anything, so a rejected call
 * leaves the model unchanged.  A fault on demand happens in between, to a
 * correct call.
 *
 * Leaves, operands and checks: TDX Connect ABI specification (Intel document
 * 858625), TDX module base specification (Intel document 348549).
 */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>

#include "tdx.h"
#include "model.h"

/*
 * Not the definitions of the code under test: the model must not share its
 * mistakes.
 */
#define OPERAND_PFN		GENMASK_ULL(51, 12)
#define OPERAND_TOP		GENMASK_ULL(63, 55)
#define LIST_FIRST		GENMASK_ULL(11, 3)
#define LIST_RESERVED		(GENMASK_ULL(54, 52) | GENMASK_ULL(2, 0))
#define ARRAY_RESERVED		(GENMASK_ULL(54, 52) | GENMASK_ULL(11, 0))
#define ENTRY_RESERVED		GENMASK_ULL(63, 52)
#define ENTRY_LOW		GENMASK_ULL(11, 0)

#define IOMMU_NR_BLOCKS		2
#define NO_OPERAND		(~0ULL)

/* IDs of operands, in the low half of a status */
enum operand { RCX = 1, RDX = 2, RBX = 3, RSI = 6, RDI = 7, R8 = 8, R9, R10, R11, R12, R13, R14,
	       R15 };

#define INVALID(operand)	(TDX_OPERAND_INVALID | (operand))
#define BUSY(operand)		(TDX_OPERAND_BUSY | (operand))

/*
 * Device information: each page holds this pattern from another offset on.  It
 * is computed once, so that benchmarks of reading do not measure it.
 */
#define INFO_PERIOD	251
static u8 info_pattern[PAGE_SIZE + INFO_PERIOD];

/*
 * Pages and lists
 */

/* A page of the host, which the module may read or write without a key. */
static bool is_shared_page(u64 pa)
{
	return pa && !(pa & ~OPERAND_PFN) && model_is_memory(pa) &&
	       !model_page(PHYS_PFN(pa))->owner;
}

static unsigned long entry_nr_pages(u64 entry)
{
	return (entry & ENTRY_LOW) ?: 1;
}

/* Return 0 if the module can claim the pages of an entry, else the status. */
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
		if (model_page(pfn + i)->outside)
			return TDX_OPERAND_ADDR_RANGE_ERROR | operand;
		if (model_page(pfn + i)->owner)
			return TDX_PAGE_METADATA_INCORRECT | operand;
	}

	return 0;
}

/* Change the owner of pages.  A dirty page stays dirty. */
static void own_entries(const u64 *entries, unsigned int nr, enum model_owner owner,
			bool dirty)
{
	for (; nr--; entries++) {
		struct model_page *mp = model_page(PHYS_PFN(*entries));
		unsigned long n = entry_nr_pages(*entries);

		model_note(PHYS_PFN(*entries), n);
		for (; n--; mp++) {
			if (owner && dirty && mp->freed)
				checker_claimed_free();
			mp->owner = owner;
			mp->dirty |= dirty;
		}
	}
}

static bool is_locked(u64 pa, u64 size)
{
	return model.lock_size && pa < model.lock_pa + model.lock_size &&
	       pa + size > model.lock_pa;
}

/*
 * Return 0 if no other call has locked a page of the entries, else the status.
 */
static u64 check_locks(const u64 *entries, unsigned int nr, enum operand operand)
{
	for (unsigned int i = 0; model.lock_size && i < nr; i++) {
		if (is_locked(entries[i] & OPERAND_PFN, entry_nr_pages(entries[i]) * PAGE_SIZE))
			return BUSY(operand);
	}
	return 0;
}

/*
 * Own all entries or none, without writing to the pages.  The second entry of a
 * duplicate fails.
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

	if (check_locks(entries, nr, operand)) {
		own_entries(entries, nr, OWNER_NONE, false);
		return BUSY(operand);
	}
	return 0;
}

/* What the module writes to the entry after it has processed it */
static u64 overwritten(u64 entry, u64 next)
{
	switch (model.list_write) {
	case TDX_MODEL_WRITE_BIT63:
		return entry | BIT_ULL(63);
	case TDX_MODEL_WRITE_LOW_BITS:
		return (entry & ~ENTRY_LOW) | ((entry & ENTRY_LOW) == 2 ? 4 : 2);
	case TDX_MODEL_WRITE_ZERO:
		return 0;
	default:
		return next;
	}
}

/* sc_retry() of the kernel calls such a leaf again, with the same list. */
static bool lacks_entropy(const struct model_call *call)
{
	return call->fault &&
	       (call->fault->status & TDX_SEAMCALL_STATUS_MASK) == TDX_RND_NO_ENTROPY;
}

/* Write to the entries of an input list that have been processed. */
static void write_input(const struct model_call *call, u64 *list, unsigned int nr)
{
	if (!list || model.list_write == TDX_MODEL_WRITE_NONE || lacks_entropy(call))
		return;

	for (unsigned int i = 0; i < nr; i++)
		list[i] = overwritten(list[i], list[i % 2 || i + 1 == nr ? i : i + 1]);
}

/* The list of an HPA_ARRAY_T, or NULL for a singleton */
static u64 *hpa_array_list(u64 operand)
{
	return FIELD_GET(OPERAND_TOP, operand) ? phys_to_virt(operand & OPERAND_PFN) : NULL;
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
 * The same for a buffer of pages that the host keeps.  A page may be listed
 * once.
 */
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
 * Unfinished leaves
 */

/* Reject another leaf, or the same leaf with other operands. */
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
	return call->fault &&
	       (call->fault->status & TDX_SEAMCALL_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE;
}

/* Interrupt a leaf after @nr_done entries.  Its operands stay in place. */
static u64 interrupt(struct model_call *call, struct model_pending *pending,
		     unsigned int nr_done)
{
	pending->leaf = call->leaf;
	pending->operands = *call->args;
	pending->nr_done = nr_done;
	return call->fault->status;
}

/* Fail a resumable leaf that has no list. */
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

/*
 * Return the pages of an object to the host, except those that the module
 * keeps.
 */
static void object_free(const struct model_call *call, struct model_object *o)
{
	bool keep = call->fault && call->fault->keep;
	unsigned int nr = keep ? min(call->fault->after, o->nr) : o->nr;

	own_entries(o->entries, nr, OWNER_NONE, false);
	o->owner = OWNER_NONE;
	o->key = 0;
	o->pending = (struct model_pending){};
}

/*
 * Fail or interrupt a leaf that creates an object, after it has checked its
 * operands and processed some entries.
 */
static u64 object_create_fail(struct model_call *call, struct model_object *o,
			      enum model_owner owner, u64 key)
{
	unsigned int nr = min(max(call->fault->after, o->pending.nr_done), o->nr);

	own_entries(o->entries, nr, owner, true);
	own_entries(o->entries + nr, o->nr - nr, OWNER_NONE, false);

	/* An interrupted leaf that lacks entropy stays interrupted. */
	if (call->leaf == TDH_IOMMU_SETUP &&
	    (is_interruption(call) || (lacks_entropy(call) && o->pending.leaf))) {
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

/* Create an object from the entries in its own slot. */
static u64 object_create(struct model_call *call, struct model_object *o,
			 enum model_owner owner, u64 key, unsigned int nr_blocks,
			 enum operand operand, u64 *list)
{
	if (!o->pending.leaf) {
		u64 status = claim_entries(o->entries, o->nr, nr_blocks, owner, operand);

		if (status)
			return status;
		write_input(call, list, o->nr);
		o->pending.nr_done = 0;
		o->made = false;
	}

	if (model_fails(call))
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

/* List the pages of @o in @out.  Return RCX. */
static u64 write_output(u64 out, const struct model_object *o)
{
	if (o->nr > 1)
		write_list(out, o);
	if (model.output == TDX_MODEL_OUTPUT_GARBAGE)
		return 0xa5a5a5a5a5a5a5a5ULL;
	return o->nr == 1 ? o->entries[0] : out | FIELD_PREP(OPERAND_TOP, o->nr - 1);
}

/*
 * The operand for the list of returned pages is right.  A singleton has no
 * list.
 */
static bool is_output(const struct model_object *o, u64 out)
{
	return model.delete_by_id || o->nr == 1 ? !out : is_shared_page(out);
}

/* Return all pages of @o, with a list in @out as HPA_ARRAY_T. */
static u64 object_give_back(struct model_call *call, struct model_object *o, u64 out,
			    enum operand operand)
{
	u64 status = check_locks(o->entries, o->nr, operand);

	if (!is_output(o, out))
		return INVALID(operand);
	if (status)
		return status;
	if (model_fails(call))
		return call->fault->status;

	if (!model.delete_by_id)
		call->args->rcx = write_output(out, o);
	object_free(call, o);
	return 0;
}

/*
 * Messages.  The module cannot send a message.  It writes it to the request
 * page, and the next call finds the answer of the device in the response page.
 */

#define MESSAGE_BYTES	48

u8 model_message_byte(u32 message, size_t offset)
{
	return message * 31 + offset;
}

/* The answer of the device in this model */
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

static u64 request_message(struct model_call *call, struct model_pending *pending, u64 request)
{
	u8 *message = phys_to_virt(request);

	pending->leaf = call->leaf;
	pending->operands = *call->args;
	pending->waits = true;
	pending->message = ++model.message;

	for (size_t i = 0; i < MESSAGE_BYTES; i++)
		message[i] = model_message_byte(pending->message, i);

	call->args->rcx = model.length ?: MESSAGE_BYTES;
	return TDX_SPDM_REQUEST;
}

/*
 * A call for another session is in progress.  The module serves one at a time.
 */
static bool is_serving_another(const struct model_object *session)
{
	for (struct model_object *o = model.objects; o < model.objects + NR_OBJECTS; o++) {
		if (o != session && o->owner == OWNER_SPDM && o->pending.leaf)
			return true;
	}
	return false;
}

/*
 * One call of an exchange.  Return 0 after the last one, else the status of the
 * leaf.
 */
static u64 exchange(struct model_call *call, struct model_object *session,
		    u64 response, enum operand response_operand,
		    u64 request, enum operand request_operand)
{
	struct model_pending *pending = &session->pending;
	u64 status = check_pending(call, pending);

	if (status)
		return status;
	if (is_serving_another(session))
		return BUSY(RCX);
	if (!is_shared_page(response))
		return INVALID(response_operand);
	if (!is_shared_page(request))
		return INVALID(request_operand);
	if (pending->waits && !is_answered(pending, response))
		return INVALID(response_operand);

	if (!pending->leaf)
		pending->rounds = model.rounds;

	if (model_fails(call) && call->fault->status != TDX_SPDM_REQUEST) {
		if (is_interruption(call))
			return interrupt(call, pending, 0);
		pending->leaf = 0;
		pending->waits = false;
		if (call->fault->status == TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH)
			session->stale = true;
		return call->fault->status;
	}

	if (model_fails(call))
		return request_message(call, pending, request);
	if (pending->rounds) {
		pending->rounds--;
		return request_message(call, pending, request);
	}

	pending->leaf = 0;
	pending->waits = false;
	return 0;
}

/* Write the device information to a buffer. */
static void write_info(const u64 *entries, unsigned int nr, struct tdx_module_args *args)
{
	for (unsigned int i = 0; i < nr; i++)
		memcpy(phys_to_virt(entries[i]), info_pattern + i % INFO_PERIOD, PAGE_SIZE);

	args->rcx = model.length ?: nr * PAGE_SIZE;
}

/*
 * Leaves
 */

static u64 page_wbinvd_status(const struct model_call *call, u64 pa, const struct model_page *mp)
{
	if (mp->outside)
		return TDX_OPERAND_ADDR_RANGE_ERROR | RCX;
	if (model.nr_busy && pa / SZ_2M == model.busy_region) {
		model.nr_busy--;
		return BUSY(RCX);
	}
	if (is_locked(pa, PAGE_SIZE))
		return BUSY(RCX);
	if (mp->owner && !model.flush_owned)
		return TDX_PAGE_METADATA_INCORRECT | RCX;
	if (model_fails(call))
		return call->fault->status;
	return mp->bad_flush ? model.bad_flush_status : 0;
}

static u64 phymem_page_wbinvd(struct model_call *call)
{
	u64 pa = call->args->rcx & ~model.global_key;
	struct model_page *mp;
	u64 status;

	if ((call->args->rcx & model.global_key) != model.global_key)
		return INVALID(RCX);
	if ((pa & ~OPERAND_PFN) || !model_is_memory(pa))
		return INVALID(RCX);

	model_note(PHYS_PFN(pa), 1);
	mp = model_page(PHYS_PFN(pa));
	status = page_wbinvd_status(call, pa, mp);
	mp->refused = !!status;
	/* The module may write to its own pages again. */
	if (!status && !mp->owner)
		mp->dirty = false;
	return status;
}

static u64 ext_init(struct model_call *call)
{
	u64 status = check_pending(call, &model.ext_init);

	if (status)
		return status;
	if (model_fails(call))
		return fail(call, &model.ext_init);

	model.ext_init.leaf = 0;
	return 0;
}

/* Advance the first entry of HPA_LIST_INFO. */
static u64 advanced(u64 list_info, unsigned int nr)
{
	unsigned int first = FIELD_GET(LIST_FIRST, list_info) + nr;

	return (list_info & ~LIST_FIRST) | FIELD_PREP(LIST_FIRST, first % LIST_MAX);
}

/*
 * An interrupted call returns its progress in RCX, where the next one starts.
 */
static u64 ext_mem_add(struct model_call *call)
{
	const struct tdx_model_fault *fault = call->fault;
	struct tdx_module_args *args = call->args;
	unsigned int first = FIELD_GET(LIST_FIRST, args->rcx);
	unsigned int last = FIELD_GET(OPERAND_TOP, args->rcx);
	u64 pa = args->rcx & OPERAND_PFN;
	unsigned int nr = last - first + 1;
	u64 *list, status;

	if ((args->rcx & LIST_RESERVED) || first > last || !is_shared_page(pa))
		return INVALID(RCX);

	list = (u64 *)phys_to_virt(pa) + first;
	status = claim_entries(list, nr, 0, OWNER_EXT, RCX);
	if (status)
		return status;

	if (fault && fault->after < nr) {
		own_entries(list + fault->after, nr - fault->after, OWNER_NONE, false);
		nr = fault->after;
	}
	own_entries(list, nr, OWNER_EXT, true);
	write_input(call, list, nr);

	/* Nothing is left to interrupt. */
	if (is_interruption(call) && first + nr > last)
		return 0;
	if (is_interruption(call) || (model_fails(call) && model.zero_registers))
		args->rcx = advanced(args->rcx, nr);
	return model_fails(call) ? fault->status : 0;
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

	status = object_create(call, o, OWNER_IOMMU, reg_base, IOMMU_NR_BLOCKS, RDX,
			       phys_to_virt(args->rdx));
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
	if (model.delete_by_id ? args->rdx : !is_shared_page(args->rdx))
		return INVALID(RDX);
	if (!model.delete_by_id && model.clear == TDX_MODEL_CLEAR_READS &&
	    memcmp(phys_to_virt(args->rdx), o->entries, o->nr * sizeof(*o->entries)))
		return INVALID(RDX);
	status = check_locks(o->entries, o->nr, RDX);
	if (status)
		return status;
	if (model_fails(call))
		return fail(call, &o->pending);

	if (!model.delete_by_id && model.clear == TDX_MODEL_CLEAR_WRITES)
		write_list(args->rdx, o);
	else if (!model.delete_by_id)
		write_input(call, phys_to_virt(args->rdx), o->nr);
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
	if (object_by_key(args->rcx, OWNER_SPDM))
		return INVALID(RCX);
	o->nr = read_hpa_array(args->rdx, o->entries);
	if (!o->nr || (model.nr_spdm_control && o->nr != model.nr_spdm_control))
		return INVALID(RDX);

	status = object_create(call, o, OWNER_SPDM, args->rcx, 0, RDX,
			       hpa_array_list(args->rdx));
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
	write_input(call, hpa_array_list(args->r10), nr);
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
	if (nr)
		write_input(call, hpa_array_list(args->r11), nr);
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
	if (!o->nr || (model.nr_ide_control && o->nr != model.nr_ide_control))
		return INVALID(R8);

	o->parent = args->rdx;
	status = object_create(call, o, OWNER_IDE, args->rcx, 0, R8, hpa_array_list(args->r8));
	if (!status) {
		args->rcx = object_id(o);
		args->rdx = TDX_MODEL_RP_IDE_ID;
	}
	return status;
}

/* Find the stream that RCX and RDX identify.  Return 0, or the status. */
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
	if (model_fails(call))
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

/* @ids: RCX, RDX or both are IDs of objects, one bit each */
static const struct {
	u64 leaf;
	model_leaf_fn fn;
	unsigned int nr_operands;
	unsigned int ids;
} leaves[] = {
	{ TDH_PHYMEM_PAGE_WBINVD, phymem_page_wbinvd, 1 },
	{ TDH_EXT_INIT, ext_init, 0 },
	{ TDH_EXT_MEM_ADD, ext_mem_add, 1 },
	{ TDH_IOMMU_SETUP, iommu_setup, 2 },
	{ TDH_IOMMU_CLEAR, iommu_clear, 2, BIT(RCX) },
	{ TDH_SPDM_CREATE, spdm_create, 2 },
	{ TDH_SPDM_DELETE, spdm_delete, 2, BIT(RCX) },
	{ TDH_IDE_STREAM_CREATE, ide_stream_create, 9, BIT(RDX) },
	{ TDH_IDE_STREAM_BLOCK, ide_stream_block, 2, BIT(RCX) | BIT(RDX) },
	{ TDH_IDE_STREAM_DELETE, ide_stream_delete, 3, BIT(RCX) | BIT(RDX) },
	{ TDH_IDE_STREAM_KM, ide_stream_km, 5, BIT(RCX) | BIT(RDX) },
	{ TDH_SPDM_CONNECT, spdm_connect, 5, BIT(RCX) },
	{ TDH_SPDM_DISCONNECT, spdm_disconnect, 3, BIT(RCX) },
	{ TDH_SPDM_MNG, spdm_mng, 6, BIT(RCX) },
};

static_assert(ARRAY_SIZE(leaves) == MODEL_NR_LEAVES);

/*
 * Return the function of a leaf and its slot, or NULL if the leaf is unknown.
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

/*
 * Return 0 if all registers but the first @nr_operands are 0, else the status.
 */
u64 model_check_unused(const struct tdx_module_args *args, unsigned int nr_operands)
{
	const u64 registers[] = {
		args->rcx, args->rdx, args->r8, args->r9, args->r10,
		args->r11, args->r12, args->r13, args->r14, args->r15,
		args->rbx, args->rdi, args->rsi,
	};
	static const u8 ids[] = {
		RCX, RDX, R8, R9, R10, R11, R12, R13, R14, R15, RBX, RDI, RSI,
	};

	for (unsigned int i = nr_operands; i < ARRAY_SIZE(registers); i++) {
		if (registers[i])
			return INVALID(ids[i]);
	}
	return 0;
}

/*
 * Return 0 if no other call has locked an object of this call, else the status.
 */
u64 model_check_objects(const struct tdx_module_args *args, unsigned int slot)
{
	const struct model_object *locked = model.locked_object;

	if (!locked)
		return 0;
	if ((leaves[slot].ids & BIT(RCX)) && args->rcx == object_id(locked))
		return BUSY(RCX);
	if ((leaves[slot].ids & BIT(RDX)) && args->rdx == object_id(locked))
		return BUSY(RDX);
	return 0;
}

u64 model_check_registers(const struct tdx_module_args *args, unsigned int slot)
{
	return model_check_unused(args, leaves[slot].nr_operands);
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
