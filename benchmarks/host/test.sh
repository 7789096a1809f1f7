#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: test the host's part without a TDX host: checks and simulated runs in the
# qemu engine's kernel, on two packages, and the importer, also with mutated files (SEED=n
# repeats those).  The last line of the output is "N passed, N failed".
set -eu
. "$(dirname "$0")/../kernels/common.sh"

ENGINE=qemu
prepare
"$TOP/benchmarks/kernels/setup.sh" plots
log=$BUILD/$ENGINE-host.log
files=$BUILD/host-files.log
failed=0

start=$SECONDS
say "  testing runs on Linux $KVERSION ($ENGINE, simulated) (log: $log)"
say "  and mutated files for the importer (log: $files)"
mkdir -p "$BUILD"
cd "$TOP"
{ $PYTHON -m tdxpa.tests.test_host "$TREE" Imported
  # shellcheck disable=SC2086
  $PYTHON -m tdxpa.tests.fuzz_import ${SEED:-}; } > "$files" 2>&1 &
importer=$!
CPUS=2,sockets=2
(engine_boot "$log" 900 3G host) || failed=1
say "  testing runs: done in $((SECONDS - start)) s"
wait $importer || failed=1

sed -n '/^\(ok\|not ok\|importer\|file\) /p' "$files"
# Without the kernel's messages
sed '/^guest: log begins/,$d' "$log" | grep -v '^\['
$PYTHON -m tdxpa.log "$log" || failed=$((failed + 1))
awk -v also=$failed '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; n++ }
	END { if (n != 3) failed++; if (!failed) failed = also
	      printf "%d passed, %d failed\n", passed, failed; exit failed || !passed }' "$files" "$log"
