#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# plots.sh: RESULTS.md with its plots, the rows of README.md, and the figures in
# Documentation/review-answers.rst, from the runs in benchmarks/results.  No kernel is needed.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" plots
$PYTHON -m tdxpa.report --top "$TOP"
say "  written: RESULTS.md, benchmarks/results/plots, README.md, Documentation/review-answers.rst"
