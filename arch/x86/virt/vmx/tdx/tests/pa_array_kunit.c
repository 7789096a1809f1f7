// SPDX-License-Identifier: GPL-2.0
/*
 * The array by itself: allocation, windows, release of pages that the module
 * never saw, reading a shared buffer
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include "../door.h"
#include "../pa_blocks.h"
#include "fixture.h"

static const unsigned int sizes[] = { 1, 2, 128, 511, 512, 513, 640, 1024, 12800 };

static void size_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u entries", *nr);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Rule: every entry is the PA of a page of its own, and nothing else. */
static void alloc_gives_distinct_pages(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, nr);
	u64 *sorted = kvmalloc_array(nr, sizeof(*sorted), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, sorted);
	KUNIT_EXPECT_EQ(test, array->nr, nr);
	KUNIT_EXPECT_EQ(test, (u32)array->nr_held, 0);
	KUNIT_EXPECT_FALSE(test, array->flush);
	KUNIT_EXPECT_FALSE(test, array->donated);

	memcpy(sorted, array->entries, nr * sizeof(*sorted));
	sort(sorted, nr, sizeof(*sorted), cmp_u64, NULL);
	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_NE(test, sorted[i], 0);
		KUNIT_ASSERT_EQ(test, sorted[i] & ~GENMASK_ULL(51, 12), 0);
		if (i)
			KUNIT_ASSERT_NE(test, sorted[i], sorted[i - 1]);
	}

	kvfree(sorted);
	tdx_pa_array_release(array);
}

/*
 * Rule: list pages are whole pages, and the object is the last thing in them, if it
 * has room there.
 */
static void alloc_puts_the_object_behind_the_entries(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, nr);
	const void *last = array->entries + nr;
	const void *end = array->entries + ALIGN(nr, TDX_PA_WINDOW_MAX);

	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(array->entries));
	KUNIT_EXPECT_EQ(test, sizeof(*array), 2 * sizeof(u64));
	KUNIT_EXPECT_EQ(test, (const void *)(array + 1) == end, end - last >= sizeof(*array));

	tdx_pa_array_release(array);
}

/* Blocks of @nr pages: as large as can be, and less than 128 pages in 32 KiB at most. */
static unsigned int nr_blocks_of(unsigned int nr)
{
	unsigned int few = nr % 128;

	return nr / 512 + hweight32(nr % 512 - few) + few / 8 + hweight32(few % 8);
}

/*
 * Rule: pages come in the largest blocks, few pages in those that the page allocator
 * has at hand, and the record of them is exact.
 */
static void alloc_takes_large_blocks(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, nr);
	unsigned int next = 0, nr_blocks = 0, i;

	while (next < nr) {
		struct tdx_pa_block b = tdx_pa_block_at(array->entries, next);

		KUNIT_ASSERT_EQ(test, b.first, next);
		KUNIT_ASSERT_LE(test, b.order, TDX_PA_BLOCK_MAX_ORDER);
		KUNIT_ASSERT_EQ(test, b.nr, 1U << b.order);
		KUNIT_ASSERT_TRUE(test, IS_ALIGNED(b.pa, PAGE_SIZE << b.order));
		for (i = 0; i < b.nr; i++)
			KUNIT_ASSERT_EQ(test, array->entries[b.first + i], b.pa + i * PAGE_SIZE);
		next += b.nr;
		nr_blocks++;
	}
	KUNIT_EXPECT_EQ(test, next, nr);
	/* Memory is plentiful here. */
	KUNIT_EXPECT_EQ(test, nr_blocks, nr_blocks_of(nr));

	tdx_pa_array_release(array);
}

/* Rule: nr 0 or too large gives NULL. */
static void alloc_refuses_bad_numbers(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(0));
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(TDX_PA_ARRAY_MAX + 1));
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(UINT_MAX));
}

/* Rule: the largest array works; its entries are contiguous virtually only. */
static void alloc_serves_the_maximum(struct kunit *test)
{
	unsigned long before = tdx_judge_nr_free_pages();
	struct tdx_pa_array *array;
	struct tdx_pa_window w;
	unsigned int nr = 0;

	if (before < TDX_PA_ARRAY_MAX + SZ_256M / PAGE_SIZE)
		kunit_skip(test, "needs 4.25 GiB of free memory, has %lu MiB",
			   before >> (20 - PAGE_SHIFT));

	array = fixture_alloc(test, TDX_PA_ARRAY_MAX);
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(array->entries));
	for_each_tdx_pa_window(&w, array) {
		KUNIT_ASSERT_EQ(test, w.first, nr);
		KUNIT_ASSERT_EQ(test, w.nr, TDX_PA_WINDOW_MAX);
		KUNIT_ASSERT_MEMEQ(test, phys_to_virt(w.list_pa), array->entries + nr,
				   PAGE_SIZE);
		nr += w.nr;
	}
	KUNIT_EXPECT_EQ(test, nr, TDX_PA_ARRAY_MAX);
	tdx_pa_array_release(array);
}

/* Rule: a fragmented host still succeeds, with smaller blocks. */
static void alloc_falls_back_to_smaller_blocks(struct kunit *test)
{
	unsigned int nth;

	if (!fixture_fail_nth_allocation(0))
		kunit_skip(test, "needs CONFIG_FAULT_INJECTION");

	if (!fixture_counts_are_exact())
		kunit_skip(test, "KASAN and kmemleak allocate, too");

	/* Allocations 1 and 2 are the entries and the object. */
	for (nth = 3; nth <= 4; nth++) {
		struct tdx_pa_array *array;

		fixture_fail_nth_allocation(nth);
		array = tdx_pa_array_alloc(1024);
		KUNIT_EXPECT_TRUE(test, fixture_allocation_failed());
		fixture_fail_nth_allocation(0);

		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		/* What was got before keeps its size, what follows has the smaller one. */
		for (unsigned int i = 0; i < 1024; i += 256) {
			unsigned int order = nth == 4 && i < 512 ? 9 : 8;

			if (IS_ALIGNED(i, 1U << order))
				KUNIT_EXPECT_EQ(test, tdx_pa_block_at(array->entries, i).order,
						order);
		}
		tdx_pa_array_release(array);
	}
}

/*
 * Of @leak pages that a leak would have cost since there were @before free ones,
 * less than half are gone.  Others on this machine may take or return a few.
 */
static void expect_no_leak(struct kunit *test, unsigned long before, unsigned int leak,
			   const char *what, unsigned int nr)
{
	if (fixture_counts_are_exact())
		KUNIT_EXPECT_LT_MSG(test, before, tdx_judge_nr_free_pages() + leak / 2,
				    "%s %u", what, nr);
}

/* Rule: a failure at any step gives NULL, or is made up for; nothing is lost. */
static void alloc_survives_each_failure(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	unsigned int nth = 0, refused = 0;
	const unsigned int rounds = fixture_counts_are_exact() ? 64 : 4;
	bool struck;

	if (!fixture_fail_nth_allocation(0))
		kunit_skip(test, "needs CONFIG_FAULT_INJECTION");

	do {
		unsigned long before = tdx_judge_nr_free_pages();

		KUNIT_ASSERT_LT(test, ++nth, 1000);
		for (unsigned int i = 0; i < rounds; i++) {
			struct tdx_pa_array *array;

			fixture_fail_nth_allocation(nth);
			array = tdx_pa_array_alloc(nr);
			struck = fixture_allocation_failed();
			fixture_fail_nth_allocation(0);

			if (!array)
				refused++;
			tdx_pa_array_release(array);
		}
		expect_no_leak(test, before, rounds, "failed allocation", nth);
	} while (struck);

	/*
	 * A page by itself cannot be made up for.  (In some rounds, a new slab is the
	 * allocation that fails.)
	 */
	if (nr % 2)
		KUNIT_EXPECT_GE(test, refused, rounds / 2);
	KUNIT_EXPECT_GE(test, nth, 3);
}

static struct tdx_pa_array *alloc_either(bool iommu_mt)
{
	return iommu_mt ? tdx_pa_array_alloc_iommu_mt(2, 10) : tdx_pa_array_alloc(600);
}

/* Rule: when memory ends, at whatever step, there is NULL and nothing is lost. */
static void alloc_survives_the_end_of_memory(struct kunit *test)
{
	const unsigned int rounds = fixture_counts_are_exact() ? 64 : 4;

	if (!fixture_fail_nth_allocation(0))
		kunit_skip(test, "needs CONFIG_FAULT_INJECTION");

	/* The kernel shows a stack when vmalloc() fails. */
	fixture_expect_warnings(true);
	for (int iommu_mt = 0; iommu_mt < 2; iommu_mt++) {
		unsigned int nth = 0;
		bool struck;

		do {
			unsigned long before = tdx_judge_nr_free_pages();

			KUNIT_ASSERT_LT(test, ++nth, 1000);
			for (unsigned int i = 0; i < rounds; i++) {
				struct tdx_pa_array *array;

				fixture_fail_from_nth_allocation(nth);
				array = alloc_either(iommu_mt);
				struck = fixture_allocation_failed();
				fixture_fail_from_nth_allocation(0);

				if (fixture_counts_are_exact())
					KUNIT_ASSERT_EQ(test, !array, struck);
				tdx_pa_array_release(array);
			}
			expect_no_leak(test, before, rounds, "end of memory at", nth);
		} while (struck);

		/* Object, entries, and some blocks. */
		KUNIT_EXPECT_GE(test, nth, 4);
	}
	fixture_expect_warnings(false);
}

/* Rule: releasing NULL is fine. */
static void release_takes_null(struct kunit *test)
{
	tdx_pa_array_release(NULL);
}

/* Rule: nothing leaks, neither pages nor the array itself. */
static void release_returns_all_memory(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	const unsigned int rounds = fixture_counts_are_exact() ? 64 : 4;
	unsigned long before;

	/* Fill the caches of the slab allocator first. */
	tdx_pa_array_release(tdx_pa_array_alloc(nr));

	before = tdx_judge_nr_free_pages();
	for (unsigned int i = 0; i < rounds; i++)
		tdx_pa_array_release(tdx_pa_array_alloc(nr));

	expect_no_leak(test, before, rounds, "size", nr);
}

/* Rule: not even the object leaks, of which many fit one page. */
static void release_frees_the_object(struct kunit *test)
{
	const unsigned int rounds = fixture_counts_are_exact() ? 16384 : 64;
	const unsigned int pages = rounds * sizeof(struct tdx_pa_array) / PAGE_SIZE;
	unsigned long before = tdx_judge_nr_free_pages();

	/* Full list pages have no room for it. */
	for (unsigned int i = 0; i < rounds; i++)
		tdx_pa_array_release(tdx_pa_array_alloc(TDX_PA_WINDOW_MAX));

	expect_no_leak(test, before, pages, "rounds", rounds);
}

/* Rule: pages that the module never saw are not flushed. */
static void release_does_not_flush_unseen_pages(struct kunit *test)
{
	tdx_pa_array_release(fixture_alloc(test, 513));
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 0);
}

/* Rule: window i is the slice of entries from 512 i on. */
static void window_is_a_slice(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, nr);
	unsigned int first = 0, idx = 0;
	struct tdx_pa_window w;

	for_each_tdx_pa_window(&w, array) {
		KUNIT_ASSERT_EQ(test, w.first, first);
		KUNIT_ASSERT_EQ(test, w.nr, min(nr - first, 512U));
		KUNIT_ASSERT_PTR_EQ(test, w.entries, array->entries + first);
		KUNIT_ASSERT_EQ(test, w.list_pa & ~PAGE_MASK, 0);
		KUNIT_ASSERT_MEMEQ(test, phys_to_virt(w.list_pa), array->entries + first,
				   w.nr * sizeof(u64));
		first += w.nr;
		idx++;
	}
	KUNIT_EXPECT_EQ(test, first, nr);
	KUNIT_EXPECT_EQ(test, idx, DIV_ROUND_UP(nr, 512));

	tdx_pa_array_release(array);
}

/* Rule: a window past the end is refused and nothing is written. */
static void window_past_the_end_is_refused(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, nr);
	struct tdx_pa_window w = { .list_pa = 0xdead };
	unsigned int nr_windows = DIV_ROUND_UP(nr, 512);

	KUNIT_EXPECT_EQ(test, tdx_pa_array_window(array, nr_windows, &w), -ERANGE);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_window(array, nr_windows + 1, &w), -ERANGE);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_window(array, UINT_MAX, &w), -ERANGE);
	KUNIT_EXPECT_EQ(test, w.list_pa, 0xdead);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_window(array, nr_windows - 1, &w), 0);

	tdx_pa_array_release(array);
}

/* Rule: any number of windows may be handed out at once. */
static void windows_live_side_by_side(struct kunit *test)
{
	struct tdx_pa_array *array = fixture_alloc(test, 1300);
	struct tdx_pa_window w[3];
	int i;

	for (i = 2; i >= 0; i--)
		KUNIT_ASSERT_EQ(test, tdx_pa_array_window(array, i, &w[i]), 0);

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_MEMEQ(test, phys_to_virt(w[i].list_pa),
				   array->entries + i * 512, w[i].nr * sizeof(u64));
	KUNIT_EXPECT_EQ(test, w[2].nr, 1300 - 1024);

	tdx_pa_array_release(array);
}

static const struct mt_param {
	const char *name;
	unsigned int order;
	unsigned int nr_pages;
} mt_params[] = {
	{ "single pages, no others", 0, 0 },
	{ "single pages", 0, 6 },
	{ "two-page blocks", 1, 6 },
	{ "32 KiB blocks, full list", 3, 510 },
	{ "largest blocks", TDX_IOMMU_MT_MAX_ORDER, 30 },
};

KUNIT_ARRAY_PARAM_DESC(mt, mt_params, name);

/*
 * Rule: entries 0 and 1 carry the number of pages of their zeroed blocks, and the
 * list page ends with zeroes: no operand tells the module how long the list is.
 */
static void iommu_mt_begins_with_blocks(struct kunit *test)
{
	const struct mt_param *p = test->param_value;
	unsigned long block_pages = 1UL << p->order;
	struct tdx_pa_array *array;
	unsigned int i;

	array = tdx_pa_array_alloc_iommu_mt(p->order, p->nr_pages);
	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	KUNIT_EXPECT_EQ(test, array->nr, p->nr_pages + 2);

	for (i = 0; i < array->nr; i++) {
		u64 low = i < 2 && p->order ? block_pages : 0;
		u64 pa = array->entries[i] & PAGE_MASK;

		KUNIT_EXPECT_EQ(test, array->entries[i] & ~PAGE_MASK, low);
		if (i >= 2)
			continue;
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(pa, block_pages * PAGE_SIZE));
		KUNIT_EXPECT_NULL(test, memchr_inv(phys_to_virt(pa), 0,
						   block_pages * PAGE_SIZE));
	}
	for (; i < TDX_PA_WINDOW_MAX; i++)
		KUNIT_EXPECT_EQ(test, array->entries[i], 0);

	tdx_pa_array_release(array);
}

static void iommu_mt_refuses_bad_numbers(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc_iommu_mt(TDX_IOMMU_MT_MAX_ORDER + 1, 1));
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc_iommu_mt(UINT_MAX, 1));
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc_iommu_mt(0, 511));
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc_iommu_mt(0, UINT_MAX));
}

static u8 pattern(size_t i)
{
	return i * 13 + (i >> PAGE_SHIFT);
}

/* Neighbours in the array are none in memory, or a copy could run on. */
static void reverse_entries(struct tdx_pa_array *array)
{
	for (unsigned int i = 0; i < array->nr / 2; i++)
		swap(array->entries[i], array->entries[array->nr - 1 - i]);
}

static struct tdx_pa_array *alloc_filled(struct kunit *test, unsigned int nr)
{
	struct tdx_pa_array *array = fixture_alloc(test, nr);

	reverse_entries(array);
	for (size_t i = 0; i < nr * PAGE_SIZE; i++) {
		u8 *page = phys_to_virt(array->entries[i >> PAGE_SHIFT]);

		page[offset_in_page(i)] = pattern(i);
	}
	return array;
}

static const struct copy_range {
	const char *name;
	size_t offset;
	size_t len;
	int ret;
} ranges[] = {
	{ "nothing at the start", 0, 0, 0 },
	{ "first byte", 0, 1, 0 },
	{ "one page", 0, PAGE_SIZE, 0 },
	{ "across a border", PAGE_SIZE - 1, 2, 0 },
	{ "second page", PAGE_SIZE, PAGE_SIZE, 0 },
	{ "across two borders", PAGE_SIZE - 5, PAGE_SIZE + 10, 0 },
	{ "all", 0, 4 * PAGE_SIZE, 0 },
	{ "last byte", 4 * PAGE_SIZE - 1, 1, 0 },
	{ "nothing at the end", 4 * PAGE_SIZE, 0, 0 },
	{ "one byte past the end", 0, 4 * PAGE_SIZE + 1, -ERANGE },
	{ "from the end on", 4 * PAGE_SIZE, 1, -ERANGE },
	{ "offset past the end", 4 * PAGE_SIZE + 1, 0, -ERANGE },
	{ "length that wraps", 1, SIZE_MAX, -ERANGE },
	{ "offset that wraps", SIZE_MAX, 2, -ERANGE },
};

KUNIT_ARRAY_PARAM_DESC(range, ranges, name);

/* Rule: exactly the range is copied, across pages, or nothing at all. */
static void copy_out_copies_the_range(struct kunit *test)
{
	const struct copy_range *r = test->param_value;
	struct tdx_pa_array *array = alloc_filled(test, 4);
	size_t i, n = 4 * PAGE_SIZE + 16;
	u8 *dst = kunit_kmalloc(test, n, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dst);
	memset(dst, 0xee, n);

	KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(array, dst, r->offset, r->len), r->ret);
	for (i = 0; i < n; i++) {
		bool copied = !r->ret && i < r->len;

		KUNIT_ASSERT_EQ_MSG(test, dst[i], copied ? pattern(r->offset + i) : 0xee,
				    "byte %zu", i);
	}

	/* Blocks are freed by their first entry. */
	reverse_entries(array);
	tdx_pa_array_release(array);
}

/* Rule: what is or was private is not for the host to read. */
static void copy_out_refuses_private_pages(struct kunit *test)
{
	struct tdx_pa_array *array = fixture_alloc(test, 2);
	u8 byte;

	array->flush = true;
	KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(array, &byte, 0, 1), -EPERM);
	tdx_pa_array_release(array);

	array = tdx_pa_array_alloc_iommu_mt(1, 1);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(array, &byte, 0, 1), -EPERM);
	tdx_pa_array_release(array);
}

static struct kunit_case pa_array_cases[] = {
	KUNIT_CASE_PARAM(alloc_gives_distinct_pages, size_gen_params),
	KUNIT_CASE_PARAM(alloc_puts_the_object_behind_the_entries, size_gen_params),
	KUNIT_CASE_PARAM(alloc_takes_large_blocks, size_gen_params),
	KUNIT_CASE(alloc_refuses_bad_numbers),
	KUNIT_CASE(alloc_serves_the_maximum),
	KUNIT_CASE(alloc_falls_back_to_smaller_blocks),
	KUNIT_CASE_PARAM(alloc_survives_each_failure, size_gen_params),
	KUNIT_CASE(alloc_survives_the_end_of_memory),
	KUNIT_CASE(release_takes_null),
	KUNIT_CASE_PARAM(release_returns_all_memory, size_gen_params),
	KUNIT_CASE(release_frees_the_object),
	KUNIT_CASE(release_does_not_flush_unseen_pages),
	KUNIT_CASE_PARAM(window_is_a_slice, size_gen_params),
	KUNIT_CASE_PARAM(window_past_the_end_is_refused, size_gen_params),
	KUNIT_CASE(windows_live_side_by_side),
	KUNIT_CASE_PARAM(iommu_mt_begins_with_blocks, mt_gen_params),
	KUNIT_CASE(iommu_mt_refuses_bad_numbers),
	KUNIT_CASE_PARAM(copy_out_copies_the_range, range_gen_params),
	KUNIT_CASE(copy_out_refuses_private_pages),
	{}
};

static struct kunit_suite pa_array_suite = {
	.name = "tdx_pa_array",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = pa_array_cases,
};

kunit_test_suite(pa_array_suite);

MODULE_DESCRIPTION("KUnit tests of lists of pages for the TDX module");
MODULE_LICENSE("GPL");
