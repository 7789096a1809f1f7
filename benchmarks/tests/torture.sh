#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh NAME...: run these scripts, each to its end.  The last line is "N passed, N failed"
# and counts scripts.
set -u
. "$(dirname "$0")/../kernels/common.sh"

passed=0 failed=0
for name; do
	say "  $name"
	if bash "$TOP/benchmarks/tests/$name.sh"; then : $((++passed)); else : $((++failed)); fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
