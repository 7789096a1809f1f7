#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# start.sh TARGET [VARIABLE...]: check the variables of a make target, then run its script,
# as targets.list says.  VARIABLE are the names that were set on make's command line.
# Everything is checked before a lock is taken or anything is fetched or built.
. "$(dirname "$0")/kernels/common.sh"

# bad NAME PROBLEM: the variable of that name is wrong
bad() { die "$1=${!1:-}: $2"; }

# one_of NAME WORD...: its value is one of the words
one_of() { [[ " ${*:2} " == *" ${!1} "* && ${!1} != *' '* ]] || bad "$1" "must be one of: ${*:2}"; }

# number NAME MIN MAX: its value is a number in this range.  Leading zeros are removed.
number()
{
	[[ ${!1} =~ ^[0-9]{1,15}$ ]] && ((10#${!1} >= $2 && 10#${!1} <= $3)) || bad "$1" "must be a number from $2 to $3"
	printf -v "$1" %d $((10#${!1}))
}

# buildable NAME PATH: the kernel's build takes this path
buildable() { [[ $2 != *[[:space:]:\"\'\$\#\\]* ]] || die "${1:+$1=}$2: must be a path without space, colon, quote, \$ and #"; }

# own NAME DIR ADVICE: the user can write to DIR, or make it
own()
{
	local dir=$2

	buildable "$1" "$2"
	until [ -e "$dir" ]; do dir=$(dirname "$dir"); done
	[ -d "$dir" ] && [ -w "$dir" ] || die "${1:+$1=}$2: $dir is not a writable directory; $3"
	[ "$dir" != "$2" ] || [ -O "$dir" ] || die "${1:+$1=}$2: belongs to the user $(stat -c %U "$dir"); $3"
}

unset CONFIG BOOT SOURCE RELEASE	# kernels.py sets them
target=$1 whats='' engines='' script='' takes=''
shift
[ "$target:${CHECK:-}" != bench:1 ] || : "${WHAT:=instructions}"
# A kernel booted with KVM: see qemu_has_kvm().  Then QEMU is the better clock.
[ "$target:${WHAT:-time}:${ENGINE:-}" != bench:time: ] ||
	! grep -qs yes "$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)" || ENGINE=qemu
while IFS=$'\t' read -r row what engine command variables; do
	[ "$row" = "$target" ] || continue
	[[ $whats == *" $what"* ]] || whats+=" $what"
	[[ $what = - || $what = "${WHAT:=$what}" ]] || continue
	engines+=" ${engine//,/ }"
	[[ $engine = - || ,$engine, = *",${ENGINE:=${engine%%,*}},"* ]] || continue
	script=$command takes="$variables TDX_CACHE"
	[ "$what" = - ] || takes+=" WHAT"
	[ "$engine" = - ] || takes+=" ENGINE"
done < "$TOP/benchmarks/targets.list"
[ -n "$whats" ] || die "make $target: the target does not exist; make help lists all"
[ -n "$engines" ] || bad WHAT "must be one of:$whats"
[ -n "$script" ] || bad ENGINE "must be one of:$engines"
# Ignore variables of other targets, unless make's command line sets them.
for name in WHAT ENGINE $(cut -s -f 5 "$TOP/benchmarks/targets.list") "$@"; do
	[[ " $takes " != *" $name "* ]] || continue
	[[ $name =~ ^[A-Z0-9_]+$ ]] || die "$name is not a variable; see make help"
	[[ " $* " != *" $name "* ]] || bad "$name" "make $target${WHAT:+ WHAT=$WHAT} does not take it; see make help"
	unset "$name"
done

own "" "$BUILD" "remove it as that user, or use a checkout of your own"
if [[ $takes = KSRC* || ${WHAT:-} = kernels || -n ${CHECK:-} || $target = distclean ]]; then
	[ -n "${TDX_CACHE:-}${XDG_CACHE_HOME:-}${HOME:-}" ] ||
		die "HOME is not set; set it, or TDX_CACHE=dir, where kernels are kept"
	for dir in "${CACHE%/*}" "$CACHE"; do own "${TDX_CACHE:+TDX_CACHE}" "$dir" "set TDX_CACHE=dir, for the kernels"; done
	TDX_CACHE=$(dirname "$CACHE")
fi
[[ $target != bench || $takes != *KERNEL* ]] || KERNEL=${KERNEL:-zeroing}
for name in $takes; do
	[ -n "${!name:-}" ] || continue
	case $name in
	CHECK | COVERAGE | QUICK | SAN)
		one_of "$name" 0 1
		[ "${!name}" = 1 ] || unset "$name" ;;
	CPUS) number CPUS 1 "$([ "$ENGINE" = uml ] && echo 2 || echo 4)" ;;
	MINUTES) number MINUTES 1 1440 ;;
	SEED) number SEED 0 999999999999999 ;;
	SIMULATE) number SIMULATE 0 1000000 ;;
	STEPS) number STEPS 1 1000000000 ;;
	SUITE)	# An emulated TDX host runs two suites.  User-mode Linux cannot execute SEAMCALL.
		words=$(find "$TOP"/{arch,benchmarks} -name '*_kunit.c' -printf 'tdx_%f\n' | sort)
		words=${words//_kunit.c/} words=${words/tdx_emulated_host/}
		case $ENGINE in uml) words=${words/tdx_seamcall/} ;; tdx) words="tdx_emulated_host tdx_memory" ;; esac
		one_of SUITE $words ;;
	TOOL) words=$(basename -s .bt "$TOP"/benchmarks/host/trace/*.bt) && one_of TOOL events $words ;;
	FILE | V2_MBOX) [ -f "${!name}" ] && [ -r "${!name}" ] || bad "$name" "must be a file that can be read" ;;
	KERNEL)
		case $WHAT in kernels) words=$(cut -s -f 1 "$TOP/benchmarks/tests/kernels.list") ;; time) words="zeroing plain hardened" ;; *) words="zeroing plain" ;; esac
		one_of KERNEL $words
		[ "$KERNEL" != qemu-debian ] || compgen -G "$CACHE/debian-trixie/usr/src/linux-headers-7.*" > /dev/null ||
			bad KERNEL "has the configuration of Debian's kernel, which is not here; run KERNEL=debian-7 first" ;;
	KDIR)
		[ -f "$KDIR/Makefile" ] || bad KDIR "has no kernel headers; pass their directory, as in /usr/src/linux-headers-VERSION"
		buildable KDIR "$(realpath "$KDIR")" ;;
	KSRC)
		buildable KSRC "$(realpath -m "$KSRC")"
		case $script in *size.sh | *check.sh | series/*) words=7.3 ;; *) words= ;; esac
		KSRC=$(bash "$TOP/benchmarks/kernels/source.sh" $words) ;;
	esac
done
[[ $target != modules || -n ${CHECK:-}${KDIR:-} || -e /lib/modules/$(uname -r)/build/Makefile ]] ||
	die "KDIR is not set, and the headers of the running Linux $(uname -r) are not installed; install them, or set KDIR=path"
[ "$target" != check ] || [ -e "$TOP/.git" ] || die "make check: $TOP is not a git repository; use a clone"
[ -z "${COVERAGE:-}" ] || [ "$ENGINE" = uml ] || bad ENGINE "COVERAGE=1 needs ENGINE=uml"
# The second has no effect with the first.
for names in "COVERAGE SAN" "V2_MBOX CHECK" "CHECK QUICK" "CHECK KDIR"; do
	first=${names% *} second=${names#* }
	[ -z "${!first:-}" ] || [ -z "${!second:-}" ] || bad "$second" "cannot be combined with $first"
done
[[ $target:${ENGINE:-} != bench:uml ]] || shm_is_large "$([ "${WHAT:-}" = fragmentation ] && echo 6300000 || echo 2200000)" ||
	die "/dev/shm has less than 2.2 GB free (WHAT=fragmentation: 6.3 GB), and the disk would be measured; as root: mount -o remount,size=8G /dev/shm"

[ -z "${V2_MBOX:-}" ] || script=bench/compare.sh
[ "$target:${CHECK:-}" != modules:1 ] || script=host/modules-debian.sh
[ "${WHAT:-}" = instructions ] && ICOUNT=1 || ICOUNT=''
RUN="make $target${WHAT:+ WHAT=$WHAT}"
LOAD=$(cut -d ' ' -f 1-3 /proc/loadavg)
# shellcheck disable=SC2163
export ICOUNT RUN LOAD $takes
# A script with its arguments
exec bash "$TOP"/benchmarks/$script
