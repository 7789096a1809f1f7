#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cycles.sh: run $STEPS random cycles of each design on the emulated TDX host, each design in
# a boot of its own.  The last line is "N passed, N failed" and counts designs.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

SEED=${SEED:-$(date +%s)} STEPS=${STEPS:-10000} DESIGNS="flat v2 v2-fixed descriptor bare-list hpa-list"
prepare
"$TOP/benchmarks/kernels/setup.sh" reports
for design in $DESIGNS; do
	log=$BUILD/$ENGINE-cycles-$design.log start=$SECONDS
	say "  running $STEPS cycles of $design from seed $SEED on Linux $KVERSION ($ENGINE) (log: $log)"
	: > "$log" && : > "$log.host"
	# A rival may crash the kernel.  The report looks at the logs.
	(engine_boot "$log" $((120 + STEPS / 25)) 6G cycles "design=$design" "steps=$STEPS" "seed=$SEED" > /dev/null 2>&1) || true
	say "  running $STEPS cycles of $design: done in $((SECONDS - start)) s"
done
# shellcheck disable=SC2086
$PYTHON -m tdxpa cycles --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" \
	"$BUILD/$ENGINE-cycles-%s.log" $DESIGNS
