# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Build a kernel for the engine, and the modules for it, and see a guest to its
# end.  Kernels are kept, by source, configuration and compiler.
#
# The engine says ENGINE_ARCH and ENGINE_TARGET, what make is to build.  Its
# configuration is what its guest needs (guest.config), and what a variant of the
# kernel has beyond that:
#
#	guest.config ENGINE.config [VARIANT.config] [ENGINE-VARIANT.config]

# kernel_build SRC [VARIANT]: sets KOBJ, KSOURCE, KVERSION, VARIANT and GUEST_ARGS
kernel_build()
{
	local src=$1 dir=$TOP/benchmarks/kernels configs='' f key

	VARIANT=${2:-}
	for f in guest "$ENGINE" ${VARIANT:+"$VARIANT" "$ENGINE-$VARIANT"}; do
		[ ! -e "$dir/$f.config" ] || configs+=" $dir/$f.config"
	done
	KVERSION=$(make -s -C "$src" kernelversion)
	# shellcheck disable=SC2086
	key=$( { echo "$src $KVERSION"; gcc -dumpfullversion; gcc -dumpmachine
		 sort $configs | grep CONFIG_; } | sha256sum | cut -c 1-12)
	KOBJ=$CACHE/$ENGINE-$KVERSION${VARIANT:+-$VARIANT}-$key
	KSOURCE=$src
	GUEST_ARGS="quiet panic=-1 log_buf_len=4M kunit.enable=1 kunit.autorun=1"
	# KASAN falls silent after a report, if it is not told.  Arrays of free
	# objects (sheaves) hide leaks: they still point to what was in them.  A
	# cache that checks its objects has none.
	[ "$VARIANT" != sanitize ] || GUEST_ARGS+=" kasan_multi_shot slab_debug=F"

	if [ -e "$KOBJ/complete" ] && [ -z "${KSRC:-}" ]; then
		return
	fi
	kernel_make() { make -C "$src" O="$KOBJ" ARCH="$ENGINE_ARCH" "$@"; }
	kernel_config()
	{
		local config line

		# shellcheck disable=SC2086
		cat $configs > "$KOBJ/wanted.config"
		kernel_make KCONFIG_ALLCONFIG="$KOBJ/wanted.config" allnoconfig || return
		for config in $configs; do
			while read -r line; do
				case $line in
				'# Not checked'*) break ;;
				CONFIG_*)
					grep -qxF "$line" "$KOBJ/.config" ||
						{ echo "this kernel does not take $line"; return 1; } ;;
				esac
			done < "$config"
		done
	}
	mkdir -p "$KOBJ"
	if [ ! -e "$KOBJ/complete" ]; then
		say "  Linux $KVERSION for $ENGINE${VARIANT:+ ($VARIANT)} is built once; that takes some minutes"
		step "$KOBJ.config.log" "configuring Linux $KVERSION ($ENGINE${VARIANT:+, $VARIANT})" kernel_config
	fi
	step "$KOBJ.build.log" "building Linux $KVERSION ($ENGINE${VARIANT:+, $VARIANT})" \
		kernel_make -j"$JOBS" "$ENGINE_TARGET" modules_prepare modules
	touch "$KOBJ/complete"
}

# kernel_modules [POSTED]: sets TREE.  POSTED is a directory with v2 as posted.
kernel_modules()
{
	TREE=$BUILD/$ENGINE-$KVERSION${VARIANT:+-$VARIANT}${1:+-posted}
	"$TOP/benchmarks/kernels/build-tree.sh" "$TREE" "$VARIANT" ${1:+"$1"}
	external_modules "$TREE" make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$TREE" W=1
}

# guest_run LOG SECONDS COMMAND...: run a guest whose console is its output.  It does
# not outlive SECONDS, nor this script.
guest_run()
{
	local log=$1 seconds=$2 guest
	shift 2

	guest_status=0
	mkdir -p "$(dirname "$log")"
	# A session of its own, ended as a whole, whatever ends this script.  User-mode
	# Linux makes one more for itself and minds no TERM: timeout(1) finds it, and
	# kills it a second later.
	setsid timeout -k 1 "$seconds" "$@" > "$log" 2>&1 < /dev/null 8>&- 9>&- &
	guest=$!
	# shellcheck disable=SC2064
	trap "kill -TERM $guest 2> /dev/null; wait $guest; kill -KILL -- -$guest 2> /dev/null" EXIT
	trap 'exit 130' INT TERM
	wait $guest || guest_status=$?
	kill -KILL -- -$guest 2> /dev/null || true
	trap - EXIT INT TERM
	sed -i 's/\r$//' "$log"
}

# guest_ended LOG: die unless guest-init came to its end
guest_ended()
{
	grep -q '^guest: done' "$1" && return
	case $guest_status in 124 | 137)
		die "the kernel did not finish in time; its console: $1" ;;
	esac
	tail -n 25 "$1" >&2
	! grep -q '^guest: no suite ' "$1" || die "$(sed -n 's/^guest: \(no suite .*\)/\1/p' "$1"); make test lists them"
	die "the kernel stopped before the end (status $guest_status); its console: $1"
}
