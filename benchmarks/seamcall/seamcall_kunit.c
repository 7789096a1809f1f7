// SPDX-License-Identifier: GPL-2.0
/*
 * The real door, as far as it goes on a machine without TDX: what it refuses, how
 * the instruction fails, and what that is called
 *
 * The functions under test are built into this module, because tdx_seamcall does
 * not load without TDX.
 */
#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/smp.h>

#include <asm/msr.h>
#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"
#include "seamcall.c"

/* Leaf numbers have 16 bits. */
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

static void skip_where_there_is_tdx(struct kunit *test)
{
	u64 partitioning, key;

	if (!rdmsrq_safe(0x87, &partitioning) && !tdx_seamcall_global_key(partitioning, 46, &key))
		kunit_skip(test, "this machine has TDX: no SEAMCALL for a test's sake");
}

static void call_here(void *data)
{
	struct tdx_module_args args = pattern;
	atomic_t *nr_right = data;

	if (seamcall(TDH_SYS_RD, args, &args) == TDX_SEAMCALL_UD &&
	    !memcmp(&args, &pattern, sizeof(args)))
		atomic_inc(nr_right);
}

/* Rule: without TDX the instruction raises #UD; that is a status, not an oops. */
static void seamcall_without_tdx_is_ud(struct kunit *test)
{
	struct tdx_module_args args = pattern;
	atomic_t nr_right = ATOMIC_INIT(0);

	skip_where_there_is_tdx(test);
	KUNIT_EXPECT_EQ(test, tdx_seamcall(TDH_SYS_RD, &args), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_MEMEQ(test, &args, &pattern, sizeof(args));

	/* On each CPU, and where interrupts are off, too. */
	on_each_cpu(call_here, &nr_right, true);
	KUNIT_EXPECT_EQ(test, atomic_read(&nr_right), num_online_cpus());
}

/* Rule: by default no leaf is let through that changes who owns memory. */
static void leaves_that_claim_are_refused(struct kunit *test)
{
	static const u64 harmless[] = {
		TDH_PHYMEM_PAGE_RDMD, TDH_SYS_RD, TDH_PHYMEM_PAGE_WBINVD,
	};
	unsigned int nr_let_through = 0;

	skip_where_there_is_tdx(test);
	KUNIT_ASSERT_FALSE(test, tdx_seamcall_allow_claims);

	for (u64 leaf = 0; leaf < NR_LEAVES; leaf++) {
		struct tdx_module_args args = pattern;
		u64 status = tdx_seamcall_checked(leaf, &args);

		if (status == TDX_SEAMCALL_UD)
			nr_let_through++;
		else
			KUNIT_ASSERT_EQ(test, status, TDX_SEAMCALL_REFUSED);
	}
	KUNIT_EXPECT_EQ(test, nr_let_through, ARRAY_SIZE(harmless));

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

/* Rule: whoever allows claims by name gets all leaves but those that donate. */
static void claims_are_let_through_but_no_donation(struct kunit *test)
{
	skip_where_there_is_tdx(test);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, forbid_all, NULL), 0);
	tdx_seamcall_allow_claims = true;

	for (u64 leaf = 0; leaf < NR_LEAVES; leaf++) {
		bool donates = leaf == TDH_EXT_MEM_ADD || leaf == TDH_EXT_INIT;
		struct tdx_module_args args = pattern;

		KUNIT_ASSERT_EQ(test, tdx_seamcall_checked(leaf, &args),
				donates ? TDX_SEAMCALL_REFUSED : TDX_SEAMCALL_UD);
	}
}

/* HPA_LIST_INFO: entries from @first to the last of @nr. */
static u64 donate(unsigned int first, unsigned int nr)
{
	struct tdx_module_args args = {
		.rcx = FIELD_PREP(HPA_LIST_INFO_PFN, 5) | FIELD_PREP(HPA_LIST_INFO_FIRST, first) |
		       FIELD_PREP(HPA_LIST_INFO_LAST, nr - 1),
	};

	return tdx_seamcall_checked(TDH_EXT_MEM_ADD, &args);
}

/* Rule: so many pages are donated as were allowed by number, and not one more. */
static void donations_are_let_through_page_by_page(struct kunit *test)
{
	struct tdx_module_args args = {};

	skip_where_there_is_tdx(test);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, forbid_all, NULL), 0);
	tdx_seamcall_donate_pages = 600;

	/* Nothing goes on that has not begun. */
	KUNIT_EXPECT_EQ(test, donate(5, 512), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_EQ(test, donate(0, 512), TDX_SEAMCALL_UD);
	/* After an interruption; these are counted. */
	KUNIT_EXPECT_EQ(test, donate(100, 512), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_EQ(test, donate(0, 89), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_EQ(test, donate(0, 88), TDX_SEAMCALL_UD);
	KUNIT_EXPECT_EQ(test, donate(0, 1), TDX_SEAMCALL_REFUSED);

	KUNIT_EXPECT_EQ(test, tdx_seamcall_checked(TDH_EXT_INIT, &args), TDX_SEAMCALL_UD);
	/* Other claims are another matter. */
	KUNIT_EXPECT_EQ(test, tdx_seamcall_checked(TDH_SPDM_CREATE, &args), TDX_SEAMCALL_REFUSED);
}

static const struct tdx_door this_machine = {
	.seamcall = tdx_seamcall_checked,
	.global_key = 5ULL << 46,
};

static void back_to_model(void *unused)
{
	tdx_door_remove(&this_machine);
	tdx_model_install();
}

/*
 * Rule: pages that the door refuses to hand over are as good as before: the array
 * awaits no flush, and all of them go back.
 */
static void what_is_refused_stays_ours(struct kunit *test)
{
	struct tdx_pa_array *mt;
	struct tdx_pa_window w;
	u64 id;

	skip_where_there_is_tdx(test);
	mt = fixture_alloc(test, 20);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, back_to_model, NULL), 0);
	tdx_model_remove();
	KUNIT_ASSERT_EQ(test, tdx_door_install(&this_machine), 0);

	KUNIT_EXPECT_EQ(test, tdx_door_global_pa(0x1000), 5ULL << 46 | 0x1000);
	KUNIT_EXPECT_EQ(test, tdh_phymem_page_wbinvd(mt->entries[0]), TDX_SEAMCALL_UD);

	KUNIT_EXPECT_EQ(test, tdh_spdm_create(0x1000, mt, &id), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_FALSE(test, mt->flush);
	KUNIT_EXPECT_EQ(test, (u32)mt->nr_held, 0);

	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mt, 0, &w), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_mem_add(mt, &w), TDX_SEAMCALL_REFUSED);
	KUNIT_EXPECT_FALSE(test, mt->flush);
	KUNIT_EXPECT_EQ(test, (u32)mt->nr_held, 0);

	tdx_pa_array_release(mt);
}

/*
 * Rule: the global key ID is the first TDX key ID, which follows the last MKTME
 * key ID, and stands above the physical address.
 * Source: Intel document 348549, IA32_MKTME_KEYID_PARTITIONING.
 */
static void global_key_follows_the_last_mktme_key(struct kunit *test)
{
	static const struct {
		u32 nr_mktme, nr_tdx;
		unsigned int phys_bits;
		u64 key;
	} machines[] = {
		{ 0, 1, 46, 1ULL << 46 },
		{ 31, 32, 46, 32ULL << 46 },
		{ 15, 48, 46, 16ULL << 46 },
		{ 63, 64, 45, 64ULL << 45 },
		{ 1, 126, 45, 2ULL << 45 },
		{ 32766, 1, 37, 32767ULL << 37 },
	};
	u64 key = 42;

	for (unsigned int i = 0; i < ARRAY_SIZE(machines); i++) {
		u64 partitioning = (u64)machines[i].nr_tdx << 32 | machines[i].nr_mktme;

		KUNIT_EXPECT_EQ(test, 0,
				tdx_seamcall_global_key(partitioning, machines[i].phys_bits, &key));
		KUNIT_EXPECT_EQ(test, key, machines[i].key);
	}

	/* MKTME alone is no TDX. */
	key = 42;
	KUNIT_EXPECT_EQ(test, tdx_seamcall_global_key(0, 46, &key), -ENODEV);
	KUNIT_EXPECT_EQ(test, tdx_seamcall_global_key(U32_MAX, 46, &key), -ENODEV);
	KUNIT_EXPECT_EQ(test, key, 42);
}

/* Rule: a TDX module is not asked for what it does not have. */
static void what_a_module_lacks_is_told(struct kunit *test)
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

/* Rule: each way to fail has its own number and says what to do. */
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

/* Rule: on a CPU with the erratum, all of a page is written, and nothing beside it. */
static void reset_rewrites_the_whole_page(struct kunit *test)
{
	u8 *pages;

	if (!boot_cpu_has(X86_FEATURE_MOVDIR64B))
		kunit_skip(test, "this CPU has no MOVDIR64B");

	pages = (u8 *)__get_free_pages(GFP_KERNEL, 2);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	memset(pages, 0xa5, 3 * PAGE_SIZE);
	tdx_seamcall_reset_page(virt_to_phys(pages + PAGE_SIZE));
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(pages, 0xa5, PAGE_SIZE), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(pages + PAGE_SIZE, 0, PAGE_SIZE), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(pages + 2 * PAGE_SIZE, 0xa5, PAGE_SIZE), NULL);
	free_pages((unsigned long)pages, 2);
}

static struct kunit_case seamcall_cases[] = {
	KUNIT_CASE(seamcall_without_tdx_is_ud),
	KUNIT_CASE(leaves_that_claim_are_refused),
	KUNIT_CASE(claims_are_let_through_but_no_donation),
	KUNIT_CASE(donations_are_let_through_page_by_page),
	KUNIT_CASE(what_is_refused_stays_ours),
	KUNIT_CASE(global_key_follows_the_last_mktme_key),
	KUNIT_CASE(what_a_module_lacks_is_told),
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
