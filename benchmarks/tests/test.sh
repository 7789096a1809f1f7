#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: run the KUnit suites.  With SAN=1, the kernel checks memory, locks and arithmetic.
# CONFIG is a variant, and BOOT are parameters.  The last line is "N passed, N failed, N skipped".
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/suites.sh"

prepare ${SAN:+sanitize} ${CONFIG:-}
# The outcomes are those of Linux 7.3, and of a crash kernel on one of several CPUs.
if [ "$ENGINE" = tdx ] && [ -z "${SUITE:-}${KSRC:-}" ] && [ "${CPUS:-4}" -gt 1 ]; then
	. "$(dirname "$0")/outcomes.sh"
	run_outcomes
fi
run_suites "${VARIANT:-test}" $((${#VARIANT} ? 900 : 300))
