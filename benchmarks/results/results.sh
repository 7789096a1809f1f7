#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# results.sh: keep the runs below build/runs in benchmarks/results, and write RESULTS.md, the
# plots, the tables in README.md and Documentation/, and the figures that pages cite.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
hold 8 "$BUILD/lock"
$PYTHON -m tdxpa.results --top "$TOP"
