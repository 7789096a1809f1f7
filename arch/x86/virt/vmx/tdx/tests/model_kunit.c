// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the software TDX module and of the page checker
 *
 * The other suites depend on both, so this suite passes raw operands and treats
 * pages wrongly on purpose.  Each check of the model is tested in both
 * directions: a call that breaks the rule is rejected with the right status and
 * changes nothing, and a correct call succeeds.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/tdx_connect.h>

#include "tdx.h"
#include "fixture.h"

#define NR_PAGES	4
#define LAST(nr)	((u64)((nr) - 1) << 55)
#define NO_MEMORY	BIT_ULL(50)	/* an address without memory */
#define NO_OPERAND	(~0ULL)

/* Pages, a list of them, and pages for messages. */
struct raw {
	u64 *list;
	u64 list_pa;
	struct page *page[NR_PAGES];
	u64 pa[NR_PAGES];
	u64 shared[3];
	unsigned long shared_pages;
};

/* Free everything except the pages. */
static void raw_free_lists(struct raw *raw)
{
	free_pages(raw->shared_pages, 2);
	free_page((unsigned long)raw->list);
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
		tdx_checker_watch(raw->pa[i], 1);
	}
	return raw;
}

/* Convert a page back, unless the module owns it. */
static void flush_and_reset(u64 pa)
{
	struct tdx_module_args args = { .rcx = pa | tdx_model_key() };

	tdx_model_seamcall(TDH_PHYMEM_PAGE_WBINVD, &args);
	if (!tdx_model_owns(pa))
		tdx_model_reset_paddr(pa, PAGE_SIZE);
}

static void raw_flush(struct raw *raw)
{
	for (int i = 0; i < NR_PAGES; i++)
		flush_and_reset(raw->pa[i]);
}

/* Flush and free everything. */
static void raw_free(struct raw *raw)
{
	raw_flush(raw);
	for (int i = 0; i < NR_PAGES; i++)
		__free_page(raw->page[i]);
	raw_free_lists(raw);
}

static u64 class(u64 status)
{
	return status & TDX_SEAMCALL_STATUS_MASK;
}

/* Rule: the leaf is rejected with this class of status, and nothing changes. */
static void refuse(struct kunit *test, u64 leaf, struct tdx_module_args args,
		   u64 expected, const char *what)
{
	u64 before = tdx_model_digest();

	KUNIT_EXPECT_EQ_MSG(test, class(tdx_model_seamcall(leaf, &args)), expected, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, tdx_model_digest(), before, "%s", what);
}

/* Rule: the leaf is rejected because of one operand. */
#define REFUSE(leaf, good, operand, value, what)				\
	do {									\
		struct tdx_module_args wrong = good;				\
										\
		wrong.operand = value;						\
		refuse(test, leaf, wrong, TDX_OPERAND_INVALID, what);		\
	} while (0)

/* The leaf succeeds.  Return RCX. */
static u64 accept(struct kunit *test, u64 leaf, struct tdx_module_args args)
{
	KUNIT_ASSERT_EQ(test, tdx_model_seamcall(leaf, &args), 0);
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

static u64 spdm_create_for(struct kunit *test, const struct raw *raw, unsigned int nr,
			   u64 func_id)
{
	struct tdx_module_args args = create_args(raw, nr);

	args.rcx = func_id;
	return accept(test, TDH_SPDM_CREATE, args);
}

static void spdm_delete(struct kunit *test, const struct raw *raw, u64 id, unsigned int nr)
{
	accept(test, TDH_SPDM_DELETE,
	       (struct tdx_module_args) { .rcx = id, .rdx = nr == 1 ? 0 : raw->list_pa });
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

static u64 flush_page(u64 pa)
{
	struct tdx_module_args args = { .rcx = pa | tdx_model_key() };

	return tdx_model_seamcall(TDH_PHYMEM_PAGE_WBINVD, &args);
}

/*
 * Rule: WBINVD takes the global KeyID and a page in a TDMR that the module does
 * not own.
 */
static void checks_wbinvd(struct kunit *test)
{
	const u64 old_key = tdx_model_key(), key = 1ULL << 46;
	struct raw *raw = raw_alloc(test);
	u64 good = raw->pa[0] | key;
	u64 id = spdm_create(test, raw, NR_PAGES);
	struct tdx_module_args args = { .rcx = good };

	tdx_model_set_key(key);
	refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_PAGE_METADATA_INCORRECT, "owned");
	spdm_delete(test, raw, id, NR_PAGES);

	REFUSE(TDH_PHYMEM_PAGE_WBINVD, args, rcx, raw->pa[0], "no key");
	REFUSE(TDH_PHYMEM_PAGE_WBINVD, args, rcx, raw->pa[0] | key << 1, "another key");
	for (int bit = 0; bit < 12; bit++)
		REFUSE(TDH_PHYMEM_PAGE_WBINVD, args, rcx, good | 1ULL << bit, "unaligned");
	REFUSE(TDH_PHYMEM_PAGE_WBINVD, args, rcx, 1ULL << 45 | key, "no memory");
	args.rcx = good;
	fail(TDH_PHYMEM_PAGE_WBINVD, 1, TDX_OPERAND_BUSY, 0);
	refuse(test, TDH_PHYMEM_PAGE_WBINVD, args, TDX_OPERAND_BUSY, "locked");

	KUNIT_EXPECT_TRUE(test, tdx_model_dirty(raw->pa[0]));
	accept(test, TDH_PHYMEM_PAGE_WBINVD, args);
	KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[0]));
	tdx_model_set_key(old_key);

	raw_free(raw);
}

/* Rule: the module rejects a page outside of all TDMRs. */
static void checks_tdmrs(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = create_args(raw, NR_PAGES);

	KUNIT_EXPECT_EQ(test, tdx_model_set_outside(raw->pa[1]), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_set_outside(NO_MEMORY), -EINVAL);
	KUNIT_EXPECT_EQ(test, flush_page(raw->pa[0]), 0);
	KUNIT_EXPECT_EQ(test, flush_page(raw->pa[1]), 0xC000010100000001ULL);
	refuse(test, TDH_SPDM_CREATE, args, 0xC000010100000000ULL, "outside");
	raw_free(raw);
}

/* Rule: WBINVD is busy while another call works on the same 2 MiB. */
static void busy_region(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 pa = raw->pa[0];

	tdx_model_set_busy_region(pa ^ SZ_1M, 2);
	KUNIT_EXPECT_NE(test, class(flush_page(pa ^ SZ_2M)), TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, class(flush_page(pa)), TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, class(flush_page(pa ^ SZ_1M)), TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, flush_page(pa), 0);
	raw_free(raw);
}

static const struct entry_size {
	const char *name;
	u64 size;
} entry_sizes[] = {
	{ "4 KiB", PAGE_SIZE },
	{ "2 MiB", SZ_2M },
	{ "1 GiB", SZ_1G },
};

KUNIT_ARRAY_PARAM_DESC(entry_size, entry_sizes, name);

/*
 * Rule: leaves that flush, claim or return a page are busy while another call
 * has locked the PAMT entry of it, or that of its 2 MiB or 1 GiB.
 */
static void locked_pages_are_busy(struct kunit *test)
{
	const struct entry_size *p = test->param_value;
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	const u64 id = spdm_create(test, other, 1), last = raw->pa[NR_PAGES - 1];
	const u64 operand = raw->list_pa | LAST(NR_PAGES);
	struct tdx_module_args flush = { .rcx = last | tdx_model_key() };
	struct tdx_module_args add = { .rcx = operand };
	struct tdx_module_args setup = { .rcx = 0xfed90000, .rdx = raw->list_pa };
	struct tdx_module_args spdm = { .rcx = 0x2000, .rdx = operand };
	struct tdx_module_args ide = { .rcx = 1, .rdx = id, .r8 = operand };

	tdx_model_set_iommu_entries(NR_PAGES);
	tdx_model_lock_pages(last, p->size);
	refuse(test, TDH_PHYMEM_PAGE_WBINVD, flush, TDX_OPERAND_BUSY, "WBINVD");
	refuse(test, TDH_EXT_MEM_ADD, add, TDX_OPERAND_BUSY, "EXT.MEM.ADD");
	refuse(test, TDH_IOMMU_SETUP, setup, TDX_OPERAND_BUSY, "IOMMU.SETUP");
	refuse(test, TDH_SPDM_CREATE, spdm, TDX_OPERAND_BUSY, "SPDM.CREATE");
	refuse(test, TDH_IDE_STREAM_CREATE, ide, TDX_OPERAND_BUSY, "IDE.STREAM.CREATE");
	KUNIT_EXPECT_NE(test, class(flush_page(last ^ p->size)), TDX_OPERAND_BUSY);
	tdx_model_unlock();

	setup.rcx = accept(test, TDH_IOMMU_SETUP, setup);
	tdx_model_lock_pages(last, p->size);
	refuse(test, TDH_IOMMU_CLEAR, setup, TDX_OPERAND_BUSY, "IOMMU.CLEAR");
	tdx_model_unlock();
	accept(test, TDH_IOMMU_CLEAR, setup);

	spdm.rcx = accept(test, TDH_SPDM_CREATE, spdm);
	spdm.rdx = raw->list_pa;
	tdx_model_lock_pages(last, p->size);
	refuse(test, TDH_SPDM_DELETE, spdm, TDX_OPERAND_BUSY, "SPDM.DELETE");
	tdx_model_unlock();
	accept(test, TDH_SPDM_DELETE, spdm);

	ide = (struct tdx_module_args) {
		.rcx = id, .rdx = accept(test, TDH_IDE_STREAM_CREATE, ide),
	};
	accept(test, TDH_IDE_STREAM_BLOCK, ide);
	ide.r8 = raw->list_pa;
	tdx_model_lock_pages(last, p->size);
	refuse(test, TDH_IDE_STREAM_DELETE, ide, TDX_OPERAND_BUSY, "IDE.STREAM.DELETE");
	tdx_model_unlock();
	accept(test, TDH_IDE_STREAM_DELETE, ide);

	spdm_delete(test, other, id, 1);
	raw_free(other);
	raw_free(raw);
}

/*
 * Rule: leaves are busy while another call has locked an object that they name.
 */
static void locked_objects_are_busy(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test);
	const u64 id = spdm_create(test, mt, 1), id2 = spdm_create_for(test, raw, 1, 0x2000);
	const u64 stream = accept(test, TDH_IDE_STREAM_CREATE, (struct tdx_module_args) {
		.rcx = 1, .rdx = id, .r8 = mt->pa[1],
	});
	struct tdx_module_args setup = { .rcx = 0xfed90000, .rdx = mt->list_pa };
	struct tdx_module_args ide = { .rcx = id, .rdx = stream };
	struct tdx_module_args message = ide, connect = connect_args(raw, id2);
	struct tdx_module_args clear;

	message.r8 = 1;
	message.r9 = raw->shared[1];
	message.r10 = raw->shared[2];
	memcpy(mt->list, mt->pa + 2, 2 * sizeof(*mt->list));
	clear = setup;
	clear.rcx = accept(test, TDH_IOMMU_SETUP, setup);

	for (int i = 0; i < 2; i++) {
		tdx_model_lock_object(i ? stream : id);
		refuse(test, TDH_IDE_STREAM_KM, message, TDX_OPERAND_BUSY, "KM");
		refuse(test, TDH_IDE_STREAM_BLOCK, ide, TDX_OPERAND_BUSY, "BLOCK");
		refuse(test, TDH_IDE_STREAM_DELETE, ide, TDX_OPERAND_BUSY, "DELETE of a stream");
		tdx_model_unlock();
	}
	tdx_model_lock_object(id);
	refuse(test, TDH_IDE_STREAM_CREATE, (struct tdx_module_args) { .rdx = id },
	       TDX_OPERAND_BUSY, "CREATE of a stream");
	tdx_model_lock_object(id2);
	refuse(test, TDH_SPDM_CONNECT, connect, TDX_OPERAND_BUSY, "CONNECT");
	refuse(test, TDH_SPDM_DISCONNECT, (struct tdx_module_args) { .rcx = id2 },
	       TDX_OPERAND_BUSY, "DISCONNECT");
	refuse(test, TDH_SPDM_MNG, (struct tdx_module_args) { .rcx = id2 }, TDX_OPERAND_BUSY,
	       "MNG");
	refuse(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = id2 }, TDX_OPERAND_BUSY,
	       "DELETE of a session");
	tdx_model_lock_object(clear.rcx);
	refuse(test, TDH_IOMMU_CLEAR, clear, TDX_OPERAND_BUSY, "CLEAR");

	/* Other objects are not locked. */
	accept(test, TDH_IDE_STREAM_BLOCK, ide);
	accept(test, TDH_IDE_STREAM_DELETE, ide);
	spdm_delete(test, mt, id, 1);
	spdm_delete(test, raw, id2, 1);
	tdx_model_unlock();
	accept(test, TDH_IOMMU_CLEAR, clear);
	raw_free(mt);
	raw_free(raw);
}

/*
 * Rule: in this mode, WBINVD of an owned page succeeds, and the module still
 * owns it.
 */
static void flushes_owned_pages(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	u64 id = spdm_create(test, raw, NR_PAGES);

	tdx_model_set_flush_owned(true);
	KUNIT_EXPECT_EQ(test, flush_page(raw->pa[0]), 0);
	KUNIT_EXPECT_TRUE(test, tdx_model_owns(raw->pa[0]));
	KUNIT_EXPECT_TRUE(test, tdx_model_dirty(raw->pa[0]));
	tdx_model_set_flush_owned(false);
	KUNIT_EXPECT_EQ(test, class(flush_page(raw->pa[0])), TDX_PAGE_METADATA_INCORRECT);

	spdm_delete(test, raw, id, NR_PAGES);
	tdx_model_set_flush_owned(true);
	KUNIT_EXPECT_EQ(test, flush_page(raw->pa[0]), 0);
	KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[0]));
	tdx_model_reset();
	KUNIT_EXPECT_EQ(test, spdm_create(test, raw, NR_PAGES), id);
	KUNIT_EXPECT_EQ(test, class(flush_page(raw->pa[0])), TDX_PAGE_METADATA_INCORRECT);
	spdm_delete(test, raw, id, NR_PAGES);
	raw_free(raw);
}

static const struct list_write {
	const char *name;
	enum tdx_model_list_write how;
} list_writes[] = {
	{ "nothing", TDX_MODEL_WRITE_NONE },
	{ "bit 63", TDX_MODEL_WRITE_BIT63 },
	{ "low bits", TDX_MODEL_WRITE_LOW_BITS },
	{ "zero", TDX_MODEL_WRITE_ZERO },
	{ "PA of another page", TDX_MODEL_WRITE_OTHER_PA },
};

KUNIT_ARRAY_PARAM_DESC(list_write, list_writes, name);

#define CANARY	0xcafef00dcafef00dULL

/*
 * Expect that entries first..last of NR_PAGES have been written, and no other.
 */
static void expect_written(struct kunit *test, const struct raw *raw,
			   enum tdx_model_list_write how, int first, int last)
{
	for (int i = 0; i < NR_PAGES; i++) {
		u64 expected = raw->pa[i];

		if (i >= first && i <= last) {
			if (how == TDX_MODEL_WRITE_BIT63)
				expected |= 1ULL << 63;
			else if (how == TDX_MODEL_WRITE_LOW_BITS)
				expected |= 2;
			else if (how == TDX_MODEL_WRITE_ZERO)
				expected = 0;
			else if (how == TDX_MODEL_WRITE_OTHER_PA && (i - first) % 2 == 0 &&
				 i < last)
				expected = raw->pa[i + 1];
		}
		KUNIT_EXPECT_EQ_MSG(test, raw->list[i], expected, "entry %d", i);
	}
	KUNIT_EXPECT_EQ(test, raw->list[NR_PAGES], CANARY);
}

static void restore_list(struct raw *raw)
{
	memcpy(raw->list, raw->pa, sizeof(raw->pa));
	raw->list[NR_PAGES] = CANARY;
}

/*
 * Rule: in these modes the module writes to the processed entries of input
 * lists only.
 */
static void writes_to_input_lists(struct kunit *test)
{
	const struct list_write *p = test->param_value;
	struct tdx_module_args setup = { .rcx = 0xfed90000 }, args;
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	u64 id, other_id = spdm_create(test, other, 1);

	tdx_model_set_list_write(p->how);
	tdx_model_set_iommu_entries(NR_PAGES);
	setup.rdx = raw->list_pa;

	restore_list(raw);
	id = spdm_create_for(test, raw, NR_PAGES, 0x2000);
	expect_written(test, raw, p->how, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES + 1);
	spdm_delete(test, raw, id, NR_PAGES);

	restore_list(raw);
	fail(TDH_IOMMU_SETUP, 1, TDX_INTERRUPTED_RESUMABLE, 1);
	args = setup;
	tdx_model_seamcall(TDH_IOMMU_SETUP, &args);
	args.rcx = accept(test, TDH_IOMMU_SETUP, setup);
	expect_written(test, raw, p->how, 0, NR_PAGES - 1);
	restore_list(raw);
	tdx_model_set_clear(TDX_MODEL_CLEAR_READS);
	accept(test, TDH_IOMMU_CLEAR, args);
	expect_written(test, raw, p->how, 0, NR_PAGES - 1);

	restore_list(raw);
	accept(test, TDH_SPDM_CONNECT, connect_args(raw, other_id));
	expect_written(test, raw, p->how, 0, NR_PAGES - 1);

	/*
	 * A leaf that is called again for lack of entropy finds its list in
	 * place.
	 */
	restore_list(raw);
	args = create_args(raw, NR_PAGES);
	args.rcx = 0x2000;
	fail(TDH_SPDM_CREATE, 1, TDX_RND_NO_ENTROPY, 2);
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_CREATE, &args), TDX_RND_NO_ENTROPY);
	expect_written(test, raw, TDX_MODEL_WRITE_NONE, 0, 0);
	tdx_model_disarm();

	/*
	 * A rejected call writes nothing; an interrupted one stops at its next
	 * entry.
	 */
	restore_list(raw);
	raw->list[NR_PAGES - 1] = 0;
	args = (struct tdx_module_args) { .rcx = raw->list_pa | LAST(NR_PAGES) | 1 << 3 };
	refuse(test, TDH_EXT_MEM_ADD, args, TDX_OPERAND_INVALID, "empty entry");
	raw->list[NR_PAGES - 1] = raw->pa[NR_PAGES - 1];
	expect_written(test, raw, TDX_MODEL_WRITE_NONE, 0, 0);
	fail(TDH_EXT_MEM_ADD, 1, TDX_INTERRUPTED_RESUMABLE, 2);
	tdx_model_seamcall(TDH_EXT_MEM_ADD, &args);
	expect_written(test, raw, p->how, 1, 2);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 2 + 1);

	spdm_delete(test, other, other_id, 1);
	raw_free(other);
	raw_flush(raw);
	KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), NR_PAGES);
	raw_free_lists(raw);
}

/*
 * Rule: in this mode a failed leaf changes its registers, but not if it lacks
 * entropy.
 */
static void zero_registers(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	const u64 id = spdm_create(test, other, 1);
	const struct tdx_module_args good = {
		.rcx = 1, .rdx = id, .r8 = raw->list_pa | LAST(NR_PAGES), .r12 = 0x888,
	}, zeroed = { .r8 = good.r8, .r12 = 0x888 };
	struct tdx_module_args args = good;

	tdx_model_set_zero_registers(true);
	fail(TDH_IDE_STREAM_CREATE, 1, TDX_RND_NO_ENTROPY, 0);
	fail(TDH_IDE_STREAM_CREATE, 2, TDX_OPERAND_BUSY, 0);
	tdx_model_seamcall(TDH_IDE_STREAM_CREATE, &args);
	KUNIT_EXPECT_MEMEQ(test, &args, &good, sizeof(args));
	tdx_model_seamcall(TDH_IDE_STREAM_CREATE, &args);
	KUNIT_EXPECT_MEMEQ(test, &args, &zeroed, sizeof(args));
	spdm_delete(test, other, id, 1);
	raw_free(other);

	args = (struct tdx_module_args) { .rcx = raw->list_pa | LAST(NR_PAGES) | 1 << 3 };
	fail(TDH_EXT_MEM_ADD, 1, TDX_OPERAND_BUSY, 2);
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_EXT_MEM_ADD, &args), TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, args.rcx, raw->list_pa | LAST(NR_PAGES) | 3 << 3);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 2);

	tdx_model_disarm();
	tdx_model_set_zero_registers(false);
	args = good;
	args.r8 |= 1;
	tdx_model_seamcall(TDH_IDE_STREAM_CREATE, &args);
	KUNIT_EXPECT_EQ(test, args.rcx, 1);

	raw_flush(raw);
	KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), NR_PAGES);
	raw_free_lists(raw);
}

#define WITH_INFORMATION	0x0000081500000000ULL

/* Rule: a leaf that succeeds with information has done its work. */
static void success_with_information(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = create_args(raw, NR_PAGES);

	fail(TDH_SPDM_CREATE, 1, WITH_INFORMATION, 0);
	fail(TDH_SPDM_DELETE, 1, WITH_INFORMATION, 0);
	fail(TDH_PHYMEM_PAGE_WBINVD, 1, WITH_INFORMATION, 0);
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_CREATE, &args), WITH_INFORMATION);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);
	args.rdx = raw->list_pa;
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_DELETE, &args), WITH_INFORMATION);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	KUNIT_EXPECT_EQ(test, flush_page(raw->pa[0]), WITH_INFORMATION);
	KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[0]));
	raw_flush(raw);

	/* A full pool takes some of the pages, or none. */
	tdx_model_disarm();
	fail(TDH_EXT_MEM_ADD, 1, WITH_INFORMATION, 0);
	fail(TDH_EXT_MEM_ADD, 2, WITH_INFORMATION, 3);
	for (int i = 0; i < 2; i++) {
		args = (struct tdx_module_args) { .rcx = raw->list_pa | LAST(NR_PAGES) };
		KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_EXT_MEM_ADD, &args),
				WITH_INFORMATION);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), i ? 3 : 0);
	}
	KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), NR_PAGES);
	raw_free_lists(raw);
}

/*
 * Rule: every leaf checks its list of NR_PAGES plain entries.  @operand points
 * into @args; @owned is a page that the module owns, or 0.  The host keeps the
 * pages of a @shared list.
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
		refuse(test, leaf, *args, TDX_OPERAND_INVALID, "list in an owned page");
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
			refuse(test, leaf, *args, not_free, "owned page");
		}
		raw->list[i] = raw->pa[i];
	}
}

/*
 * Rule: HPA_ARRAY_T, its list and its singleton are well formed, its pages
 * free.
 */
static void checks_hpa_array(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	u64 other_id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
		.rcx = 0x2000, .rdx = other->pa[0],
	});
	struct tdx_module_args args = create_args(raw, NR_PAGES);
	u64 id;

	for (int bit = 0; bit < 12; bit++) {
		REFUSE(TDH_SPDM_CREATE, args, rdx, args.rdx | 1ULL << bit, "low bit");
		REFUSE(TDH_SPDM_CREATE, args, rdx, raw->pa[0] | 1ULL << bit, "low bit, singleton");
	}
	args.rdx = other->pa[0];
	refuse(test, TDH_SPDM_CREATE, args, TDX_PAGE_METADATA_INCORRECT, "owned singleton");
	REFUSE(TDH_SPDM_CREATE, args, rdx, NO_MEMORY, "singleton outside memory");
	REFUSE(TDH_SPDM_CREATE, args, rdx, 0, "singleton at 0");

	args = create_args(raw, NR_PAGES);
	refuse_bad_lists(test, TDH_SPDM_CREATE, &args, &args.rdx, raw, other->pa[0], false);
	id = spdm_create(test, raw, NR_PAGES);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 1 + NR_PAGES);

	spdm_delete(test, raw, id, NR_PAGES);
	accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = other_id });
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	raw_free(raw);
	raw_free(other);
}

/*
 * Rule: the same for the pages of an IDE stream, and the order of its leaves.
 */
static void checks_hpa_array_of_stream(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	u64 spdm_id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
		.rcx = 0x2000, .rdx = other->pa[0],
	});
	struct tdx_module_args args = {
		.rcx = 1, .rdx = spdm_id, .r8 = raw->list_pa | LAST(NR_PAGES),
	};
	struct tdx_module_args block;
	u64 id;

	refuse_bad_lists(test, TDH_IDE_STREAM_CREATE, &args, &args.r8, raw, other->pa[0], false);
	REFUSE(TDH_IDE_STREAM_CREATE, args, rcx, 0, "no stream");
	REFUSE(TDH_IDE_STREAM_CREATE, args, rdx, spdm_id + 1, "no session");
	id = accept(test, TDH_IDE_STREAM_CREATE, args);
	REFUSE(TDH_IDE_STREAM_CREATE, args, r8, other->pa[1], "stream exists");

	/* BLOCK before DELETE, and the stream before its session. */
	args = (struct tdx_module_args) { .rcx = spdm_id, .rdx = id };
	block = args;
	args.r8 = raw->list_pa;
	refuse(test, TDH_IDE_STREAM_DELETE, args, TDX_OPERAND_INVALID, "not blocked");
	refuse(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = spdm_id },
	       TDX_OPERAND_BUSY, "has a stream");
	REFUSE(TDH_IDE_STREAM_BLOCK, block, rcx, block.rcx + 1, "other session");
	REFUSE(TDH_IDE_STREAM_BLOCK, block, rdx, block.rdx + 1, "other stream");
	accept(test, TDH_IDE_STREAM_BLOCK, block);

	REFUSE(TDH_IDE_STREAM_DELETE, args, rcx, args.rcx + 1, "other session");
	REFUSE(TDH_IDE_STREAM_DELETE, args, r8, 0, "no output page");
	accept(test, TDH_IDE_STREAM_DELETE, args);
	refuse(test, TDH_IDE_STREAM_DELETE, args, TDX_OPERAND_INVALID, "deleted");
	accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = spdm_id });

	raw_free(raw);
	raw_free(other);
}

/*
 * Rule: HPA_LIST_INFO is well formed, and processing starts at its first entry.
 */
static void checks_hpa_list_info(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	struct tdx_module_args args = { .rcx = raw->list_pa | LAST(NR_PAGES) };
	u64 other_id = spdm_create(test, other, 1);

	for (int bit = 0; bit < 3; bit++)
		REFUSE(TDH_EXT_MEM_ADD, args, rcx, args.rcx | 1ULL << bit, "low bit");
	REFUSE(TDH_EXT_MEM_ADD, args, rcx, args.rcx | NR_PAGES << 3, "first entry past the last");
	refuse_bad_lists(test, TDH_EXT_MEM_ADD, &args, &args.rcx, raw, other->pa[0], false);

	/* Entries before the first are not read. */
	raw->list[0] = ~0ULL;
	args.rcx = raw->list_pa | LAST(NR_PAGES) | 2 << 3;
	accept(test, TDH_EXT_MEM_ADD, args);
	for (int i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, tdx_model_owns(raw->pa[i]), i >= 2);

	/* A list of one entry is still a list. */
	raw->list[0] = raw->pa[0];
	accept(test, TDH_EXT_MEM_ADD, (struct tdx_module_args) { .rcx = raw->list_pa });
	KUNIT_EXPECT_TRUE(test, tdx_model_owns(raw->pa[0]));
	KUNIT_EXPECT_FALSE(test, tdx_model_owns(raw->pa[1]));

	spdm_delete(test, other, other_id, 1);
	raw_free(other);
	fixture_expect(test, 3, 0);
	__free_page(raw->page[1]);
	raw_free_lists(raw);
}

/* Rule: an interrupted add returns its progress and continues there. */
static void add_resumes_at_first_entry(struct kunit *test)
{
	for (unsigned int k = 0; k < NR_PAGES; k++) {
		struct raw *raw = raw_alloc(test);
		u64 info = raw->list_pa | LAST(NR_PAGES);
		struct tdx_module_args args = { .rcx = info };

		fail(TDH_EXT_MEM_ADD, 1, TDX_INTERRUPTED_RESUMABLE, k);
		KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_EXT_MEM_ADD, &args),
				TDX_INTERRUPTED_RESUMABLE);
		KUNIT_EXPECT_EQ(test, args.rcx, info | k << 3);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), k);
		if (k)
			refuse(test, TDH_EXT_MEM_ADD, (struct tdx_module_args) { .rcx = info },
			       TDX_PAGE_METADATA_INCORRECT, "from the start");
		accept(test, TDH_EXT_MEM_ADD, args);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);

		KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), NR_PAGES);
		raw_free_lists(raw);
		tdx_model_reset();
	}
}

#define MT_ORDER	2

/*
 * Rule: an IOMMU_MT list is two blocks, aligned and counted, then plain pages.
 */
static void checks_iommu_mt(struct kunit *test)
{
	struct raw *other = raw_alloc(test), *raw = raw_alloc(test);
	const unsigned int nr = 1 << MT_ORDER;
	struct page *block[2];
	u64 other_id = spdm_create(test, other, 1), good[4], id;
	struct tdx_module_args args = { .rcx = 0xfed90000, .rdx = raw->list_pa };
	/* Low or high bits of a block, and of a plain page */
	const struct {
		const char *what;
		u64 block, page, class;
	} bad[] = {
		{ "one page counted", 1, 1, TDX_OPERAND_INVALID },
		{ "count is not a power of 2", 3, 3, TDX_OPERAND_INVALID },
		{ "count on a plain page", ~0ULL, nr, TDX_OPERAND_INVALID },
		{ "reserved bit 52", 1ULL << 52, 1ULL << 52, TDX_OPERAND_INVALID },
		{ "reserved bit 63", 1ULL << 63, 1ULL << 63, TDX_OPERAND_INVALID },
		{ "outside memory", NO_MEMORY, NO_MEMORY, TDX_OPERAND_INVALID },
	};

	for (int i = 0; i < 2; i++) {
		block[i] = alloc_pages(GFP_KERNEL, MT_ORDER);
		KUNIT_ASSERT_NOT_NULL(test, block[i]);
		raw->list[i] = page_to_phys(block[i]) | nr;
		tdx_checker_watch(page_to_phys(block[i]), nr);
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

	for (int bit = 0; bit < 12; bit++)
		REFUSE(TDH_IOMMU_SETUP, args, rdx, args.rdx | 1ULL << bit, "low bit of the list");
	REFUSE(TDH_IOMMU_SETUP, args, rdx, other->pa[0], "list in an owned page");
	REFUSE(TDH_IOMMU_SETUP, args, rcx, 0, "no registers");
	REFUSE(TDH_IOMMU_SETUP, args, rcx, 0xfed90008, "registers not aligned");
	id = accept(test, TDH_IOMMU_SETUP, args);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 2 * nr + 2 + 1);
	refuse(test, TDH_IOMMU_SETUP, args, TDX_OPERAND_INVALID, "set up already");

	args = (struct tdx_module_args) { .rcx = id, .rdx = raw->list_pa };
	REFUSE(TDH_IOMMU_CLEAR, args, rcx, id + 1, "other IOMMU");
	REFUSE(TDH_IOMMU_CLEAR, args, rdx, raw->list_pa | 8, "list not aligned");
	REFUSE(TDH_IOMMU_CLEAR, args, rdx, good[2], "list in an owned page");
	tdx_model_set_clear(TDX_MODEL_CLEAR_READS);
	raw->list[3] = good[2];
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "reads another list");
	raw->list[3] = good[3];
	accept(test, TDH_IOMMU_CLEAR, args);
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "cleared");
	spdm_delete(test, other, other_id, 1);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);

	for (int i = 0; i < 2; i++) {
		for (unsigned int n = 0; n < nr; n++) {
			accept(test, TDH_PHYMEM_PAGE_WBINVD, (struct tdx_module_args) {
				.rcx = page_to_phys(block[i] + n) | tdx_model_key(),
			});
			tdx_model_reset_paddr(page_to_phys(block[i] + n), PAGE_SIZE);
		}
		__free_pages(block[i], MT_ORDER);
	}
	raw_free(raw);
	raw_free(other);
}

/*
 * Rule: an interrupted leaf leaves its operands in place and requires the same
 * again.  SETUP owns the pages it has processed; CLEAR returns pages when it
 * succeeds.
 */
static void checks_interrupted_leaves(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args setup = { .rcx = 0xfed90000, .rdx = raw->list_pa };
	struct tdx_module_args args = setup, clear;
	u64 id;

	tdx_model_set_iommu_entries(NR_PAGES);
	for (unsigned int k = 0; k < NR_PAGES; k++) {
		fail(TDH_IOMMU_SETUP, 1, TDX_INTERRUPTED_RESUMABLE, k);
		args = setup;
		KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_IOMMU_SETUP, &args),
				TDX_INTERRUPTED_RESUMABLE);
		KUNIT_EXPECT_MEMEQ(test, &args, &setup, sizeof(args));
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), k);
		REFUSE(TDH_IOMMU_SETUP, args, rdx, raw->shared[0], "another list");
		refuse(test, TDH_IOMMU_CLEAR, (struct tdx_module_args) { .rdx = raw->list_pa },
		       TDX_OPERAND_INVALID, "not set up yet");
		id = accept(test, TDH_IOMMU_SETUP, setup);
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);

		fail(TDH_IOMMU_CLEAR, 1, TDX_INTERRUPTED_RESUMABLE, k);
		clear = (struct tdx_module_args) { .rcx = id, .rdx = raw->list_pa };
		args = clear;
		KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_IOMMU_CLEAR, &args),
				TDX_INTERRUPTED_RESUMABLE);
		KUNIT_EXPECT_MEMEQ(test, &args, &clear, sizeof(args));
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_PAGES);
		REFUSE(TDH_IOMMU_CLEAR, args, rdx, raw->shared[0], "another list");
		accept(test, TDH_IOMMU_CLEAR, clear);

		raw_flush(raw);
		tdx_model_reset();
		tdx_model_set_iommu_entries(NR_PAGES);
	}

	fail(TDH_EXT_INIT, 1, TDX_INTERRUPTED_RESUMABLE, 0);
	args = (struct tdx_module_args) {};
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_EXT_INIT, &args), TDX_INTERRUPTED_RESUMABLE);
	refuse(test, TDH_EXT_INIT, (struct tdx_module_args) { .rcx = 1 }, TDX_OPERAND_INVALID,
	       "another operand");
	accept(test, TDH_EXT_INIT, (struct tdx_module_args) {});
	raw_free(raw);
}

/* Rule: the output operand is 0 for one page, else a page of the host. */
static void checks_output(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = { .rcx = spdm_create(test, raw, 1), .rdx = raw->list_pa };

	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "a page for a singleton");
	args.rdx = 0;
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_DELETE, args), raw->pa[0]);

	args.rcx = spdm_create(test, raw, NR_PAGES);
	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "no page");
	for (int bit = 0; bit < 12; bit++)
		REFUSE(TDH_SPDM_DELETE, args, rdx, raw->list_pa | 1ULL << bit, "not aligned");
	REFUSE(TDH_SPDM_DELETE, args, rdx, raw->pa[1], "one of its own pages");
	REFUSE(TDH_SPDM_DELETE, args, rdx, NO_MEMORY, "outside memory");
	args.rdx = raw->list_pa;
	REFUSE(TDH_SPDM_DELETE, args, rcx, args.rcx + 1, "another session");

	memset(raw->list, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_DELETE, args),
			raw->list_pa | LAST(NR_PAGES));
	KUNIT_EXPECT_MEMEQ(test, raw->list, raw->pa, sizeof(raw->pa));

	/*
	 * Designs must not depend on the output, so the model can write
	 * garbage.
	 */
	tdx_model_set_output(TDX_MODEL_OUTPUT_GARBAGE);
	args.rcx = spdm_create(test, raw, NR_PAGES);
	KUNIT_EXPECT_NE(test, accept(test, TDH_SPDM_DELETE, args),
			raw->list_pa | LAST(NR_PAGES));
	KUNIT_EXPECT_MEMNEQ(test, raw->list, raw->pa, sizeof(raw->pa));

	raw_free(raw);
}

/*
 * Rule: in the newest interface, leaves that return pages take IDs and no list.
 */
static void deletes_by_id(struct kunit *test)
{
	static const unsigned int numbers[] = { 1, NR_PAGES };
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = { .rcx = 0xfed90000, .rdx = raw->list_pa };

	tdx_model_set_delete_by_id(true);
	/* A reset keeps the interface. */
	tdx_model_reset();

	for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 spdm_id = spdm_create(test, raw, numbers[i]);
		struct tdx_module_args session = { .rcx = spdm_id };

		REFUSE(TDH_SPDM_DELETE, session, rdx, raw->list_pa, "a list");
		REFUSE(TDH_SPDM_DELETE, session, rcx, spdm_id + 1, "another session");
		KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_DELETE, session), spdm_id);
		KUNIT_EXPECT_MEMEQ(test, raw->list, raw->pa, sizeof(raw->pa));
		KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	}

	tdx_model_set_iommu_entries(NR_PAGES);
	args.rcx = accept(test, TDH_IOMMU_SETUP, args);
	refuse(test, TDH_IOMMU_CLEAR, args, TDX_OPERAND_INVALID, "a list");
	args.rdx = 0;
	accept(test, TDH_IOMMU_CLEAR, args);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);

	tdx_model_set_delete_by_id(false);
	args.rcx = spdm_create(test, raw, NR_PAGES);
	refuse(test, TDH_SPDM_DELETE, args, TDX_OPERAND_INVALID, "no list");
	spdm_delete(test, raw, args.rcx, NR_PAGES);
	args = (struct tdx_module_args) { .rcx = 0xfed90000, .rdx = raw->list_pa };
	args.rcx = accept(test, TDH_IOMMU_SETUP, args);
	REFUSE(TDH_IOMMU_CLEAR, args, rdx, 0, "no list");
	accept(test, TDH_IOMMU_CLEAR, args);
	raw_free(raw);
}

/*
 * Rule: a function has one session, its ID may be 0; the number of objects is
 * limited.
 */
static void checks_objects(struct kunit *test)
{
	struct raw *raw = raw_alloc(test);
	struct tdx_module_args args = create_args(raw, 1);
	struct {
		struct page *page;
		u64 id;
	} *sessions = kunit_kcalloc(test, 64, sizeof(*sessions), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sessions);
	for (int i = 0; i < 64; i++) {
		sessions[i].page = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, sessions[i].page);
		tdx_checker_watch(page_to_phys(sessions[i].page), 1);
		sessions[i].id = accept(test, TDH_SPDM_CREATE, (struct tdx_module_args) {
			.rcx = i, .rdx = page_to_phys(sessions[i].page),
		});
		if (!i)
			REFUSE(TDH_SPDM_CREATE, args, rcx, 0, "has a session");
	}
	args.rcx = 1000;
	refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_BUSY, "full");
	refuse(test, TDH_IOMMU_SETUP, (struct tdx_module_args) {
		.rcx = 0xfed90000, .rdx = raw->list_pa }, TDX_OPERAND_BUSY, "full");
	refuse(test, TDH_IDE_STREAM_CREATE, (struct tdx_module_args) {
		.rcx = 1, .rdx = sessions[0].id, .r8 = raw->pa[0] }, TDX_OPERAND_BUSY, "full");

	for (int i = 0; i < 64; i++) {
		accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = sessions[i].id });
		flush_and_reset(page_to_phys(sessions[i].page));
		__free_page(sessions[i].page);
	}
	raw_free(raw);
}

/* Rule: a leaf can require a fixed number of control pages. */
static void checks_number_of_control_pages(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test);
	struct tdx_module_args args = create_args(mt, NR_PAGES);
	u64 id, ide;

	tdx_model_set_nr_control(TDH_SPDM_CREATE, NR_PAGES - 1);
	tdx_model_set_nr_control(TDH_IDE_STREAM_CREATE, 1);
	refuse(test, TDH_SPDM_CREATE, args, TDX_OPERAND_INVALID, "one page too many");
	REFUSE(TDH_SPDM_CREATE, args, rdx, mt->list_pa | LAST(NR_PAGES - 2), "one page too few");
	id = spdm_create(test, mt, NR_PAGES - 1);

	args = (struct tdx_module_args) { .rcx = 1, .rdx = id, .r8 = raw->list_pa | LAST(2) };
	refuse(test, TDH_IDE_STREAM_CREATE, args, TDX_OPERAND_INVALID, "one page too many");
	args.r8 = raw->pa[0];
	ide = accept(test, TDH_IDE_STREAM_CREATE, args);

	args = (struct tdx_module_args) { .rcx = id, .rdx = ide };
	accept(test, TDH_IDE_STREAM_BLOCK, args);
	accept(test, TDH_IDE_STREAM_DELETE, args);
	spdm_delete(test, mt, id, NR_PAGES - 1);
	raw_free(mt);
	raw_free(raw);
}

/* Rule: CONNECT takes three pages of the host and a buffer of such pages. */
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
		refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "owned page");
		*page_operands[i] = NO_MEMORY;
		refuse(test, TDH_SPDM_CONNECT, args, TDX_OPERAND_INVALID, "outside memory");
		*page_operands[i] = good;
	}
	refuse_bad_lists(test, TDH_SPDM_CONNECT, &args, &args.r10, raw, mt->pa[0], true);
	REFUSE(TDH_SPDM_CONNECT, args, rcx, args.rcx + 1, "no session");
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_CONNECT, args), NR_PAGES * PAGE_SIZE);
	for (int i = 0; i < NR_PAGES; i++) {
		KUNIT_EXPECT_EQ(test, *(u8 *)phys_to_virt(raw->pa[i]),
				tdx_model_info_byte(i * PAGE_SIZE));
		KUNIT_EXPECT_FALSE(test, tdx_model_dirty(raw->pa[i]));
	}

	spdm_delete(test, mt, id, 1);
	raw_free(mt);
	raw_free(raw);
}

/*
 * Rule: one exchange at a time, with the same operands, and an answer to each
 * message.
 */
static void checks_exchanges(struct kunit *test)
{
	struct raw *mt = raw_alloc(test), *raw = raw_alloc(test), *mt2 = raw_alloc(test);
	u64 id = spdm_create(test, mt, 1), id2 = spdm_create_for(test, mt2, 1, 0x2000);
	struct tdx_module_args connect = connect_args(raw, id), args;
	struct tdx_module_args disconnect = {
		.rcx = id, .rdx = raw->shared[1], .r8 = raw->shared[2],
	};
	struct tdx_module_args mng = {
		.rcx = id, .rdx = TDX_SPDM_HEARTBEAT, .r8 = NO_OPERAND,
		.r9 = raw->shared[1], .r10 = raw->shared[2], .r11 = NO_OPERAND,
	};

	accept(test, TDH_SPDM_CONNECT, connect);
	tdx_model_set_rounds(2);
	for (int round = 0; round < 2; round++) {
		args = connect;
		KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_CONNECT, &args),
				TDX_SPDM_REQUEST);
		refuse(test, TDH_SPDM_CONNECT, connect, TDX_OPERAND_INVALID, "no answer");
		tdx_model_device(raw->shared[1], raw->shared[2], args.rcx - 1);
		refuse(test, TDH_SPDM_CONNECT, connect, TDX_OPERAND_INVALID, "half an answer");
		tdx_model_device(raw->shared[1], raw->shared[2], args.rcx);
		refuse(test, TDH_SPDM_DISCONNECT, disconnect, TDX_OPERAND_BUSY, "in between");
		refuse(test, TDH_SPDM_MNG, mng, TDX_OPERAND_BUSY, "in between");
		refuse(test, TDH_SPDM_CONNECT, connect_args(raw, id2), TDX_OPERAND_BUSY,
		       "another session");
		REFUSE(TDH_SPDM_CONNECT, connect, rdx, raw->list_pa, "other operands");
	}
	accept(test, TDH_SPDM_CONNECT, connect);

	/* DELETE ends the exchange. */
	args = disconnect;
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_DISCONNECT, &args), TDX_SPDM_REQUEST);
	spdm_delete(test, mt, id, 1);
	id = spdm_create(test, mt, 1);
	tdx_model_set_rounds(0);
	accept(test, TDH_SPDM_CONNECT, connect_args(raw, id2));
	spdm_delete(test, mt2, id2, 1);
	raw_free(mt2);

	tdx_model_set_length(7);
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_CONNECT, connect_args(raw, id)), 7);

	spdm_delete(test, mt, id, 1);
	raw_free(mt);
	raw_free(raw);
}

/* Rule: only a connected session can be managed. */
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

	REFUSE(TDH_SPDM_MNG, good, rdx, 3, "unknown operation");
	REFUSE(TDH_SPDM_MNG, good, r8, mt->pa[0], "owned page");
	REFUSE(TDH_SPDM_MNG, good, r9, good.r9 | 8, "response not aligned");
	REFUSE(TDH_SPDM_MNG, good, r10, mt->pa[0], "owned page");
	REFUSE(TDH_SPDM_MNG, good, r11, NO_OPERAND, "no buffer");
	REFUSE(TDH_SPDM_MNG, good, rdx, TDX_SPDM_HEARTBEAT, "a heartbeat with a buffer");
	args = good;
	refuse_bad_lists(test, TDH_SPDM_MNG, &args, &args.r11, raw, mt->pa[0], true);
	KUNIT_EXPECT_EQ(test, accept(test, TDH_SPDM_MNG, good), NR_PAGES * PAGE_SIZE);

	/* A stale key fails every operation except its update. */
	fail(TDH_SPDM_MNG, 1, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0);
	args = good;
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_MNG, &args),
			TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	refuse(test, TDH_SPDM_MNG, good, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, "stale key");
	args = good;
	args.rdx = TDX_SPDM_KEY_UPDATE;
	args.r8 = NO_OPERAND;
	args.r11 = NO_OPERAND;
	accept(test, TDH_SPDM_MNG, args);
	accept(test, TDH_SPDM_MNG, good);

	REFUSE(TDH_SPDM_DISCONNECT, disconnect, rdx, disconnect.rdx | 8, "response not aligned");
	REFUSE(TDH_SPDM_DISCONNECT, disconnect, r8, mt->pa[0], "owned page");
	accept(test, TDH_SPDM_DISCONNECT, disconnect);
	refuse(test, TDH_SPDM_MNG, good, TDX_OPERAND_INVALID, "disconnected");

	spdm_delete(test, mt, id, 1);
	raw_free(mt);
	raw_free(raw);
}

/* Rule: KM takes a stream of the session. */
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

	REFUSE(TDH_IDE_STREAM_KM, good, rcx, id + 1, "another session");
	REFUSE(TDH_IDE_STREAM_KM, good, rdx, ide + 1, "another stream");
	REFUSE(TDH_IDE_STREAM_KM, good, r9, NO_MEMORY, "no response page");
	REFUSE(TDH_IDE_STREAM_KM, good, r10, mt->pa[0], "owned page");

	fail(TDH_IDE_STREAM_KM, 1, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, 0);
	args = good;
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_IDE_STREAM_KM, &args),
			TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH);
	refuse(test, TDH_IDE_STREAM_KM, good, TDX_SPDM_SESSION_KEY_REQUIRE_REFRESH, "stale key");
	accept(test, TDH_SPDM_CONNECT, (struct tdx_module_args) {
		.rcx = id, .rdx = raw->shared[0], .r8 = raw->shared[1], .r9 = raw->shared[2],
		.r10 = raw->pa[1],
	});
	accept(test, TDH_SPDM_MNG, (struct tdx_module_args) {
		.rcx = id, .rdx = TDX_SPDM_KEY_UPDATE, .r8 = NO_OPERAND,
		.r9 = raw->shared[1], .r10 = raw->shared[2], .r11 = NO_OPERAND,
	});
	accept(test, TDH_IDE_STREAM_KM, good);

	args = (struct tdx_module_args) { .rcx = id, .rdx = ide };
	accept(test, TDH_IDE_STREAM_BLOCK, args);
	accept(test, TDH_IDE_STREAM_DELETE, args);
	spdm_delete(test, mt, id, 1);
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

/* Create an object from four pages and delete it. */
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
		};
		accept(test, TDH_IDE_STREAM_BLOCK, args);
		args.r8 = raw->list_pa;
		accept(test, leaf, args);
		break;
	default:
		tdx_model_set_iommu_entries(NR_PAGES);
		args.rcx = accept(test, TDH_IOMMU_SETUP, args);
		accept(test, leaf, args);
	}
}

/*
 * Rule: on demand a delete succeeds, and the module still owns some of the
 * pages.
 */
static void delete_keeps_pages(struct kunit *test)
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
		KUNIT_EXPECT_EQ(test, tdx_model_owns(raw->pa[i]), i >= 1);
		KUNIT_EXPECT_EQ(test, class(flush_page(raw->pa[i])),
				i >= 1 ? TDX_PAGE_METADATA_INCORRECT : 0);
	}

	accept(test, TDH_SPDM_DELETE, (struct tdx_module_args) { .rcx = other_id });
	KUNIT_EXPECT_NE(test, tdx_model_digest(), before);
	KUNIT_EXPECT_EQ(test, tdx_model_reclaim(), 2 * NR_PAGES);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
	KUNIT_EXPECT_EQ(test, tdx_model_digest(), before);
	raw_free_lists(raw);
	raw_free_lists(other);
}

/* Number of registers from RCX to R11, and to R15 */
#define TO_R11	6
#define TO_R15	10

/*
 * Expect that all leaves check their unused registers: those after R11, or the
 * others.
 */
static void check_unused_registers(struct kunit *test, bool after_r11)
{
	static const struct {
		u64 leaf;
		unsigned int nr_operands;
	} leaves[] = {
		{ TDH_PHYMEM_PAGE_WBINVD, 1 },
		{ TDH_EXT_INIT, 0 },
		{ TDH_EXT_MEM_ADD, 1 },
		{ TDH_IOMMU_SETUP, 2 },
		{ TDH_IOMMU_CLEAR, 2 },
		{ TDH_SPDM_CREATE, 2 },
		{ TDH_SPDM_DELETE, 2 },
		{ TDH_IDE_STREAM_CREATE, 9 },
		{ TDH_IDE_STREAM_BLOCK, 2 },
		{ TDH_IDE_STREAM_DELETE, 3 },
		{ TDH_IDE_STREAM_KM, 5 },
		{ TDH_SPDM_CONNECT, 5 },
		{ TDH_SPDM_DISCONNECT, 3 },
		{ TDH_SPDM_MNG, 6 },
	};
	static const size_t offsets[] = {
		offsetof(struct tdx_module_args, rcx), offsetof(struct tdx_module_args, rdx),
		offsetof(struct tdx_module_args, r8), offsetof(struct tdx_module_args, r9),
		offsetof(struct tdx_module_args, r10), offsetof(struct tdx_module_args, r11),
		offsetof(struct tdx_module_args, r12), offsetof(struct tdx_module_args, r13),
		offsetof(struct tdx_module_args, r14), offsetof(struct tdx_module_args, r15),
		offsetof(struct tdx_module_args, rbx), offsetof(struct tdx_module_args, rdi),
		offsetof(struct tdx_module_args, rsi),
	};
	static const u64 ids[] = { 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 3, 7, 6 };

	for (int i = 0; i < ARRAY_SIZE(leaves); i++) {
		/* One leaf has operands after R11. */
		unsigned int common = leaves[i].nr_operands > TO_R11 ? TO_R15 : TO_R11;

		for (unsigned int n = leaves[i].nr_operands; n < ARRAY_SIZE(ids); n++) {
			struct tdx_module_args args = {};
			u64 before = tdx_model_digest();
			bool is_common = n < common;

			if (is_common == after_r11)
				continue;
			*(u64 *)((u8 *)&args + offsets[n]) = 1;
			KUNIT_EXPECT_EQ_MSG(test, tdx_model_seamcall(leaves[i].leaf, &args),
					    TDX_OPERAND_INVALID | ids[n], "leaf %llu",
					    leaves[i].leaf);
			KUNIT_EXPECT_EQ(test, tdx_model_digest(), before);
		}
	}
}

/* Rule: a register that is not an operand of the leaf must be 0. */
static void checks_unused_registers(struct kunit *test)
{
	check_unused_registers(test, false);
}

/* The same for registers that only some SEAMCALL helpers of the kernel load */
static void checks_registers_after_r11(struct kunit *test)
{
	check_unused_registers(test, true);
}

/* Rule: an unknown leaf is rejected. */
static void refuses_unknown_leaves(struct kunit *test)
{
	refuse(test, 9999, (struct tdx_module_args) {}, TDX_OPERAND_INVALID, "unknown leaf");
}

/*
 * The page checker.  These cases do what wrong designs do, so they read the
 * report and restart the page checker before the fixture reads it.
 */
static struct tdx_checker_report report_and_restart(void)
{
	struct tdx_checker_report report;

	tdx_checker_read(&report);
	tdx_model_reset();
	tdx_checker_end();
	tdx_checker_begin();
	return report;
}

static struct tdx_pa_array *claimed(struct kunit *test, unsigned int nr, u64 *id)
{
	struct tdx_pa_array *mt = fixture_alloc(test, nr);

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(0x1000, mt, id), 0);
	return mt;
}

/* Rule: an owned page that is freed is a violation. */
static void checker_sees_owned_pages_freed(struct kunit *test)
{
	u64 id;
	struct tdx_pa_array *mt = claimed(test, 9, &id);

	mt->nr_held = 0;
	mt->flush = false;
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, report_and_restart().freed_owned, 9);
}

/* Rule: a page that is freed without a flush is a violation. */
static void checker_sees_dirty_pages_freed(struct kunit *test)
{
	u64 id;
	struct tdx_pa_array *mt = claimed(test, 9, &id);

	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	flush_and_reset(mt->entries[1]);
	mt->flush = false;
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, report_and_restart().freed_dirty, 8);
}

/* Rule: a page that is freed twice is a violation. */
static void checker_sees_pages_freed_twice(struct kunit *test)
{
	struct tdx_pa_array *mt;
	struct page *page;

	if (IS_ENABLED(CONFIG_DEBUG_VM))
		kunit_skip(test, "CONFIG_DEBUG_VM stops at a page that is freed twice");

	mt = fixture_alloc(test, 1);
	page = pfn_to_page(PHYS_PFN(mt->entries[0]));
	tdx_pa_array_free(mt);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, report_and_restart().freed_twice, 1);
}

/* Rule: a page that is neither owned nor freed is lost. */
static void checker_sees_lost_pages(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 1);
	struct page *page = pfn_to_page(PHYS_PFN(mt->entries[0]));
	struct tdx_checker_report report;

	mt->nr_held = 1;
	tdx_pa_array_free(mt);
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.lost, 1);
	KUNIT_EXPECT_EQ(test, report.needless, 1);
	__free_page(page);
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.lost, 0);
}

/* Rule: a page that cannot be flushed is not lost needlessly. */
static void checker_separates_refused_pages(struct kunit *test)
{
	struct tdx_checker_report report;
	u64 id;
	struct tdx_pa_array *mt = claimed(test, 9, &id);

	tdx_model_fail_wbinvd(mt->entries[4], TDX_OPERAND_BUSY);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_free(mt);
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.lost, 1);
	KUNIT_EXPECT_EQ(test, report.needless, 0);
	fixture_expect(test, 0, 1);
}

/* Rule: a page that is claimed after it was freed is a violation. */
static void checker_sees_free_pages_claimed(struct kunit *test)
{
	struct tdx_pa_array *mt = fixture_alloc(test, 9);
	/* Kernels may overwrite a list when it is freed. */
	u64 *list = (u64 *)get_zeroed_page(GFP_KERNEL);
	struct tdx_module_args args = { .rcx = 0x1000, .rdx = virt_to_phys(list) | LAST(9) };

	KUNIT_ASSERT_NOT_NULL(test, list);
	memcpy(list, mt->entries, 9 * sizeof(*list));
	tdx_pa_array_free(mt);
	KUNIT_EXPECT_EQ(test, tdx_model_seamcall(TDH_SPDM_CREATE, &args), 0);
	KUNIT_EXPECT_EQ(test, report_and_restart().claimed_free, 9);
	free_page((unsigned long)list);
}

/* Rule: an object of a module that is not freed is counted. */
static void checker_sees_objects_leak(struct kunit *test)
{
	struct tdx_checker_report report;
	void *object;

	if (!__is_defined(MODULE))
		kunit_skip(test, "objects are found by the module that allocated them");

	object = kmalloc(40, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, object);
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.objects, 1);
	kfree(object);
	tdx_checker_read(&report);
	KUNIT_EXPECT_EQ(test, report.objects, 0);
}

/*
 * Rule: the number of free pages shows a leak of one page, and counts the pages
 * in per-CPU lists.  Other tasks may allocate, so try more than once.
 */
static void checker_counts_free_pages_exactly(struct kunit *test)
{
	unsigned int tries, exact = 0;

	for (tries = 0; tries < 20; tries++) {
		unsigned long before = tdx_checker_nr_free_pages(), during, after;
		struct page *page[10];

		for (int i = 0; i < ARRAY_SIZE(page); i++)
			page[i] = alloc_page(GFP_KERNEL);
		for (int i = 1; i < ARRAY_SIZE(page); i++)
			__free_page(page[i]);
		during = tdx_checker_nr_free_pages();
		__free_page(page[0]);
		after = tdx_checker_nr_free_pages();
		exact += during == before - 1 && after == before;
	}
	KUNIT_EXPECT_GE(test, exact, 10);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(checks_wbinvd),
	KUNIT_CASE(checks_tdmrs),
	KUNIT_CASE(busy_region),
	KUNIT_CASE_PARAM(locked_pages_are_busy, entry_size_gen_params),
	KUNIT_CASE(locked_objects_are_busy),
	KUNIT_CASE(flushes_owned_pages),
	KUNIT_CASE_PARAM(writes_to_input_lists, list_write_gen_params),
	KUNIT_CASE(zero_registers),
	KUNIT_CASE(success_with_information),
	KUNIT_CASE(checks_hpa_array),
	KUNIT_CASE(checks_hpa_array_of_stream),
	KUNIT_CASE(checks_hpa_list_info),
	KUNIT_CASE(add_resumes_at_first_entry),
	KUNIT_CASE(checks_iommu_mt),
	KUNIT_CASE(checks_interrupted_leaves),
	KUNIT_CASE(checks_output),
	KUNIT_CASE(deletes_by_id),
	KUNIT_CASE(checks_objects),
	KUNIT_CASE(checks_number_of_control_pages),
	KUNIT_CASE(checks_connect),
	KUNIT_CASE(checks_exchanges),
	KUNIT_CASE(checks_mng_and_disconnect),
	KUNIT_CASE(checks_km),
	KUNIT_CASE_PARAM(delete_keeps_pages, delete_gen_params),
	KUNIT_CASE(checks_unused_registers),
	KUNIT_CASE(checks_registers_after_r11),
	KUNIT_CASE(refuses_unknown_leaves),
	KUNIT_CASE(checker_sees_owned_pages_freed),
	KUNIT_CASE(checker_sees_dirty_pages_freed),
	KUNIT_CASE(checker_sees_pages_freed_twice),
	KUNIT_CASE(checker_sees_lost_pages),
	KUNIT_CASE(checker_separates_refused_pages),
	KUNIT_CASE(checker_sees_free_pages_claimed),
	KUNIT_CASE(checker_sees_objects_leak),
	KUNIT_CASE(checker_counts_free_pages_exactly),
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
