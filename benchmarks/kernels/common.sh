# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts of all engines share: where things are, and how to talk.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$TOP/build
CACHE=${TDX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tdx-pa-array}
JOBS=$(nproc)
# The one that the distribution's packages are for; another may come first in PATH.
PYTHON=/usr/bin/python3
# The package tdxpa; nothing is written next to the sources.
export PYTHONPATH=$TOP/benchmarks PYTHONDONTWRITEBYTECODE=1

# The kernel's make is not to inherit what this one was called with.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

# Progress and errors go to stderr, results to stdout.
say() { echo "$*" >&2; }
die() { echo "error: $*" >&2; exit 1; }

# step LOG TITLE COMMAND...: run a long command, tell how long it took and where
# its log is.  A failure shows the end of the log.
step()
{
	local log=$1 title=$2 start=$SECONDS rc=0
	shift 2

	mkdir -p "$(dirname "$log")"
	say "  $title (log: $log)"
	"$@" > "$log" 2>&1 < /dev/null || rc=$?
	if [ $rc -ne 0 ]; then
		tail -n 25 "$log" >&2
		die "$title: failed with status $rc after $((SECONDS - start)) s; whole log: $log"
	fi
	say "  $title: done in $((SECONDS - start)) s"
}

# hold FD FILE: lock FILE as file descriptor FD; another run may hold it for an hour at most
hold()
{
	mkdir -p "$(dirname "$2")"
	eval "exec $1> \"\$2\""
	flock -n "$1" || { say "  waiting for another run that holds $2"; flock -w 3600 "$1"; } ||
		die "another run has held $2 for an hour; stop it and start again"
}

# The cache: one run at a time fetches and builds what all runs share.
take_lock() { hold 9 "$CACHE/lock"; }
drop_lock() { exec 9>&-; }

# prepare [VARIANT [POSTED]]: choose the engine, have its kernel, or a variant of it,
# and build the modules for it, with the design that is posted in POSTED.
prepare()
{
	local src

	ENGINE=${ENGINE:-uml}
	case $ENGINE in
	uml | qemu) ;;
	*) die "ENGINE=$ENGINE is not known; engines: uml, qemu" ;;
	esac
	. "$TOP/benchmarks/kernels/external.sh"
	. "$TOP/benchmarks/kernels/kernel.sh"
	. "$TOP/benchmarks/kernels/$ENGINE.sh"

	take_lock
	"$TOP/benchmarks/kernels/setup.sh" "$ENGINE"
	src=$("$TOP/benchmarks/kernels/source.sh")
	kernel_build "$src" ${1:+"$1"}
	drop_lock
	# The modules and logs of this tree
	hold 8 "$BUILD/lock"
	kernel_modules ${2:+"$2"}
}
