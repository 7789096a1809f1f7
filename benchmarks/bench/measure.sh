# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run the benchmark in the kernel that prepare() made, and print its progress.

# measure LOG SECONDS MODE [ARGUMENT OF THE GUEST...]
measure()
{
	local log=$1 seconds=$2 mode=$3 start=$SECONDS rc=0 watcher
	shift 3

	say "  running the benchmark ($mode) on Linux $KVERSION ($ENGINE${ICOUNT:+, counting instructions}) (log: $log)"
	mkdir -p "$(dirname "$log")"
	: > "$log"
	while sleep "${PROGRESS_SECONDS:-10}"; do
		sed -n 's/.*"progress", "done": \([0-9]*\), "of": \([0-9]*\)}.*/  \1 of \2 operations measured/p' "$log" |
			tail -n 1 >&2
	done &
	watcher=$!
	(engine_boot "$log" "$seconds" 6G "$mode" "$@") || rc=$?
	kill $watcher
	wait $watcher 2> /dev/null || true
	[ $rc -eq 0 ] || return $rc
	say "  running the benchmark ($mode): done in $((SECONDS - start)) s"
}
