#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# trace.sh: attach the tools of benchmarks/trace.
#
# In the qemu engine's kernel, a known workload is done under each tool, or under TOOL.
# Their output is shown, and their numbers must be the workload's.  The last line of the
# output is "N passed, N failed": numbers.  NEWEST=1 takes bpftrace from Debian's
# unstable release instead of the machine's.  ICOUNT=1 counts the instructions that
# an attached tool adds instead.
#
# ENGINE=host attaches TOOL, with the arguments ARGS, to the kernel that runs.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/debian.sh"

trace=$TOP/benchmarks/trace
tools=$(cd "$trace" && echo *.bt)
tools=${tools//.bt/}

if [ -n "${TOOL:-}" ]; then
	[ -e "$trace/$TOOL.bt" ] || die "there is no tool TOOL=$TOOL; tools: $tools"
fi

ENGINE=${ENGINE:-qemu}
case $ENGINE in
host)
	[ -n "${TOOL:-}" ] || die "say which tool to attach to this kernel: TOOL=name; tools: $tools"
	# shellcheck disable=SC2086
	exec "$trace/attach.sh" "$TOOL" ${ARGS:-} ;;
uml)
	die "user-mode Linux has no perf events, which bpftrace needs: leave ENGINE out for QEMU, or ENGINE=host" ;;
esac

# A tool and its arguments, or only the tool.
if [ -n "${TOOL:-}" ]; then
	runs=$TOOL
	for arg in ${ARGS:-}; do runs+=:$arg; done
elif [ -n "${ICOUNT:-}" ]; then
	runs=$tools
else
	runs="$tools release-paths:insmod:100:flushed release-latency:any:0:donated windows:any:512 release-stacks:nobody events"
fi
# What a tool adds, it adds to a run without one.
[ -z "${ICOUNT:-}" ] || runs="none $runs"

prepare
"$TOP/benchmarks/engines/setup.sh" trace

root=
if [ -n "${NEWEST:-}" ]; then
	"$TOP/benchmarks/engines/setup.sh" headers
	debian_root sid bpftrace,kmod
	root=root=$ROOT
fi

log=$BUILD/qemu-trace${ICOUNT:+-icount}${NEWEST:+-newest}.log
mode=trace${ICOUNT:+-cost}
[ -z "${ICOUNT:-}" ] || CPUS=1
start=$SECONDS
say "  tracing in Linux $KVERSION (qemu${ICOUNT:+, counting instructions}) (log: $log)"
# shellcheck disable=SC2086
engine_boot "$log" 570 2G $mode $root $runs
say "  tracing: done in $((SECONDS - start)) s"

python3 "$TOP/benchmarks/report/trace.py" ${ICOUNT:+--cost} "$log"
