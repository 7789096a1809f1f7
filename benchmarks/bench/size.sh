#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# size.sh: count lines and bytes of each design, and fail if flat exceeds its budget.
# Objects are built into Linux for x86-64; nothing is run.
. "$(dirname "$0")/../kernels/common.sh"

prepare_source size
[ -e "$src/arch/x86/virt/vmx/tdx/seamcall_internal.h" ] ||
	die "$src has no seamcall_internal.h; pass a kernel tree of 7.3 or newer with KSRC=path"

# What CONFIG_INTEL_TDX_HOST depends on
TDX_HOST="64BIT CMA X86_MCE HYPERVISOR_GUEST X86_X2APIC VIRTUALIZATION KVM KVM_INTEL INTEL_TDX_HOST"

kernel=$BUILD/size/kernel
configure()
{
	local option

	[ "$(realpath "$kernel/source")" = "$src" ] || rm -rf "$kernel"
	mkdir -p "$kernel"
	# shellcheck disable=SC2086
	printf 'CONFIG_%s=y\n' $TDX_HOST > "$kernel/wanted"
	make -s -C "$src" O="$kernel" ARCH=x86_64 KCONFIG_ALLCONFIG="$kernel/wanted" allnoconfig || return
	for option in $TDX_HOST; do
		grep -qx "CONFIG_$option=y" "$kernel/.config" || { echo "$src has no CONFIG_$option"; return 1; }
	done
	make -s -C "$src" O="$kernel" ARCH=x86_64 -j"$JOBS" prepare
}

step "$BUILD/size/configure.log" "configuring a minimal kernel" configure
$PYTHON -m tdxpa size "$TOP" "$src" "$BUILD/size" "$(make -s -C "$src" kernelversion)"
