#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh NAME: install the Debian packages of the row NAME of packages.list.
set -eu
. "$(dirname "$0")/common.sh"

list=$TOP/benchmarks/kernels/packages.list
packages=$(sed -n "s/^$1: *//p" "$list")
[ -n "$packages" ] || die "setup.sh $1: $list does not have this name"
[ "$1" = modules ] || packages="$(sed -n 's/^all: *//p' "$list") $packages"
# Linux 7.3 needs clang 17.  Without it, one check is left out.
[[ $packages != *clang-19* ]] || apt-cache show clang-19 > /dev/null 2>&1 || packages=${packages/clang-19/}

command -v dpkg-query > /dev/null || {
	say "  warning: this machine is not Debian and may lack some of: $packages"; exit 0; }
missing='' installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' $packages 2> /dev/null || true)"
for package in $packages; do
	[[ $installed == *" installed:$package "* ]] || missing+=" $package"
done
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" -eq 0 ] || { sudo=sudo; command -v sudo > /dev/null || die "cannot install$missing: run as root, or install sudo"; }

end=$((SECONDS + ${APT_WAIT:-600}))
# apt_get COMMAND...: wait for a process that holds one of the locks
apt_get()
{
	local printed="" log=$BUILD/apt.log

	until $sudo env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" > "$log" 2>&1; do
		cat "$log"
		grep -q 'Could not get lock' "$log" && [ $SECONDS -lt $end ] || return
		[ -n "$printed" ] || say "  waiting for the package manager, at most 10 minutes: $(grep -m 1 -o 'Could not.*' "$log")" 2>&3
		printed=1
		sleep 2
	done
	cat "$log"
}
# The package lists of a fresh machine are empty or old.
# shellcheck disable=SC2086
install() { apt_get --no-install-recommends install $missing; }
install_all() { install || { apt_get update && install; }; }

step "$BUILD/setup.log" "installing with apt-get:$missing" install_all 3>&2
