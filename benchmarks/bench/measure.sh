# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run a mode of guest-init in the kernel that prepare() made, and print its progress.

# prepare_bench [POSTED]: the kernel of KERNEL, and the modules for it.  Sets BOOTS, MEMORY and PARAMETERS.
prepare_bench()
{
	local pages=1,2,8,32,128,512 quick=1,32,512,12800

	prepare "$([ "$KERNEL" != hardened ] || echo hardened)" "$@"
	GUEST_ARGS+=" init_on_alloc=$([ "$KERNEL" = plain ] && echo 0 || echo 1)"
	# A second CPU would slow what is measured.  All memory is used before times are taken.
	CPUS=1 BOOTS=10 MEMORY=2G PARAMETERS=(repeats=4 touch=Y)
	if [ "${ICOUNT:-}$KERNEL" = 1zeroing ]; then
		# QEMU counts each step of a rep instruction: to zero all free memory takes long.
		pages+=,12800 MEMORY=1536M
	else
		pages+=,1024,4096,9000,12800,27000
	fi
	if [ -n "${ICOUNT:-}" ]; then
		[ "$KERNEL" = zeroing ] || pages+=,65536,262144,1048576 MEMORY=6G
		BOOTS=2 PARAMETERS=(repeats=15 sample_us=20 prepare=Y)
	fi
	[ -z "${QUICK:-}" ] || BOOTS=2 pages=$quick
	[ -z "${CHECK:-}" ] || BOOTS=1
	PARAMETERS+=("pages=$pages")
}

# measure_boots LOG [PARAMETER...]: run the benchmark BOOTS times.  Sets LOGS.
measure_boots()
{
	local boot

	LOGS=()
	for ((boot = 1; boot <= BOOTS; boot++)); do
		LOGS+=("$1.$boot")
		measure "$1.$boot" 900 "$MEMORY" bench "seed=$boot" "${PARAMETERS[@]}" "${@:2}"
	done
}

# measure LOG SECONDS MEM MODE [ARGUMENT OF THE GUEST...]
measure()
{
	local log=$1 seconds=$2 mem=$3 mode=$4 start=$SECONDS rc=0 watcher
	shift 4

	say "  running $mode on Linux $KVERSION ($ENGINE${ICOUNT:+, counting instructions}) (log: $log)"
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
	head -n 1 /proc/stat >> "$log.stat"
	kill $watcher
	wait $watcher 2> /dev/null || true
	[ $rc -eq 0 ] || return $rc
	say "  running $mode: done in $((SECONDS - start)) s"
}
