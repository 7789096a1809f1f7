# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The external build of the modules, for any kernel.

# The oldest kernel that the modules build for, as in compat.h
OLDEST=6.12
is_supported() { [ "$(printf '%s\n' $OLDEST "$1" | sort -V | head -n 1)" = $OLDEST ]; }

# external_modules TREE MAKE...: MAKE is the kernel's make, with M=TREE.  Warnings are errors,
# except in posted code, and for a kernel without BTF that was built before pahole existed.
external_modules()
{
	step "$1.log" "building the modules" "${@:2}" -j"$JOBS" modules
	! grep -E '(warning|WARNING):' "$1.log" | grep -vE 'pahole version differs|/v2_posted/posted/' >&2 ||
		die "the modules build with warnings: $1.log"
}
