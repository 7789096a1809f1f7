#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh: write the design as a series of patches for the kernel tree to build/patches, and
# print the names of the patches.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

take_lock
"$TOP/benchmarks/kernels/setup.sh" patches
src=$("$TOP/benchmarks/kernels/source.sh")
hold 8 "$BUILD/lock"
name=$(git -C "$TOP" config user.name) && email=$(git -C "$TOP" config user.email) ||
	die "git has no author for the patches; set one: git config user.name, git config user.email"
export GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email

rm -rf "$BUILD/patches" "$BUILD/patches.git"
mkdir -p "$BUILD/patches" "$BUILD/patches.git"
$PYTHON -m tdxpa.series --kernel "$src" --repository "$BUILD/patches.git" --out "$BUILD/patches"
say "  for Linux $(make -s -C "$src" kernelversion): git am $BUILD/patches/*.patch"
