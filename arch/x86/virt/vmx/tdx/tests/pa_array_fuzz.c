// SPDX-License-Identifier: GPL-2.0
/*
 * A random walk through the lives of arrays, beside a simple reference
 *
 * Each step draws one operation (allocate, hand to a leaf, release, in any state,
 * rightly or wrongly) with faults armed before it, and is checked against a
 * reference that states the rules once more, page by page: what the wrapper
 * returns, what the array records, what the module owns, what is dirty, and at
 * release which pages must stay behind.
 *
 * An epoch of EPOCH steps starts with a new module and ends with all arrays
 * released, the judge's verdict, and a count of the machine's free pages.  Its
 * steps depend on the seed and the epoch's number only, so any epoch can be
 * repeated by itself.
 *
 *	echo SEED FIRST END > /sys/kernel/debug/tdx_fuzz	run steps [FIRST, END)
 *	cat /sys/kernel/debug/tdx_fuzz				what went wrong
 */
#include <linux/debugfs.h>
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "../door.h"
#include "tdx_model.h"

#define EPOCH		1000
#define NR_SLOTS	24
#define MAX_ENTRIES	1536
#define MAX_OBJECTS	64
#define NO_ID		1000
#define NO_ENTROPY	0x8000020300000000ULL
#define NR_SHARED	3

/* Pages that may be gone after an epoch: the slab allocator keeps some. */
#define SLACK		32

enum kind { NOTHING, SPDM, IDE, IOMMU };

/**
 * struct slot - an array, and what must be true of it
 * @array: the array, or NULL
 * @entries: what its entries were when it was allocated
 * @owned: by entry: the module owns the page or block
 * @dirty: by entry: the module has written to it
 * @nr: as in the array, and so are
 * @nr_held: this,
 * @flush: this
 * @donated: and this, as long as anything is held
 * @mt: it is an IOMMU_MT list
 * @kind: what the module has made from it
 * @id: the module's name for that
 * @spdm_id: the session of an IDE stream
 * @blocked: that is blocked
 * @stuck: a leaf on it was interrupted for good; only release is sure
 */
struct slot {
	struct tdx_pa_array *array;
	u64 entries[MAX_ENTRIES];
	bool owned[MAX_ENTRIES];
	bool dirty[MAX_ENTRIES];
	unsigned int nr;
	unsigned int nr_held;
	bool flush;
	bool donated;
	bool mt;
	enum kind kind;
	u64 id;
	u64 spdm_id;
	bool blocked;
	bool stuck;
};

static struct slot slots[NR_SLOTS];

/* By name: streams of a session, its connection, its key. */
static struct session {
	unsigned int nr_streams;
	bool connected;
	bool stale;
} sessions[MAX_OBJECTS];

/* Objects in the module, those included that it could not finish. */
static unsigned int nr_objects;
/* The next name of a function, a stream, or a set of registers. */
static u64 next_key;
/* Pages of arrays that are gone: with the module, and otherwise out of use. */
static unsigned long left_owned, left_lost;

static struct page *shared_pages;
static phys_addr_t shared[NR_SHARED];

static struct rnd_state rnd;

static char operation[128];
static char trouble[384];
static unsigned long current_step;

static u32 draw(u32 n)
{
	return prandom_u32_state(&rnd) % n;
}

static bool one_in(u32 n)
{
	return !draw(n);
}

/* The first thing that goes wrong is told. */
static __printf(1, 2) void wrong(const char *fmt, ...)
{
	va_list args;
	int len;

	if (trouble[0])
		return;
	len = scnprintf(trouble, sizeof(trouble), "step %lu: %s: ", current_step, operation);
	va_start(args, fmt);
	vscnprintf(trouble + len, sizeof(trouble) - len, fmt, args);
	va_end(args);
}

#define describe(fmt, ...)	\
	scnprintf(operation, sizeof(operation), fmt, ##__VA_ARGS__)

static void expect_number(const char *what, u64 found, u64 expected)
{
	if (found != expected)
		wrong("%s is %lld, expected %lld", what, found, expected);
}

/* The details of a status are the module's. */
static u64 class(u64 status)
{
	return (status & TDX_SW_ERROR) == TDX_SW_ERROR ? status :
	       status & TDX_SEAMCALL_STATUS_MASK;
}

static void expect_status(u64 found, u64 expected)
{
	if (class(found) != class(expected))
		wrong("status %#llx, expected %#llx", found, expected);
}

static unsigned long entry_nr_pages(u64 entry)
{
	return (entry & ~PAGE_MASK) ?: 1;
}

/* The slot's array is as the reference says. */
static void check_slot(const struct slot *s)
{
	const struct tdx_pa_array *a = s->array;

	if (!a)
		return;
	expect_number("nr", a->nr, s->nr);
	expect_number("nr_held", a->nr_held, s->nr_held);
	expect_number("flush", a->flush, s->flush);
	if (s->nr_held)
		expect_number("donated", a->donated, s->donated);
	if (memcmp(a->entries, s->entries, s->nr * sizeof(*s->entries)))
		wrong("entries have changed");

	for (unsigned int i = 0; i < s->nr; i++) {
		phys_addr_t pa = s->entries[i] & PAGE_MASK;

		if (tdx_model_owns(pa) != s->owned[i])
			wrong("entry %u: the module %s it", i,
			      s->owned[i] ? "does not own" : "owns");
		if (tdx_model_dirty(pa) != s->dirty[i])
			wrong("entry %u is %s", i, s->dirty[i] ? "clean" : "dirty");
	}
}

/* Bytes behind the last entry of @s, up to the end of its last list page. */
static size_t room(const struct slot *s)
{
	return (ALIGN(s->nr, TDX_PA_WINDOW_MAX) - s->nr) * sizeof(u64);
}

/* All pages that were ever watched are where they must be. */
static void check_all(void)
{
	unsigned long held = left_owned, lost = left_lost, objects = 0;
	struct tdx_verdict v;

	for (const struct slot *s = slots; s < slots + NR_SLOTS; s++) {
		if (!s->array)
			continue;
		/* A list page by itself, and the array where it has no room there. */
		objects += s->nr <= TDX_PA_WINDOW_MAX;
		objects += s->mt || room(s) < sizeof(*s->array);
		for (unsigned int i = 0; i < s->nr; i++) {
			if (s->owned[i])
				held += entry_nr_pages(s->entries[i]);
			else
				lost += entry_nr_pages(s->entries[i]);
		}
	}

	tdx_judge_look(&v);
	expect_number("pages freed while owned", v.freed_owned, 0);
	expect_number("pages freed while dirty", v.freed_dirty, 0);
	expect_number("pages freed twice", v.freed_twice, 0);
	expect_number("free pages handed over", v.claimed_free, 0);
	expect_number("pages with the module", v.held, held);
	expect_number("pages of ours", v.lost, lost);
	expect_number("objects", v.objects, objects);
}

/*
 * Faults.  At most two are armed for one call of a wrapper: for its first entry of
 * the module and for the second.
 */

static struct tdx_model_fault faults[2];
static unsigned int nr_faults;

static u64 draw_status(void)
{
	static const u64 statuses[] = {
		TDX_INTERRUPTED_RESUMABLE, TDX_INTERRUPTED_RESUMABLE,
		TDX_INTERRUPTED_RESUMABLE, TDX_OPERAND_INVALID, TDX_OPERAND_BUSY,
		TDX_PAGE_METADATA_INCORRECT, NO_ENTROPY, TDX_SEAMCALL_UD,
	};

	return statuses[draw(ARRAY_SIZE(statuses))];
}

static void arm_faults(u64 leaf, unsigned int nr_entries, unsigned int max_faults)
{
	nr_faults = min(one_in(2) ? 0 : 1 + one_in(3), max_faults);
	for (unsigned int i = 0; i < nr_faults; i++) {
		struct tdx_model_fault *f = &faults[i];

		*f = (struct tdx_model_fault) {
			.leaf = leaf,
			.nth = i + 1,
			.status = draw_status(),
			.after = draw(nr_entries + 2),
		};
		f->keep = one_in(4) && f->status != TDX_INTERRUPTED_RESUMABLE;
		tdx_model_fail(f);
	}
}

/* What strikes the n-th entry, from 0; or NULL. */
static const struct tdx_model_fault *fault(unsigned int n)
{
	return n < nr_faults ? &faults[n] : NULL;
}

static bool is_interruption(const struct tdx_model_fault *f)
{
	return f && f->status == TDX_INTERRUPTED_RESUMABLE;
}

static bool is_not_entered(const struct tdx_model_fault *f)
{
	return f && f->status == TDX_SEAMCALL_UD;
}

/*
 * A leaf without effect on pages before it is done.  It would return @good_status,
 * were it not for the faults.  @stuck: it was interrupted for good.
 */
static u64 plain_status(u64 good_status, bool *stuck)
{
	unsigned int n = 0;

	/* Faults strike operands that are good, or on the way. */
	if (is_not_entered(fault(0)))
		return TDX_SEAMCALL_UD;
	if (good_status)
		return good_status;
	while (is_interruption(fault(n)))
		n++;
	if (n && is_not_entered(fault(n))) {
		*stuck = true;
		return TDX_INTERRUPTED_RESUMABLE;
	}
	return fault(n) ? fault(n)->status : 0;
}

/*
 * Slots
 */

static struct slot *draw_slot(void)
{
	return &slots[draw(NR_SLOTS)];
}

/* One of this kind, if a few tries find any. */
static struct slot *draw_kind(enum kind kind)
{
	struct slot *s = draw_slot();

	for (int i = 0; i < 6 && (!s->array || s->kind != kind); i++)
		s = draw_slot();
	return s;
}

static int slot_number(const struct slot *s)
{
	return s - slots;
}

static bool fits(const struct slot *s, bool mt)
{
	return s->nr <= TDX_PA_WINDOW_MAX && s->mt == mt;
}

static bool any_owned(const struct slot *s, unsigned int first, unsigned int nr)
{
	for (unsigned int i = first; i < first + nr; i++) {
		if (s->owned[i])
			return true;
	}
	return false;
}

static void touch(struct slot *s, unsigned int first, unsigned int nr, bool owned)
{
	for (unsigned int i = first; i < first + nr; i++) {
		s->owned[i] = owned;
		s->dirty[i] = true;
	}
}

/*
 * Operations
 */

static void do_alloc(struct slot *s)
{
	static const u16 edges[] = { 1, 2, 3, 511, 512, 513, 1023, 1024, 1025, 1536 };
	unsigned int nr = one_in(2) ? edges[draw(ARRAY_SIZE(edges))] : 1 + draw(600);
	unsigned int order = draw(5);
	bool mt = one_in(4);

	if (mt)
		nr = TDX_IOMMU_MT_NR_BLOCKS + draw(40);
	describe("slot %d: alloc %u%s", slot_number(s), nr, mt ? " IOMMU_MT" : "");

#ifdef CONFIG_FAULT_INJECTION
	/* NULL then, or smaller blocks. */
	if (one_in(8))
		current->fail_nth = 1 + draw(6);
#endif
	s->array = mt ? tdx_pa_array_alloc_iommu_mt(order, nr - TDX_IOMMU_MT_NR_BLOCKS) :
			tdx_pa_array_alloc(nr);
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = 0;
#endif
	if (!s->array)
		return;

	s->nr = nr;
	s->nr_held = 0;
	s->flush = false;
	s->mt = mt;
	s->kind = NOTHING;
	s->stuck = false;
	memset(s->owned, 0, sizeof(s->owned));
	memset(s->dirty, 0, sizeof(s->dirty));
	memcpy(s->entries, s->array->entries, nr * sizeof(*s->entries));
	for (unsigned int i = 0; i < nr; i++)
		tdx_judge_watch(s->entries[i] & PAGE_MASK, entry_nr_pages(s->entries[i]));
}

static void do_release(struct slot *s)
{
	unsigned long stranded = tdx_pa_array_nr_stranded(), expected = 0;
	bool bad = one_in(4);

	describe("slot %d: release%s", slot_number(s), bad ? ", some flushes fail" : "");

	for (unsigned int i = 0; i < s->nr; i++) {
		unsigned long nr_pages = entry_nr_pages(s->entries[i]);
		/* A page that cannot be flushed, here and there. */
		bool lose = bad && one_in(16);

		if (lose)
			tdx_model_fail_wbinvd((s->entries[i] & PAGE_MASK) +
					      draw(nr_pages) * PAGE_SIZE, TDX_OPERAND_BUSY);

		if (i < s->nr_held) {
			left_owned += nr_pages;
			expected += s->donated ? 0 : nr_pages;
		} else if (s->owned[i]) {
			left_owned += nr_pages;
			expected += nr_pages;
		} else if (lose && s->flush) {
			left_lost++;
			expected++;
		}
	}

	tdx_pa_array_release(s->array);
	s->array = NULL;
	expect_number("pages stranded", tdx_pa_array_nr_stranded() - stranded, expected);
	check_all();
}

/* What becomes of a claim.  @refused: what the module would say without faults. */
static u64 claim(struct slot *s, u64 refused, bool resumable)
{
	unsigned int done = 0, n = 0;

	if (is_not_entered(fault(0)))
		return TDX_SEAMCALL_UD;

	s->flush = true;
	if (refused)
		return refused;

	for (; fault(n); n++) {
		const struct tdx_model_fault *f = fault(n);
		unsigned int after = min(max(f->after, done), s->nr);

		if (n && is_not_entered(f)) {
			/* Interrupted for good. */
			s->stuck = resumable;
			nr_objects += resumable;
			return TDX_INTERRUPTED_RESUMABLE;
		}
		touch(s, 0, after, (is_interruption(f) && resumable) || f->keep);
		if (!is_interruption(f))
			return f->status;
		if (resumable)
			done = after;
	}

	touch(s, 0, s->nr, true);
	s->nr_held = s->nr;
	s->donated = false;
	nr_objects++;
	return 0;
}

static u64 claim_refused(const struct slot *s)
{
	if (nr_objects == MAX_OBJECTS)
		return TDX_OPERAND_BUSY;
	return any_owned(s, 0, s->nr) ? TDX_PAGE_METADATA_INCORRECT : 0;
}

static void do_spdm_create(struct slot *s)
{
	u64 id = NO_ID, expected = TDX_WRAPPER_REFUSED, status;

	describe("slot %d: SPDM.CREATE", slot_number(s));
	arm_faults(TDH_SPDM_CREATE, s->nr, 2);
	status = tdh_spdm_create(next_key++, s->array, &id);
	if (!s->nr_held && fits(s, false))
		expected = claim(s, claim_refused(s), false);
	expect_status(status, expected);
	if (expected || status)
		return;
	s->kind = SPDM;
	s->id = id;
	sessions[id] = (struct session) {};
}

static void do_ide_create(struct slot *s)
{
	struct slot *session = draw_kind(SPDM);
	u64 spdm_id = session->array && session->kind == SPDM ? session->id : NO_ID;
	struct tdx_ide_stream stream = { .info = next_key++ };
	u64 id = NO_ID, rp_ide_id, expected = TDX_WRAPPER_REFUSED, refused, status;

	describe("slot %d: IDE.STREAM.CREATE on session %llu", slot_number(s), spdm_id);
	arm_faults(TDH_IDE_STREAM_CREATE, s->nr, 2);
	status = tdh_ide_stream_create(&stream, spdm_id, s->array, &id, &rp_ide_id);
	if (!s->nr_held && fits(s, false)) {
		refused = claim_refused(s);
		if (spdm_id == NO_ID && nr_objects < MAX_OBJECTS)
			refused = TDX_OPERAND_INVALID;
		expected = claim(s, refused, false);
	}
	expect_status(status, expected);
	if (expected || status)
		return;
	s->kind = IDE;
	s->id = id;
	s->spdm_id = spdm_id;
	s->blocked = false;
	sessions[spdm_id].nr_streams++;
}

static void do_iommu_setup(struct slot *s)
{
	u64 id = NO_ID, expected = TDX_WRAPPER_REFUSED, status;

	describe("slot %d: IOMMU.SETUP", slot_number(s));
	arm_faults(TDH_IOMMU_SETUP, s->nr, 2);
	tdx_model_set_iommu_entries(s->nr);
	status = tdh_iommu_setup(next_key++ * PAGE_SIZE, s->array, &id);
	if (!s->nr_held && fits(s, true))
		expected = claim(s, claim_refused(s), true);
	expect_status(status, expected);
	if (expected || status)
		return;
	s->kind = IOMMU;
	s->id = id;
}

/* What becomes of a delete that the module would answer with @good_status. */
static u64 give_back(struct slot *s, bool mt, u64 good_status)
{
	u64 status;

	if (s->nr_held != s->nr || s->donated || !fits(s, mt))
		return TDX_WRAPPER_REFUSED;

	status = plain_status(good_status, &s->stuck);
	if (!status) {
		memset(s->owned, 0, sizeof(s->owned));
		s->nr_held = 0;
		s->kind = NOTHING;
		nr_objects--;
	}
	return status;
}

static void do_spdm_delete(struct slot *s)
{
	bool right = s->kind == SPDM && !one_in(8);
	u64 id = right ? s->id : NO_ID, good = 0, status;

	describe("slot %d: SPDM.DELETE of session %llu", slot_number(s), id);
	if (!right)
		good = TDX_OPERAND_INVALID;
	else if (sessions[id].nr_streams)
		good = TDX_OPERAND_BUSY;
	arm_faults(TDH_SPDM_DELETE, 0, 2);
	status = tdh_spdm_delete(id, s->array);
	expect_status(status, give_back(s, false, good));
	/* That is no leaf to be interrupted: what is left can be called again. */
	s->stuck = false;
}

static void do_ide_delete(struct slot *s)
{
	bool right = s->kind == IDE && !one_in(8);
	u64 id = right ? s->id : NO_ID, spdm_id = s->spdm_id, status, expected;

	describe("slot %d: IDE.STREAM.DELETE of stream %llu", slot_number(s), id);
	arm_faults(TDH_IDE_STREAM_DELETE, 0, 2);
	status = tdh_ide_stream_delete(spdm_id, id, s->array);
	expected = give_back(s, false, right && s->blocked ? 0 : TDX_OPERAND_INVALID);
	expect_status(status, expected);
	s->stuck = false;
	if (!expected)
		sessions[spdm_id].nr_streams--;
}

static void do_iommu_clear(struct slot *s)
{
	bool right = s->kind == IOMMU && !one_in(8);
	u64 id = right ? s->id : NO_ID, status;

	describe("slot %d: IOMMU.CLEAR of IOMMU %llu", slot_number(s), id);
	tdx_model_set_clear(one_in(2) ? TDX_MODEL_CLEAR_READS : TDX_MODEL_CLEAR_WRITES);
	arm_faults(TDH_IOMMU_CLEAR, 0, 2);
	status = tdh_iommu_clear(id, s->array);
	expect_status(status, give_back(s, true, right ? 0 : TDX_OPERAND_INVALID));
}

static void do_ide_block(struct slot *s)
{
	bool right = s->kind == IDE && !one_in(8), stuck;
	u64 expected, status;

	describe("slot %d: IDE.STREAM.BLOCK", slot_number(s));
	/* This wrapper calls once. */
	arm_faults(TDH_IDE_STREAM_BLOCK, 0, 1);
	status = tdh_ide_stream_block(s->spdm_id, right ? s->id : NO_ID);
	expected = right ? 0 : TDX_OPERAND_INVALID;
	if (is_interruption(fault(0)))
		expected = expected ?: TDX_INTERRUPTED_RESUMABLE;
	else
		expected = plain_status(expected, &stuck);
	expect_status(status, expected);
	if (!expected)
		s->blocked = true;
}

/* What becomes of the window [first, first + nr). */
static u64 add(struct slot *s, unsigned int first, unsigned int nr)
{
	unsigned int end = first + nr, n;

	if (is_not_entered(fault(0)))
		return TDX_SEAMCALL_UD;

	s->flush = true;
	s->donated = true;

	for (n = 0; ; n++) {
		const struct tdx_model_fault *f = fault(n);
		unsigned int after;

		if (n && is_not_entered(f))
			return TDX_INTERRUPTED_RESUMABLE;
		if (any_owned(s, first, end - first))
			return TDX_PAGE_METADATA_INCORRECT;
		after = f ? min(f->after, end - first) : end - first;
		touch(s, first, after, true);
		first += after;
		if (f && !is_interruption(f))
			return f->status;
		if (first == end)
			break;
		s->nr_held = first;
	}

	s->nr_held = end;
	return 0;
}

static void do_mem_add(struct slot *s)
{
	struct slot *of = one_in(8) ? draw_slot() : s;
	unsigned int idx = one_in(8) ? draw(3) : s->nr_held / TDX_PA_WINDOW_MAX;
	u64 expected = TDX_WRAPPER_REFUSED, status;
	struct tdx_pa_window w;

	if (!of->array || tdx_pa_array_window(of->array, idx, &w))
		return;
	describe("slot %d: EXT.MEM.ADD of window %u of slot %d", slot_number(s), idx,
		 slot_number(of));
	arm_faults(TDH_EXT_MEM_ADD, w.nr, 2);
	status = tdh_ext_mem_add(s->array, &w);
	if (of == s && !s->mt && w.first == s->nr_held)
		expected = add(s, w.first, w.nr);
	expect_status(status, expected);
}

static void do_window(struct slot *s)
{
	unsigned int idx = draw(5), first = idx * TDX_PA_WINDOW_MAX;
	struct tdx_pa_window w;
	int ret = tdx_pa_array_window(s->array, idx, &w);

	describe("slot %d: window %u", slot_number(s), idx);
	expect_number("return value", ret, first < s->nr ? 0 : -ERANGE);
	if (ret)
		return;
	expect_number("first", w.first, first);
	expect_number("number", w.nr, min(s->nr - first, TDX_PA_WINDOW_MAX));
	if (memcmp(phys_to_virt(w.list_pa), s->entries + first, w.nr * sizeof(u64)))
		wrong("the list is another one");
}

static void do_copy_out(struct slot *s)
{
	static u8 buffer[2 * PAGE_SIZE];
	size_t size = (size_t)s->nr * PAGE_SIZE;
	size_t offset = draw(size + 2), len = draw(sizeof(buffer));
	int expected = 0;

	describe("slot %d: copy %zu bytes from %zu on", slot_number(s), len, offset);
	if (s->flush || s->mt)
		expected = -EPERM;
	else if (offset + len > size)
		expected = -ERANGE;
	expect_number("return value", tdx_pa_array_copy_out(s->array, buffer, offset, len),
		      expected);
}

/*
 * An exchange of messages on the session of @s, with another slot for the buffer.
 * Its faults come at its first entry only, so that it comes to an end.
 */
static void do_exchange(struct slot *s)
{
	static const u64 exchanges[] = {
		TDH_SPDM_CONNECT, TDH_SPDM_CONNECT, TDH_SPDM_MNG, TDH_SPDM_DISCONNECT,
		TDH_IDE_STREAM_KM,
	};
	u64 leaf = exchanges[draw(ARRAY_SIZE(exchanges))];
	u64 id = s->kind == SPDM ? s->id : NO_ID, stream_id = NO_ID;
	unsigned int op = draw(4), rounds = draw(3);
	struct slot *buffer = draw_slot();
	bool wants_buffer, stuck = false;
	struct session *session;
	u64 len = 0, good, status, expected;

	if (s->kind == IDE) {
		id = s->spdm_id;
		stream_id = s->id;
	}
	session = id == NO_ID ? NULL : &sessions[id];

	wants_buffer = leaf == TDH_SPDM_CONNECT ||
		       (leaf == TDH_SPDM_MNG && op == TDX_SPDM_RECOLLECT);
	if (wants_buffer && !buffer->array)
		return;
	describe("slot %d: exchange %llu with buffer %d, operation %u", slot_number(s), leaf,
		 slot_number(buffer), op);

	tdx_model_set_rounds(rounds);
	arm_faults(leaf, 0, 1);
	if (!nr_faults && one_in(4)) {
		faults[nr_faults++] = (struct tdx_model_fault) {
			.leaf = leaf, .nth = 1, .status = TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH,
		};
		tdx_model_fail(&faults[0]);
	}

	do {
		if (leaf == TDH_SPDM_CONNECT)
			status = tdh_spdm_connect(id, shared[0], shared[1], shared[2],
						  buffer->array, &len);
		else if (leaf == TDH_SPDM_MNG)
			status = tdh_spdm_mng(id, op, TDX_NO_OPERAND, shared[1], shared[2],
					      wants_buffer ? buffer->array : NULL, &len);
		else if (leaf == TDH_SPDM_DISCONNECT)
			status = tdh_spdm_disconnect(id, shared[1], shared[2], &len);
		else
			status = tdh_ide_stream_km(id, stream_id, 1, shared[1], shared[2], &len);

		if (class(status) == TDX_SPDM_REQUEST)
			tdx_model_device(shared[1], shared[2], len);
	} while (class(status) == TDX_SPDM_REQUEST);

	good = session ? 0 : TDX_OPERAND_INVALID;
	if (!good && (leaf == TDH_SPDM_MNG || leaf == TDH_SPDM_DISCONNECT) && !session->connected)
		good = TDX_OPERAND_INVALID;
	if (!good && leaf == TDH_SPDM_MNG && op > TDX_SPDM_RECOLLECT)
		good = TDX_OPERAND_INVALID;
	if (!good && leaf == TDH_IDE_STREAM_KM && stream_id == NO_ID)
		good = TDX_OPERAND_INVALID;
	if (!good && session->stale && (leaf == TDH_IDE_STREAM_KM ||
					(leaf == TDH_SPDM_MNG && op != TDX_SPDM_KEY_UPDATE)))
		good = TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH;

	if (wants_buffer && (buffer->flush || !fits(buffer, false)))
		expected = TDX_WRAPPER_REFUSED;
	else
		expected = plain_status(good, &stuck);
	expect_status(status, expected);

	if (expected == TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH && session)
		session->stale = true;
	if (expected)
		return;
	if (leaf == TDH_SPDM_CONNECT)
		session->connected = true;
	else if (leaf == TDH_SPDM_DISCONNECT)
		session->connected = false;
	else if (leaf == TDH_SPDM_MNG && op == TDX_SPDM_KEY_UPDATE)
		session->stale = false;
}

/* Operations on a slot that has an array, with how often each is drawn. */
static const struct {
	void (*run)(struct slot *s);
	enum kind kind;
	unsigned int weight;
} operations[] = {
	{ do_release, NOTHING, 16 },
	{ do_spdm_create, NOTHING, 14 },
	{ do_ide_create, NOTHING, 10 },
	{ do_iommu_setup, NOTHING, 12 },
	{ do_mem_add, NOTHING, 14 },
	{ do_spdm_delete, SPDM, 10 },
	{ do_ide_delete, IDE, 10 },
	{ do_ide_block, IDE, 10 },
	{ do_iommu_clear, IOMMU, 10 },
	{ do_exchange, SPDM, 12 },
	{ do_exchange, IDE, 3 },
	{ do_window, NOTHING, 4 },
	{ do_copy_out, NOTHING, 4 },
};

static void step(void)
{
	unsigned int total = 0, n, pick;
	struct slot *s;

	for (n = 0; n < ARRAY_SIZE(operations); n++)
		total += operations[n].weight;
	pick = draw(total);
	for (n = 0; pick >= operations[n].weight; n++)
		pick -= operations[n].weight;

	s = operations[n].kind ? draw_kind(operations[n].kind) : draw_slot();
	nr_faults = 0;
	if (!s->array)
		do_alloc(s);
	else if (!s->stuck || operations[n].run == do_release)
		operations[n].run(s);
	tdx_model_disarm();
	check_slot(s);
}

/*
 * Epochs
 */

static int begin_epoch(u64 seed, unsigned long epoch)
{
	prandom_seed_state(&rnd, hash_64_generic(seed ^ hash_64_generic(epoch + 1, 64), 64));
	nr_objects = 0;
	next_key = 1;
	left_owned = 0;
	left_lost = 0;
	tdx_model_reset();
	tdx_model_set_output(one_in(2) ? TDX_MODEL_OUTPUT_GARBAGE : TDX_MODEL_OUTPUT_LIST);
	return tdx_judge_begin();
}

/* Release everything; nothing may be missing then. */
static void end_epoch(unsigned long free_before)
{
	long missing;

	for (struct slot *s = slots; s < slots + NR_SLOTS; s++) {
		if (s->array)
			do_release(s);
	}
	describe("end of the epoch");
	check_all();
	tdx_judge_end();
	tdx_model_reclaim();
	tdx_model_reset();
	missing = free_before - tdx_judge_nr_free_pages();
	if (missing > SLACK)
		wrong("%ld pages are missing", missing);
}

/* Steps [@first, @end); @first begins an epoch. */
static int run(u64 seed, unsigned long first, unsigned long end)
{
	trouble[0] = '\0';
	for (current_step = first; current_step < end && !trouble[0]; ) {
		unsigned long before = tdx_judge_nr_free_pages();
		unsigned long epoch = current_step / EPOCH;
		int ret = begin_epoch(seed, epoch);

		if (ret)
			return ret;
		for (; current_step < min(end, (epoch + 1) * EPOCH); current_step++) {
			step();
			if (trouble[0])
				return -EIO;
		}
		end_epoch(before);
		cond_resched();
	}
	return trouble[0] ? -EIO : 0;
}

static ssize_t fuzz_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	unsigned long first, end;
	char text[80] = {};
	u64 seed;
	int ret;

	if (size >= sizeof(text) || copy_from_user(text, buf, size))
		return -EINVAL;
	if (sscanf(text, "%llu %lu %lu", &seed, &first, &end) != 3 || first % EPOCH)
		return -EINVAL;

	/* Not into a real TDX module. */
	ret = tdx_model_install();
	if (!ret)
		ret = run(seed, first, end);
	return ret ?: size;
}

static int fuzz_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", trouble[0] ? trouble : "nothing wrong");
	return 0;
}

static int fuzz_open(struct inode *inode, struct file *file)
{
	return single_open(file, fuzz_show, NULL);
}

static const struct file_operations fuzz_fops = {
	.owner = THIS_MODULE,
	.open = fuzz_open,
	.read = seq_read,
	.write = fuzz_write,
	.release = single_release,
};

static struct dentry *fuzz_file;

static int __init fuzz_init(void)
{
	shared_pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
	if (!shared_pages)
		return -ENOMEM;
	for (int i = 0; i < NR_SHARED; i++)
		shared[i] = page_to_phys(shared_pages + i);

	fuzz_file = debugfs_create_file("tdx_fuzz", 0600, NULL, NULL, &fuzz_fops);
	return 0;
}
module_init(fuzz_init);

static void __exit fuzz_exit(void)
{
	debugfs_remove(fuzz_file);
	__free_pages(shared_pages, 2);
}
module_exit(fuzz_exit);

MODULE_DESCRIPTION("Random walk through the lives of lists of pages for the TDX module");
MODULE_LICENSE("GPL");
