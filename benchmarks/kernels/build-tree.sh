#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build-tree.sh DIR [VARIANT [POSTED]]: lay out the sources for an external build: symbolic links, and the Kbuild
# files that only an external build needs.  POSTED is a directory with v2 as posted, which becomes one more design.
. "$(dirname "$0")/common.sh"

tree=$1 tdx=$1/arch/x86/virt/vmx/tdx
# Start again if a source was removed: its module would still be loaded.
[ ! -d "$tree" ] || [ -z "$(find "$tree" -xtype l -print -quit)" ] || rm -rf "$tree"

mkdir -p "$tree"
cp -rsf "$TOP/arch" "$TOP/benchmarks" "$tree/"
[ -z "${3:-}" ] || cp -rsfT "$3" "$tree/benchmarks/designs/v2_posted/posted"
cd "$TOP/benchmarks/kernels"
cat Kbuild.top > "$tree/Kbuild"
cat Kbuild.tests > "$tdx/tests/Kbuild"
cat Kbuild.tdx ${2:+$([ "$2" != coverage ] || echo Kbuild.coverage)} > "$tdx/Kbuild"
