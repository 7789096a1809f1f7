#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: run the benchmark in the engine's kernel, print the table, keep the raw
# samples, and write RESULTS.md.  QUICK=1 prints a rough table and writes nothing.
# COMPARE=old.json shows what changed since that run.
# ICOUNT=1 counts instructions, twice.  PERF_CHECK=1 with it counts them once, and
# compares with the stored ones.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/count.sh"

[ -z "${ICOUNT:-}" ] || [ "${ENGINE:-uml}" = qemu ] ||
	die "ICOUNT=1 counts instructions in QEMU: make bench ENGINE=qemu ICOUNT=1"
[ -z "${COMPARE:-}" ] || [ -r "$COMPARE" ] || die "COMPARE=$COMPARE: no such file; runs are kept in benchmarks/results"
prepare
# What is measured is not to share the machine with a second CPU.
CPUS=1

log=$BUILD/$ENGINE${ICOUNT:+-icount}-bench.log
parameters=
# What repeats takes few samples.
[ -z "${ICOUNT:-}" ] || parameters="repeats=11 sample_us=50"
[ -z "${QUICK:-}" ] || parameters="repeats=9 sample_us=30 pages=1,32,512,12800"

# run LOG SECONDS MODE
run()
{
	local start=$SECONDS

	say "  running the benchmark ($3) on Linux $KVERSION ($ENGINE${ICOUNT:+, counting instructions}) (log: $1)"
	# shellcheck disable=SC2086
	engine_boot "$1" "$2" 2G "$3" $parameters
	say "  running the benchmark ($3): done in $((SECONDS - start)) s"
}

run "$log" 500 bench
if [ -n "${PERF_CHECK:-}" ]; then
	python3 "$TOP/benchmarks/report/perf.py" --kernel "$KVERSION" \
		--stored "$TOP/benchmarks/results/qemu-icount.json" "$log"
	exit
fi
[ -z "${ICOUNT:-}" ] || run "$log.again" 500 bench

emulated=
! engine_is_emulated || emulated=--emulated
plain=$FARM
count_modules
run "$log.count" 120 count

python3 "$TOP/benchmarks/report/report.py" --engine "$ENGINE" --kernel "$KVERSION" \
	--text "$plain" --top "$TOP" ${QUICK:+--quick} ${ICOUNT:+--icount} ${COMPARE:+--compare "$COMPARE"} \
	$emulated "$log" "$log.count" ${ICOUNT:+"$log.again"}
