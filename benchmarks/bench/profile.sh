#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# profile.sh: where the instructions of some operations go, by function, in the qemu
# engine's kernel.  QEMU writes down each instruction that it executes while an
# operation runs; the sum is compared with its clock, of which an instruction is a
# nanosecond.  The last line of the output is "N passed, N failed": operations.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/measure.sh"

ENGINE=qemu
ICOUNT=1
prepare

log=$BUILD/$ENGINE-profile.log
operations=()
for design in flat floor v2; do
	operations+=("release-flushed:$design:512")
	for pages in 1 32 512; do
		operations+=("create:$design:$pages" "release:$design:$pages")
	done
done
# v2's are millions.
for design in flat floor; do
	operations+=("create:$design:12800" "release:$design:12800")
done

QEMU_RUNNER="$PYTHON -m tdxpa.profile watch $BUILD $KOBJ/vmlinux"
# The clock's interrupt may come within an operation, and does so in each boot, because
# each is the same; in another order, it comes elsewhere.
for boot in first second last; do
	say "  the $boot of at most three boots"
	measure "$log" 900 2G profile "${operations[@]}"
	$PYTHON -m tdxpa.profile --engine qemu --kernel "$KVERSION" --top "$TOP" "$log" && exit
	operations=("${operations[@]:1}" "${operations[0]}")
done
exit 1
