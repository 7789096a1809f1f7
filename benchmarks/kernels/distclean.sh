#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# distclean.sh: remove build/, and from the cache what these scripts put there.
set -eu
. "$(dirname "$0")/common.sh"

"$TOP/benchmarks/kernels/clean.sh"
[ -d "$CACHE" ] || exit 0
hold 6 "$CACHE/in-use.lock"
rm -rf "$CACHE"/{src,apt,log,unpack} "$CACHE"/{uml,qemu,intree}-* "$CACHE"/kvm-* "$CACHE"/src.lock
# Belongs to root.
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
[ -z "$(find "$CACHE" -maxdepth 1 -name 'debian-*')" ] || $sudo rm -rf "$CACHE"/debian-*
rm -f "$CACHE/in-use.lock" "$CACHE/lock"
rmdir "$CACHE" 2> /dev/null || say "  kept: $CACHE, because it also holds other files"
