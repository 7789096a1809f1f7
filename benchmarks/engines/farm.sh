#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# farm.sh DIR [VARIANT [POSTED]]: lay out the sources for an external build.
#
# The sources have the shape of a kernel tree, and one checkout is built for
# several kernels.  So each build gets a directory of symbolic links of its own,
# with the few Kbuild files that only an external build needs.  In the variant
# "coverage", the array and the wrappers record which branches are taken.  POSTED is
# a directory with v2 as posted, which is then one more design.
set -eu
. "$(dirname "$0")/common.sh"

farm=$1
mkdir -p "$farm"

# Links to what is gone would be built still.
find "$farm" -xtype l -delete

cp -rsf "$TOP/arch" "$TOP/benchmarks" "$farm/"
[ -z "${3:-}" ] || cp -rsfT "$3" "$farm/benchmarks/designs/v2_posted/posted"

cat > "$farm/Kbuild" <<'EOF'
# The compat header sees to it that older kernels will do.
subdir-ccflags-y := -I$(src)/arch/x86/include -I$(src)/benchmarks/compat \
		    -include $(src)/benchmarks/compat/compat.h
ccflags-y := $(subdir-ccflags-y)
obj-m += arch/x86/virt/vmx/tdx/ benchmarks/
EOF
# The directory's own Makefile is the kernel tree's; here the fragment is all, and
# no module can have the kernel's own SEAMCALL functions.
cat > "$farm/arch/x86/virt/vmx/tdx/Kbuild" <<'EOF'
include $(src)/Kbuild.pa_array
tdx_pa_array-y := $(filter-out door_seamcall.o,$(tdx_pa_array-y))
EOF
[ "${2:-}" = coverage ] || exit 0

# Branches as they are written: nothing inlined, no branch turned into
# arithmetic, none from the kernel's macros.  (Without optimization, the kernel's
# headers do not compile.)
cat >> "$farm/arch/x86/virt/vmx/tdx/Kbuild" <<'EOF'
GCOV_PROFILE := y
ccflags-y += -O1 -fno-inline -fno-if-conversion -fno-if-conversion2 -fno-ssa-phiopt \
	     -fno-tree-loop-if-convert -fno-jump-tables \
	     -include $(src)/../../../../../benchmarks/coverage/plain.h
EOF
