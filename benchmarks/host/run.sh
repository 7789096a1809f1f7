#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh check|run: check the machine, or measure on its running kernel.
#
# SIMULATE=ns measures the software TDX module, on any x86-64 machine.  KDIR is the built
# tree of this kernel, if its headers are not installed.
. "$(dirname "$0")/../kernels/common.sh"

# Build only if the machine can be measured.
$PYTHON -m tdxpa.host_run
[ "$1" = run ] || exit 0

hold 8 "$BUILD/lock"	# until its modules are measured
"$TOP/benchmarks/host/modules.sh" > /dev/null
say "  checking again, with the modules"
$PYTHON -m tdxpa.host_run "$BUILD/modules-$(uname -r)" "$BUILD"
