# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The uml engine: Linux built as a process (ARCH=um), with the host's root file
# system as its own, read-only.
#
# engine_build SRC: build the kernel if need be, set KOBJ
# engine_modules: build the modules, set FARM
# engine_boot LOG SECONDS MEM MODE [ARGS]: boot and run guest-init MODE ARGS

ENGINE_ARCH=um

engine_build()
{
	local src=$1 config=$TOP/benchmarks/engines/uml.config key

	KVERSION=$(make -s -C "$src" kernelversion)
	key=$( { echo "$src $KVERSION"; gcc -dumpfullversion; gcc -dumpmachine; cat "$config"; } |
	       sha256sum | cut -c 1-12)
	KOBJ=$CACHE/uml-$KVERSION-$key
	KSOURCE=$src

	if [ -e "$KOBJ/complete" ] && [ -z "${KSRC:-}" ]; then
		return
	fi
	uml_make() { make -C "$src" O="$KOBJ" ARCH=um "$@"; }
	uml_config()
	{
		local line

		uml_make KCONFIG_ALLCONFIG="$config" allnoconfig || return
		while read -r line; do
			case $line in
			'# Not checked'*) break ;;
			CONFIG_*)
				grep -qxF "$line" "$KOBJ/.config" ||
					{ echo "this kernel does not take $line"; return 1; } ;;
			esac
		done < "$config"
	}
	mkdir -p "$KOBJ"
	if [ ! -e "$KOBJ/complete" ]; then
		say "  Linux $KVERSION for user mode is built once; that takes some minutes"
		step "$KOBJ.config.log" "configuring Linux $KVERSION (um)" uml_config
	fi
	step "$KOBJ.build.log" "building Linux $KVERSION (um)" uml_make -j"$JOBS" linux modules_prepare modules
	touch "$KOBJ/complete"
}

engine_modules()
{
	FARM=$BUILD/uml-$KVERSION
	"$TOP/benchmarks/engines/farm.sh" "$FARM"
	step "$FARM.log" "building the modules" \
		make -C "$KOBJ" ARCH=um M="$FARM" -j"$JOBS" W=1 \
		CONFIG_TDX_PA_ARRAY=m CONFIG_TDX_MODEL=m CONFIG_TDX_PA_ARRAY_KUNIT_TEST=m modules
	! grep -E '(warning|WARNING):' "$FARM.log" >&2 || die "the modules build with warnings: $FARM.log"
}

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
	local log=$1 seconds=$2 mem=$3 rc=0
	shift 3

	mkdir -p "$(dirname "$log")"
	# A session of its own, ended as a whole, whatever ends this script.
	TMPDIR=$(uml_tmpdir) setsid timeout -k 5 "$seconds" \
		"$KOBJ/linux" mem="$mem" root=/dev/root rootfstype=hostfs rootflags=/ ro \
		uml_dir="$BUILD/uml/" con=null con0=null,fd:1 quiet panic=-1 \
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
	grep -q '^guest: done' "$log" || {
		tail -n 25 "$log" >&2
		die "the kernel stopped before the end (status $rc); its console: $log"
	}
}
