#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh: run the tests on each kernel of kernels.list, or on the kernel $KERNEL.
. "$(dirname "$0")/../kernels/common.sh"

"$TOP/benchmarks/kernels/setup.sh" reports
hold 7 "$BUILD/kernels.lock"
exec $PYTHON -m tdxpa.kernels "$TOP" ${KERNEL:+"$KERNEL"}
