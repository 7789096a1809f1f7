#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# profile.sh: where the instructions of some operations go, by function, in the qemu
# engine's kernel.  QEMU writes down each instruction that it executes while an
# operation runs; the sum is compared with its clock, of which an instruction is a
# nanosecond.  The last line of the output is "N passed, N failed": operations.
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/measure.sh"

ENGINE=qemu ICOUNT=1
prepare

log=$BUILD/$ENGINE-profile.log
# Those of v2 with 12,800 pages are millions.
operations=(release-flushed:{flat,floor,v2}:512 {create,release}:{flat,floor,v2}:{1,32,512} {create,release}:{flat,floor}:12800)

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
