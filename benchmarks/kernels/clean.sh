#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh [cache]: remove build/, and from the cache what these scripts put there.
. "$(dirname "$0")/common.sh"

if [ -d "$BUILD" ]; then
	hold 7 "$BUILD/kernels.lock"	# first, as in kernels.sh
	hold 8 "$BUILD/lock"
	# The next run may start while files are removed.
	mv "$BUILD" "$BUILD.removed.$$"
	rm -rf "$BUILD.removed.$$"
	# A run that waits for one of these locks holds the next one.
	exec 7>&- 8>&-
fi
[ "${1:-}" = cache ] && [ -d "$CACHE" ] || exit 0
hold 6 "$CACHE/in-use.lock"
rm -rf "$CACHE"/{src,src-*,apt,log,unpack} "$CACHE"/{uml,qemu,tdx,intree,kvm}-* "$CACHE"/src.lock
# Another Debian belongs to root.
[ "$(id -u)" -eq 0 ] && sudo='' || sudo=sudo
[ -z "$(find "$CACHE" -maxdepth 1 -name 'debian-*')" ] || $sudo rm -rf "$CACHE"/debian-*
rm -f "$CACHE/in-use.lock"
rmdir "$CACHE" 2> /dev/null || say "  kept: $CACHE, because it also holds other files"
