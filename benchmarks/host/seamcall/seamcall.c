// SPDX-License-Identifier: GPL-2.0
/*
 * The SEAMCALL instruction, the leaves that may be called, and the meaning of
 * its failures
 *
 * Leaf numbers and metadata fields: TDX module base specification, Intel
 * document 348549.
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/preempt.h>

#include <asm/asm.h>
#include <asm/barrier.h>
#include <asm/special_insns.h>
#include <asm/tdx_pa_array.h>

#include "seamcall.h"
#include "tdx.h"

/* What is allowed beyond the harmless leaves */
bool tdx_seamcall_allow_claims;
unsigned int tdx_seamcall_donate_pages;

/* Pages of the lists that were passed on for donation */
static unsigned int nr_donated;

/*
 * If the instruction fails, the module did not run, and the status is one of
 * the software-defined codes.  VMfailInvalid (CF set): no module to enter.  An
 * exception, with its number in RAX: SEAMCALL is not available.
 *
 * Register variables do not survive a function call.  A sanitizer makes a call
 * of an access through a pointer, so operands are passed by value.
 */
static u64 issue(u64 leaf, struct tdx_module_args a, struct tdx_module_args *results)
{
	register u64 r8 asm("r8") = a.r8;
	register u64 r9 asm("r9") = a.r9;
	register u64 r10 asm("r10") = a.r10;
	register u64 r11 asm("r11") = a.r11;
	register u64 r12 asm("r12") = a.r12;
	register u64 r13 asm("r13") = a.r13;
	register u64 r14 asm("r14") = a.r14;
	register u64 r15 asm("r15") = a.r15;
	u64 rcx = a.rcx;
	u64 rdx = a.rdx;

	asm volatile("1:	.byte 0x66, 0x0f, 0x01, 0xcf\n"
		     "	jnc 3f\n"
		     "	movabsq %[vmfailinvalid], %%rax\n"
		     "	jmp 3f\n"
		     "2:	movabsq %[sw_error], %%rbx\n"
		     "	orq %%rbx, %%rax\n"
		     "3:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "+a" (leaf), "+c" (rcx), "+d" (rdx), "+r" (r8), "+r" (r9),
		       "+r" (r10), "+r" (r11), "+r" (r12), "+r" (r13), "+r" (r14),
		       "+r" (r15)
		     : [vmfailinvalid] "i" (TDX_SEAMCALL_VMFAILINVALID),
		       [sw_error] "i" (TDX_SW_ERROR)
		     : "rbx", "rsi", "rdi", "cc", "memory");

	a.rcx = rcx;
	a.rdx = rdx;
	a.r8 = r8;
	a.r9 = r9;
	a.r10 = r10;
	a.r11 = r11;
	a.r12 = r12;
	a.r13 = r13;
	a.r14 = r14;
	a.r15 = r15;
	*results = a;

	return leaf;
}

/**
 * tdx_seamcall - issue SEAMCALL once
 * @leaf: number of the leaf
 * @args: operands and results
 *
 * Context: Any.  Disables preemption: the module keeps state for each CPU.
 * Return: completion status, or a software-defined code if the module was not
 * entered: %TDX_SEAMCALL_UD, %TDX_SEAMCALL_GP, %TDX_SEAMCALL_VMFAILINVALID.
 */
u64 tdx_seamcall(u64 leaf, struct tdx_module_args *args)
{
	u64 status;

	preempt_disable();
	status = issue(leaf, *args, args);
	preempt_enable();

	return status;
}

/* Leaves that leave the ownership of memory unchanged */
static bool is_harmless(u64 leaf)
{
	return leaf == TDH_PHYMEM_PAGE_WBINVD || leaf == TDH_PHYMEM_PAGE_RDMD ||
	       leaf == TDH_SYS_RD;
}

/* Leaves that give memory to the extensions for good, and that start them */
static bool donates(u64 leaf)
{
	return leaf == TDH_EXT_MEM_ADD || leaf == TDH_EXT_INIT;
}

/*
 * Donated pages are counted, up to the number that is allowed.  A list with a
 * first entry other than 0 continues after an interruption and was counted.
 */
static bool may_pass(u64 leaf, const struct tdx_module_args *args)
{
	unsigned int nr;

	if (is_harmless(leaf))
		return true;
	if (!donates(leaf))
		return tdx_seamcall_allow_claims;
	if (leaf == TDH_EXT_INIT)
		return tdx_seamcall_donate_pages;

	if (FIELD_GET(HPA_LIST_FIRST, args->rcx))
		return nr_donated;
	nr = FIELD_GET(HPA_LIST_LAST, args->rcx) + 1;
	if (nr > tdx_seamcall_donate_pages - nr_donated)
		return false;
	nr_donated += nr;
	return true;
}

/**
 * tdx_seamcall_checked - issue SEAMCALL once if the leaf is allowed
 * @leaf: number of the leaf
 * @args: operands and results
 *
 * Context: Any.  Callers serialise leaves that donate memory.
 * Return: as tdx_seamcall(), or %TDX_SEAMCALL_REFUSED.
 */
u64 tdx_seamcall_checked(u64 leaf, struct tdx_module_args *args)
{
	if (!may_pass(leaf, args))
		return TDX_SEAMCALL_REFUSED;

	return tdx_seamcall(leaf, args);
}

/**
 * tdx_seamcall_global_keyid - get the global KeyID
 * @partitioning: MSR IA32_MKTME_KEYID_PARTITIONING: number of MKTME KeyIDs in
 *		  bits 31:0, number of TDX KeyIDs in bits 63:32
 *
 * Return: the first TDX KeyID, or 0 if the CPU has none.
 */
u32 tdx_seamcall_global_keyid(u64 partitioning)
{
	/* The number of MKTME KeyIDs does not include KeyID 0. */
	return partitioning >> 32 ? (u32)partitioning + 1 : 0;
}

/**
 * tdx_seamcall_errno - translate the status of the first SEAMCALL
 * @status: completion status
 * @why: set to the reason of a failure
 *
 * The error numbers are those of the kernel's own TDX code.
 *
 * Return: 0, or
 * * %-ENODEV		- no TDX module is loaded
 * * %-EOPNOTSUPP	- the BIOS did not enable TDX
 * * %-EACCES		- this CPU is not in VMX operation
 * * %-EPERM		- the leaf is not allowed
 * * %-EIO		- the module reports an error
 */
int tdx_seamcall_errno(u64 status, const char **why)
{
	switch (status) {
	case TDX_SUCCESS:
		return 0;
	case TDX_SEAMCALL_VMFAILINVALID:
		*why = "no TDX module is loaded; boot a kernel that loads it, or let the BIOS";
		return -ENODEV;
	case TDX_SEAMCALL_GP:
		*why = "SEAMCALL raises #GP: enable TDX in the BIOS";
		return -EOPNOTSUPP;
	case TDX_SEAMCALL_UD:
		*why = "SEAMCALL raises #UD: load kvm_intel with tdx=1 first";
		return -EACCES;
	case TDX_SEAMCALL_REFUSED:
		*why = "this leaf claims memory; it needs allow_claims=1 or donate_pages";
		return -EPERM;
	default:
		*why = "the TDX module reports an error; is it initialized?";
		return -EIO;
	}
}

/**
 * tdx_seamcall_lacks - get the missing feature of a TDX module
 * @features0: its TDX_FEATURES0
 * @claims: leaves that claim control pages are allowed
 * @donates: leaves that donate memory to the extensions are allowed
 *
 * Source: patches of the series for TDX Connect,
 * https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/
 *
 * Return: name of a feature that these leaves need, or NULL.
 */
const char *tdx_seamcall_lacks(u64 features0, bool claims, bool donates)
{
	if (claims && !(features0 & TDX_FEATURES0_CONNECT))
		return "TDX Connect (bit 6)";
	if (donates && !(features0 & TDX_FEATURES0_EXT))
		return "extensions (bit 39)";
	return NULL;
}

/**
 * tdx_seamcall_reset_paddr - convert private pages back on a CPU with
 * X86_BUG_TDX_PW_MCE
 * @base: PA of the first page
 * @size: number of bytes
 *
 * Context: Any, on a CPU with MOVDIR64B, which every CPU with TDX has.
 */
void tdx_seamcall_reset_paddr(unsigned long base, unsigned long size)
{
	static const u8 zeroes[64];

	for (unsigned long pa = base; pa < base + size; pa += sizeof(zeroes))
		movdir64b(phys_to_virt(pa), zeroes);
	/* MOVDIR64B is weakly ordered. */
	mb();
}
