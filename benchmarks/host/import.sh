#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# import.sh: check the file of a run on a TDX host (make bench ENGINE=host), keep it among
# the results, and write RESULTS.md with its tables.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

[ -n "${FILE:-}" ] || die "FILE is not set: name the file of a run, make import FILE=host-...json"
"$TOP/benchmarks/kernels/setup.sh" plots
exec $PYTHON -m tdxpa.host import "$FILE" --top "$TOP"
