#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# faults.sh: make the fault matrix in the engine's kernel.  "N passed, N failed" counts rows of flat.
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/../bench/measure.sh"

prepare
"$TOP/benchmarks/kernels/setup.sh" reports
log=$BUILD/$ENGINE-faults.log
measure "$log" 900 1G faults
$PYTHON -m tdxpa faults --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" "$log"
