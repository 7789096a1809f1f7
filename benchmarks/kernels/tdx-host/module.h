/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TDX module of an emulated TDX host
 */
#ifndef TDX_HOST_MODULE_H
#define TDX_HOST_MODULE_H

#include "kernel.h"
#include "model.h"

/* Features of TDX_FEATURES0 and of the operand R9 of TDH.SYS.CONFIG */
#define FEATURE_CONNECT		BIT_ULL(6)
#define FEATURE_NO_RBP_MOD	BIT_ULL(18)
#define FEATURE_EXT		BIT_ULL(39)

/* boot.c */
bool boot_has_leaf(u64 leaf);
u64 boot_call(const struct tdx_host_cpu *cpu, u64 leaf, unsigned int version,
	      struct tdx_module_args *args);
bool boot_is_ready(void);
u64 boot_features(void);
void boot_enable(u64 features);

#endif /* TDX_HOST_MODULE_H */
