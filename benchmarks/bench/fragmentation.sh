#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# frag.sh: fragment the memory of the engine's kernel to several degrees, run the
# flow that needs most of it with every design, print what came of it and keep the
# raw samples.  The last line of the output is "N passed, N failed": what must be so
# for the table to mean anything, and what flat promises.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

prepare
# What is measured is not to share the machine with a second CPU.
CPUS=1

log=$BUILD/$ENGINE-frag.log
start=$SECONDS
say "  fragmenting memory on Linux $KVERSION ($ENGINE) (log: $log)"
engine_boot "$log" 400 4G frag
say "  fragmenting memory: done in $((SECONDS - start)) s"

emulated=
! engine_is_emulated || emulated=--emulated
$PYTHON -m tdxpa.frag --engine "$ENGINE" --kernel "$KVERSION" \
	--top "$TOP" $emulated "$log"
