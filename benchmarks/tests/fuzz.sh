#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh: run $STEPS random steps from $SEED.  If they fail, find the shortest prefix that fails.
# The last line is "N passed, N failed" and counts runs.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

SEED=${SEED:-$(date +%s)}
STEPS=${STEPS:-1000000}
# An epoch starts with a new module, so it can be run alone (tests/tdx_fuzz.c).
EPOCH=1000

prepare

log=$BUILD/$ENGINE-fuzz.log

# steps FIRST END: true if these steps pass
steps()
{
	: > "$log"
	(engine_boot "$log" $((60 + ($2 - $1) / 1000)) 2G fuzz "$SEED" "$1" "$2" > /dev/null 2>&1) || true
	grep -q '^fuzz: starts$' "$log" ||
		die "the guest did not reach the first step; its console: $log"
	grep -q "^fuzz: $2 steps" "$log"
}

start=$SECONDS
say "  running $STEPS steps from seed $SEED on Linux $KVERSION ($ENGINE) (log: $log)"
if steps 0 "$STEPS"; then
	say "  running the steps: done in $((SECONDS - start)) s"
	echo "$STEPS steps of seed $SEED: nothing wrong"
	echo "1 passed, 0 failed"
	exit 0
fi

failed=$BUILD/$ENGINE-fuzz-failed.log
cp "$log" "$failed"
grep '^fuzz: ' "$log" | tail -n 1 >&2
# The step that reports an error.  The end of an epoch has the number of the next step, and
# the end of a prefix reports the same errors.
step=$(sed -n 's/^fuzz: step \([0-9]*\): end of the epoch.*/\1/p; t; s/^fuzz: step \([0-9]*\):.*/\1+1/p' "$log")
if [ -n "$step" ]; then
	high=$((step))
	low=$(((high - 1) / EPOCH * EPOCH))
else
	low=$(sed -n 's/^fuzz: \([0-9]*\) steps.*/\1/p' "$log" | tail -n 1)
	low=${low:-0} high=$STEPS
	say "  the kernel stopped after step $low without a report; its console: $failed"
fi
while ((high - low > 1)); do
	middle=$(((low + high) / 2))
	# Whole epochs first
	((high - low <= EPOCH)) || middle=$(((middle + EPOCH - 1) / EPOCH * EPOCH))
	say "  trying the first $middle steps"
	if steps $((low / EPOCH * EPOCH)) $middle; then low=$middle; else high=$middle; fi
done

if steps 0 "$high"; then
	say "the steps do not fail every time; the console of the failed run: $failed"
else
	grep '^fuzz: ' "$log" | tail -n 1 >&2
	echo "the shortest prefix that fails: make torture WHAT=fuzz SEED=$SEED STEPS=$high"
fi
echo "0 passed, 1 failed"
exit 1
