#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sanitize.sh: the suites of test.sh in a kernel that watches its memory, locks
# and arithmetic (sanitize.config).  The last line of the output is the same.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/suites.sh"

prepare sanitize
run_suites sanitize 600
