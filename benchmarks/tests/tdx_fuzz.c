// SPDX-License-Identifier: GPL-2.0
/*
 * Random test that compares page arrays with a reference
 *
 * Each step draws one operation on one array, right or wrong, and the faults
 * that the software TDX module injects into it.  The reference computes from
 * these alone which entries the module owns, which are dirty, what the array
 * must record, what the wrapper must return, and which pages freeing must leak.
 *
 * Steps are grouped in epochs of EPOCH steps.  An epoch starts with a new
 * module.  It ends with all arrays freed, the report of the page checker, and a
 * count of the machine's free pages.  Its steps depend only on the seed and on
 * its number, so each epoch can be repeated alone.
 *
 * /sys/module/tdx_fuzz/parameters/run: write "SEED FIRST END" to run steps
 * [FIRST, END), read the first error.
 */
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>
#include <asm/tdx_pa_array.h>

#include "tdx.h"
#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "misuse.h"

#define EPOCH		1000
#define NR_SLOTS	24
#define MAX_ENTRIES	1536
#define MAX_OBJECTS	64
#define NO_ID		1000
#define LIST_MAX	512
/* Freeing calls the flush of a page at most this often. */
#define FLUSH_CALLS	10U
#define ENTRY_PA	GENMASK_ULL(51, 12)
#define ENTRY_BIT63	BIT_ULL(63)

/* Pages that may be missing after an epoch: the slab allocator keeps some. */
#define SLACK		128

enum object { NONE, SPDM, IDE, IOMMU };

/* An array, and the state that it must have */
struct slot {
	struct tdx_pa_array *array;
	u64 entries[MAX_ENTRIES];
	bool owned[MAX_ENTRIES];	/* the module owns the entry's pages */
	bool dirty[MAX_ENTRIES];	/* the module has written to them */
	unsigned int nr;
	unsigned int nr_held;
	unsigned int order;
	bool flush;
	bool written;			/* the module has written to @entries */
	enum object type;		/* object made from the array */
	u64 id;
	u64 spdm_id;			/* session of an IDE stream */
	bool blocked;
};

static struct slot slots[NR_SLOTS];

/* Objects of the module, and streams of each session */
static unsigned int nr_objects;
static unsigned int nr_streams[MAX_OBJECTS];
/* The module writes to entries in this epoch. */
static enum tdx_model_list_write list_write;
/* Failed leaves change their registers in this epoch. */
static bool zero_registers;
/* Pages and object that another call has locked during this step */
static phys_addr_t lock_pa;
static u64 lock_size, locked_id;
/* The next function, stream, or set of registers: each is used once. */
static u64 next_key;
/*
 * Pages of freed arrays that the module owns, and other pages that are leaked.
 */
static unsigned long left_owned, left_lost;
/* Lines in the kernel's log */
static unsigned long nr_messages;

static struct rnd_state rnd;
static unsigned long current_step;
static char operation[128];
static char first_error[384];

static u32 draw(u32 n)
{
	return prandom_u32_state(&rnd) % n;
}

static bool one_in(u32 n)
{
	return !draw(n);
}

#define describe(fmt, ...)	\
	scnprintf(operation, sizeof(operation), fmt, ##__VA_ARGS__)

#define report(fmt, ...)							\
	do {									\
		if (!first_error[0])						\
			scnprintf(first_error, sizeof(first_error),		\
				  "step %lu: %s: " fmt, current_step, operation, \
				  ##__VA_ARGS__);				\
	} while (0)

static void expect_number(const char *what, u64 found, u64 expected)
{
	if (found != expected)
		report("%s is %lld, expected %lld", what, found, expected);
}

/* Bits 31:0 are details, unless SEAMCALL itself failed. */
static void expect_status(u64 found, u64 expected)
{
	bool whole = (expected & TDX_SW_ERROR) == TDX_SW_ERROR;

	if ((found ^ expected) & (whole ? ~0ULL : TDX_SEAMCALL_STATUS_MASK))
		report("status %#llx, expected %#llx", found, expected);
}

static unsigned long nr_pages(const struct slot *s, unsigned int i)
{
	return i < TDX_IOMMU_MT_NR_BLOCKS ? 1UL << s->order : 1;
}

static void check_slot(const struct slot *s)
{
	const struct tdx_pa_array *a = s->array;

	if (!a)
		return;
	expect_number("nr", a->nr, s->nr);
	expect_number("nr_held", a->nr_held, s->nr_held);
	expect_number("flush", a->flush, s->flush);
	expect_number("block_order", a->block_order, s->order);
	if (memcmp(a->entries, s->entries, s->nr * sizeof(*s->entries)))
		report("entries have changed");

	for (unsigned int i = 0; i < s->nr; i++) {
		phys_addr_t pa = s->entries[i] & ENTRY_PA;

		if (tdx_model_owns(pa) != s->owned[i])
			report("the module %s entry %u", s->owned[i] ? "does not own" : "owns", i);
		if (tdx_model_dirty(pa) != s->dirty[i])
			report("entry %u is %s", i, s->dirty[i] ? "clean" : "dirty");
	}
}

/* Find each page that was ever part of an array. */
static void check_pages(void)
{
	unsigned long held = left_owned, lost = left_lost;
	struct tdx_checker_report r;

	for (const struct slot *s = slots; s < slots + NR_SLOTS; s++) {
		for (unsigned int i = 0; s->array && i < s->nr; i++)
			*(s->owned[i] ? &held : &lost) += nr_pages(s, i);
	}

	tdx_checker_read(&r);
	expect_number("pages freed while owned", r.freed_owned, 0);
	expect_number("pages freed while dirty", r.freed_dirty, 0);
	expect_number("pages freed twice", r.freed_twice, 0);
	expect_number("free pages that were claimed", r.claimed_free, 0);
	expect_number("pages that the module owns", r.held, held);
	expect_number("other pages that are not free", r.lost, lost);
	expect_number("messages", r.messages, nr_messages);
}

/*
 * Faults: each is injected into one call of the module, the first, the second,
 * and so on.
 */

#define MAX_FAULTS	3
#define SUCCESS_INFO	0x0000000100000000ULL

static struct tdx_model_fault faults[MAX_FAULTS];
static unsigned int nr_faults;

static void arm_faults(u64 leaf, unsigned int nr_entries)
{
	static const u64 statuses[] = {
		TDX_INTERRUPTED_RESUMABLE, TDX_INTERRUPTED_RESUMABLE, TDX_INTERRUPTED_RESUMABLE,
		TDX_OPERAND_INVALID, TDX_OPERAND_BUSY, TDX_PAGE_METADATA_INCORRECT,
		TDX_SEAMCALL_UD, TDX_RND_NO_ENTROPY, SUCCESS_INFO,
	};

	nr_faults = one_in(2) ? 0 : 1 + draw(MAX_FAULTS);
	for (unsigned int n = 0; n < nr_faults; n++) {
		struct tdx_model_fault *f = &faults[n];

		*f = (struct tdx_model_fault) {
			.leaf = leaf,
			.nth = n + 1,
			.status = statuses[draw(ARRAY_SIZE(statuses))],
			.after = draw(nr_entries + 2),
		};
		f->keep = one_in(4) && f->status != TDX_INTERRUPTED_RESUMABLE;
		tdx_model_fail(f);
	}
}

/* The fault that is injected into call @n, from 0 */
static const struct tdx_model_fault *fault(unsigned int n)
{
	static const struct tdx_model_fault none = { .after = MAX_ENTRIES };

	return n < nr_faults ? &faults[n] : &none;
}

/* The wrapper calls again. */
static bool is_interruption(const struct tdx_model_fault *f)
{
	return f->status == TDX_INTERRUPTED_RESUMABLE;
}

/*
 * sc_retry() calls again, with the registers and the list that the module left.
 */
static bool lacks_entropy(const struct tdx_model_fault *f)
{
	return f->status == TDX_RND_NO_ENTROPY;
}

/* The call does not reach the module. */
static bool is_not_entered(const struct tdx_model_fault *f)
{
	return f->status == TDX_SEAMCALL_UD;
}

static bool is_success(const struct tdx_model_fault *f)
{
	return !(f->status & TDX_ERROR);
}

/*
 * Slots
 */

static struct slot *draw_slot(void)
{
	return &slots[draw(NR_SLOTS)];
}

/* Prefer an array with this type of object. */
static struct slot *draw_type(enum object type)
{
	struct slot *s = draw_slot();

	for (int i = 0; i < 6 && (!s->array || s->type != type); i++)
		s = draw_slot();
	return s;
}

static bool is_locked(phys_addr_t pa, u64 size)
{
	return lock_size && pa < lock_pa + lock_size && pa + size > lock_pa;
}

/*
 * Status of a leaf that claims or returns these entries, and finds nothing else
 * wrong
 */
static u64 lock_refusal(const struct slot *s, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		if (is_locked(s->entries[i] & ENTRY_PA, nr_pages(s, i) * PAGE_SIZE))
			return TDX_OPERAND_BUSY;
	}
	return 0;
}

/* Status of a leaf that claims these entries. */
static u64 entries_refusal(const struct slot *s, unsigned int first, unsigned int end,
			   unsigned int nr_blocks)
{
	for (unsigned int i = first; i < end; i++) {
		u64 other_bits = s->entries[i] & ~ENTRY_PA;

		if (other_bits && (i >= nr_blocks || other_bits & ENTRY_BIT63))
			return TDX_OPERAND_INVALID;
		if (s->owned[i])
			return TDX_PAGE_METADATA_INCORRECT;
	}
	return lock_refusal(s, first, end);
}

/* In some epochs, the module writes to entries of its input. */
static void write_entries(struct slot *s, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end && list_write; i++) {
		u64 pa = s->entries[i] & ENTRY_PA;

		s->written = true;
		if (list_write == TDX_MODEL_WRITE_BIT63)
			s->entries[i] |= ENTRY_BIT63;
		else
			s->entries[i] = pa | (s->entries[i] - pa == 2 ? 4 : 2);
	}
}

static void touch(struct slot *s, unsigned int first, unsigned int end, bool owned)
{
	for (unsigned int i = first; i < end; i++) {
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
	int nid = one_in(2) ? NUMA_NO_NODE : numa_mem_id();
	bool mt = one_in(4);

	if (mt)
		nr = TDX_IOMMU_MT_NR_BLOCKS + draw(40);
	s->order = mt ? draw(5) : 0;
	describe("slot %td: alloc %u, block order %u", s - slots, nr, s->order);

#ifdef CONFIG_FAULT_INJECTION
	/* Returns NULL then, or uses smaller blocks. */
	if (one_in(8))
		current->fail_nth = 1 + draw(6);
#endif
	s->array = mt ? tdx_pa_array_alloc_iommu_mt(s->order, nr - TDX_IOMMU_MT_NR_BLOCKS, nid) :
			tdx_pa_array_alloc(nr, nid);
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = 0;
#endif
	if (!s->array)
		return;

	s->nr = nr;
	s->nr_held = 0;
	s->flush = false;
	s->type = NONE;
	s->written = false;
	memset(s->owned, 0, sizeof(s->owned));
	memset(s->dirty, 0, sizeof(s->dirty));
	for (unsigned int i = 0; i < nr; i++) {
		struct page *page;

		s->entries[i] = s->array->entries[i];
		page = pfn_to_page(PHYS_PFN(s->entries[i] & ENTRY_PA));
		expect_number("bits of an entry but the PA", s->entries[i] & ~ENTRY_PA,
			      nr_pages(s, i) > 1 ? nr_pages(s, i) : 0);
		for (unsigned int n = 0; n < nr_pages(s, i); n++)
			expect_number("reference count", page_count(page + n), 1);
		tdx_checker_watch(s->entries[i] & ENTRY_PA, nr_pages(s, i));
	}
}

static void do_free(struct slot *s)
{
	u64 region = (s->entries[draw(s->nr)] & ENTRY_PA) / SZ_2M;
	unsigned int nr_busy = one_in(4) ? draw(3 * FLUSH_CALLS) : 0;
	bool flushes_fail = one_in(4), leaks = false;

	describe("slot %td: free%s, %u busy flushes", s - slots,
		 flushes_fail ? ", some flushes fail" : "", nr_busy);
	tdx_model_set_busy_region(region * SZ_2M, nr_busy);

	for (unsigned int i = 0; i < s->nr; i++) {
		u64 pa = s->entries[i] & ENTRY_PA, end = pa + nr_pages(s, i) * PAGE_SIZE, bad = 0;

		if (flushes_fail && one_in(16)) {
			bad = pa + draw(nr_pages(s, i)) * PAGE_SIZE;
			tdx_model_fail_wbinvd(bad, TDX_OPERAND_BUSY);
		}
		if (s->owned[i])
			left_owned += nr_pages(s, i);
		else if (i < s->nr_held)
			left_lost += nr_pages(s, i);
		if (i < s->nr_held || !s->flush)
			continue;

		for (; pa < end; pa += PAGE_SIZE) {
			unsigned int busy = pa / SZ_2M == region ? min(nr_busy, FLUSH_CALLS) : 0;
			bool fails = pa == bad || busy == FLUSH_CALLS ||
				     is_locked(pa, PAGE_SIZE);

			nr_busy -= busy;
			left_lost += fails && !s->owned[i];
			leaks |= fails || s->owned[i];
		}
	}
	nr_messages += leaks || s->nr_held;

	tdx_pa_array_free(s->array);
	s->array = NULL;
	tdx_model_set_busy_region(0, 0);
	check_pages();
}

static u64 create_refusal(const struct slot *s, enum object type, u64 spdm_id)
{
	u64 refusal = entries_refusal(s, 0, s->nr, type == IOMMU ? TDX_IOMMU_MT_NR_BLOCKS : 0);

	if (nr_objects == MAX_OBJECTS || (type == IDE && spdm_id == locked_id))
		return TDX_OPERAND_BUSY;
	if (type == IDE && spdm_id == NO_ID)
		return TDX_OPERAND_INVALID;
	if (s->nr > 1)
		return refusal;
	/*
	 * One page is passed without its entry, and an IOMMU takes at least
	 * two.
	 */
	if (s->owned[0])
		return TDX_PAGE_METADATA_INCORRECT;
	return type == IOMMU ? TDX_OPERAND_INVALID : lock_refusal(s, 0, 1);
}

static u64 expect_create(struct slot *s, enum object type, u64 spdm_id)
{
	unsigned int done = 0;
	bool resumes = false;

	if (s->nr_held || s->nr > LIST_MAX)
		return TDX_SW_ERROR;

	s->flush = true;
	for (unsigned int n = 0; ; n++) {
		const struct tdx_model_fault *f = fault(n);
		u64 refusal = resumes ? 0 : create_refusal(s, type, spdm_id);

		if (is_not_entered(f)) {
			/* The module keeps an interrupted IOMMU.SETUP. */
			nr_objects += resumes;
			return f->status;
		}
		if (refusal)
			return refusal;
		/* One page is passed without a list. */
		if (!resumes && s->nr > 1 && !lacks_entropy(f))
			write_entries(s, 0, s->nr);
		if (is_success(f)) {
			touch(s, 0, s->nr, true);
			s->nr_held = s->nr;
			nr_objects++;
			return 0;
		}
		done = min(max(f->after, done), s->nr);
		resumes = type == IOMMU && (is_interruption(f) || (resumes && lacks_entropy(f)));
		touch(s, 0, done, f->keep || resumes);
		if (!is_interruption(f) && !lacks_entropy(f))
			return f->status;
		if (!resumes)
			done = 0;
	}
}

static void do_create(struct slot *s)
{
	static const u64 leaves[] = {
		[SPDM] = TDH_SPDM_CREATE, [IDE] = TDH_IDE_STREAM_CREATE, [IOMMU] = TDH_IOMMU_SETUP,
	};
	enum object type = SPDM + draw(3);
	struct slot *session = draw_type(SPDM);
	u64 spdm_id = session->array && session->type == SPDM ? session->id : NO_ID;
	struct tdx_ide_stream stream = { .info = next_key };
	u64 id = NO_ID, rp_ide_id, expected, status;

	/* The reference has one owner for all pages of an entry. */
	if (type == IOMMU && s->written)
		type = SPDM;
	describe("slot %td: create %d, session %llu", s - slots, type, spdm_id);
	arm_faults(leaves[type], s->nr);
	if (type == SPDM) {
		status = tdh_spdm_create(next_key, s->array, &id);
	} else if (type == IDE) {
		status = tdh_ide_stream_create(&stream, spdm_id, s->array, &id, &rp_ide_id);
	} else {
		tdx_model_set_iommu_entries(s->nr);
		status = tdh_iommu_setup(next_key * PAGE_SIZE, s->array, &id);
	}
	next_key++;

	expected = expect_create(s, type, spdm_id);
	expect_status(status, expected);
	if (expected || status)
		return;
	s->type = type;
	s->id = id;
	s->spdm_id = spdm_id;
	s->blocked = false;
	if (type == SPDM)
		nr_streams[id] = 0;
	else if (type == IDE)
		nr_streams[spdm_id]++;
}

/* Delete the object of @s, at times with the wrong ID or with another array. */
static void do_delete(struct slot *s)
{
	struct slot *a = s->type != IOMMU && one_in(8) ? draw_slot() : s;
	bool known = s->type && !one_in(8), reads = one_in(2);
	u64 id = known ? s->id : NO_ID, status, expected = known ? 0 : TDX_OPERAND_INVALID;
	enum object type = s->type ?: SPDM + draw(3);
	const struct tdx_model_fault *f;
	unsigned int n = 0;
	bool misused, busy;

	if (!a->array)
		a = s;
	busy = id == locked_id || (type == IDE && s->spdm_id == locked_id);
	misused = !a->nr_held;
	describe("slot %td: delete %d, ID %llu, with slot %td", s - slots, type, id, a - slots);

	if (type == SPDM) {
		arm_faults(TDH_SPDM_DELETE, s->nr);
		status = tdh_spdm_delete(id, a->array);
		if (known && nr_streams[id])
			expected = TDX_OPERAND_BUSY;
	} else if (type == IDE) {
		if (known && one_in(2)) {
			expect_status(tdh_ide_stream_block(s->spdm_id, id),
				      busy ? TDX_OPERAND_BUSY : 0);
			s->blocked |= !busy;
		}
		arm_faults(TDH_IDE_STREAM_DELETE, s->nr);
		status = tdh_ide_stream_delete(s->spdm_id, id, a->array);
		if (!s->blocked)
			expected = TDX_OPERAND_INVALID;
	} else {
		tdx_model_set_clear(reads ? TDX_MODEL_CLEAR_READS : TDX_MODEL_CLEAR_WRITES);
		arm_faults(TDH_IOMMU_CLEAR, s->nr);
		status = tdh_iommu_clear(id, a->array);
		misused |= a->nr < TDX_IOMMU_MT_NR_BLOCKS || a->nr > LIST_MAX;
		if (reads && s->written)
			expected = TDX_OPERAND_INVALID;
	}
	if (misused) {
		expect_status(status, TDX_SW_ERROR);
		check_slot(a);
		return;
	}
	/* One page is returned in a register, several pages in a list. */
	if (!expected && s->nr != a->nr && min(s->nr, a->nr) == 1)
		expected = TDX_OPERAND_INVALID;
	expected = expected ?: lock_refusal(s, 0, s->nr);
	if (busy)
		expected = TDX_OPERAND_BUSY;

	while (!expected && (is_interruption(fault(n)) || lacks_entropy(fault(n))))
		n++;
	f = fault(n);
	if (is_not_entered(f) || (!expected && !is_success(f)))
		expected = f->status;
	expect_status(status, expected);
	if (expected) {
		nr_messages++;
	} else {
		memset(s->owned, 0, f->keep ? min(f->after, s->nr) : s->nr);
		a->nr_held = 0;
		if (type == IDE)
			nr_streams[s->spdm_id]--;
		s->type = NONE;
		nr_objects--;
	}
	check_slot(a);
}

static u64 expect_mem_add(struct slot *s)
{
	unsigned int first = s->nr_held;

	if (s->nr_held == s->nr)
		return TDX_SW_ERROR;

	s->flush = true;
	for (unsigned int n = 0; s->nr_held < s->nr; n++) {
		unsigned int list = round_down(s->nr_held, LIST_MAX);
		unsigned int end = min(list + LIST_MAX, s->nr), done;
		const struct tdx_model_fault *f = fault(n);
		u64 refusal;

		if (is_not_entered(f))
			return f->status;
		/* A call that lacked entropy has taken the whole list. */
		if (first == end) {
			if (end < list + LIST_MAX)
				return TDX_OPERAND_INVALID;
			first = list;
		}
		done = min(first + f->after, end);
		refusal = entries_refusal(s, first, end, 0);
		if (refusal)
			return refusal;
		touch(s, first, done, true);
		if (lacks_entropy(f)) {
			first = zero_registers ? done : first;
			continue;
		}
		write_entries(s, first, done);
		if (f->status && !is_interruption(f))
			return f->status;
		s->nr_held = done;
		first = done;
	}
	return 0;
}

static void do_mem_add(struct slot *s)
{
	u64 status;

	describe("slot %td: EXT.MEM.ADD", s - slots);
	arm_faults(TDH_EXT_MEM_ADD, min(s->nr, LIST_MAX));
	status = tdh_ext_mem_add(s->array);
	expect_status(status, expect_mem_add(s));
}

/* Another call works on pages or on an object. */
static void lock(const struct slot *s)
{
	static const u64 sizes[] = { SZ_4K, SZ_2M, SZ_2M, SZ_1G };

	if (s->array && one_in(8)) {
		lock_size = sizes[draw(ARRAY_SIZE(sizes))];
		lock_pa = round_down(s->entries[draw(s->nr)] & ENTRY_PA, lock_size);
		tdx_model_lock_pages(lock_pa, lock_size);
	}
	if (one_in(8)) {
		locked_id = s->array && s->type ? s->id : draw(MAX_OBJECTS);
		tdx_model_lock_object(locked_id);
	}
}

static void unlock(void)
{
	lock_size = 0;
	locked_id = U64_MAX;
	tdx_model_unlock();
}

static void step(void)
{
	void (*run)(struct slot *s) = do_mem_add;
	struct slot *s = draw_slot();

	switch (draw(11)) {
	case 0 ... 1:
		run = do_free;
		break;
	case 2 ... 5:
		run = do_create;
		break;
	case 6 ... 8:
		run = do_delete;
		s = draw_type(SPDM + draw(3));
		break;
	}

	nr_faults = 0;
	lock(s);
	if (s->array)
		run(s);
	else
		do_alloc(s);
	unlock();
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
	nr_messages = 0;
	tdx_model_reset();
	unlock();
	list_write = one_in(2) ? TDX_MODEL_WRITE_NONE : TDX_MODEL_WRITE_BIT63 + draw(2);
	tdx_model_set_list_write(list_write);
	zero_registers = one_in(2);
	tdx_model_set_zero_registers(zero_registers);
	tdx_model_set_output(one_in(2) ? TDX_MODEL_OUTPUT_GARBAGE : TDX_MODEL_OUTPUT_LIST);
	return tdx_checker_begin();
}

/* Free everything.  Nothing may be missing afterwards. */
static void end_epoch(unsigned long free_before)
{
	struct tdx_checker_report r;

	for (struct slot *s = slots; s < slots + NR_SLOTS; s++) {
		if (s->array)
			do_free(s);
	}
	describe("end of the epoch");
	check_pages();
	tdx_checker_read(&r);
	expect_number("objects", r.objects, 0);
	tdx_checker_end();
	tdx_model_reclaim();
	tdx_model_reset();
	/*
	 * Both allocate with every allocation, and KASAN keeps freed objects.
	 */
	if (IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		return;
	if (tdx_checker_nr_free_pages() + SLACK < free_before)
		report("%lu pages are missing", free_before - tdx_checker_nr_free_pages());
}

static int run_set(const char *text, const struct kernel_param *kp)
{
	unsigned long first, end;
	u64 seed;
	int ret;

	if (sscanf(text, "%llu %lu %lu", &seed, &first, &end) != 3 || first % EPOCH)
		return -EINVAL;

	/* Never hand test pages to a real TDX module. */
	ret = tdx_model_install();
	if (ret)
		return ret;
	expect_warnings();
	first_error[0] = '\0';
	for (current_step = first; !ret && current_step < end; ) {
		unsigned long before = tdx_checker_nr_free_pages();

		ret = begin_epoch(seed, current_step / EPOCH);
		while (!ret && current_step < end) {
			step();
			if (first_error[0])
				return -EIO;
			if (++current_step % EPOCH == 0)
				break;
		}
		end_epoch(before);
		if (first_error[0])
			return -EIO;
		cond_resched();
	}
	return ret;
}

static int run_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", first_error[0] ? first_error : "nothing wrong");
}

static const struct kernel_param_ops run_ops = { .set = run_set, .get = run_get };
module_param_cb(run, &run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "write \"SEED FIRST END\" to run these steps, read the first error");

MODULE_DESCRIPTION("Random test of page arrays for the TDX module");
MODULE_LICENSE("GPL");
