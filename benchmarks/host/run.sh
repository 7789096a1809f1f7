#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh check|bench: measure on the running kernel of a TDX host.
#
# SIMULATE=ns measures the software TDX module, on any x86-64 machine.
# CLAIM=function:pages and DONATE=pages allow leaves that give memory to the TDX module,
# DONATE for good.  KDIR or KSRC is the built tree of this kernel, if its headers are not
# installed.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

kdir=${KDIR:-${KSRC:-}}
options=(--top "$TOP" --out "$BUILD" ${kdir:+--kdir "$kdir"}
	${QUICK:+--quick} ${SIMULATE:+--simulate "$SIMULATE"} ${CLAIM:+--claim "$CLAIM"}
	${DONATE:+--donate "$DONATE"})
command -v "$PYTHON" > /dev/null || die "$PYTHON does not exist: install python3"

# Build only if the machine can be measured.
$PYTHON -m tdxpa.host_run check "${options[@]}"
[ "$1" = bench ] || exit 0

tree=$(KDIR=$kdir "$TOP/benchmarks/host/modules.sh")
# The first module's path without its folder in the tree
tree=${tree%%$'\n'*}
tree=${tree%/arch/*}
say "  checking again, with the modules"
file=$($PYTHON -m tdxpa.host_run bench "${options[@]}" --modules "$tree")
$PYTHON -m tdxpa.host show "$file"
say "  to be sent back: $file (check it: it should contain no host name and no serial number)"
