# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run the benchmark in the kernel that prepare() made, and show how far it is.

# measure LOG SECONDS MODE [ARGUMENT OF THE GUEST...]
measure()
{
	local log=$1 seconds=$2 mode=$3 start=$SECONDS rc=0 watcher
	shift 3

	say "  running the benchmark ($mode) on Linux $KVERSION ($ENGINE${ICOUNT:+, counting instructions}) (log: $log)"
	mkdir -p "$(dirname "$log")"
	: > "$log"
	$PYTHON -m tdxpa.progress "$log" &
	watcher=$!
	(engine_boot "$log" "$seconds" 6G "$mode" "$@") || rc=$?
	kill $watcher 2> /dev/null || true
	wait $watcher 2> /dev/null || true
	[ $rc -eq 0 ] || return $rc
	say "  running the benchmark ($mode): done in $((SECONDS - start)) s"
}
