// SPDX-License-Identifier: GPL-2.0
/*
 * An emulated TDX host: VMXON, VMXOFF, SEAMCALL, WBINVD and MOVDIR64B
 *
 * No virtual machine can run: VMX operation is only what SEAMCALL needs.
 */
#include "qemu/osdep.h"
#include "cpu.h"
#include "exec/helper-proto.h"
#include "exec/exec-all.h"
#include "exec/cpu_ldst.h"
#include "exec/tdx-host.h"
#include "tcg/helper-tcg.h"

static uint64_t vmx_cpus;

static struct tdx_host_cpu this_cpu(CPUX86State *env)
{
	CPUState *cs = env_cpu(env), *other;
	struct tdx_host_cpu cpu = {
		.cpu = cs->cpu_index,
		.package = cs->cpu_index / (cs->nr_cores * cs->nr_threads),
		.vmx_cpus = qatomic_read(&vmx_cpus),
	};

	g_assert(cpu.cpu < TDX_HOST_MAX_CPUS);
	CPU_FOREACH(other)
		cpu.nr_cpus++;
	cpu.nr_packages = DIV_ROUND_UP(cpu.nr_cpus, cs->nr_cores * cs->nr_threads);
	return cpu;
}

static bool in_vmx(CPUX86State *env)
{
	return this_cpu(env).vmx_cpus >> env_cpu(env)->cpu_index & 1;
}

static void check_cpl(CPUX86State *env, uintptr_t retaddr)
{
	if (env->hflags & HF_CPL_MASK)
		raise_exception_err_ra(env, EXCP0D_GPF, 0, retaddr);
}

/* Success: all flags are clear. */
static void clear_flags(CPUX86State *env)
{
	CC_SRC = 0;
}

void helper_tdx_host_vmx(CPUX86State *env, uint32_t on)
{
	uint64_t bit = 1ULL << env_cpu(env)->cpu_index;

	if (!(env->cr[4] & CR4_VMXE_MASK) || (!on && !in_vmx(env)))
		raise_exception_ra(env, EXCP06_ILLOP, GETPC());
	check_cpl(env, GETPC());
	if (on)
		qatomic_or(&vmx_cpus, bit);
	else
		qatomic_and(&vmx_cpus, ~bit);
	clear_flags(env);
}

/* Sapphire Rapids and Emerald Rapids, as in the kernel */
static bool has_erratum(CPUX86State *env)
{
	unsigned int model = (env->cpuid_version >> 4 & 0xf) | (env->cpuid_version >> 12 & 0xf0);

	return (env->cpuid_version >> 8 & 0xf) == 6 && (model == 0x8f || model == 0xcf);
}

static void init(CPUX86State *env)
{
	tdx_host_init(env_archcpu(env)->phys_bits, has_erratum(env));
}

void helper_tdx_host_seamcall(CPUX86State *env)
{
	static const uint8_t order[TDX_HOST_NR_REGISTERS] = {
		R_ECX, R_EDX, 8, 9, 10, 11, 12, 13, 14, 15, R_EBX, R_EDI, R_ESI,
	};
	struct tdx_host_cpu cpu = this_cpu(env);
	uint64_t registers[TDX_HOST_NR_REGISTERS];

	if (!in_vmx(env))
		raise_exception_ra(env, EXCP06_ILLOP, GETPC());
	check_cpl(env, GETPC());

	init(env);
	for (int i = 0; i < TDX_HOST_NR_REGISTERS; i++)
		registers[i] = env->regs[order[i]];
	tdx_host_lock();
	tdx_host.nr_calls++;
	env->regs[R_EAX] = tdx_module_call(&cpu, env->regs[R_EAX], registers);
	tdx_host_sync();
	tdx_host_unlock();
	for (int i = 0; i < TDX_HOST_NR_REGISTERS; i++)
		env->regs[order[i]] = registers[i];
	clear_flags(env);
}

void helper_tdx_host_wbinvd(CPUX86State *env)
{
	struct tdx_host_cpu cpu = this_cpu(env);

	init(env);
	tdx_host_lock();
	tdx_module_wbinvd(&cpu);
	tdx_host_sync();
	tdx_host_unlock();
}

void helper_tdx_host_movdir64b(CPUX86State *env, target_ulong to, target_ulong from)
{
	uint64_t line[8];

	if (to % sizeof(line))
		raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
	for (int i = 0; i < 8; i++)
		line[i] = cpu_ldq_data_ra(env, from + i * 8, GETPC());
	tdx_host.nr_lines++;
	tdx_host_whole_line = to;
	tdx_host_whole_retaddr = GETPC();
	for (int i = 0; i < 8; i++)
		cpu_stq_data_ra(env, to + i * 8, line[i], GETPC());
	tdx_host_whole_line = -1;
}
