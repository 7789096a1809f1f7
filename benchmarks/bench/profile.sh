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
operations=
for design in flat floor v2; do
	operations+=" release-flushed:$design:512"
	for pages in 1 32 512; do
		operations+=" create:$design:$pages release:$design:$pages"
	done
done
# v2's are millions.
for design in flat floor; do
	operations+=" create:$design:12800 release:$design:12800"
done

QEMU_RUNNER="$PYTHON -m tdxpa.profile watch $BUILD $KOBJ/vmlinux"
# The clock's interrupt may come within an operation, and does so in each boot, because
# each is the same; in another order, it comes elsewhere.
for boot in 1 2 3; do
	# shellcheck disable=SC2086
	measure "$log" 900 2G profile $operations
	rc=0
	$PYTHON -m tdxpa.profile --engine qemu --kernel "$KVERSION" --top "$TOP" "$log" || rc=$?
	[ $rc -ne 0 ] && [ $boot -lt 3 ] || exit $rc
	say "  once more, in another order"
	# shellcheck disable=SC2086
	set -- $operations
	operations="${*:2} $1"
done
