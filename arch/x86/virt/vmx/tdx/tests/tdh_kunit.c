// SPDX-License-Identifier: GPL-2.0
/*
 * SEAMCALL wrappers: what each leaf does to nr_held and flush, and release in
 * every state that follows
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <asm/tdx_connect.h>

#include "../door.h"
#include "fixture.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define REG_BASE	0xfed90000

static void fail(u64 leaf, unsigned int nth, u64 status, unsigned int after)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = status, .after = after,
	});
}

static void expect_state(struct kunit *test, const struct tdx_pa_array *array,
			 unsigned int nr_held, bool flush)
{
	KUNIT_EXPECT_EQ(test, (u32)array->nr_held, nr_held);
	KUNIT_EXPECT_EQ(test, (bool)array->flush, flush);
}

static u64 create_spdm(struct kunit *test, struct tdx_pa_array *mt)
{
	u64 id = ~0ULL;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	return id;
}

static const unsigned int sizes[] = { 1, 2, 511, 512 };

static void size_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u pages", *nr);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/* Rule: held from create to delete, flushed at release, one by one. */
static void spdm_life(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *mt = fixture_alloc(test, nr);
	u64 id = create_spdm(test, mt);

	expect_state(test, mt, nr, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), nr);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	expect_state(test, mt, 0, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);

	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), nr);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_resets(), nr);
}

/* Rule: the same for a stream, which is blocked first. */
static void ide_stream_life(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *spdm_mt = fixture_alloc(test, 2);
	struct tdx_pa_array *mt = fixture_alloc(test, nr);
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 spdm_id = create_spdm(test, spdm_mt);
	u64 id, rp_ide_id;

	KUNIT_ASSERT_EQ(test, tdh_ide_stream_create(&stream, spdm_id, mt, &id, &rp_ide_id), 0);
	KUNIT_EXPECT_EQ(test, rp_ide_id, TDX_MODEL_RP_IDE_ID);
	expect_state(test, mt, nr, true);

	/* Not blocked: refused, and still held. */
	KUNIT_EXPECT_NE(test, tdh_ide_stream_delete(spdm_id, id, mt), 0);
	expect_state(test, mt, nr, true);

	KUNIT_EXPECT_EQ(test, tdh_ide_stream_block(spdm_id, id), 0);
	expect_state(test, mt, nr, true);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_delete(spdm_id, id, mt), 0);
	expect_state(test, mt, 0, true);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(spdm_id, spdm_mt), 0);
	tdx_pa_array_release(mt);
	tdx_pa_array_release(spdm_mt);
}

static const struct mt_param {
	const char *name;
	unsigned int order;
	unsigned int nr_pages;
	enum tdx_model_clear clear;
	enum tdx_model_output output;
} mt_params[] = {
	{ "single pages, list written", 0, 6 },
	{ "single pages, list read", 0, 6, TDX_MODEL_CLEAR_READS },
	{ "blocks, list written", 4, 6 },
	{ "blocks, list read", 4, 6, TDX_MODEL_CLEAR_READS },
	{ "blocks, garbage written", 4, 6, 0, TDX_MODEL_OUTPUT_GARBAGE },
	{ "full list", 2, 510 },
	{ "blocks only", 3, 0 },
};

KUNIT_ARRAY_PARAM_DESC(mt, mt_params, name);

/* Rule: every page of a block is flushed; clear is right in both readings. */
static void iommu_life(struct kunit *test)
{
	const struct mt_param *p = test->param_value;
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(p->order, p->nr_pages);
	unsigned long nr = (2UL << p->order) + p->nr_pages;
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	tdx_model_set_clear(p->clear);
	tdx_model_set_output(p->output);

	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	expect_state(test, mt, mt->nr, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), nr);

	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), 0);
	expect_state(test, mt, 0, true);

	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), nr);
}

/* Rule: an interrupted leaf is called again with its original operands. */
static void iommu_resumes_with_originals(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(1, 2);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	for (unsigned int nth = 1; nth <= 3; nth++) {
		fail(TDH_IOMMU_SETUP, nth, TDX_INTERRUPTED_RESUMABLE, 0);
		fail(TDH_IOMMU_CLEAR, nth, TDX_INTERRUPTED_RESUMABLE, 0);
	}

	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_SETUP), 4);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 4);
	tdx_pa_array_release(mt);
}

/* Rule: a module that never finishes fails the leaf, it does not hang the CPU. */
static void resume_is_bounded(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 2);
	struct tdx_pa_window w;

	fail(TDH_EXT_INIT, 0, TDX_INTERRUPTED_RESUMABLE, 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), TDX_INTERRUPTED_RESUMABLE);

	/* It has taken nothing, and said so. */
	fail(TDH_EXT_MEM_ADD, 0, TDX_INTERRUPTED_RESUMABLE, 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), TDX_INTERRUPTED_RESUMABLE);
	expect_state(test, mem, 0, true);
	tdx_pa_array_release(mem);
}

/* Rule: a failed create holds nothing, but what it touched is flushed. */
static void failed_create_is_flushed(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 5);
	u64 id;

	fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 3);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_OPERAND_BUSY);
	expect_state(test, mt, 0, true);
	KUNIT_EXPECT_TRUE(test, tdx_model_dirty(mt->entries[2]));

	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 5);
}

static void failed_ide_create_is_flushed(struct kunit *test)
{
	struct tdx_pa_array *spdm_mt = fixture_alloc(test, 1);
	struct tdx_pa_array *mt = fixture_alloc(test, 5);
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 spdm_id = create_spdm(test, spdm_mt);
	u64 id, rp_ide_id;

	fail(TDH_IDE_STREAM_CREATE, 1, TDX_OPERAND_BUSY, 5);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_create(&stream, spdm_id, mt, &id, &rp_ide_id),
			TDX_OPERAND_BUSY);
	expect_state(test, mt, 0, true);
	tdx_pa_array_release(mt);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(spdm_id, spdm_mt), 0);
	tdx_pa_array_release(spdm_mt);
}

static void failed_iommu_setup_is_flushed(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(3, 2);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	fail(TDH_IOMMU_SETUP, 1, TDX_OPERAND_INVALID, 2);
	KUNIT_EXPECT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), TDX_OPERAND_INVALID);
	expect_state(test, mt, 0, true);
	tdx_pa_array_release(mt);
}

/* Rule: a failed create may be tried again with the same array. */
static void create_after_failed_create(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 5);
	u64 id;

	fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 2);
	KUNIT_EXPECT_NE(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	expect_state(test, mt, 5, true);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);
}

/* Rule: after a failed delete the module keeps the pages, and they are counted. */
static void failed_delete_strands(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *mt = fixture_alloc(test, nr);
	unsigned long before = tdx_pa_array_nr_stranded();
	u64 id = create_spdm(test, mt);

	fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), TDX_OPERAND_BUSY);
	expect_state(test, mt, nr, true);

	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, nr);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 0);
	fixture_expect(test, nr, 0);
}

/* Rule: the same for pages that were once offered for good, and not taken. */
static void failed_delete_after_untaken_memory(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 5);
	unsigned long before = tdx_pa_array_nr_stranded();
	struct tdx_pa_window w;
	u64 id;

	fail(TDH_EXT_MEM_ADD, 1, TDX_SEAMCALL_UD, 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mt, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mt, &w), TDX_SEAMCALL_UD);

	id = create_spdm(test, mt);
	fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), TDX_OPERAND_BUSY);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 5);
	fixture_expect(test, 5, 0);
}

static void failed_iommu_clear_strands(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(3, 2);
	unsigned long before = tdx_pa_array_nr_stranded();
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	fail(TDH_IOMMU_CLEAR, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), TDX_OPERAND_BUSY);
	expect_state(test, mt, mt->nr, true);

	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 2 * 8 + 2);
	fixture_expect(test, 2 * 8 + 2, 0);
}

/* Rule: a delete that failed may be tried again. */
static void delete_after_failed_delete(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 5);
	u64 id = create_spdm(test, mt);

	fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_NE(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	expect_state(test, mt, 0, true);
	tdx_pa_array_release(mt);
}

/* Rule: entries are the only record, so what the module writes is of no effect. */
static void delete_ignores_garbage(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 100);
	u64 id = create_spdm(test, mt);

	tdx_model_set_output(TDX_MODEL_OUTPUT_GARBAGE);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 100);
}

/*
 * Rule: what a delete needs beside the pages is freed.  Rounds leak a page each, if
 * any; others on this machine may take a few.
 */
static void delete_leaves_nothing(struct kunit *test)
{
	struct tdx_pa_array *spdm_mt, *list, *mt;
	u64 spdm_id, id, rp_ide_id;
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	const unsigned int rounds = 64;
	unsigned long before;

	if (!fixture_counts_are_exact())
		kunit_skip(test, "KASAN and kmemleak allocate, too");

	spdm_mt = fixture_alloc(test, 1);
	spdm_id = create_spdm(test, spdm_mt);
	list = fixture_alloc(test, 8);
	mt = tdx_pa_array_alloc_iommu_mt(0, 0);
	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);

	before = tdx_judge_nr_free_pages();
	for (unsigned int i = 0; i < rounds; i++) {
		KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
		KUNIT_ASSERT_EQ(test, tdh_iommu_clear(id, mt), 0);
	}
	KUNIT_EXPECT_LT_MSG(test, before, tdx_judge_nr_free_pages() + rounds / 2, "IOMMU");

	before = tdx_judge_nr_free_pages();
	for (unsigned int i = 0; i < rounds; i++) {
		KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID + 1, list, &id), 0);
		KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, list), 0);
	}
	KUNIT_EXPECT_LT_MSG(test, before, tdx_judge_nr_free_pages() + rounds / 2, "SPDM");

	before = tdx_judge_nr_free_pages();
	for (unsigned int i = 0; i < rounds; i++) {
		KUNIT_ASSERT_EQ(test, tdh_ide_stream_create(&stream, spdm_id, list, &id,
							    &rp_ide_id), 0);
		KUNIT_ASSERT_EQ(test, tdh_ide_stream_block(spdm_id, id), 0);
		KUNIT_ASSERT_EQ(test, tdh_ide_stream_delete(spdm_id, id, list), 0);
	}
	KUNIT_EXPECT_LT_MSG(test, before, tdx_judge_nr_free_pages() + rounds / 2, "IDE");

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(spdm_id, spdm_mt), 0);
	tdx_pa_array_release(spdm_mt);
	tdx_pa_array_release(list);
	tdx_pa_array_release(mt);
}

/* Rule: a delete does not fail for want of memory. */
static void delete_survives_failing_allocation(struct kunit *test)
{
	struct tdx_pa_array *mt;
	u64 id;

	if (!fixture_fail_nth_allocation(0))
		kunit_skip(test, "needs CONFIG_FAULT_INJECTION");

	mt = fixture_alloc(test, 100);
	id = create_spdm(test, mt);
	fixture_fail_nth_allocation(1);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	fixture_fail_nth_allocation(0);
	tdx_pa_array_release(mt);
}

static const struct bad_flush {
	const char *name;
	unsigned int nr;
	unsigned int bad[4];
	unsigned int nr_bad;
} bad_flushes[] = {
	{ "only page", 1, { 0 }, 1 },
	{ "first page", 512, { 0 }, 1 },
	{ "middle page", 512, { 200 }, 1 },
	{ "last page", 512, { 511 }, 1 },
	{ "neighbours", 512, { 7, 8, 9 }, 3 },
	{ "several blocks", 511, { 0, 255, 256, 510 }, 4 },
	{ "all pages", 3, { 0, 1, 2 }, 3 },
};

KUNIT_ARRAY_PARAM_DESC(bad_flush, bad_flushes, name);

/* Rule: a page that cannot be flushed stays out of use, all others come back. */
static void failed_flush_strands_that_page(struct kunit *test)
{
	const struct bad_flush *p = test->param_value;
	struct tdx_pa_array *mt = fixture_alloc(test, p->nr);
	unsigned long before = tdx_pa_array_nr_stranded();
	u64 id = create_spdm(test, mt);

	for (unsigned int i = 0; i < p->nr_bad; i++)
		tdx_model_fail_wbinvd(mt->entries[p->bad[i]], TDX_OPERAND_BUSY);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);

	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, p->nr_bad);
	/* Every page is tried exactly once, and reset after its flush or not at all. */
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), p->nr);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_resets(), p->nr - p->nr_bad);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_early_resets(), 0);
	fixture_expect(test, 0, p->nr_bad);
}

/* Rule: of a block, only the page that cannot be flushed is lost. */
static void failed_flush_strands_one_page_of_a_block(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(4, 2);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdx_model_set_iommu_entries(mt->nr);
	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), 0);

	tdx_model_fail_wbinvd((mt->entries[1] & PAGE_MASK) + 5 * PAGE_SIZE, TDX_OPERAND_BUSY);
	tdx_pa_array_release(mt);
	fixture_expect(test, 0, 1);
}

static unsigned long nr_messages(void)
{
	struct tdx_verdict verdict;

	tdx_judge_look(&verdict);
	return verdict.messages;
}

/* Rule: what is stranded makes one line in the log, however much it is. */
static void release_warns_once(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 100);
	u64 id = create_spdm(test, mt);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ_MSG(test, nr_messages(), 0, "nothing is stranded");

	mt = fixture_alloc(test, 100);
	id = create_spdm(test, mt);
	fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_NE(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ_MSG(test, nr_messages(), 1, "held control pages");

	mt = fixture_alloc(test, 100);
	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID + 1, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	for (int i = 0; i < 100; i += 10)
		tdx_model_fail_wbinvd(mt->entries[i], TDX_OPERAND_BUSY);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ_MSG(test, nr_messages(), 2, "pages that cannot be flushed");
	fixture_expect(test, 100, 10);
}

/* Rule: donated memory stays, silently; what was never offered comes back. */
static void donated_memory_stays(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);
	unsigned long before = tdx_pa_array_nr_stranded();
	struct tdx_pa_window w;

	for_each_tdx_pa_window(&w, mem) {
		expect_state(test, mem, w.first, w.first != 0);
		KUNIT_ASSERT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
		expect_state(test, mem, w.first + w.nr, true);
	}
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 1300);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);

	tdx_pa_array_release(mem);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded(), before);
	KUNIT_EXPECT_EQ(test, nr_messages(), 0);
	fixture_expect(test, 1300, 0);
}

/* Rule: no delete gives back what was donated. */
static void donated_memory_is_not_given_back(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 4);
	struct tdx_pa_window w;

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_ASSERT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(0, mem), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_DELETE), 0);
	expect_state(test, mem, 4, true);
	tdx_pa_array_release(mem);
	fixture_expect(test, 4, 0);
}

static void donated_in_part(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);
	struct tdx_pa_window w;

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_ASSERT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	tdx_pa_array_release(mem);
	fixture_expect(test, 512, 0);
}

static const unsigned int steps[] = { 1, 7, 100, 256, 511 };

static void step_desc(const unsigned int *k, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "every %u entries", *k);
}

KUNIT_ARRAY_PARAM(step, steps, step_desc);

/* Rule: an interrupted add goes on where the module stopped. */
static void mem_add_resumes(struct kunit *test)
{
	unsigned int step = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);
	unsigned long calls = 0;
	struct tdx_pa_window w;

	fail(TDH_EXT_MEM_ADD, 0, TDX_INTERRUPTED_RESUMABLE, step);
	for_each_tdx_pa_window(&w, mem) {
		KUNIT_ASSERT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
		KUNIT_EXPECT_EQ(test, (u32)mem->nr_held, w.first + w.nr);
		calls += DIV_ROUND_UP(w.nr, step);
	}
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 1300);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_MEM_ADD), calls);

	tdx_pa_array_release(mem);
	fixture_expect(test, 1300, 0);
}

/* Rule: after every possible interruption, held is exact to the page. */
static void interrupted_mem_add_is_exact(struct kunit *test)
{
	unsigned long total = 0;
	unsigned int k;

	for (k = 0; k <= 33; k++) {
		struct tdx_pa_array *mem = fixture_alloc(test, 33);
		struct tdx_pa_window w;
		u64 status;

		/* Interrupted after k, then SEAMCALL itself fails. */
		tdx_model_reset();
		fixture_watch(mem);
		fail(TDH_EXT_MEM_ADD, 1, TDX_INTERRUPTED_RESUMABLE, k);
		fail(TDH_EXT_MEM_ADD, 2, TDX_SEAMCALL_UD, 0);

		KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
		status = tdh_ext_mem_add(mem, &w);
		KUNIT_EXPECT_EQ(test, status, k < 33 ? TDX_INTERRUPTED_RESUMABLE : 0);
		expect_state(test, mem, k, true);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), k);

		tdx_pa_array_release(mem);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 33 - k);
		total += tdx_model_reclaim();
	}
	KUNIT_EXPECT_EQ(test, total, 33 * 34 / 2);
}

/* Rule: the same in a later window, whose entries follow those of the first. */
static void interrupted_mem_add_counts_from_its_window(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);
	struct tdx_pa_window w;

	fail(TDH_EXT_MEM_ADD, 2, TDX_INTERRUPTED_RESUMABLE, 100);
	fail(TDH_EXT_MEM_ADD, 3, TDX_SEAMCALL_UD, 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 1, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), TDX_INTERRUPTED_RESUMABLE);
	expect_state(test, mem, 612, true);

	tdx_pa_array_release(mem);
	fixture_expect(test, 612, 0);
}

/* Rule: what a failed add has taken without a word is found out at release. */
static void failed_mem_add_is_found_out(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);
	unsigned long before = tdx_pa_array_nr_stranded();
	struct tdx_pa_window w;

	fail(TDH_EXT_MEM_ADD, 2, TDX_OPERAND_BUSY, 100);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 1, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), TDX_OPERAND_BUSY);
	expect_state(test, mem, 512, true);

	/* All but the first window are asked for, 100 are refused. */
	tdx_pa_array_release(mem);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 788);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 100);
	fixture_expect(test, 612, 0);
}

/* Rule: a window of which nothing was taken may be tried again. */
static void failed_mem_add_may_be_repeated(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 600);
	struct tdx_pa_window w;

	fail(TDH_EXT_MEM_ADD, 1, TDX_OPERAND_BUSY, 0);
	fail(TDH_EXT_MEM_ADD, 3, TDX_OPERAND_BUSY, 0);
	for_each_tdx_pa_window(&w, mem) {
		KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), TDX_OPERAND_BUSY);
		expect_state(test, mem, w.first, true);
		KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
		expect_state(test, mem, w.first + w.nr, true);
	}

	tdx_pa_array_release(mem);
	fixture_expect(test, 600, 0);
}

/* A leaf that takes pages, through its wrapper; and what goes before it. */
static u64 take(struct tdx_pa_array *array, u64 leaf, u64 spdm_id)
{
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	struct tdx_pa_window w;
	u64 id, rp_ide_id;

	switch (leaf) {
	case TDH_SPDM_CREATE:
		return tdh_spdm_create(FUNC_ID + 1, array, &id);
	case TDH_IDE_STREAM_CREATE:
		return tdh_ide_stream_create(&stream, spdm_id, array, &id, &rp_ide_id);
	case TDH_IOMMU_SETUP:
		return tdh_iommu_setup(REG_BASE, array, &id);
	default:
		tdx_pa_array_window(array, array->nr_held / TDX_PA_WINDOW_MAX, &w);
		return tdh_ext_mem_add(array, &w);
	}
}

static struct tdx_pa_array *array_to_take(struct kunit *test, u64 leaf)
{
	struct tdx_pa_array *array = leaf == TDH_IOMMU_SETUP ?
				     tdx_pa_array_alloc_iommu_mt(1, 4) :
				     tdx_pa_array_alloc(6);

	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	tdx_model_set_iommu_entries(6);
	return array;
}

static const struct taking_leaf {
	const char *name;
	u64 leaf;
} taking_leaves[] = {
	{ "EXT.MEM.ADD", TDH_EXT_MEM_ADD },
	{ "IOMMU.SETUP", TDH_IOMMU_SETUP },
	{ "SPDM.CREATE", TDH_SPDM_CREATE },
	{ "IDE.STREAM.CREATE", TDH_IDE_STREAM_CREATE },
};

KUNIT_ARRAY_PARAM_DESC(taking_leaf, taking_leaves, name);

/* Rule: a module that was not entered has seen nothing, so nothing is flushed. */
static void not_entered_leaves_no_mark(struct kunit *test)
{
	const struct taking_leaf *p = test->param_value;
	struct tdx_pa_array *array = array_to_take(test, p->leaf);

	fail(p->leaf, 1, TDX_SEAMCALL_UD, 0);
	KUNIT_EXPECT_EQ(test, take(array, p->leaf, 0), TDX_SEAMCALL_UD);
	expect_state(test, array, 0, false);

	tdx_pa_array_release(array);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 0);
}

/* Rule: but a mark from before stays. */
static void not_entered_keeps_an_older_mark(struct kunit *test)
{
	const struct taking_leaf *p = test->param_value;
	struct tdx_pa_array *spdm_mt = fixture_alloc(test, 1);
	u64 spdm_id = create_spdm(test, spdm_mt);
	struct tdx_pa_array *array = array_to_take(test, p->leaf);

	fail(p->leaf, 1, TDX_OPERAND_BUSY, 0);
	fail(p->leaf, 2, TDX_SEAMCALL_UD, 0);
	KUNIT_EXPECT_NE(test, take(array, p->leaf, spdm_id), 0);
	expect_state(test, array, 0, true);
	KUNIT_EXPECT_EQ(test, take(array, p->leaf, spdm_id), TDX_SEAMCALL_UD);
	expect_state(test, array, 0, true);

	tdx_pa_array_release(array);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(spdm_id, spdm_mt), 0);
	tdx_pa_array_release(spdm_mt);
}

static const struct taking_leaf resumable_leaves[] = {
	{ "EXT.MEM.ADD", TDH_EXT_MEM_ADD },
	{ "IOMMU.SETUP", TDH_IOMMU_SETUP },
};

KUNIT_ARRAY_PARAM_DESC(resumable_leaf, resumable_leaves, name);

/*
 * Rule: an interruption that could not be resumed is the module's last word, and
 * what it has taken by then stays with it.
 */
static void not_entered_again_keeps_the_mark(struct kunit *test)
{
	const struct taking_leaf *p = test->param_value;
	struct tdx_pa_array *array = array_to_take(test, p->leaf);
	unsigned long nr;

	fail(p->leaf, 1, TDX_INTERRUPTED_RESUMABLE, 2);
	fail(p->leaf, 2, TDX_SEAMCALL_UD, 0);
	KUNIT_EXPECT_EQ(test, take(array, p->leaf, 0), TDX_INTERRUPTED_RESUMABLE);
	KUNIT_EXPECT_TRUE(test, array->flush);
	nr = tdx_model_nr_owned();
	KUNIT_EXPECT_EQ(test, nr, p->leaf == TDH_IOMMU_SETUP ? 4 : 2);

	tdx_pa_array_release(array);
	fixture_expect(test, nr, 0);
}

/* Rule: if a module keeps pages of a failed create, so does release. */
static void failed_create_that_kept_pages(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	unsigned long before = tdx_pa_array_nr_stranded();
	u64 id;

	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = TDH_SPDM_CREATE, .nth = 1, .status = TDX_OPERAND_BUSY,
		.after = 3, .keep = true,
	});
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_OPERAND_BUSY);
	expect_state(test, mt, 0, true);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 3);
	fixture_expect(test, 3, 0);
}

static const struct taking_leaf giving_leaves[] = {
	{ "SPDM.DELETE", TDH_SPDM_DELETE },
	{ "IDE.STREAM.DELETE", TDH_IDE_STREAM_DELETE },
	{ "IOMMU.CLEAR", TDH_IOMMU_CLEAR },
};

KUNIT_ARRAY_PARAM_DESC(giving_leaf, giving_leaves, name);

static void take_and_give_back(struct kunit *test, struct tdx_pa_array *array, u64 leaf,
			       u64 spdm_id)
{
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 id, rp_ide_id;

	switch (leaf) {
	case TDH_SPDM_DELETE:
		KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID + 1, array, &id), 0);
		KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, array), 0);
		break;
	case TDH_IDE_STREAM_DELETE:
		KUNIT_ASSERT_EQ(test, tdh_ide_stream_create(&stream, spdm_id, array, &id,
							    &rp_ide_id), 0);
		KUNIT_ASSERT_EQ(test, tdh_ide_stream_block(spdm_id, id), 0);
		KUNIT_EXPECT_EQ(test, tdh_ide_stream_delete(spdm_id, id, array), 0);
		break;
	default:
		KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, array, &id), 0);
		KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, array), 0);
	}
}

/*
 * Rule: if a delete succeeds and the module keeps pages all the same, it refuses to
 * flush them; so they stay out of use, and the others come back.
 */
static void kept_by_a_delete_is_found_out(struct kunit *test)
{
	const struct taking_leaf *p = test->param_value;
	struct tdx_pa_array *spdm_mt = fixture_alloc(test, 1);
	u64 spdm_id = create_spdm(test, spdm_mt);
	bool is_iommu = p->leaf == TDH_IOMMU_CLEAR;
	struct tdx_pa_array *array = array_to_take(test, is_iommu ? TDH_IOMMU_SETUP : p->leaf);
	unsigned long before = tdx_pa_array_nr_stranded();
	/* Two of the entries may be blocks of two. */
	unsigned long nr = is_iommu ? 8 : 6;

	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = p->leaf, .nth = 1, .after = 3, .keep = true,
	});
	take_and_give_back(test, array, p->leaf, spdm_id);
	expect_state(test, array, 0, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 3 + 1);

	tdx_pa_array_release(array);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), nr);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_resets(), nr - 3);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 3);
	KUNIT_EXPECT_EQ(test, nr_messages(), 1);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(spdm_id, spdm_mt), 0);
	tdx_pa_array_release(spdm_mt);
	fixture_expect(test, 3, 0);
}

/* Rule: windows are donated in order, each once, and only the array's own. */
static void mem_add_refuses_other_windows(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 1300);
	struct tdx_pa_array *other = fixture_alloc(test, 1300);
	struct tdx_pa_window w0, w1, w_other;

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w0), 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 1, &w1), 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(other, 0, &w_other), 0);

	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w1), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w_other), TDX_WRAPPER_REFUSED);
	expect_state(test, mem, 0, false);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w0), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w0), TDX_WRAPPER_REFUSED);
	expect_state(test, mem, 512, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_MEM_ADD), 1);

	tdx_pa_array_release(other);
	tdx_pa_array_release(mem);
	fixture_expect(test, 512, 0);
}

/* Rule: an array that is held as a whole has no next window, whatever lies behind it. */
static void mem_add_refuses_what_lies_behind(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 512);
	struct tdx_pa_array *other = fixture_alloc(test, 512);
	struct tdx_pa_window w, behind;

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(other, 0, &behind), 0);
	/* As if the entries of the two were neighbours. */
	behind.entries = mem->entries + mem->nr;

	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &behind), TDX_WRAPPER_REFUSED);
	expect_state(test, mem, 512, true);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_MEM_ADD), 1);

	tdx_pa_array_release(other);
	tdx_pa_array_release(mem);
	fixture_expect(test, 512, 0);
}

/*
 * Rule: what one list page cannot hold is refused before the module is entered.  (No
 * IOMMU_MT list is that long.)
 */
static void wrappers_refuse_large_arrays(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 513);
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 id = 1, rp_ide_id, len;

	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_create(&stream, 0, mt, &id, &rp_ide_id),
			TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_spdm_connect(0, 0, 0, 0, mt, &len), TDX_WRAPPER_REFUSED);
	expect_state(test, mt, 0, false);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_CREATE), 0);

	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 0);
}

/* Rule: a list of one format is not handed over as another. */
static void wrappers_refuse_the_other_format(struct kunit *test)
{
	struct tdx_pa_array *list = fixture_alloc(test, 2);
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(0, 0);
	struct tdx_pa_window w;
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_iommu_setup(REG_BASE, list, &id), TDX_WRAPPER_REFUSED);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mt, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mt, &w), TDX_WRAPPER_REFUSED);
	expect_state(test, mt, 0, false);
	expect_state(test, list, 0, false);

	/* Nor taken back as another. */
	KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), TDX_WRAPPER_REFUSED);
	expect_state(test, mt, 2, true);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, mt), 0);
	id = create_spdm(test, list);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(id, list), TDX_WRAPPER_REFUSED);
	expect_state(test, list, 2, true);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, list), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_DELETE), 1);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 1);

	tdx_pa_array_release(list);
	tdx_pa_array_release(mt);
}

/* Rule: pages are not claimed twice, and not given back unless held. */
static void wrappers_refuse_the_wrong_state(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 2);
	struct tdx_pa_window w;
	u64 id, id2, len;

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(0, mt), TDX_WRAPPER_REFUSED);
	id = create_spdm(test, mt);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID + 1, mt, &id2), TDX_WRAPPER_REFUSED);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mt, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mt, &w), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_spdm_connect(id, 0, 0, 0, mt, &len), TDX_WRAPPER_REFUSED);
	expect_state(test, mt, 2, true);
	KUNIT_EXPECT_FALSE(test, mt->donated);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_delete(id, 0, mt), TDX_WRAPPER_REFUSED);
	tdx_pa_array_release(mt);

	mt = tdx_pa_array_alloc_iommu_mt(1, 2);
	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	KUNIT_EXPECT_EQ(test, tdh_iommu_clear(0, mt), TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 0);
	tdx_pa_array_release(mt);
}

/* Rule: cleanup is always safe, whatever state the array was left in. */
static void cleanup_releases(struct kunit *test)
{
	{
		struct tdx_pa_array *mt __free(tdx_pa_array) = fixture_alloc(test, 3);
		u64 id = create_spdm(test, mt);

		KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	}
	{
		struct tdx_pa_array *mt __free(tdx_pa_array) = fixture_alloc(test, 4);

		create_spdm(test, mt);
	}
	{
		struct tdx_pa_array *mt __free(tdx_pa_array) = tdx_pa_array_alloc(0);

		KUNIT_EXPECT_NULL(test, mt);
	}
	fixture_expect(test, 4, 0);
}

/* Rule: a shared buffer is filled, read across pages, and never flushed. */
static void connect_fills_a_shared_buffer(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *mt = fixture_alloc(test, 1);
	struct tdx_pa_array *info = fixture_alloc(test, nr);
	struct tdx_pa_array *shared = fixture_alloc(test, 3);
	u64 id = create_spdm(test, mt), len = 0;
	u8 *blob;

	fail(TDH_SPDM_CONNECT, 1, TDX_INTERRUPTED_RESUMABLE, 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_connect(id, shared->entries[0], shared->entries[1],
					       shared->entries[2], info, &len), 0);
	expect_state(test, info, 0, false);
	KUNIT_ASSERT_EQ(test, len, nr * PAGE_SIZE);

	blob = kvmalloc(len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, blob);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(info, blob, 0, len), 0);
	for (size_t i = 0; i < len; i++)
		KUNIT_ASSERT_EQ(test, blob[i], tdx_model_info_byte(i));
	kvfree(blob);

	tdx_pa_array_release(info);
	tdx_pa_array_release(shared);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 0);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);
}

/* A session, and what is needed to talk to its device. */
struct talk {
	struct tdx_pa_array *mt, *shared, *info;
	phys_addr_t config, response, request;
	u64 id;
};

static void talk_begin(struct kunit *test, struct talk *t)
{
	t->mt = fixture_alloc(test, 1);
	t->shared = fixture_alloc(test, 3);
	t->info = fixture_alloc(test, 4);
	t->config = t->shared->entries[0];
	t->response = t->shared->entries[1];
	t->request = t->shared->entries[2];
	t->id = create_spdm(test, t->mt);
}

static void talk_end(struct kunit *test, struct talk *t)
{
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(t->id, t->mt), 0);
	tdx_pa_array_release(t->mt);
	expect_state(test, t->info, 0, false);
	tdx_pa_array_release(t->info);
	tdx_pa_array_release(t->shared);
}

static u64 class(u64 status)
{
	return status & TDX_SEAMCALL_STATUS_MASK;
}

/*
 * Call @leaf until it is done, with the device answering.  Expect a length with
 * each message; return the number of messages, and the length at the end.
 */
static unsigned int talk(struct kunit *test, const struct talk *t, u64 leaf, u64 detail,
			 u64 *len)
{
	unsigned int nr;

	for (nr = 0; nr < 100; nr++) {
		u64 status;

		*len = 77;
		if (leaf == TDH_SPDM_CONNECT)
			status = tdh_spdm_connect(t->id, t->config, t->response, t->request,
						  t->info, len);
		else if (leaf == TDH_SPDM_MNG)
			status = tdh_spdm_mng(t->id, detail, TDX_NO_OPERAND, t->response,
					      t->request,
					      detail == TDX_SPDM_RECOLLECT ? t->info : NULL, len);
		else if (leaf == TDH_IDE_STREAM_KM)
			status = tdh_ide_stream_km(t->id, detail, 1, t->response, t->request, len);
		else
			status = tdh_spdm_disconnect(t->id, t->response, t->request, len);

		KUNIT_EXPECT_NE(test, *len, 77);
		if (class(status) != TDX_SPDM_REQUEST) {
			KUNIT_EXPECT_EQ(test, status, 0);
			break;
		}
		tdx_model_device(t->response, t->request, *len);
	}

	return nr;
}

/* Rule: messages go to and fro until a leaf is done, interrupted or not. */
static void messages_are_exchanged(struct kunit *test)
{
	struct tdx_pa_array *ide_mt = fixture_alloc(test, 2);
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 len = 0, ide_id, rp_ide_id;
	struct talk t;

	talk_begin(test, &t);
	KUNIT_ASSERT_EQ(test, tdh_ide_stream_create(&stream, t.id, ide_mt, &ide_id,
						    &rp_ide_id), 0);
	tdx_model_set_rounds(3);
	fail(TDH_SPDM_CONNECT, 2, TDX_INTERRUPTED_RESUMABLE, 0);
	fail(TDH_SPDM_MNG, 1, TDX_INTERRUPTED_RESUMABLE, 0);
	fail(TDH_IDE_STREAM_KM, 4, TDX_INTERRUPTED_RESUMABLE, 0);
	fail(TDH_SPDM_DISCONNECT, 3, TDX_INTERRUPTED_RESUMABLE, 0);

	KUNIT_EXPECT_EQ(test, talk(test, &t, TDH_SPDM_CONNECT, 0, &len), 3);
	KUNIT_EXPECT_EQ(test, len, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, talk(test, &t, TDH_SPDM_MNG, TDX_SPDM_HEARTBEAT, &len), 3);
	KUNIT_EXPECT_EQ(test, len, 0);
	KUNIT_EXPECT_EQ(test, talk(test, &t, TDH_SPDM_MNG, TDX_SPDM_RECOLLECT, &len), 3);
	KUNIT_EXPECT_EQ(test, len, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, talk(test, &t, TDH_IDE_STREAM_KM, ide_id, &len), 3);
	KUNIT_EXPECT_EQ(test, talk(test, &t, TDH_SPDM_DISCONNECT, 0, &len), 3);

	KUNIT_EXPECT_EQ(test, tdh_ide_stream_block(t.id, ide_id), 0);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_delete(t.id, ide_id, ide_mt), 0);
	tdx_pa_array_release(ide_mt);
	talk_end(test, &t);
}

/* Rule: a length is told with a message and at the end, not with a failure. */
static void failed_exchange_tells_no_length(struct kunit *test)
{
	u64 len = 77;
	struct talk t;

	talk_begin(test, &t);
	fail(TDH_SPDM_CONNECT, 1, TDX_OPERAND_BUSY, 0);
	fail(TDH_SPDM_CONNECT, 2, TDX_SPDM_REQUEST, 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_connect(t.id, t.config, t.response, t.request, t.info,
					       &len), TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, len, 77);
	KUNIT_EXPECT_EQ(test, tdh_spdm_connect(t.id, t.config, t.response, t.request, t.info,
					       &len), TDX_SPDM_REQUEST);
	KUNIT_EXPECT_NE(test, len, 77);
	talk_end(test, &t);
}

/* Rule: a worn out key is told to the caller, who updates it and goes on. */
static void key_refresh_is_passed_on(struct kunit *test)
{
	struct tdx_pa_array *ide_mt = fixture_alloc(test, 2);
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 len = 0, ide_id, rp_ide_id;
	struct talk t;

	talk_begin(test, &t);
	KUNIT_ASSERT_EQ(test, tdh_ide_stream_create(&stream, t.id, ide_mt, &ide_id,
						    &rp_ide_id), 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_connect(t.id, t.config, t.response, t.request, t.info,
					       &len), 0);

	fail(TDH_IDE_STREAM_KM, 1, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, tdh_ide_stream_km(t.id, ide_id, 1, t.response, t.request,
							&len),
				TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	KUNIT_EXPECT_EQ(test, tdh_spdm_mng(t.id, TDX_SPDM_KEY_UPDATE, TDX_NO_OPERAND,
					   t.response, t.request, NULL, &len), 0);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_km(t.id, ide_id, 1, t.response, t.request, &len),
			0);

	KUNIT_EXPECT_EQ(test, tdh_ide_stream_block(t.id, ide_id), 0);
	KUNIT_EXPECT_EQ(test, tdh_ide_stream_delete(t.id, ide_id, ide_mt), 0);
	tdx_pa_array_release(ide_mt);
	talk_end(test, &t);
}

/* Rule: what was private, or does not fit one list page, is no shared buffer. */
static void mng_refuses_private_and_large_buffers(struct kunit *test)
{
	struct tdx_pa_array *large = fixture_alloc(test, 513);
	u64 len = 0;
	struct talk t;

	talk_begin(test, &t);
	KUNIT_EXPECT_EQ(test, tdh_spdm_mng(t.id, TDX_SPDM_RECOLLECT, TDX_NO_OPERAND,
					   t.response, t.request, large, &len),
			TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdh_spdm_mng(t.id, TDX_SPDM_RECOLLECT, TDX_NO_OPERAND,
					   t.response, t.request, t.mt, &len),
			TDX_WRAPPER_REFUSED);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_MNG), 0);
	tdx_pa_array_release(large);
	talk_end(test, &t);
}

static struct kunit_case tdh_cases[] = {
	KUNIT_CASE_PARAM(spdm_life, size_gen_params),
	KUNIT_CASE_PARAM(ide_stream_life, size_gen_params),
	KUNIT_CASE_PARAM(iommu_life, mt_gen_params),
	KUNIT_CASE(iommu_resumes_with_originals),
	KUNIT_CASE(resume_is_bounded),
	KUNIT_CASE(failed_create_is_flushed),
	KUNIT_CASE(failed_ide_create_is_flushed),
	KUNIT_CASE(failed_iommu_setup_is_flushed),
	KUNIT_CASE(create_after_failed_create),
	KUNIT_CASE_PARAM(failed_delete_strands, size_gen_params),
	KUNIT_CASE(failed_delete_after_untaken_memory),
	KUNIT_CASE(failed_iommu_clear_strands),
	KUNIT_CASE(delete_after_failed_delete),
	KUNIT_CASE(delete_ignores_garbage),
	KUNIT_CASE(delete_leaves_nothing),
	KUNIT_CASE(delete_survives_failing_allocation),
	KUNIT_CASE_PARAM(failed_flush_strands_that_page, bad_flush_gen_params),
	KUNIT_CASE(failed_flush_strands_one_page_of_a_block),
	KUNIT_CASE(release_warns_once),
	KUNIT_CASE(donated_memory_stays),
	KUNIT_CASE(donated_memory_is_not_given_back),
	KUNIT_CASE(donated_in_part),
	KUNIT_CASE_PARAM(mem_add_resumes, step_gen_params),
	KUNIT_CASE(interrupted_mem_add_is_exact),
	KUNIT_CASE(interrupted_mem_add_counts_from_its_window),
	KUNIT_CASE(failed_mem_add_is_found_out),
	KUNIT_CASE(failed_mem_add_may_be_repeated),
	KUNIT_CASE_PARAM(not_entered_leaves_no_mark, taking_leaf_gen_params),
	KUNIT_CASE_PARAM(not_entered_keeps_an_older_mark, taking_leaf_gen_params),
	KUNIT_CASE_PARAM(not_entered_again_keeps_the_mark, resumable_leaf_gen_params),
	KUNIT_CASE(failed_create_that_kept_pages),
	KUNIT_CASE_PARAM(kept_by_a_delete_is_found_out, giving_leaf_gen_params),
	KUNIT_CASE(mem_add_refuses_other_windows),
	KUNIT_CASE(mem_add_refuses_what_lies_behind),
	KUNIT_CASE(wrappers_refuse_large_arrays),
	KUNIT_CASE(wrappers_refuse_the_other_format),
	KUNIT_CASE(wrappers_refuse_the_wrong_state),
	KUNIT_CASE(cleanup_releases),
	KUNIT_CASE_PARAM(connect_fills_a_shared_buffer, size_gen_params),
	KUNIT_CASE(messages_are_exchanged),
	KUNIT_CASE(failed_exchange_tells_no_length),
	KUNIT_CASE(key_refresh_is_passed_on),
	KUNIT_CASE(mng_refuses_private_and_large_buffers),
	{}
};

static struct kunit_suite tdh_suite = {
	.name = "tdx_tdh",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = tdh_cases,
};

kunit_test_suite(tdh_suite);

MODULE_DESCRIPTION("KUnit tests of SEAMCALL wrappers that take pages");
MODULE_LICENSE("GPL");
