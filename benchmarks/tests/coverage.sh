#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# coverage.sh: run the suites of test.sh with an array and wrappers that record
# which lines and branches are executed, and list the others.  Those must be in
# coverage/exceptions.list, with a reason.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/suites.sh"

prepare coverage

dir=$BUILD/coverage
tdx=arch/x86/virt/vmx/tdx
rm -rf "$dir"
mkdir -p "$dir"
run_suites coverage 120 "records=$dir"

# gcov reads the notes and the record of an object from one directory.
for notes in "$TREE/$tdx"/*.gcno; do
	cp "$notes" "$dir/"
	gcov --branch-probabilities --json-format --stdout "$dir/$(basename "$notes" .gcno).gcda" \
		>> "$dir/coverage.json" 2>> "$dir/gcov.log" < /dev/null ||
		die "gcov fails on $notes: $dir/gcov.log"
done
# gcov only warns if notes and records do not match.
[ ! -s "$dir/gcov.log" ] || { cat "$dir/gcov.log" >&2; die "gcov warns; all its messages: $dir/gcov.log"; }

$PYTHON -m tdxpa.coverage --top "$TOP" --tree "$TREE" "$dir/coverage.json"
