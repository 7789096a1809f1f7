#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# coverage.sh: run the suites with an array and wrappers that record the executed lines and
# branches, and print the others.  coverage-exceptions.list has those that may be missed.  The
# last line is "N passed, N failed" and counts lines and branches.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/suites.sh"

prepare coverage
"$TOP/benchmarks/kernels/setup.sh" coverage

dir=$BUILD/coverage
rm -rf "$dir" && mkdir -p "$dir"
run_suites coverage 120 "records=$dir"
cp "$TREE"/arch/x86/virt/vmx/tdx/*.gcno "$dir/"
gcovr --root "$TREE" --object-directory "$KOBJ" --exclude '.*/benchmarks/' --json "$dir.json" "$dir"
$PYTHON -m tdxpa.coverage "$TOP" "$dir.json"
