#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh: run the tests on each kernel of kernels.list, or on the kernel $KERNEL, and keep
# the results below build/.  The last line is "N passed, N failed" and counts kernels.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
passed=0 failed=0
while IFS=$'\t' read -r name script variables boot _; do
	[[ $name != \#* && $name = "${KERNEL:-$name}" ]] || continue
	log=$BUILD/kernels/$name.log
	mkdir -p "$BUILD/kernels"
	say "  kernel $name (log: $log)"
	env $variables BOOT="${boot#-}" bash "$TOP/benchmarks/$script" > "$log" 2>&1 < /dev/null || tail -n 9 "$log" >&2
	if $PYTHON -m tdxpa.kernels "$TOP" "$name" "$log"; then : $((++passed)); else : $((++failed)); fi
done < "$TOP/benchmarks/tests/kernels.list"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
