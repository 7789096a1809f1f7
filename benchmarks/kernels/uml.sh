# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The uml engine: Linux built as a process (ARCH=um), with the host's root file
# system as its own, read-only.
#
# engine_boot LOG SECONDS MEM MODE [ARGS]: boot and run guest-init MODE ARGS, on
#	$CPUS CPUs (1)

ENGINE_ARCH=um
ENGINE_TARGET=linux

engine_is_emulated() { false; }

# More than one CPU takes a host that lets user mode filter system calls.
uml_lacks_seccomp() { grep -q '^SECCOMP userspace requested but not functional' "$1"; }

# User-mode Linux keeps its memory in a file that it deletes at once.  That
# must be memory, or the disk takes part in the measurement.
uml_tmpdir()
{
	local kb

	kb=$(df -Pk /dev/shm 2> /dev/null | awk 'NR == 2 { print $4 }')
	if [ "${kb:-0}" -ge 1000000 ]; then
		echo /dev/shm
	else
		mkdir -p "$BUILD/tmp"
		echo "$BUILD/tmp"
	fi
}

engine_boot()
{
	local log=$1 seconds=$2 mem=$3 args=
	shift 3

	# More than one CPU is possible only with seccomp.
	[ "${CPUS:-1}" -eq 1 ] || args="seccomp=on ncpus=$CPUS"

	# shellcheck disable=SC2086
	TMPDIR=$(uml_tmpdir) guest_run "$log" "$seconds" \
		"$KOBJ/linux" mem="$mem" $args root=/dev/root rootfstype=hostfs rootflags=/ ro \
		uml_dir="$BUILD/uml/" con=null con0=null,fd:1 $GUEST_ARGS \
		init="$TOP/benchmarks/kernels/guest-init" -- "$TREE" "$@"
	rm -rf "$BUILD/uml"
	if uml_lacks_seccomp "$log"; then
		say "  no seccomp for user mode on this machine: the guest has one CPU"
		CPUS=1 engine_boot "$log" "$seconds" "$mem" "$@"
		return
	fi
	guest_ended "$log"
}
