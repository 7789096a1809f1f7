#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh: run $STEPS random steps from $SEED, and say how to repeat a failure.  kernels.sh sets
# CONFIG, a variant.  The last line is "N passed, N failed" and counts runs.
. "$(dirname "$0")/../kernels/common.sh"

SEED=${SEED:-$(date +%s)} STEPS=${STEPS:-1000000}
prepare ${CONFIG:-}
log=$BUILD/$ENGINE-fuzz.log
GUEST_ARGS+=" log_buf_len=64M"	# for the messages of a million steps
say "  running $STEPS steps from seed $SEED on Linux $KVERSION ($ENGINE) (log: $log)"
: > "$log"
(engine_boot "$log" $((${#VARIANT} ? 900 : 60 + STEPS / 1000)) 2G fuzz "$SEED" 0 "$STEPS" > /dev/null 2>&1) || true
grep -q '^fuzz: starts$' "$log" || die "the guest did not reach the first step; its console: $log"
done=$(grep "^fuzz: $STEPS steps" "$log" || true)
[ -z "$done" ] || ! $PYTHON -m tdxpa.log "$log" "$VARIANT" >&2 ||
	{ printf '%s\n' "$STEPS steps of seed $SEED: nothing wrong" "1 passed, 0 failed"; exit 0; }

grep '^fuzz: ' "$log" | tail -n 1 >&2
# The step that reports an error.  The end of an epoch has the number of the next step.
step=$(sed -n 's/^fuzz: step \([0-9]*\): end of the epoch.*/\1/p; t; s/^fuzz: step \([0-9]*\):.*/\1+1/p' "$log")
[ -n "$step$done" ] || say "  the kernel stopped without a report; its console: $log"
echo "to repeat: make torture WHAT=fuzz SEED=$SEED STEPS=$((${step:-STEPS}))"
echo "0 passed, 1 failed"
exit 1
