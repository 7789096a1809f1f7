// SPDX-License-Identifier: GPL-2.0
/*
 * The model's refusals, and the judge caught in the act
 *
 * The other suites rest on these two, so they are tested first and by themselves:
 * raw operands through the door, and pages treated wrongly on purpose.  Each check
 * of the model is tested both ways: what breaks the rule is refused with the right
 * status and changes nothing, and what keeps it is accepted.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/tdx_connect.h>

#include "../door.h"
#include "fixture.h"

#define NR_PAGES	4
#define LAST(nr)	((u64)((nr) - 1) << 55)
#define NO_MEMORY	BIT_ULL(50)	/* an address where no memory is */

/* Pages, a list of them, and pages for messages. */
struct raw {
	u64 *list;
	u64 list_pa;
	struct page *page[NR_PAGES];
	u64 pa[NR_PAGES];
	u64 shared[3];
	unsigned long shared_pages;
};

/* All but the pages themselves. */
static void raw_free_lists(struct raw *raw)
{
	free_pages(raw->shared_pages, 2);
	free_page((unsigned long)raw->list);
}

static void raw_free(struct raw *raw)
{
	for (int i = 0; i < NR_PAGES; i++)
		__free_page(raw->page[i]);
	raw_free_lists(raw);
}

static struct raw *raw_alloc(struct kunit *test)
{
	struct raw *raw = kunit_kzalloc(test, sizeof(*raw), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, raw);
	raw->list = (u64 *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, raw->list);
	raw->list_pa = virt_to_phys(raw->list);
	raw->shared_pages = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 2);
	KUNIT_ASSERT_NE(test, raw->shared_pages, 0);
	for (int i = 0; i < 3; i++)
		raw->shared[i] = virt_to_phys((void *)raw->shared_pages) + i * PAGE_SIZE;
	for (int i = 0; i < NR_PAGES; i++) {
		raw->page[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, raw->page[i]);
		raw->pa[i] = page_to_phys(raw->page[i]);
		raw->list[i] = raw->pa[i];
		tdx_judge_watch(raw->pa[i], 1);
	}
	return raw;
}

static void raw_flush(struct raw *raw)
{
	for (int i = 0; i < NR_PAGES; i++) {
		struct tdx_module_args args = { .rcx = raw->pa[i] | TDX_MODEL_GLOBAL_KEY };

		tdx_door(TDH_PHYMEM_PAGE_WBINVD, &args);
	}
}

static u64 class(u64 status)
{
	return status & TDX_SEAMCALL_STATUS_MASK;
}

/* The leaf is refused with this class of status, and nothing has changed. */
static void refuse(struct kunit *test, u64 leaf, struct tdx_module_args args,
		   u64 expected, const char *what)
{
	u64 before = tdx_model_digest();

	KUNIT_EXPECT_EQ_MSG(test, class(tdx_door(leaf, &args)), expected, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, tdx_model_digest(), before, "%s", what);
}

/* The leaf is accepted; return RCX. */
static u64 accept(struct kunit *test, u64 leaf, struct tdx_module_args args)
{
	KUNIT_ASSERT_EQ(test, tdx_door(leaf, &args), 0);
	return args.rcx;
}

static void fail(u64 leaf, unsigned int nth, u64 status, unsigned int after)
{
	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = leaf, .nth = nth, .status = status, .after = after,
	});
}

static struct tdx_module_args create_args(const struct raw *raw, unsigned int nr)
{
	return (struct tdx_module_args) {
		.rcx = 0x1000,
		.rdx = nr == 1 ? raw->pa[0] : raw->list_pa | LAST(nr),
	};
}

static u64 spdm_create(struct kunit *test, const struct raw *raw, unsigned int nr)
{
	return accept(test, TDH_SPDM_CREATE, create_args(raw, nr));
}

static void spdm_delete(struct kunit *test, const struct raw *raw, u64 id, unsigned int nr)
{
	accept(test, TDH_SPDM_DELETE,
	       (struct tdx_module_args) { .rcx = id, .rdx = nr == 1 ? 0 : raw->list_pa });
}

/* Rule: a page is WBINVDed with the global HKID, when the module has let it go. */
static void checks_wbinvd(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 good = raw->pa[0] | TDX_MODEL_GLOBAL_KEY;
	u64 id = spdm_create(test, raw, NR_PAGES);
	struct tdx_module_args args = { .rcx = good };

	refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_PAGE_METADATA_INCORRECT, "owned");
	spdm_delete(test, raw, id, NR_PAGES);

	args.rcx = raw->pa[0];
	refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_OPERAND_INVALID, "no key");
	for (int bit = 0; bit < 12; bit++) {
		args.rcx = good | 1ULL << bit;
		refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_OPERAND_INVALID, "unaligned");
	}
	args.rcx = 1ULL << 45 | TDX_MODEL_GLOBAL_KEY;
	refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_OPERAND_INVALID, "no memory");
	args.rcx = good;
	fail(TDH_PHYMEM_PAGE_WBINVD, 1, TDX_OPERAND_BUSY, 0);
	refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_OPERAND_BUSY, "locked");

	KUNIT_EXPECT_TRUE(test, tdx_model_dirty(raw->pa[0]));
	accept(test, TDH_PHYMEM_PAGE_WBINVD, (struct tdx_module_args) { .rcx = good });
	KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[0]));

	raw_flush(raw);
	raw_free(raw);
}

/*
 * All that can be wrong with a list of NR_PAGES plain entries, whatever the leaf.
 * @operand points into @args; @owned is a page of the module's, or 0.  A @shared
 * list is not claimed: its pages must be the host's.
 */
static void refuse_bad_lists(struct kunit *test, u64 leaf, struct tdx_module_args *args,
			     u64 *operand, struct raw *raw, u64 owned, bool shared)
{
	const u64 not_free = shared ? TDX_OPERAND_INVALID : TDX_PAGE_METADATA_INCORRECT;
	const u64 good = *operand;

	for (int bit = 52; bit < 55; bit++) {
		*operand = good | 1ULL << bit;
		refuse(test, leaf, *args, TDX_OPERAND_INVALID, "reserved bit of the operand");
	}
	*operand = NO_MEMORY | LAST(NR_PAGES);
	refuse(test, leaf, *args, TDX_OPERAND_INVALID, "list outside memory");
	*operand = LAST(NR_PAGES);
	refuse(test, leaf, *args, TDX_OPERAND_INVALID, "list at 0");
	if (owned) {
		*operand = owned | LAST(NR_PAGES);
		refuse(test, leaf, *args, TDX_OPERAND_INVALID, "list on a page of the module's");
	}
	*operand = good;

	for (int i = 0; i < NR_PAGES; i++) {
		for (int bit = 0; bit < 12; bit++) {
			raw->list[i] = raw->pa[i] | 1ULL << bit;
			refuse(test, leaf, *args, TDX_OPERAND_INVALID, "low bit of an entry");
		}
		for (int bit = 52; bit < 64; bit++) {
			raw->list[i] = raw->pa[i] | 1ULL << bit;
			refuse(test, leaf, *args, TDX_OPERAND_INVALID, "high bit of an entry");
		}
		raw->list[i] = 0;
		refuse(test, leaf, *args, TDX_OPERAND_INVALID, "empty entry");
		raw->list[i] = NO_MEMORY;
		refuse(test, leaf, *args, TDX_OPERAND_INVALID, "entry outside memory");
		raw->list[i] = raw->pa[(i + 1) % NR_PAGES];
		refuse(test, leaf, *args, not_free, "duplicate");
		if (owned) {
			raw->list[i] = owned;
			refuse(test, leaf, *args, not_free, "page of the module's");
		}
		raw->list[i] = raw->pa[i];
	}
}

/* Rule: HPA_ARRAY_T, its list and its singleton are well formed, its pages free. */
static void checks_hpa_array(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	u64 other_id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
		.rcx = 0x2000, .rdx = other->pa[0],
	});
	struct tdx_module_args args = create_args(raw, NR_PAGES);
	u64 id;

	for (int bit = 0; bit < 12; bit++) {
		args.rdx = raw->list_pa | LAST(NR_PAGES) | 1ULL << bit;
		refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "low bit");
		args.rdx = raw->pa[0] | 1ULL << bit;
		refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "low bit, singleton");
	}
	args.rdx = other->pa[0];
	refuse(test, TDH_SPDM_CREATE, args, TDX_PAGE_METADATA_INCORRECT, "owned singleton");
	args.rdx = NO_MEMORY;
	refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "singleton outside memory");
	args.rdx = 0;
	refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "singleton at 0");

	args = create_args(raw, NR_PAGES);
	refuse_bad_lists(test, TDH_SPDM_CREATE, &args, &args.rdx, raw, other->pa[0], false);
	id = spdm_create(test, raw, NR_PAGES);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 1 + NR_PAGES);

	spdm_delete(test, raw, id, NR_PAGES);
	accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = other_id });
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	raw_flush(raw);
	raw_flush(other);
	raw_free(raw);
	raw_free(other);
}

/* Rule: the same for the pages of an IDE stream. */
static void checks_hpa_array_of_stream(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	u64 spdm_id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
		.rcx = 0x2000, .rdx = other->pa[0],
	});
	struct tdx_module_args args = {
		.rcx = 1, .rdx = spdm_id, .r8 = raw->list_pa | LAST(NR_PAGES),
	};
	u64 id;

	refuse_bad_lists(test, TDH_IDE_STREAM_CREATE, &args, &args.r8, raw, other->pa[0], false);
	args.rcx = 0;
	refuse(test, TDH_IDE_STREAM_CREATE, args, TDX_OPERAND_INVALID, "no stream");
	args.rcx = 1;
	args.rdx = spdm_id + 1;
	refuse(test, TDH_IDE_STREAM_CREATE, args, TDX_OPERAND_INVALID, "no session");
	args.rdx = spdm_id;
	id = accept(test, TDH_IDE_STREAM_CREATE, args);
	args.r8 = other->pa[1];
	refuse(test, TDH_IDE_STREAM_CREATE, args, TDX_OPERAND_INVALID, "stream exists");

	/* BLOCK before DELETE, and the stream before its session. */
	args = (struct tdx_module_args) { .rcx = spdm_id, .rdx = id, .r8 = raw->list_pa };
	refuse(test, TDH_IDE_STREAM_DELETE, args, TDX_OPERAND_INVALID, "not blocked");
	refuse(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = spdm_id },
	       TDX_OPERAND_BUSY, "has a stream");
	args.rcx++;
	refuse(test, TDH_IDE_STREAM_BLOCK, args, TDX_OPERAND_INVALID, "other session");
	args.rcx--;
	args.rdx++;
	refuse(test, TDH_IDE_STREAM_BLOCK, args, TDX_OPERAND_INVALID, "other stream");
	args.rdx--;
	accept(test, TDH_IDE_STREAM_BLOCK, args);

	args.rcx++;
	refuse(test, TDH_IDE_STREAM_DELETE, args, TDX_OPERAND_INVALID, "other session");
	args.rcx--;
	args.r8 = 0;
	refuse(test, TDH_IDE_STREAM_DELETE, args, TDX_OPERAND_INVALID, "no output page");
	args.r8 = raw->list_pa;
	accept(test, TDH_IDE_STREAM_DELETE, args);
	refuse(test, TDH_IDE_STREAM_DELETE, args, TDX_OPERAND_INVALID, "deleted");
	accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = spdm_id });

	raw_flush(raw);
	raw_flush(other);
	raw_free(raw);
	raw_free(other);
}

/* Rule: HPA_LIST_INFO is well formed, and processing starts at its first entry. */
static void checks_hpa_list_info(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	struct tdx_module_args args = { .rcx = raw->list_pa | LAST(NR_PAGES) };
	u64 other_id = spdm_create(test, other, 1);

	for (int bit = 0; bit < 3; bit++) {
		args.rcx = raw->list_pa | LAST(NR_PAGES) | 1ULL << bit;
		refuse(test, TDH_EXT_MEM_ADD, args, TDX_OPERAND_INVALID, "low bit");
	}
	args.rcx = raw->list_pa | LAST(NR_PAGES) | NR_PAGES << 3;
	refuse(test, TDH_EXT_MEM_ADD, args, TDX_OPERAND_INVALID, "first entry past the last");
	args.rcx = raw->list_pa | LAST(NR_PAGES);
	refuse_bad_lists(test, TDH_EXT_MEM_ADD, &args, &args.rcx, raw, other->pa[0], false);

	/* What lies before the first entry does not matter. */
	raw->list[0] = ~0ULL;
	args.rcx = raw->list_pa | LAST(NR_PAGES) | 2 << 3;
	accept(test, TDH_EXT_MEM_ADD, args);
	for (int i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, tdx_model_owns(raw->pa[i]), i >= 2);

	/* A list of one is a list all the same. */
	raw->list[0] = raw->pa[0];
	accept(test, TDH_EXT_MEM_ADD, (struct tdx_module_args) { .rcx = raw->list_pa });
	KUNIT_EXPECT_TRUE(test, tdx_model_owns(raw->pa[0]));
	KUNIT_EXPECT_FALSE(test, tdx_model_owns(raw->pa[1]));

	spdm_delete(test, other, other_id, 1);
	raw_flush(other);
	raw_free(other);
	fixture_expect(test, 3, 0);
	__free_page(raw->page[1]);
	free_pages(raw->shared_pages, 2);
	free_page((unsigned long)raw->list);
}

/* Rule: an interrupted add says how far it got, and goes on from there. */
static void add_resumes_at_first_entry(struct kunit *test)
{
	for (unsigned int k = 0; k < NR_PAGES; k++) {
		struct raw *raw = raw_alloc(test);
		u64 info = raw->list_pa | LAST(NR_PAGES);
		struct tdx_module_args args = { .rcx = info };

		fail(TDH_EXT_MEM_ADD, 1, TDX_INTERRUPTED_RESUMABLE, k);
		KUNIT_EXPECT_EQ(test, tdx_door(TDH_EXT_MEM_ADD, &args),
				TDX_INTERRUPTED_RESUMABLE);
		KUNIT_EXPECT_EQ(test, args.rcx, info | k << 3);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), k);
		if (k)
			refuse(test, TDH_EXT_MEM_ADD, (struct tdx_module_args) { .rcx = info },
			       TDX_PAGE_METADATA_INCORRECT, "from the start");
		accept(test, TDH_EXT_MEM_ADD, args);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);

		KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), NR_PAGES);
		free_pages(raw->shared_pages, 2);
		free_page((unsigned long)raw->list);
		tdx_model_reset();
	}
}

#define MT_ORDER	2

/* Rule: an IOMMU_MT list is two blocks, aligned and counted, then plain pages. */
static void checks_iommu_mt(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	const unsigned int nr = 1 << MT_ORDER;
	struct page *block[2];
	u64 other_id = spdm_create(test, other, 1), good[4], id;
	struct tdx_module_args args = { .rcx = 0xfed90000, .rdx = raw->list_pa };
	/* Of a block, of a plain page. */
	const struct {
		const char *what;
		u64 block, page, class;
	} bad[] = {
		{ "one page counted", 1, 1, TDX_OPERAND_INVALID },
		{ "count no power of 2", 3, 3, TDX_OPERAND_INVALID },
		{ "count on a plain page", ~0ULL, nr, TDX_OPERAND_INVALID },
		{ "reserved bit 52", 1ULL << 52, 1ULL << 52, TDX_OPERAND_INVALID },
		{ "reserved bit 63", 1ULL << 63, 1ULL << 63, TDX_OPERAND_INVALID },
		{ "outside memory", NO_MEMORY, NO_MEMORY, TDX_OPERAND_INVALID },
	};

	for (int i = 0; i < 2; i++) {
		block[i] = alloc_pages(GFP_KERNEL, MT_ORDER);
		KUNIT_ASSERT_NOT_NULL(test, block[i]);
		raw->list[i] = page_to_phys(block[i]) | nr;
		tdx_judge_watch(page_to_phys(block[i]), nr);
	}
	raw->list[2] = raw->pa[2];
	raw->list[3] = raw->pa[3];
	memcpy(good, raw->list, sizeof(good));
	tdx_model_set_iommu_entries(4);

	for (int i = 0; i < 4; i++) {
		for (int b = 0; b < ARRAY_SIZE(bad); b++) {
			u64 wrong = i < 2 ? bad[b].block : bad[b].page;

			if (wrong == ~0ULL)
				continue;
			raw->list[i] = (good[i] & PAGE_MASK) | wrong;
			refuse(test, TDH_IOMMU_SETUP, args, bad[b].class, bad[b].what);
		}
		raw->list[i] = 0;
		refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "empty entry");
		raw->list[i] = other->pa[0];
		refuse(test, TDH_IOMMU_SETUP, args, TDX_PAGE_METADATA_INCORRECT, "owned");
		raw->list[i] = i < 2 ? good[!i] : good[5 - i];
		refuse(test, TDH_IOMMU_SETUP, args, TDX_PAGE_METADATA_INCORRECT, "duplicate");
		raw->list[i] = good[i];
	}
	raw->list[0] = good[0] + PAGE_SIZE;
	refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "block not aligned");
	raw->list[0] = good[0];

	for (int bit = 0; bit < 12; bit++) {
		args.rdx = raw->list_pa | 1ULL << bit;
		refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "low bit of the list");
	}
	args.rdx = other->pa[0];
	refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "list of the module's");
	args.rdx = raw->list_pa;
	args.rcx = 0;
	refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "no registers");
	args.rcx = 0xfed90008;
	refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "registers not aligned");
	args.rcx = 0xfed90000;
	id = accept(test, TDH_IOMMU_SETUP, args);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 2 * nr + 2 + 1);
	refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "set up already");

	args = (struct tdx_module_args) { .rcx = id, .rdx = raw->list_pa };
	args.rcx = id + 1;
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "other IOMMU");
	args.rcx = id;
	args.rdx = raw->list_pa | 8;
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "list not aligned");
	args.rdx = good[2];
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "list of the module's");
	args.rdx = raw->list_pa;
	tdx_model_set_clear(TDX_MODEL_CLEAR_READS);
	raw->list[3] = good[2];
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "reads another list");
	raw->list[3] = good[3];
	accept(test, TDH_IOMMU_CLEAR, args);
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "cleared");
	spdm_delete(test, other, other_id, 1);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);

	for (int i = 0; i < 2; i++) {
		for (unsigned int n = 0; n < nr; n++)
			accept(test, TDH_PHYMEM_PAGE_WBINVD, (struct tdx_module_args) {
				.rcx = page_to_phys(block[i] + n) | TDX_MODEL_GLOBAL_KEY,
			});
		__free_pages(block[i], MT_ORDER);
	}
	raw_flush(raw);
	raw_flush(other);
	raw_free(raw);
	raw_free(other);
}

/*
 * Rule: an interrupted leaf keeps what it has, and wants its original operands.
 * SETUP owns what it got to; CLEAR gives back when it is done.
 */
static void interrupted_leaves_want_their_operands(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args setup = { .rcx = 0xfed90000, .rdx = raw->list_pa };
	struct tdx_module_args args = setup, clear;
	u64 id;

	tdx_model_set_iommu_entries(NR_PAGES);
	for (unsigned int k = 0; k < NR_PAGES; k++) {
		fail(TDH_IOMMU_SETUP, 1, TDX_INTERRUPTED_RESUMABLE, k);
		args = setup;
		KUNIT_EXPECT_EQ(test, tdx_door(TDH_IOMMU_SETUP, &args),
				TDX_INTERRUPTED_RESUMABLE);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), k);
		args = setup;
		args.rdx = raw->shared[0];
		refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "another list");
		refuse(test, TDH_IOMMU_CLEAR, (struct tdx_module_args) { .rdx = raw->list_pa },
		       TDX_OPERAND_INVALID, "not set up yet");
		id = accept(test, TDH_IOMMU_SETUP, setup);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);

		fail(TDH_IOMMU_CLEAR, 1, TDX_INTERRUPTED_RESUMABLE, k);
		clear = (struct tdx_module_args) { .rcx = id, .rdx = raw->list_pa };
		args = clear;
		KUNIT_EXPECT_EQ(test, tdx_door(TDH_IOMMU_CLEAR, &args),
				TDX_INTERRUPTED_RESUMABLE);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);
		args = clear;
		args.rdx = raw->shared[0];
		refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "another list");
		accept(test, TDH_IOMMU_CLEAR, clear);

		raw_flush(raw);
		tdx_model_reset();
		tdx_model_set_iommu_entries(NR_PAGES);
	}

	fail(TDH_EXT_INIT, 1, TDX_INTERRUPTED_RESUMABLE, 0);
	args = (struct tdx_module_args) {};
	KUNIT_EXPECT_EQ(test, tdx_door(TDH_EXT_INIT, &args), TDX_INTERRUPTED_RESUMABLE);
	refuse(test, TDH_EXT_INIT, (struct tdx_module_args) { .rcx = 1 }, TDX_OPERAND_INVALID,
	       "another operand");
	accept(test, TDH_EXT_INIT, (struct tdx_module_args) {});
	raw_free(raw);
}

/* Rule: the output operand is 0 for one page, else a page of the host's. */
static void checks_output(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = { .rcx = spdm_create(test, raw, 1), .rdx = raw->list_pa };

	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "a page for a singleton");
	args.rdx = 0;
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_DELETE, args), raw->pa[0]);

	args.rcx = spdm_create(test, raw, NR_PAGES);
	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "no page");
	for (int bit = 0; bit < 12; bit++) {
		args.rdx = raw->list_pa | 1ULL << bit;
		refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "not aligned");
	}
	args.rdx = raw->pa[1];
	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "one of its own pages");
	args.rdx = NO_MEMORY;
	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "outside memory");
	args.rdx = raw->list_pa;
	args.rcx++;
	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "another session");
	args.rcx--;

	memset(raw->list, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_DELETE, args),
			raw->list_pa | LAST(NR_PAGES));
	KUNIT_EXPECT_MEMEQ(test, raw->list, raw->pa, sizeof(raw->pa));

	/* The host must not believe it, so the model can lie. */
	tdx_model_set_output(TDX_MODEL_OUTPUT_GARBAGE);
	args.rcx = spdm_create(test, raw, NR_PAGES);
	KUNIT_EXPECT_NE(test, accept(test, TDH_SPDM_DELETE, args),
			raw->list_pa | LAST(NR_PAGES));
	KUNIT_EXPECT_MEMNEQ(test, raw->list, raw->pa, sizeof(raw->pa));

	raw_flush(raw);
	raw_free(raw);
}

/* Rule: one session for a function, and no more objects than fit. */
static void checks_objects(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = create_args(raw, 1);
	struct {
		struct page *page;
		u64 id;
	} *sessions = kunit_kcalloc(test, 64, sizeof(*sessions), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sessions);
	args.rcx = 0;
	refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "no function");
	for (int i = 0; i < 64; i++) {
		sessions[i].page = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, sessions[i].page);
		tdx_judge_watch(page_to_phys(sessions[i].page), 1);
		sessions[i].id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
			.rcx = 1 + i, .rdx = page_to_phys(sessions[i].page),
		});
		if (!i) {
			args.rcx = 1;
			refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "has a session");
		}
	}
	args.rcx = 1000;
	refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_BUSY, "full");
	args.rdx = raw->list_pa;
	refuse(test, TDH_IOMMU_SETUP, (struct tdx_module_args) {
		.rcx = 0xfed90000, .rdx = raw->list_pa }, TDX_OPERAND_BUSY, "full");
	refuse(test, TDH_IDE_STREAM_CREATE, (struct tdx_module_args) {
		.rcx = 1, .rdx = sessions[0].id, .r8 = raw->pa[0] }, TDX_OPERAND_BUSY, "full");

	for (int i = 0; i < 64; i++) {
		accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = sessions[i].id });
		accept(test, TDH_PHYMEM_PAGE_WBINVD, (struct tdx_module_args) {
			.rcx = page_to_phys(sessions[i].page) | TDX_MODEL_GLOBAL_KEY });
		__free_page(sessions[i].page);
	}
	raw_free(raw);
}

static struct tdx_module_args connect_args(const struct raw *raw, u64 id)
{
	return (struct tdx_module_args) {
		.rcx = id,
		.rdx = raw->shared[0],
		.r8 = raw->shared[1],
		.r9 = raw->shared[2],
		.r10 = raw->list_pa | LAST(NR_PAGES),
	};
}

/* Rule: CONNECT wants three pages of the host's and a buffer of such pages. */
static void checks_connect(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test);
	u64 id = spdm_create(test, mt, 1);
	struct tdx_module_args args = connect_args(raw, id);
	u64 *const page_operands[] = { &args.rdx, &args.r8, &args.r9 };

	for (int i = 0; i < ARRAY_SIZE(page_operands); i++) {
		u64 good = *page_operands[i];

		*page_operands[i] = good | 8;
		refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "not aligned");
		*page_operands[i] = mt->pa[0];
		refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "of the module's");
		*page_operands[i] = NO_MEMORY;
		refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "outside memory");
		*page_operands[i] = good;
	}
	refuse_bad_lists(test, TDH_SPDM_CONNECT, &args, &args.r10, raw, mt->pa[0], true);
	args.rcx++;
	refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "no session");
	args.rcx--;
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_CONNECT, args), NR_PAGES * PAGE_SIZE);
	for (int i = 0; i < NR_PAGES; i++) {
		KUNIT_EXPECT_EQ(test, *(u8 *)phys_to_virt(raw->pa[i]),
				tdx_model_info_byte(i * PAGE_SIZE));
		KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[i]));
	}

	spdm_delete(test, mt, id, 1);
	raw_flush(mt);
	raw_free(mt);
	raw_free(raw);
}

/* Rule: one exchange at a time, with its operands, and answers to its messages. */
static void checks_exchanges(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test);
	u64 id = spdm_create(test, mt, 1);
	struct tdx_module_args connect = connect_args(raw, id), args;
	struct tdx_module_args disconnect = {
		.rcx = id, .rdx = raw->shared[1], .r8 = raw->shared[2],
	};
	struct tdx_module_args mng = {
		.rcx = id, .rdx = TDX_SPDM_HEARTBEAT, .r8 = TDX_NO_OPERAND,
		.r9 = raw->shared[1], .r10 = raw->shared[2], .r11 = TDX_NO_OPERAND,
	};

	accept(test, TDH_SPDM_CONNECT, connect);
	tdx_model_set_rounds(2);
	for (int round = 0; round < 2; round++) {
		args = connect;
		KUNIT_EXPECT_EQ(test, tdx_door(TDH_SPDM_CONNECT, &args), TDX_SPDM_REQUEST);
		refuse(test, TDH_SPDM_CONNECT, connect, TDX_OPERAND_INVALID, "no answer");
		tdx_model_device(raw->shared[1], raw->shared[2], args.rcx - 1);
		refuse(test, TDH_SPDM_CONNECT, connect, TDX_OPERAND_INVALID, "half an answer");
		tdx_model_device(raw->shared[1], raw->shared[2], args.rcx);
		refuse(test, TDH_SPDM_DISCONNECT, disconnect, TDX_OPERAND_BUSY, "in between");
		refuse(test, TDH_SPDM_MNG, mng, TDX_OPERAND_BUSY, "in between");
		args = connect;
		args.rdx = raw->list_pa;
		refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "other operands");
	}
	accept(test, TDH_SPDM_CONNECT, connect);

	/* DELETE ends what is going on. */
	args = disconnect;
	KUNIT_EXPECT_EQ(test, tdx_door(TDH_SPDM_DISCONNECT, &args), TDX_SPDM_REQUEST);
	spdm_delete(test, mt, id, 1);
	id = spdm_create(test, mt, 1);
	tdx_model_set_rounds(0);
	/* A lie that is told on demand. */
	tdx_model_set_length(7);
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_CONNECT, connect_args(raw, id)), 7);

	spdm_delete(test, mt, id, 1);
	raw_flush(mt);
	raw_free(mt);
	raw_free(raw);
}

/* Rule: a connection is managed while there is one. */
static void checks_mng_and_disconnect(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test);
	u64 id = spdm_create(test, mt, 1);
	struct tdx_module_args disconnect = {
		.rcx = id, .rdx = raw->shared[1], .r8 = raw->shared[2],
	};
	struct tdx_module_args good = {
		.rcx = id, .rdx = TDX_SPDM_RECOLLECT, .r8 = raw->shared[0],
		.r9 = raw->shared[1], .r10 = raw->shared[2],
		.r11 = raw->list_pa | LAST(NR_PAGES),
	}, args = good;

	refuse(test, TDH_SPDM_MNG, good, TDX_OPERAND_INVALID, "not connected");
	refuse(test, TDH_SPDM_DISCONNECT, disconnect, TDX_OPERAND_INVALID, "not connected");
	accept(test, TDH_SPDM_CONNECT, connect_args(raw, id));

	args.rdx = 3;
	refuse(test, TDH_SPDM_MNG, args, TDX_OPERAND_INVALID, "no such operation");
	args = good;
	args.r8 = mt->pa[0];
	refuse(test, TDH_SPDM_MNG, args, TDX_OPERAND_INVALID, "parameters of the module's");
	args = good;
	args.r9 |= 8;
	refuse(test, TDH_SPDM_MNG, args, TDX_OPERAND_INVALID, "response not aligned");
	args = good;
	args.r10 = mt->pa[0];
	refuse(test, TDH_SPDM_MNG, args, TDX_OPERAND_INVALID, "request of the module's");
	args = good;
	args.r11 = TDX_NO_OPERAND;
	refuse(test, TDH_SPDM_MNG, args, TDX_OPERAND_INVALID, "recollects into nothing");
	args = good;
	args.rdx = TDX_SPDM_HEARTBEAT;
	refuse(test, TDH_SPDM_MNG, args, TDX_OPERAND_INVALID, "a heartbeat with a buffer");
	args = good;
	refuse_bad_lists(test, TDH_SPDM_MNG, &args, &args.r11, raw, mt->pa[0], true);
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_MNG, good), NR_PAGES * PAGE_SIZE);

	/* A worn out key is noticed by all but its update. */
	fail(TDH_SPDM_MNG, 1, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0);
	args = good;
	KUNIT_EXPECT_EQ(test, tdx_door(TDH_SPDM_MNG, &args),
			TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	refuse(test, TDH_SPDM_MNG, good, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, "worn out");
	args = good;
	args.rdx = TDX_SPDM_KEY_UPDATE;
	args.r8 = TDX_NO_OPERAND;
	args.r11 = TDX_NO_OPERAND;
	accept(test, TDH_SPDM_MNG, args);
	accept(test, TDH_SPDM_MNG, good);

	args = disconnect;
	args.rdx |= 8;
	refuse(test, TDH_SPDM_DISCONNECT, args, TDX_OPERAND_INVALID, "response not aligned");
	args = disconnect;
	args.r8 = mt->pa[0];
	refuse(test, TDH_SPDM_DISCONNECT, args, TDX_OPERAND_INVALID, "request of the module's");
	accept(test, TDH_SPDM_DISCONNECT, disconnect);
	refuse(test, TDH_SPDM_MNG, good, TDX_OPERAND_INVALID, "disconnected");

	spdm_delete(test, mt, id, 1);
	raw_flush(mt);
	raw_free(mt);
	raw_free(raw);
}

/* Rule: keys are managed of a stream of this session. */
static void checks_km(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test);
	u64 id = spdm_create(test, mt, 1);
	u64 ide = accept(test, TDH_IDE_STREAM_CREATE, (struct tdx_module_args) {
		.rcx = 1, .rdx = id, .r8 = raw->pa[0],
	});
	struct tdx_module_args good = {
		.rcx = id, .rdx = ide, .r8 = 1, .r9 = raw->shared[1], .r10 = raw->shared[2],
	}, args = good;

	args.rcx++;
	refuse(test, TDH_IDE_STREAM_KM, args, TDX_OPERAND_INVALID, "another session");
	args = good;
	args.rdx++;
	refuse(test, TDH_IDE_STREAM_KM, args, TDX_OPERAND_INVALID, "another stream");
	args = good;
	args.r9 = NO_MEMORY;
	refuse(test, TDH_IDE_STREAM_KM, args, TDX_OPERAND_INVALID, "no response page");
	args = good;
	args.r10 = mt->pa[0];
	refuse(test, TDH_IDE_STREAM_KM, args, TDX_OPERAND_INVALID, "request of the module's");

	fail(TDH_IDE_STREAM_KM, 1, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0);
	args = good;
	KUNIT_EXPECT_EQ(test, tdx_door(TDH_IDE_STREAM_KM, &args),
			TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	refuse(test, TDH_IDE_STREAM_KM, good, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, "worn out");
	accept(test, TDH_SPDM_CONNECT, (struct tdx_module_args) {
		.rcx = id, .rdx = raw->shared[0], .r8 = raw->shared[1], .r9 = raw->shared[2],
		.r10 = raw->pa[1],
	});
	accept(test, TDH_SPDM_MNG, (struct tdx_module_args) {
		.rcx = id, .rdx = TDX_SPDM_KEY_UPDATE, .r8 = TDX_NO_OPERAND,
		.r9 = raw->shared[1], .r10 = raw->shared[2], .r11 = TDX_NO_OPERAND,
	});
	accept(test, TDH_IDE_STREAM_KM, good);

	args = (struct tdx_module_args) { .rcx = id, .rdx = ide };
	accept(test, TDH_IDE_STREAM_BLOCK, args);
	accept(test, TDH_IDE_STREAM_DELETE, args);
	spdm_delete(test, mt, id, 1);
	raw_flush(mt);
	raw_flush(raw);
	raw_free(mt);
	raw_free(raw);
}

static const struct delete {
	const char *name;
	u64 leaf;
} deletes[] = {
	{ "SPDM.DELETE", TDH_SPDM_DELETE },
	{ "IDE.STREAM.DELETE", TDH_IDE_STREAM_DELETE },
	{ "IOMMU.CLEAR", TDH_IOMMU_CLEAR },
};

KUNIT_ARRAY_PARAM_DESC(delete, deletes, name);

/* Make something from four pages, and delete it. */
static void create_and_delete(struct kunit *test, const struct raw *raw, u64 leaf, u64 spdm_id)
{
	struct tdx_module_args args = { .rcx = 0xfed90000, .rdx = raw->list_pa };

	switch (leaf) {
	case TDH_SPDM_DELETE:
		spdm_delete(test, raw, spdm_create(test, raw, NR_PAGES), NR_PAGES);
		break;
	case TDH_IDE_STREAM_DELETE:
		args = (struct tdx_module_args) {
			.rcx = 1, .rdx = spdm_id, .r8 = raw->list_pa | LAST(NR_PAGES),
		};
		args = (struct tdx_module_args) {
			.rcx = spdm_id, .rdx = accept(test, TDH_IDE_STREAM_CREATE, args),
			.r8 = raw->list_pa,
		};
		accept(test, TDH_IDE_STREAM_BLOCK, args);
		accept(test, leaf, args);
		break;
	default:
		tdx_model_set_iommu_entries(NR_PAGES);
		args.rcx = accept(test, TDH_IOMMU_SETUP, args);
		accept(test, leaf, args);
	}
}

/*
 * Rule: on demand a leaf keeps pages that it says it has given back.  They are owned,
 * though they belong to nothing any more, until they are taken back.
 */
static void keeps_what_it_gives_back(struct kunit *test)
{
	const struct delete *p = test->param_value;
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	u64 before = tdx_model_digest();
	u64 other_id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
		.rcx = 0x2000, .rdx = other->pa[0],
	});

	tdx_model_fail(&(struct tdx_model_fault) {
		.leaf = p->leaf, .nth = 1, .after = 1, .keep = true,
	});
	create_and_delete(test, raw, p->leaf, other_id);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 1 + NR_PAGES - 1);
	for (int i = 0; i < NR_PAGES; i++) {
		struct tdx_module_args args = { .rcx = raw->pa[i] | TDX_MODEL_GLOBAL_KEY };

		KUNIT_EXPECT_EQ(test, tdx_model_owns(raw->pa[i]), i >= 1);
		KUNIT_EXPECT_EQ(test, class(tdx_door(TDH_PHYMEM_PAGE_WBINVD, &args)),
				i >= 1 ? TDX_PAGE_METADATA_INCORRECT : 0);
	}

	accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = other_id });
	KUNIT_EXPECT_NE(test, tdx_model_digest(), before);
	/* Both, whoever owns them. */
	KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), 2 * NR_PAGES);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_digest(), before);
	raw_free_lists(raw);
	raw_free_lists(other);
}

/* Rule: an unknown leaf is refused. */
static void refuses_unknown_leaves(struct kunit *test)
{
	refuse(test, 9999, (struct tdx_module_args) {}, TDX_OPERAND_INVALID, "no such leaf");
}

/*
 * The judge.  These cases do what must never happen, each the way a wrong design
 * would, so they keep the verdict to themselves and start afresh before the
 * fixture looks.
 */
static struct tdx_verdict verdict_and_restart(void)
{
	struct tdx_verdict verdict;

	tdx_judge_look(&verdict);
	tdx_model_reset();
	tdx_judge_end();
	tdx_judge_begin();
	return verdict;
}

static struct tdx_pa_array *claimed(struct kunit *test, unsigned int nr, u64 *id)
{
	struct tdx_pa_array *mt = fixture_alloc(test, nr);

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(0x1000, mt, id), 0);
	return mt;
}

/* A wrong design: forgets that the module holds pages. */
static void judge_sees_owned_pages_freed(struct kunit *test)
{
	u64 id;
	struct tdx_pa_array *mt = claimed(test, 9, &id);

	mt->nr_held = 0;
	mt->flush = false;
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, verdict_and_restart().freed_owned, 9);
}

/* A wrong design: forgets to flush. */
static void judge_sees_dirty_pages_freed(struct kunit *test)
{
	u64 id;
	struct tdx_pa_array *mt = claimed(test, 9, &id);

	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_ASSERT_EQ(test, tdh_phymem_page_wbinvd(mt->entries[1]), 0);
	mt->flush = false;
	tdx_pa_array_release(mt);
	KUNIT_EXPECT_EQ(test, verdict_and_restart().freed_dirty, 8);
}

/*
 * A wrong design: frees a page again that was freed with the rest.  (Not the other way
 * round: the page allocator keeps an order of its own in page_private() of a free
 * page, which release would take for that of the block.)
 */
static void judge_sees_pages_freed_twice(struct kunit *test)
{
	struct tdx_pa_array *mt;
	struct page *page;

	if (IS_ENABLED(CONFIG_DEBUG_VM))
		kunit_skip(test, "this kernel stops at a page that is freed twice");

	mt = fixture_alloc(test, 1);
	page = pfn_to_page(PHYS_PFN(mt->entries[0]));
	tdx_pa_array_release(mt);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, verdict_and_restart().freed_twice, 1);
}

/* A wrong design: drops a page. */
static void judge_sees_pages_vanish(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 1);
	struct page *page = pfn_to_page(PHYS_PFN(mt->entries[0]));
	struct tdx_verdict verdict;

	mt->nr_held = 1;
	mt->donated = true;
	tdx_pa_array_release(mt);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.lost, 1);
	KUNIT_EXPECT_EQ(test, verdict.needless, 1);
	__free_page(page);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.lost, 0);
}

/* A page that cannot be flushed is lost, but not needlessly. */
static void judge_tells_refused_pages(struct kunit *test)
{
	struct tdx_verdict verdict;
	u64 id;
	struct tdx_pa_array *mt = claimed(test, 9, &id);

	tdx_model_fail_wbinvd(mt->entries[4], TDX_OPERAND_BUSY);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_release(mt);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.lost, 1);
	KUNIT_EXPECT_EQ(test, verdict.needless, 0);
	fixture_expect(test, 0, 1);
}

/* A wrong design: hands out a window of an array that it has released. */
static void judge_sees_a_stale_window(struct kunit *test)
{
	struct tdx_module_args args = { .rcx = 0x1000 };
	struct tdx_pa_array *mt;
	struct tdx_pa_window w;

	if (IS_ENABLED(CONFIG_KASAN))
		kunit_skip(test, "this kernel stops at a list that is freed");

	mt = fixture_alloc(test, 9);
	KUNIT_ASSERT_EQ(test, tdx_pa_array_window(mt, 0, &w), 0);
	tdx_pa_array_release(mt);
	args.rdx = w.list_pa | LAST(9);
	KUNIT_EXPECT_EQ(test, tdx_door(TDH_SPDM_CREATE, &args), 0);
	KUNIT_EXPECT_EQ(test, verdict_and_restart().claimed_free, 9);
}

/* A wrong design: drops an object. */
static void judge_sees_objects_leak(struct kunit *test)
{
	struct tdx_verdict verdict;
	void *object;

	if (!__is_defined(MODULE))
		kunit_skip(test, "objects are told from the kernel's by the module that has them");

	object = kmalloc(40, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, object);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.objects, 1);
	kfree(object);
	tdx_judge_look(&verdict);
	KUNIT_EXPECT_EQ(test, verdict.objects, 0);
}

/*
 * A leak of one page, watched by nobody, shows in the number of free pages; and
 * pages that wait in the list of a CPU do not look like one.  Exact, unless
 * somebody else happens to allocate: so try more than once.
 */
static void judge_counts_free_pages_exactly(struct kunit *test)
{
	unsigned int tries, exact = 0;

	for (tries = 0; tries < 20; tries++) {
		unsigned long before = tdx_judge_nr_free_pages(), during, after;
		struct page *page[10];

		for (int i = 0; i < ARRAY_SIZE(page); i++)
			page[i] = alloc_page(GFP_KERNEL);
		for (int i = 1; i < ARRAY_SIZE(page); i++)
			__free_page(page[i]);
		during = tdx_judge_nr_free_pages();
		__free_page(page[0]);
		after = tdx_judge_nr_free_pages();
		exact += during == before - 1 && after == before;
	}
	KUNIT_EXPECT_GE(test, exact, 10);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(checks_wbinvd),
	KUNIT_CASE(checks_hpa_array),
	KUNIT_CASE(checks_hpa_array_of_stream),
	KUNIT_CASE(checks_hpa_list_info),
	KUNIT_CASE(add_resumes_at_first_entry),
	KUNIT_CASE(checks_iommu_mt),
	KUNIT_CASE(interrupted_leaves_want_their_operands),
	KUNIT_CASE(checks_output),
	KUNIT_CASE(checks_objects),
	KUNIT_CASE(checks_connect),
	KUNIT_CASE(checks_exchanges),
	KUNIT_CASE(checks_mng_and_disconnect),
	KUNIT_CASE(checks_km),
	KUNIT_CASE_PARAM(keeps_what_it_gives_back, delete_gen_params),
	KUNIT_CASE(refuses_unknown_leaves),
	KUNIT_CASE(judge_sees_owned_pages_freed),
	KUNIT_CASE(judge_sees_dirty_pages_freed),
	KUNIT_CASE(judge_sees_pages_freed_twice),
	KUNIT_CASE(judge_sees_pages_vanish),
	KUNIT_CASE(judge_tells_refused_pages),
	KUNIT_CASE(judge_sees_a_stale_window),
	KUNIT_CASE(judge_sees_objects_leak),
	KUNIT_CASE(judge_counts_free_pages_exactly),
	{}
};

static struct kunit_suite model_suite = {
	.name = "tdx_model",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);

MODULE_DESCRIPTION("KUnit tests of the software TDX module");
MODULE_LICENSE("GPL");
