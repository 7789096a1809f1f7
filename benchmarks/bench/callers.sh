#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# callers.sh: count what four designs require of their callers, print each place that is
# counted, and keep the counts, with those of make size.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" callers
$PYTHON -m tdxpa.callers --top "$TOP"
"$TOP/benchmarks/bench/size.sh"
cp "$BUILD/size.json" "$TOP/benchmarks/results/"
