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

# benchmarks/start.sh refuses a disk for measurements.  Reports record GUEST_MEMORY.
export GUEST_MEMORY="a file in /dev/shm" MEMORY_DIR=/dev/shm
shm_is_large || { MEMORY_DIR=$BUILD/tmp GUEST_MEMORY="a file on disk"
	say "  warning: /dev/shm has less than 1 GB free; the guest's memory is on disk, and it is slow"; }

engine_boot()
{
	local log=$1 seconds=$2 mem=$3 args=''
	shift 3
	[ "${CPUS:-1}" -eq 1 ] || args="seccomp=on ncpus=$CPUS"

	mkdir -p "$MEMORY_DIR"
	# shellcheck disable=SC2086
	TMPDIR=$MEMORY_DIR guest_run "$log" "$seconds" \
		"$KOBJ/linux" mem="$mem" $args root=/dev/root rootfstype=hostfs rootflags=/ ro \
		uml_dir="$BUILD/uml/" con=null con0=null,fd:1 $GUEST_ARGS \
		init="$TOP/benchmarks/kernels/guest-init" -- "$TREE" "$@"
	rm -rf "$BUILD/uml"
	! grep -q '^SECCOMP userspace requested but not functional' "$log" ||
		die "CPUS=$CPUS: user-mode Linux needs seccomp for this, which this machine does not have; use ENGINE=qemu"
	guest_ended "$log"
}
