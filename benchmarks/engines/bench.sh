#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: run the benchmark in the engine's kernel, print the table, and write
# RESULTS.md and the raw samples.  QUICK=1 prints a rough table and writes
# neither.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/count.sh"

prepare
# What is measured is not to share the machine with a second CPU.
CPUS=1

log=$BUILD/$ENGINE-bench.log
parameters=
[ -z "${QUICK:-}" ] || parameters="repeats=9 sample_us=30 pages=1,32,512,12800"

start=$SECONDS
say "  running the benchmark on Linux $KVERSION ($ENGINE) (log: $log)"
# shellcheck disable=SC2086
engine_boot "$log" 300 2G bench $parameters
say "  running the benchmark: done in $((SECONDS - start)) s"

plain=$FARM
count_modules
# shellcheck disable=SC2086
engine_boot "$log.count" 60 2G count $parameters

python3 "$TOP/benchmarks/report/report.py" --engine "$ENGINE" --kernel "$KVERSION" \
	--text "$plain" ${QUICK:+--quick} --top "$TOP" "$log" "$log.count"
