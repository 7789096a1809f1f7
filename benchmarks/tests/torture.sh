#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh NAME...: run these scripts, each to its end, and fail if one fails.
set -u
. "$(dirname "$0")/../kernels/common.sh"

rc=0
for name; do
	say "  $name"
	bash "$TOP/benchmarks/tests/$name.sh" || rc=1
done
exit $rc
