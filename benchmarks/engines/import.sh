#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# import.sh: check a file that somebody made on a TDX host (make bench ENGINE=host), keep
# it among the results, and write RESULTS.md with its tables.
set -eu
. "$(dirname "$0")/common.sh"

[ -n "${FILE:-}" ] || die "say which file: make import FILE=host-...json"
"$TOP/benchmarks/engines/setup.sh" plots
exec "$PYTHON" "$TOP/benchmarks/report/host.py" import "$FILE" --top "$TOP"
