// SPDX-License-Identifier: GPL-2.0
/*
 * The seam: one implementation at a time, no module at all, and the parts of
 * the kernel's SEAMCALL helpers that the seam replaces
 */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/pfn.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "tdx.h"

#define FUNC_ID		0x1000

/* RDRAND_RETRY_LOOPS of the kernel */
#define NR_TRIES	10

/* An implementation that records its last call. */
static unsigned int nr_calls;
static u64 last_leaf;
static struct tdx_module_args last_args;

/* It lacks entropy this many times, then returns this status. */
static unsigned int nr_without_entropy;
static u64 final_status;

static unsigned int nr_resets;
static unsigned long reset_base, reset_size;

static u64 record_seamcall(u64 leaf, struct tdx_module_args *args)
{
	last_leaf = leaf;
	last_args = *args;
	args->rcx++;
	return nr_calls++ < nr_without_entropy ? TDX_RND_NO_ENTROPY : final_status;
}

static void record_reset(unsigned long base, unsigned long size)
{
	nr_resets++;
	reset_base = base;
	reset_size = size;
}

static struct tdx_seam recorder;

static void back_to_model(void *unused)
{
	tdx_seam_remove(&recorder);
	tdx_model_install();
}

static void remove_model(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, back_to_model, NULL), 0);
	tdx_model_remove();
}

static void install_recorder(struct kunit *test)
{
	remove_model(test);
	KUNIT_ASSERT_EQ(test, tdx_seam_install(&recorder), 0);
}

static int seam_init(struct kunit *test)
{
	recorder = (struct tdx_seam) { .seamcall = record_seamcall };
	nr_calls = 0;
	nr_without_entropy = 0;
	final_status = 0;
	nr_resets = 0;
	return fixture_init(test);
}

/*
 * Rule: one implementation is installed at a time, and only its owner removes
 * it.
 */
static void one_implementation_is_installed(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tdx_seam_install(&recorder), -EBUSY);
	tdx_seam_remove(&recorder);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 1);

	install_recorder(test);
	KUNIT_EXPECT_EQ(test, tdx_seam_install(&recorder), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_install(), -EBUSY);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), 0);
	KUNIT_EXPECT_EQ(test, nr_calls, 1);
	KUNIT_EXPECT_EQ(test, last_leaf, TDH_EXT_INIT);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_EXT_INIT), 1);
}

/*
 * Rule: without a module no page is held, and each SEAMCALL returns
 * TDX_SEAMCALL_UD.
 */
static void without_a_module_nothing_is_held(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	u64 id;

	remove_model(test);
	KUNIT_EXPECT_EQ(test, tdx_seam_keyid(), 0);
	KUNIT_EXPECT_EQ(test, tdx_seam_wbinvd(0, PHYS_PFN(mt->entries[0])), TDX_SEAMCALL_UD);
	tdx_seam_reset_paddr(mt->entries[0], PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_EQ(test, mt->nr_held, 0);

	kunit_release_action(test, back_to_model, NULL);
	tdx_pa_array_free(mt);
}

/*
 * Rule: a module that was removed cannot flush, so the pages it used are
 * leaked.
 */
static void pages_of_a_removed_module_are_leaked(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 20);
	u64 id;

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	remove_model(test);
	tdx_pa_array_free(mt);
	fixture_expect(test, 0, 20);
}

/*
 * Rule: a call that lacks entropy is repeated with the registers that it left,
 * as often as in the kernel.  No other status is repeated.
 */
static void calls_without_entropy_are_repeated(struct kunit *test)
{
	static const struct {
		unsigned int nr_without_entropy;
		u64 final_status;
		unsigned int nr_calls;
		u64 status;
	} cases[] = {
		{ 0, 0, 1, 0 },
		{ 1, 0, 2, 0 },
		{ NR_TRIES - 1, 0, NR_TRIES, 0 },
		{ NR_TRIES, 0, NR_TRIES, TDX_RND_NO_ENTROPY },
		{ 3, TDX_OPERAND_BUSY, 4, TDX_OPERAND_BUSY },
		{ 0, TDX_INTERRUPTED_RESUMABLE, 1, TDX_INTERRUPTED_RESUMABLE },
		{ 0, TDX_SEAMCALL_UD, 1, TDX_SEAMCALL_UD },
	};

	install_recorder(test);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tdx_module_args args = { .rcx = 100, .rdx = 5 };

		nr_calls = 0;
		nr_without_entropy = cases[i].nr_without_entropy;
		final_status = cases[i].final_status;
		KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_SPDM_CREATE, &args), cases[i].status);
		KUNIT_EXPECT_EQ(test, nr_calls, cases[i].nr_calls);
		KUNIT_EXPECT_EQ(test, last_args.rcx, 99 + nr_calls);
		KUNIT_EXPECT_EQ(test, last_args.rdx, 5);
		KUNIT_EXPECT_EQ(test, args.rcx, 100 + nr_calls);
	}
}

/* Rule: TDH.PHYMEM.PAGE.WBINVD takes the PA with the KeyID above it. */
static void wbinvd_names_page_and_keyid(struct kunit *test)
{
	static const struct {
		u16 keyid;
		u8 shift;
		unsigned long pfn;
		u64 rcx;
	} cases[] = {
		{ 33, 46, 0x12345, 33ULL << 46 | 0x12345000 },
		{ 1, 51, 0x7fffffffff, 1ULL << 51 | 0x7fffffffff000 },
		{ 0x7fff, 37, 1, 0x7fffULL << 37 | 0x1000 },
		{ 64, 45, 0, 64ULL << 45 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		recorder.keyid = cases[i].keyid;
		recorder.keyid_shift = cases[i].shift;
		install_recorder(test);
		KUNIT_EXPECT_EQ(test, tdx_seam_keyid(), cases[i].keyid);
		KUNIT_EXPECT_EQ(test, tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, cases[i].pfn),
				0);
		KUNIT_EXPECT_EQ(test, last_leaf, 41);
		KUNIT_EXPECT_EQ(test, last_args.rcx, cases[i].rcx);
		kunit_release_action(test, back_to_model, NULL);
	}
}

/* Rule: pages are reset for the erratum, and not on a CPU without it. */
static void pages_are_reset_for_the_erratum(struct kunit *test)
{
	install_recorder(test);
	tdx_quirk_reset_paddr(0x3000, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, nr_resets, 0);

	recorder.reset_paddr = record_reset;
	tdx_quirk_reset_paddr(0x3000, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, nr_resets, 1);
	KUNIT_EXPECT_EQ(test, reset_base, 0x3000);
	KUNIT_EXPECT_EQ(test, reset_size, 2 * PAGE_SIZE);
}

static struct kunit_case seam_cases[] = {
	KUNIT_CASE(one_implementation_is_installed),
	KUNIT_CASE(without_a_module_nothing_is_held),
	KUNIT_CASE(pages_of_a_removed_module_are_leaked),
	KUNIT_CASE(calls_without_entropy_are_repeated),
	KUNIT_CASE(wbinvd_names_page_and_keyid),
	KUNIT_CASE(pages_are_reset_for_the_erratum),
	{}
};

static struct kunit_suite seam_suite = {
	.name = "tdx_seam",
	.init = seam_init,
	.exit = fixture_exit,
	.test_cases = seam_cases,
};

kunit_test_suite(seam_suite);

MODULE_DESCRIPTION("KUnit tests of the seam to the TDX module");
MODULE_LICENSE("GPL");
