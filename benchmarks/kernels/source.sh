#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# source.sh: get a kernel source tree and print its path.
#
# KSRC=path, else the newest linux-source-7.x of Debian's backports, else linux-source-6.12
# of the machine's own apt sources.  The lists and state of apt are private, and the mirror
# is that of the machine.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/external.sh"

BACKPORTS=trixie-backports

if [ -n "${KSRC:-}" ]; then
	[ -f "$KSRC/Kbuild" ] && [ -f "$KSRC/Makefile" ] && version=$(make -s -C "$KSRC" kernelversion 2> /dev/null) ||
		die "KSRC=$KSRC: is not a kernel source tree; pass the path of one, of Linux $OLDEST or newer"
	is_supported "$version" || die "KSRC=$KSRC: is Linux $version; pass Linux $OLDEST or newer"
	[ ! -e "$KSRC/.config" ] && [ ! -e "$KSRC/include/config" ] ||
		die "KSRC=$KSRC: was built in place; run make mrproper there, or pass another tree"
	realpath "$KSRC"
	exit
fi

# print_source: print the path of a complete tree.  Trees are moved into place when complete.
print_source()
{
	find "$CACHE/src" -mindepth 1 -maxdepth 1 -name 'linux-source-*' 2> /dev/null | sort -V | tail -n 1 | grep .
}
! print_source || exit 0
hold 9 "$CACHE/src.lock"
! print_source || exit 0

. /etc/os-release
command -v apt-get > /dev/null && [ -e /etc/debian_version ] ||
	die "this machine is not Debian (${PRETTY_NAME:-unknown}): pass a kernel source of Linux $OLDEST or newer with KSRC=path"
[ "$(df -Pk "$CACHE" | awk 'NR == 2 { print $4 }')" -ge 4000000 ] ||
	die "TDX_CACHE=$CACHE: needs 4 GB of free space for kernel source and build"

apt=$CACHE/apt
rm -rf "$apt"
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
cat > "$apt/conf" <<EOF
Dir::State "$apt/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "$(id -un)";
EOF

# newest PATTERN: update the lists, and print the newest source package of that name
newest()
{
	apt-get -q update >> "$apt/update.log" 2>&1 || true
	apt-cache -q search --names-only "^linux-source-$1\$" | cut -d ' ' -f 1 | sort -V | tail -n 1
}

package=''
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
	 awk -v release="${VERSION_CODENAME:-}" '$1 == release && $2 == "main" { print $3; exit }')
export APT_CONFIG=$apt/conf
if [ -n "$mirror" ]; then
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $BACKPORTS main" > "$apt/sources.list"
	cp "$apt/conf" "$apt/own.conf"
	printf 'Dir::Etc::%s;\n' "SourceList \"$apt/sources.list\"" 'SourceParts "/dev/null"' >> "$apt/conf"
	package=$(newest '7\.[0-9]+')
fi
if [ -z "$package" ]; then
	say "  no linux-source-7.x in $BACKPORTS of ${mirror:-no mirror}; trying linux-source-$OLDEST"
	[ ! -e "$apt/own.conf" ] || mv "$apt/own.conf" "$apt/conf"
	package=$(newest '6\.12')
fi
[ -n "$package" ] ||
	die "the mirror has no linux-source-7.x and no linux-source-$OLDEST; is the network up? Or pass a kernel source with KSRC=path (log: $apt/update.log)"

# Chained: a failure must not reach the move.
get_source()
{
	rm -rf "$CACHE/unpack" &&
	mkdir -p "$CACHE/unpack" "$CACHE/src" &&
	cd "$CACHE/unpack" &&
	apt-get -q download "$package" &&
	dpkg-deb -x linux-source-*.deb deb &&
	tar -xf "deb/usr/src/$package.tar.xz" &&
	mv "$package" "$CACHE/src/" &&
	cd / && rm -rf "$CACHE/unpack"
}

step "$CACHE/log/source.log" "getting $package" get_source
echo "$CACHE/src/$package"
