# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The external build of the modules, for any kernel.

# The oldest kernel that the modules build for; compat.h says the same.
OLDEST=6.12

# is_supported VERSION
is_supported() { [ "$(printf '%s\n' $OLDEST "$1" | sort -V | head -n 1)" = $OLDEST ]; }

# external_modules FARM CONFIG MAKE...: MAKE is the kernel's make, with M=FARM; CONFIG is
# the kernel's auto.conf.  A warning is an error.
external_modules()
{
	local farm=$1 kunit=
	! grep -q '^CONFIG_KUNIT=' "$2" || kunit=m
	shift 2

	step "$farm.log" "building the modules" "$@" -j"$JOBS" \
		CONFIG_TDX_PA_ARRAY=m CONFIG_TDX_MODEL=m CONFIG_TDX_PA_ARRAY_KUNIT_TEST=$kunit \
		CONFIG_TDX_PA_ARRAY_FUZZ=m modules
	# A kernel without BTF may have been built before pahole was installed.  What
	# somebody else has posted is as it is.
	! grep -E '(warning|WARNING):' "$farm.log" |
		grep -vE 'pahole version differs|/v2_posted/posted/' >&2 || die "the modules build with warnings: $farm.log"
}
