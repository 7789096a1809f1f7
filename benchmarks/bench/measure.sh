# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run a mode of guest-init in the kernel that prepare() made, and print its progress.

# measure LOG SECONDS MEM MODE [ARGUMENT OF THE GUEST...]
measure()
{
	local log=$1 seconds=$2 mem=$3 mode=$4 start=$SECONDS rc=0 watcher
	shift 4

	say "  running $mode on Linux $KVERSION ($ENGINE${ICOUNT:+, counting instructions}) (log: $log)"
	mkdir -p "$(dirname "$log")"
	: > "$log"
	# The load of the machine: see is_loaded() in runs.py.
	head -n 1 /proc/stat > "$log.stat"
	# It must not outlive this script, or hold its locks.
	while sleep "${PROGRESS_SECONDS:-10}" > /dev/null 2>&1 && kill -0 $$ 2> /dev/null; do
		sed -n 's/.*"progress", "done": \([0-9]*\), "of": \([0-9]*\)}.*/  \1 of \2 operations measured/p' "$log" |
			tail -n 1 >&2
	done 6>&- 8>&- &
	watcher=$!
	(engine_boot "$log" "$seconds" "$mem" "$mode" "$@") || rc=$?
	kill $watcher
	wait $watcher 2> /dev/null || true
	[ $rc -eq 0 ] || return $rc
	say "  running $mode: done in $((SECONDS - start)) s"
}
