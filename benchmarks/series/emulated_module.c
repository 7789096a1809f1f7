// SPDX-License-Identifier: GPL-2.0
/*
 * The suites of the series on an emulated TDX host
 *
 * intree.sh builds the suites with this file instead of model.c,
 * model_leaves.c, page_checker.c and stub.c.  Nothing is redirected: the
 * wrappers execute the SEAMCALL instruction, and the module is the machine's.
 * The functions of tdx_model.h call the same functions in the machine, with a
 * leaf for tests.
 */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/pgtable.h>
#include <linux/vmalloc.h>

#include <kunit/test.h>

#include "model.h"
#include "seamcall_internal.h"
#include "tdx.h"
#include "tdx-host.h"

struct model model = {
	.lock = __SPIN_LOCK_UNLOCKED(model.lock),
	.first_pfn = ULONG_MAX,
};

static u64 machine_call(u64 leaf, u64 rcx, u64 rdx, u64 *value)
{
	struct tdx_module_args args = { .rcx = rcx, .rdx = rdx };
	u64 status = __seamcall_ret(leaf, &args);

	*value = args.rcx;
	return status;
}

static u64 read_machine(size_t offset)
{
	u64 value;

	machine_call(TDX_HOST_GET, offset / sizeof(value), 0, &value);
	return value;
}

static u64 call_model(enum tdx_host_function function, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	struct tdx_module_args args = {
		.rcx = function, .rdx = a, .r8 = b, .r9 = c, .r10 = d, .r11 = e,
	};

	__seamcall_ret(TDX_HOST_MODEL, &args);
	return args.rcx;
}

#define CALL1(function, a)	call_model(function, a, 0, 0, 0, 0)
#define CALL2(function, a, b)	call_model(function, a, b, 0, 0, 0)

static struct model_page page_flags(phys_addr_t pa)
{
	u64 flags = CALL1(MODEL_PAGE, pa);
	struct model_page mp;

	memcpy(&mp, &flags, sizeof(mp));
	return mp;
}

/*
 * The page checker.  A page that it watches has its owner and its cache lines
 * in the machine.  The suites watch all pages that they give to the module.
 */
static struct model_page *machine_page(unsigned long pfn)
{
	struct model_page *mp = model_page(pfn), machine;

	if (mp->watched) {
		machine = page_flags(PFN_PHYS(pfn));
		mp->owner = machine.owner;
		mp->dirty = machine.dirty;
		mp->refused = machine.refused;
	}
	return mp;
}

#define model_page(pfn)	machine_page(pfn)
#include "page_checker.c"
#undef model_page

static const struct {
	const char *name, *reason;
} skipped[] = {
	{ "checker_sees_free_pages_claimed", "the machine does not see the page allocator" },
	{ "delete_keeps_pages", "only a reset of the machine takes pages from its module" },
	{ "checks_registers_after_r11", "most SEAMCALL helpers do not load them" },
};

int tdx_model_attach(struct kunit *test)
{
	u64 value;

	if (machine_call(TDX_HOST_IDENTIFY, 0, 0, &value) || value != TDX_HOST_MAGIC)
		return -ENODEV;
	for (int i = 0; i < ARRAY_SIZE(skipped); i++) {
		if (!strcmp(test->name, skipped[i].name))
			kunit_skip(test, "%s", skipped[i].reason);
	}

	/* Linux 7.3 enables neither the extensions nor TDX Connect. */
	machine_call(TDX_HOST_ENABLE, 1, 0, &value);
	/*
	 * The cases that free dirty pages must not corrupt the kernel that runs
	 * them.
	 */
	machine_call(TDX_HOST_SET, offsetof(struct tdx_host, max_delay_us) / sizeof(u64),
		     U32_MAX, &value);
	tdx_model_set_key((u64)tdx_global_keyid << boot_cpu_data.x86_phys_bits);
	return 0;
}

int __init tdx_model_init(void)
{
	int nid;

	for_each_online_node(nid)
		model.end_pfn = max(model.end_pfn, node_end_pfn(nid));
	model.pages = vcalloc(model.end_pfn, sizeof(*model.pages));
	return model.pages ? checker_init() : -ENOMEM;
}

late_initcall(tdx_model_init);

u64 tdx_model_seamcall(u64 leaf, struct tdx_module_args *args)
{
	return __seamcall_saved_ret(leaf, args);
}

void tdx_model_set_key(u64 global_key)
{
	model.global_key = global_key;
	CALL1(MODEL_SET_KEY, global_key);
}

u64 tdx_model_key(void)
{
	return model.global_key;
}

/* Lines that tdx_quirk_reset_paddr() had written before */
static u64 nr_lines, nr_early_lines;

void tdx_model_reset(void)
{
	if (model.first_pfn <= model.last_pfn)
		memset(model_page(model.first_pfn), 0,
		       (model.last_pfn - model.first_pfn + 1) * sizeof(*model.pages));
	model.first_pfn = ULONG_MAX;
	model.last_pfn = 0;
	CALL1(MODEL_RESET, 0);
	nr_lines = read_machine(offsetof(struct tdx_host, nr_lines));
	nr_early_lines = read_machine(offsetof(struct tdx_host, nr_early_lines));
}

int tdx_model_fail(const struct tdx_model_fault *fault)
{
	return call_model(MODEL_FAIL, fault->leaf, fault->nth, fault->status, fault->after,
			  fault->keep);
}

int tdx_model_fail_wbinvd(phys_addr_t pa, u64 status)
{
	return CALL2(MODEL_FAIL_WBINVD, pa, status);
}

int tdx_model_set_outside(phys_addr_t pa)
{
	return CALL1(MODEL_SET_OUTSIDE, pa);
}

void tdx_model_disarm(void)
{
	CALL1(MODEL_DISARM, 0);
}

void tdx_model_set_busy_region(phys_addr_t pa, unsigned int nr)
{
	CALL2(MODEL_SET_BUSY_REGION, pa, nr);
}

void tdx_model_lock_pages(phys_addr_t pa, u64 size)
{
	CALL2(MODEL_LOCK_PAGES, pa, size);
}

void tdx_model_lock_object(u64 id)
{
	CALL1(MODEL_LOCK_OBJECT, id);
}

void tdx_model_unlock(void)
{
	CALL1(MODEL_UNLOCK, 0);
}

/* The machine stores to @args, which is on the stack of the test. */
void tdx_model_record(u64 leaf, struct tdx_module_args *args)
{
	phys_addr_t pa = slow_virt_to_phys(args);

	WARN_ON(slow_virt_to_phys(args + 1) != pa + sizeof(*args));
	CALL2(MODEL_RECORD, leaf, pa);
}

void tdx_model_set_flush_owned(bool on)
{
	CALL1(MODEL_SET_FLUSH_OWNED, on);
}

void tdx_model_set_list_write(enum tdx_model_list_write how)
{
	CALL1(MODEL_SET_LIST_WRITE, how);
}

void tdx_model_set_zero_registers(bool on)
{
	CALL1(MODEL_SET_ZERO_REGISTERS, on);
}

void tdx_model_set_nr_control(u64 leaf, unsigned int nr)
{
	CALL2(MODEL_SET_NR_CONTROL, leaf, nr);
}

void tdx_model_set_iommu_entries(unsigned int nr)
{
	CALL1(MODEL_SET_IOMMU_ENTRIES, nr);
}

void tdx_model_set_output(enum tdx_model_output output)
{
	CALL1(MODEL_SET_OUTPUT, output);
}

void tdx_model_set_clear(enum tdx_model_clear clear)
{
	CALL1(MODEL_SET_CLEAR, clear);
}

void tdx_model_set_delete_by_id(bool on)
{
	CALL1(MODEL_SET_DELETE_BY_ID, on);
}

void tdx_model_set_rounds(unsigned int nr)
{
	CALL1(MODEL_SET_ROUNDS, nr);
}

void tdx_model_set_length(u64 length)
{
	CALL1(MODEL_SET_LENGTH, length);
}

/* As in model.c: the device is not part of the module. */
void tdx_model_device(phys_addr_t response, phys_addr_t request, size_t len)
{
	const u8 *message = phys_to_virt(request);
	u8 *answer = phys_to_virt(response);

	for (size_t i = 0; i < min(len, PAGE_SIZE); i++)
		answer[i] = ~message[i];
}

unsigned long tdx_model_nr_calls(u64 leaf)
{
	return CALL1(MODEL_NR_CALLS, leaf);
}

void tdx_model_reset_paddr(unsigned long base, unsigned long size)
{
	tdx_quirk_reset_paddr(base, size);
}

#define LINES_PER_PAGE	(PAGE_SIZE / 64)

unsigned long tdx_model_nr_early_resets(void)
{
	return (read_machine(offsetof(struct tdx_host, nr_early_lines)) - nr_early_lines) /
	       LINES_PER_PAGE;
}

unsigned long tdx_model_nr_resets(void)
{
	return (read_machine(offsetof(struct tdx_host, nr_lines)) - nr_lines) / LINES_PER_PAGE -
	       tdx_model_nr_early_resets();
}

unsigned long tdx_model_nr_owned(void)
{
	return CALL1(MODEL_NR_OWNED, 0);
}

bool tdx_model_owns(phys_addr_t pa)
{
	return page_flags(pa).owner;
}

bool tdx_model_dirty(phys_addr_t pa)
{
	return page_flags(pa).dirty;
}

u64 tdx_model_digest(void)
{
	return CALL1(MODEL_DIGEST, 0);
}

u8 tdx_model_info_byte(size_t offset)
{
	return CALL1(MODEL_INFO_BYTE, offset);
}
