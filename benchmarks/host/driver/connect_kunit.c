// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the driver: after any failure, each page is where it belongs
 *
 * The driver is compiled into the test, and its allocations are watched by the page
 * checker.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <asm/shared/tdx_errno.h>
#include <asm/tdx_connect.h>

#include "../../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "tdx.h"

static struct tdx_pa_array *watch(struct tdx_pa_array *array)
{
	if (array)
		fixture_watch(array);
	return array;
}

#define tdx_pa_array_alloc(nr, nid)	watch(tdx_pa_array_alloc(nr, nid))
#define tdx_pa_array_alloc_iommu_mt(order, nr, nid)	\
	watch(tdx_pa_array_alloc_iommu_mt(order, nr, nid))
/* The driver's own module has these symbols. */
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(name)		static_assert(sizeof(typeof(name) *))

#include "tdx_connect.c"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define NR_EXT		1300
#define POOL_FULL	0x0000081500000000ULL	/* a success with information */

static const u64 reg_bases[] = { 0xfed90000, 0xfed91000, 0xfed92000 };
/* Program two keys and start them.  The model ignores the numbers. */
static const u64 key_ops[] = { 1, 2, 3 };

static const struct tdx_connect_sizes sizes = {
	.iommu_order = 3, .iommu = 30, .spdm = 20, .ide = 1, .info = 4,
};

/* A device that answers each message up to @breaks_at */
struct mock_device {
	unsigned int nr;
	unsigned int breaks_at;
};

static int mock_deliver(void *data, const void *request, size_t len, void *response)
{
	struct mock_device *device = data;

	if (++device->nr == device->breaks_at)
		return -ENODEV;

	tdx_model_device(virt_to_phys(response), virt_to_phys((void *)request), len);
	return 0;
}

static const struct tdx_link_ops mock_ops = { .deliver = mock_deliver };

static struct tdx_link *new_link(const struct tdx_connect *tc, struct mock_device *device)
{
	return tdx_link_connect(tc, FUNC_ID, &mock_ops, device);
}

static int protect(struct tdx_link *link)
{
	struct tdx_ide_stream stream = { .info = STREAM_INFO };
	u64 rp_ide_id;

	return tdx_link_protect(link, &stream, key_ops, ARRAY_SIZE(key_ops), &rp_ide_id);
}

static struct tdx_connect *start(void)
{
	return tdx_connect_start(&sizes, reg_bases, ARRAY_SIZE(reg_bases));
}

static void fail(u64 leaf, unsigned int nth, u64 status, unsigned int after, bool keep)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = status, .after = after, .keep = keep,
	});
}

/* Use a device for everything.  Returns the first error, or 0. */
static int live_with_device(const struct tdx_connect *tc, struct mock_device *device)
{
	struct tdx_link *link __free(tdx_link) = new_link(tc, device);
	int ret;

	if (IS_ERR(link))
		return PTR_ERR(link);

	ret = protect(link);
	ret = tdx_link_heartbeat(link) ?: ret;
	return tdx_link_recollect(link) ?: ret;
}

/* From boot to shutdown. */
static int live(struct mock_device *device)
{
	struct tdx_connect *tc __free(tdx_connect) = NULL;
	int ret = tdx_ext_start(NR_EXT);

	if (ret)
		return ret;

	tc = start();
	if (IS_ERR(tc))
		return PTR_ERR(tc);
	return live_with_device(tc, device);
}

/*
 * In every case: no page was freed too early, and neither page nor object is leaked
 * needlessly.  Returns the pages that are not free, and starts the next report.
 */
static unsigned long expect_order(struct kunit *test)
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
	tdx_model_reset();
	KUNIT_ASSERT_EQ(test, tdx_checker_begin(), 0);
	return report.held + report.lost;
}

/* Nothing fails: all pages are freed, except the memory of the extensions. */
static void whole_life(struct kunit *test)
{
	struct mock_device device = {};
	struct tdx_connect *tc;
	struct tdx_link *link;
	u8 info[64];

	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + sizes.iommu);
	tdx_model_set_rounds(2);

	KUNIT_ASSERT_EQ(test, tdx_ext_start(NR_EXT), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_EXT);

	tc = start();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tc);
	KUNIT_EXPECT_EQ(test, tdx_connect_nr_iommus(tc), ARRAY_SIZE(reg_bases));
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_EXT + 3 * (2 * 8 + 30));

	link = new_link(tc, &device);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, link);
	KUNIT_EXPECT_EQ(test, device.nr, 2);

	KUNIT_ASSERT_EQ(test, tdx_link_read_info(link, info, PAGE_SIZE - 32, 64), 64);
	for (unsigned int i = 0; i < sizeof(info); i++)
		KUNIT_EXPECT_EQ(test, info[i], tdx_model_info_byte(PAGE_SIZE - 32 + i));
	KUNIT_EXPECT_EQ(test, tdx_link_read_info(link, info, sizes.info * PAGE_SIZE - 3, 64), 3);
	KUNIT_EXPECT_EQ(test, tdx_link_read_info(link, info, sizes.info * PAGE_SIZE, 64), 0);

	KUNIT_EXPECT_EQ(test, protect(link), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IDE_STREAM_KM), 3 * ARRAY_SIZE(key_ops));
	KUNIT_EXPECT_EQ(test, protect(link), -EEXIST);
	KUNIT_EXPECT_EQ(test, tdx_link_heartbeat(link), 0);
	KUNIT_EXPECT_EQ(test, tdx_link_recollect(link), 0);
	tdx_link_unprotect(link);
	KUNIT_EXPECT_EQ(test, protect(link), 0);

	tdx_link_disconnect(link);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_SPDM_DISCONNECT), 3);
	tdx_connect_stop(tc);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
}

/* Results of the n-th call of a leaf */
static const struct way {
	const char *name;
	u64 status;
	unsigned int after;
	bool keep;
	/* The driver continues. */
	bool goes_on;
} ways[] = {
	{ "busy", TDX_OPERAND_BUSY },
	{ "busy_after_some_entries", TDX_OPERAND_BUSY, 7 },
	{ "busy_and_keeps_pages", TDX_OPERAND_BUSY, 7, true },
	{ "interrupted", TDX_INTERRUPTED_RESUMABLE, 7, false, true },
	{ "not_entered", TDX_SEAMCALL_UD },
};

static void way_desc(const struct way *way, char *desc)
{
	strscpy(desc, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_desc);

static const u64 all_leaves[] = {
	TDH_PHYMEM_PAGE_WBINVD, TDH_EXT_INIT, TDH_EXT_MEM_ADD, TDH_IOMMU_SETUP, TDH_IOMMU_CLEAR,
	TDH_SPDM_CREATE, TDH_SPDM_DELETE, TDH_IDE_STREAM_CREATE, TDH_IDE_STREAM_BLOCK,
	TDH_IDE_STREAM_DELETE, TDH_IDE_STREAM_KM, TDH_SPDM_CONNECT, TDH_SPDM_DISCONNECT,
	TDH_SPDM_MNG,
};

/* Leaves of the teardown, which continues after an error and reports none */
static bool is_teardown(u64 leaf)
{
	return leaf == TDH_PHYMEM_PAGE_WBINVD || leaf == TDH_IOMMU_CLEAR ||
	       leaf == TDH_SPDM_DELETE || leaf == TDH_IDE_STREAM_BLOCK ||
	       leaf == TDH_IDE_STREAM_DELETE || leaf == TDH_SPDM_DISCONNECT;
}

/* Leaves that can be interrupted and called again */
static bool is_resumable(u64 leaf)
{
	return leaf != TDH_PHYMEM_PAGE_WBINVD && leaf != TDH_SPDM_CREATE &&
	       leaf != TDH_SPDM_DELETE && leaf != TDH_IDE_STREAM_CREATE &&
	       leaf != TDH_IDE_STREAM_BLOCK && leaf != TDH_IDE_STREAM_DELETE;
}

/* With one message for each exchange. */
static int live_with_messages(struct mock_device *device)
{
	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + sizes.iommu);
	tdx_model_set_rounds(1);
	return live(device);
}

/* Rule: after any failure of any call of any leaf, each page is where it belongs. */
static void every_call_of_every_leaf(struct kunit *test)
{
	const struct way *way = test->param_value;

	for (unsigned int i = 0; i < ARRAY_SIZE(all_leaves); i++) {
		u64 leaf = all_leaves[i];
		unsigned int nth = 1, calls;
		bool bad;
		int ret;

		if (way->goes_on && !is_resumable(leaf))
			continue;

		do {
			struct mock_device device = {};

			tdx_model_reset();
			fail(leaf, nth, way->status, way->after, way->keep);
			ret = live_with_messages(&device);
			calls = tdx_model_nr_calls(leaf);
			bad = nth <= calls && !way->goes_on && !is_teardown(leaf);
			KUNIT_EXPECT_EQ_MSG(test, bad, ret < 0, "call %u of leaf %llu", nth, leaf);
			expect_order(test);
			/* Of the flushes, some. */
			nth += leaf == TDH_PHYMEM_PAGE_WBINVD ? 13 : 1;
		} while (nth <= calls + 1);
	}
}

/* Rule: the extensions start even if their pool is full before all pages are added. */
static void full_pool(struct kunit *test)
{
	fail(TDH_EXT_MEM_ADD, 2, POOL_FULL, 0, false);
	KUNIT_EXPECT_EQ(test, tdx_ext_start(NR_EXT), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 1);
	KUNIT_EXPECT_EQ(test, expect_order(test), 512);
}

/* Rule: a device that breaks at any message affects no other pages. */
static void device_breaks(struct kunit *test)
{
	struct mock_device device = {};
	unsigned int nr, at;
	int ret;

	ret = live_with_messages(&device);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
	nr = device.nr;
	/* Information, three keys, heartbeat, information again, disconnect */
	KUNIT_ASSERT_EQ(test, nr, 7);

	for (at = 1; at <= nr; at++) {
		device = (struct mock_device) { .breaks_at = at };
		ret = live_with_messages(&device);
		if (at < nr)
			KUNIT_EXPECT_LT(test, ret, 0);
		KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
	}
}

/* Rule: the number of messages is limited. */
static void messages_are_limited(struct kunit *test)
{
	struct mock_device device = {};
	int ret;

	fail(TDH_SPDM_CONNECT, 0, TDX_SPDM_REQUEST, 0, false);
	ret = live_with_messages(&device);
	KUNIT_EXPECT_EQ(test, ret, -EPROTO);
	KUNIT_EXPECT_EQ(test, device.nr, 1000);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
}

/*
 * Rule: a length beyond the buffer is an error.  A device that was connected is
 * disconnected, even if its information is unusable.
 */
static void length_is_checked(struct kunit *test)
{
	static const struct {
		unsigned int rounds;
		u64 length;
		int ret;
		/* Calls of DISCONNECT, one more than messages */
		unsigned int disconnects;
	} lengths[] = {
		{ 1, SZ_4K, 0, 2 },
		{ 1, SZ_4K + 1, -EPROTO, 0 },
		{ 0, 4 * SZ_4K, 0, 1 },
		{ 0, 4 * SZ_4K + 1, -EPROTO, 1 },
		{ 0, U64_MAX, -EPROTO, 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct mock_device device = {};
		struct tdx_connect *tc = tdx_connect_start(&sizes, NULL, 0);
		struct tdx_link *link;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tc);
		tdx_model_set_rounds(lengths[i].rounds);
		tdx_model_set_length(lengths[i].length);
		link = new_link(tc, &device);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(link), lengths[i].ret, "length %u", i);
		/* A message that exceeds a page is not delivered. */
		KUNIT_EXPECT_EQ(test, device.nr, lengths[i].ret ? 0 : lengths[i].rounds);

		tdx_link_disconnect(link);
		KUNIT_EXPECT_EQ_MSG(test, tdx_model_nr_calls(TDH_SPDM_DISCONNECT),
				    lengths[i].disconnects, "length %u", i);
		tdx_connect_stop(tc);
		KUNIT_EXPECT_EQ(test, expect_order(test), 0);
	}
}

/* Rule: if the session key expires, it is updated once, and the leaf is called again. */
static void key_is_updated(struct kunit *test)
{
	static const u64 leaves[] = { TDH_IDE_STREAM_KM, TDH_SPDM_MNG };
	int ret;

	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct mock_device device = {};

		fail(leaves[i], 2, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0, false);
		ret = live_with_messages(&device);
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
	}

	/* A second expiry is an error. */
	fail(TDH_IDE_STREAM_KM, 0, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0, false);
	ret = live_with_messages(&(struct mock_device) {});
	KUNIT_EXPECT_EQ(test, ret, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
}

/* Rule: an IOMMU without TDX mode is skipped.  Any other failure clears the others. */
static void iommu_without_tdx_mode(struct kunit *test)
{
	struct tdx_connect *tc;

	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + sizes.iommu);
	fail(TDH_IOMMU_SETUP, 2, TDX_OPERAND_INVALID, 0, false);
	tc = start();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tc);
	KUNIT_EXPECT_EQ(test, tdx_connect_nr_iommus(tc), 2);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 2 * (2 * 8 + 30));
	tdx_connect_stop(tc);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 2);
	KUNIT_EXPECT_EQ(test, expect_order(test), 0);

	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + sizes.iommu);
	fail(TDH_IOMMU_SETUP, 3, TDX_OPERAND_BUSY, 0, false);
	tc = start();
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(tc), -EBUSY);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_IOMMU_CLEAR), 2);
	KUNIT_EXPECT_EQ(test, expect_order(test), 0);
}

/* Rule: if a stream cannot be deleted, its pages and those of its session are leaked. */
static void stream_not_deleted(struct kunit *test)
{
	struct mock_device device = {};
	int ret;

	fail(TDH_IDE_STREAM_DELETE, 1, TDX_OPERAND_BUSY, 0, false);
	ret = live_with_messages(&device);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT + sizes.spdm + sizes.ide);
}

/* Rule: if memory is short anywhere, the driver returns -ENOMEM and leaks nothing. */
static void memory_is_short(struct kunit *test)
{
	struct tdx_connect *tc;
	unsigned int nth = 0;
	bool failed;
	int ret;

	tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + sizes.iommu);
	do {
		if (!fixture_fail_nth_allocation(++nth))
			kunit_skip(test, "this kernel has no fault injection");
		ret = 0;
		tc = start();
		if (IS_ERR(tc)) {
			ret = PTR_ERR(tc);
		} else {
			ret = live_with_device(tc, &(struct mock_device) {});
			tdx_connect_stop(tc);
		}
		failed = fixture_allocation_failed();
		fixture_fail_nth_allocation(0);
		/* Blocks of pages fall back to smaller ones. */
		if (ret)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		if (!failed)
			KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, expect_order(test), 0);
		tdx_model_set_iommu_entries(TDX_IOMMU_MT_NR_BLOCKS + sizes.iommu);
	} while (failed);

	/* Three IOMMUs, session, buffers, stream: at least two allocations each */
	KUNIT_EXPECT_GT(test, nth, 12);
}

/* Rule: a stream whose keys cannot be programmed is deleted. */
static void stream_without_keys(struct kunit *test)
{
	struct mock_device device = {};
	struct tdx_connect *tc = tdx_connect_start(&sizes, NULL, 0);
	struct tdx_link *link;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tc);
	link = new_link(tc, &device);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, link);

	fail(TDH_IDE_STREAM_KM, 3, TDX_OPERAND_BUSY, 0, false);
	KUNIT_EXPECT_EQ(test, protect(link), -EBUSY);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), sizes.spdm);
	KUNIT_EXPECT_EQ(test, protect(link), 0);

	tdx_link_disconnect(link);
	tdx_connect_stop(tc);
	KUNIT_EXPECT_EQ(test, expect_order(test), 0);
}

/* Rule: if the information cannot be read again, the old information is kept. */
static void information_is_kept(struct kunit *test)
{
	struct mock_device device = {};
	struct tdx_connect *tc = tdx_connect_start(&sizes, NULL, 0);
	struct tdx_link *link;
	u8 byte;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tc);
	link = new_link(tc, &device);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, link);

	fail(TDH_SPDM_MNG, 1, TDX_OPERAND_BUSY, 0, false);
	KUNIT_EXPECT_EQ(test, tdx_link_recollect(link), -EBUSY);
	KUNIT_EXPECT_EQ(test, tdx_link_read_info(link, &byte, 4097, 1), 1);
	KUNIT_EXPECT_EQ(test, byte, tdx_model_info_byte(4097));

	tdx_link_disconnect(link);
	tdx_connect_stop(tc);
	KUNIT_EXPECT_EQ(test, expect_order(test), 0);
}

static struct kunit_case connect_cases[] = {
	KUNIT_CASE(whole_life),
	KUNIT_CASE_PARAM(every_call_of_every_leaf, way_gen_params),
	KUNIT_CASE(full_pool),
	KUNIT_CASE(device_breaks),
	KUNIT_CASE(messages_are_limited),
	KUNIT_CASE(length_is_checked),
	KUNIT_CASE(key_is_updated),
	KUNIT_CASE(iommu_without_tdx_mode),
	KUNIT_CASE(stream_not_deleted),
	KUNIT_CASE(stream_without_keys),
	KUNIT_CASE(memory_is_short),
	KUNIT_CASE(information_is_kept),
	{}
};

static struct kunit_suite connect_suite = {
	.name = "tdx_connect",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = connect_cases,
};

kunit_test_suite(connect_suite);

