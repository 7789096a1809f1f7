#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# trace.sh: attach the tools of benchmarks/host/trace.
#
# In the qemu engine's kernel, each tool, or TOOL, watches a known workload.  The
# output is shown and compared with what the workload did; its last line is "N passed,
# N failed".  NEWEST=1 takes bpftrace from Debian's unstable release instead of the
# machine's.
#
# ENGINE=host attaches TOOL to the running kernel.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/../kernels/debian.sh"

trace=$TOP/benchmarks/host/trace
tools=$(cd "$trace" && echo *.bt)
tools=${tools//.bt/}

ENGINE=${ENGINE:-qemu}
[ "$ENGINE" != host ] || exec "$trace/attach.sh" "${TOOL:-}"
[ "$ENGINE" != uml ] ||
	die "ENGINE=uml: bpftrace needs perf events, which user-mode Linux does not have; use ENGINE=qemu or ENGINE=host"
[ -z "${TOOL:-}" ] || [ -e "$trace/$TOOL.bt" ] ||
	die "TOOL=$TOOL: not a tool; choose one of $tools"

prepare
"$TOP/benchmarks/kernels/setup.sh" trace

root=
if [ -n "${NEWEST:-}" ]; then
	"$TOP/benchmarks/kernels/setup.sh" headers
	debian_root sid bpftrace,kmod
	root=root=$ROOT
fi

log=$BUILD/qemu-trace${NEWEST:+-newest}.log
start=$SECONDS
say "  tracing in Linux $KVERSION (qemu) (log: $log)"
# shellcheck disable=SC2086
engine_boot "$log" 570 2G trace $root ${TOOL:-$tools events}
say "  tracing: done in $((SECONDS - start)) s"

$PYTHON -m tdxpa.trace "$log"
