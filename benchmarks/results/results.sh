#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# results.sh: keep the runs below build/runs in benchmarks/results, or the file FILE of a run on
# a TDX host, and write RESULTS.md, plots, tables in README.md and Documentation/, and the
# figures that pages cite.
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
hold 8 "$BUILD/lock"
[ -z "${FILE:-}" ] || exec $PYTHON -m tdxpa.host "$FILE" "$TOP"
$PYTHON -m tdxpa results "$TOP"
