# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# ENGINE=qemu: Linux for x86-64 in QEMU, with the host's root file system as its own,
# read-only.  It is emulated if no kernel boots with KVM.
#
# engine_boot LOG SECONDS MEM MODE [ARGS]: boot and run guest-init MODE ARGS, on
#	$CPUS CPUs (2).  With ICOUNT=1 it is emulated on one CPU, and a nanosecond
#	of its clock is one instruction.

ENGINE_ARCH=x86_64
ENGINE_TARGET=bzImage

# Some hosts have /dev/kvm, but no kernel boots on it.  So try, once for each boot of this machine.
qemu_has_kvm()
{
	local result log=$BUILD/qemu-kvm.log

	[ -w /dev/kvm ] || return 1
	result=$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$result" ]; then
		say "  trying whether a kernel boots with /dev/kvm (log: $log)"
		(qemu_run "$log" 10 512M "$1" ram probe -accel kvm -cpu host) > /dev/null 2>&1 && echo yes > "$result" || echo no > "$result"
	fi
	[ "$(cat "$result")" = yes ]
}

# qemu_run LOG SECONDS MEM KERNEL ROOT ARGUMENTS OPTION...: run a guest whose root is the host's (host) or an initial
# ram disk (ram); ARGUMENTS are for guest-init.  $QEMU_RUNNER is a command that runs QEMU, if it is set.
qemu_run()
{
	local log=$1 seconds=$2 mem=$3 kernel=$4 root=$5 arguments=$6
	local machine=console=ttyS0 init options
	shift 6

	# On a loaded machine, an emulated kernel may miss the interrupts of its timer.
	[ -n "${ICOUNT:-}" ] || machine+=" no_timer_check"
	# See qemu-sanitize.config.
	[ "$VARIANT" != sanitize ] || machine+=" pci=noacpi"
	if [ "$root" = host ]; then
		options="-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=root,mount_tag=/dev/root"
		init="root=/dev/root rootfstype=9p rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=262144 ro init=$TOP/benchmarks/kernels/guest-init -- $TREE"
	else
		qemu_ram_disk "$log.cpio"
		options="-initrd $log.cpio"
		init="rdinit=/guest-init -- /tree"
	fi
	# shellcheck disable=SC2086
	guest_run "$log" "$seconds" ${QEMU_RUNNER:-} \
		"${QEMU:-qemu-system-x86_64}" "$@" -m "$mem" -nodefaults -no-user-config -display none \
		-no-reboot -chardev stdio,id=console,signal=off -serial chardev:console \
		-kernel "$kernel" $options -append "$machine $GUEST_ARGS $init $arguments"
	guest_ended "$log"
}

# qemu_ram_disk FILE: the modules of $TREE, guest-init, and busybox
qemu_ram_disk()
{
	local dir=$1.d

	rm -rf "$dir"
	mkdir -p "$dir"/{bin,dev,proc,sys,tmp,tree}
	cp "$TOP/benchmarks/kernels/guest-init" "$dir/"
	cp "$(command -v busybox)" "$dir/bin/busybox"
	busybox --list | grep -vx busybox | (cd "$dir/bin" && xargs -n 1 ln -s busybox)
	(cd "$TREE" && find . -name '*.ko' -exec cp --parents {} "$dir/tree/" \;)
	# The same code makes the same disk.  Debug information has the path of this tree, and
	# the size of the disk changes counts of instructions.
	find "$dir/tree" -name '*.ko' -exec strip --strip-debug -R .note.gnu.build-id {} +
	(cd "$dir" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible) > "$1"
	rm -rf "$dir"
}

# qemu_machine KERNEL: print the options of the fastest machine
qemu_machine()
{
	# One host thread for all CPUs: with a thread for each, QEMU before 8.1 may translate an
	# instruction while another CPU replaces it, and the kernel stops (Oops: int3).
	echo "$(qemu_has_kvm "$1" && echo "-accel kvm -cpu host" || echo "-accel tcg,thread=single -cpu max") -smp ${CPUS:-2}"
}

# Is time that of an emulator?
engine_is_emulated() { [ -z "${ICOUNT:-}" ] && ! qemu_has_kvm "$KOBJ/arch/x86/boot/bzImage"; }

engine_boot()
{
	local log=$1 seconds=$2 mem=$3 kernel=$KOBJ/arch/x86/boot/bzImage root=host options
	shift 3

	if [ -n "${ICOUNT:-}" ]; then
		# Nothing that differs between runs: no time of day, no random numbers, no file system of the host.
		# Repeated instructions must move words, not bytes, because each step counts.
		root=ram
		options="-accel tcg -cpu max,-rdrand,-rdseed,-erms,-fsrm -icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm -seed 1 -smp 1"
	else
		options=$(qemu_machine "$kernel")
	fi
	# shellcheck disable=SC2086
	qemu_run "$log" "$seconds" "$mem" "$kernel" $root "$*" $options
}
