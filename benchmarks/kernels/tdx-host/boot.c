// SPDX-License-Identifier: GPL-2.0
/*
 * The TDX module of an emulated TDX host: the leaves with which Linux initializes it
 *
 * Leaves, operands and metadata: TDX module base specification, Intel document 348549.
 * P-SEAMLDR: SEAM Loader Interface Specification, Intel document 343755.
 * Not implemented: machine memory information (CMRs).  An update loads the same module.
 */
#include "module.h"

#include <asm/tdx_connect.h>

#include "tdx.h"

#define TDH_PHYMEM_PAGE_RDMD	24
#define TDH_SYS_KEY_CONFIG	31
#define TDH_SYS_INIT		33
#define TDH_SYS_RD		34
#define TDH_SYS_LP_INIT		35
#define TDH_SYS_TDMR_INIT	36
#define TDH_SYS_CONFIG		45
#define TDH_SYS_SHUTDOWN	52
#define TDH_SYS_UPDATE		53
#define TDH_SYS_DISABLE		69

/* Leaves of P-SEAMLDR, and the field num_remaining_updates of SEAMLDR_INFO */
#define SEAMLDR_INFO		0
#define SEAMLDR_INSTALL		1
#define SEAMLDR_INFO_BYTES	256
#define SEAMLDR_INFO_UPDATES	28

#define MAX_TDMRS		64
#define MAX_RESERVED		16
#define PAMT_ENTRY_BYTES	16

#define PT_RSVD			1
#define PT_OTHER		3

enum { RAX, RCX, RDX, R8 = 8, R9 };

#define INVALID(operand)	(TDX_OPERAND_INVALID | (operand))

/* TDMR_INFO */
struct tdmr_info {
	u64 base, size;
	struct { u64 base, size; } pamt[3];	/* for pages of 1 GiB, 2 MiB and 4 KiB */
	struct { u64 offset, size; } reserved[MAX_RESERVED];
};

static struct sys {
	bool initialized;
	u64 cpus;		/* that have called TDH.SYS.LP.INIT */
	bool configured;
	u64 packages;		/* with the global key */
	bool has_key;		/* all of them */
	u64 features;
	unsigned int nr_tdmrs;
	struct { u64 base, end, next; } tdmrs[MAX_TDMRS];
} sys, handed_off;

/* Since TDH.SYS.SHUTDOWN: CPUs that have called the leaf that installs the module */
static bool updates;
static u64 installed_cpus;

bool tdx_module_is_on(void)
{
	return sys.initialized;
}

bool boot_is_ready(void)
{
	for (unsigned int i = 0; i < sys.nr_tdmrs; i++) {
		if (sys.tdmrs[i].next != sys.tdmrs[i].end)
			return false;
	}
	return sys.has_key;
}

u64 boot_features(void)
{
	return sys.features;
}

void boot_enable(u64 features)
{
	sys.features = features;
}

static u64 nr_ext_pages(void)
{
	u64 nr = 0;

	for (unsigned long pfn = model.first_pfn; pfn <= model.last_pfn; pfn++)
		nr += model_page(pfn)->owner == OWNER_EXT;
	return nr;
}

#define EXT_PAGES	12800

static u64 sys_rd(struct tdx_module_args *args)
{
	static const struct { u64 field, value; } fields[] = {
		{ 0x0800000100000003, 0 }, { 0x0800000100000004, 2 }, { 0x0800000100000005, 0 },
		{ 0x0A00000300000008, FEATURE_TD_PRESERVING | FEATURE_CONNECT |
				      FEATURE_NO_RBP_MOD | FEATURE_EXT },
		{ 0x9100000100000008, MAX_TDMRS }, { 0x9100000100000009, MAX_RESERVED },
		{ 0x9100000100000010, PAMT_ENTRY_BYTES }, { 0x9100000100000011, PAMT_ENTRY_BYTES },
		{ 0x9100000100000012, PAMT_ENTRY_BYTES },
		{ 0x9800000100000000, 4096 }, { 0x9800000100000100, 4 * 4096 },
		{ 0x9800000100000200, 6 * 4096 },
		{ 0x1900000300000000, ~0ULL }, { 0x1900000300000001, 0 },
		{ 0x1900000300000002, ~0ULL }, { 0x1900000300000003, 3 },
		{ 0x9900000100000004, 0 }, { 0x9900000100000008, 576 },
		{ 0x8900000100000000, 0 },
		/* Largest device information, in pages; the extensions need memory */
		{ 0x3000000100000007, LIST_MAX },
		{ 0x3100000100000001, 1 }, { 0x3100000000000001, 1 },
		{ 0x3100000100000000, EXT_PAGES },
	};

	if (args->rcx)
		return INVALID(RCX);
	args->r8 = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].field == args->rdx) {
			args->r8 = fields[i].value;
			return 0;
		}
	}
	switch (args->rdx) {
	case 0x3000000100000001:
		args->r8 = model.nr_ide_control;
		return 0;
	case 0x3000000100000002:
		args->r8 = model.nr_spdm_control;
		return 0;
	case 0x3000000100000003:
		args->r8 = model.iommu_entries;
		return 0;
	case 0x3100000200000000:
		args->r8 = EXT_PAGES - min(nr_ext_pages(), EXT_PAGES);
		return 0;
	default:
		return TDX_METADATA_FIELD_NOT_READABLE | RDX;
	}
}

/* The memory of a TDMR is inside, except its reserved areas. */
static bool tdmr_add(const struct tdmr_info *tdmr)
{
	if (!tdmr->size || tdmr->base % SZ_1G || tdmr->size % SZ_1G ||
	    tdmr->base + tdmr->size > PFN_PHYS(model.end_pfn) + SZ_1G)
		return false;

	for (u64 pa = tdmr->base; pa < tdmr->base + tdmr->size; pa += PAGE_SIZE) {
		bool reserved = false;

		for (int i = 0; i < MAX_RESERVED && tdmr->reserved[i].size; i++) {
			u64 offset = pa - tdmr->base - tdmr->reserved[i].offset;

			reserved |= offset < tdmr->reserved[i].size;
		}
		if (reserved && PHYS_PFN(pa) < model.end_pfn) {
			model_page(PHYS_PFN(pa))->outside = false;
			model_page(PHYS_PFN(pa))->owner = OWNER_RESERVED;
		}
		if (reserved)
			continue;
		/* A part that is not memory must be reserved. */
		if (PHYS_PFN(pa) >= model.end_pfn || !(pa % SZ_2M || model_is_memory(pa)))
			return false;
		model_page(PHYS_PFN(pa))->outside = false;
	}
	return true;
}

/* The module owns its tables.  They lie outside of all TDMRs, or in reserved areas. */
static bool pamt_own(const struct tdmr_info *tdmr)
{
	static const u64 page_size[] = { SZ_1G, SZ_2M, SZ_4K };

	for (int i = 0; i < 3; i++) {
		if (tdmr->pamt[i].size < tdmr->size / page_size[i] * PAMT_ENTRY_BYTES ||
		    tdmr->pamt[i].base % PAGE_SIZE || tdmr->pamt[i].size % PAGE_SIZE)
			return false;
		for (u64 pa = tdmr->pamt[i].base; pa < tdmr->pamt[i].base + tdmr->pamt[i].size;
		     pa += PAGE_SIZE) {
			struct model_page *mp = model_page(PHYS_PFN(pa));

			if (!model_is_memory(pa) || mp->owner == OWNER_PAMT ||
			    !(mp->outside || mp->owner == OWNER_RESERVED))
				return false;
			mp->owner = OWNER_PAMT;
		}
		model_note(PHYS_PFN(tdmr->pamt[i].base), PHYS_PFN(tdmr->pamt[i].size));
	}
	return true;
}

/* The list has @nr physical addresses of structures. */
static bool tdmrs_add(const u64 *list, u64 nr)
{
	for (unsigned long pfn = 0; pfn < model.end_pfn; pfn++) {
		model_page(pfn)->owner = OWNER_NONE;
		model_page(pfn)->outside = true;
	}
	for (u64 i = 0; i < nr; i++) {
		const struct tdmr_info *tdmr = phys_to_virt(list[i]);

		if (!tdmr || list[i] % 512 || !tdmr_add(tdmr))
			return false;
		sys.tdmrs[i].base = tdmr->base;
		sys.tdmrs[i].next = tdmr->base;
		sys.tdmrs[i].end = tdmr->base + tdmr->size;
	}
	for (u64 i = 0; i < nr; i++) {
		if (!pamt_own(phys_to_virt(list[i])))
			return false;
	}
	return true;
}

static u64 sys_config(const struct tdx_host_cpu *cpu, unsigned int version,
		      const struct tdx_module_args *args)
{
	const u64 *list = phys_to_virt(args->rcx);
	size_t size = model.end_pfn * sizeof(struct model_page);
	struct sys sys_before = sys;
	struct model_page *before;
	bool accepted;

	if (version > 1)
		return INVALID(RAX);
	if (sys.configured || sys.cpus != GENMASK_ULL(cpu->nr_cpus - 1, 0))
		return TDX_SYS_NOT_READY;
	if (!list || args->rcx % 512)
		return INVALID(RCX);
	if (!args->rdx || args->rdx > MAX_TDMRS)
		return INVALID(RDX);
	if (args->r8 != TDX_HOST_GLOBAL_KEYID)
		return INVALID(R8);
	if (version == 1 && (args->r9 & ~(FEATURE_CONNECT | FEATURE_EXT)))
		return INVALID(R9);

	/* A rejected call changes nothing. */
	before = malloc(size);
	memcpy(before, model.pages, size);
	accepted = tdmrs_add(list, args->rdx);
	if (!accepted) {
		memcpy(model.pages, before, size);
		sys = sys_before;
	}
	free(before);
	if (!accepted)
		return INVALID(RCX);
	sys.nr_tdmrs = args->rdx;
	sys.configured = true;
	sys.features = version == 1 ? args->r9 : 0;
	return 0;
}

/* One call initializes 1 GiB. */
static u64 tdmr_init(struct tdx_module_args *args)
{
	for (unsigned int i = 0; sys.has_key && i < sys.nr_tdmrs; i++) {
		if (sys.tdmrs[i].base != args->rcx)
			continue;
		sys.tdmrs[i].next = min(sys.tdmrs[i].next + SZ_1G, sys.tdmrs[i].end);
		args->rdx = sys.tdmrs[i].next;
		return 0;
	}
	return INVALID(RCX);
}

/*
 * Pages of the module stay as they are during an update.  Until its end, no other leaf can
 * be called, because the new module is not configured.
 */
static u64 sys_shutdown(void)
{
	if (!boot_is_ready())
		return TDX_SYS_NOT_READY;
	handed_off = sys;
	updates = true;
	installed_cpus = 0;
	memset(&sys, 0, sizeof(sys));
	return 0;
}

static u64 sys_update(const struct tdx_host_cpu *cpu)
{
	u64 all_cpus = GENMASK_ULL(cpu->nr_cpus - 1, 0);

	if (!updates || sys.configured || sys.cpus != all_cpus)
		return TDX_SYS_NOT_READY;
	sys = handed_off;
	updates = false;
	return 0;
}

u64 seamldr_call(const struct tdx_host_cpu *cpu, u64 leaf, const struct tdx_module_args *args)
{
	u8 *page = phys_to_virt(args->rcx);

	if (!page || args->rcx % SEAMLDR_INFO_BYTES)
		return INVALID(RCX);
	switch (leaf) {
	case SEAMLDR_INFO:
		memset(page, 0, SEAMLDR_INFO_BYTES);
		page[SEAMLDR_INFO_UPDATES] = 1;
		return 0;
	case SEAMLDR_INSTALL:
		if (!updates)
			return TDX_SYS_NOT_READY;
		installed_cpus |= BIT_ULL(cpu->cpu);
		return 0;
	default:
		return INVALID(RAX);
	}
}

static bool in_tdmr(u64 pa)
{
	for (unsigned int i = 0; i < sys.nr_tdmrs; i++) {
		if (pa >= sys.tdmrs[i].base && pa < sys.tdmrs[i].end)
			return true;
	}
	return false;
}

/* tdx_model_reset(), but what TDH.SYS.CONFIG has set stays. */
void boot_reset_model(void)
{
	unsigned long first = model.first_pfn, last = model.last_pfn;
	u8 *owner = calloc(model.end_pfn, 1);

	for (unsigned long pfn = first; pfn <= last; pfn++) {
		owner[pfn] = model_page(pfn)->owner;
		if (tdx_module_page(pfn) == TDX_HOST_SHARED || owner[pfn] >= OWNER_PAMT)
			continue;
		tdx_host_changed(pfn, 1);
		tdx_host_forget_partial(pfn);
	}
	tdx_model_reset();
	for (unsigned long pfn = first; pfn <= last; pfn++) {
		if (owner[pfn] >= OWNER_PAMT)
			model_page(pfn)->owner = owner[pfn];
		model_page(pfn)->outside = !in_tdmr(PFN_PHYS(pfn));
	}
	free(owner);
	model.first_pfn = first;
	model.last_pfn = last;
}

/*
 * The module ends, and is loaded again.  Its pages are the host's, with dirty lines, until
 * WBINVD on all CPUs.
 */
static u64 sys_disable(void)
{
	unsigned long first = model.first_pfn, last = model.last_pfn;
	u8 *owned = calloc(model.end_pfn, 1);

	for (unsigned long pfn = first; pfn <= last; pfn++) {
		owned[pfn] = tdx_module_page(pfn) != TDX_HOST_SHARED;
		/* Then the erratum does not affect these pages: Linux relies on it for kexec. */
		tdx_host_forget_partial(pfn);
	}
	tdx_model_reset();
	for (unsigned long pfn = first; pfn <= last; pfn++) {
		if (owned[pfn]) {
			model_page(pfn)->dirty = true;
			model_note(pfn, 1);
		}
	}
	free(owned);
	memset(&sys, 0, sizeof(sys));
	updates = false;
	return 0;
}

static u64 page_rdmd(struct tdx_module_args *args)
{
	enum model_owner owner;

	if (!boot_is_ready())
		return TDX_SYS_NOT_READY;
	if (!model_is_memory(args->rcx))
		return INVALID(RCX);
	owner = model_page(PHYS_PFN(args->rcx))->owner;
	args->rcx = owner == OWNER_PAMT || owner == OWNER_RESERVED ? PT_RSVD :
		    owner ? PT_OTHER : 0;
	args->rdx = 0;
	args->r8 = 0;
	return 0;
}

/* Without the operand R9 of version 1 of TDH.SYS.CONFIG */
static const struct {
	u64 leaf;
	unsigned int nr_operands;
} leaves[] = {
	{ TDH_PHYMEM_PAGE_RDMD, 1 },
	{ TDH_SYS_KEY_CONFIG, 0 },
	{ TDH_SYS_INIT, 0 },
	{ TDH_SYS_RD, 2 },
	{ TDH_SYS_LP_INIT, 0 },
	{ TDH_SYS_TDMR_INIT, 1 },
	{ TDH_SYS_CONFIG, 3 },
	{ TDH_SYS_SHUTDOWN, 1 },
	{ TDH_SYS_UPDATE, 0 },
	{ TDH_SYS_DISABLE, 0 },
};

static int position(u64 leaf)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i].leaf == leaf)
			return i;
	}
	return -1;
}

bool boot_has_leaf(u64 leaf)
{
	return position(leaf) >= 0;
}

u64 boot_call(const struct tdx_host_cpu *cpu, u64 leaf, unsigned int version,
	      struct tdx_module_args *args)
{
	bool has_r9 = leaf == TDH_SYS_CONFIG && version;
	u64 status = model_check_unused(args, leaves[position(leaf)].nr_operands + has_r9);

	if (status)
		return status;
	if (leaf == TDH_SYS_CONFIG)
		return sys_config(cpu, version, args);
	if (version)
		return INVALID(RAX);
	if (leaf == TDH_SYS_INIT) {
		if (sys.initialized ||
		    (updates && installed_cpus != GENMASK_ULL(cpu->nr_cpus - 1, 0)))
			return TDX_SYS_NOT_READY;
		sys.initialized = true;
		return 0;
	}
	if (leaf == TDH_SYS_DISABLE)
		return sys_disable();
	if (!sys.initialized)
		return TDX_SYS_NOT_READY;

	switch (leaf) {
	case TDH_SYS_LP_INIT:
		if (sys.cpus & BIT_ULL(cpu->cpu))
			return INVALID(RAX);
		sys.cpus |= BIT_ULL(cpu->cpu);
		return 0;
	case TDH_SYS_RD:
		return sys_rd(args);
	case TDH_SYS_KEY_CONFIG:
		if (!sys.configured)
			return TDX_SYS_NOT_READY;
		if (sys.packages & BIT_ULL(cpu->package))
			return TDX_KEY_CONFIGURED;
		sys.packages |= BIT_ULL(cpu->package);
		sys.has_key = sys.packages == GENMASK_ULL(cpu->nr_packages - 1, 0);
		return 0;
	case TDH_SYS_TDMR_INIT:
		return tdmr_init(args);
	case TDH_SYS_SHUTDOWN:
		return sys_shutdown();
	case TDH_SYS_UPDATE:
		return sys_update(cpu);
	default:
		return page_rdmd(args);
	}
}
