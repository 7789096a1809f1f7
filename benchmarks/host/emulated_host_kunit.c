// SPDX-License-Identifier: GPL-2.0
/*
 * The array on an emulated TDX host (ENGINE=tdx), through the SEAMCALL
 * instruction
 *
 * The machine reports stores to pages that the module owns, and overwrites a
 * line of a page that was returned dirty, not flushed, and reused.  Some cases
 * make these mistakes on purpose, and the machine must report them.
 */
#include <linux/align.h>
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/pgtable.h>
#include <linux/processor.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <kunit/test.h>

#include <asm/fpu/api.h>
#include <asm/shared/tdx_errno.h>
#include <asm/special_insns.h>
#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"
#include "../designs/design.h"
#include "emulated_host.h"
#include "seamcall/seamcall.h"
#include "tdx.h"

#define FUNC_ID		0x1000
#define STREAM_INFO	0x2000
#define REG_BASE	0xfed90000

/* Values at the start of a case, or of a part of it */
static u64 start[sizeof(struct tdx_host) / sizeof(u64)];

static void start_counting(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(start); i++)
		start[i] = read_machine(i);
}

static u64 count(size_t position)
{
	return read_machine(position) - start[position];
}

static int host_init(struct kunit *test)
{
	u64 value;

	if (machine_call(TDX_HOST_IDENTIFY, 0, 0, &value) || value != TDX_HOST_MAGIC)
		kunit_skip(test, "this machine is not an emulated TDX host");

	/* Linux 7.3 does not enable them. */
	KUNIT_ASSERT_EQ(test, machine_call(TDX_HOST_ENABLE, 1, 0, &value), 0);
	set(POSITION(max_delay_us), MAX_DELAY_MS * 1000);
	set(POSITION(machine_check), 0);
	set(POSITION(interrupt), 0);
	set(POSITION(busy), 0);
	set(POSITION(rounds), 0);
	set(POSITION(zero_registers), 1);
	start_counting();
	return 0;
}

static void expect_reports(struct kunit *test, u64 nr_stores, u64 nr_write_backs)
{
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_stores)), nr_stores);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_write_backs)), nr_write_backs);
}

/* Number of leaves of TDX Connect and of the extensions that are enabled */
static unsigned int nr_enabled_leaves(void)
{
	static const u64 leaves[] = {
		TDH_EXT_INIT, TDH_EXT_MEM_ADD, TDH_IOMMU_SETUP, TDH_IOMMU_CLEAR, TDH_SPDM_CREATE,
		TDH_SPDM_DELETE, TDH_SPDM_CONNECT, TDH_SPDM_DISCONNECT, TDH_SPDM_MNG,
		TDH_IDE_STREAM_CREATE, TDH_IDE_STREAM_BLOCK, TDH_IDE_STREAM_DELETE,
		TDH_IDE_STREAM_KM,
	};

	unsigned int nr = 0;

	/* An enabled leaf names the operand that it rejects, or succeeds. */
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct tdx_module_args args = {};

		nr += tdx_seam_call(leaves[i], &args) != TDX_OPERAND_INVALID;
	}
	return nr;
}

/* After Linux has configured the module, and before any case enables leaves */
static unsigned int nr_enabled_at_boot;

static int host_suite_init(struct kunit_suite *suite)
{
	nr_enabled_at_boot = nr_enabled_leaves();
	return 0;
}

/*
 * Rule: version 0 of TDH.SYS.CONFIG enables no leaf of TDX Connect or the
 * extensions.
 */
static void leaves_must_be_enabled(struct kunit *test)
{
	u64 unused;

	KUNIT_EXPECT_EQ(test, nr_enabled_at_boot, 0);
	KUNIT_EXPECT_EQ(test, nr_enabled_leaves(), 13);
	machine_call(TDX_HOST_ENABLE, 0, 0, &unused);
	KUNIT_EXPECT_EQ(test, nr_enabled_leaves(), 0);
}

/* Owner types of TDH.PHYMEM.PAGE.RDMD, as in the kernel */
enum { PT_NDA, PT_RSVD, PT_OTHER = 3 };

static u64 owner_type(phys_addr_t pa)
{
	struct tdx_module_args args = { .rcx = pa };

	return tdx_seam_call(TDH_PHYMEM_PAGE_RDMD, &args) ?: args.rcx;
}

/* Rule: the module reports who owns a page. */
static void pages_have_an_owner_type(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc(2, NUMA_NO_NODE);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	KUNIT_EXPECT_EQ(test, owner_type(SZ_64K), PT_RSVD);
	KUNIT_EXPECT_EQ(test, owner_type(tdx_pa_entry(mt, 1)), PT_NDA);
	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, owner_type(tdx_pa_entry(mt, 1)), PT_OTHER);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_EXPECT_EQ(test, owner_type(tdx_pa_entry(mt, 1)), PT_NDA);
	tdx_pa_array_free(mt);
}

/*
 * Rule: a register that is not an operand of the leaf must be 0, and so must
 * the bits of RAX behind the version.  For other leaves:
 * tdx_model.checks_unused_registers.
 */
static void boot_leaves_check_unused_registers(struct kunit *test)
{
	struct tdx_module_args read = { .rdx = TDX_FIELD_FEATURES0 };
	struct tdx_module_args wrong = { .rdx = TDX_FIELD_FEATURES0, .r9 = 1 };
	struct tdx_module_args page = { .rcx = SZ_64K, .r11 = 1 };
	struct tdx_module_args args = read;

	KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_SYS_RD, &args), 0);
	KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_SYS_RD, &wrong), TDX_OPERAND_INVALID | 9);
	KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_PHYMEM_PAGE_RDMD, &page),
			TDX_OPERAND_INVALID | 11);
	for (unsigned int bit = 24; bit < 63; bit++) {
		args = read;
		KUNIT_EXPECT_EQ_MSG(test, tdx_seam_call(TDH_SYS_RD | BIT_ULL(bit), &args),
				    TDX_OPERAND_INVALID, "bit %u of RAX", bit);
	}
}

#define FIELD_SPDM_PAGES	0x3000000100000002

/*
 * Rule: the number of control pages is read from the module, which takes no
 * other.
 */
static void number_of_control_pages_is_read(struct kunit *test)
{
	struct tdx_module_args args = { .rdx = FIELD_SPDM_PAGES };
	struct tdx_pa_array *mt;
	u64 id;

	machine_call(TDX_HOST_CONTROL, TDH_SPDM_CREATE, 5, &id);
	KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_SYS_RD, &args), 0);
	KUNIT_EXPECT_EQ(test, args.r8, 5);
	for (unsigned int nr = 4; nr <= 5; nr++) {
		mt = tdx_pa_array_alloc(nr, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, mt);
		KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id) &
				TDX_SEAMCALL_STATUS_MASK, nr == 5 ? 0 : TDX_OPERAND_INVALID);
		if (nr == 5)
			KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
		tdx_pa_array_free(mt);
	}
	machine_call(TDX_HOST_CONTROL, TDH_SPDM_CREATE, 0, &id);
}

/* Rule: pages below 1 MiB are reserved, so that the module rejects them. */
static void reserved_pages_are_rejected(struct kunit *test)
{
	struct tdx_module_args args = { .rcx = FUNC_ID, .rdx = SZ_64K };

	KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_SPDM_CREATE, &args) & TDX_SEAMCALL_STATUS_MASK,
			TDX_PAGE_METADATA_INCORRECT);
	KUNIT_EXPECT_EQ(test, tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, PHYS_PFN(SZ_64K)) &
			TDX_SEAMCALL_STATUS_MASK, TDX_PAGE_METADATA_INCORRECT);
}

static u64 model_nr_calls(u64 leaf)
{
	u64 nr;

	machine_call(TDX_HOST_MODEL, MODEL_NR_CALLS, leaf, &nr);
	return nr;
}

/*
 * Rule: objects are made and deleted without a wrong store or an unflushed
 * page.
 */
static void objects_are_made_and_deleted(struct kunit *test)
{
	const struct design *flat = design_find("flat");
	u64 nr_calls;

	KUNIT_ASSERT_NOT_NULL(test, flat);
	set(POSITION(interrupt), 3);
	set(POSITION(rounds), 2);
	nr_calls = model_nr_calls(TDH_IOMMU_SETUP);

	for (unsigned int i = 0; i < 200; i++) {
		struct design_object iommu, spdm, ide;
		void *blob = NULL;
		size_t len;

		KUNIT_ASSERT_EQ(test, flat->iommu_setup(REG_BASE, 1, 0, &iommu), 0);
		KUNIT_ASSERT_EQ(test, flat->spdm_create(FUNC_ID, 1 + i % 40, &spdm), 0);
		KUNIT_ASSERT_EQ(test, flat->ide_create(STREAM_INFO, &spdm, 1 + i % 3, &ide), 0);
		KUNIT_EXPECT_EQ(test, flat->read_info(&spdm, INFO_CONNECT, 4, &blob, &len), 0);
		kfree(blob);
		KUNIT_ASSERT_EQ(test, flat->ide_delete(&spdm, &ide), 0);
		KUNIT_ASSERT_EQ(test, flat->spdm_delete(&spdm), 0);
		KUNIT_ASSERT_EQ(test, flat->iommu_clear(&iommu), 0);
	}

	/* A third of the calls is interrupted and repeated. */
	KUNIT_EXPECT_GT(test, model_nr_calls(TDH_IOMMU_SETUP) - nr_calls, 220);
	msleep(2 * MAX_DELAY_MS);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_dirty)), 0);
	expect_reports(test, 0, 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 0);
}

/*
 * Rule: a call that is interrupted at random has processed a part of its list.
 */
static void interrupted_leaf_owns_a_part(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc(32, NUMA_NO_NODE);
	u64 id, nr_owned, most = 0;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	machine_call(TDX_HOST_CONTROL, TDH_IOMMU_SETUP, 32, &id);
	for (unsigned int i = 0; i < 20; i++) {
		struct tdx_module_args setup = { .rcx = REG_BASE, .rdx = tdx_pa_list(mt, 0) };

		set(POSITION(interrupt), 1);
		KUNIT_EXPECT_EQ(test, tdx_seam_call(TDH_IOMMU_SETUP, &setup),
				TDX_INTERRUPTED_RESUMABLE);
		nr_owned = count(POSITION(nr_owned));
		KUNIT_EXPECT_LT(test, nr_owned, 32);
		most = max(most, nr_owned);
		set(POSITION(interrupt), 0);
		KUNIT_ASSERT_EQ(test, tdh_iommu_setup(REG_BASE, mt, &id), 0);
		KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 32);
		KUNIT_ASSERT_EQ(test, tdh_iommu_clear(id, mt), 0);
	}
	KUNIT_EXPECT_GT(test, most, 16);
	machine_call(TDX_HOST_CONTROL, TDH_IOMMU_SETUP, TDX_IOMMU_MT_NR_BLOCKS, &id);
	tdx_pa_array_free(mt);
	expect_reports(test, 0, 0);
}

/* Rule: memory of the extensions stays with the module. */
static void extensions_keep_their_memory(struct kunit *test)
{
	const struct design *flat = design_find("flat");

	KUNIT_ASSERT_NOT_NULL(test, flat);
	set(POSITION(interrupt), 3);
	KUNIT_EXPECT_EQ(test, flat->ext_start(1300), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 1300);
	expect_reports(test, 0, 0);
}

/* Let the module own @page.  Return the ID of its session. */
static u64 own(struct kunit *test, struct page *page)
{
	struct tdx_module_args args = { .rcx = FUNC_ID, .rdx = page_to_phys(page) };

	KUNIT_ASSERT_EQ(test, tdx_seam_call(TDH_SPDM_CREATE, &args), 0);
	return args.rcx;
}

static void give_back(struct kunit *test, struct page *page, u64 id)
{
	struct tdx_module_args args = { .rcx = id };

	KUNIT_ASSERT_EQ(test, tdx_seam_call(TDH_SPDM_DELETE, &args), 0);
	KUNIT_ASSERT_EQ(test, page_state(page), TDX_HOST_DIRTY);
}

static void own_and_return(struct kunit *test, struct page *page)
{
	give_back(test, page, own(test, page));
}

static void flush_page(struct page *page)
{
	tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, page_to_pfn(page));
}

/* Make the kernel's use of @page right, after it was the module's. */
static void take_back(struct kunit *test, struct page *page, u64 id)
{
	give_back(test, page, id);
	flush_page(page);
	tdx_quirk_reset_paddr(page_to_phys(page), PAGE_SIZE);
}

static struct page *page_of(const struct tdx_pa_array *array, unsigned int i)
{
	return phys_to_page(tdx_pa_entry(array, i));
}

/* Rule: a store to an owned page is reported, and a load returns no data. */
static void store_to_owned_page_is_reported(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc(3, NUMA_NO_NODE);
	u8 *bytes;
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	bytes = page_address(page_of(mt, 1));
	memset(bytes, 0x5a, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, page_state(page_of(mt, 1)), TDX_HOST_SHARED);

	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, page_state(page_of(mt, 1)), TDX_HOST_OWNED);
	KUNIT_EXPECT_PTR_EQ(test, memchr(bytes, 0x5a, PAGE_SIZE), NULL);
	expect_reports(test, 0, 0);

	WRITE_ONCE(bytes[8], 1);
	expect_reports(test, 1, 0);
	test_and_set_bit(0, (unsigned long *)(bytes + 64));
	expect_reports(test, 2, 0);

	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_EXPECT_EQ(test, page_state(page_of(mt, 1)), TDX_HOST_DIRTY);
	tdx_pa_array_free(mt);
	expect_reports(test, 2, 0);
}

static u64 wbinvd_status(phys_addr_t pa)
{
	return tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, PHYS_PFN(pa)) &
	       TDX_SEAMCALL_STATUS_MASK;
}

/* Rule: a leaf that finds its pages locked changes nothing. */
static void locked_pages_are_busy(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc(3, NUMA_NO_NODE);
	struct tdx_module_args lock = { .rcx = MODEL_LOCK_PAGES, .r8 = SZ_2M };
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	lock.rdx = tdx_pa_entry(mt, 1);
	set(POSITION(busy), 1);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), TDX_OPERAND_BUSY);
	set(POSITION(busy), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 0);

	/* Dynamic PAMT locks the entry of 2 MiB. */
	tdx_seam_call(TDX_HOST_MODEL, &lock);
	KUNIT_EXPECT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id) & TDX_SEAMCALL_STATUS_MASK,
			TDX_OPERAND_BUSY);
	KUNIT_EXPECT_EQ(test, wbinvd_status(tdx_pa_entry(mt, 1)), TDX_OPERAND_BUSY);
	machine_call(TDX_HOST_MODEL, MODEL_UNLOCK, 0, &id);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 0);
	KUNIT_EXPECT_EQ(test, wbinvd_status(tdx_pa_entry(mt, 1)), 0);
	tdx_pa_array_free(mt);
	expect_reports(test, 0, 0);
}

/* Rule: a store of a device to an owned page is reported. */
static void dma_to_owned_page_is_reported(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc(2, NUMA_NO_NODE);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
	KUNIT_EXPECT_EQ(test, store_by_device(tdx_pa_entry(mt, 1) + 16, 4), 0);
	expect_reports(test, 1, 0);
	KUNIT_EXPECT_EQ(test, tdh_spdm_delete(id, mt), 0);
	tdx_pa_array_free(mt);
}

/*
 * Kinds of stores.  Each function stores to @to, which is 64 bytes before the
 * end of an owned page.  The page behind is not owned.
 */

static void move_1(u8 *to) { WRITE_ONCE(*to, 1); }
static void move_2(u8 *to) { WRITE_ONCE(*(u16 *)to, 1); }
static void move_4(u8 *to) { WRITE_ONCE(*(u32 *)to, 1); }
static void move_8(u8 *to) { WRITE_ONCE(*(u64 *)to, 1); }
static void unaligned(u8 *to) { asm volatile("movq $1, %0" : "=m" (*(u64 *)(to + 3))); }
static void cross_page(u8 *to) { asm volatile("movq $1, %0" : "=m" (*(u64 *)(to + 59))); }
static void immediate_add(u8 *to) { asm volatile("addl $1, %0" : "+m" (*(u32 *)to)); }
static void exchange(u8 *to) { xchg((u64 *)to, 1); }
static void compare_exchange(u8 *to) { cmpxchg((u64 *)to, READ_ONCE(*(u64 *)to), 1); }
static void fetch_add(u8 *to) { xadd((u32 *)to, 1); }
static void locked_bit(u8 *to) { test_and_set_bit(5, (unsigned long *)to); }
static void no_cache(u8 *to) { asm volatile("movnti %1, %0" : "=m" (*(u64 *)to) : "r" (1UL)); }
static void pop(u8 *to) { asm volatile("pushq $1; popq %0" : "=m" (*(u64 *)to)); }
static void descriptor(u8 *to) { asm volatile("sgdt %0" : "=m" (*(struct desc_ptr *)to)); }
static void direct(u8 *to) { movdir64b(to, empty_zero_page); }

static void store_string(u8 *to)
{
	unsigned long nr = 16;

	asm volatile("rep stosb" : "+D" (to), "+c" (nr) : "a" (1) : "memory");
}

static void copy_string(u8 *to)
{
	const void *from = empty_zero_page;
	unsigned long nr = 2;

	asm volatile("rep movsq" : "+D" (to), "+S" (from), "+c" (nr) : : "memory");
}

static void vector(u8 *to)
{
	kernel_fpu_begin();
	asm volatile("movups %%xmm0, %0" : "=m" (*(u64 (*)[2])to));
	kernel_fpu_end();
}

static void vector_no_cache(u8 *to)
{
	kernel_fpu_begin();
	asm volatile("movntdq %%xmm0, %0" : "=m" (*(u64 (*)[2])to));
	kernel_fpu_end();
}

/* Another address of the page */
static void alias(u8 *to)
{
	struct page *page = virt_to_page(to);
	u8 *mapping = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	if (mapping)
		WRITE_ONCE(mapping[offset_in_page(to)], 1);
	vunmap(mapping);
}

/* An interrupt in between would store to this stack. */
static noinline void push_8(u8 *to)
{
	unsigned long flags, sp;

	local_irq_save(flags);
	asm volatile("mov %%rsp, %0; mov %1, %%rsp; push %1; mov %0, %%rsp"
		     : "=&r" (sp) : "r" (to + 8) : "memory");
	local_irq_restore(flags);
}

STACK_FRAME_NON_STANDARD(push_8);

/*
 * @nr: reports.  The machine stores a vector in two parts, and an unaligned
 * word in bytes.
 */
static const struct kind {
	const char *name;
	void (*store)(u8 *to);
	unsigned int nr;
} kinds[] = {
	{ "mov, 1 byte", move_1, 1 },
	{ "mov, 2 bytes", move_2, 1 },
	{ "mov, 4 bytes", move_4, 1 },
	{ "mov, 8 bytes", move_8, 1 },
	{ "mov, not aligned", unaligned, 8 },
	{ "mov to two pages", cross_page, 5 },
	{ "add", immediate_add, 1 },
	{ "xchg", exchange, 1 },
	{ "lock cmpxchg", compare_exchange, 1 },
	{ "lock xadd", fetch_add, 1 },
	{ "lock bts", locked_bit, 1 },
	{ "movnti", no_cache, 1 },
	{ "push", push_8, 1 },
	{ "pop", pop, 1 },
	{ "rep stosb", store_string, 16 },
	{ "rep movsq", copy_string, 2 },
	{ "movups", vector, 2 },
	{ "movntdq", vector_no_cache, 2 },
	{ "sgdt", descriptor, 9 },
	{ "movdir64b", direct, 8 },
	{ "another mapping", alias, 1 },
};

static void kind_desc(const struct kind *kind, char *desc)
{
	strscpy(desc, kind->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* Rule: each kind of store to an owned page is reported. */
static void any_store_is_reported(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, page);
	id = own(test, page);
	kind->store(page_address(page) + PAGE_SIZE - 64);
	expect_reports(test, kind->nr, 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 0);
	take_back(test, page, id);
	/* The page is the kernel's again. */
	kind->store(page_address(page) + PAGE_SIZE - 64);
	expect_reports(test, kind->nr, 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 0);
	__free_pages(page, 1);
}

/* Rule: a store to a page of a process that the module owns is reported. */
static void store_to_user_page_is_reported(struct kunit *test)
{
	unsigned long user = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
					   MAP_ANONYMOUS | MAP_PRIVATE, 0);
	struct page *page;
	u64 id;

	KUNIT_ASSERT_FALSE(test, !user || IS_ERR_VALUE(user));
	KUNIT_ASSERT_EQ(test, get_user_pages_fast(user, 1, FOLL_WRITE, &page), 1);
	KUNIT_ASSERT_EQ(test, put_user(1, (u64 __user *)user), 0);
	id = own(test, page);
	KUNIT_EXPECT_EQ(test, put_user(1, (u64 __user *)user), 0);
	expect_reports(test, 1, 0);
	take_back(test, page, id);
	put_page(page);
}

static void forget_address(const void *address)
{
	asm volatile("invlpg %0" : : "m" (*(const u8 *)address) : "memory");
}

/*
 * Rule: the CPU's own read of a page table in an owned page is not reported as
 * a store, but an accessed bit that it sets is.
 */
static void page_walk_stores_accessed_bits(struct kunit *test)
{
	static pte_t saved[PTRS_PER_PTE];
	void *area = vmalloc(2 * PMD_SIZE);
	/* Its page table has no other addresses. */
	const u8 *address = PTR_ALIGN(area, PMD_SIZE);
	unsigned int level;
	pte_t *table;
	u64 id;
	u8 byte;

	KUNIT_ASSERT_NOT_NULL(test, area);
	table = lookup_address((unsigned long)address, &level);
	KUNIT_ASSERT_EQ(test, level, PG_LEVEL_4K);
	KUNIT_ASSERT_EQ(test, get_kernel_nofault(byte, address), 0);
	memcpy(saved, table, PAGE_SIZE);

	id = own(test, virt_to_page(table));
	set(POSITION(machine_check), 1);
	migrate_disable();
	forget_address(address);
	KUNIT_EXPECT_EQ(test, get_kernel_nofault(byte, address), -EFAULT);
	set(POSITION(machine_check), 0);
	KUNIT_EXPECT_GT(test, count(POSITION(nr_walks)), 0);
	expect_reports(test, 0, 0);

	/*
	 * The pattern is not a valid entry, so the kernel writes one: 1 store.
	 */
	set_pte(table, pte_mkold(saved[0]));
	forget_address(address);
	KUNIT_EXPECT_EQ(test, get_kernel_nofault(byte, address), 0);
	expect_reports(test, 2, 0);
	set_pte(table, pte_mkold(saved[0]));
	expect_reports(test, 3, 0);

	/* The bit is also the first store to a dirty page. */
	give_back(test, virt_to_page(table), id);
	forget_address(address);
	KUNIT_EXPECT_EQ(test, get_kernel_nofault(byte, address), 0);
	migrate_enable();
	msleep(4 * MAX_DELAY_MS);
	expect_reports(test, 3, 1);
	flush_page(virt_to_page(table));
	tdx_quirk_reset_paddr(virt_to_phys(table), PAGE_SIZE);

	memcpy(table, saved, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, get_kernel_nofault(byte, address), 0);
	vfree(area);
}

/*
 * Store to @page, wait, and return true if its contents have changed.  More
 * stores would hide a line that is written back between them.
 */
static bool is_corrupted(struct page *page)
{
	static u8 before[PAGE_SIZE];
	u8 *bytes = page_address(page);

	memcpy(before, bytes, PAGE_SIZE);
	WRITE_ONCE(bytes[0], before[0]);
	msleep(4 * MAX_DELAY_MS);
	return memcmp(before, bytes, PAGE_SIZE);
}

static void flush_nothing(struct page *page)
{
}

static void flush_cpu(void *unused)
{
	wbinvd();
}

static void flush_one_cpu(struct page *page)
{
	flush_cpu(NULL);
}

static void flush_all_cpus(struct page *page)
{
	on_each_cpu(flush_cpu, NULL, 1);
}

/*
 * Rule: a returned page that is reused without a flush is corrupted, and only
 * this page.
 */
static void unflushed_page_is_corrupted(struct kunit *test)
{
	static const struct {
		void (*flush)(struct page *page);
		bool corrupts;
	} cases[] = {
		{ flush_nothing, true },
		{ flush_page, false },
		{ flush_one_cpu, true },
		{ flush_all_cpus, false },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct page *page = alloc_page(GFP_KERNEL);
		bool corrupts = cases[i].corrupts && !(cases[i].flush == flush_one_cpu &&
						       num_online_cpus() == 1);

		KUNIT_ASSERT_NOT_NULL(test, page);
		start_counting();
		own_and_return(test, page);
		cases[i].flush(page);
		KUNIT_EXPECT_EQ_MSG(test, is_corrupted(page), corrupts, "case %u", i);
		expect_reports(test, 0, corrupts);
		/* The line has been written back. */
		KUNIT_EXPECT_FALSE(test, is_corrupted(page));
		flush_page(page);
		__free_page(page);
	}
}

/*
 * Rule: on a CPU with X86_BUG_TDX_PW_MCE, a page must be reset before a store
 * of less than a line.
 */
static void partial_store_needs_a_reset(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u64 *words;

	KUNIT_ASSERT_NOT_NULL(test, page);
	words = page_address(page);
	own_and_return(test, page);
	flush_page(page);
	WRITE_ONCE(words[100], 1);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)),
			boot_cpu_has_bug(X86_BUG_TDX_PW_MCE));

	start_counting();
	tdx_quirk_reset_paddr(page_to_phys(page), PAGE_SIZE);
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		WRITE_ONCE(words[i], i);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 0);
	expect_reports(test, 0, 0);
	__free_page(page);
}

/*
 * Rule: the same for a device, whose store is harmless to lines that it fills.
 */
static void partial_dma_needs_a_reset(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u64 nr_bugs = boot_cpu_has_bug(X86_BUG_TDX_PW_MCE);
	phys_addr_t pa;
	u64 *words;

	KUNIT_ASSERT_NOT_NULL(test, page);
	words = page_address(page);
	own_and_return(test, page);
	flush_page(page);

	/*
	 * The end of line 0, then with all of line 1, then the ends of lines 2
	 * and 3
	 */
	pa = page_to_phys(page) + 60;
	KUNIT_EXPECT_EQ(test, store_by_device(pa, 4), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), nr_bugs);
	KUNIT_EXPECT_EQ(test, store_by_device(pa, 4 + 64), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 2 * nr_bugs);
	KUNIT_EXPECT_EQ(test, page_lines(page), nr_bugs ? ~2ULL : 0);
	WRITE_ONCE(words[8], 1);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 2 * nr_bugs);
	KUNIT_EXPECT_EQ(test, store_by_device(pa + 128, 4 + 32), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 4 * nr_bugs);

	tdx_quirk_reset_paddr(page_to_phys(page), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, store_by_device(pa, 4), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 4 * nr_bugs);
	expect_reports(test, 0, 0);
	__free_page(page);
}

static int movdir64b_nofault(void *to)
{
	int ret = -EFAULT;

	asm volatile("1: .byte 0x66, 0x0f, 0x38, 0xf8, 0x02\n"
		     "xor %0, %0\n"
		     "2:\n" _ASM_EXTABLE(1b, 2b)
		     : "+r" (ret) : "a" (to), "d" (empty_zero_page) : "memory");
	return ret;
}

/*
 * Rule: with the erratum, MOVDIR64B makes its line the kernel's, and no other
 * store does.
 */
static void movdir64b_resets_a_line(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int level;
	pte_t *pte, pte_before;
	u64 *words;

	if (!boot_cpu_has_bug(X86_BUG_TDX_PW_MCE))
		kunit_skip(test, "needs a CPU with X86_BUG_TDX_PW_MCE");
	KUNIT_ASSERT_NOT_NULL(test, page);
	own_and_return(test, page);
	flush_page(page);
	words = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, words);

	for (unsigned int i = 0; i < 8; i++)
		WRITE_ONCE(words[i], i);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 8);
	movdir64b(words, empty_zero_page);
	WRITE_ONCE(words[1], 1);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 8);
	WRITE_ONCE(words[8], 1);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 9);

	/*
	 * One that faults does not make the next store to its line a store of a
	 * whole line.
	 */
	pte = lookup_address((unsigned long)words, &level);
	pte_before = *pte;
	migrate_disable();
	set_pte(pte, __pte(0));
	forget_address(words);
	KUNIT_EXPECT_EQ(test, movdir64b_nofault(words + 8), -EFAULT);
	set_pte(pte, pte_before);
	migrate_enable();
	WRITE_ONCE(words[8], 1);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 10);
	KUNIT_EXPECT_EQ(test, movdir64b_nofault(words + 8), 0);
	WRITE_ONCE(words[8], 1);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_partial)), 10);

	vunmap(words);
	tdx_quirk_reset_paddr(page_to_phys(page), PAGE_SIZE);
	__free_page(page);
}

static void fail(u64 leaf, unsigned int after)
{
	struct tdx_module_args args = {
		.rcx = leaf, .rdx = 1, .r8 = TDX_OPERAND_INVALID, .r9 = after,
	};

	tdx_seam_call(TDX_HOST_FAIL, &args);
}

static const char *const design_names[] = { "flat", "descriptor", "v2" };

static void name_desc(const char *const *name, char *desc)
{
	strscpy(desc, *name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(design, design_names, name_desc);

static const struct design *selected(struct kunit *test)
{
	const struct design *design = design_find(*(const char *const *)test->param_value);

	KUNIT_ASSERT_NOT_NULL(test, design);
	design_select(design);
	return design;
}

/*
 * A create fails after the module wrote to some pages.  H2: v2 frees them
 * without a flush, and their next user loses data.
 */
static void failed_creates_do_not_corrupt_memory(struct kunit *test)
{
	const struct design *design = selected(test);
	struct load *load = kvzalloc(sizeof(*load), GFP_KERNEL);
	struct design_object spdm;

	KUNIT_ASSERT_NOT_NULL(test, load);
	load_init(load);
	for (unsigned int i = 0; i < 300; i++) {
		fail(TDH_SPDM_CREATE, 1 + i % 20);
		KUNIT_EXPECT_EQ(test, design->spdm_create(FUNC_ID, 20, &spdm), -EIO);
		disarm();
		load_turn(load);
	}
	load_end(load);
	kunit_info(test, "%lu of %lu pages corrupted, %llu late write-backs", load->nr_corrupted,
		   load->nr_checked, count(POSITION(nr_write_backs)));
	if (!strcmp(design->name, "v2"))
		KUNIT_EXPECT_GT(test, load->nr_corrupted, 0);
	else
		KUNIT_EXPECT_EQ(test, load->nr_corrupted, 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_stores)), 0);
	kvfree(load);
}

/*
 * Load from the pages of an array that the module owns, and let the CPU and a
 * device store to them.  Return their number.
 */
static unsigned int use_owned(struct kunit *test, const struct design *design, void *array)
{
	unsigned int nr_owned = 0;

	for (unsigned int i = 0; i < design->nr_entries(array); i++) {
		unsigned long nr_pages;
		phys_addr_t pa = design->pages(array, i, &nr_pages);

		if (page_state(phys_to_page(pa)) == TDX_HOST_OWNED) {
			u8 *bytes = phys_to_virt(pa);

			/* The stores remain in the page. */
			KUNIT_EXPECT_EQ(test, bytes[8], TDX_HOST_PATTERN);
			WRITE_ONCE(bytes[0], 1);
			KUNIT_EXPECT_EQ(test, store_by_device(pa, 4), 0);
			nr_owned++;
		}
	}
	return nr_owned;
}

#define NR_ARRAYS	64

/*
 * Memory is added in part.  H1: v2 and the descriptor free pages that the
 * module owns, so the page allocator allocates them again, also for the next
 * design.
 */
static void failed_adds_do_not_free_owned_pages(struct kunit *test)
{
	const struct design *design = selected(test);
	void *arrays[NR_ARRAYS] = {};
	unsigned int nr_owned = 0;

	fail(TDH_EXT_MEM_ADD, 200);
	KUNIT_EXPECT_EQ(test, design->ext_start(512), -EIO);
	disarm();

	for (unsigned int i = 0; i < NR_ARRAYS && !nr_owned; i++) {
		arrays[i] = design->create(USE_MEMORY, 512);
		KUNIT_EXPECT_NOT_NULL(test, arrays[i]);
		if (arrays[i])
			nr_owned = use_owned(test, design, arrays[i]);
	}
	kunit_info(test, "%u owned pages were allocated again", nr_owned);
	KUNIT_EXPECT_EQ(test, !nr_owned, !strcmp(design->name, "flat"));
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_stores)), 2 * nr_owned);

	for (unsigned int i = 0; i < NR_ARRAYS; i++) {
		if (arrays[i])
			design->release(arrays[i]);
	}
}

#define OTHER_FUNC_ID	0x1001

/*
 * While a CPU is offline, a session begins and ends, and the other CPUs flush
 * its pages.
 */
static void own_and_return_other(struct kunit *test)
{
	struct tdx_pa_array *mt = tdx_pa_array_alloc(3, NUMA_NO_NODE);
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, mt);
	KUNIT_ASSERT_EQ(test, tdh_spdm_create(OTHER_FUNC_ID, mt, &id), 0);
	KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_dirty)), 3);
	flush_all_cpus(NULL);
	KUNIT_EXPECT_EQ(test, count(POSITION(nr_dirty)), 0);
	tdx_pa_array_free(mt);
}

/*
 * Rule: a CPU goes offline while the module holds an array, which does not
 * change.  It leaves no dirty line behind, and can call the module again.
 */
static void cpus_go_offline_and_online(struct kunit *test)
{
	struct tdx_pa_array *mt;
	unsigned int cpu;
	u64 id;

	for_each_present_cpu(cpu) {
		if (!cpu)
			continue;
		mt = tdx_pa_array_alloc(3, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, mt);
		KUNIT_ASSERT_EQ(test, tdh_spdm_create(FUNC_ID, mt, &id), 0);
		KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
		KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 3);
		own_and_return_other(test);
		KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);

		KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 3);
		KUNIT_ASSERT_EQ(test, tdh_spdm_delete(id, mt), 0);
		tdx_pa_array_free(mt);
		KUNIT_EXPECT_EQ(test, count(POSITION(nr_owned)), 0);
		KUNIT_EXPECT_EQ(test, count(POSITION(nr_dirty)), 0);
	}
	expect_reports(test, 0, 0);
}

#define TDH_SYS_KEY_CONFIG	31
#define TDH_SYS_INIT		33
#define TDH_SYS_LP_INIT		35
#define TDH_SYS_TDMR_INIT	36
#define TDH_SYS_CONFIG		45
#define TDH_SYS_DISABLE		69
#define VERSION_1		BIT_ULL(16)

#define FEATURE_CONNECT		BIT_ULL(6)
#define FEATURE_EXT		BIT_ULL(39)

static void init_this_cpu(void *nr_errors)
{
	struct tdx_module_args args = {};

	if (tdx_seam_call(TDH_SYS_LP_INIT, &args))
		atomic_inc(nr_errors);
}

static void configure_key(void *unused)
{
	struct tdx_module_args args = {};

	tdx_seam_call(TDH_SYS_KEY_CONFIG, &args);
}

/* TDMR_INFO without reserved areas, and the list of one such structure */
struct tdmr {
	u64 base, size;
	struct { u64 base, size; } pamt[3];
	u64 reserved[32 + 24];
	u64 list[64];
};

/*
 * Disable the module and initialize it for 1 GiB at @base, with version 1 of
 * TDH.SYS.CONFIG and @features, or with version 0.  @pamt_4k are 4 MiB; of the
 * 4 pages at @others, the last is not used.
 */
static void init_module_again(struct kunit *test, u64 features, struct tdmr *tdmr, u64 base,
			      u64 pamt_4k, u64 others)
{
	struct tdx_module_args disable = {};
	struct tdx_module_args init = {};
	struct tdx_module_args config = {
		.rcx = virt_to_phys(tdmr->list),
		.rdx = 1,
		.r8 = tdx_global_keyid,
		.r9 = features,
	};
	struct tdx_module_args rejected = config;
	u64 leaf = TDH_SYS_CONFIG | (features ? VERSION_1 : 0);
	struct tdx_module_args tdmr_init = { .rcx = base };
	atomic_t nr_errors = ATOMIC_INIT(0);

	*tdmr = (struct tdmr) {
		.base = base,
		.size = SZ_1G,
		.pamt = {
			{ others, PAGE_SIZE },
			{ others + PAGE_SIZE, 2 * PAGE_SIZE },
			{ pamt_4k, SZ_4M },
		},
		.list[0] = virt_to_phys(tdmr),
	};
	KUNIT_ASSERT_EQ(test, tdx_seam_call(TDH_SYS_DISABLE, &disable), 0);
	KUNIT_EXPECT_GT(test, read_machine(POSITION(nr_dirty)), 0);
	flush_all_cpus(NULL);
	KUNIT_EXPECT_EQ(test, read_machine(POSITION(nr_dirty)), 0);
	KUNIT_EXPECT_EQ(test, read_machine(POSITION(nr_owned)), 0);
	KUNIT_EXPECT_NE(test, wbinvd_status(base), 0);

	KUNIT_ASSERT_EQ(test, tdx_seam_call(TDH_SYS_INIT, &init), 0);
	on_each_cpu(init_this_cpu, &nr_errors, 1);
	KUNIT_ASSERT_EQ(test, atomic_read(&nr_errors), 0);
	/* A rejected call changes nothing: the last table is too small. */
	tdmr->pamt[2].size = SZ_2M;
	KUNIT_EXPECT_EQ(test, tdx_seam_call(leaf, &rejected), TDX_OPERAND_INVALID | 1);
	tdmr->pamt[2].size = SZ_4M;
	KUNIT_EXPECT_EQ(test, read_machine(POSITION(nr_owned)), 0);
	KUNIT_ASSERT_EQ(test, tdx_seam_call(leaf, &config), 0);
	on_each_cpu(configure_key, NULL, 1);
	KUNIT_ASSERT_EQ(test, tdx_seam_call(TDH_SYS_TDMR_INIT, &tdmr_init), 0);
	KUNIT_ASSERT_EQ(test, tdmr_init.rdx, base + SZ_1G);
}

/*
 * The module is disabled and initialized again.  Version 1 of TDH.SYS.CONFIG
 * enables the leaves of each feature; version 0 enables nothing.  The last
 * case: Linux does not expect this.
 */
static void version_1_enables_leaves(struct kunit *test)
{
	struct page *pamt_4k = alloc_pages(GFP_KERNEL | GFP_DMA32, get_order(SZ_4M));
	struct page *others = alloc_pages(GFP_KERNEL | GFP_DMA32, 2);
	struct tdmr *tdmr = kunit_kzalloc(test, sizeof(*tdmr), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);
	u64 base;

	KUNIT_ASSERT_NOT_NULL(test, tdmr);
	if (!pamt_4k || !others || !page || page_to_phys(page) < SZ_4G)
		kunit_skip(test, "needs memory above 4 GiB");

	/*
	 * Pages that v2 freed while they were owned become dirty, and may be in
	 * use.
	 */
	set(POSITION(max_delay_us), U32_MAX);
	base = ALIGN_DOWN(page_to_phys(page), SZ_1G);
	init_module_again(test, 0, tdmr, base, page_to_phys(pamt_4k), page_to_phys(others));
	KUNIT_EXPECT_EQ(test, nr_enabled_leaves(), 0);
	init_module_again(test, FEATURE_EXT, tdmr, base, page_to_phys(pamt_4k),
			  page_to_phys(others));
	KUNIT_EXPECT_EQ(test, nr_enabled_leaves(), 2);
	init_module_again(test, FEATURE_CONNECT, tdmr, base, page_to_phys(pamt_4k),
			  page_to_phys(others));
	KUNIT_EXPECT_EQ(test, nr_enabled_leaves(), 11);
	KUNIT_EXPECT_EQ(test, read_machine(POSITION(nr_owned)), 1024 + 3);
	own_and_return(test, page);
	KUNIT_EXPECT_EQ(test, wbinvd_status(page_to_phys(page)), 0);
	KUNIT_EXPECT_EQ(test, tdh_ext_init(), TDX_OPERAND_INVALID);
	KUNIT_EXPECT_EQ(test, wbinvd_status(page_to_phys(others + 3)),
			TDX_OPERAND_ADDR_RANGE_ERROR);
	WRITE_ONCE(*(u8 *)page_address(others), 1);
	expect_reports(test, 1, 0);
	__free_page(page);
	/* The others are the module's tables until the machine is reset. */
}

static struct kunit_case emulated_host_cases[] = {
	KUNIT_CASE(leaves_must_be_enabled),
	KUNIT_CASE(reserved_pages_are_rejected),
	KUNIT_CASE(pages_have_an_owner_type),
	KUNIT_CASE(boot_leaves_check_unused_registers),
	KUNIT_CASE(number_of_control_pages_is_read),
	KUNIT_CASE(objects_are_made_and_deleted),
	KUNIT_CASE(interrupted_leaf_owns_a_part),
	KUNIT_CASE(extensions_keep_their_memory),
	KUNIT_CASE(store_to_owned_page_is_reported),
	KUNIT_CASE_PARAM(any_store_is_reported, kind_gen_params),
	KUNIT_CASE(store_to_user_page_is_reported),
	KUNIT_CASE(page_walk_stores_accessed_bits),
	KUNIT_CASE(locked_pages_are_busy),
	KUNIT_CASE(dma_to_owned_page_is_reported),
	KUNIT_CASE(unflushed_page_is_corrupted),
	KUNIT_CASE(partial_store_needs_a_reset),
	KUNIT_CASE(partial_dma_needs_a_reset),
	KUNIT_CASE(movdir64b_resets_a_line),
	KUNIT_CASE(cpus_go_offline_and_online),
	KUNIT_CASE_PARAM(failed_creates_do_not_corrupt_memory, design_gen_params),
	KUNIT_CASE_PARAM(failed_adds_do_not_free_owned_pages, design_gen_params),
	KUNIT_CASE(version_1_enables_leaves),
	{}
};

static struct kunit_suite emulated_host_suite = {
	.name = "tdx_emulated_host",
	.suite_init = host_suite_init,
	.init = host_init,
	.test_cases = emulated_host_cases,
};

kunit_test_suite(emulated_host_suite);

MODULE_DESCRIPTION("KUnit tests of the array on an emulated TDX host");
MODULE_LICENSE("GPL");
