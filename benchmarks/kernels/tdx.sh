# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# ENGINE=tdx: as ENGINE=qemu, on an emulated TDX host, see tdx-host/.
#
# engine_boot LOG SECONDS MEM MODE [ARGS]: as in qemu.sh, with 4 CPUs.  Reports of the machine are in LOG.host, its settings
#	in $TDX_HOST.  With TDX_MODEL=106, the CPU lacks X86_BUG_TDX_PW_MCE.  Each package has memory, the second 1 GiB.

. "$TOP/benchmarks/kernels/qemu.sh"
ENGINE_BASE=qemu

engine_is_emulated() { true; }
[ "${WHAT:-}" = random ] || say "  emulated TDX host: emulated instructions, no timing, and a TDX module of this repository: it tests the kernel's side only"

# tdx_machine: print the options of the machine, which has two packages, if that is possible
tdx_machine()
{
	local cpus=${CPUS:-4} cpu=max,vendor=GenuineIntel,family=6,model=${TDX_MODEL:-143},stepping=6

	echo "-accel tcg,thread=single -cpu $cpu,min-xlevel=0x80000008,phys-bits=46,-svm" \
		"-smp $cpus,sockets=$((cpus % 2 ? 1 : 2)) -L /usr/share/qemu -L /usr/share/seabios"
}

engine_boot()
{
	# shellcheck disable=SC2046
	TDX_HOST_LOG=$1.host qemu_run "$1" "$2" "$3" "$KOBJ/arch/x86/boot/bzImage" host \
		"${*:4} machine=tdx" $(tdx_machine) -object "memory-backend-ram,id=first,size=$((${3%G} - 1))G" \
		-object memory-backend-ram,id=second,size=1G -numa node,memdev=first -numa node,memdev=second
}
