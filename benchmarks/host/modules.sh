#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# modules.sh: build the modules for the kernel headers in KDIR, by default those of the
# running kernel.  Prints the paths of the modules.
. "$(dirname "$0")/../kernels/common.sh"

name=${KDIR:+KDIR=}
KDIR=$(cd "${KDIR:-/lib/modules/$(uname -r)/build}" && pwd)
version=$(make -s -C "$KDIR" kernelversion 2> /dev/null) || die "$name$KDIR: make kernelversion fails there"
is_supported "$version" || die "$name$KDIR: is Linux $version; the oldest supported is $OLDEST"
for option in X86_64 TRACEPOINTS; do
	grep -sqx "CONFIG_$option=y" "$KDIR/include/config/auto.conf" ||
		die "$name$KDIR: the kernel is not configured with CONFIG_$option=y; pass other headers with KDIR=path"
done

"$TOP/benchmarks/kernels/setup.sh" modules
hold 8 "$BUILD/lock"
release=$(make -s -C "$KDIR" kernelrelease)
TREE=$BUILD/modules-$release
"$TOP/benchmarks/kernels/build-tree.sh" "$TREE"
external_modules "$TREE" make -C "$KDIR" M="$TREE"
find "$TREE" -name '*.ko' | sort
say "  for Linux $release; what to load: Documentation/running.rst"
