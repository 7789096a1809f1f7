#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# callers.sh: count what four designs require of their callers, print each place that is
# counted, and keep the counts, with those of make size.
set -eu
. "$(dirname "$0")/common.sh"

"$TOP/benchmarks/engines/setup.sh" callers
$PYTHON "$TOP/benchmarks/report/callers.py" --top "$TOP"
"$TOP/benchmarks/engines/size.sh"
cp "$BUILD/size.json" "$TOP/benchmarks/results/"
