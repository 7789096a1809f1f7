#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh: remove what was built in this tree.
set -eu
. "$(dirname "$0")/common.sh"

hold 8 "$BUILD/lock"
rm -rf "$BUILD"
