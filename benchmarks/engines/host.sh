#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# host.sh check|bench: measure on the kernel that runs, which is that of a TDX host.
#
# SIMULATE=ns does the same on the software TDX module, on any x86-64 machine.
# CLAIM=function:pages and DONATE=pages let leaves through that hand memory to the TDX
# module, the second for good.  KDIR or KSRC is the built tree of this kernel, if its
# headers are not where they usually are.
set -eu
. "$(dirname "$0")/common.sh"

kdir=${KDIR:-${KSRC:-}}
runner=("$TOP/benchmarks/host/run.py" --top "$TOP" --out "$BUILD" ${kdir:+--kdir "$kdir"}
	${QUICK:+--quick} ${SIMULATE:+--simulate "$SIMULATE"} ${CLAIM:+--claim "$CLAIM"}
	${DONATE:+--donate "$DONATE"})
command -v "$PYTHON" > /dev/null || die "there is no $PYTHON: install python3"

# Nothing is built where nothing can be measured.
"$PYTHON" "${runner[@]:0:1}" check "${runner[@]:1}"
[ "$1" = bench ] || exit 0

farm=$(KDIR=$kdir "$TOP/benchmarks/engines/modules.sh")
# The first of the modules, less its place.
farm=${farm%%$'\n'*}
farm=${farm%/arch/*}
say "  checking again, with the modules"
file=$("$PYTHON" "${runner[@]:0:1}" bench "${runner[@]:1}" --modules "$farm")
"$PYTHON" "$TOP/benchmarks/report/host.py" show "$file"
say "  to be sent back: $file (no host name and no serial number are in it; look)"
