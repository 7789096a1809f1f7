#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# faults.sh: make the fault matrix in the engine's kernel, and keep it below build/.  The
# last line is "N passed, N failed": rows of flat.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

prepare
"$TOP/benchmarks/kernels/setup.sh" reports
log=$BUILD/$ENGINE-faults.log
start=$SECONDS
say "  making the fault matrix on Linux $KVERSION ($ENGINE) (log: $log)"
engine_boot "$log" 900 1G faults
say "  making the fault matrix: done in $((SECONDS - start)) s"

$PYTHON -m tdxpa.faults --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" "$log"
