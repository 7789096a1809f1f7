#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# source.sh: get a kernel source tree and print its path.
#
# The newest linux-source-7.x of Debian's backports, else linux-source-6.12 of
# the machine's own sources.  KSRC=path uses another tree.  No apt source is
# added: lists and state are private, and the mirror is the one that the machine
# is configured for.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/external.sh"

BACKPORTS=trixie-backports

check_version()
{
	local version

	version=$(make -s -C "$1" kernelversion 2> /dev/null) ||
		die "KSRC=$1: 'make kernelversion' fails there"
	is_supported "$version" ||
		die "KSRC=$1 is Linux $version; the oldest supported is $OLDEST"
}

if [ -n "${KSRC:-}" ]; then
	[ -f "$KSRC/Kbuild" ] && [ -f "$KSRC/Makefile" ] ||
		die "KSRC=$KSRC is no kernel source tree"
	KSRC=$(cd "$KSRC" && pwd)
	check_version "$KSRC"
	if [ -e "$KSRC/.config" ] || [ -e "$KSRC/include/config" ]; then
		die "KSRC=$KSRC was built in place; run 'make mrproper' there or pass a clean checkout"
	fi
	echo "$KSRC"
	exit 0
fi

# An unpacked tree is complete: it was moved into place as the last step.
have=$(find "$CACHE/src" -mindepth 1 -maxdepth 1 -name 'linux-source-*' 2> /dev/null |
       sort -V | tail -n 1)
if [ -n "$have" ]; then
	echo "$have"
	exit 0
fi

. /etc/os-release
command -v apt-get > /dev/null && [ -e /etc/debian_version ] ||
	die "this machine is not Debian (${PRETTY_NAME:-unknown}): pass a kernel tree of $OLDEST or newer with KSRC=path"

apt=$CACHE/apt
rm -rf "$apt"
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"

# apt with the private state, and with our list instead of the machine's if
# there is one.
private_apt()
{
	local tool=$1
	shift
	cat > "$apt/conf" <<-EOF
		Dir::State "$apt/state";
		Dir::State::status "/var/lib/dpkg/status";
		Dir::Cache "$apt/cache";
		APT::Sandbox::User "$(id -un)";
	EOF
	if [ -e "$apt/sources.list" ]; then
		cat >> "$apt/conf" <<-EOF
			Dir::Etc::SourceList "$apt/sources.list";
			Dir::Etc::SourceParts "/dev/null";
		EOF
	fi
	APT_CONFIG=$apt/conf "$tool" -q "$@"
}

# newest PATTERN: the newest source package of that name
newest()
{
	private_apt apt-cache search --names-only "^linux-source-$1\$" | cut -d ' ' -f 1 |
		sort -V | tail -n 1
}

mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
	 awk -v release="${VERSION_CODENAME:-}" '$1 == release && $2 == "main" { print $3; exit }')
package=
if [ -n "$mirror" ]; then
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $BACKPORTS main" \
		> "$apt/sources.list"
	if private_apt apt-get update > "$apt/backports.log" 2>&1; then
		package=$(newest '7\.[0-9]+')
	fi
fi
if [ -z "$package" ]; then
	say "  no linux-source-7.x in $BACKPORTS of ${mirror:-no mirror}; trying linux-source-$OLDEST"
	rm -f "$apt/sources.list"
	private_apt apt-get update > "$apt/own.log" 2>&1 || true
	package=$(newest '6\.12')
fi
[ -n "$package" ] ||
	die "neither linux-source-7.x ($BACKPORTS) nor linux-source-$OLDEST can be had from the mirror; is the network up? (logs: $apt/*.log; or pass a kernel tree with KSRC=path)"

get_source()
{
	# Chained: a failure must not get as far as the move.
	rm -rf "$CACHE/unpack" &&
	mkdir -p "$CACHE/unpack" "$CACHE/src" &&
	(cd "$CACHE/unpack" && private_apt apt-get download "$package") &&
	dpkg-deb -x "$CACHE"/unpack/linux-source-*.deb "$CACHE/unpack/deb" &&
	tar -C "$CACHE/unpack" -xf "$CACHE/unpack/deb/usr/src/$package.tar.xz" &&
	mv "$CACHE/unpack/$package" "$CACHE/src/$package" &&
	rm -rf "$CACHE/unpack"
}

[ "$(df -Pk "$CACHE" | awk 'NR == 2 { print int($4 / 1024) }')" -ge 4000 ] ||
	die "$CACHE needs 4 GB of free space for kernel source and build"

step "$CACHE/log/source.log" "getting $package" get_source
echo "$CACHE/src/$package"
