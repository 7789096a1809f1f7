#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# import.sh: check the file FILE of a run on a TDX host, copy it to the results, and write
# RESULTS.md with its tables.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
exec $PYTHON -m tdxpa.host import "$FILE" --top "$TOP"
