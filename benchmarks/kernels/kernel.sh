# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Build a kernel for the engine and the modules for it, and run a guest.
#
# ENGINE.sh sets ENGINE_ARCH and ENGINE_TARGET, the target of the kernel's make.  The
# configuration is guest.config, that of $ENGINE_BASE, ENGINE.config, VARIANT.config and ENGINE-VARIANT.config.

# print_versions: the tools whose output is in the kernel of this engine
print_versions()
{
	gcc -dumpfullversion; gcc -dumpmachine; ld --version | head -n 1
	if [ "$ENGINE" = uml ]; then getconf GNU_LIBC_VERSION; else pahole --version; fi
	[ -z "$COMPILER" ] || "${COMPILER#CC=}" --version
}

# kernel_build SRC [VARIANT]: sets KOBJ, KSOURCE, KVERSION, VARIANT and GUEST_ARGS.  Kernels
# are kept, by source, configuration and tools.
kernel_build()
{
	local src=$1 dir=$TOP/benchmarks/kernels configs='' suites='' f key title
	VARIANT=${2:-} COMPILER=''
	# Only clang has kCFI.
	[ "$VARIANT" != kcfi ] || { "$dir/setup.sh" kcfi; COMPILER=CC=clang-19; }
	for f in guest ${ENGINE_BASE:-} "$ENGINE" ${VARIANT:+"$VARIANT" "$ENGINE-$VARIANT"}; do
		[ ! -e "$dir/$f.config" ] || configs+=" $dir/$f.config"
	done
	# A TDX host runs the suites of the tree of the user.
	[ "$ENGINE" != tdx ] || suites=$(find "$src/arch/x86/virt/vmx/tdx" -name '*.kunitconfig' | sort)
	KVERSION=$(make -s -C "$src" kernelversion)
	[ "$VARIANT" != debian ] || suites=$(ls "$CACHE/debian-trixie/usr/src/linux-headers-$KVERSION"+deb[0-9]*[0-9]-amd64/.config 2> /dev/null) ||
		die "CONFIG=debian: needs Debian's headers of Linux $KVERSION; run KERNEL=debian-7 first"
	# shellcheck disable=SC2086
	key=$( (echo "$src $KVERSION"; print_versions; sort $configs $suites | grep CONFIG_) | sha256sum | cut -c 1-12)
	KOBJ=$CACHE/$ENGINE-$KVERSION${VARIANT:+-$VARIANT}-$key KSOURCE=$src
	GUEST_ARGS="quiet panic=-1 log_buf_len=4M kunit.enable=1 kunit.autorun=1 ${BOOT:-}"
	# By default, KASAN stops after one report.  Arrays of free objects (sheaves) point to
	# leaked objects and hide them; a cache that checks its objects has none.
	[ "$VARIANT" != sanitize ] || GUEST_ARGS+=" kasan_multi_shot slab_debug=F"

	[ ! -e "$KOBJ/complete" ] || [ -n "${KSRC:-}" ] || return 0
	kernel_make() { make -C "$src" O="$KOBJ" ARCH="$ENGINE_ARCH" $COMPILER "$@"; }
	# shellcheck disable=SC2086
	kernel_config()
	{
		# Debian's thousands of modules would take hours.
		cat $suites $configs | sed "$([ "$VARIANT" != debian ] || echo '/=m$/d')" > "$KOBJ/wanted.config"
		kernel_make KCONFIG_ALLCONFIG="$KOBJ/wanted.config" allnoconfig || return
		{ sed -s '/^# Not checked/,$d' $configs; [ -z "$suites" ] || grep -h KUNIT $suites; } | grep '^CONFIG_' | while read -r line; do
			grep -qxF "$line" "$KOBJ/.config" || { echo "this kernel does not take $line"; exit 1; }
		done
	}
	hold 9 "$KOBJ.lock"
	title="Linux $KVERSION ($ENGINE${VARIANT:+, $VARIANT})"
	if [ ! -e "$KOBJ/complete" ]; then
		say "  $title is built once; that takes some minutes"
		mkdir -p "$KOBJ"
		step "$KOBJ.config.log" "configuring $title" kernel_config
	fi
	[ -e "$KOBJ/complete" ] && [ -z "${KSRC:-}" ] ||
		step "$KOBJ.build.log" "building $title" kernel_make -j"$JOBS" "$ENGINE_TARGET" modules_prepare modules
	touch "$KOBJ/complete"
	exec 9>&-
}

# kernel_modules [POSTED]: sets TREE.  POSTED is a directory with v2 as posted.
kernel_modules()
{
	TREE=$BUILD/$ENGINE-$KVERSION${VARIANT:+-$VARIANT}${1:+-posted}
	"$TOP/benchmarks/kernels/build-tree.sh" "$TREE" "$VARIANT" ${1:+"$1"}
	external_modules "$TREE" make -C "$KOBJ" ARCH="$ENGINE_ARCH" $COMPILER M="$TREE" W=1
}

# guest_run LOG SECONDS COMMAND...: run a guest whose console is its output.  It ends after
# SECONDS, and with this script, even if that is killed.
guest_run()
{
	local log=$1 seconds=$2 guest watch
	shift 2

	guest_status=0
	mkdir -p "$(dirname "$log")"
	# User-mode Linux ignores TERM and makes a session of its own: timeout(1) finds it,
	# and kills it a second later.  The guest must not inherit locks.
	setsid timeout -k 1 "$seconds" "$@" > "$log" 2>&1 < /dev/null 6>&- 8>&- 9>&- &
	guest=$!
	setsid sh -c "tail --pid=$$ -f /dev/null; kill -TERM $guest" > /dev/null 2>&1 6>&- 8>&- 9>&- &
	watch=$!
	disown $watch
	# shellcheck disable=SC2064
	trap "kill -KILL -- -$watch 2> /dev/null; kill -TERM $guest 2> /dev/null; wait $guest; kill -KILL -- -$guest 2> /dev/null" EXIT
	trap 'exit 130' INT TERM
	wait $guest || guest_status=$?
	kill -KILL -- -$watch -$guest 2> /dev/null || true
	trap - EXIT INT TERM
	sed -i 's/\r$//' "$log"
}

# guest_ended LOG: fail unless guest-init reached its end
guest_ended()
{
	! grep -q '^guest: done' "$1" || return 0
	! grep -q '^guest: no suite ' "$1" ||
		die "SUITE=${SUITE:-}: this engine does not build it; use ENGINE=qemu, or another suite (console: $1)"
	case $guest_status in 124 | 137) die "the kernel did not finish in time; its console: $1" ;; esac
	tail -n 25 "$1" >&2
	die "the kernel stopped before the end (status $guest_status); its console: $1"
}
