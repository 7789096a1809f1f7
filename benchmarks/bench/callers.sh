#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# callers.sh: count lines and branches of the same callers in four designs.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
$PYTHON -m tdxpa.callers --top "$TOP"
