#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# attach.sh [-c COMMAND] TOOL [ARGUMENT...]: attach a tool of this directory to the kernel
# that runs, until Ctrl-C or until COMMAND ends.  What the tool needs and the machine has
# not is said in a sentence, where bpftrace would speak of its parser.
set -eu

fail() { echo "error: $*" >&2; exit 1; }

command=
if [ "${1:-}" = -c ]; then
	command=$2
	shift 2
fi
here=.
[[ $0 != */* ]] || here=${0%/*}
tool=${1:-}
tool=${tool##*/}
tool=${tool%.bt}
known=$(cd "$here" && echo *.bt)
[ -n "$tool" ] && [ -e "$here/$tool.bt" ] ||
	fail "there is no tool \"$tool\"; tools: ${known//.bt/}"
script=$here/$tool.bt
shift

[ $EUID -eq 0 ] || fail "$tool needs root: run it with sudo"
command -v bpftrace > /dev/null ||
	fail "$tool needs bpftrace, which is not installed: apt-get install bpftrace"
[ -e /sys/kernel/btf/vmlinux ] ||
	fail "$tool needs a kernel that describes its types (CONFIG_DEBUG_INFO_BTF=y): there is no /sys/kernel/btf/vmlinux"

tracefs=
for dir in /sys/kernel/tracing /sys/kernel/debug/tracing; do
	[ ! -d $dir/events ] || { tracefs=$dir; break; }
done
[ -n "$tracefs" ] || fail "$tool needs tracefs: mount -t tracefs nodev /sys/kernel/tracing"

for event in $(sed -nE 's/^tracepoint:tdx:(\w+).*/\1/p' "$script"); do
	[ -d "$tracefs/events/tdx/$event" ] ||
		fail "$tool needs the trace event tdx:$event, which this kernel does not have: load the module tdx_pa_array (make modules), or boot a kernel with CONFIG_TDX_PA_ARRAY=y"
done
for function in $(sed -nE 's/^k(ret)?probe:(\w+).*/\2/p' "$script" | sort -u); do
	grep -qE "^\S+ [tT] $function(\s|$)" /proc/kallsyms ||
		fail "$tool needs the function $function(), which this kernel does not have: load the modules tdx_pa_array and tdx_v2 (make modules)"
done

# Newer ones warn of what older ones want: loops with "while", arguments left out.
quiet=
[[ $(bpftrace --help 2>&1) != *--no-warnings* ]] || quiet=--no-warnings

# Each line at once, to a file or pipe, too.
exec bpftrace $quiet -B line ${command:+-c "$command"} "$script" "$@"
