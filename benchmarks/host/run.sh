#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh check|run: check the machine, or measure on its running kernel.
#
# SIMULATE=ns measures the software TDX module, on any x86-64 machine.
# CLAIM=function:pages and DONATE=pages allow leaves that give memory to the TDX module,
# DONATE for good.  KDIR is the built tree of this kernel, if its headers are not
# installed.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

options=(--top "$TOP" --out "$BUILD" ${KDIR:+--kdir "$KDIR"}
	${QUICK:+--quick} ${SIMULATE:+--simulate "$SIMULATE"} ${CLAIM:+--claim "$CLAIM"}
	${DONATE:+--donate "$DONATE"})
# Build only if the machine can be measured.
$PYTHON -m tdxpa.host_run check "${options[@]}"
[ "$1" = run ] || exit 0

tree=$("$TOP/benchmarks/host/modules.sh")
# The first module's path without its folder in the tree
tree=${tree%%$'\n'*}
tree=${tree%/arch/*}
say "  checking again, with the modules"
$PYTHON -m tdxpa.host_run run "${options[@]}" --modules "$tree"
