# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The uml engine: Linux built as a process (ARCH=um), with the host's root file
# system as its own, read-only.
#
# engine_build SRC [VARIANT]: build the kernel if need be, set KOBJ; a variant is
#	configured by VARIANT.config on top of uml.config
# engine_modules: build the modules, set FARM
# engine_boot LOG SECONDS MEM MODE [ARGS]: boot and run guest-init MODE ARGS, on
#	$CPUS CPUs (1)

ENGINE_ARCH=um

engine_build()
{
	local src=$1 configs=$TOP/benchmarks/engines/uml.config key

	VARIANT=${2:-}
	[ -z "$VARIANT" ] || configs+=" $TOP/benchmarks/engines/$VARIANT.config"
	KVERSION=$(make -s -C "$src" kernelversion)
	# shellcheck disable=SC2086
	key=$( { echo "$src $KVERSION"; gcc -dumpfullversion; gcc -dumpmachine; cat $configs; } |
	       sha256sum | cut -c 1-12)
	KOBJ=$CACHE/uml-$KVERSION${VARIANT:+-$VARIANT}-$key
	KSOURCE=$src

	if [ -e "$KOBJ/complete" ] && [ -z "${KSRC:-}" ]; then
		return
	fi
	uml_make() { make -C "$src" O="$KOBJ" ARCH=um "$@"; }
	uml_config()
	{
		local config line

		# shellcheck disable=SC2086
		cat $configs > "$KOBJ/wanted.config"
		uml_make KCONFIG_ALLCONFIG="$KOBJ/wanted.config" allnoconfig || return
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
		say "  Linux $KVERSION for user mode${VARIANT:+ ($VARIANT)} is built once; that takes some minutes"
		step "$KOBJ.config.log" "configuring Linux $KVERSION (um${VARIANT:+, $VARIANT})" uml_config
	fi
	step "$KOBJ.build.log" "building Linux $KVERSION (um${VARIANT:+, $VARIANT})" uml_make -j"$JOBS" linux modules_prepare modules
	touch "$KOBJ/complete"
}

engine_modules()
{
	FARM=$BUILD/uml-$KVERSION${VARIANT:+-$VARIANT}
	"$TOP/benchmarks/engines/farm.sh" "$FARM" "$VARIANT"
	step "$FARM.log" "building the modules" \
		make -C "$KOBJ" ARCH=um M="$FARM" -j"$JOBS" W=1 \
		CONFIG_TDX_PA_ARRAY=m CONFIG_TDX_MODEL=m CONFIG_TDX_PA_ARRAY_KUNIT_TEST=m \
		CONFIG_TDX_PA_ARRAY_FUZZ=m modules
	! grep -E '(warning|WARNING):' "$FARM.log" >&2 || die "the modules build with warnings: $FARM.log"
}

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
	local log=$1 seconds=$2 mem=$3 rc=0 args=
	shift 3

	# More than one CPU is possible only with seccomp.
	[ "${CPUS:-1}" -eq 1 ] || args="seccomp=on ncpus=$CPUS"
	# KASAN falls silent after a report, if it is not told.  Arrays of free
	# objects (sheaves) hide leaks: they still point to what was in them.  A
	# cache that checks its objects has none.
	[ "$VARIANT" != sanitize ] || args+=" kasan_multi_shot slab_debug=F"

	mkdir -p "$(dirname "$log")"
	# A session of its own, ended as a whole, whatever ends this script.
	# shellcheck disable=SC2086
	TMPDIR=$(uml_tmpdir) setsid timeout -k 5 "$seconds" \
		"$KOBJ/linux" mem="$mem" $args root=/dev/root rootfstype=hostfs rootflags=/ ro \
		uml_dir="$BUILD/uml/" con=null con0=null,fd:1 quiet panic=-1 log_buf_len=4M \
		kunit.enable=1 kunit.autorun=1 \
		init="$TOP/benchmarks/engines/guest-init" -- "$FARM" "$@" \
		> "$log" 2>&1 < /dev/null &
	guest=$!
	trap 'kill -KILL -- -$guest 2> /dev/null' EXIT
	trap 'exit 130' INT TERM
	wait $guest || rc=$?
	kill -KILL -- -$guest 2> /dev/null || true
	trap - EXIT INT TERM
	rm -rf "$BUILD/uml"
	sed -i 's/\r$//' "$log"
	case $rc in 124 | 137)
		die "the kernel did not finish in $seconds s; its console: $log" ;;
	esac
	if uml_lacks_seccomp "$log"; then
		say "  no seccomp for user mode on this machine: the guest has one CPU"
		CPUS=1 engine_boot "$log" "$seconds" "$mem" "$@"
		return
	fi
	grep -q '^guest: done' "$log" || {
		tail -n 25 "$log" >&2
		die "the kernel stopped before the end (status $rc); its console: $log"
	}
}
