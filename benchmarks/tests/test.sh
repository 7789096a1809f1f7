#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: run every KUnit suite in the engine's kernel, with SAN=1 in one that
# watches its memory, locks and arithmetic (sanitize.config).  The last line of the
# output is "N passed, N failed", with ", N skipped" if any.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/suites.sh"

prepare ${SAN:+sanitize}
if [ -z "${SAN:-}" ]; then
	run_suites test 300
else
	run_suites sanitize 900
fi
