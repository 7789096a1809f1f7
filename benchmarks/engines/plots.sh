#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# plots.sh: RESULTS.md with its plots, the rows of README.md, and the figures in
# Documentation/review-answers.rst, from the runs in benchmarks/results.  No kernel is needed.
set -eu
. "$(dirname "$0")/common.sh"

"$TOP/benchmarks/engines/setup.sh" plots
$PYTHON "$TOP/benchmarks/report/report.py" --top "$TOP"
say "  written: RESULTS.md, benchmarks/results/plots, README.md, Documentation/review-answers.rst"
