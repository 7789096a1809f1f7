// SPDX-License-Identifier: GPL-2.0
/*
 * The door: one thing at a time behind it, a machine where there is nothing, and
 * what goes through it
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/module.h>

#include <asm/tdx_connect.h>

#include "../door.h"
#include "fixture.h"

#define FUNC_ID		0x1000

static unsigned int nr_seamcalls;

/* A module that succeeds and does nothing. */
static u64 idle_seamcall(u64 leaf, struct tdx_module_args *args)
{
	nr_seamcalls++;
	return 0;
}

/* A CPU without the erratum: no reset_page. */
static const struct tdx_door idle_door = {
	.seamcall = idle_seamcall,
	.global_key = 1ULL << 47,
};

static void install_model(void *unused)
{
	tdx_model_install();
}

/* The model is back when the test ends, however it does. */
static void remove_model(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, install_model, NULL), 0);
	tdx_model_remove();
}

/* Rule: the door leads to one thing, which alone can leave it. */
static void door_leads_to_one_thing(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tdx_door_install(&idle_door), -EBUSY);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 1);

	tdx_door_remove(&idle_door);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 2);

	remove_model(test);
	nr_seamcalls = 0;
	KUNIT_EXPECT_EQ(test, tdx_door_install(&idle_door), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	KUNIT_EXPECT_EQ(test, nr_seamcalls, 1);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 2);
	KUNIT_EXPECT_EQ(test, tdx_door_global_pa(0x1000), 1ULL << 47 | 0x1000);
	/* Nothing to be done here. */
	tdx_door_reset_pages(0x1000, 1);
	tdx_door_remove(&idle_door);
}

/* Rule: on a machine without a TDX module nothing is claimed, and nothing lost. */
static void without_a_module_nothing_is_lost(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	unsigned long before = tdx_pa_array_nr_stranded();
	u64 id;

	remove_model(test);
	KUNIT_EXPECT_EQ(test, tdx_door_global_pa(0x1000), 0x1000);
	tdx_door_reset_pages(mt->entries[0], 1);
	KUNIT_EXPECT_EQ(test, tdh_phymem_page_wbinvd(mt->entries[0]), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_SEAMCALL_UD);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded(), before);
}

/* Rule: a module that is gone can flush nothing, so what it touched stays. */
static void pages_of_a_module_that_is_gone_stay(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	unsigned long before = tdx_pa_array_nr_stranded();
	u64 id;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	remove_model(test);
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 20);
	fixture_expect(test, 0, 20);
}

/* Rule: pages that come back flushed are reset for the erratum, and only for it. */
static void pages_are_reset_for_the_erratum(struct kunit *test)
{
	for (int erratum = 0; erratum < 2; erratum++) {
		struct tdx_pa_array *mt = fixture_alloc(test, 88);
		u64 id;

		tdx_model_set_erratum(erratum);
		KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
		KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
		tdx_pa_array_release(mt);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_resets(), erratum ? 88 : 0);
	}
	fixture_expect(test, 0, 0);
}

/*
 * A door that is open for this test only, in the model's place
 */

static void remove_door(void *door)
{
	tdx_door_remove(door);
}

static void install_door(struct kunit *test, const struct tdx_door *door)
{
	remove_model(test);
	KUNIT_ASSERT_EQ(test, tdx_door_install(door), 0);
	/* Before the model is back. */
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, remove_door, (void *)door), 0);
}

/* A module that does nothing but to remember what it was asked last. */
static u64 last_leaf;
static struct tdx_module_args last_args;
/* What it returns. */
static u64 next_status;

static u64 recording_seamcall(u64 leaf, struct tdx_module_args *args)
{
	last_leaf = leaf;
	last_args = *args;
	return next_status;
}

static const struct tdx_door recording_door = {
	.seamcall = recording_seamcall,
	.global_key = 1ULL << 47,
};

static void expect_seamcall(struct kunit *test, u64 leaf, struct tdx_module_args args)
{
	KUNIT_EXPECT_EQ(test, last_leaf, leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.rcx, args.rcx, "RCX of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.rdx, args.rdx, "RDX of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r8, args.r8, "R8 of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r9, args.r9, "R9 of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r10, args.r10, "R10 of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r11, args.r11, "R11 of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r12, args.r12, "R12 of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r13, args.r13, "R13 of leaf %llu", leaf);
	KUNIT_EXPECT_EQ_MSG(test, last_args.r14, args.r14, "R14 of leaf %llu", leaf);
}

/* The list page of a short array. */
static u64 list_pa(const struct tdx_pa_array *array)
{
	return virt_to_phys(array->entries);
}

/* A page for output: some page, but not that of @array's entries. */
static void expect_output_page(struct kunit *test, u64 pa, const struct tdx_pa_array *array)
{
	KUNIT_EXPECT_NE(test, pa, 0);
	KUNIT_EXPECT_EQ(test, pa & 0xfff, 0);
	KUNIT_EXPECT_NE(test, pa, list_pa(array));
}

/*
 * Operands of each leaf, by object.  Not in one function, whose stack would be too large.
 */

static noinline_for_stack void memory_leaves(struct kunit *test)
{
	struct tdx_pa_array *mem = fixture_alloc(test, 6);
	struct tdx_pa_window w;

	tdh_phymem_page_wbinvd(0x11000);
	expect_seamcall(test, 41, (struct tdx_module_args) { .rcx = 1ULL << 47 | 0x11000 });

	tdh_ext_init();
	expect_seamcall(test, 60, (struct tdx_module_args) {});

	/* It is not to keep them. */
	next_status = TDX_OPERAND_BUSY;
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	tdh_ext_mem_add(mem, &w);
	expect_seamcall(test, 61, (struct tdx_module_args) { .rcx = list_pa(mem) | 5ULL << 55 });
	next_status = 0;

	tdx_pa_array_release(mem);
}

static noinline_for_stack void iommu_leaves(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc_iommu_mt(1, 2);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	fixture_watch(mt);
	tdh_iommu_setup(0x31000, mt, &id);
	expect_seamcall(test, 128, (struct tdx_module_args) {
		.rcx = 0x31000, .rdx = list_pa(mt),
	});
	tdh_iommu_clear(0x32, mt);
	expect_output_page(test, last_args.rdx, mt);
	expect_seamcall(test, 129, (struct tdx_module_args) {
		.rcx = 0x32, .rdx = last_args.rdx,
	});
	tdx_pa_array_release(mt);
}

static noinline_for_stack void session_leaves(struct kunit *test)
{
	struct tdx_pa_array *one = fixture_alloc(test, 1), *mt = fixture_alloc(test, 20);
	u64 id;

	tdh_spdm_create(0x41, one, &id);
	expect_seamcall(test, 130, (struct tdx_module_args) {
		.rcx = 0x41, .rdx = one->entries[0],
	});
	tdh_spdm_delete(0x42, one);
	expect_seamcall(test, 131, (struct tdx_module_args) { .rcx = 0x42 });
	tdh_spdm_create(0x43, mt, &id);
	expect_seamcall(test, 130, (struct tdx_module_args) {
		.rcx = 0x43, .rdx = list_pa(mt) | 19ULL << 55,
	});
	tdh_spdm_delete(0x44, mt);
	expect_output_page(test, last_args.rdx, mt);
	expect_seamcall(test, 131, (struct tdx_module_args) {
		.rcx = 0x44, .rdx = last_args.rdx,
	});
	tdx_pa_array_release(mt);
	tdx_pa_array_release(one);
}

static noinline_for_stack void stream_leaves(struct kunit *test)
{
	static const struct tdx_ide_stream stream = {
		.info = 0x21, .control = 0x22, .rid_assoc = { 0x23, 0x24 },
		.addr_assoc = { 0x25, 0x26, 0x27 },
	};
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	u64 id, id2, len;

	tdh_ide_stream_create(&stream, 0x51, mt, &id, &id2);
	expect_seamcall(test, 132, (struct tdx_module_args) {
		.rcx = 0x21, .rdx = 0x51, .r8 = list_pa(mt) | 19ULL << 55, .r9 = 0x22,
		.r10 = 0x23, .r11 = 0x24, .r12 = 0x25, .r13 = 0x26, .r14 = 0x27,
	});
	tdh_ide_stream_block(0x52, 0x53);
	expect_seamcall(test, 133, (struct tdx_module_args) { .rcx = 0x52, .rdx = 0x53 });
	tdh_ide_stream_delete(0x54, 0x55, mt);
	expect_output_page(test, last_args.r8, mt);
	expect_seamcall(test, 134, (struct tdx_module_args) {
		.rcx = 0x54, .rdx = 0x55, .r8 = last_args.r8,
	});
	tdh_ide_stream_km(0x56, 0x57, 0x58, 0x12000, 0x13000, &len);
	expect_seamcall(test, 135, (struct tdx_module_args) {
		.rcx = 0x56, .rdx = 0x57, .r8 = 0x58, .r9 = 0x12000, .r10 = 0x13000,
	});
	tdx_pa_array_release(mt);
}

static noinline_for_stack void message_leaves(struct kunit *test)
{
	struct tdx_pa_array *info = fixture_alloc(test, 4);
	u64 len;

	tdh_spdm_connect(0x61, 0x14000, 0x15000, 0x16000, info, &len);
	expect_seamcall(test, 142, (struct tdx_module_args) {
		.rcx = 0x61, .rdx = 0x14000, .r8 = 0x15000, .r9 = 0x16000,
		.r10 = list_pa(info) | 3ULL << 55,
	});
	tdh_spdm_disconnect(0x62, 0x17000, 0x18000, &len);
	expect_seamcall(test, 143, (struct tdx_module_args) {
		.rcx = 0x62, .rdx = 0x17000, .r8 = 0x18000,
	});
	tdh_spdm_mng(0x63, TDX_SPDM_HEARTBEAT, TDX_NO_OPERAND, 0x19000, 0x1a000, NULL, &len);
	expect_seamcall(test, 144, (struct tdx_module_args) {
		.rcx = 0x63, .rdx = 0, .r8 = -1ULL, .r9 = 0x19000, .r10 = 0x1a000, .r11 = -1ULL,
	});
	tdh_spdm_mng(0x64, TDX_SPDM_KEY_UPDATE, 0x1b000, 0x1c000, 0x1d000, NULL, &len);
	expect_seamcall(test, 144, (struct tdx_module_args) {
		.rcx = 0x64, .rdx = 1, .r8 = 0x1b000, .r9 = 0x1c000, .r10 = 0x1d000,
		.r11 = -1ULL,
	});
	tdh_spdm_mng(0x65, TDX_SPDM_RECOLLECT, 0x1e000, 0x1f000, 0x20000, info, &len);
	expect_seamcall(test, 144, (struct tdx_module_args) {
		.rcx = 0x65, .rdx = 2, .r8 = 0x1e000, .r9 = 0x1f000, .r10 = 0x20000,
		.r11 = list_pa(info) | 3ULL << 55,
	});
	tdx_pa_array_release(info);
}

/*
 * Rule: each leaf gets its number, and each operand in its register.  The numbers are
 * those of the specification once more, since the model has them from the same headers
 * as the wrappers, and most operands it does not look at.
 */
static void leaves_get_their_operands(struct kunit *test)
{
	install_door(test, &recording_door);
	next_status = 0;

	memory_leaves(test);
	iommu_leaves(test);
	session_leaves(test);
	stream_leaves(test);
	message_leaves(test);
}

/* Rule: a status is told by its number in the specification. */
static void statuses_have_their_numbers(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, TDX_SEAMCALL_STATUS_MASK, 0xffffffff00000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_INTERRUPTED_RESUMABLE, 0x8000000300000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_OPERAND_INVALID, 0xc000010000000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_OPERAND_BUSY, 0x8000020000000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_PAGE_METADATA_INCORRECT, 0xc000030000000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0xc0000f4500000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_SPDM_REQUEST, 0xc0000f5700000000ULL);
	/* Made by software: bits 47:40 are all ones. */
	KUNIT_EXPECT_EQ(test, TDX_SW_ERROR & 0xff0000000000ULL, 0xff0000000000ULL);
	KUNIT_EXPECT_EQ(test, TDX_WRAPPER_REFUSED & TDX_SW_ERROR, TDX_SW_ERROR);
}

/* The model, but its second interruption says that it is at entry 2 again. */
static u64 forgetful_seamcall(u64 leaf, struct tdx_module_args *args)
{
	u64 status = tdx_model_door()->seamcall(leaf, args);

	if (status == TDX_INTERRUPTED_RESUMABLE && tdx_model_nr_calls(leaf) == 2)
		args->rcx = (args->rcx & ~0xff8ULL) | 2 << 3;
	return status;
}

/* Rule: memory that the module has said it took is held, whatever it says later. */
static void memory_once_taken_stays_held(struct kunit *test)
{
	static struct tdx_door forgetful_door;
	struct tdx_pa_array *mem = fixture_alloc(test, 20);
	unsigned long before = tdx_pa_array_nr_stranded();
	struct tdx_pa_window w;

	forgetful_door = *tdx_model_door();
	forgetful_door.seamcall = forgetful_seamcall;
	install_door(test, &forgetful_door);

	/* It takes five, three more, and then refuses what it has already. */
	for (unsigned int nth = 1; nth <= 2; nth++)
		tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = TDH_EXT_MEM_ADD, .nth = nth,
			.status = TDX_INTERRUPTED_RESUMABLE, .after = nth == 1 ? 5 : 3,
		});
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mem, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mem, &w) & TDX_SEAMCALL_STATUS_MASK,
			TDX_PAGE_METADATA_INCORRECT);
	KUNIT_EXPECT_EQ(test, (u32)mem->nr_held, 5);

	/* The three are found out. */
	tdx_pa_array_release(mem);
	KUNIT_EXPECT_EQ(test, tdx_pa_array_nr_stranded() - before, 3);
	fixture_expect(test, 8, 0);
}

static struct kunit_case door_cases[] = {
	KUNIT_CASE(door_leads_to_one_thing),
	KUNIT_CASE(without_a_module_nothing_is_lost),
	KUNIT_CASE(pages_of_a_module_that_is_gone_stay),
	KUNIT_CASE(pages_are_reset_for_the_erratum),
	KUNIT_CASE(leaves_get_their_operands),
	KUNIT_CASE(statuses_have_their_numbers),
	KUNIT_CASE(memory_once_taken_stays_held),
	{}
};

static struct kunit_suite door_suite = {
	.name = "tdx_door",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = door_cases,
};

kunit_test_suite(door_suite);

MODULE_DESCRIPTION("KUnit tests of the door to the TDX module");
MODULE_LICENSE("GPL");
