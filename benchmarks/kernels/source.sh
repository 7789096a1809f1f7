#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# source.sh [VERSION]: get a kernel source tree, and print its path.  KSRC must be VERSION or newer.
#
# KSRC=path, else the newest linux-source-7.x of the machine's apt sources and of Debian's
# backports on the same mirror, else linux-source-6.12.  $SOURCE is a version to get instead.
. "$(dirname "$0")/common.sh"
OLDEST=${1:-$OLDEST}

if [ -n "${KSRC:-}" ]; then
	[ -f "$KSRC/Kbuild" ] && [ -f "$KSRC/Makefile" ] && version=$(make -s -C "$KSRC" kernelversion 2> /dev/null) ||
		die "KSRC=$KSRC: is not a kernel source tree; pass the path of one, of Linux $OLDEST or newer"
	is_supported "$version" || die "KSRC=$KSRC: is Linux $version; pass Linux $OLDEST or newer"
	[ ! -e "$KSRC/.config" ] && [ ! -e "$KSRC/include/config" ] ||
		die "KSRC=$KSRC: was built in place; run make mrproper there, or pass another tree"
	realpath "$KSRC"
	exit
fi

# Trees are moved there when they are complete.
dir=$CACHE/src${SOURCE:+-$SOURCE}
print_source() { find "$dir" -maxdepth 1 -name 'linux-source-*' 2> /dev/null | sort -V | tail -n 1 | grep .; }
! print_source || exit 0
hold 9 "$CACHE/src.lock"
! print_source || exit 0

. /etc/os-release
command -v apt-get > /dev/null && [ -e /etc/debian_version ] ||
	die "this machine is not Debian (${PRETTY_NAME:-unknown}): pass a kernel source of Linux $OLDEST or newer with KSRC=path"
[ "$(df -Pk "$CACHE" | awk 'NR == 2 { print $4 }')" -ge 4000000 ] ||
	die "$CACHE: needs 4 GB of free space for kernel source and build; make room, or set TDX_CACHE=dir"

# The machine's apt sources and the backports, with private lists and state
apt=$CACHE/apt
rm -rf "$apt"
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
	 awk -v release="${VERSION_CODENAME:-}" '$1 == release && $2 == "main" { print $3; exit }')
{ cat /etc/apt/sources.list || true
  [ -z "$mirror" ] ||
	printf "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror %s main\n" trixie trixie-backports
} > "$apt/sources.list" 2> /dev/null
printf '%s;\n' "Dir::State \"$apt/state\"" 'Dir::State::status "/var/lib/dpkg/status"' "Dir::Cache \"$apt/cache\"" \
	"Dir::Etc::SourceList \"$apt/sources.list\"" "APT::Sandbox::User \"$(id -un)\"" > "$apt/conf"
export APT_CONFIG=$apt/conf
apt-get -q update > "$apt/update.log" 2>&1 ||
	say "  warning: apt-get update failed, so the newest kernel may be missing (log: $apt/update.log)"
for version in ${SOURCE:-'7\.[0-9]+' '6\.12'}; do
	package=$(apt-cache -q search --names-only "^linux-source-$version\$" | cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ -z "$package" ] || break
done
[ -n "$package" ] ||
	die "apt finds neither linux-source-7.x nor linux-source-$OLDEST; check the network, or pass a kernel source with KSRC=path (log: $apt/update.log)"

# Chained: a failure must not reach the move.
get_source()
{
	rm -rf "$CACHE/unpack" && mkdir -p "$CACHE/unpack" "$dir" && cd "$CACHE/unpack" &&
	apt-get -q download "$package" &&
	dpkg-deb -x linux-source-*.deb deb &&
	tar -xf "deb/usr/src/$package.tar.xz" &&
	mv "$package" "$dir/" && cd / && rm -rf "$CACHE/unpack"
}

step "$CACHE/log/source.log" "getting $package" get_source
echo "$dir/$package"
