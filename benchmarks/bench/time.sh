#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: run the benchmark in the engine's kernel, print the table, keep the raw
# samples, and write RESULTS.md.  QUICK=1 prints a rough table and writes nothing.
# COMPARE=old.json shows what changed since that run.
# ICOUNT=1 counts instructions, twice.  PERF_CHECK=1 with it counts them once, and
# compares with the stored ones.  ENGINE=host measures on the kernel that runs: host.sh.
# INIT_ON_ALLOC=1 boots a kernel that zeroes pages on allocation, as distributions do.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/count.sh"
. "$(dirname "$0")/measure.sh"

[ "${ENGINE:-}" != host ] || exec "$TOP/benchmarks/host/run.sh" bench
[ -z "${ICOUNT:-}" ] || [ "${ENGINE:-uml}" = qemu ] ||
	die "ICOUNT=1 counts instructions in QEMU: make bench ENGINE=qemu ICOUNT=1"
case ${INIT_ON_ALLOC:=0} in
0 | 1) ;;
*) die "INIT_ON_ALLOC=$INIT_ON_ALLOC: must be 0 or 1" ;;
esac
[ -z "${PERF_CHECK:-}" ] || [ "$INIT_ON_ALLOC" = 0 ] ||
	die "INIT_ON_ALLOC=1: make perf-check has no stored figures for it; leave it out"
[ -z "${COMPARE:-}" ] || [ -r "$COMPARE" ] || die "COMPARE=$COMPARE: no such file; runs are kept in benchmarks/results"
prepare
[ -n "${PERF_CHECK:-}" ] || "$TOP/benchmarks/kernels/setup.sh" plots
GUEST_ARGS+=" init_on_alloc=$INIT_ON_ALLOC"
# What is measured is not to share the machine with a second CPU.
CPUS=1

zeroing=
[ "$INIT_ON_ALLOC" = 0 ] || zeroing=-zeroing
log=$BUILD/$ENGINE${ICOUNT:+-icount}$zeroing-bench.log
parameters=
# What repeats takes few samples.
[ -z "${ICOUNT:-}" ] || parameters="repeats=11 sample_us=50"
# QEMU counts each step of a rep instruction: clearing large arrays would take hours.
[ -z "${ICOUNT:-}" ] || [ -z "$zeroing" ] ||
	parameters="repeats=3 sample_us=50 pages=1,2,8,16,32,64,128,512"
[ -z "${QUICK:-}" ] || parameters="repeats=9 sample_us=30 pages=1,32,512,12800"

# run LOG SECONDS MODE
run()
{
	local rc=0

	# shellcheck disable=SC2086
	measure "$1" "$2" "$3" $parameters || rc=$?
	[ $rc -ne 130 ] || $PYTHON -m tdxpa.report "${about[@]}" --interrupted "$1"
	[ $rc -eq 0 ] || exit $rc
}

# What report.py is to know of the run.
about=(--engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" ${ICOUNT:+--icount}
	${zeroing:+--zeroing})

run "$log" 570 bench
if [ -n "${PERF_CHECK:-}" ]; then
	$PYTHON -m tdxpa.perf --kernel "$KVERSION" \
		--stored "$TOP/benchmarks/results/qemu-icount.json" "$log"
	exit
fi
[ -z "${ICOUNT:-}" ] || run "$log.again" 500 bench

emulated=
! engine_is_emulated || emulated=--emulated
count_modules
run "$log.count" 120 count

$PYTHON -m tdxpa.report "${about[@]}" \
	${QUICK:+--quick} ${COMPARE:+--compare "$COMPARE"} \
	$emulated "$log" "$log.count" ${ICOUNT:+"$log.again"}
