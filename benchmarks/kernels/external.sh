# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The external build of the modules, for any kernel.

# The oldest kernel that the modules build for; compat.h says the same.
OLDEST=6.12

# is_supported VERSION
is_supported() { [ "$(printf '%s\n' $OLDEST "$1" | sort -V | head -n 1)" = $OLDEST ]; }

# external_modules TREE MAKE...: MAKE is the kernel's make, with M=TREE.  A warning is an
# error.
external_modules()
{
	local tree=$1
	shift

	step "$tree.log" "building the modules" "$@" -j"$JOBS" modules
	# A kernel without BTF may have been built before pahole was installed.  Posted
	# code is not changed.
	! grep -E '(warning|WARNING):' "$tree.log" |
		grep -vE 'pahole version differs|/v2_posted/posted/' >&2 || die "the modules build with warnings: $tree.log"
}
