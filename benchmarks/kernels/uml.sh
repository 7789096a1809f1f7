# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# ENGINE=uml: Linux built as a process (ARCH=um), with the host's root file system as its own, read-only.
#
# engine_boot LOG SECONDS MEM MODE [ARGS]: boot and run guest-init MODE ARGS, on
#	$CPUS CPUs (1)

ENGINE_ARCH=um
ENGINE_TARGET=linux

engine_is_emulated() { false; }

engine_boot()
{
	local log=$1 seconds=$2 mem=$3 args='' dir=/dev/shm
	shift 3
	# benchmarks/start.sh refuses this for measurements.
	if ! shm_is_large; then
		dir=$BUILD/tmp && mkdir -p "$dir"
		say "  warning: /dev/shm has less than 1 GB free; the guest's memory is on disk, and it is slow"
	fi
	[ "${CPUS:-1}" -eq 1 ] || args="seccomp=on ncpus=$CPUS"

	# shellcheck disable=SC2086
	TMPDIR=$dir guest_run "$log" "$seconds" \
		"$KOBJ/linux" mem="$mem" $args root=/dev/root rootfstype=hostfs rootflags=/ ro \
		uml_dir="$BUILD/uml/" con=null con0=null,fd:1 $GUEST_ARGS \
		init="$TOP/benchmarks/kernels/guest-init" -- "$TREE" "$@"
	rm -rf "$BUILD/uml"
	! grep -q '^SECCOMP userspace requested but not functional' "$log" ||
		die "CPUS=$CPUS: needs seccomp for user mode, which this machine does not have; use ENGINE=qemu"
	guest_ended "$log"
}
