#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# time.sh: run the benchmark in the engine's kernel, in ten boots, print the table, and keep
# the raw samples below build/.  With ICOUNT=1 it counts instructions, in two boots; CHECK=1
# counts once and compares with the kept run.  QUICK=1 boots twice, for a few sizes.
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/measure.sh"

take_lock
"$TOP/benchmarks/kernels/setup.sh" reports
args=(--engine "$ENGINE" --top "$TOP" --configuration "$KERNEL" ${ICOUNT:+--icount} ${QUICK:+--quick} ${CHECK:+--check})
# Another kernel or compiler is an error before anything is built.
[ -z "${CHECK:-}" ] || src=$("$TOP/benchmarks/kernels/source.sh")
[ -z "${CHECK:-}" ] || $PYTHON -m tdxpa report "${args[@]}" --kernel "$(make -s -C "$src" kernelversion)"
prepare_bench
measure_boots "$BUILD/$ENGINE${ICOUNT:+-icount}-$KERNEL-bench.log"
# shellcheck disable=SC2046
$PYTHON -m tdxpa report "${args[@]}" --kernel "$KVERSION" $(! engine_is_emulated || echo --emulated) "${LOGS[@]}"
