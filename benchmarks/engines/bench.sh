#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: run the benchmark in the engine's kernel, print the table, keep the raw
# samples, and write RESULTS.md.  QUICK=1 prints a rough table and writes nothing.
# COMPARE=old.json shows what changed since that run.
# ICOUNT=1 counts instructions, twice.  PERF_CHECK=1 with it counts them once, and
# compares with the stored ones.  ENGINE=host measures on the kernel that runs: host.sh.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/count.sh"

[ "${ENGINE:-}" != host ] || exec "$TOP/benchmarks/engines/host.sh" bench
[ -z "${ICOUNT:-}" ] || [ "${ENGINE:-uml}" = qemu ] ||
	die "ICOUNT=1 counts instructions in QEMU: make bench ENGINE=qemu ICOUNT=1"
[ -z "${COMPARE:-}" ] || [ -r "$COMPARE" ] || die "COMPARE=$COMPARE: no such file; runs are kept in benchmarks/results"
prepare
[ -n "${PERF_CHECK:-}" ] || "$TOP/benchmarks/engines/setup.sh" plots
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
	local start=$SECONDS rc=0 interrupted='' watcher

	say "  running the benchmark ($3) on Linux $KVERSION ($ENGINE${ICOUNT:+, counting instructions}) (log: $1)"
	mkdir -p "$BUILD"
	: > "$1"
	python3 "$TOP/benchmarks/report/progress.py" "$1" &
	watcher=$!
	trap 'interrupted=y' INT TERM
	# shellcheck disable=SC2086
	(engine_boot "$1" "$2" 6G "$3" $parameters) || rc=$?
	trap - INT TERM
	kill $watcher 2> /dev/null || true
	wait $watcher 2> /dev/null || true
	if [ -n "$interrupted" ]; then
		$PYTHON "$TOP/benchmarks/report/report.py" "${about[@]}" --interrupted "$1"
		exit 130
	fi
	[ $rc -eq 0 ] || exit $rc
	say "  running the benchmark ($3): done in $((SECONDS - start)) s"
}

# What report.py is to know of the run.
about=(--engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" ${ICOUNT:+--icount})

run "$log" 570 bench
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

$PYTHON "$TOP/benchmarks/report/report.py" "${about[@]}" --text "$plain" \
	${QUICK:+--quick} ${COMPARE:+--compare "$COMPARE"} \
	$emulated "$log" "$log.count" ${ICOUNT:+"$log.again"}
