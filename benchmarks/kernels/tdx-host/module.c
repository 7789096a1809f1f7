// SPDX-License-Identifier: GPL-2.0
/*
 * The TDX module of an emulated TDX host: its entry point
 *
 * The leaves of TDX Connect and of the extensions are those of the software module of the
 * tests, model.c and model_leaves.c.  This file also has what these two take from
 * page_checker.c in a kernel.
 */
#include "module.h"

#include <asm/tdx_connect.h>

#include "tdx.h"

unsigned long tdx_host_end_pfn;

/* CPUs whose caches may have dirty private lines */
static u64 unflushed_cpus;

static bool has_faults;

/* The machine does not see the page allocator. */
int checker_init(void)
{
	return 0;
}

void checker_exit(void)
{
}

void checker_claimed_free(void)
{
}

void model_note(unsigned long pfn, unsigned long nr_pages)
{
	model.first_pfn = min(model.first_pfn, pfn);
	model.last_pfn = max(model.last_pfn, pfn + nr_pages - 1);
	tdx_host_changed(pfn, nr_pages);
}

void tdx_module_init(uint64_t end_pa, unsigned int phys_bits)
{
	tdx_host_end_pfn = PHYS_PFN(end_pa);
	tdx_model_set_key((u64)TDX_HOST_GLOBAL_KEYID << phys_bits);
	if (tdx_model_init())
		abort();
	model.watching = true;
}

enum tdx_host_page tdx_module_page(uint64_t pfn)
{
	const struct model_page *mp = model_page(pfn);

	if (mp->owner && mp->owner != OWNER_RESERVED)
		return TDX_HOST_OWNED;
	return mp->dirty ? TDX_HOST_DIRTY : TDX_HOST_SHARED;
}

/* A line can move from cache to cache: it is clean when all of them were flushed. */
void tdx_module_wbinvd(const struct tdx_host_cpu *cpu)
{
	if (!(unflushed_cpus & BIT_ULL(cpu->cpu)))
		return;
	unflushed_cpus &= ~BIT_ULL(cpu->cpu);
	if (unflushed_cpus)
		return;

	for (unsigned long pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		if (tdx_module_page(pfn) == TDX_HOST_DIRTY)
			tdx_host_changed(pfn, 1);
	}
	tdx_model_wbinvd_all();
}

static void count_pages(void)
{
	tdx_host.nr_owned = 0;
	tdx_host.nr_dirty = 0;
	for (unsigned long pfn = model.first_pfn; pfn <= model.last_pfn; pfn++) {
		tdx_host.nr_owned += tdx_module_page(pfn) == TDX_HOST_OWNED;
		tdx_host.nr_dirty += tdx_module_page(pfn) == TDX_HOST_DIRTY;
	}
}

/* The tables of the module and reserved areas do not count. */
static u64 nr_owned(void)
{
	u64 nr = 0;

	for (unsigned long pfn = model.first_pfn; pfn <= model.last_pfn; pfn++)
		nr += model_page(pfn)->owner && model_page(pfn)->owner < OWNER_PAMT;
	return nr;
}

static u64 page_flags(u64 pa)
{
	u64 flags = 0;

	if (model_is_memory(pa))
		memcpy(&flags, model_page(PHYS_PFN(pa)), sizeof(struct model_page));
	return flags;
}

static u64 model_function(enum tdx_host_function function, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	switch (function) {
	case MODEL_SET_KEY:
		tdx_model_set_key(a);
		return 0;
	case MODEL_RESET:
		boot_reset_model();
		return 0;
	case MODEL_FAIL:
		has_faults = true;
		return tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = a, .nth = b, .status = c, .after = d, .keep = e,
		});
	case MODEL_FAIL_WBINVD:
		return tdx_model_fail_wbinvd(a, b);
	case MODEL_SET_OUTSIDE:
		return tdx_model_set_outside(a);
	case MODEL_DISARM:
		has_faults = false;
		tdx_model_disarm();
		return 0;
	case MODEL_SET_BUSY_REGION:
		tdx_model_set_busy_region(a, b);
		return 0;
	case MODEL_LOCK_PAGES:
		tdx_model_lock_pages(a, b);
		return 0;
	case MODEL_LOCK_OBJECT:
		tdx_model_lock_object(a);
		return 0;
	case MODEL_UNLOCK:
		tdx_model_unlock();
		return 0;
	case MODEL_RECORD:
		tdx_model_record(a, phys_to_virt(b));
		return 0;
	case MODEL_SET_FLUSH_OWNED:
		tdx_model_set_flush_owned(a);
		return 0;
	case MODEL_SET_LIST_WRITE:
		tdx_model_set_list_write(a);
		return 0;
	case MODEL_SET_ZERO_REGISTERS:
		tdx_model_set_zero_registers(a);
		return 0;
	case MODEL_SET_NR_CONTROL:
		tdx_model_set_nr_control(a, b);
		return 0;
	case MODEL_SET_IOMMU_ENTRIES:
		tdx_model_set_iommu_entries(a);
		return 0;
	case MODEL_SET_OUTPUT:
		tdx_model_set_output(a);
		return 0;
	case MODEL_SET_CLEAR:
		tdx_model_set_clear(a);
		return 0;
	case MODEL_SET_DELETE_BY_ID:
		tdx_model_set_delete_by_id(a);
		return 0;
	case MODEL_SET_ROUNDS:
		tdx_model_set_rounds(a);
		return 0;
	case MODEL_SET_LENGTH:
		tdx_model_set_length(a);
		return 0;
	case MODEL_NR_CALLS:
		return tdx_model_nr_calls(a);
	case MODEL_NR_OWNED:
		return nr_owned();
	case MODEL_DIGEST:
		return tdx_model_digest();
	case MODEL_INFO_BYTE:
		return tdx_model_info_byte(a);
	case MODEL_PAGE:
		return page_flags(a);
	default:
		return -EINVAL;
	}
}

static u64 test_call(u64 leaf, struct tdx_module_args *args)
{
	uint64_t *values = (uint64_t *)&tdx_host;

	switch (leaf) {
	case TDX_HOST_IDENTIFY:
		args->rcx = TDX_HOST_MAGIC;
		return 0;
	case TDX_HOST_ENABLE:
		boot_enable(args->rcx ? FEATURE_CONNECT | FEATURE_EXT : 0);
		return 0;
	case TDX_HOST_GET:
	case TDX_HOST_SET:
		if (args->rcx >= sizeof(tdx_host) / sizeof(*values))
			return TDX_OPERAND_INVALID;
		count_pages();
		if (leaf == TDX_HOST_GET) {
			args->rcx = values[args->rcx];
			return 0;
		}
		values[args->rcx] = args->rdx;
		tdx_model_set_rounds(tdx_host.rounds);
		tdx_model_set_zero_registers(tdx_host.zero_registers);
		tdx_model_set_list_write(tdx_host.list_write);
		return 0;
	case TDX_HOST_PAGE:
		if (!model_is_memory(args->rcx))
			return TDX_OPERAND_INVALID;
		args->rdx = tdx_host_partial(PHYS_PFN(args->rcx));
		args->rcx = tdx_module_page(PHYS_PFN(args->rcx));
		return 0;
	case TDX_HOST_FAIL:
		has_faults = true;
		return tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = args->rcx, .nth = args->rdx, .status = args->r8, .after = args->r9,
		}) ? TDX_OPERAND_INVALID : 0;
	case TDX_HOST_DISARM:
		has_faults = false;
		tdx_model_disarm();
		return 0;
	case TDX_HOST_CONTROL:
		if (args->rcx == TDH_IOMMU_SETUP)
			tdx_model_set_iommu_entries(args->rdx);
		else
			tdx_model_set_nr_control(args->rcx, args->rdx);
		return 0;
	case TDX_HOST_MODEL:
		args->rcx = model_function(args->rcx, args->rdx, args->r8, args->r9, args->r10,
					   args->r11);
		return 0;
	default:
		return TDX_OPERAND_INVALID;
	}
}

static bool is_resumable(u64 leaf)
{
	switch (leaf) {
	case TDH_EXT_INIT:
	case TDH_EXT_MEM_ADD:
	case TDH_IOMMU_SETUP:
	case TDH_IOMMU_CLEAR:
	case TDH_IDE_STREAM_KM:
	case TDH_SPDM_CONNECT:
	case TDH_SPDM_DISCONNECT:
	case TDH_SPDM_MNG:
		return true;
	default:
		return false;
	}
}

/* Number of entries of the list that a resumable leaf processes */
static u64 nr_entries(u64 leaf, u64 rcx)
{
	if (leaf == TDH_IOMMU_SETUP)
		return model.iommu_entries;
	/* HPA_LIST_INFO has the first and the last.  The leaf rejects a wrong one. */
	return leaf == TDH_EXT_MEM_ADD ? ((rcx >> 55) - (rcx >> 3)) % LIST_MAX + 1 : 1;
}

/* A leaf of the software module, which is interrupted at random */
static u64 model_call(u64 leaf, struct tdx_module_args *args)
{
	bool busy = tdx_host.busy && !tdx_host_random(tdx_host.busy);
	bool interrupt = !has_faults && is_resumable(leaf) && tdx_host.interrupt &&
			 !tdx_host_random(tdx_host.interrupt);
	u64 status;

	if (busy)
		return TDX_OPERAND_BUSY;
	if (interrupt)
		tdx_model_fail(&(struct tdx_model_fault) {
			.leaf = leaf, .status = TDX_INTERRUPTED_RESUMABLE,
			.after = tdx_host_random(nr_entries(leaf, args->rcx)),
		});
	status = tdx_model_seamcall(leaf, args);
	if (interrupt)
		tdx_model_disarm();
	return status;
}

/* Return 0 if the leaf is enabled, else the status. */
static u64 check_enabled(u64 leaf)
{
	u64 feature = leaf == TDH_EXT_INIT || leaf == TDH_EXT_MEM_ADD ? FEATURE_EXT :
								       FEATURE_CONNECT;

	if (!boot_is_ready())
		return TDX_SYS_NOT_READY;
	return leaf == TDH_PHYMEM_PAGE_WBINVD || (boot_features() & feature) ?
	       0 : TDX_OPERAND_INVALID;
}

static u64 call(const struct tdx_host_cpu *cpu, u64 rax, struct tdx_module_args *args)
{
	u64 leaf = rax & 0xffff, version = rax >> 16 & 0xff, status;

	if ((rax & ~SEAMLDR) >> 24)
		return TDX_OPERAND_INVALID;
	if (rax & SEAMLDR)
		return seamldr_call(cpu, rax & ~SEAMLDR, args);
	if (leaf >= TDX_HOST_IDENTIFY)
		return test_call(leaf, args);
	/* Whatever it does, caches may have new dirty lines. */
	unflushed_cpus |= cpu->vmx_cpus;
	if (boot_has_leaf(leaf))
		return boot_call(cpu, leaf, version, args);
	status = version ? TDX_OPERAND_INVALID : check_enabled(leaf);
	return status ?: model_call(leaf, args);
}

uint64_t tdx_module_call(const struct tdx_host_cpu *cpu, uint64_t rax, uint64_t *registers)
{
	struct tdx_module_args args = {};
	size_t size = offsetof(struct tdx_module_args, r12);
	u64 status;

	/*
	 * Only IDE.STREAM.CREATE has operands beyond R11, and no leaf returns them.  Most
	 * SEAMCALL helpers of the kernel load no register beyond R11, so for other leaves the
	 * registers have values of the caller.
	 */
	if (rax == TDH_IDE_STREAM_CREATE)
		size = offsetof(struct tdx_module_args, rbx);
	memcpy(&args, registers, size);
	status = call(cpu, rax, &args);
	memcpy(registers, &args, size);
	return status;
}
