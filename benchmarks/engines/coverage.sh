#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# coverage.sh: run the suites of test.sh with an array and wrappers that record
# which lines and branches are executed, and show those that are not.  What
# nothing reaches must be in coverage/exceptions.list, with a reason.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/suites.sh"

prepare coverage

dir=$BUILD/coverage
tdx=arch/x86/virt/vmx/tdx
rm -rf "$dir"
mkdir -p "$dir"
run_suites coverage 120 "records=$dir"

# Each object's notes and records, side by side.
for notes in "$FARM/$tdx"/*.gcno; do
	cp "$notes" "$dir/"
	gcov --branch-probabilities --json-format --stdout "$dir/$(basename "$notes" .gcno).gcda" \
		>> "$dir/coverage.json" 2>> "$dir/gcov.log" < /dev/null ||
		die "gcov fails on $notes: $dir/gcov.log"
done
# It says on stderr that notes and records do not match, and goes on.
[ ! -s "$dir/gcov.log" ] || { cat "$dir/gcov.log" >&2; die "gcov complains"; }

python3 "$TOP/benchmarks/report/coverage.py" --top "$TOP" --farm "$FARM" "$dir/coverage.json"
