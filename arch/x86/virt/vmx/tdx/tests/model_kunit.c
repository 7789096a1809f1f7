// SPDX-License-Identifier: GPL-2.0
/*
 * The model's refusals, and the judge caught in the act
 *
 * The other suites rest on these two, so they are tested without any array: raw
 * operands through the door, and pages freed at the wrong moment on purpose.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "../door.h"
#include "fixture.h"

/* A list page and some pages to put on it. */
struct raw {
	u64 *list;
	u64 list_pa;
	struct page *page[4];
	u64 pa[4];
};

static void raw_free(void *data)
{
	struct raw *raw = data;

	for (int i = 0; i < 4; i++)
		__free_page(raw->page[i]);
	free_page((unsigned long)raw->list);
}

static struct raw *raw_alloc(struct kunit *test)
{
	struct raw *raw = kunit_kzalloc(test, sizeof(*raw), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, raw);
	raw->list = (u64 *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, raw->list);
	raw->list_pa = virt_to_phys(raw->list);
	for (int i = 0; i < 4; i++) {
		raw->page[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, raw->page[i]);
		raw->pa[i] = page_to_phys(raw->page[i]);
		raw->list[i] = raw->pa[i];
	}
	return raw;
}

static u64 spdm_create(u64 hpa_array, u64 *id)
{
	struct tdx_module_args args = { .rcx = 0x1000, .rdx = hpa_array };
	u64 status = tdx_door(TDH_SPDM_CREATE, &args);

	if (id)
		*id = args.rcx;
	return status;
}

static u64 spdm_delete(u64 id, u64 out, u64 *back)
{
	struct tdx_module_args args = { .rcx = id, .rdx = out };
	u64 status = tdx_door(TDH_SPDM_DELETE, &args);

	if (back)
		*back = args.rcx;
	return status;
}

static u64 wbinvd(u64 pa)
{
	struct tdx_module_args args = { .rcx = pa };

	return tdx_door(TDH_PHYMEM_PAGE_WBINVD, &args) & TDX_SEAMCALL_STATUS_MASK;
}

static void flush_all(struct raw *raw)
{
	for (int i = 0; i < 4; i++)
		wbinvd(raw->pa[i] | TDX_MODEL_GLOBAL_KEY);
}

/* Rule: a page is WBINVDed with the global HKID, when the module let it go. */
static void model_checks_wbinvd(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 id;

	KUNIT_ASSERT_EQ(test, spdm_create(raw->list_pa | 3ULL << 55, &id), 0);
	KUNIT_EXPECT_EQ(test, wbinvd(raw->pa[0] | TDX_MODEL_GLOBAL_KEY),
			TDX_PAGE_METADATA_INCORRECT);
	KUNIT_ASSERT_EQ(test, spdm_delete(id, raw->list_pa, NULL), 0);

	KUNIT_EXPECT_EQ(test, wbinvd(raw->pa[0]), TDX_OPERAND_INVALID);
	KUNIT_EXPECT_EQ(test, wbinvd(raw->pa[0] | TDX_MODEL_GLOBAL_KEY | 8), TDX_OPERAND_INVALID);
	KUNIT_EXPECT_EQ(test, wbinvd(0xffffff000ULL << 8 | TDX_MODEL_GLOBAL_KEY),
			TDX_OPERAND_INVALID);
	KUNIT_EXPECT_TRUE(test, tdx_model_dirty(raw->pa[0]));
	KUNIT_EXPECT_EQ(test, wbinvd(raw->pa[0] | TDX_MODEL_GLOBAL_KEY), 0);
	KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[0]));

	flush_all(raw);
	raw_free(raw);
}

/* Rule: malformed operands and entries are refused, and nothing changes. */
static void model_checks_lists(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 good = raw->list_pa | 3ULL << 55;

	for (int bit = 0; bit < 12; bit++)
		KUNIT_EXPECT_NE(test, spdm_create(good | 1ULL << bit, NULL), 0);
	for (int bit = 52; bit < 55; bit++)
		KUNIT_EXPECT_NE(test, spdm_create(good | 1ULL << bit, NULL), 0);

	raw->list[2] = raw->list[0];
	KUNIT_EXPECT_NE_MSG(test, spdm_create(good, NULL), 0, "duplicate");
	raw->list[2] = raw->pa[2] | 1;
	KUNIT_EXPECT_NE_MSG(test, spdm_create(good, NULL), 0, "low bit of an entry");
	raw->list[2] = raw->pa[2] | 1ULL << 60;
	KUNIT_EXPECT_NE_MSG(test, spdm_create(good, NULL), 0, "high bit of an entry");
	raw->list[2] = 0;
	KUNIT_EXPECT_NE_MSG(test, spdm_create(good, NULL), 0, "empty entry");
	raw->list[2] = 1ULL << 51;
	KUNIT_EXPECT_NE_MSG(test, spdm_create(good, NULL), 0, "no memory");
	raw->list[2] = raw->pa[2];

	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	raw_free(raw);
}

/* Rule: the output operand is 0 for one page, else a page of the host's. */
static void model_checks_output(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 id, back;

	KUNIT_ASSERT_EQ(test, spdm_create(raw->pa[0], &id), 0);
	KUNIT_EXPECT_NE(test, spdm_delete(id, raw->list_pa, NULL), 0);
	KUNIT_EXPECT_EQ(test, spdm_delete(id, 0, &back), 0);
	KUNIT_EXPECT_EQ(test, back, raw->pa[0]);

	KUNIT_ASSERT_EQ(test, spdm_create(raw->list_pa | 3ULL << 55, &id), 0);
	KUNIT_EXPECT_NE(test, spdm_delete(id, 0, NULL), 0);
	KUNIT_EXPECT_NE(test, spdm_delete(id, raw->list_pa | 8, NULL), 0);
	KUNIT_EXPECT_NE(test, spdm_delete(id, raw->pa[1], NULL), 0);
	memset(raw->list, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, spdm_delete(id, raw->list_pa, &back), 0);
	KUNIT_EXPECT_EQ(test, back, raw->list_pa | 3ULL << 55);
	KUNIT_EXPECT_MEMEQ(test, raw->list, raw->pa, sizeof(raw->pa));

	flush_all(raw);
	raw_free(raw);
}

/* Rule: an unknown leaf is refused. */
static void model_refuses_unknown_leaves(struct kunit *test)
{
	struct tdx_module_args args = {};

	KUNIT_EXPECT_NE(test, tdx_door(9999, &args), 0);
}

/*
 * The judge.  These cases do what must never happen, so they keep the verdict
 * to themselves and start afresh before the fixture looks.
 */
static struct tdx_verdict verdict_and_restart(void)
{
	struct tdx_verdict verdict;

	tdx_judge_look(&verdict);
	tdx_judge_end();
	tdx_judge_begin();
	return verdict;
}

static void judge_sees_owned_pages_freed(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);

	KUNIT_ASSERT_EQ(test, spdm_create(raw->list_pa | 3ULL << 55, NULL), 0);
	raw_free(raw);
	KUNIT_EXPECT_EQ(test, verdict_and_restart().freed_owned, 4);
}

static void judge_sees_dirty_pages_freed(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 id;

	KUNIT_ASSERT_EQ(test, spdm_create(raw->list_pa | 3ULL << 55, &id), 0);
	KUNIT_ASSERT_EQ(test, spdm_delete(id, raw->list_pa, NULL), 0);
	wbinvd(raw->pa[1] | TDX_MODEL_GLOBAL_KEY);
	raw_free(raw);
	KUNIT_EXPECT_EQ(test, verdict_and_restart().freed_dirty, 3);
}

static void judge_sees_pages_vanish(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_verdict verdict;

	tdx_judge_watch(raw->pa[0], 1);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.lost, 1);
	raw_free(raw);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.lost, 0);
}

/* Exact, unless somebody else happens to allocate: so try more than once. */
static void judge_counts_free_pages_exactly(struct kunit *test)
{
	unsigned int tries, exact = 0;

	for (tries = 0; tries < 20; tries++) {
		unsigned long before = tdx_judge_nr_free_pages(), during, after;
		struct page *page = alloc_page(GFP_KERNEL);

		during = tdx_judge_nr_free_pages();
		__free_page(page);
		after = tdx_judge_nr_free_pages();
		exact += during == before - 1 && after == before;
	}
	KUNIT_EXPECT_GE(test, exact, 10);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(model_checks_wbinvd),
	KUNIT_CASE(model_checks_lists),
	KUNIT_CASE(model_checks_output),
	KUNIT_CASE(model_refuses_unknown_leaves),
	KUNIT_CASE(judge_sees_owned_pages_freed),
	KUNIT_CASE(judge_sees_dirty_pages_freed),
	KUNIT_CASE(judge_sees_pages_vanish),
	KUNIT_CASE(judge_counts_free_pages_exactly),
	{}
};

static struct kunit_suite model_suite = {
	.name = "tdx_model",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);

MODULE_DESCRIPTION("KUnit tests of the software TDX module");
MODULE_LICENSE("GPL");
