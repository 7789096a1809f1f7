#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh: a random walk of $STEPS steps from $SEED.  If it fails, find the shortest
# prefix of the same walk that does.  The last line of the output is "N passed,
# N failed", of one walk.
set -eu
. "$(dirname "$0")/common.sh"

SEED=${SEED:-$(date +%s)}
STEPS=${STEPS:-1000000}
case $SEED$STEPS in *[!0-9]*) die "SEED=$SEED and STEPS=$STEPS must be numbers" ;; esac
[ "$STEPS" -ge 1 ] || die "STEPS=$STEPS: at least one"

# Steps that begin with a new module, whatever came before (pa_array_fuzz.c).
EPOCH=1000

prepare

log=$BUILD/$ENGINE-fuzz.log

# walk FIRST END: true if these steps pass
walk()
{
	(engine_boot "$log" $((60 + ($2 - $1) / 1000)) 2G fuzz "$SEED" "$1" "$2" > /dev/null 2>&1) &&
		grep -q "^fuzz: $2 steps" "$log"
}

start=$SECONDS
say "  walking $STEPS steps from seed $SEED on Linux $KVERSION ($ENGINE) (log: $log)"
if walk 0 "$STEPS"; then
	say "  walking: done in $((SECONDS - start)) s"
	echo "$STEPS steps of seed $SEED: nothing wrong"
	echo "1 passed, 0 failed"
	exit 0
fi

grep '^fuzz: ' "$log" | tail -n 1 >&2 || true
cp "$log" "$BUILD/$ENGINE-fuzz-failed.log"
passed=$(sed -n 's/^fuzz: \([0-9]*\) steps.*/\1/p' "$log" | tail -n 1)
passed=${passed:-0}

# The epoch that fails, and within it the first step after which it does: what is
# only noticed at the end of an epoch is noticed at the end of a prefix, too.
step=$(sed -n 's/^fuzz: step \([0-9]*\):.*/\1/p' "$log")
if [ -n "$step" ]; then
	high=$((step + 1))
	# Told before the step of this number was taken.
	! grep -q '^fuzz: step [0-9]*: end of the epoch' "$log" || high=$step
	low=$(((high - 1) / EPOCH * EPOCH))
else
	say "  the kernel stopped without a word after step $passed; see the log"
	low=$passed
	high=$STEPS
	while [ $((high - low)) -gt $EPOCH ]; do
		middle=$(((low + high) / 2 / EPOCH * EPOCH))
		[ "$middle" -gt "$low" ] || middle=$((low + EPOCH))
		if walk "$low" "$middle"; then low=$middle; else high=$middle; fi
	done
fi
first=$low
while [ $((high - low)) -gt 1 ]; do
	middle=$(((low + high) / 2))
	say "  does it fail within $middle steps?"
	if walk "$first" "$middle"; then low=$middle; else high=$middle; fi
done

if walk 0 "$high"; then
	say "the walk does not fail every time; the failed one: $BUILD/$ENGINE-fuzz-failed.log"
else
	grep '^fuzz: ' "$log" | tail -n 1 >&2 || true
	echo "the shortest prefix that fails: make fuzz SEED=$SEED STEPS=$high"
fi
echo "0 passed, 1 failed"
exit 1
