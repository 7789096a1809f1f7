// SPDX-License-Identifier: GPL-2.0
/*
 * One suite for all designs, with one page checker
 *
 * Each case runs the call sequence of a host driver, written as the design
 * intends.  Some cases reach a known hazard of another design (H1 to H3 and H7,
 * see Documentation/design.rst).  These hazards are claims, so the suite tests
 * them.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/shared/tdx_errno.h>

#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "tdx.h"
#include "../tests/poison.h"

#include "design.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define REG_BASE	0xfed90000

/* Only "make bench V2_MBOX=file" builds this design. */
#ifdef TDX_V2_POSTED
#define POSTED_NAME	"v2-posted",
#else
#define POSTED_NAME
#endif

#define CONTROL_NAMES \
	"v2", POSTED_NAME "v2-fixed", "v2-noclflush", "v2-blocks", "descriptor",	\
	"hpa-list", "hpa-list-freed", "flat-v2alloc", "flat-blocks", "flat"

static const char *const control_names[] = { CONTROL_NAMES };
/* The bare list is only for memory of the extensions. */
static const char *const memory_names[] = { CONTROL_NAMES, "bare-list" };

static void name_desc(const char *const *name, char *desc)
{
	strscpy(desc, *name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(design, control_names, name_desc);
KUNIT_ARRAY_PARAM(memory_design, memory_names, name_desc);

static const struct design *selected(struct kunit *test)
{
	const struct design *design = design_find(*(const char *const *)test->param_value);

	if (!design)
		kunit_skip(test, "its module is not loaded");
	design_select(design);
	return design;
}

static bool is_v2(const struct design *design)
{
	return str_has_prefix(design->name, "v2");
}

static bool is_fixed(const struct design *design)
{
	return !strcmp(design->name, "v2-fixed");
}

/* It frees pages without a flush.  Many of its calls take one page only. */
static bool is_hpa_list(const struct design *design)
{
	return str_has_prefix(design->name, "hpa-list");
}

static bool is_flat(const struct design *design)
{
	return str_has_prefix(design->name, "flat");
}

/* Pages behind the first one of a block have no reference. */
static bool is_flat_blocks(const struct design *design)
{
	return !strcmp(design->name, "flat-blocks");
}

static bool is_descriptor(const struct design *design)
{
	return !strcmp(design->name, "descriptor");
}

static void fail(u64 leaf, unsigned int nth, u64 status, unsigned int after)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = status, .after = after,
	});
}

/*
 * Can the design do what returned @ret?  A limit of the design is not a
 * failure.
 */
static bool can_do(struct kunit *test, const struct design *design, int ret)
{
	if (ret == -EOPNOTSUPP && is_hpa_list(design))
		return false;
	KUNIT_ASSERT_EQ(test, ret, 0);
	return true;
}

/* Some designs need an allocation function that old kernels do not export. */
static bool lacks_memory(const struct design *design)
{
#ifdef TDX_COMPAT_NO_CONTIG
	return strcmp(design->name, "flat") && strcmp(design->name, "flat-blocks") &&
	       strcmp(design->name, "v2-blocks");
#else
	return false;
#endif
}

static int ext_start(struct kunit *test, const struct design *design, unsigned int nr)
{
	if (lacks_memory(design))
		kunit_skip(test, "no contiguous allocation on this kernel");
	return design->ext_start(nr);
}

/* Compare the report of the page checker, and start the next one. */
static void expect_report(struct kunit *test, struct tdx_checker_report expected)
{
	struct tdx_checker_report report;

	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.freed_owned, expected.freed_owned);
	KUNIT_EXPECT_EQ(test, report.freed_dirty, expected.freed_dirty);
	KUNIT_EXPECT_EQ(test, report.freed_twice, 0);
	KUNIT_EXPECT_EQ(test, report.claimed_free, 0);
	KUNIT_EXPECT_EQ(test, report.objects, expected.objects);
	KUNIT_EXPECT_EQ(test, report.held, expected.held);
	KUNIT_EXPECT_EQ(test, report.lost, expected.lost);

	tdx_model_reclaim();
	design_reclaim();
	tdx_checker_end();
	tdx_model_reset();
	KUNIT_ASSERT_EQ(test, tdx_checker_begin(), 0);
}

/* The array alone, for both uses */
static void array_life(struct kunit *test)
{
	static const unsigned int sizes[] = { 1, 2, 511, 512, 513, 1024, 12800 };
	const struct design *design = selected(test);

	for (int use = USE_CONTROL; use <= USE_MEMORY; use++) {
		unsigned int max = use == USE_CONTROL ? design->max_control :
							design->max_memory;

		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			void *array = design->create(use, sizes[i]);

			if (sizes[i] > max) {
				KUNIT_EXPECT_NULL(test, array);
				continue;
			}
			if (!array && use == USE_MEMORY && lacks_memory(design))
				kunit_skip(test, "no contiguous allocation on this kernel");
			KUNIT_ASSERT_NOT_NULL(test, array);
			KUNIT_EXPECT_EQ(test, design->nr_entries(array), sizes[i]);
			design_watch(design, array);
			design->hand_over(array);
			if (i % 2 && sizes[i] <= 512 && design->release_flushed)
				design->release_flushed(array);
			else
				design->release(array);
		}
	}
}

static const unsigned int control_sizes[] = { 1, 2, 511, 512 };

/* hpa-list does not flush returned pages. */
static void spdm_life(struct kunit *test)
{
	const struct design *design = selected(test);

	for (unsigned int i = 0; i < ARRAY_SIZE(control_sizes); i++) {
		struct design_object spdm;

		KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, control_sizes[i], &spdm), 0);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), control_sizes[i]);
		KUNIT_EXPECT_EQ(test, design->spdm_delete(&spdm), 0);
		expect_report(test, (struct tdx_checker_report) {
			.freed_dirty = is_hpa_list(design) ? control_sizes[i] : 0,
		});
	}
}

static void ide_life(struct kunit *test)
{
	const struct design *design = selected(test);
	unsigned int nr_done = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(control_sizes); i++) {
		struct design_object spdm, ide;
		unsigned int nr_pages = 4;

		KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 4, &spdm), 0);
		if (can_do(test, design, design->ide_create(STREAM_INFO, &spdm,
							    control_sizes[i], &ide))) {
			KUNIT_EXPECT_EQ(test, design->ide_delete(&spdm, &ide), 0);
			nr_pages += control_sizes[i];
			nr_done++;
		}
		KUNIT_EXPECT_EQ(test, design->spdm_delete(&spdm), 0);
		expect_report(test, (struct tdx_checker_report) {
			.freed_dirty = is_hpa_list(design) ? nr_pages : 0,
		});
	}
	KUNIT_EXPECT_EQ(test, nr_done, is_hpa_list(design) ? 1 : ARRAY_SIZE(control_sizes));
}

#define NR_ORDERS	5

/*
 * H7: v2 and the descriptor flush only the first page of each of the two
 * blocks.
 */
static bool has_h7(const struct design *design)
{
	return (is_v2(design) && !is_fixed(design)) || is_descriptor(design);
}

static void iommu_life(struct kunit *test)
{
	const struct design *design = selected(test);
	unsigned int nr_done = 0;

	for (unsigned int order = 0; order < NR_ORDERS; order++) {
		unsigned int nr_tail_pages = (2 << order) - 2;
		struct design_object iommu;

		tdx_model_set_iommu_entries(2 + 30);
		if (!can_do(test, design, design->iommu_setup(REG_BASE, order, 30, &iommu)))
			continue;
		nr_done++;
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), (2 << order) + 30);
		KUNIT_EXPECT_EQ(test, design->iommu_clear(&iommu), 0);
		expect_report(test, (struct tdx_checker_report) {
			.freed_dirty = has_h7(design) ? nr_tail_pages : 0,
		});
	}
	KUNIT_EXPECT_EQ(test, nr_done, is_hpa_list(design) ? 1 : NR_ORDERS);
}

/* v2 skips an IOMMU without TDX mode.  Others report an error. */
static void iommu_without_tdx(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object iommu;
	int ret;

	tdx_model_set_iommu_entries(2 + 30);
	/* With the ID of an operand, as from a real TDX module */
	fail(TDH_IOMMU_SETUP, 1, TDX_OPERAND_INVALID | 1, 0);
	ret = design->iommu_setup(REG_BASE, 1, 30, &iommu);
	KUNIT_EXPECT_EQ(test, ret, is_v2(design) ? 0 : -EIO);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_SETUP), 1);
	if (!ret)
		KUNIT_EXPECT_EQ(test, design->iommu_clear(&iommu), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 0);
}

/* An IOMMU cannot be cleared: no design may free its pages. */
static void failed_clear(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object iommu;

	tdx_model_set_iommu_entries(2 + 30);
	KUNIT_ASSERT_EQ(test, design->iommu_setup(REG_BASE, 1, 30, &iommu), 0);
	fail(TDH_IOMMU_CLEAR, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_EQ(test, design->iommu_clear(&iommu), -EIO);
	expect_report(test, (struct tdx_checker_report) {
		.held = 4 + 30, .objects = is_descriptor(design) ? 3 : 0,
	});
}

static void ext_life(struct kunit *test)
{
	static const unsigned int sizes[] = { 1, 512, 513, 12800 };
	const struct design *design = selected(test);

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		fail(TDH_EXT_MEM_ADD, 0, TDX_INTERRUPTED_RESUMABLE, 300);
		KUNIT_ASSERT_EQ(test, ext_start(test, design, sizes[i]), 0);
		expect_report(test, (struct tdx_checker_report) { .held = sizes[i] });
	}
}

static void read_info_life(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm;

	tdx_model_set_rounds(2);
	KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 1, &spdm), 0);
	for (int how = INFO_CONNECT; how <= INFO_RECOLLECT; how++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(control_sizes); i++) {
			unsigned int nr = control_sizes[i];
			size_t len, n;
			void *blob;

			KUNIT_ASSERT_EQ(test, design->read_info(&spdm, how, nr, &blob, &len), 0);
			KUNIT_EXPECT_EQ(test, len, nr * PAGE_SIZE);
			for (n = 0; n < len; n++)
				KUNIT_ASSERT_EQ(test, ((u8 *)blob)[n], tdx_model_info_byte(n));
			kfree(blob);
		}
	}
	KUNIT_EXPECT_EQ(test, design->spdm_delete(&spdm), 0);
	expect_report(test, (struct tdx_checker_report) {
		.freed_dirty = is_hpa_list(design) ? 1 : 0,
	});
}

/* hpa-list frees a range at NULL instead of the pages of a failed create. */
static bool walks_null(const struct design *design)
{
	return !strcmp(design->name, "hpa-list");
}

/* H2: the design frees the pages of a failed create unflushed. */
static bool has_h2(const struct design *design)
{
	return (is_v2(design) && !is_fixed(design)) || !strcmp(design->name, "hpa-list-freed");
}

/* A create fails after it wrote to some pages. */
static void failed_create(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm;

	design_null_walks = 0;
	fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 3);
	KUNIT_EXPECT_NE(test, design->spdm_create(FUNC_ID, 20, &spdm), 0);
	KUNIT_EXPECT_EQ(test, design_null_walks, walks_null(design) ? 1 : 0);
	expect_report(test, (struct tdx_checker_report) {
		.freed_dirty = has_h2(design) ? 3 : 0,
		.lost = walks_null(design) ? 20 : 0,
	});
}

/*
 * The same, and one of the pages cannot be flushed.  v2-fixed warns with a
 * stack trace.  The caller of the descriptor frees the page.
 */
static void failed_create_and_flush(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm;

	fail(TDH_SPDM_CREATE, 1, TDX_OPERAND_BUSY, 3);
	fail(TDH_PHYMEM_PAGE_WBINVD, 2, TDX_PAGE_METADATA_INCORRECT, 0);
	if (is_fixed(design))
		fixture_expect_warnings(true);
	KUNIT_EXPECT_NE(test, design->spdm_create(FUNC_ID, 20, &spdm), 0);
	if (is_fixed(design))
		fixture_expect_warnings(false);
	expect_report(test, (struct tdx_checker_report) {
		.freed_dirty = has_h2(design) ? 3 : is_descriptor(design) ? 1 : 0,
		.lost = is_fixed(design) || walks_null(design) ? 20 : is_flat(design) ? 1 : 0,
	});
}

/*
 * The setup of an IOMMU fails after it wrote to one of two blocks of two pages.
 */
static void failed_setup(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object iommu;

	tdx_model_set_iommu_entries(2 + 30);
	fail(TDH_IOMMU_SETUP, 1, TDX_OPERAND_BUSY, 1);
	KUNIT_EXPECT_EQ(test, design->iommu_setup(REG_BASE, 1, 30, &iommu), -EIO);
	expect_report(test, (struct tdx_checker_report) {
		.freed_dirty = has_h2(design) || is_hpa_list(design) ? 2 :
			       is_descriptor(design) ? 1 : 0,
	});
}

/*
 * A delete fails: no design may free pages that the module owns.  The caller of
 * the descriptor also leaks array, list page and pointers.
 */
static void failed_delete(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm;

	KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 20, &spdm), 0);
	fail(TDH_SPDM_DELETE, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_NE(test, design->spdm_delete(&spdm), 0);
	expect_report(test, (struct tdx_checker_report) {
		.held = 20, .objects = is_descriptor(design) ? 3 : 0,
	});
}

static void failed_block(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm, ide;

	KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 4, &spdm), 0);
	KUNIT_ASSERT_EQ(test, design->ide_create(STREAM_INFO, &spdm, 1, &ide), 0);
	fail(TDH_IDE_STREAM_BLOCK, 1, TDX_OPERAND_BUSY, 0);
	KUNIT_EXPECT_NE(test, design->ide_delete(&spdm, &ide), 0);
	/* The session cannot end while the stream exists. */
	KUNIT_EXPECT_NE(test, design->spdm_delete(&spdm), 0);
	expect_report(test, (struct tdx_checker_report) {
		.held = 5, .objects = is_descriptor(design) ? 6 : 0,
	});
}

/* v2 warns with a stack trace. */
static void delete_with_warnings(const struct design *design, struct design_object *spdm)
{
	if (is_v2(design))
		fixture_expect_warnings(true);
	design->spdm_delete(spdm);
	if (is_v2(design))
		fixture_expect_warnings(false);
}

/*
 * One page cannot be flushed.  H3: v2 leaks all pages.  The descriptor warns,
 * and its caller frees all pages, the dirty one included.  hpa-list does not
 * try to flush.
 */
static void failed_flush(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm;

	KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 20, &spdm), 0);
	fail(TDH_PHYMEM_PAGE_WBINVD, 7, TDX_PAGE_METADATA_INCORRECT, 0);
	delete_with_warnings(design, &spdm);
	expect_report(test, (struct tdx_checker_report) {
		.lost = is_v2(design) ? 20 : is_flat(design) ? 1 : 0,
		.freed_dirty = is_descriptor(design) ? 1 : is_hpa_list(design) ? 20 : 0,
	});
}

static bool is_bare_list(const struct design *design)
{
	return !strcmp(design->name, "bare-list");
}

static bool has_h1(const struct design *design)
{
	return (is_v2(design) && !is_fixed(design)) || is_descriptor(design);
}

/*
 * An add fails in the middle.  H1: v2 and the descriptor free pages that the
 * module owns.  flat frees exactly the pages that the module does not own.
 * Other designs leak all pages, and some of them warn with a stack trace.
 */
static void failed_mem_add(struct kunit *test)
{
	const struct design *design = selected(test);
	bool warns = (is_bare_list(design) || is_hpa_list(design)) && !lacks_memory(design);

	fail(TDH_EXT_MEM_ADD, 2, TDX_OPERAND_BUSY, 100);
	if (warns)
		fixture_expect_warnings(true);
	KUNIT_EXPECT_NE(test, ext_start(test, design, 1300), 0);
	if (warns)
		fixture_expect_warnings(false);
	expect_report(test, (struct tdx_checker_report) {
		.freed_owned = has_h1(design) ? 612 : 0,
		.held = has_h1(design) ? 0 : 612,
		.lost = warns || is_fixed(design) ? 688 : 0,
	});
}

/* An init fails after all memory was added. */
static void failed_ext_init(struct kunit *test)
{
	const struct design *design = selected(test);
	bool warns = is_hpa_list(design) && !lacks_memory(design);

	fail(TDH_EXT_INIT, 1, TDX_OPERAND_BUSY, 0);
	if (warns)
		fixture_expect_warnings(true);
	KUNIT_EXPECT_NE(test, ext_start(test, design, 1300), 0);
	if (warns)
		fixture_expect_warnings(false);
	expect_report(test, has_h1(design) ?
		      (struct tdx_checker_report) { .freed_owned = 1300 } :
		      (struct tdx_checker_report) { .held = 1300 });
}

/*
 * The module writes garbage to the list of returned pages.  v2 leaks the pages.
 */
static void garbage_output(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object spdm;

	KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 20, &spdm), 0);
	tdx_model_set_output(TDX_MODEL_OUTPUT_GARBAGE);
	delete_with_warnings(design, &spdm);
	expect_report(test, (struct tdx_checker_report) {
		.lost = is_v2(design) ? 20 : 0,
		.freed_dirty = is_hpa_list(design) ? 20 : 0,
	});
}

/*
 * Many lives leak neither pages nor arrays.  One page in each life would be
 * 4096 pages, three objects of 32 bytes 96 pages.  Other tasks may have taken a
 * few.
 */
static void lives_leave_nothing(struct kunit *test)
{
	const struct design *design = selected(test);
	const unsigned int rounds = fixture_counts_are_exact() ? 4096 : 64;
	unsigned long before = 0;

	for (unsigned int i = 0; i < rounds + 4; i++) {
		struct design_object spdm, ide;
		size_t len;
		void *blob;

		/* The first rounds fill the caches of the slab allocator. */
		if (i == 4)
			before = tdx_checker_nr_free_pages();

		KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 5, &spdm), 0);
		KUNIT_ASSERT_EQ(test, design->ide_create(STREAM_INFO, &spdm, 1, &ide), 0);
		KUNIT_ASSERT_EQ(test, design->read_info(&spdm, INFO_CONNECT, 2, &blob, &len), 0);
		kfree(blob);
		KUNIT_ASSERT_EQ(test, design->ide_delete(&spdm, &ide), 0);
		KUNIT_ASSERT_EQ(test, design->spdm_delete(&spdm), 0);
	}

	if (fixture_counts_are_exact())
		KUNIT_EXPECT_LT(test, before, tdx_checker_nr_free_pages() + 48);
	expect_report(test, (struct tdx_checker_report) {
		.freed_dirty = is_hpa_list(design) ? (rounds + 4) * 6 : 0,
	});
}

/*
 * Pages that somebody else has a reference to: of the first, middle and last
 * entry
 */
static struct page *shared[3];
/* Pages that wait for these references: a folio waits as a whole. */
static unsigned long nr_waiting;

static void share(const struct design *design, void *array)
{
	unsigned int last = design->nr_entries(array) - 1;
	const unsigned int entries[] = { 0, last / 2, last };

	design_watch(design, array);
	nr_waiting = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
		unsigned long nr_pages;
		phys_addr_t pa = design->pages(array, entries[i], &nr_pages);

		shared[i] = pfn_to_page(PHYS_PFN(pa) + nr_pages - 1);
		/* Nobody can have a reference to this page. */
		if (!page_count(shared[i])) {
			shared[i] = NULL;
			continue;
		}
		get_page(shared[i]);
		nr_waiting += folio_nr_pages(page_folio(shared[i]));
	}
}

static void expect_shared(struct kunit *test, const struct design *design,
			  unsigned int nr_freed_dirty)
{
	struct tdx_checker_report report;

	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.lost, nr_waiting);
	for (unsigned int i = 0; i < ARRAY_SIZE(shared); i++) {
		if (!is_flat_blocks(design))
			KUNIT_EXPECT_NOT_NULL(test, shared[i]);
		if (!shared[i])
			continue;
		KUNIT_EXPECT_EQ(test, page_count(shared[i]), 1);
		/* Do not free a page that is free. */
		if (report.lost == nr_waiting)
			put_page(shared[i]);
	}
	expect_report(test, (struct tdx_checker_report) { .freed_dirty = nr_freed_dirty });
}

/*
 * A page that somebody else has a reference to is freed once, with the last
 * reference.
 */
static void other_references(struct kunit *test)
{
	const struct design *design = selected(test);
	struct design_object object;

	design_on_array = share;
	KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 20, &object), 0);
	KUNIT_ASSERT_EQ(test, design->spdm_delete(&object), 0);
	expect_shared(test, design, is_hpa_list(design) ? 20 : 0);

	for (unsigned int order = 0; order < NR_ORDERS; order++) {
		tdx_model_set_iommu_entries(2 + 30);
		if (!can_do(test, design, design->iommu_setup(REG_BASE, order, 30, &object)))
			continue;
		KUNIT_ASSERT_EQ(test, design->iommu_clear(&object), 0);
		expect_shared(test, design, has_h7(design) ? (2 << order) - 2 : 0);
	}
}

#ifdef CONFIG_MEMORY_FAILURE

static struct page *bad;

/* Poison a page in the middle of the first entry. */
static void poison(const struct design *design, void *array)
{
	unsigned long nr_pages;
	phys_addr_t pa = design->pages(array, 0, &nr_pages);

	design_watch(design, array);
	bad = pfn_to_page(PHYS_PFN(pa) + nr_pages / 2);
	memory_failure(page_to_pfn(bad), MF_SW_SIMULATED);
}

/*
 * A page is poisoned while the module holds it.  A page that is freed alone
 * then stays out of the page allocator, and a block is freed as a whole.
 * Order 4 has no list of the CPU.
 */
static void poisoned_pages(struct kunit *test)
{
	const unsigned int order = 4;

	stay_on_this_cpu();
	for (unsigned int i = 0; i < ARRAY_SIZE(control_names); i++) {
		const struct design *design = design_find(control_names[i]);
		struct design_object object;

		if (!design)
			continue;
		design_select(design);
		design_on_array = poison;
		KUNIT_ASSERT_EQ(test, design->spdm_create(FUNC_ID, 1, &object), 0);
		KUNIT_ASSERT_EQ(test, design->spdm_delete(&object), 0);
		KUNIT_EXPECT_TRUE(test, PageHWPoison(bad));
		KUNIT_EXPECT_FALSE_MSG(test, is_free(bad), "%s", design->name);
		expect_report(test, (struct tdx_checker_report) {
			.freed_dirty = is_hpa_list(design) ? 1 : 0,
		});

		design_select(design);
		tdx_model_set_iommu_entries(2 + 30);
		if (!can_do(test, design, design->iommu_setup(REG_BASE, order, 30, &object)))
			continue;
		KUNIT_ASSERT_EQ(test, design->iommu_clear(&object), 0);
		KUNIT_EXPECT_TRUE(test, PageHWPoison(bad));
		KUNIT_EXPECT_EQ_MSG(test, is_free(bad), !is_flat(design) || is_flat_blocks(design),
				    "%s", design->name);
		expect_report(test, (struct tdx_checker_report) {
			.freed_dirty = has_h7(design) ? (2 << order) - 2 : 0,
		});
	}
}

#else

static void poisoned_pages(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
}

#endif /* CONFIG_MEMORY_FAILURE */

static int lifecycle_init(struct kunit *test)
{
	design_on_array = design_watch;
	return fixture_init(test);
}

static void lifecycle_exit(struct kunit *test)
{
	fixture_exit(test);
	design_on_array = NULL;
	/* The interface of other suites */
	tdx_model_set_delete_by_id(false);
}

static struct kunit_case lifecycle_cases[] = {
	KUNIT_CASE_PARAM(array_life, memory_design_gen_params),
	KUNIT_CASE_PARAM(spdm_life, design_gen_params),
	KUNIT_CASE_PARAM(ide_life, design_gen_params),
	KUNIT_CASE_PARAM(iommu_life, design_gen_params),
	KUNIT_CASE_PARAM(iommu_without_tdx, design_gen_params),
	KUNIT_CASE_PARAM(ext_life, memory_design_gen_params),
	KUNIT_CASE_PARAM(read_info_life, design_gen_params),
	KUNIT_CASE_PARAM(failed_create, design_gen_params),
	KUNIT_CASE_PARAM(failed_create_and_flush, design_gen_params),
	KUNIT_CASE_PARAM(failed_setup, design_gen_params),
	KUNIT_CASE_PARAM(failed_delete, design_gen_params),
	KUNIT_CASE_PARAM(failed_clear, design_gen_params),
	KUNIT_CASE_PARAM(failed_block, design_gen_params),
	KUNIT_CASE_PARAM(failed_flush, design_gen_params),
	KUNIT_CASE_PARAM(failed_mem_add, memory_design_gen_params),
	KUNIT_CASE_PARAM(failed_ext_init, memory_design_gen_params),
	KUNIT_CASE_PARAM(garbage_output, design_gen_params),
	KUNIT_CASE_PARAM(lives_leave_nothing, design_gen_params),
	KUNIT_CASE_PARAM(other_references, design_gen_params),
	KUNIT_CASE(poisoned_pages),
	{}
};

static struct kunit_suite lifecycle_suite = {
	.name = "tdx_lifecycle",
	.init = lifecycle_init,
	.exit = lifecycle_exit,
	.test_cases = lifecycle_cases,
};

kunit_test_suite(lifecycle_suite);

MODULE_DESCRIPTION("KUnit tests of the life of pages, for each design");
MODULE_LICENSE("GPL");
