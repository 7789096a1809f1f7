#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# compare.sh: take v2's array from the mbox $V2_MBOX of its series, build it as one more
# design, run the life-cycle suite with it and a benchmark beside v2 and flat.  Nothing
# is written but below build/.  QUICK=1 measures roughly, ICOUNT=1 counts instructions.
# The last line of the output is "N passed, N failed", of the suite.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/suites.sh"
. "$(dirname "$0")/measure.sh"

[ -z "${ICOUNT:-}" ] || [ "${ENGINE:-uml}" = qemu ] ||
	die "ICOUNT=1 counts instructions in QEMU: make compare ENGINE=qemu ICOUNT=1"
command -v "$PYTHON" > /dev/null || die "there is no $PYTHON: install python3"

posted=$BUILD/compare/posted
$PYTHON -m tdxpa.extract --out "$posted" "${V2_MBOX:-}"

# explain: what to do, if it was the posted code that did not build
explain()
{
	local line

	[ -e "${TREE:-}.log" ] || return 0
	line=$(grep -m 1 -E 'v2_posted.*(error:|undefined!)' "$TREE.log") || return 0
	say "error: the posted code does not build outside of the kernel tree: ${line#"$TREE"/} (log: $TREE.log)"
	say "error: what it lacks belongs in benchmarks/designs/v2_posted/prelude.h; what was extracted is in $posted"
}
trap explain EXIT
prepare '' "$posted"
trap - EXIT
# What is measured is not to share the machine with a second CPU.
CPUS=1

status=0
verdict=$(ICOUNT='' SUITE=tdx_lifecycle run_suites compare 300) || status=$?
echo "$verdict"

parameters=
[ -z "${ICOUNT:-}" ] || parameters="repeats=11 sample_us=50"
[ -z "${QUICK:-}" ] || parameters="repeats=9 sample_us=30 pages=1,32,512,12800"
log=$BUILD/$ENGINE${ICOUNT:+-icount}-compare-bench.log
# shellcheck disable=SC2086
measure "$log" 570 bench designs=v2,v2-posted,flat $parameters

$PYTHON -m tdxpa.compare ${ICOUNT:+--icount} "$log"
echo
echo "The life-cycle suite, with v2-posted among its designs:"
echo "$verdict" | tail -n 1
exit $status
