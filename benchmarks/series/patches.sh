#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh: write the design as a series of patches for the kernel tree, into
# build/patches.  Prints their names.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

take_lock
"$TOP/benchmarks/kernels/setup.sh" patches
src=$("$TOP/benchmarks/kernels/source.sh")

name=$(git -C "$TOP" config user.name) && email=$(git -C "$TOP" config user.email) ||
	die "git does not know who you are: git config user.name, user.email"

rm -rf "$BUILD/patches" "$BUILD/patches.git"
mkdir -p "$BUILD/patches" "$BUILD/patches.git"
$PYTHON -m tdxpa.series --kernel "$src" --repository "$BUILD/patches.git" \
	--out "$BUILD/patches" --author "$name" "$email"
say "  for Linux $(make -s -C "$src" kernelversion): git am $BUILD/patches/*.patch"
