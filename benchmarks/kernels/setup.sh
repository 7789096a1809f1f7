#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh NAME: install the Debian packages that the engine or target NAME needs.
set -eu
. "$(dirname "$0")/common.sh"

# Tool, header or Python module; its package; who needs it.  All but modules need what
# "kernel" needs.
NEEDS="
gcc				gcc			kernel modules
ld				binutils		kernel modules
make				make			kernel modules
python3				python3			kernel modules
insmod				kmod			kernel modules
flex				flex			kernel
bison				bison			kernel
bc				bc			kernel
perl				perl			kernel
xz				xz-utils		kernel
flock				util-linux		kernel
/usr/include/stdio.h		libc6-dev		kernel
/usr/include/libelf.h		libelf-dev		qemu size check intree
pahole				pahole			qemu
qemu-system-x86_64		qemu-system-x86		qemu headers intree
busybox				busybox-static		qemu headers
cpio				cpio			qemu headers
debootstrap			debootstrap		headers
git				git			check patches intree
sparse				sparse			intree
clang-19			clang-19		intree
/usr/bin/sphinx-build		python3-sphinx		check htmldocs intree
/usr/lib/python3/dist-packages/yaml		python3-yaml		intree
/usr/lib/python3/dist-packages/matplotlib	python3-matplotlib	plots
/usr/lib/python3/dist-packages/pyflakes		python3-pyflakes	check
/usr/lib/python3/dist-packages/pytest		python3-pytest		check
mypy				mypy			check
shellcheck			shellcheck		check
pmccabe				pmccabe			check callers
bpftrace			bpftrace		trace
"
base=kernel
[ "$1" != modules ] || base=modules

PATH=$PATH:/usr/sbin:/sbin
packages=''
while read -r tool package users; do
	[[ " $users " == *" $1 "* || " $users " == *" $base "* ]] || continue
	[[ $tool = /* && -e $tool ]] || command -v "$tool" > /dev/null || packages+=" $package"
done <<< "$NEEDS"
# Linux 7.3 needs clang 17.  Without it, make series WHAT=intree leaves out one check.
[[ $packages != *clang-19* ]] || apt-cache show clang-19 > /dev/null 2>&1 || packages=${packages/ clang-19/}
[ -n "$packages" ] || exit 0

command -v apt-get > /dev/null && [ -e /etc/debian_version ] ||
	die "this machine is not Debian; install these packages under the names that they have here:$packages"
sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo > /dev/null || die "cannot install$packages: run as root, or install sudo"
	sudo=sudo
fi

end=$((SECONDS + ${APT_WAIT:-600}))
# apt_get COMMAND...: wait for a process that holds one of the locks
apt_get()
{
	local holder='' log=$BUILD/apt.log

	until $sudo env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" > "$log" 2>&1; do
		cat "$log"
		grep -q 'Could not get lock' "$log" && [ $SECONDS -lt $end ] || return
		[ "$holder" = "$(grep -o 'Could not get lock.*' "$log")" ] || {
			holder=$(grep -o 'Could not get lock.*' "$log")
			say "  waiting for the package manager, at most 10 minutes: $holder" 2>&3; }
		sleep 2
	done
	cat "$log"
}

# shellcheck disable=SC2086
install() { apt_get --no-install-recommends install $packages; }
# The lists of a fresh machine are empty or old.
install_all() { install || { apt_get update && install; }; }

step "$BUILD/setup.log" "installing with apt-get:$packages" install_all 3>&2
