#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: run every KUnit suite in the engine's kernel.  The last line of the
# output is "N passed, N failed", with ", N skipped" if any.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/suites.sh"

prepare
run_suites test 120
