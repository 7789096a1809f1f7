#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# attach.sh [-c COMMAND] TOOL: attach a tool of this directory to the running kernel,
# until Ctrl-C or until COMMAND ends.  Report what is missing in one line, before
# bpftrace prints errors of its parser.
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
script=$here/$tool.bt
known=$(cd "$here" && echo *.bt)
[ -n "$tool" ] && [ -e "$script" ] ||
	fail "TOOL=$tool: not a tool; choose one of ${known//.bt/}"

[ $EUID -eq 0 ] || fail "$tool needs root: run it with sudo"
command -v bpftrace > /dev/null ||
	fail "$tool needs bpftrace, which is not installed: apt-get install bpftrace"

tracefs=/sys/kernel/tracing
[ -d $tracefs/events ] || fail "$tool needs tracefs: mount -t tracefs nodev $tracefs"
for event in $(sed -nE 's/^tracepoint:tdx:(\w+).*/\1/p' "$script"); do
	[ -d $tracefs/events/tdx/"$event" ] ||
		fail "$tool needs the trace event tdx:$event, which this kernel does not have: load the module tdx_pa_array (make modules)"
done
for function in $(sed -nE 's/^kprobe:(\w+).*/\1/p' "$script"); do
	grep -qE "^\S+ [tT] $function(\s|$)" /proc/kallsyms ||
		fail "$tool needs the function $function(), which this kernel does not have: load the module tdx_pa_array (make modules)"
done

# Newer versions warn about what 0.17 requires.
quiet=
[[ $(bpftrace --help 2>&1) != *--no-warnings* ]] || quiet=--no-warnings

# Print each line at once, also to a file or pipe.
exec bpftrace $quiet -B line ${command:+-c "$command"} "$script"
