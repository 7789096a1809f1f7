#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# distclean.sh: remove from the cache what these scripts put there, and no more.
set -eu
. "$(dirname "$0")/common.sh"

[ -d "$CACHE" ] || exit 0
take_lock
rm -rf "$CACHE"/{src,apt,log,unpack} "$CACHE"/{uml,qemu,intree}-* "$CACHE"/kvm-*
# Belongs to root.
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
[ -z "$(find "$CACHE" -maxdepth 1 -name 'debian-*')" ] || $sudo rm -rf "$CACHE"/debian-*
rm -f "$CACHE/lock"
rmdir "$CACHE" 2> /dev/null || say "  $CACHE holds something else, too; kept"
