/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TDX module of an emulated TDX host
 */
#ifndef TDX_HOST_MODULE_H
#define TDX_HOST_MODULE_H

#include "kernel.h"
#include "model.h"

/* Features of TDX_FEATURES0 and of the operand R9 of TDH.SYS.CONFIG */
#define FEATURE_TD_PRESERVING	BIT_ULL(1)
#define FEATURE_CONNECT		BIT_ULL(6)
#define FEATURE_NO_RBP_MOD	BIT_ULL(18)
#define FEATURE_EXT		BIT_ULL(39)

/* Leaves of P-SEAMLDR, which loads the module */
#define SEAMLDR			BIT_ULL(63)

/* boot.c */
bool boot_has_leaf(u64 leaf);
u64 boot_call(const struct tdx_host_cpu *cpu, u64 leaf, unsigned int version,
	      struct tdx_module_args *args);
bool boot_is_ready(void);
u64 boot_features(void);
void boot_enable(u64 features);
void boot_reset_model(void);
u64 seamldr_call(const struct tdx_host_cpu *cpu, u64 leaf, const struct tdx_module_args *args);

#endif /* TDX_HOST_MODULE_H */
