// SPDX-License-Identifier: GPL-2.0
/*
 * The door: one thing at a time behind it, and a machine where there is nothing
 */
#include <linux/errno.h>
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

static struct kunit_case door_cases[] = {
	KUNIT_CASE(door_leads_to_one_thing),
	KUNIT_CASE(without_a_module_nothing_is_lost),
	KUNIT_CASE(pages_of_a_module_that_is_gone_stay),
	KUNIT_CASE(pages_are_reset_for_the_erratum),
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
