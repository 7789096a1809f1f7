#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# host.sh check|bench: measure on the running kernel of a TDX host.
#
# SIMULATE=ns measures the software TDX module, on any x86-64 machine.
# CLAIM=function:pages and DONATE=pages allow leaves that give memory to the TDX module,
# DONATE for good.  KDIR or KSRC is the built tree of this kernel, if its headers are not
# installed.
set -eu
. "$(dirname "$0")/common.sh"

kdir=${KDIR:-${KSRC:-}}
runner=("$TOP/benchmarks/host/run.py" --top "$TOP" --out "$BUILD" ${kdir:+--kdir "$kdir"}
	${QUICK:+--quick} ${SIMULATE:+--simulate "$SIMULATE"} ${CLAIM:+--claim "$CLAIM"}
	${DONATE:+--donate "$DONATE"})
command -v "$PYTHON" > /dev/null || die "$PYTHON does not exist: install python3"

# Build only if the machine can be measured.
"$PYTHON" "${runner[@]:0:1}" check "${runner[@]:1}"
[ "$1" = bench ] || exit 0

farm=$(KDIR=$kdir "$TOP/benchmarks/engines/modules.sh")
# The first module's path without its folder in the tree
farm=${farm%%$'\n'*}
farm=${farm%/arch/*}
say "  checking again, with the modules"
file=$("$PYTHON" "${runner[@]:0:1}" bench "${runner[@]:1}" --modules "$farm")
"$PYTHON" "$TOP/benchmarks/report/host.py" show "$file"
say "  to be sent back: $file (check it: it should contain no host name and no serial number)"
