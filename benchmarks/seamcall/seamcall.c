// SPDX-License-Identifier: GPL-2.0
/*
 * The SEAMCALL instruction, who may issue it, and what its failures mean
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

#include "../../arch/x86/virt/vmx/tdx/door.h"
#include "../../arch/x86/virt/vmx/tdx/pa_operand.h"
#include "seamcall.h"

/* As often as the kernel asks for entropy before it gives up. */
#define ENTROPY_TRIES	10

/* What is allowed beyond the harmless. */
bool tdx_seamcall_allow_claims;
unsigned int tdx_seamcall_donate_pages;

/* Pages of the lists that were let through for donation. */
static unsigned int nr_donated;

/*
 * One SEAMCALL.  If the instruction fails, the module has seen nothing and the
 * status is one of the software-made codes: with carry there is no module to
 * enter, with an exception there is no SEAMCALL (the exception's number is in
 * RAX then).
 *
 * What a leaf does not document as its result it leaves alone, apart from entering
 * a TD, which no door is for.  It is not relied upon.
 *
 * Registers do not outlive a function call, and where memory is watched an access
 * through a pointer is one.  So operands come by value, and results go in the end.
 */
static u64 seamcall(u64 leaf, struct tdx_module_args a, struct tdx_module_args *results)
{
	register u64 r8 asm("r8") = a.r8;
	register u64 r9 asm("r9") = a.r9;
	register u64 r10 asm("r10") = a.r10;
	register u64 r11 asm("r11") = a.r11;
	register u64 r12 asm("r12") = a.r12;
	register u64 r13 asm("r13") = a.r13;
	register u64 r14 asm("r14") = a.r14;
	u64 rcx = a.rcx;
	u64 rdx = a.rdx;

	asm volatile("1:	.byte 0x66, 0x0f, 0x01, 0xcf\n"
		     "	jnc 3f\n"
		     "	movabsq %[vmfailinvalid], %%rax\n"
		     "	jmp 3f\n"
		     "2:	movabsq %[sw_error], %%r15\n"
		     "	orq %%r15, %%rax\n"
		     "3:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "+a" (leaf), "+c" (rcx), "+d" (rdx), "+r" (r8), "+r" (r9),
		       "+r" (r10), "+r" (r11), "+r" (r12), "+r" (r13), "+r" (r14)
		     : [vmfailinvalid] "i" (TDX_SEAMCALL_VMFAILINVALID),
		       [sw_error] "i" (TDX_SW_ERROR)
		     : "rbx", "rsi", "rdi", "r15", "cc", "memory");

	a.rcx = rcx;
	a.rdx = rdx;
	a.r8 = r8;
	a.r9 = r9;
	a.r10 = r10;
	a.r11 = r11;
	a.r12 = r12;
	a.r13 = r13;
	a.r14 = r14;
	*results = a;

	return leaf;
}

/**
 * tdx_seamcall - issue SEAMCALL
 * @leaf: leaf number
 * @args: operands, and results on return
 *
 * Context: Any.  Not preempted, because the module keeps state for each CPU.
 * Return: completion status, or a software-made code if the module was not
 * entered: %TDX_SEAMCALL_UD, %TDX_SEAMCALL_GP, %TDX_SEAMCALL_VMFAILINVALID.
 */
u64 tdx_seamcall(u64 leaf, struct tdx_module_args *args)
{
	const struct tdx_module_args operands = *args;
	unsigned int tries = ENTROPY_TRIES;
	u64 status;

	do {
		preempt_disable();
		status = seamcall(leaf, operands, args);
		preempt_enable();
	} while (status == TDX_RND_NO_ENTROPY && --tries);

	return status;
}

/**
 * tdx_seamcall_is_harmless - does a leaf leave the ownership of memory as it is?
 * @leaf: leaf number
 *
 * Return: true for TDH.PHYMEM.PAGE.WBINVD and for leaves that only look.
 */
bool tdx_seamcall_is_harmless(u64 leaf)
{
	return leaf == TDH_PHYMEM_PAGE_WBINVD || leaf == TDH_PHYMEM_PAGE_RDMD ||
	       leaf == TDH_SYS_RD;
}

/**
 * tdx_seamcall_donates - is a leaf about memory that never comes back?
 * @leaf: leaf number
 *
 * Return: true for those that give the extensions their memory and start them on it.
 */
bool tdx_seamcall_donates(u64 leaf)
{
	return leaf == TDH_EXT_MEM_ADD || leaf == TDH_EXT_INIT;
}

/*
 * May this leaf be issued?  Memory is donated page by page, until as much is gone as
 * was allowed; a list that is handed over again after an interruption was counted.
 */
static bool may_pass(u64 leaf, const struct tdx_module_args *args)
{
	unsigned int nr;

	if (tdx_seamcall_is_harmless(leaf))
		return true;
	if (!tdx_seamcall_donates(leaf))
		return tdx_seamcall_allow_claims;
	if (leaf == TDH_EXT_INIT)
		return tdx_seamcall_donate_pages;

	if (FIELD_GET(HPA_LIST_INFO_FIRST, args->rcx))
		return nr_donated;
	nr = FIELD_GET(HPA_LIST_INFO_LAST, args->rcx) + 1;
	if (nr > tdx_seamcall_donate_pages - nr_donated)
		return false;
	nr_donated += nr;
	return true;
}

/**
 * tdx_seamcall_checked - issue SEAMCALL if the leaf may be issued
 * @leaf: leaf number
 * @args: operands, and results on return
 *
 * Context: Any, but leaves that donate memory one at a time.
 * Return: as tdx_seamcall(), or %TDX_SEAMCALL_REFUSED.
 */
u64 tdx_seamcall_checked(u64 leaf, struct tdx_module_args *args)
{
	if (!may_pass(leaf, args))
		return TDX_SEAMCALL_REFUSED;

	return tdx_seamcall(leaf, args);
}

/**
 * tdx_seamcall_global_key - find the key ID of pages that the module owns
 * @partitioning: MSR IA32_MKTME_KEYID_PARTITIONING: number of MKTME key IDs in
 *		  bits 31:0, number of TDX key IDs in bits 63:32
 * @phys_bits: bits of a PA below the key ID
 * @key: set to the first TDX key ID, at its place above the PA
 *
 * Return: 0, or -ENODEV if there are no TDX key IDs.
 */
int tdx_seamcall_global_key(u64 partitioning, unsigned int phys_bits, u64 *key)
{
	if (!(partitioning >> 32))
		return -ENODEV;

	/* Key ID 0 is no MKTME key ID, and is not counted. */
	*key = ((partitioning & GENMASK_ULL(31, 0)) + 1) << phys_bits;
	return 0;
}

/**
 * tdx_seamcall_errno - what to tell about a SEAMCALL that was to find the module
 * @status: completion status
 * @why: set to what is wrong, if anything is
 *
 * The error numbers are those of the kernel's own TDX code.
 *
 * Return: 0, or
 * * %-ENODEV		- there is no TDX module
 * * %-EOPNOTSUPP	- the machine does not let it be entered
 * * %-EACCES		- this CPU is not in VMX operation
 * * %-EPERM		- the leaf was refused
 * * %-EIO		- the module was entered, and reports an error
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
		*why = "this leaf changes who owns memory; it takes allow_claims=1 or donate_pages";
		return -EPERM;
	default:
		*why = "the TDX module reports an error; is it initialized?";
		return -EIO;
	}
}

/**
 * tdx_seamcall_lacks - what a TDX module cannot do that it was to be allowed
 * @features0: its TDX_FEATURES0
 * @claims: leaves that claim pages were to be let through
 * @donates: memory was to be given to its extensions
 *
 * Source: patches of the series for TDX Connect,
 * https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/
 *
 * Return: its name, or NULL if nothing is missing.
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
 * tdx_seamcall_reset_page - rewrite a page that was private
 * @pa: physical address of the page
 *
 * On a CPU with the erratum X86_BUG_TDX_PW_MCE, that is how it becomes an ordinary
 * one.
 *
 * Context: Any, on a CPU with MOVDIR64B, which all with TDX have.
 */
void tdx_seamcall_reset_page(phys_addr_t pa)
{
	static const u8 zeroes[64];
	void *page = phys_to_virt(pa);

	for (unsigned int i = 0; i < PAGE_SIZE; i += sizeof(zeroes))
		movdir64b(page + i, zeroes);
	/* It does not order itself with what follows. */
	mb();
}
