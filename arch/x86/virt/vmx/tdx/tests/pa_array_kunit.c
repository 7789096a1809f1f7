// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of arrays: allocation, operands, freeing of pages that the module never
 * owned, and reading of shared buffers
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include "tdx.h"
#include "fixture.h"

static const unsigned int sizes[] = { 1, 2, 511, 512, 513, 1300, 12800 };

static void size_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u entries", *nr);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/* Without the largest size, which takes seconds for each failure */
static const unsigned int failing_sizes[] = { 1, 2, 511, 512, 513, 1300 };

KUNIT_ARRAY_PARAM(failing_size, failing_sizes, size_desc);

static struct page *entry_page(const struct tdx_pa_array *array, unsigned int i)
{
	return pfn_to_page(PHYS_PFN(array->entries[i] & PAGE_MASK));
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Rule: every entry is the PA of a page of its own, with one reference. */
static void alloc_returns_distinct_pages(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, nr);
	u64 *sorted = kvmalloc_array(nr, sizeof(*sorted), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sorted);
	KUNIT_EXPECT_EQ(test, array->nr, nr);
	KUNIT_EXPECT_EQ(test, array->nr_held, 0);
	KUNIT_EXPECT_FALSE(test, array->flush);

	memcpy(sorted, array->entries, nr * sizeof(*sorted));
	sort(sorted, nr, sizeof(*sorted), cmp_u64, NULL);
	for (unsigned int i = 0; i < nr; i++) {
		KUNIT_ASSERT_NE(test, sorted[i], 0);
		KUNIT_ASSERT_EQ(test, sorted[i] & ~GENMASK_ULL(51, 12), 0);
		if (i)
			KUNIT_ASSERT_NE(test, sorted[i], sorted[i - 1]);
		KUNIT_ASSERT_EQ(test, page_count(entry_page(array, i)), 1);
		KUNIT_ASSERT_FALSE(test, PageCompound(entry_page(array, i)));
	}

	kvfree(sorted);
	tdx_pa_array_free(array);
}

/* Rule: the pages of each list lie on the node of the caller. */
static void alloc_uses_the_node(struct kunit *test)
{
	int nid;

	for_each_online_node(nid) {
		struct tdx_pa_array *array = tdx_pa_array_alloc(1300, nid);

		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		for (unsigned int i = 0; i < array->nr; i++)
			KUNIT_ASSERT_EQ(test, page_to_nid(entry_page(array, i)), nid);
		tdx_pa_array_free(array);
	}
}

/* Rule: if a large block cannot be had, smaller ones follow. */
static void alloc_falls_back_to_smaller_blocks(struct kunit *test)
{
	if (!fixture_can_fail_allocations())
		kunit_skip(test, "needs fault injection for allocations");
	if (!fixture_counts_are_exact())
		kunit_skip(test, "this kernel allocates in addition");

	/* The first two allocations are the object and the entries. */
	for (unsigned int nth = 3; nth <= 5; nth++) {
		struct tdx_pa_array *array;

		fixture_fail_nth_allocation(nth);
		array = tdx_pa_array_alloc(511, NUMA_NO_NODE);
		KUNIT_EXPECT_TRUE(test, fixture_allocation_failed());
		fixture_fail_nth_allocation(0);

		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		KUNIT_EXPECT_EQ(test, array->nr, 511);
		tdx_pa_array_free(array);
	}
}

/*
 * Rule: pages come in blocks of up to 2 MiB, so few calls of the page allocator
 * serve many pages.  Fewer than 128 pages come in blocks of up to 32 KiB.
 */
static void alloc_takes_large_blocks(struct kunit *test)
{
	static const struct { unsigned int nr, nr_blocks; } cases[] = {
		{ 512, 1 }, { 128, 1 }, { 127, 15 + 3 }, { 16, 2 }, { 8, 1 },
	};

	if (!fixture_can_fail_allocations())
		kunit_skip(test, "needs fault injection for allocations");
	if (!fixture_counts_are_exact())
		kunit_skip(test, "this kernel allocates in addition");

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tdx_pa_array *array;

		/* The object, the entries, and the blocks */
		fixture_fail_from_nth_allocation(2 + cases[i].nr_blocks + 1);
		array = tdx_pa_array_alloc(cases[i].nr, NUMA_NO_NODE);
		KUNIT_EXPECT_FALSE(test, fixture_allocation_failed());
		fixture_fail_from_nth_allocation(0);
		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		tdx_pa_array_free(array);

		fixture_fail_from_nth_allocation(2 + cases[i].nr_blocks);
		array = tdx_pa_array_alloc(cases[i].nr, NUMA_NO_NODE);
		KUNIT_EXPECT_TRUE(test, fixture_allocation_failed());
		fixture_fail_from_nth_allocation(0);
		KUNIT_EXPECT_NULL(test, array);
		tdx_pa_array_free(array);
	}
}

/* GFP flags of the last page allocation of each order, except those of slabs */
static gfp_t seen_gfp[MAX_PAGE_ORDER + 1];
static struct task_struct *seen_task;

static void see_page_alloc(void *data, struct page *page, unsigned int order, gfp_t gfp,
			   int migratetype)
{
	if (current == seen_task && !(gfp & __GFP_COMP))
		seen_gfp[order] = gfp;
}

static void find_page_alloc(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "mm_page_alloc"))
		*(struct tracepoint **)data = tp;
}

/*
 * Rule: allocation never invokes the OOM killer, and does not reclaim memory
 * for more than a single page, unless the module needs a block.  No memory
 * cgroup is charged.
 */
static void alloc_does_not_insist(struct kunit *test)
{
	const gfp_t how = __GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_NOWARN | __GFP_ZERO |
			  __GFP_ACCOUNT;
	struct tracepoint *event = NULL;
	struct tdx_pa_array *array, *mt;

	for_each_kernel_tracepoint(find_page_alloc, &event);
	KUNIT_ASSERT_NOT_NULL(test, event);
	memset(seen_gfp, 0, sizeof(seen_gfp));
	seen_task = current;
	KUNIT_ASSERT_EQ(test, tracepoint_probe_register(event, see_page_alloc, NULL), 0);
	/* One block of each order below 9, and two blocks of order 9 */
	array = tdx_pa_array_alloc(511, NUMA_NO_NODE);
	mt = tdx_pa_array_alloc_iommu_mt(9, 0, NUMA_NO_NODE);
	tracepoint_probe_unregister(event, see_page_alloc, NULL);
	tracepoint_synchronize_unregister();

	KUNIT_EXPECT_EQ(test, seen_gfp[0] & how, __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	for (unsigned int order = 1; order < 9; order++)
		KUNIT_EXPECT_EQ(test, seen_gfp[order] & how, __GFP_NORETRY | __GFP_NOWARN);
	KUNIT_EXPECT_EQ(test, seen_gfp[9] & how, __GFP_RETRY_MAYFAIL | __GFP_ZERO);
	tdx_pa_array_free(array);
	tdx_pa_array_free(mt);
}

/*
 * Rule: no memory leaks.  @leak pages would be missing otherwise; other tasks
 * of this machine may allocate a few.
 */
static void expect_no_leak(struct kunit *test, unsigned long before, unsigned int leak,
			   const char *what, unsigned int nr)
{
	if (fixture_counts_are_exact())
		KUNIT_EXPECT_LT_MSG(test, before, tdx_checker_nr_free_pages() + leak / 2,
				    "%s %u", what, nr);
}

static unsigned int nr_rounds(void)
{
	return fixture_counts_are_exact() ? 64 : 4;
}

/* Rule: after any one failed allocation, the result is complete or NULL. */
static void alloc_survives_each_failure(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	unsigned int nth = 0, nr_failed = 0;
	bool failed;

	if (!fixture_can_fail_allocations())
		kunit_skip(test, "needs fault injection for allocations");

	do {
		unsigned long before = tdx_checker_nr_free_pages();

		KUNIT_ASSERT_LT(test, ++nth, 1000);
		for (unsigned int i = 0; i < nr_rounds(); i++) {
			struct tdx_pa_array *array;

			fixture_fail_nth_allocation(nth);
			array = tdx_pa_array_alloc(nr, NUMA_NO_NODE);
			failed = fixture_allocation_failed();
			fixture_fail_nth_allocation(0);

			nr_failed += !array;
			if (array)
				KUNIT_EXPECT_EQ(test, array->nr, nr);
			tdx_pa_array_free(array);
		}
		expect_no_leak(test, before, nr_rounds(), "failed allocation", nth);
	} while (failed);

	/*
	 * Nothing replaces the object.  (In some rounds, a new slab fails
	 * instead.)
	 */
	KUNIT_EXPECT_GE(test, nr_failed, nr_rounds() / 2);
	KUNIT_EXPECT_GE(test, nth, 3);
}

/* Rule: if memory ends at any step, the result is NULL and nothing leaks. */
static void alloc_survives_the_end_of_memory(struct kunit *test)
{
	if (!fixture_can_fail_allocations())
		kunit_skip(test, "needs fault injection for allocations");

	/* vmalloc() and the blocks of an IOMMU_MT list warn. */
	fixture_expect_warnings(true);
	for (int iommu_mt = 0; iommu_mt < 2; iommu_mt++) {
		unsigned int nth = 0;
		bool failed;

		do {
			unsigned long before = tdx_checker_nr_free_pages();

			KUNIT_ASSERT_LT(test, ++nth, 1000);
			for (unsigned int i = 0; i < nr_rounds(); i++) {
				struct tdx_pa_array *array;

				fixture_fail_from_nth_allocation(nth);
				array = iommu_mt ?
					tdx_pa_array_alloc_iommu_mt(2, 10, NUMA_NO_NODE) :
					tdx_pa_array_alloc(509, NUMA_NO_NODE);
				failed = fixture_allocation_failed();
				fixture_fail_from_nth_allocation(0);

				if (fixture_counts_are_exact())
					KUNIT_ASSERT_EQ(test, !array, failed);
				tdx_pa_array_free(array);
			}
			expect_no_leak(test, before, nr_rounds(), "end of memory at", nth);
		} while (failed);

		/* The object, the entries, and some blocks */
		KUNIT_EXPECT_GE(test, nth, 5);
	}
	fixture_expect_warnings(false);
}

/*
 * Operands.  The fields are spelled out here, from the TDX Connect ABI
 * specification.
 */

static u64 bits(u64 value, unsigned int high, unsigned int low)
{
	return (value >> low) & ((2ULL << (high - low)) - 1);
}

#define NR_FAKE_PAGES	4

/* An array of @nr entries without pages.  Each list holds its number. */
static struct tdx_pa_array fake_array(struct kunit *test, unsigned int nr)
{
	struct tdx_pa_array array = { .nr = nr };

	array.entries = (u64 *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
						ilog2(NR_FAKE_PAGES));
	KUNIT_ASSERT_NOT_NULL(test, array.entries);
	for (u64 i = 0; i < NR_FAKE_PAGES; i++)
		array.entries[i * 512] = 0x000fedcba9876000ULL + (i << 12);
	return array;
}

static void free_fake(struct tdx_pa_array *array)
{
	free_pages((unsigned long)array->entries, ilog2(NR_FAKE_PAGES));
}

static const struct list_info {
	const char *name;
	unsigned int nr, first;
	unsigned int list, first_field, last_field;
} list_infos[] = {
	{ "1 entry", 1, 0, 0, 0, 0 },
	{ "2 entries", 2, 0, 0, 0, 1 },
	{ "2 entries, second", 2, 1, 0, 1, 1 },
	{ "511 entries", 511, 0, 0, 0, 510 },
	{ "512 entries", 512, 0, 0, 0, 511 },
	{ "512 entries, last", 512, 511, 0, 511, 511 },
	{ "513 entries", 513, 0, 0, 0, 511 },
	{ "513 entries, last", 513, 512, 1, 0, 0 },
	{ "1300 entries, last of the first list", 1300, 511, 0, 511, 511 },
	{ "1300 entries, second list", 1300, 512, 1, 0, 511 },
	{ "1300 entries, rest of the second list", 1300, 700, 1, 188, 511 },
	{ "1300 entries, third list", 1300, 1024, 2, 0, 275 },
	{ "1300 entries, last", 1300, 1299, 2, 275, 275 },
};

KUNIT_ARRAY_PARAM_DESC(list_info, list_infos, name);

/*
 * Rule: HPA_LIST_INFO names the list, its first entry to process and its last
 * entry.
 */
static void hpa_list_info_fields(struct kunit *test)
{
	const struct list_info *p = test->param_value;
	struct tdx_pa_array array = fake_array(test, p->nr);
	u64 operand = tdx_hpa_list_info(&array, p->first);

	KUNIT_EXPECT_EQ(test, bits(operand, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, bits(operand, 11, 3), p->first_field);
	KUNIT_EXPECT_EQ(test, bits(operand, 51, 12),
			(u64)virt_to_phys(array.entries + 512 * p->list) >> 12);
	KUNIT_EXPECT_EQ(test, bits(operand, 54, 52), 0);
	KUNIT_EXPECT_EQ(test, bits(operand, 63, 55), p->last_field);
	free_fake(&array);
}

/* Rule: HPA_ARRAY_T names the list, but a single page without any list. */
static void hpa_array_fields(struct kunit *test)
{
	static const unsigned int nrs[] = { 1, 2, 3, 511, 512 };

	for (int i = 0; i < ARRAY_SIZE(nrs); i++) {
		struct tdx_pa_array array = fake_array(test, nrs[i]);
		u64 list_pfn = (u64)virt_to_phys(array.entries) >> 12, operand;

		/* No other bit of an entry appears in the operand. */
		array.entries[0] |= 1ULL << 63 | 1ULL << 52 | 0xfff;
		operand = tdx_hpa_array(&array);
		KUNIT_EXPECT_EQ(test, bits(operand, 11, 0), 0);
		KUNIT_EXPECT_EQ(test, bits(operand, 51, 12),
				nrs[i] == 1 ? 0xfedcba9876ULL : list_pfn);
		KUNIT_EXPECT_EQ(test, bits(operand, 54, 52), 0);
		KUNIT_EXPECT_EQ(test, bits(operand, 63, 55), nrs[i] - 1);
		free_fake(&array);
	}
}

/*
 * Rule: IOMMU_MT is the PA of the list; output goes to the page behind the
 * lists.
 */
static void page_operands(struct kunit *test)
{
	static const struct {
		unsigned int nr, output;
	} p[] = { { 2, 1 }, { 511, 1 }, { 512, 1 }, { 513, 2 }, { 1024, 2 }, { 1300, 3 } };
	struct tdx_pa_array array = fake_array(test, 1);

	KUNIT_EXPECT_EQ(test, tdx_hpa_array_output(&array), 0);
	for (int i = 0; i < ARRAY_SIZE(p); i++) {
		array.nr = p[i].nr;
		KUNIT_EXPECT_EQ(test, tdx_pa_list(&array, 0), virt_to_phys(array.entries));
		KUNIT_EXPECT_EQ(test, tdx_hpa_array_output(&array),
				virt_to_phys(array.entries) + p[i].output * 4096);
	}
	free_fake(&array);
}

/*
 * Rule: a list is a whole page of memory that holds 512 entries, also from
 * vmalloc().
 */
static void lists_are_whole_pages(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value, first;
	struct tdx_pa_array *array;
	const void *spare;

	for (int vmalloc = 0; vmalloc < 2; vmalloc++) {
		if (vmalloc && !fixture_can_fail_allocations())
			break;
		if (vmalloc)
			fixture_fail_nth_allocation(2);
		array = tdx_pa_array_alloc(nr, NUMA_NO_NODE);
		fixture_fail_nth_allocation(0);
		/*
		 * In a few runs, a new slab for the object was the second
		 * allocation.
		 */
		if (!array && vmalloc)
			break;
		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		KUNIT_ASSERT_TRUE(test, PAGE_ALIGNED(array->entries));
		if (vmalloc && fixture_counts_are_exact())
			KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(array->entries));

		for (first = 0; first < nr; first += 512) {
			phys_addr_t list = tdx_pa_list(array, min(first + 511, nr - 1));

			KUNIT_ASSERT_EQ(test, list, tdx_pa_list(array, first));
			KUNIT_ASSERT_EQ(test, offset_in_page(list), 0);
			KUNIT_ASSERT_MEMEQ(test, phys_to_virt(list), array->entries + first,
					   min(nr - first, 512) * sizeof(u64));
		}

		/*
		 * An operand without a length, for IOMMU_MT, must not expose
		 * other data.
		 */
		KUNIT_EXPECT_NULL(test, memchr_inv(array->entries + nr, 0,
						   (first - nr) * sizeof(u64)));

		/* Behind the lists is one page for output. */
		if (nr > 1) {
			spare = phys_to_virt(tdx_hpa_array_output(array));
			KUNIT_EXPECT_NULL(test, memchr_inv(spare, 0, PAGE_SIZE));
			memset(array->entries + first, 0x5a, PAGE_SIZE);
			KUNIT_EXPECT_NULL(test, memchr_inv(spare, 0x5a, PAGE_SIZE));
		}
		tdx_pa_array_free(array);
	}
}

static const struct mt_param {
	const char *name;
	unsigned int order;
	unsigned int nr_pages;
} mt_params[] = {
	{ "single pages only", 0, 0 },
	{ "single pages", 0, 6 },
	{ "blocks of two pages", 1, 6 },
	{ "blocks of 8 pages, full list", 3, 510 },
	{ "blocks of 512 pages", 9, 30 },
};

KUNIT_ARRAY_PARAM_DESC(mt, mt_params, name);

/*
 * Rule: entries 0 and 1 have the number of pages of their zeroed blocks, and
 * the list ends with zeros.  No operand holds its length.
 */
static void iommu_mt_starts_with_blocks(struct kunit *test)
{
	const struct mt_param *p = test->param_value;
	unsigned long block_pages = 1UL << p->order;
	struct tdx_pa_array *array;
	unsigned long used[4];
	unsigned int i;

	/* Leave pages with contents in the page allocator. */
	for (i = 0; i < ARRAY_SIZE(used); i++) {
		used[i] = __get_free_pages(GFP_KERNEL, p->order);
		KUNIT_ASSERT_NE(test, used[i], 0);
		memset((void *)used[i], 0xff, block_pages * PAGE_SIZE);
	}
	for (i = 0; i < ARRAY_SIZE(used); i++)
		free_pages(used[i], p->order);

	array = tdx_pa_array_alloc_iommu_mt(p->order, p->nr_pages, NUMA_NO_NODE);
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
		for (unsigned int n = 0; n < block_pages; n++)
			KUNIT_ASSERT_EQ(test, page_count(entry_page(array, i) + n), 1);
	}
	for (; i < 512; i++)
		KUNIT_EXPECT_EQ(test, array->entries[i], 0);

	tdx_pa_array_free(array);
}

/* Rule: an array has pages. */
static void alloc_rejects_no_pages(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, tdx_pa_array_alloc(0, NUMA_NO_NODE));
}

/*
 * Rule: NULL can be freed, and a variable frees its array at the end of its
 * scope.
 */
static void free_takes_null_and_serves_cleanup(struct kunit *test)
{
	tdx_pa_array_free(NULL);
	{
		struct tdx_pa_array *array __free(tdx_pa_array) = fixture_alloc(test, 3);

		KUNIT_EXPECT_EQ(test, array->nr, 3);
	}
}

/* Rule: free returns all memory. */
static void free_returns_all_memory(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	unsigned long before;

	/* Fill the caches of the slab allocator first. */
	tdx_pa_array_free(tdx_pa_array_alloc(nr, NUMA_NO_NODE));

	before = tdx_checker_nr_free_pages();
	for (unsigned int i = 0; i < nr_rounds(); i++)
		tdx_pa_array_free(tdx_pa_array_alloc(nr, NUMA_NO_NODE));
	expect_no_leak(test, before, nr_rounds(), "size", nr);
}

/* Rule: pages that the module never owned are not flushed. */
static void free_does_not_flush_unused_pages(struct kunit *test)
{
	tdx_pa_array_free(fixture_alloc(test, 513));
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_resets(), 0);
}

static void reverse_entries(struct tdx_pa_array *array)
{
	for (unsigned int i = 0; i < array->nr / 2; i++)
		swap(array->entries[i], array->entries[array->nr - 1 - i]);
}

/* Rule: each page is freed once, in whatever order the entries are. */
static void free_frees_exact_runs(struct kunit *test)
{
	for (unsigned int step = 0; step <= 5; step++) {
		struct tdx_pa_array *array = fixture_alloc(test, 60);

		if (!step)
			reverse_entries(array);
		/* Runs of @step pages, separated by pages of other runs */
		for (unsigned int i = step; step && i + step < 60; i += 2 * step)
			swap(array->entries[i], array->entries[59 - i]);
		tdx_pa_array_free(array);
	}
}

static const struct sharing {
	const char *name;
	bool private;		/* the module had the pages */
	unsigned int nr_held;	/* it holds them */
	bool put_first;		/* the other reference ends before the array */
} sharings[] = {
	{ "unused, array first", false, 0, false },
	{ "unused, array last", false, 0, true },
	{ "returned, array first", true, 0, false },
	{ "returned, array last", true, 0, true },
	{ "held, array first", true, 600, false },
	{ "held, array last", true, 600, true },
};

KUNIT_ARRAY_PARAM_DESC(sharing, sharings, name);

/*
 * Rule: a page that has another reference is freed with its last one, its run
 * at once.  A page that the module holds is not freed by any of them.
 */
static void free_respects_other_references(struct kunit *test)
{
	static const unsigned int others[] = { 0, 300, 599 };
	const struct sharing *p = test->param_value;
	unsigned int nr_left = p->nr_held ?: p->put_first ? 0 : ARRAY_SIZE(others);
	struct tdx_pa_array *array = fixture_alloc(test, 600);
	struct page *page[ARRAY_SIZE(others)];
	struct tdx_checker_report report;

	for (int i = 0; i < ARRAY_SIZE(others); i++) {
		page[i] = entry_page(array, others[i]);
		get_page(page[i]);
	}
	array->flush = p->private;
	array->nr_held = p->nr_held;
	for (int i = 0; p->put_first && i < ARRAY_SIZE(others); i++)
		put_page(page[i]);
	tdx_pa_array_free(array);
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.lost, nr_left);
	for (int i = 0; !p->put_first && i < ARRAY_SIZE(others); i++) {
		KUNIT_EXPECT_EQ(test, page_count(page[i]), 1 + !!p->nr_held);
		put_page(page[i]);
	}
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.lost, p->nr_held);
	fixture_expect(test, 0, p->nr_held);
}

static void find_page_free(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "mm_page_free"))
		*(struct tracepoint **)data = tp;
}

/*
 * Pages of an array, and how many of them were not as the page allocator
 * expects
 */
static unsigned int nr_freed_pages, nr_odd_pages;

/* @data: a copy of the array */
static void see_page_free(void *data, struct page *page, unsigned int order)
{
	const struct tdx_pa_array *array = data;
	unsigned long flags;
	unsigned int i = 0;

	while (i < array->nr && page_to_phys(page) - tdx_pa_entry(array, i) >=
	       (i < 2 ? PAGE_SIZE << array->block_order : PAGE_SIZE))
		i++;
	if (i == array->nr)
		return;
	nr_freed_pages++;
	/* Some kernels have a structure around the flags. */
	flags = *(unsigned long *)&page->flags;
	/* _mapcount is the type of a page that is not mapped: -1 is none. */
	nr_odd_pages += order || page_ref_count(page) || atomic_read(&page->_mapcount) != -1 ||
			page_private(page) || page->mapping || PageCompound(page) ||
			(flags & PAGE_FLAGS_CHECK_AT_FREE);
#ifdef CONFIG_MEMCG
	nr_odd_pages += !!page->memcg_data;
#endif
}

/*
 * Rule: every freed page is an order-0 page without references, private field,
 * type, mapping and flags, as the page allocator expects.
 */
static void freed_pages_are_plain(struct kunit *test)
{
	struct tdx_pa_array *array, copy;
	struct tracepoint *event = NULL;

	for_each_kernel_tracepoint(find_page_free, &event);
	KUNIT_ASSERT_NOT_NULL(test, event);

	for (int returned = 0; returned < 2; returned++) {
		array = tdx_pa_array_alloc_iommu_mt(3, 500, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		array->flush = returned;
		copy = *array;
		copy.entries = kmemdup(array->entries, 502 * sizeof(u64), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy.entries);
		nr_freed_pages = 0;
		nr_odd_pages = 0;
		KUNIT_ASSERT_EQ(test, tracepoint_probe_register(event, see_page_free, &copy), 0);
		tdx_pa_array_free(array);
		tracepoint_probe_unregister(event, see_page_free, &copy);
		tracepoint_synchronize_unregister();

		KUNIT_EXPECT_EQ(test, nr_freed_pages, 2 * 8 + 500);
		KUNIT_EXPECT_EQ(test, nr_odd_pages, 0);
		kfree(copy.entries);
	}
}

/*
 * Rule: the pages of a list are contiguous if memory allows, and a caller can
 * see it in the entries.  The pages of an IOMMU_MT block are always contiguous.
 */
static void contiguity_is_visible(struct kunit *test)
{
	if (!fixture_can_fail_allocations())
		kunit_skip(test, "needs fault injection for allocations");
	if (!fixture_counts_are_exact())
		kunit_skip(test, "this kernel allocates in addition");

	for (unsigned int nth = 0; nth <= 3; nth += 3) {
		struct tdx_pa_array *array;
		unsigned int nr_runs = 1;

		/* The third allocation is the block of 512 pages. */
		fixture_fail_nth_allocation(nth);
		array = tdx_pa_array_alloc(512, NUMA_NO_NODE);
		fixture_fail_nth_allocation(0);
		KUNIT_ASSERT_NOT_NULL(test, array);
		fixture_watch(array);
		for (unsigned int i = 1; i < array->nr; i++)
			nr_runs += array->entries[i] != array->entries[i - 1] + PAGE_SIZE;
		/* Two blocks of 256 pages may be neighbours. */
		KUNIT_EXPECT_LE(test, nr_runs, nth ? 2 : 1);
		if (nr_runs == 1)
			KUNIT_EXPECT_EQ(test, array->entries[511],
					array->entries[0] + 511 * PAGE_SIZE);
		tdx_pa_array_free(array);
	}
}

/* Rule: no bit of an entry but its PA decides what is freed. */
static void free_masks_entries(struct kunit *test)
{
	struct tdx_pa_array *array = fixture_alloc(test, 600);

	for (unsigned int i = 0; i < array->nr; i++)
		array->entries[i] |= i % 2 ? 1ULL << 63 : 2;
	tdx_pa_array_free(array);

	array = tdx_pa_array_alloc_iommu_mt(3, 4, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, array);
	fixture_watch(array);
	array->entries[0] &= PAGE_MASK;
	array->entries[1] += 8;
	array->entries[2] |= 8;
	tdx_pa_array_free(array);
}

static u8 pattern(size_t i)
{
	return i * 13 + (i >> PAGE_SHIFT);
}

static const struct copy_len {
	const char *name;
	size_t len;
	int ret;
} lens[] = {
	{ "nothing", 0, 0 },
	{ "one byte", 1, 0 },
	{ "less than a page", PAGE_SIZE - 1, 0 },
	{ "one page", PAGE_SIZE, 0 },
	{ "one byte of the second page", PAGE_SIZE + 1, 0 },
	{ "all", 4 * PAGE_SIZE, 0 },
	{ "one byte too many", 4 * PAGE_SIZE + 1, -EINVAL },
	{ "far too many", SIZE_MAX, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(len, lens, name);

/* Rule: copy out copies exactly @len bytes, across pages, or nothing. */
static void copy_out_copies_the_length(struct kunit *test)
{
	const struct copy_len *p = test->param_value;
	struct tdx_pa_array *array = fixture_alloc(test, 4);
	size_t n = 4 * PAGE_SIZE + 16;
	u8 *dst = kunit_kmalloc(test, n, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dst);
	memset(dst, 0xee, n);
	/* The next page in memory is not the next one of the array. */
	reverse_entries(array);
	for (size_t i = 0; i < 4 * PAGE_SIZE; i++) {
		u8 *page = phys_to_virt(array->entries[i >> PAGE_SHIFT]);

		page[offset_in_page(i)] = pattern(i);
	}
	/* No bit of an entry but its PA decides what is read. */
	array->entries[0] |= 1ULL << 63 | 8;

	KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(array, dst, p->len), p->ret);
	for (size_t i = 0; i < n; i++) {
		bool copied = !p->ret && i < p->len;

		KUNIT_ASSERT_EQ_MSG(test, dst[i], copied ? pattern(i) : 0xee, "byte %zu", i);
	}
	tdx_pa_array_free(array);
}

/* Rule: pages that the module used privately cannot be read. */
static void copy_out_rejects_private_pages(struct kunit *test)
{
	struct tdx_pa_array *array = fixture_alloc(test, 2);
	u8 byte = 0xee;

	array->flush = true;
	KUNIT_EXPECT_EQ(test, tdx_pa_array_copy_out(array, &byte, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, byte, 0xee);
	array->flush = false;
	tdx_pa_array_free(array);
}

static struct kunit_case pa_array_cases[] = {
	KUNIT_CASE_PARAM(alloc_returns_distinct_pages, size_gen_params),
	KUNIT_CASE(alloc_uses_the_node),
	KUNIT_CASE(alloc_falls_back_to_smaller_blocks),
	KUNIT_CASE(alloc_takes_large_blocks),
	KUNIT_CASE(alloc_does_not_insist),
	KUNIT_CASE_PARAM(alloc_survives_each_failure, failing_size_gen_params),
	KUNIT_CASE(alloc_survives_the_end_of_memory),
	KUNIT_CASE(alloc_rejects_no_pages),
	KUNIT_CASE_PARAM(hpa_list_info_fields, list_info_gen_params),
	KUNIT_CASE(hpa_array_fields),
	KUNIT_CASE(page_operands),
	KUNIT_CASE_PARAM(lists_are_whole_pages, size_gen_params),
	KUNIT_CASE_PARAM(iommu_mt_starts_with_blocks, mt_gen_params),
	KUNIT_CASE(free_takes_null_and_serves_cleanup),
	KUNIT_CASE_PARAM(free_returns_all_memory, size_gen_params),
	KUNIT_CASE(free_does_not_flush_unused_pages),
	KUNIT_CASE(free_frees_exact_runs),
	KUNIT_CASE_PARAM(free_respects_other_references, sharing_gen_params),
	KUNIT_CASE(freed_pages_are_plain),
	KUNIT_CASE(contiguity_is_visible),
	KUNIT_CASE(free_masks_entries),
	KUNIT_CASE_PARAM(copy_out_copies_the_length, len_gen_params),
	KUNIT_CASE(copy_out_rejects_private_pages),
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
