#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fragmentation.sh: start the extensions with every design in several states of the page
# allocator.  The last line is "N passed, N failed": conditions of the tables, and promises of flat.
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/measure.sh"

prepare
"$TOP/benchmarks/kernels/setup.sh" reports
CPUS=1
# The load may use nearly all memory.
GUEST_ARGS+=" sysctl.vm.min_free_kbytes=1024 sysctl.vm.watermark_boost_factor=0"
log=$BUILD/$ENGINE-fragmentation.log
measure "$log" 1200 6G frag

# shellcheck disable=SC2046
$PYTHON -m tdxpa frag --engine "$ENGINE" --kernel "$KVERSION" --top "$TOP" $(! engine_is_emulated || echo --emulated) "$log"
