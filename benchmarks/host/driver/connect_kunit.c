// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the driver example, with the call sequences of flat
 *
 * After any failure, everything is taken down in reverse order, and no page is
 * freed too early or leaked needlessly.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "../../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "tdx.h"
#include "tdx_links.c"

#define NR_EXT		1300
#define NR_LINKS	3

static const struct tdx_link_config config = {
	.reg_base = 0xfed90000, .iommu_order = 3, .nr_iommu = 30,
	.func_id = 0x1000, .nr_spdm = 20, .nr_info = 4,
	.stream_info = 0x2000, .nr_ide = 1,
};

#define NR_IOMMU	(2 * 8 + 30)
#define NR_CONTROL	(NR_IOMMU + 20 + 1)

/*
 * The leaves that the driver calls, in this order.  Each create has a destroy
 * at the opposite place; SPDM.CONNECT and IDE.STREAM.BLOCK are steps in
 * between.
 */
static const u64 up_leaves[] = {
	TDH_IOMMU_SETUP, TDH_SPDM_CREATE, TDH_SPDM_CONNECT, TDH_IDE_STREAM_CREATE,
};

static const u64 down_leaves[] = {
	TDH_IDE_STREAM_BLOCK, TDH_IDE_STREAM_DELETE, TDH_SPDM_DELETE, TDH_IOMMU_CLEAR,
};

#define NR_UP		ARRAY_SIZE(up_leaves)
#define NR_DOWN		ARRAY_SIZE(down_leaves)

/*
 * Leaves that were called, without WBINVD.  A leaf that is called again counts
 * once.
 */
static u64 called[NR_LINKS * (NR_UP + NR_DOWN + 1)];
static unsigned int nr_called;

/* IOMMUs that are set up: the last one is cleared first. */
static u64 iommus[NR_LINKS];
static unsigned int nr_iommus, nr_wrong_iommus;

static u64 record_seamcall(u64 leaf, struct tdx_module_args *args)
{
	u64 status;

	if (leaf == TDH_IOMMU_CLEAR && nr_iommus)
		nr_wrong_iommus += args->rcx != iommus[--nr_iommus];
	if (leaf != TDH_PHYMEM_PAGE_WBINVD && nr_called < ARRAY_SIZE(called) &&
	    (!nr_called || called[nr_called - 1] != leaf))
		called[nr_called++] = leaf;
	status = tdx_model_seamcall(leaf, args);
	if (leaf == TDH_IOMMU_SETUP && !status && nr_iommus < NR_LINKS)
		iommus[nr_iommus++] = args->rcx;
	return status;
}

static const struct tdx_seam recorder = {
	.seamcall = record_seamcall,
	.reset_paddr = tdx_model_reset_paddr,
	.keyid = TDX_MODEL_KEYID,
	.keyid_shift = TDX_MODEL_KEYID_SHIFT,
};

static const struct design *flat;

/* A new TDX module, which exchanges one message for the device information */
static void reset(void)
{
	tdx_model_reset();
	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + config.nr_iommu);
	tdx_model_set_rounds(1);
	nr_called = 0;
	nr_iommus = 0;
	nr_wrong_iommus = 0;
}

static void expect_leaves(struct kunit *test, unsigned int nr_up, unsigned int nr_down)
{
	KUNIT_ASSERT_EQ(test, nr_called, nr_up + nr_down);
	KUNIT_EXPECT_MEMEQ(test, called, up_leaves, nr_up * sizeof(u64));
	KUNIT_EXPECT_MEMEQ(test, called + nr_up, down_leaves + NR_DOWN - nr_down,
			   nr_down * sizeof(u64));
}

/*
 * In every case: no page was freed too early, and neither page nor object is
 * leaked needlessly.  Returns the pages that are not free, and starts the next
 * report.
 */
static unsigned long leaked_pages(struct kunit *test)
{
	struct tdx_checker_report report;

	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.freed_owned, 0);
	KUNIT_EXPECT_EQ(test, report.freed_dirty, 0);
	KUNIT_EXPECT_EQ(test, report.freed_twice, 0);
	KUNIT_EXPECT_EQ(test, report.claimed_free, 0);
	KUNIT_EXPECT_EQ(test, report.objects, 0);
	KUNIT_EXPECT_EQ(test, report.needless, 0);
	/* Each owned page belongs to an array. */
	KUNIT_EXPECT_EQ(test, report.held, tdx_model_nr_owned());

	tdx_model_reclaim();
	tdx_checker_end();
	reset();
	KUNIT_ASSERT_EQ(test, tdx_checker_begin(), 0);
	return report.held + report.lost;
}

static int up_and_down(void)
{
	struct tdx_link link;
	int ret = tdx_link_up(&link, flat, &config);

	if (!ret)
		tdx_link_down(&link);
	return ret;
}

/* Nothing fails: all pages are freed, except the memory of the extensions. */
static void whole_life(struct kunit *test)
{
	struct tdx_link link;

	KUNIT_ASSERT_EQ(test, flat->ext_start(NR_EXT), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_EXT);
	nr_called = 0;

	KUNIT_ASSERT_EQ(test, tdx_link_up(&link, flat, &config), 0);
	expect_leaves(test, NR_UP, 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_EXT + NR_CONTROL);
	KUNIT_ASSERT_EQ(test, link.info_len, config.nr_info * SZ_4K);
	for (unsigned int i = 0; i < link.info_len; i++)
		KUNIT_ASSERT_EQ(test, ((u8 *)link.info)[i], tdx_model_info_byte(i));

	tdx_link_down(&link);
	expect_leaves(test, NR_UP, NR_DOWN);
	KUNIT_EXPECT_EQ(test, leaked_pages(test), NR_EXT);
}

/* Failures of a call */
static const struct failure {
	const char *name;
	u64 status;
	unsigned int after;
	bool keep;
} failures[] = {
	{ "busy", TDX_OPERAND_BUSY },
	{ "busy_after_some_entries", TDX_OPERAND_BUSY, 7 },
	{ "busy_and_keeps_pages", TDX_OPERAND_BUSY, 7, true },
	{ "not_entered", TDX_SEAMCALL_UD },
};

static void failure_desc(const struct failure *failure, char *desc)
{
	strscpy(desc, failure->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(failure, failures, failure_desc);

/* Pages that the module keeps if one of @up_leaves fails this way */
static unsigned long nr_kept(const struct failure *f, unsigned int step)
{
	const unsigned long nr[] = { 2 * 8 + f->after - 2, f->after, 0, config.nr_ide };

	return f->keep && step < NR_UP ? nr[step] : 0;
}

static void fail(struct kunit *test, u64 leaf, unsigned int nth)
{
	const struct failure *f = test->param_value;

	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = f->status, .after = f->after,
		.keep = f->keep,
	});
}

/*
 * Rule: if any call of the bring-up fails, what exists is taken down in reverse
 * order.
 */
static void failed_bring_up(struct kunit *test)
{
	static const unsigned int nr_down[] = { 0, 1, 2, 2 };
	const struct failure *f = test->param_value;

	for (unsigned int i = 0; i < NR_UP; i++) {
		/* SPDM.CONNECT is called twice. */
		unsigned int nr_calls = up_leaves[i] == TDH_SPDM_CONNECT ? 2 : 1;

		for (unsigned int nth = 1; nth <= nr_calls; nth++) {
			fail(test, up_leaves[i], nth);
			KUNIT_EXPECT_EQ(test, up_and_down(), -EIO);
			expect_leaves(test, i + 1, nr_down[i]);
			KUNIT_EXPECT_EQ(test, leaked_pages(test), nr_kept(f, i));
		}
	}
}

/*
 * Rule: a failed destroy does not end the teardown.  Its pages are leaked, and
 * so are those of a session whose stream exists.
 */
static void failed_destroy(struct kunit *test)
{
	const unsigned int nr_leaked[] = {
		config.nr_ide + config.nr_spdm, config.nr_ide + config.nr_spdm, config.nr_spdm,
		NR_IOMMU,
	};

	for (unsigned int i = 0; i < NR_DOWN; i++) {
		fail(test, down_leaves[i], 1);
		KUNIT_EXPECT_EQ(test, up_and_down(), 0);
		/* A stream that is not blocked is not deleted. */
		KUNIT_EXPECT_EQ(test, nr_called, NR_UP + NR_DOWN - !i);
		KUNIT_EXPECT_EQ(test, called[nr_called - 1], TDH_IOMMU_CLEAR);
		KUNIT_EXPECT_EQ(test, leaked_pages(test), nr_leaked[i]);
	}

	for (unsigned int i = 0; i < NR_DOWN; i++)
		fail(test, down_leaves[i], 1);
	KUNIT_EXPECT_EQ(test, up_and_down(), 0);
	KUNIT_EXPECT_EQ(test, leaked_pages(test), NR_CONTROL);
}

/*
 * Rule: if a step of the last link fails, or the key update after it, all links
 * are taken down in reverse order.  A destroy that fails, here of the second
 * session, does not end that.  The same holds without a failure.
 */
static void last_link_fails(struct kunit *test)
{
	static const unsigned int nr_down[] = { 0, 1, 2, 2, NR_DOWN, NR_DOWN };
	struct tdx_link_config configs[NR_LINKS];
	const struct failure *f = test->param_value;

	/* Links of their own IOMMUs, sessions and streams */
	for (unsigned int i = 0; i < NR_LINKS; i++) {
		configs[i] = config;
		configs[i].reg_base += i * SZ_64K;
		configs[i].func_id += i;
		configs[i].stream_info += i;
	}

	for (unsigned int step = 0; step <= NR_UP + 1; step++) {
		unsigned int nr = step < NR_UP ? NR_UP * 2 + step + 1 : NR_UP * 3 + 1;
		u64 leaf = step < NR_UP ? up_leaves[step] : TDH_SPDM_MNG;
		/* An exchange of one message is two calls. */
		bool twice = leaf == TDH_SPDM_MNG || leaf == TDH_SPDM_CONNECT;
		unsigned int nth = twice ? NR_LINKS * 2 - 1 : NR_LINKS;
		struct tdx_link links[NR_LINKS];

		if (step <= NR_UP)
			fail(test, leaf, nth);
		/* The last link has a session that is deleted before. */
		fail(test, TDH_SPDM_DELETE, nr_down[step] > 1 ? 2 : 1);
		KUNIT_EXPECT_EQ(test, tdx_links_up(links, NR_LINKS, flat, configs),
				step <= NR_UP ? -EIO : 0);
		if (step > NR_UP)
			tdx_links_down(links, NR_LINKS);

		KUNIT_ASSERT_EQ(test, nr_called, nr + nr_down[step] + 2 * NR_DOWN);
		KUNIT_EXPECT_EQ(test, nr_iommus, 0);
		KUNIT_EXPECT_EQ(test, nr_wrong_iommus, 0);
		for (unsigned int i = 0; i < NR_LINKS; i++)
			KUNIT_EXPECT_MEMEQ(test, called + i * NR_UP, up_leaves,
					   min(NR_UP, nr - i * NR_UP) * sizeof(u64));
		KUNIT_EXPECT_MEMEQ(test, called + nr, down_leaves + NR_DOWN - nr_down[step],
				   nr_down[step] * sizeof(u64));
		for (unsigned int i = 1; i < NR_LINKS; i++)
			KUNIT_EXPECT_MEMEQ(test, called + nr_called - i * NR_DOWN, down_leaves,
					   NR_DOWN * sizeof(u64));
		KUNIT_EXPECT_EQ(test, leaked_pages(test), config.nr_spdm + nr_kept(f, step));
	}
}

/* Rule: information that exceeds its buffer fails the bring-up. */
static void length_is_checked(struct kunit *test)
{
	static const struct {
		u64 length;
		int ret;
	} lengths[] = {
		{ 3, 0 }, { 4 * SZ_4K, 0 }, { 4 * SZ_4K + 1, -EIO }, { U64_MAX, -ENOMEM },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		tdx_model_set_rounds(0);
		tdx_model_set_length(lengths[i].length);
		KUNIT_EXPECT_EQ(test, up_and_down(), lengths[i].ret);
		expect_leaves(test, lengths[i].ret ? NR_UP - 1 : NR_UP,
			      lengths[i].ret ? 2 : NR_DOWN);
		KUNIT_EXPECT_EQ(test, leaked_pages(test), 0);
	}
}

/*
 * Rule: if memory is short anywhere, the driver returns -ENOMEM and leaks
 * nothing.
 */
static void memory_is_short(struct kunit *test)
{
	unsigned int nth = 0;
	bool failed;
	int ret;

	do {
		if (!fixture_fail_nth_allocation(++nth))
			kunit_skip(test, "this kernel has no fault injection");
		ret = up_and_down();
		failed = fixture_allocation_failed();
		fixture_fail_nth_allocation(0);
		/* Blocks of pages fall back to smaller ones. */
		if (ret)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		if (!failed)
			KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, leaked_pages(test), 0);
	} while (failed);

	/*
	 * IOMMU, session, buffer and its copy, stream: at least two allocations
	 * each
	 */
	KUNIT_EXPECT_GT(test, nth, 9);
}

static int connect_init(struct kunit *test)
{
	int ret;

	flat = design_find("flat");
	if (!flat)
		kunit_skip(test, "the module of flat is not loaded");

	ret = fixture_init(test);
	if (ret)
		return ret;

	reset();
	design_on_array = design_watch;
	tdx_model_remove();
	return tdx_seam_install(&recorder);
}

static void connect_exit(struct kunit *test)
{
	tdx_seam_remove(&recorder);
	tdx_model_install();
	design_on_array = NULL;
	fixture_exit(test);
}

static struct kunit_case connect_cases[] = {
	KUNIT_CASE(whole_life),
	KUNIT_CASE_PARAM(failed_bring_up, failure_gen_params),
	KUNIT_CASE_PARAM(failed_destroy, failure_gen_params),
	KUNIT_CASE_PARAM(last_link_fails, failure_gen_params),
	KUNIT_CASE(length_is_checked),
	KUNIT_CASE(memory_is_short),
	{}
};

static struct kunit_suite connect_suite = {
	.name = "tdx_connect",
	.init = connect_init,
	.exit = connect_exit,
	.test_cases = connect_cases,
};

kunit_test_suite(connect_suite);

MODULE_DESCRIPTION("KUnit tests of the driver example for TDX Connect");
MODULE_LICENSE("GPL");
