#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: run every KUnit suite in the engine's kernel.  The last line of the
# output is "N passed, N failed", with ", N skipped" if any.
set -eu
. "$(dirname "$0")/common.sh"

prepare

log=$BUILD/$ENGINE-test.log
say "  running the suites on Linux $KVERSION ($ENGINE)"
# 6 GiB of address space; only what is touched is taken from the host.
engine_boot "$log" 120 6G test

sed -n '/^KTAP version 1/,$p' "$log" | grep -v '^guest: ' > "$BUILD/$ENGINE-test.ktap"
rc=0
python3 "$KSOURCE/tools/testing/kunit/kunit.py" parse --json="$BUILD/$ENGINE-test.json" \
	"$BUILD/$ENGINE-test.ktap" || rc=$?
python3 "$TOP/benchmarks/report/count.py" "$BUILD/$ENGINE-test.json" || rc=1
exit $rc
