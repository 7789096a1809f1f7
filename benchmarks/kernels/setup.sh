#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh [qemu|check|...]: install what a build needs and the machine has not, from
# the distribution's packages, and what the engine or target of that name needs.
set -eu
. "$(dirname "$0")/common.sh"

# Tool or header, and the Debian package that has it.
NEEDS="
gcc		gcc
ld		binutils
make		make
flex		flex
bison		bison
bc		bc
perl		perl
python3		python3
xz		xz-utils
insmod		kmod
flock		util-linux
/usr/include/stdio.h	libc6-dev
"
case ${1:-} in
modules)
	# For a kernel that somebody else has built.
	NEEDS="
gcc		gcc
ld		binutils
make		make
python3		python3
insmod		kmod
" ;;
patches)
	NEEDS+="
git		git
" ;;
htmldocs)
	NEEDS+="
/usr/bin/sphinx-build	python3-sphinx
" ;;
headers)
	NEEDS+="
debootstrap	debootstrap
qemu-system-x86_64	qemu-system-x86
busybox		busybox-static
cpio		cpio
" ;;
intree)
	# Where there is no such clang, the check that wants it is left out.
	NEEDS+="
git		git
qemu-system-x86_64	qemu-system-x86
/usr/include/libelf.h	libelf-dev
sparse		sparse
sphinx-build	python3-sphinx
/usr/lib/python3/dist-packages/yaml	python3-yaml
"
	! apt-cache show clang-19 > /dev/null 2>&1 || NEEDS+="
clang-19	clang-19
" ;;
qemu)
	NEEDS+="
qemu-system-x86_64	qemu-system-x86
busybox		busybox-static
cpio		cpio
pahole		pahole
/usr/include/libelf.h	libelf-dev
" ;;
plots)
	NEEDS+="
/usr/lib/python3/dist-packages/matplotlib	python3-matplotlib
" ;;
callers)
	NEEDS+="
pmccabe		pmccabe
" ;;
size)
	NEEDS+="
/usr/include/libelf.h	libelf-dev
" ;;
trace)
	NEEDS+="
bpftrace	bpftrace
" ;;
check)
	NEEDS+="
git		git
/usr/include/libelf.h	libelf-dev
shellcheck	shellcheck
pmccabe		pmccabe
/usr/bin/sphinx-build	python3-sphinx
/usr/lib/python3/dist-packages/pyflakes	python3-pyflakes
" ;;
esac

PATH=$PATH:/usr/sbin:/sbin
tools='' packages=''
while read -r tool package; do
	case $tool in
	'') ;;
	/*) [ -e "$tool" ] || { tools+=" $tool"; packages+=" $package"; } ;;
	*) command -v "$tool" > /dev/null || { tools+=" $tool"; packages+=" $package"; } ;;
	esac
done <<< "$NEEDS"

[ -n "$packages" ] || exit 0

command -v apt-get > /dev/null && [ -e /etc/debian_version ] ||
	die "this machine is not Debian: install what is missing ($tools ) by its own means, and pass a kernel tree with KSRC=path"

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo > /dev/null || die "to install$packages: run as root, or install sudo"
	sudo=sudo
fi

apt_install()
{
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends install $packages
}

apt_refresh_and_install()
{
	apt_install || { $sudo apt-get -q update && apt_install; }
}

step "$BUILD/setup.log" "installing$packages" apt_refresh_and_install
