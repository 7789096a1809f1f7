#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: run the KUnit suites.  With SAN=1, the kernel checks memory, locks and arithmetic.  With
# COVERAGE=1, lines and branches that are not executed fail, except those of coverage-exceptions.list.
# CONFIG is a variant, and BOOT are parameters.  The last line is "N passed, N failed, N skipped".
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/suites.sh"

prepare ${SAN:+sanitize} ${COVERAGE:+coverage} ${CONFIG:-}
if [ -n "${COVERAGE:-}" ]; then
	"$TOP/benchmarks/kernels/setup.sh" coverage
	dir=$BUILD/coverage
	rm -rf "$dir" && mkdir -p "$dir"
	run_suites coverage 120 "records=$dir"
	cp "$TREE"/arch/x86/virt/vmx/tdx/*.gcno "$dir/"
	gcovr --root "$TREE" --object-directory "$KOBJ" --exclude '.*/benchmarks/' --json "$dir.json" "$dir"
	exec $PYTHON -m tdxpa.coverage "$TOP" "$dir.json"
fi
# The outcomes are those of Linux 7.3, and of a crash kernel on one of several CPUs.
if [ "$ENGINE" = tdx ] && [ -z "${SUITE:-}${KSRC:-}" ] && [ "${CPUS:-4}" -gt 1 ]; then
	. "$(dirname "$0")/outcomes.sh"
	run_outcomes
fi
run_suites "${VARIANT:-test}" $((${#VARIANT} ? 900 : 300))
