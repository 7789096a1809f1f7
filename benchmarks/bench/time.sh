#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# time.sh: run the benchmark in the engine's kernel, print the table, and keep the raw
# samples below build/.  With ICOUNT=1 it counts instructions, in two boots; CHECK=1 counts
# once and compares with the kept run.  QUICK=1 takes few samples.  INIT_ON_ALLOC=1 zeroes
# pages on allocation, as distributions do.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/measure.sh"

prepare
"$TOP/benchmarks/kernels/setup.sh" reports
GUEST_ARGS+=" init_on_alloc=${INIT_ON_ALLOC:-0}"
# A second CPU would take part of the machine from what is measured.
CPUS=1

log=$BUILD/$ENGINE${ICOUNT:+-icount}${INIT_ON_ALLOC:+-zeroing}-bench.log
parameters=''
# Counts repeat, so few samples suffice.
[ -z "${ICOUNT:-}" ] || parameters="repeats=11 sample_us=50"
# QEMU counts each step of a rep instruction: clearing large arrays would take hours.
[ -z "${ICOUNT:-}" ] || [ -z "${INIT_ON_ALLOC:-}" ] ||
	parameters="repeats=3 sample_us=50 pages=1,2,8,16,32,64,128,512"
[ -z "${QUICK:-}" ] || parameters="repeats=9 sample_us=30 pages=1,32,512,12800"
report=("$PYTHON" -m tdxpa.report --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" ${ICOUNT:+--icount}
	${INIT_ON_ALLOC:+--zeroing} ${QUICK:+--quick} ${CHECK:+--check})
! engine_is_emulated || report+=(--emulated)

# shellcheck disable=SC2086
measure "$log" 570 6G bench $parameters
# shellcheck disable=SC2086
[ -z "${ICOUNT:-}" ] || [ -n "${CHECK:-}" ] || measure "$log.again" 500 6G bench $parameters
"${report[@]}" "$log"
