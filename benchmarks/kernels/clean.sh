#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh: remove build/.
set -eu
. "$(dirname "$0")/common.sh"

[ -d "$BUILD" ] || exit 0
hold 8 "$BUILD/lock"
# The next run may start while files are removed.
mv "$BUILD" "$BUILD.removed.$$"
rm -rf "$BUILD.removed.$$"
