// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the driver's flows: whatever fails, the pages end where they belong
 *
 * The driver is not told of the tests.  A probe on the event of allocation has the
 * judge wait for the pages of each array.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "../../arch/x86/virt/vmx/tdx/pa_trace.h"
#include "../../arch/x86/virt/vmx/tdx/tests/events.h"
#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "tdx_connect.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define NR_EXT		1300

static const u64 reg_bases[] = { 0xfed90000, 0xfed91000, 0xfed92000 };
/* Program two keys and start them; the model does not look at them. */
static const u64 key_ops[] = { 1, 2, 3 };

static const struct tdx_connect_sizes sizes = {
	.iommu_order = 3, .iommu = 30, .spdm = 20, .ide = 1, .info = 4,
};

/* A device answers each message, up to one. */
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

/* All that there is to do with a device.  The first error, or 0. */
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
 * Whatever has happened: no page reached the allocator too early, none that could
 * have is missing, and no object.  Returns pages that are out of use, and starts the
 * judge afresh.
 */
static unsigned long expect_order(struct kunit *test)
{
	struct tdx_verdict verdict;

	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.freed_owned, 0);
	KUNIT_EXPECT_EQ(test, verdict.freed_dirty, 0);
	KUNIT_EXPECT_EQ(test, verdict.freed_twice, 0);
	KUNIT_EXPECT_EQ(test, verdict.claimed_free, 0);
	KUNIT_EXPECT_EQ(test, verdict.objects, 0);
	KUNIT_EXPECT_EQ(test, verdict.needless, 0);
	/* What the module owns is an array's. */
	KUNIT_EXPECT_EQ(test, verdict.held, tdx_model_nr_owned());

	tdx_model_reclaim();
	tdx_judge_end();
	tdx_model_reset();
	KUNIT_ASSERT_EQ(test, tdx_judge_begin(), 0);
	return verdict.held + verdict.lost;
}

/* Nothing fails: all is used, and all but the extensions' memory comes back. */
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

/* What becomes of a leaf's n-th call. */
static const struct way {
	const char *name;
	u64 status;
	unsigned int after;
	bool keep;
	/* The flow goes on. */
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

/* What is called on the way back, where the driver goes on and has no error to report. */
static bool is_way_back(u64 leaf)
{
	return leaf == TDH_PHYMEM_PAGE_WBINVD || leaf == TDH_IOMMU_CLEAR ||
	       leaf == TDH_SPDM_DELETE || leaf == TDH_IDE_STREAM_BLOCK ||
	       leaf == TDH_IDE_STREAM_DELETE || leaf == TDH_SPDM_DISCONNECT;
}

/* The module may interrupt these, and wants to be called again. */
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

/*
 * Rule: any call of any leaf may fail in any way, and the driver's pages are in order
 * afterwards, although it looks at no page.
 */
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
			bad = nth <= calls && !way->goes_on && !is_way_back(leaf);
			KUNIT_EXPECT_EQ_MSG(test, bad, ret < 0, "call %u of leaf %llu", nth, leaf);
			expect_order(test);
			/* Of the flushes, some. */
			nth += leaf == TDH_PHYMEM_PAGE_WBINVD ? 13 : 1;
		} while (nth <= calls + 1);
	}
}

/* Rule: a device may break at any message, and it is only this device that is lost. */
static void device_breaks(struct kunit *test)
{
	struct mock_device device = {};
	unsigned int nr, at;
	int ret;

	ret = live_with_messages(&device);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
	nr = device.nr;
	/* Information, three keys, heartbeat, information again, farewell. */
	KUNIT_ASSERT_EQ(test, nr, 7);

	for (at = 1; at <= nr; at++) {
		device = (struct mock_device) { .breaks_at = at };
		ret = live_with_messages(&device);
		if (at < nr)
			KUNIT_EXPECT_LT(test, ret, 0);
		KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
	}
}

/* Rule: a device is not asked forever. */
static void device_is_not_asked_forever(struct kunit *test)
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
 * Rule: no length is believed that goes beyond the buffer.  Whatever becomes of the
 * information, a device that was connected is disconnected.
 */
static void length_is_checked(struct kunit *test)
{
	static const struct {
		unsigned int rounds;
		u64 length;
		int ret;
		/* Calls of DISCONNECT, one more than there are messages. */
		unsigned int disconnects;
	} lies[] = {
		{ 1, SZ_4K, 0, 2 },
		{ 1, SZ_4K + 1, -EPROTO, 0 },
		{ 0, 4 * SZ_4K, 0, 1 },
		{ 0, 4 * SZ_4K + 1, -EPROTO, 1 },
		{ 0, U64_MAX, -EPROTO, 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(lies); i++) {
		struct mock_device device = {};
		struct tdx_connect *tc = tdx_connect_start(&sizes, NULL, 0);
		struct tdx_link *link;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tc);
		tdx_model_set_rounds(lies[i].rounds);
		tdx_model_set_length(lies[i].length);
		link = new_link(tc, &device);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(link), lies[i].ret, "lie %u", i);
		/* What is too long for a page is not delivered. */
		KUNIT_EXPECT_EQ(test, device.nr, lies[i].ret ? 0 : lies[i].rounds);

		tdx_link_disconnect(link);
		KUNIT_EXPECT_EQ_MSG(test, tdx_model_nr_calls(TDH_SPDM_DISCONNECT),
				    lies[i].disconnects, "lie %u", i);
		tdx_connect_stop(tc);
		KUNIT_EXPECT_EQ(test, expect_order(test), 0);
	}
}

/* Rule: a worn-out session key is updated, and the leaf called again, once. */
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

	/* Insisting is an error. */
	fail(TDH_IDE_STREAM_KM, 0, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0, false);
	ret = live_with_messages(&(struct mock_device) {});
	KUNIT_EXPECT_EQ(test, ret, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT);
}

/* Rule: an IOMMU without TDX mode is left alone; any other failure undoes the rest. */
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

/* Rule: pages of a stream that cannot be deleted stay, and those of its session. */
static void stream_that_stays(struct kunit *test)
{
	struct mock_device device = {};
	int ret;

	fail(TDH_IDE_STREAM_DELETE, 1, TDX_OPERAND_BUSY, 0, false);
	ret = live_with_messages(&device);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, expect_order(test), NR_EXT + sizes.spdm + sizes.ide);
}

/* Rule: wherever memory is short, the driver says so and leaves nothing behind. */
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

	/* Three IOMMUs, session, buffers, stream: two allocations each at least. */
	KUNIT_EXPECT_GT(test, nth, 12);
}

/* Rule: no stream is left whose keys could not be programmed. */
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

/* Rule: information of before is kept when it cannot be had again. */
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

/*
 * The fixture
 */

static struct task_struct *task;

static void probe_alloc(void *data, const struct tdx_pa_array *array,
			unsigned long nr_pages, unsigned long caller)
{
	if (current == READ_ONCE(task))
		fixture_watch(array);
}

static struct test_event events[] = {
	{ "tdx_pa_array_alloc", probe_alloc },
};

static int connect_suite_init(struct kunit_suite *suite)
{
	check_trace_callback_type_tdx_pa_array_alloc(probe_alloc);
	return events_attach(events, ARRAY_SIZE(events));
}

static void connect_suite_exit(struct kunit_suite *suite)
{
	events_detach(events, ARRAY_SIZE(events));
}

static int connect_init(struct kunit *test)
{
	WRITE_ONCE(task, current);
	return fixture_init(test);
}

static void connect_exit(struct kunit *test)
{
	WRITE_ONCE(task, NULL);
	fixture_exit(test);
}

static struct kunit_case connect_cases[] = {
	KUNIT_CASE(whole_life),
	KUNIT_CASE_PARAM(every_call_of_every_leaf, way_gen_params),
	KUNIT_CASE(device_breaks),
	KUNIT_CASE(device_is_not_asked_forever),
	KUNIT_CASE(length_is_checked),
	KUNIT_CASE(key_is_updated),
	KUNIT_CASE(iommu_without_tdx_mode),
	KUNIT_CASE(stream_that_stays),
	KUNIT_CASE(stream_without_keys),
	KUNIT_CASE(memory_is_short),
	KUNIT_CASE(information_is_kept),
	{}
};

static struct kunit_suite connect_suite = {
	.name = "tdx_connect",
	.suite_init = connect_suite_init,
	.suite_exit = connect_suite_exit,
	.init = connect_init,
	.exit = connect_exit,
	.test_cases = connect_cases,
};

kunit_test_suite(connect_suite);

MODULE_DESCRIPTION("KUnit tests of a host driver's flows");
MODULE_LICENSE("GPL");
