#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build-tree.sh DIR [VARIANT [POSTED]]: lay out the sources for an external build.
#
# Each build has symbolic links of its own, and the Kbuild files that only an external build
# needs.  In the variant "coverage", the array and the wrappers record executed branches.
# POSTED is a directory with v2 as posted, which becomes one more design.
set -eu
. "$(dirname "$0")/common.sh"

tree=$1

# Start again if a source was removed: its module would still be loaded.
[ ! -d "$tree" ] || [ -z "$(find "$tree" -xtype l -print -quit)" ] || rm -rf "$tree"

mkdir -p "$tree"
cp -rsf "$TOP/arch" "$TOP/benchmarks" "$tree/"
[ -z "${3:-}" ] || cp -rsfT "$3" "$tree/benchmarks/designs/v2_posted/posted"

cat > "$tree/Kbuild" <<'EOF'
# compat.h adapts the sources to older kernels.
subdir-ccflags-y := -I$(src)/arch/x86/include -I$(src)/benchmarks/kernels \
		    -I$(src)/benchmarks/seam/include -idirafter $(src)/benchmarks/seam/fallback \
		    -include $(src)/benchmarks/kernels/compat.h
ccflags-y := $(subdir-ccflags-y)
obj-m += arch/x86/virt/vmx/tdx/ benchmarks/
EOF
# Kbuild overrides the Makefile of the kernel tree.  Here the array is a module, and the
# seam replaces the kernel's SEAMCALL helpers.
cat > "$tree/arch/x86/virt/vmx/tdx/Kbuild" <<'EOF'
obj-m += tdx_pa_array.o tests/
tdx_pa_array-y := pa_array.o tdh.o ../../../../../benchmarks/seam/exports.o
CFLAGS_pa_array.o := -DTDX_OWN_PR_FMT -I$(src)
CFLAGS_tdh.o := -DTDX_OWN_PR_FMT
EOF
cat > "$tree/arch/x86/virt/vmx/tdx/tests/Kbuild" <<'EOF'
obj-m += tdx_model.o
tdx_model-y := model.o model_leaves.o page_checker.o
tdx_model-y += ../../../../../../benchmarks/seam/model_install.o
tdx_model-y += ../../../../../../benchmarks/seam/model_exports.o

ifdef CONFIG_KUNIT
obj-m += model_kunit.o pa_array_kunit.o tdh_kunit.o
endif
EOF
[ "${2:-}" = coverage ] || exit 0

# Keep branches as they are written, without those of the kernel's macros.  The kernel's
# headers need -O1.
cat >> "$tree/arch/x86/virt/vmx/tdx/Kbuild" <<'EOF'
GCOV_PROFILE := y
ccflags-y += -O1 -fno-inline -fno-if-conversion -fno-if-conversion2 -fno-ssa-phiopt \
	     -fno-tree-loop-if-convert -fno-jump-tables -fno-thread-jumps \
	     -include $(src)/../../../../../benchmarks/tests/coverage.h
EOF
