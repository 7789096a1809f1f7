#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh: run $STEPS random steps from $SEED.  If they fail, find the shortest prefix
# that fails.  The last line of the output is "N passed, N failed", of one run.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

# number NAME VALUE: print VALUE as a decimal number
number()
{
	case $2 in '' | *[!0-9]* | ?????????????????*) die "$1=$2: not a number; digits only, 16 at most" ;; esac
	echo $((10#$2))
}

SEED=$(number SEED "${SEED:-$(date +%s)}")
STEPS=$(number STEPS "${STEPS:-1000000}")
[ "$STEPS" -ge 1 ] || die "STEPS=$STEPS: at least one"

# An epoch starts with a new module, so it can be run alone (tests/tdx_fuzz.c).
EPOCH=1000

prepare

log=$BUILD/$ENGINE-fuzz.log

# steps FIRST END: true if these steps pass.  A guest that does not boot is an error.
steps()
{
	(engine_boot "$log" $((60 + ($2 - $1) / 1000)) 2G fuzz "$SEED" "$1" "$2" > /dev/null 2>&1) || true
	grep -q '^fuzz: starts$' "$log" ||
		die "the guest did not get to the first step; its console: $log"
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
passed=$(sed -n 's/^fuzz: \([0-9]*\) steps.*/\1/p' "$log" | tail -n 1)
passed=${passed:-0}

# The epoch that fails, and the first step in it after which it fails: an error that
# the end of an epoch reports is also reported at the end of a prefix.
step=$(sed -n 's/^fuzz: step \([0-9]*\):.*/\1/p' "$log")
if [ -n "$step" ]; then
	high=$((step + 1))
	# The end of an epoch has the number of the next step.
	! grep -q '^fuzz: step [0-9]*: end of the epoch' "$log" || high=$step
	low=$(((high - 1) / EPOCH * EPOCH))
else
	say "  the kernel stopped after step $passed without a report; its console: $failed"
	low=$passed
	high=$STEPS
	while [ $((high - low)) -gt $EPOCH ]; do
		middle=$(((low + high) / 2 / EPOCH * EPOCH))
		[ "$middle" -gt "$low" ] || middle=$((low + EPOCH))
		if steps "$low" "$middle"; then low=$middle; else high=$middle; fi
	done
fi
first=$low
while [ $((high - low)) -gt 1 ]; do
	middle=$(((low + high) / 2))
	say "  trying the first $middle steps"
	if steps "$first" "$middle"; then low=$middle; else high=$middle; fi
done

if steps 0 "$high"; then
	say "the steps do not fail every time; the console of the failed run: $failed"
else
	grep '^fuzz: ' "$log" | tail -n 1 >&2
	echo "the shortest prefix that fails: make fuzz SEED=$SEED STEPS=$high"
fi
echo "0 passed, 1 failed"
exit 1
