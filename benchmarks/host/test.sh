#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: test the tools for a TDX host without one, on two packages: simulated runs in the
# kernel of the qemu engine, or a run on the emulated TDX host.  Checks and importer need no
# guest; SEED=n repeats the importer's random files.
. "$(dirname "$0")/../kernels/common.sh"

prepare
"$TOP/benchmarks/kernels/setup.sh" pytest
"$TOP/benchmarks/kernels/setup.sh" trace

SEED=${SEED:-$RANDOM}
log=$BUILD/$ENGINE-host.log files=$BUILD/host-pytest.log failed=0
say "  testing the checks and the importer (log: $files); make host WHAT=test SEED=$SEED repeats its files"
$PYTHON -m pytest -p no:cacheprovider -q --hypothesis-seed="$SEED" "$TOP/benchmarks/tdxpa/tests/test_host.py" \
	> "$files" 2>&1 || failed=1
cat "$files"
say "  testing runs on Linux $KVERSION ($ENGINE) (log: $log)"
[ "$ENGINE" = tdx ] || CPUS=2,sockets=2
(TDX_HOST=busy=100 engine_boot "$log" 900 3G host) || failed=1
if [ "$ENGINE" = tdx ]; then
	# A run makes all SEAMCALLs that a boot without it does not make.
	(engine_boot "$log.boot" 60 3G probe) || failed=1
	calls=$(sed -n 's/^tdx-host: \([0-9]*\) SEAMCALLs.*/\1/p' "$log.host" "$log.boot.host" | paste -s -d -)
	grep "tdx-test: $((calls)) SEAMCALLs" "$log" || failed=1
fi
# Without the kernel's messages
sed '/^guest: log begins/,$d; /^\[/d' "$log"
$PYTHON -m tdxpa.log "$log" || failed=1
# A guest has no status of its own.
grep -qx 'guest: pytest: status 0' "$log" || failed=1
# count WORD: the tests of both runs that ended so
count() { grep -hE ' in [0-9.]+s( |$)' "$files" "$log" | grep -oP "[0-9]+(?= $1)" | awk '{ n += $1 } END { print n + 0 }'; }
nr_failed=$(count 'failed')
echo "$(count passed) passed, $((nr_failed > failed ? nr_failed : failed)) failed"
[ $failed -eq 0 ]
