// SPDX-License-Identifier: GPL-2.0
/*
 * SEAMCALL on a machine without TDX: refused leaves, and failures of the
 * instruction
 *
 * This module includes the functions under test, because tdx_seamcall does not
 * load without TDX.
 */
#include <linux/bitfield.h>
#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/smp.h>

#include <asm/msr.h>
#include <asm/tdx_connect.h>

#include "../../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "seamcall.c"

/* Leaf numbers have 16 bits */
#define NR_LEAVES	0x10000

static const struct tdx_module_args pattern = {
	.rcx = 0x1111111111111111, .rdx = 0x2222222222222222,
	.r8 = 0x8888888888888888, .r9 = 0x9999999999999999,
	.r10 = 0xaaaaaaaaaaaaaaaa, .r11 = 0xbbbbbbbbbbbbbbbb,
	.r12 = 0xcccccccccccccccc, .r13 = 0xdddddddddddddddd,
	.r14 = 0xeeeeeeeeeeeeeeee, .r15 = 0xffffffffffffffff,
	.rbx = 0x3333333333333333, .rdi = 0x4444444444444444,
	.rsi = 0x5555555555555555,
};

/* Never call a real TDX module from a test. */
static void skip_on_tdx_hosts(struct kunit *test)
{
	u64 partitioning;

	if (!rdmsrq_safe(0x87, &partitioning) && tdx_seamcall_global_keyid(partitioning))
		kunit_skip(test, "this machine has TDX");
}

static void call_here(void *data)
{
	struct tdx_module_args args = pattern;
	atomic_t *nr_right = data;

	if (issue(TDH_SYS_RD, args, &args) == TDX_SEAMCALL_UD &&
	    !memcmp(&args, &pattern, sizeof(args)))
		atomic_inc(nr_right);
}

/*
 * Rule: without TDX the instruction raises #UD, which is a status, not an oops.
 */
static void seamcall_without_tdx_is_ud(struct kunit *test)
{
	struct tdx_module_args args = pattern;
	atomic_t nr_right = ATOMIC_INIT(0);

	skip_on_tdx_hosts(test);
	KUNIT_EXPECT_EQ(test, tdx_seamcall(TDH_SYS_RD, &args), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_MEMEQ(test, &args, &pattern, sizeof(args));

	/* On each CPU, with interrupts disabled. */
	on_each_cpu(call_here, &nr_right, true);
	KUNIT_EXPECT_EQ(test, atomic_read(&nr_right), num_online_cpus());
}

/* Rule: by default no leaf is allowed that changes the ownership of memory. */
static void leaves_that_claim_are_refused(struct kunit *test)
{
	static const u64 harmless[] = {
		TDH_PHYMEM_PAGE_RDMD, TDH_SYS_RD, TDH_PHYMEM_PAGE_WBINVD,
	};
	unsigned int nr_allowed = 0;

	skip_on_tdx_hosts(test);
	KUNIT_ASSERT_FALSE(test, tdx_seamcall_allow_claims);

	for (u64 leaf = 0; leaf < NR_LEAVES; leaf++) {
		struct tdx_module_args args = pattern;
		u64 status = tdx_seamcall_checked(leaf, &args);

		if (status == TDX_SEAMCALL_UD)
			nr_allowed++;
		else
			KUNIT_ASSERT_EQ(test, status, TDX_SEAMCALL_REFUSED);
	}
	KUNIT_EXPECT_EQ(test, nr_allowed, ARRAY_SIZE(harmless));

	for (unsigned int i = 0; i < ARRAY_SIZE(harmless); i++) {
		struct tdx_module_args args = pattern;

		KUNIT_EXPECT_EQ(test, tdx_seamcall_checked(harmless[i], &args), TDX_SEAMCALL_UD);
		/* Another version of the leaf is another leaf. */
		KUNIT_EXPECT_EQ(test, tdx_seamcall_checked(harmless[i] | 1 << 16, &args),
				TDX_SEAMCALL_REFUSED);
	}
}

static void forbid_all(void *unused)
{
	tdx_seamcall_allow_claims = false;
	tdx_seamcall_donate_pages = 0;
	nr_donated = 0;
}

/* Rule: allow_claims allows all leaves except those that donate memory. */
static void allowed_claims_exclude_donations(struct kunit *test)
{
	skip_on_tdx_hosts(test);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, forbid_all, NULL), 0);
	tdx_seamcall_allow_claims = true;

	for (u64 leaf = 0; leaf < NR_LEAVES; leaf++) {
		bool donates = leaf == TDH_EXT_MEM_ADD || leaf == TDH_EXT_INIT;
		struct tdx_module_args args = pattern;

		KUNIT_ASSERT_EQ(test, tdx_seamcall_checked(leaf, &args),
				donates ? TDX_SEAMCALL_REFUSED : TDX_SEAMCALL_UD);
	}
}

/* Donate the entries from @first to the last of @nr. */
static u64 donate(unsigned int first, unsigned int nr)
{
	struct tdx_module_args args = {
		.rcx = 0x5000 | FIELD_PREP(HPA_LIST_FIRST, first) |
		       FIELD_PREP(HPA_LIST_LAST, nr - 1),
	};

	return tdx_seamcall_checked(TDH_EXT_MEM_ADD, &args);
}

/* Rule: at most donate_pages pages are donated. */
static void donated_pages_are_counted(struct kunit *test)
{
	struct tdx_module_args args = {};

	skip_on_tdx_hosts(test);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, forbid_all, NULL), 0);
	tdx_seamcall_donate_pages = 600;

	/* A donation does not continue before it started. */
	KUNIT_EXPECT_EQ(test, donate(5, 512), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_EQ(test, donate(0, 512), TDX_SEAMCALL_UD);
	/* After an interruption: these pages were counted. */
	KUNIT_EXPECT_EQ(test, donate(100, 512), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_EQ(test, donate(0, 89), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_EQ(test, donate(0, 88), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_EQ(test, donate(0, 1), TDX_SEAMCALL_REFUSED);

	KUNIT_EXPECT_EQ(test, tdx_seamcall_checked(TDH_EXT_INIT, &args), TDX_SEAMCALL_UD);
	/* Donations do not allow claims. */
	KUNIT_EXPECT_EQ(test, tdx_seamcall_checked(TDH_SPDM_CREATE, &args), TDX_SEAMCALL_REFUSED);
}

static const struct tdx_seam this_machine = {
	.seamcall = tdx_seamcall_checked,
	.keyid = 5,
	.keyid_shift = 46,
};

static void back_to_model(void *unused)
{
	tdx_seam_remove(&this_machine);
	tdx_model_install();
}

/*
 * Rule: the module does not hold pages of a refused leaf, so all of them can be
 * freed.
 */
static void pages_of_refused_leaves_are_not_held(struct kunit *test)
{
	struct tdx_pa_array *mt;
	u64 id;

	skip_on_tdx_hosts(test);
	mt = fixture_alloc(test, 20);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, back_to_model, NULL), 0);
	tdx_model_remove();
	KUNIT_ASSERT_EQ(test, tdx_seam_install(&this_machine), 0);

	KUNIT_EXPECT_EQ(test, tdh_spdm_create(0x1000, mt, &id), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_EQ(test, mt->nr_held, 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mt), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_EQ(test, mt->nr_held, 0);

	kunit_release_action(test, back_to_model, NULL);
	tdx_pa_array_free(mt);
}

/*
 * Rule: the global KeyID is the first TDX KeyID, which follows the last MKTME
 * KeyID.  MKTME alone is not TDX.
 * Source: Intel document 348549, IA32_MKTME_KEYID_PARTITIONING.
 */
static void global_keyid_follows_the_last_mktme_keyid(struct kunit *test)
{
	static const struct {
		u32 nr_mktme, nr_tdx, keyid;
	} machines[] = {
		{ 0, 1, 1 },
		{ 31, 32, 32 },
		{ 15, 48, 16 },
		{ 63, 64, 64 },
		{ 1, 126, 2 },
		{ 32766, 1, 32767 },
		{ 0, 0, 0 },
		{ 63, 0, 0 },
		{ U32_MAX, 0, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(machines); i++) {
		u64 partitioning = (u64)machines[i].nr_tdx << 32 | machines[i].nr_mktme;

		KUNIT_EXPECT_EQ(test, tdx_seamcall_global_keyid(partitioning), machines[i].keyid);
	}
}

/* Rule: a missing feature is reported before a leaf needs it. */
static void missing_features_are_reported(struct kunit *test)
{
	const u64 connect = 1ULL << 6, ext = 1ULL << 39, all = ~0ULL;

	KUNIT_EXPECT_NULL(test, tdx_seamcall_lacks(0, false, false));
	KUNIT_EXPECT_NULL(test, tdx_seamcall_lacks(connect, true, false));
	KUNIT_EXPECT_NULL(test, tdx_seamcall_lacks(ext, false, true));
	KUNIT_EXPECT_NULL(test, tdx_seamcall_lacks(connect | ext, true, true));
	KUNIT_EXPECT_NOT_NULL(test, tdx_seamcall_lacks(all & ~connect, true, false));
	KUNIT_EXPECT_NOT_NULL(test, tdx_seamcall_lacks(all & ~ext, false, true));
	KUNIT_EXPECT_NOT_NULL(test, tdx_seamcall_lacks(ext, true, true));
	KUNIT_EXPECT_NOT_NULL(test, tdx_seamcall_lacks(connect, true, true));
}

/* Rule: each way to fail has an error number and a reason. */
static void each_failure_has_its_errno(struct kunit *test)
{
	static const struct {
		u64 status;
		int err;
	} failures[] = {
		{ TDX_SEAMCALL_VMFAILINVALID, -ENODEV },
		{ TDX_SEAMCALL_GP, -EOPNOTSUPP },
		{ TDX_SEAMCALL_UD, -EACCES },
		{ TDX_SEAMCALL_REFUSED, -EPERM },
		{ TDX_OPERAND_INVALID, -EIO },
		{ TDX_OPERAND_BUSY | 1, -EIO },
		{ TDX_RND_NO_ENTROPY, -EIO },
	};
	const char *why = NULL;

	KUNIT_EXPECT_EQ(test, tdx_seamcall_errno(TDX_SUCCESS, &why), 0);
	KUNIT_EXPECT_NULL(test, why);

	for (unsigned int i = 0; i < ARRAY_SIZE(failures); i++) {
		const char *before = why;

		KUNIT_EXPECT_EQ(test, tdx_seamcall_errno(failures[i].status, &why),
				failures[i].err);
		KUNIT_ASSERT_NOT_NULL(test, why);
		KUNIT_EXPECT_TRUE(test, why != before || failures[i].err == -EIO);
	}
}

/* Rule: a reset writes the whole page, and nothing next to it. */
static void reset_rewrites_the_whole_page(struct kunit *test)
{
	u8 *pages;

	if (!boot_cpu_has(X86_FEATURE_MOVDIR64B))
		kunit_skip(test, "this CPU has no MOVDIR64B");

	pages = (u8 *)__get_free_pages(GFP_KERNEL, 2);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	memset(pages, 0xa5, 3 * PAGE_SIZE);
	tdx_seamcall_reset_paddr(virt_to_phys(pages + PAGE_SIZE), PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(pages, 0xa5, PAGE_SIZE), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(pages + PAGE_SIZE, 0, PAGE_SIZE), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(pages + 2 * PAGE_SIZE, 0xa5, PAGE_SIZE), NULL);
	free_pages((unsigned long)pages, 2);
}

static struct kunit_case seamcall_cases[] = {
	KUNIT_CASE(seamcall_without_tdx_is_ud),
	KUNIT_CASE(leaves_that_claim_are_refused),
	KUNIT_CASE(allowed_claims_exclude_donations),
	KUNIT_CASE(donated_pages_are_counted),
	KUNIT_CASE(pages_of_refused_leaves_are_not_held),
	KUNIT_CASE(global_keyid_follows_the_last_mktme_keyid),
	KUNIT_CASE(missing_features_are_reported),
	KUNIT_CASE(each_failure_has_its_errno),
	KUNIT_CASE(reset_rewrites_the_whole_page),
	{}
};

static struct kunit_suite seamcall_suite = {
	.name = "tdx_seamcall",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = seamcall_cases,
};

kunit_test_suite(seamcall_suite);

MODULE_DESCRIPTION("KUnit tests of SEAMCALL on a machine without TDX");
MODULE_LICENSE("GPL");
