#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# modules.sh: build the modules for the kernel headers in $KDIR, by default those of the
# running kernel.  Prints the paths of the modules.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/../kernels/external.sh"

KDIR=${KDIR:-/lib/modules/$(uname -r)/build}
[ -f "$KDIR/Makefile" ] ||
	die "KDIR=$KDIR has no kernel headers; on Debian: apt-get install linux-headers-$(uname -r)"
KDIR=$(cd "$KDIR" && pwd)
version=$(make -s -C "$KDIR" kernelversion 2> /dev/null) ||
	die "KDIR=$KDIR: 'make kernelversion' fails there"
is_supported "$version" ||
	die "KDIR=$KDIR is Linux $version; the oldest supported is $OLDEST"
release=$(make -s -C "$KDIR" kernelrelease)
grep -qx 'CONFIG_X86_64=y' "$KDIR/include/config/auto.conf" ||
	die "KDIR=$KDIR is not for x86-64"
grep -qx 'CONFIG_TRACEPOINTS=y' "$KDIR/include/config/auto.conf" ||
	die "KDIR=$KDIR: this kernel has no tracepoints, which the page checker needs"

"$TOP/benchmarks/kernels/setup.sh" modules
TREE=$BUILD/modules-$release
"$TOP/benchmarks/kernels/build-tree.sh" "$TREE"
external_modules "$TREE" make -C "$KDIR" M="$TREE"
find "$TREE" -name '*.ko' | sort
say "  for Linux $release; what to load: Documentation/running.rst"
