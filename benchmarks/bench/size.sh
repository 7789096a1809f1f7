#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# size.sh: count lines and bytes of each design, and fail if flat exceeds its budget.
# Objects are built into Linux for x86-64; nothing is run.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

take_lock
"$TOP/benchmarks/kernels/setup.sh" size
src=$("$TOP/benchmarks/kernels/source.sh")
[ -e "$src/arch/x86/virt/vmx/tdx/seamcall_internal.h" ] ||
	die "$src has no seamcall_internal.h; pass a kernel tree of 7.3 or newer with KSRC=path"
hold 8 "$BUILD/lock"

# What CONFIG_INTEL_TDX_HOST depends on
TDX_HOST="64BIT CMA X86_MCE HYPERVISOR_GUEST X86_X2APIC VIRTUALIZATION KVM KVM_INTEL INTEL_TDX_HOST"

# configure DIR OPTION...: a kernel that has these options and nothing else
configure()
{
	local dir=$1 option wanted
	shift
	wanted=$(echo "# $src"; printf 'CONFIG_%s=y\n' "$@")
	if [ "$wanted" != "$(cat "$dir/configured" 2> /dev/null)" ]; then
		rm -rf "$dir"
		mkdir -p "$dir"
		echo "$wanted" > "$dir/wanted"
		make -s -C "$src" O="$dir" ARCH=x86_64 KCONFIG_ALLCONFIG="$dir/wanted" allnoconfig || return
		for option; do
			grep -qx "CONFIG_$option=y" "$dir/.config" || { echo "$src has no CONFIG_$option"; return 1; }
		done
		mv "$dir/wanted" "$dir/configured"
	fi
	make -s -C "$src" O="$dir" ARCH=x86_64 -j"$JOBS" prepare
}

configure_both()
{
	# shellcheck disable=SC2086
	configure "$BUILD/size/kernel" $TDX_HOST &&
		configure "$BUILD/size/kernel-traced" $TDX_HOST FTRACE ENABLE_DEFAULT_TRACERS
}

step "$BUILD/size/configure.log" "configuring a minimal kernel, without and with tracing" configure_both
$PYTHON -m tdxpa.size --top "$TOP" --src "$src" --kernel "$(make -s -C "$src" kernelversion)" --build "$BUILD/size"
