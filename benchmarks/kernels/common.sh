# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What all scripts share: paths, messages, locks, and the kernel of an engine.
set -eu

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$TOP/build
CACHE=$(realpath -m "${TDX_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}}/tdx-pa-array")
JOBS=$(nproc)
# The distribution's Python, which has its packages
PYTHON=/usr/bin/python3
export PYTHONPATH=$TOP/benchmarks PYTHONDONTWRITEBYTECODE=1

# The kernel's make must not inherit variables of this one, or those that change the kernel.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES LLVM CC LD CROSS_COMPILE KCFLAGS KBUILD_OUTPUT LOCALVERSION W C V

# Progress and errors go to stderr, results to stdout.
say() { echo "$*" >&2; }
die() { echo "error: $*" >&2; exit 1; }

# step LOG TITLE COMMAND...: run a long command.  A failure prints the end of its log.
step()
{
	local log=$1 title=$2 start=$SECONDS rc=0
	shift 2

	mkdir -p "$(dirname "$log")"
	say "  $title (log: $log)"
	"$@" > "$log" 2>&1 < /dev/null || rc=$?
	[ $rc -eq 0 ] || { tail -n 25 "$log" >&2; die "$title: failed with status $rc after $((SECONDS - start)) s; whole log: $log"; }
	say "  $title: done in $((SECONDS - start)) s"
}

# hold FD FILE [-s]: lock FILE, with -s shared, as file descriptor FD.  Its text names the holder.
# A file that was removed meanwhile is not the lock any more.  flock ends with this script.
hold()
{
	local holder

	# make check holds the lock of a script that it runs.
	[ ! "/proc/self/fd/$1" -ef "$2" ] || return 0
	until [ "/proc/self/fd/$1" -ef "$2" ]; do
		mkdir -p "$(dirname "$2")"
		eval "exec $1>> \"\$2\""
		flock -n "${@:3}" "$1" && continue
		holder=$(cat "$2")
		say "  waiting at most an hour for ${holder:-another run}, which holds $2"
		setpriv --pdeathsig KILL flock -w 3600 "${@:3}" "$1" || die "${holder:-another run} held $2 for an hour; end it"
	done
	echo "process $$ (${RUN:-$0})" > "$2"
}

# make distclean waits for runs that use the cache.  What is built there has its own lock.
take_lock() { hold 6 "$CACHE/in-use.lock" -s; }

# shm_is_large [KIB]: user-mode Linux keeps its memory in a file.
shm_is_large() { [ "0$(df -Pk /dev/shm 2> /dev/null | awk 'NR == 2 { print $4 }')" -ge "${1:-1000000}" ]; }

# The oldest kernel that the modules build for, as in compat.h
OLDEST=6.12
is_supported() { [ "$(printf '%s\n' "$OLDEST" "$1" | sort -V | head -n 1)" = "$OLDEST" ]; }

# external_modules TREE MAKE...: MAKE is the kernel's make, with M=TREE.  Warnings are errors,
# except in posted code, and for a kernel without BTF that was built before pahole existed.
external_modules()
{
	step "$1.log" "building the modules" "${@:2}" -j"$JOBS" modules
	! grep -E '(warning|WARNING):' "$1.log" | grep -vE 'pahole version differs|/v2_posted/posted/' >&2 ||
		die "the modules build with warnings: $1.log"
}

# prepare_source NAME: install the packages of NAME, and set src to a kernel source
prepare_source()
{
	take_lock
	"$TOP/benchmarks/kernels/setup.sh" "$1"
	src=$("$TOP/benchmarks/kernels/source.sh")
	hold 8 "$BUILD/lock"
}

# prepare [VARIANT [POSTED]]: make the kernel of $ENGINE, or a variant of it, and build the
# modules for it, with the design that is posted in POSTED.
prepare()
{
	local src

	ENGINE=${ENGINE:-uml}
	. "$TOP/benchmarks/kernels/kernel.sh"
	. "$TOP/benchmarks/kernels/$ENGINE.sh"

	take_lock
	"$TOP/benchmarks/kernels/setup.sh" "$ENGINE"
	src=$("$TOP/benchmarks/kernels/source.sh")
	[ "$ENGINE" != tdx ] || QEMU=$("$TOP/benchmarks/kernels/tdx-host/build.sh")
	kernel_build "$src" ${1:+"$1"}
	# The modules and logs of this tree
	hold 8 "$BUILD/lock"
	kernel_modules ${2:+"$2"}
}
