// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the SEAMCALL wrappers: their operands, what they record in an array,
 * and which pages of it are freed in every state that follows
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>

#include "tdx.h"
#include "fixture.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define REG_BASE	0xfed90000

#define EVERY		UINT_MAX
#define ALL		UINT_MAX
#define INTERRUPTED	(TDX_INTERRUPTED_RESUMABLE | 0x7)
#define BUSY		(TDX_OPERAND_BUSY | 0x1)
#define INVALID		(TDX_OPERAND_INVALID | 0x1)
#define OWNED		(TDX_PAGE_METADATA_INCORRECT | 0x1)
#define INFORMATION	0x0000081500000000ULL	/* a success */
#define NO_SEAMCALL	TDX_SEAMCALL_UD

static void fail(u64 leaf, unsigned int call, u64 status, unsigned int after)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = call == EVERY ? 0 : call, .status = status, .after = after,
	});
}

static void expect_state(struct kunit *test, const struct tdx_pa_array *array,
			 unsigned int nr_held, bool flush)
{
	KUNIT_EXPECT_EQ(test, array->nr_held, nr_held);
	KUNIT_EXPECT_EQ(test, array->flush, flush);
}

static unsigned long nr_messages(void)
{
	struct tdx_checker_report report;

	tdx_checker_read(&report);
	return report.messages;
}

/*
 * Objects of each kind, with the leaves that create and delete them
 */

enum kind { SPDM, IDE, IOMMU, MEM };

struct object {
	enum kind kind;
	struct tdx_pa_array *array;
	u64 id;
	/* The session of an IDE stream */
	struct tdx_pa_array *session_mt;
	u64 session;
};

static const u64 create_leaf[] = {
	TDH_SPDM_CREATE, TDH_IDE_STREAM_CREATE, TDH_IOMMU_SETUP, TDH_EXT_MEM_ADD,
};

static const u64 delete_leaf[] = { TDH_SPDM_DELETE, TDH_IDE_STREAM_DELETE, TDH_IOMMU_CLEAR };

static enum kind kind_of(u64 leaf)
{
	switch (leaf) {
	case TDH_IDE_STREAM_CREATE:
	case TDH_IDE_STREAM_BLOCK:
	case TDH_IDE_STREAM_DELETE:
		return IDE;
	case TDH_IOMMU_SETUP:
	case TDH_IOMMU_CLEAR:
		return IOMMU;
	case TDH_EXT_MEM_ADD:
		return MEM;
	default:
		return SPDM;
	}
}

/*
 * 6 entries, of which the first two of an IOMMU_MT list are blocks of two pages
 */
static void object_alloc(struct kunit *test, struct object *o, enum kind kind)
{
	*o = (struct object) { .kind = kind };
	if (kind == IOMMU) {
		o->array = tdx_pa_array_alloc_iommu_mt(1, 4, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, o->array);
		fixture_watch(o->array);
		tdx_model_set_iommu_entries(6);
	} else {
		o->array = fixture_alloc(test, kind == MEM ? 1300 : 6);
	}
	if (kind == IDE) {
		o->session_mt = fixture_alloc(test, 1);
		KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID + 1, o->session_mt, &o->session), 0);
	}
}

static u64 object_create(struct object *o)
{
	const struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 rp_ide_id;

	switch (o->kind) {
	case SPDM:
		return tdh_spdm_create(FUNC_ID, o->array, &o->id);
	case IDE:
		return tdh_ide_stream_create(&stream, o->session, o->array, &o->id, &rp_ide_id);
	case IOMMU:
		return tdh_iommu_setup(REG_BASE, o->array, &o->id);
	default:
		return tdh_ext_mem_add(o->array);
	}
}

static u64 object_delete(struct object *o)
{
	switch (o->kind) {
	case SPDM:
		return tdh_spdm_delete(o->id, o->array);
	case IDE:
		tdh_ide_stream_block(o->session, o->id);
		return tdh_ide_stream_delete(o->session, o->id, o->array);
	default:
		return tdh_iommu_clear(o->id, o->array);
	}
}

/* Free the array.  A session cannot be deleted while it has a stream. */
static void object_free(struct kunit *test, struct object *o)
{
	if (o->session_mt && !o->array->nr_held)
		KUNIT_EXPECT_EQ(test, tdh_spdm_delete(o->session, o->session_mt), 0);
	tdx_pa_array_free(o->array);
	tdx_pa_array_free(o->session_mt);
}

static unsigned long nr_held_pages(const struct tdx_pa_array *array)
{
	unsigned long nr = 0;

	for (unsigned int i = 0; i < array->nr_held; i++)
		nr += i < 2 ? 1UL << array->block_order : 1;
	return nr;
}

/*
 * One failure in the lifetime of an object: create, delete, free.  Call number
 * @call of @leaf returns @status after it has processed @after entries, and the
 * module keeps pages if @keeps is set (struct tdx_model_fault).  Then @held
 * pages are recorded as held by the module, and @leaked pages are leaked
 * because they cannot be flushed.
 */
static const struct lifetime {
	const char *name;
	u64 leaf;
	u64 status;
	unsigned int call;
	unsigned int after;
	bool keeps;
	unsigned int held;
	unsigned int leaked;
} lifetimes[] = {
	/* name	leaf	status	call	after	keeps	-> held, leaked */
	{ "SPDM",	TDH_SPDM_CREATE,	0,	0,	0,	false,	0, 0 },
	{ "IDE",	TDH_IDE_STREAM_CREATE,	0,	0,	0,	false,	0, 0 },
	{ "IOMMU",	TDH_IOMMU_SETUP,	0,	0,	0,	false,	0, 0 },
	{ "MEM",	TDH_EXT_MEM_ADD,	0,	0,	0,	false,	1300, 0 },

	/*
	 * A failed create holds nothing.  The pages that it wrote to are
	 * flushed.
	 */
	{ "SPDM create, at once",	TDH_SPDM_CREATE, BUSY,	1, 0,	false,	0, 0 },
	{ "SPDM create, halfway",	TDH_SPDM_CREATE, BUSY,	1, 3,	false,	0, 0 },
	{ "SPDM create, at its end",	TDH_SPDM_CREATE, BUSY,	1, 6,	false,	0, 0 },
	{ "SPDM create, no SEAMCALL",	TDH_SPDM_CREATE, NO_SEAMCALL, 1, 0, false, 0, 0 },
	{ "SPDM create, entropy",	TDH_SPDM_CREATE, TDX_RND_NO_ENTROPY, 1, 0, false, 0, 0 },
	{ "SPDM create, information",	TDH_SPDM_CREATE, INFORMATION, 1, 0, false, 0, 0 },
	{ "SPDM create keeps pages",	TDH_SPDM_CREATE, BUSY,	1, 3,	true,	0, 3 },
	{ "IDE create, halfway",	TDH_IDE_STREAM_CREATE, BUSY, 1, 3, false, 0, 0 },
	{ "IDE create, no SEAMCALL",	TDH_IDE_STREAM_CREATE, NO_SEAMCALL, 1, 0, false, 0, 0 },
	{ "IDE create, information",	TDH_IDE_STREAM_CREATE, INFORMATION, 1, 0, false, 0, 0 },
	{ "IDE create keeps pages",	TDH_IDE_STREAM_CREATE, BUSY, 1, 3, true, 0, 3 },
	{ "IOMMU setup, no TDX mode",	TDH_IOMMU_SETUP, INVALID, 1, 0,	false,	0, 0 },
	{ "IOMMU setup, halfway",	TDH_IOMMU_SETUP, BUSY,	1, 3,	false,	0, 0 },
	{ "IOMMU setup, no SEAMCALL",	TDH_IOMMU_SETUP, NO_SEAMCALL, 1, 0, false, 0, 0 },
	{ "IOMMU setup, entropy",	TDH_IOMMU_SETUP, TDX_RND_NO_ENTROPY, 1, 3, false, 0, 0 },
	{ "IOMMU setup, information",	TDH_IOMMU_SETUP, INFORMATION, 1, 0, false, 0, 0 },
	{ "IOMMU setup keeps pages",	TDH_IOMMU_SETUP, BUSY,	1, 3,	true,	0, 5 },
	{ "IOMMU setup, interrupted",	TDH_IOMMU_SETUP, INTERRUPTED, 1, 3, false, 0, 0 },

	/* After a failed delete, the module holds all pages. */
	{ "SPDM delete",		TDH_SPDM_DELETE, BUSY,	1, 0,	false,	6, 0 },
	{ "SPDM delete, no SEAMCALL",	TDH_SPDM_DELETE, NO_SEAMCALL, 1, 0, false, 6, 0 },
	{ "SPDM delete, information",	TDH_SPDM_DELETE, INFORMATION, 1, 0, false, 0, 0 },
	{ "SPDM delete keeps pages",	TDH_SPDM_DELETE, 0,	1, 2,	true,	0, 4 },
	{ "IDE block",			TDH_IDE_STREAM_BLOCK, BUSY, 1, 0, false, 6, 0 },
	{ "IDE delete",			TDH_IDE_STREAM_DELETE, BUSY, 1, 0, false, 6, 0 },
	{ "IDE delete keeps pages",	TDH_IDE_STREAM_DELETE, 0, 1, 2, true,	0, 4 },
	{ "IOMMU clear",		TDH_IOMMU_CLEAR, BUSY,	1, 0,	false,	8, 0 },
	{ "IOMMU clear, interrupted",	TDH_IOMMU_CLEAR, INTERRUPTED, 1, 0, false, 0, 0 },
	{ "IOMMU clear keeps pages",	TDH_IOMMU_CLEAR, 0,	1, 1,	true,	0, 6 },

	/*
	 * Memory add records what the module reports.  The flush finds the
	 * rest.
	 */
	{ "MEM add, no SEAMCALL",	TDH_EXT_MEM_ADD, NO_SEAMCALL, 1, 0, false, 0, 0 },
	{ "MEM add, first list",	TDH_EXT_MEM_ADD, BUSY,	1, 0,	false,	0, 0 },
	{ "MEM add, in the first list",	TDH_EXT_MEM_ADD, BUSY,	1, 100,	false,	0, 100 },
	{ "MEM add, second list",	TDH_EXT_MEM_ADD, BUSY,	2, 0,	false,	512, 0 },
	{ "MEM add, in the second list", TDH_EXT_MEM_ADD, BUSY,	2, 100,	false,	512, 100 },
	{ "MEM add, in the last list",	TDH_EXT_MEM_ADD, BUSY,	3, 275,	false,	1024, 275 },
	{ "MEM add, interrupted",	TDH_EXT_MEM_ADD, INTERRUPTED, 1, 1, false, 1300, 0 },
	{ "MEM add, interrupted early",	TDH_EXT_MEM_ADD, INTERRUPTED, 2, 0, false, 1300, 0 },
	{ "MEM add, interrupted late",	TDH_EXT_MEM_ADD, INTERRUPTED, 2, 511, false, 1300, 0 },
	{ "MEM add, interrupted last",	TDH_EXT_MEM_ADD, INTERRUPTED, 3, 275, false, 1300, 0 },
	{ "MEM add, every entry",	TDH_EXT_MEM_ADD, INTERRUPTED, EVERY, 1, false, 1300, 0 },
	{ "MEM add, every 511",		TDH_EXT_MEM_ADD, INTERRUPTED, EVERY, 511, false, 1300, 0 },
	{ "MEM add, full",		TDH_EXT_MEM_ADD, INFORMATION, 2, 0, false, 512, 0 },
	{ "MEM add, full after some",	TDH_EXT_MEM_ADD, INFORMATION, 2, 100, false, 512, 100 },
	{ "MEM add, full after a list",	TDH_EXT_MEM_ADD, INFORMATION, 2, ALL, false, 512, 512 },

	/* A page that cannot be flushed is leaked, all others are freed. */
	{ "flush of the first page",	TDH_PHYMEM_PAGE_WBINVD, OWNED, 1, 0, false, 0, 1 },
	{ "flush of a middle page",	TDH_PHYMEM_PAGE_WBINVD, OWNED, 3, 0, false, 0, 1 },
	{ "flush of the last page",	TDH_PHYMEM_PAGE_WBINVD, OWNED, 6, 0, false, 0, 1 },
	{ "flush of all pages",		TDH_PHYMEM_PAGE_WBINVD, OWNED, EVERY, 0, false, 0, 6 },
	{ "flush, no SEAMCALL",		TDH_PHYMEM_PAGE_WBINVD, NO_SEAMCALL, 2, 0, false, 0, 1 },
	{ "flush, entropy",		TDH_PHYMEM_PAGE_WBINVD, TDX_RND_NO_ENTROPY, 2, 0, false,
	  0, 0 },
	{ "flush, information",		TDH_PHYMEM_PAGE_WBINVD, INFORMATION, EVERY, 0, false,
	  0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(lifetime, lifetimes, name);

/* The status that a wrapper returns for the failure of its leaf */
static u64 expected_status(const struct lifetime *p, u64 leaf)
{
	u64 class = p->status & TDX_SEAMCALL_STATUS_MASK;

	if (p->leaf != leaf || class == TDX_INTERRUPTED_RESUMABLE || class == TDX_RND_NO_ENTROPY)
		return 0;
	return p->status == INFORMATION && leaf != TDH_EXT_MEM_ADD ? 0 : p->status;
}

static void run_lifetime(struct kunit *test, const struct lifetime *p)
{
	struct tdx_checker_report report;
	unsigned int nr_failed_deletes = 0;
	struct object o;
	u64 status;

	object_alloc(test, &o, kind_of(p->leaf));
	if (p->call)
		tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = p->leaf, .nth = p->call == EVERY ? 0 : p->call,
			.status = p->status, .after = p->after, .keep = p->keeps,
		});

	status = object_create(&o);
	KUNIT_EXPECT_EQ(test, status, expected_status(p, create_leaf[o.kind]));
	KUNIT_EXPECT_TRUE(test, o.array->flush);
	if (!status && o.kind != MEM) {
		expect_state(test, o.array, o.array->nr, true);
		status = object_delete(&o);
		if (p->leaf != TDH_IDE_STREAM_BLOCK)
			KUNIT_EXPECT_EQ(test, status, expected_status(p, delete_leaf[o.kind]));
		nr_failed_deletes += !!status;
	}
	KUNIT_EXPECT_TRUE(test, o.array->flush);
	KUNIT_EXPECT_EQ(test, nr_held_pages(o.array), p->held);
	object_free(test, &o);

	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.freed_owned, 0);
	KUNIT_EXPECT_EQ(test, report.freed_dirty, 0);
	KUNIT_EXPECT_EQ(test, report.freed_twice, 0);
	KUNIT_EXPECT_EQ(test, report.objects, 0);
	KUNIT_EXPECT_EQ(test, report.needless, 0);
	/* The session of a stream that exists holds one page. */
	KUNIT_EXPECT_EQ(test, report.held + report.lost,
			p->held + p->leaked + (p->held && o.kind == IDE));
	/*
	 * A stream that is not deleted brings a session that cannot be deleted.
	 */
	KUNIT_EXPECT_EQ(test, report.messages, nr_failed_deletes + (p->held || p->leaked) +
			(p->held && o.kind == IDE));
	if (p->status != TDX_RND_NO_ENTROPY)
		KUNIT_EXPECT_EQ(test, tdx_model_nr_resets(),
				tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD) - p->leaked);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_early_resets(), 0);

	tdx_model_reclaim();
	tdx_model_reset();
	tdx_checker_end();
	tdx_checker_begin();
}

/*
 * Rule: a page is freed if and only if the module has returned it and it was
 * flushed.  That does not depend on the registers of a failed call, nor on any
 * bit of an entry but its PA.
 */
static void each_failure(struct kunit *test)
{
	const struct lifetime *p = test->param_value;

	run_lifetime(test, p);

	tdx_model_set_zero_registers(true);
	run_lifetime(test, p);

	tdx_model_set_list_write(TDX_MODEL_WRITE_BIT63);
	run_lifetime(test, p);

	tdx_model_set_list_write(TDX_MODEL_WRITE_LOW_BITS);
	run_lifetime(test, p);
}

/*
 * Rule: a setup that is repeated for lack of entropy, also after an
 * interruption, takes the pages that the array records, and no others.
 */
static void repeated_setup_takes_whole_blocks(struct kunit *test)
{
	unsigned long nr = 0;
	u64 id;

	tdx_model_set_list_write(TDX_MODEL_WRITE_LOW_BITS);
	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS);
	for (unsigned int i = 0; i < 10; i++) {
		struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(i / 2, 0, NUMA_NO_NODE);

		KUNIT_ASSERT_NOT_NULL(test, mt);
		fixture_watch(mt);
		tdx_model_disarm();
		fail(TDH_IOMMU_SETUP, 1, i % 2 ? INTERRUPTED : TDX_RND_NO_ENTROPY, 1);
		fail(TDH_IOMMU_SETUP, 2, TDX_RND_NO_ENTROPY, 1);
		KUNIT_EXPECT_EQ(test, tdh_iommu_setup(REG_BASE + i * PAGE_SIZE, mt, &id), 0);
		nr += nr_held_pages(mt);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), nr);
		tdx_pa_array_free(mt);
	}
	fixture_expect(test, nr, 0);
}

static const struct kind_param {
	const char *name;
	enum kind kind;
} kinds[] = { { "SPDM", SPDM }, { "IDE", IDE }, { "IOMMU", IOMMU } };

KUNIT_ARRAY_PARAM_DESC(kind, kinds, name);

/* Rule: a failed create or delete can be called again. */
static void failed_calls_can_be_repeated(struct kunit *test)
{
	const struct kind_param *p = test->param_value;
	struct object o;

	object_alloc(test, &o, p->kind);
	fail(create_leaf[p->kind], 1, BUSY, 2);
	fail(delete_leaf[p->kind], 1, BUSY, 0);
	KUNIT_EXPECT_EQ(test, object_create(&o), BUSY);
	expect_state(test, o.array, 0, true);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	expect_state(test, o.array, 6, true);
	KUNIT_EXPECT_EQ(test, object_delete(&o), BUSY);
	expect_state(test, o.array, 6, true);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	expect_state(test, o.array, 0, true);
	object_free(test, &o);
}

/* Rule: entries are the only record, so output of the module has no effect. */
static void delete_ignores_output(struct kunit *test)
{
	const struct kind_param *p = test->param_value;
	struct object o;

	object_alloc(test, &o, p->kind);
	tdx_model_set_output(TDX_MODEL_OUTPUT_GARBAGE);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	/* An IDE stream brings a session of one page. */
	object_free(test, &o);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD),
			p->kind == SPDM ? 6 : p->kind == IDE ? 7 : 8);
}

/* Rule: a delete allocates nothing. */
static void delete_allocates_nothing(struct kunit *test)
{
	const struct kind_param *p = test->param_value;
	struct object o;

	if (!fixture_can_fail_allocations())
		kunit_skip(test, "needs fault injection for allocations");

	object_alloc(test, &o, p->kind);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	fixture_fail_from_nth_allocation(1);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	KUNIT_EXPECT_FALSE(test, fixture_allocation_failed());
	fixture_fail_from_nth_allocation(0);
	object_free(test, &o);
}

/* Rule: an array of one page is passed without a list. */
static void single_control_page(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 1);
	u64 id;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_EXPECT_TRUE(test, tdx_model_owns(mt->entries[0]));
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 1);
}

/* Rule: IOMMU.CLEAR works whether the module reads its list or writes it. */
static void iommu_clear_passes_a_list(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(4, 510, NUMA_NO_NODE);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(512);
	for (int reads = 0; reads < 2; reads++) {
		tdx_model_set_clear(reads ? TDX_MODEL_CLEAR_READS : TDX_MODEL_CLEAR_WRITES);
		/* The list of the array stays intact. */
		tdx_model_set_output(TDX_MODEL_OUTPUT_GARBAGE);
		KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
		KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), 0);
	}
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 2 * 16 + 510);
}

/*
 * Rule: a leaf is called until it is not interrupted any more, with the same
 * operands.
 */
static void interrupted_leaves_are_resumed(struct kunit *test)
{
	struct object o;

	object_alloc(test, &o, IOMMU);
	for (unsigned int call = 1; call <= 3; call++) {
		fail(TDH_EXT_INIT, call, INTERRUPTED, 0);
		fail(TDH_IOMMU_SETUP, call, INTERRUPTED, call);
		fail(TDH_IOMMU_CLEAR, call, INTERRUPTED, 0);
	}
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 4);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_SETUP), 4);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 4);
	object_free(test, &o);

	/* Another failure is returned. */
	fail(TDH_EXT_INIT, 1, BUSY, 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), BUSY);
}

/* Rule: pages of a leaf that was interrupted and never finished are leaked. */
static void interrupted_create_without_end(struct kunit *test)
{
	struct object o;

	object_alloc(test, &o, IOMMU);
	fail(TDH_IOMMU_SETUP, 1, INTERRUPTED, 2);
	fail(TDH_IOMMU_SETUP, 2, NO_SEAMCALL, 0);
	KUNIT_EXPECT_EQ(test, object_create(&o), NO_SEAMCALL);
	expect_state(test, o.array, 0, true);
	object_free(test, &o);
	fixture_expect(test, 4, 0);
}

/* Rule: after every possible interruption, nr_held is exact to the page. */
static void interrupted_mem_add_is_exact(struct kunit *test)
{
	for (unsigned int k = 0; k < 33; k++) {
		struct tdx_pa_array *mem = fixture_alloc(test, 33);

		fail(TDH_EXT_MEM_ADD, 1, INTERRUPTED, k);
		fail(TDH_EXT_MEM_ADD, 2, NO_SEAMCALL, 0);
		KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem), NO_SEAMCALL);
		expect_state(test, mem, k, true);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), k);

		tdx_pa_array_free(mem);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 33 - k);
		KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), k);
		tdx_model_reset();
	}
}

/*
 * Rule: an interruption without progress, twice, costs two calls and no page.
 */
static void interruptions_without_progress(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);

	for (unsigned int call = 2; call <= 3; call++)
		fail(TDH_EXT_MEM_ADD, call, INTERRUPTED, 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem), 0);
	expect_state(test, mem, 600, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_MEM_ADD), 4);
	tdx_pa_array_free(mem);
	fixture_expect(test, 600, 0);
}

/*
 * Rule: memory add passes each list once, and the rest of a list after an
 * interruption.
 */
static void mem_add_calls(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);

	fail(TDH_EXT_MEM_ADD, EVERY, INTERRUPTED, 100);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_MEM_ADD), 6 + 6 + 3);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	tdx_pa_array_free(mem);
	fixture_expect(test, 1300, 0);
}

static const struct again {
	const char *name;
	u64 status;
	unsigned int after;	/* entries of the second list */
	unsigned int held;	/* pages, after the second call */
	unsigned int leaked;
} agains[] = {
	{ "failed, no page taken", BUSY, 0, 1300, 0 },
	{ "failed, some pages taken", BUSY, 100, 512, 100 },
	{ "full, no page taken", INFORMATION, 0, 1300, 0 },
	{ "full, some pages taken", INFORMATION, 100, 512, 100 },
	{ "full, the list taken", INFORMATION, ALL, 512, 512 },
	{ "no SEAMCALL", NO_SEAMCALL, 0, 1300, 0 },
};

KUNIT_ARRAY_PARAM_DESC(again, agains, name);

/*
 * Rule: a later call continues after the last page that the module reported.
 * The module rejects pages that it took without a report, and they are leaked.
 */
static void mem_add_continues(struct kunit *test)
{
	const struct again *p = test->param_value;
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);

	fail(TDH_EXT_MEM_ADD, 2, p->status, p->after);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem), p->status);
	expect_state(test, mem, 512, true);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem) & TDX_SEAMCALL_STATUS_MASK,
			p->leaked ? TDX_PAGE_METADATA_INCORRECT : 0);
	expect_state(test, mem, p->held, true);
	tdx_pa_array_free(mem);
	KUNIT_EXPECT_EQ(test, nr_messages(), 1);
	fixture_expect(test, p->held + p->leaked, 0);
}

/* Rule: of a block, only the page that cannot be flushed is leaked. */
static void failed_flush_leaks_one_page_of_a_block(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(4, 2, NUMA_NO_NODE);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), 0);
	tdx_model_fail_wbinvd((mt->entries[1] & PAGE_MASK) + 5 * PAGE_SIZE, OWNED);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 2 * 16 + 2);
	fixture_expect(test, 0, 1);
}

/* Rule: a page outside of all TDMRs cannot be flushed. */
static void other_failed_flushes(struct kunit *test)
{
	struct object o;

	object_alloc(test, &o, SPDM);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	tdx_model_set_outside(o.array->entries[5]);
	object_free(test, &o);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 6);
	fixture_expect(test, 0, 1);
}

/* An array of @nr pages that a session had */
static struct tdx_pa_array *returned_array(struct kunit *test, unsigned int nr)
{
	struct tdx_pa_array *mt = fixture_alloc(test, nr);
	u64 id;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	return mt;
}

/*
 * Rule: a flush that finds the module busy is repeated, so that another
 * SEAMCALL on the same 2 MiB costs no page.  A module that stays busy ends this
 * after 10 calls a page.
 */
static void busy_flush_is_repeated(struct kunit *test)
{
	struct tdx_pa_array *mt = returned_array(test, 512);

	tdx_model_set_busy_region(mt->entries[100], 5);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 512 + 5);

	tdx_model_reset();
	mt = returned_array(test, 512);
	for (unsigned int call = 1; call <= 512; call += 127)
		fail(TDH_PHYMEM_PAGE_WBINVD, call, BUSY, 0);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 512 + 5);
	KUNIT_EXPECT_EQ(test, nr_messages(), 0);

	tdx_model_reset();
	mt = returned_array(test, 3);
	fail(TDH_PHYMEM_PAGE_WBINVD, EVERY, BUSY, 0);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 3 * 10);
	fixture_expect(test, 0, 3);
}

/*
 * Rule: a failed delete and a failed flush each print one line, with the
 * numbers.
 */
static void messages_have_the_numbers(struct kunit *test)
{
	struct object o;

	object_alloc(test, &o, SPDM);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	fail(TDH_SPDM_DELETE, 1, BUSY, 0);
	KUNIT_EXPECT_EQ(test, object_delete(&o), BUSY);
	KUNIT_EXPECT_EQ(test, nr_messages(), 1);
	KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), "leaf 131 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), "0x8000020000000001"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), " 6 entries"));

	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	tdx_model_fail_wbinvd(o.array->entries[1], OWNED);
	tdx_model_fail_wbinvd(o.array->entries[4], OWNED);
	object_free(test, &o);
	KUNIT_EXPECT_EQ(test, nr_messages(), 2);
	KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), " 2 pages cannot"));
	fixture_expect(test, 0, 2);
}

/*
 * Rule: pages that a driver forgets stay with the module, and the log has the
 * caller.  The first array is freed without a delete.  The module took a part
 * of the second.
 */
static void forgotten_pages_are_reported(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 6), *mem = fixture_alloc(test, 600);
	u64 id;

	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, nr_messages(), 1);
	KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), " 6 entries, 0 pages"));
	if (IS_ENABLED(CONFIG_KALLSYMS))
		KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), __func__));

	fail(TDH_EXT_MEM_ADD, 2, BUSY, 7);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem), BUSY);
	tdx_pa_array_free(mem);
	KUNIT_EXPECT_EQ(test, nr_messages(), 2);
	KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), " 512 entries, 7 pages"));
	if (IS_ENABLED(CONFIG_KALLSYMS))
		KUNIT_EXPECT_NOT_NULL(test, strstr(tdx_checker_message(), __func__));
	fixture_expect(test, 6 + 512 + 7, 0);
}

/* A function of its own, because each KUNIT_EXPECT_EQ() takes stack space. */
static void expect_error(struct kunit *test, u64 status, int line)
{
	KUNIT_EXPECT_EQ_MSG(test, status, TDX_SW_ERROR, "in line %d", line);
}

#define expect_sw_error(test, call)	expect_error(test, call, __LINE__)

/* Rule: misuse returns TDX_SW_ERROR before the call and changes nothing. */
static void misuse(struct kunit *test)
{
	const struct tdx_ide_stream stream = { .info = STREAM_INFO };
	struct tdx_pa_array *large = fixture_alloc(test, 513), *large_mt;
	struct tdx_pa_array *single = fixture_alloc(test, 1);
	struct page *page = pfn_to_page(PHYS_PFN(large->entries[0]));
	u64 id, rp_ide_id, len;
	struct object o;

	large_mt = tdx_pa_array_alloc_iommu_mt(0, 511, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, large_mt);
	fixture_watch(large_mt);
	object_alloc(test, &o, SPDM);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);

	fixture_expect_warnings(true);
	expect_sw_error(test, tdh_spdm_create(FUNC_ID + 1, large, &id));
	expect_sw_error(test, tdh_ide_stream_create(&stream, o.id, large, &id, &rp_ide_id));
	expect_sw_error(test, tdh_iommu_setup(REG_BASE, large_mt, &id));
	expect_sw_error(test, tdh_spdm_connect(o.id, page, page, page, large, &len));
	expect_sw_error(test, tdh_spdm_mng(o.id, TDX_SPDM_RECOLLECT, NULL, page, page, large,
					   &len));
	expect_state(test, large, 0, false);
	expect_state(test, large_mt, 0, false);

	/* Clear copies one list into a spare page that these do not have. */
	expect_sw_error(test, tdh_iommu_clear(0, large));
	expect_sw_error(test, tdh_iommu_clear(0, single));

	/* Held pages cannot be claimed, nor shared. */
	expect_sw_error(test, tdh_spdm_create(FUNC_ID + 1, o.array, &id));
	expect_sw_error(test, tdh_ide_stream_create(&stream, o.id, o.array, &id, &rp_ide_id));
	expect_sw_error(test, tdh_iommu_setup(REG_BASE, o.array, &id));
	expect_sw_error(test, tdh_spdm_connect(o.id, page, page, page, o.array, &len));
	/*
	 * Nor are control pages memory of the extensions.  Only the first call
	 * warns.
	 */
	expect_sw_error(test, tdh_ext_mem_add(o.array));
	expect_sw_error(test, tdh_ext_mem_add(o.array));
	expect_state(test, o.array, 6, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_CREATE), 1);

	/*
	 * An object is not deleted with the array of another one, and not
	 * twice.
	 */
	expect_sw_error(test, tdh_spdm_delete(o.id, single));
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 6);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	expect_sw_error(test, object_delete(&o));
	expect_sw_error(test, tdh_iommu_clear(o.id, o.array));

	/* Pages cannot be shared that were private. */
	expect_sw_error(test, tdh_spdm_connect(o.id, page, page, page, o.array, &len));
	expect_sw_error(test, tdh_spdm_mng(o.id, TDX_SPDM_RECOLLECT, NULL, page, page, o.array,
					   &len));
	fixture_expect_warnings(false);
	KUNIT_EXPECT_TRUE(test, test_taint(TAINT_WARN));

	for (int i = 0; i < ARRAY_SIZE(create_leaf); i++)
		KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(create_leaf[i]), i == SPDM);
	for (int i = 0; i < ARRAY_SIZE(delete_leaf); i++)
		KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(delete_leaf[i]), i == SPDM);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_CONNECT), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_MNG), 0);
	object_free(test, &o);
	tdx_pa_array_free(large);
	tdx_pa_array_free(single);
	tdx_pa_array_free(large_mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 6);
}

/* The leaf of the last call, and its operands */
static u64 recorded_leaf;
static struct tdx_module_args operands;

static void record_operands(u64 leaf)
{
	recorded_leaf = leaf;
	memset(&operands, 0xa5, sizeof(operands));
	tdx_model_record(leaf, &operands);
	fail(leaf, EVERY, BUSY, 0);
}

static void expect_operands(struct kunit *test, u64 status, const struct tdx_module_args *expected)
{
	KUNIT_EXPECT_NE_MSG(test, status, 0, "leaf %llu", recorded_leaf);
	KUNIT_EXPECT_MEMEQ_MSG(test, &operands, expected, sizeof(operands), "leaf %llu",
			       recorded_leaf);
}

#define EXPECT_CALL(number, call, ...)						\
	do {									\
		const struct tdx_module_args expected = { __VA_ARGS__ };	\
										\
		record_operands(number);					\
		expect_operands(test, call, &expected);				\
	} while (0)

/*
 * Rule: each wrapper calls its leaf with the operands of the specification.
 * The numbers are spelled out.  The module rejects these calls: no object
 * exists.
 */
static void leaves_and_operands(struct kunit *test)
{
	const struct tdx_ide_stream stream = {
		.info = 1, .control = 3, .rid_assoc = { 4, 5 }, .addr_assoc = { 6, 7, 8 },
	};
	struct tdx_pa_array *mt = fixture_alloc(test, 3);
	u64 list, spare, id, rp_ide_id;

	list = virt_to_phys(mt->entries);
	spare = list + 4096;

	EXPECT_CALL(60, tdh_ext_init(), .rcx = 0);
	EXPECT_CALL(61, tdh_ext_mem_add(mt), .rcx = list | 2ULL << 55);
	EXPECT_CALL(128, tdh_iommu_setup(0xfed91001, mt, &id), .rcx = 0xfed91001, .rdx = list);
	EXPECT_CALL(130, tdh_spdm_create(0x12345, mt, &id),
		    .rcx = 0x12345, .rdx = list | 2ULL << 55);
	EXPECT_CALL(132, tdh_ide_stream_create(&stream, 2, mt, &id, &rp_ide_id),
		    .rcx = 1, .rdx = 2, .r8 = list | 2ULL << 55, .r9 = 3, .r10 = 4, .r11 = 5,
		    .r12 = 6, .r13 = 7, .r14 = 8);
	/* As if the creates had succeeded */
	mt->nr_held = 3;
	EXPECT_CALL(129, tdh_iommu_clear(77, mt), .rcx = 77, .rdx = spare);
	KUNIT_EXPECT_MEMEQ(test, phys_to_virt(spare), mt->entries, 4096);
	EXPECT_CALL(131, tdh_spdm_delete(78, mt), .rcx = 78, .rdx = spare);
	EXPECT_CALL(134, tdh_ide_stream_delete(81, 82, mt), .rcx = 81, .rdx = 82, .r8 = spare);
	mt->nr_held = 0;

	tdx_model_record(41, &operands);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(41), 3);
	KUNIT_EXPECT_EQ(test, operands.rcx & tdx_model_key(), tdx_model_key());
}

/*
 * Rule: the same for leaves that take no control pages, and their pages are not
 * flushed.
 */
static void operands_of_messages(struct kunit *test)
{
	struct tdx_pa_array *pages = fixture_alloc(test, 4);
	struct page *page[4];
	u64 pa[4], list, id;

	for (int i = 0; i < 4; i++) {
		pa[i] = pages->entries[i];
		page[i] = pfn_to_page(PHYS_PFN(pa[i]));
	}
	list = virt_to_phys(pages->entries);

	KUNIT_EXPECT_EQ(test, TDX_SPDM_REQUEST, 0xC0000F5700000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0xC0000F4500000000ULL);

	EXPECT_CALL(133, tdh_ide_stream_block(79, 80), .rcx = 79, .rdx = 80);
	EXPECT_CALL(135, tdh_ide_stream_km(83, 84, 85, page[0], page[1], &id),
		    .rcx = 83, .rdx = 84, .r8 = 85, .r9 = pa[0], .r10 = pa[1]);
	EXPECT_CALL(142, tdh_spdm_connect(86, page[0], page[1], page[2], pages, &id),
		    .rcx = 86, .rdx = pa[0], .r8 = pa[1], .r9 = pa[2], .r10 = list | 3ULL << 55);
	EXPECT_CALL(143, tdh_spdm_disconnect(87, page[0], page[1], &id),
		    .rcx = 87, .rdx = pa[0], .r8 = pa[1]);
	EXPECT_CALL(144, tdh_spdm_mng(88, TDX_SPDM_RECOLLECT, page[0], page[1], page[2], pages,
				      &id),
		    .rcx = 88, .rdx = 2, .r8 = pa[0], .r9 = pa[1], .r10 = pa[2],
		    .r11 = list | 3ULL << 55);
	EXPECT_CALL(144, tdh_spdm_mng(89, TDX_SPDM_KEY_UPDATE, NULL, page[1], page[2], NULL, &id),
		    .rcx = 89, .rdx = 1, .r8 = ~0ULL, .r9 = pa[1], .r10 = pa[2], .r11 = ~0ULL);

	tdx_pa_array_free(pages);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(41), 0);
}

#undef EXPECT_CALL

/* Rule: outputs reach the caller. */
static void outputs(struct kunit *test)
{
	const struct tdx_ide_stream stream = { .info = STREAM_INFO };
	struct tdx_pa_array *mt = fixture_alloc(test, 2);
	u64 id = ~0ULL, rp_ide_id = ~0ULL;
	struct object o;

	object_alloc(test, &o, SPDM);
	KUNIT_EXPECT_EQ(test, object_create(&o), 0);
	KUNIT_ASSERT_EQ(test, tdh_ide_stream_create(&stream, o.id, mt, &id, &rp_ide_id), 0);
	/* The model counts objects from 0. */
	KUNIT_EXPECT_EQ(test, o.id, 0);
	KUNIT_EXPECT_EQ(test, id, 1);
	KUNIT_EXPECT_EQ(test, rp_ide_id, TDX_MODEL_RP_IDE_ID);

	KUNIT_EXPECT_EQ(test, tdh_ide_stream_block(o.id, id), 0);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_delete(o.id, id, mt), 0);
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, object_delete(&o), 0);
	object_free(test, &o);
}

/*
 * Exchanges of messages
 */

/* A session, a stream, and the pages of an exchange */
struct exchange {
	struct object stream;
	struct tdx_pa_array *pages, *info;
	struct page *config, *response, *request;
};

static void exchange_begin(struct kunit *test, struct exchange *x, unsigned int nr_info)
{
	object_alloc(test, &x->stream, IDE);
	KUNIT_ASSERT_EQ(test, object_create(&x->stream), 0);
	x->pages = fixture_alloc(test, 3);
	x->info = fixture_alloc(test, nr_info);
	x->config = pfn_to_page(PHYS_PFN(x->pages->entries[0]));
	x->response = pfn_to_page(PHYS_PFN(x->pages->entries[1]));
	x->request = pfn_to_page(PHYS_PFN(x->pages->entries[2]));
}

static void exchange_end(struct kunit *test, struct exchange *x)
{
	KUNIT_EXPECT_EQ(test, object_delete(&x->stream), 0);
	object_free(test, &x->stream);
	/* Shared pages are never flushed. */
	expect_state(test, x->info, 0, false);
	tdx_pa_array_free(x->info);
	tdx_pa_array_free(x->pages);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 6 + 1);
}

static u64 exchange_call(const struct exchange *x, u64 leaf, u64 op, u64 *len)
{
	u64 session = x->stream.session;

	switch (leaf) {
	case TDH_SPDM_CONNECT:
		return tdh_spdm_connect(session, x->config, x->response, x->request, x->info, len);
	case TDH_SPDM_MNG:
		return tdh_spdm_mng(session, op, NULL, x->response, x->request,
				    op == TDX_SPDM_RECOLLECT ? x->info : NULL, len);
	case TDH_IDE_STREAM_KM:
		return tdh_ide_stream_km(session, x->stream.id, op, x->response, x->request, len);
	default:
		return tdh_spdm_disconnect(session, x->response, x->request, len);
	}
}

static const struct exchange_param {
	const char *name;
	u64 leaf;
	u64 op;
	bool returns_info;
} exchanges[] = {
	{ "connect", TDH_SPDM_CONNECT, 0, true },
	{ "heartbeat", TDH_SPDM_MNG, TDX_SPDM_HEARTBEAT, false },
	{ "key update", TDH_SPDM_MNG, TDX_SPDM_KEY_UPDATE, false },
	{ "recollect", TDH_SPDM_MNG, TDX_SPDM_RECOLLECT, true },
	{ "stream keys", TDH_IDE_STREAM_KM, 1, false },
	{ "disconnect", TDH_SPDM_DISCONNECT, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(exchange, exchanges, name);

/* Rule: messages are exchanged until the leaf succeeds, interrupted or not. */
static void messages_are_exchanged(struct kunit *test)
{
	const struct exchange_param *p = test->param_value;
	unsigned int nr_info, nr = 0;
	struct exchange x;
	u64 status, len;

	exchange_begin(test, &x, 4);
	if (p->leaf != TDH_SPDM_CONNECT)
		KUNIT_ASSERT_EQ(test, exchange_call(&x, TDH_SPDM_CONNECT, 0, &len), 0);
	tdx_model_set_rounds(3);
	fail(p->leaf, 2, INTERRUPTED, 0);
	fail(p->leaf, 6, INFORMATION, 0);
	for (;;) {
		len = 77;
		status = exchange_call(&x, p->leaf, p->op, &len);
		KUNIT_EXPECT_NE(test, len, 77);
		if (status != TDX_SPDM_REQUEST || ++nr == 100)
			break;
		tdx_model_device(page_to_phys(x.response), page_to_phys(x.request), len);
	}
	KUNIT_EXPECT_EQ(test, status, 0);
	KUNIT_EXPECT_EQ(test, nr, 3);
	nr_info = p->returns_info ? 4 : 0;
	if (p->op != TDX_SPDM_KEY_UPDATE || p->leaf != TDH_SPDM_MNG)
		KUNIT_EXPECT_EQ(test, len, nr_info * PAGE_SIZE);
	exchange_end(test, &x);
}

/*
 * Rule: the device information is read across pages, from one page up to a full
 * list.
 */
static void device_information_is_read(struct kunit *test)
{
	static const unsigned int sizes[] = { 1, 2, 512 };

	for (int s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct exchange x;
		u64 len = 0;
		u8 *blob;

		exchange_begin(test, &x, sizes[s]);
		KUNIT_ASSERT_EQ(test, exchange_call(&x, TDH_SPDM_CONNECT, 0, &len), 0);
		KUNIT_ASSERT_EQ(test, len, sizes[s] * PAGE_SIZE);
		blob = kvmalloc(len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, blob);
		KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(x.info, blob, len), 0);
		for (size_t i = 0; i < len; i++)
			KUNIT_ASSERT_EQ(test, blob[i], tdx_model_info_byte(i));
		kvfree(blob);
		exchange_end(test, &x);
		tdx_model_reset();
	}
}

/*
 * Rule: other statuses reach the caller, who updates a stale key and calls
 * again.
 */
static void other_statuses_are_returned(struct kunit *test)
{
	struct exchange x;
	u64 len;

	exchange_begin(test, &x, 4);
	fail(TDH_SPDM_CONNECT, 1, BUSY, 0);
	KUNIT_EXPECT_EQ(test, exchange_call(&x, TDH_SPDM_CONNECT, 0, &len), BUSY);
	KUNIT_EXPECT_EQ(test, exchange_call(&x, TDH_SPDM_CONNECT, 0, &len), 0);

	fail(TDH_IDE_STREAM_KM, 1, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, exchange_call(&x, TDH_IDE_STREAM_KM, 1, &len),
				TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	KUNIT_EXPECT_EQ(test, exchange_call(&x, TDH_SPDM_MNG, TDX_SPDM_KEY_UPDATE, &len), 0);
	KUNIT_EXPECT_EQ(test, exchange_call(&x, TDH_IDE_STREAM_KM, 1, &len), 0);
	exchange_end(test, &x);
}

static struct kunit_case tdh_cases[] = {
	KUNIT_CASE_PARAM(each_failure, lifetime_gen_params),
	KUNIT_CASE(repeated_setup_takes_whole_blocks),
	KUNIT_CASE_PARAM(failed_calls_can_be_repeated, kind_gen_params),
	KUNIT_CASE_PARAM(delete_ignores_output, kind_gen_params),
	KUNIT_CASE_PARAM(delete_allocates_nothing, kind_gen_params),
	KUNIT_CASE(single_control_page),
	KUNIT_CASE(iommu_clear_passes_a_list),
	KUNIT_CASE(interrupted_leaves_are_resumed),
	KUNIT_CASE(interrupted_create_without_end),
	KUNIT_CASE(interrupted_mem_add_is_exact),
	KUNIT_CASE(interruptions_without_progress),
	KUNIT_CASE(mem_add_calls),
	KUNIT_CASE_PARAM(mem_add_continues, again_gen_params),
	KUNIT_CASE(failed_flush_leaks_one_page_of_a_block),
	KUNIT_CASE(other_failed_flushes),
	KUNIT_CASE(busy_flush_is_repeated),
	KUNIT_CASE(messages_have_the_numbers),
	KUNIT_CASE(forgotten_pages_are_reported),
	KUNIT_CASE(misuse),
	KUNIT_CASE(leaves_and_operands),
	KUNIT_CASE(operands_of_messages),
	KUNIT_CASE(outputs),
	KUNIT_CASE_PARAM(messages_are_exchanged, exchange_gen_params),
	KUNIT_CASE(device_information_is_read),
	KUNIT_CASE(other_statuses_are_returned),
	{}
};

static struct kunit_suite tdh_suite = {
	.name = "tdx_tdh",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = tdh_cases,
};

kunit_test_suite(tdh_suite);

MODULE_DESCRIPTION("KUnit tests of the SEAMCALL wrappers of TDX Connect");
MODULE_LICENSE("GPL");
