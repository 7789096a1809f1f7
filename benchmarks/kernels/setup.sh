#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh NAME: install the Debian packages that the engine or target NAME needs.
set -eu
. "$(dirname "$0")/common.sh"

packages="gcc binutils make python3 kmod"
[ "$1" = modules ] || packages+=" flex bison bc perl xz-utils util-linux libc6-dev"
case $1 in
modules | uml) ;;
qemu) packages+=" qemu-system-x86 busybox-static cpio pahole libelf-dev" ;;
headers) packages+=" qemu-system-x86 busybox-static cpio debootstrap" ;;
trace) packages+=" bpftrace" ;;
size) packages+=" libelf-dev" ;;
callers) packages+=" pmccabe" ;;
plots) packages+=" python3-matplotlib" ;;
patches) packages+=" git" ;;
intree)
	packages+=" git qemu-system-x86 libelf-dev sparse python3-sphinx python3-yaml"
	# Linux 7.3 needs clang 17.  Without it, one check is left out.
	! apt-cache show clang-19 > /dev/null 2>&1 || packages+=" clang-19" ;;
htmldocs) packages+=" python3-sphinx" ;;
check) packages+=" git libelf-dev shellcheck pmccabe mypy python3-sphinx python3-pyflakes python3-pytest" ;;
*) die "setup.sh $1: is not a known name; add it to $0" ;;
esac

command -v dpkg-query > /dev/null || {
	say "  warning: this machine is not Debian and may lack some of: $packages"; exit 0; }
missing='' installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' $packages 2> /dev/null || true)"
for package in $packages; do
	[[ $installed == *" installed:$package "* ]] || missing+=" $package"
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo > /dev/null || die "cannot install$missing: run as root, or install sudo"
	sudo=sudo
fi

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
