#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# attach.sh [-c COMMAND] TOOL: attach a tool of this directory to the running kernel,
# until Ctrl-C or until COMMAND ends.  Report what is missing in one line, before
# bpftrace prints errors of its parser.
set -eu

fail() { echo "error: $*" >&2; exit 1; }

command=()
[ "${1:-}" != -c ] || { command=(-c "$2"); shift 2; }
here=.
[[ $0 != */* ]] || here=${0%/*}
tool=${1:-}
tool=${tool##*/} tool=${tool%.bt}
script=$here/$tool.bt
known=$(cd "$here" && echo *.bt)
[ -n "$tool" ] && [ -e "$script" ] || fail "TOOL=$tool: not a tool; choose one of ${known//.bt/}"
[ $EUID -eq 0 ] || fail "$tool needs root: run it with sudo"
command -v bpftrace > /dev/null || fail "$tool needs bpftrace, which is not installed: apt-get install bpftrace"

events=/sys/kernel/tracing/events
[ -d $events ] || fail "$tool needs tracefs: mount -t tracefs nodev /sys/kernel/tracing"
lacking="which this kernel does not have: load the module tdx_pa_array (make modules)"
for event in $(sed -nE 's/^tracepoint:tdx:(\w+).*/\1/p' "$script"); do
	[ -d $events/tdx/"$event" ] || fail "$tool needs the trace event tdx:$event, $lacking"
done
for function in $(sed -nE 's/^kprobe:(\w+).*/\1/p' "$script"); do
	grep -qE "^\S+ [tT] $function(\s|$)" /proc/kallsyms || fail "$tool needs the function $function(), $lacking"
done

# Newer versions warn about what 0.17 requires.
[[ $(bpftrace --help 2>&1) != *--no-warnings* ]] || command+=(--no-warnings)
# Print each line at once, also to a file or pipe.
exec bpftrace -B line "${command[@]}" "$script"
