#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# compare-test.sh: test make compare with a made-up series of the shape of v2, which is
# written below build/ and has the project's own v2 in it.  Whole runs are in user-mode
# Linux.  The last line of the output is "N passed, N failed".
set -eu
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" patches
ENGINE=uml
# Here its progress is seen.  The runs take the lock themselves.
(prepare)
exec $PYTHON -m tdxpa.tests.test_compare "$TOP"
