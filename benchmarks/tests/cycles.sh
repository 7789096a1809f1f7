#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cycles.sh: run $STEPS random cycles of each design on the emulated TDX host, each in a boot of its own, and again with
# machine checks.  The last line is "N passed, N failed" and counts designs.
. "$(dirname "$0")/../kernels/common.sh"

SEED=${SEED:-$(date +%s)} STEPS=${STEPS:-10000} designs=(flat v2 v2-fixed descriptor bare-list hpa-list)
prepare
"$TOP/benchmarks/kernels/setup.sh" reports
for run in $(for design in "${designs[@]}"; do echo "$design" "$design-mce"; done); do
	design=${run%-mce} log=$BUILD/$ENGINE-cycles-$run.log && : > "$log"
	# Without the erratum: the machine would stop each rival at its first partial store.
	[ "$run" = "$design" ] && mce=0 model=143 || mce=1 model=106
	say "  running $STEPS cycles of $run from seed $SEED on Linux $KVERSION ($ENGINE) (log: $log)"
	(TDX_MODEL=${TDX_MODEL:-$model} TDX_HOST=seed=$SEED,mce=$mce${TDX_HOST:+,$TDX_HOST} engine_boot "$log" $((120 + STEPS / 25)) 6G cycles \
		"design=$design" "steps=$STEPS" "seed=$SEED" > /dev/null 2>&1) || true
	grep -q 'tdx_cycles: {"kind": "begin"' "$log" || die "the guest did not start the cycles of $run; its console: $log"
done
$PYTHON -m tdxpa cycles --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" "$BUILD/$ENGINE-cycles-%s.log" "${designs[@]}"
