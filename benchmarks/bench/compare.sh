#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# compare.sh: take v2's array from the mbox $V2_MBOX of its series and build it as one more
# design.  Run the life-cycle suite with it, and measure it next to v2 and flat.  QUICK=1 takes
# few samples, ICOUNT=1 counts instructions.  The last line is "N passed, N failed", of the
# suite.  Status 1 if it fails, or if v2 differs from the series.
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/../tests/suites.sh"
. "$(dirname "$0")/measure.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
posted=$BUILD/compare/posted
$PYTHON -m tdxpa extract "$posted" "$V2_MBOX"

prepare_bench "$posted"

status=0
verdict=$(ICOUNT='' SUITE=tdx_lifecycle run_suites compare 300) || status=$?
echo "$verdict"

measure_boots "$BUILD/$ENGINE${ICOUNT:+-icount}-compare-bench.log" designs=v2,v2-posted,flat
$PYTHON -m tdxpa compare --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" ${ICOUNT:+--icount} ${QUICK:+--quick} \
	"${LOGS[@]}" || status=1
echo
echo "The life-cycle suite, with v2-posted among its designs:"
echo "$verdict" | tail -n 1
exit $status
