#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# callers.sh: count what four designs ask of their callers, print each place that is
# counted, and keep the counts.  Sizes are of objects built for x86-64; nothing is run.
set -eu
. "$(dirname "$0")/common.sh"

ENGINE=qemu
prepare
"$TOP/benchmarks/engines/setup.sh" callers
$PYTHON "$TOP/benchmarks/report/callers.py" --top "$TOP" --src "$KSOURCE" --farm "$FARM" \
	--kernel "$KVERSION"
