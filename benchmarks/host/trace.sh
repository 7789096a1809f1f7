#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# trace.sh: attach the tools of benchmarks/host/trace.
#
# In the kernel of the qemu engine, each tool, or TOOL, watches a known workload.  The
# output is shown and compared with what the workload did.  ENGINE=host attaches TOOL to
# the running kernel.
. "$(dirname "$0")/../kernels/common.sh"

[ "$ENGINE" != host ] || exec "$TOP/benchmarks/host/trace/attach.sh" ${TOOL:+"$TOOL"}
prepare
"$TOP/benchmarks/kernels/setup.sh" trace
log=$BUILD/qemu-trace.log
say "  tracing in Linux $KVERSION (qemu) (log: $log)"
tools=$(basename -s .bt "$TOP"/benchmarks/host/trace/*.bt)
# shellcheck disable=SC2086
engine_boot "$log" 570 2G trace ${TOOL:-${tools//$'\n'/ } events}
$PYTHON -m tdxpa trace "$log" "$TOP/Documentation/tracing.rst"
