#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# load.sh: run random call sequences on all CPUs for $MINUTES, and compare the counters of memory.
# The last line is "N passed, N failed" and counts checks.
. "$(dirname "$0")/../kernels/common.sh"

CPUS=${CPUS:-$([ "$ENGINE" = uml ] && echo 2 || echo 4)} MINUTES=${MINUTES:-60}
prepare
"$TOP/benchmarks/kernels/setup.sh" reports
log=$BUILD/$ENGINE-load.log
say "  running the load for $MINUTES minutes on $CPUS CPUs and Linux $KVERSION ($ENGINE) (log: $log)"
engine_boot "$log" $((300 + MINUTES * 90)) 3G load $((MINUTES * 60 + 30)) > /dev/null
$PYTHON -m tdxpa load --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" "$log"
