#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fragmentation.sh: fragment the memory of the engine's kernel to several degrees, and run
# the flow that needs most of it with every design.  The last line is "N passed, N failed":
# conditions of the table, and promises of flat.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/measure.sh"

prepare
"$TOP/benchmarks/kernels/setup.sh" reports
CPUS=1
log=$BUILD/$ENGINE-fragmentation.log
measure "$log" 1200 6G frag

emulated=
! engine_is_emulated || emulated=--emulated
$PYTHON -m tdxpa.frag --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" $emulated "$log"
