#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# import.sh: check the file of a run on a TDX host (make bench ENGINE=host), keep it among
# the results, and write RESULTS.md with its tables.
set -eu
. "$(dirname "$0")/common.sh"

[ -n "${FILE:-}" ] || die "FILE is not set: name the file of a run, make import FILE=host-...json"
"$TOP/benchmarks/engines/setup.sh" plots
exec "$PYTHON" "$TOP/benchmarks/report/host.py" import "$FILE" --top "$TOP"
