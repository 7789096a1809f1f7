#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh: write the design as a series of patches for the kernel tree to build/patches
. "$(dirname "$0")/../kernels/common.sh"

: "${GIT_AUTHOR_NAME:=$(git -C "$TOP" config user.name 2> /dev/null)}"
: "${GIT_AUTHOR_EMAIL:=$(git -C "$TOP" config user.email 2> /dev/null)}"
[ -n "$GIT_AUTHOR_NAME" ] && [ -n "$GIT_AUTHOR_EMAIL" ] ||
	die "git has no author for the patches; $(command -v git > /dev/null || echo "install git and ")set one: git config user.name, git config user.email"
prepare_source patches
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

rm -rf "$BUILD/patches" "$BUILD/patches.git"
$PYTHON -m tdxpa series "$src" "$BUILD/patches.git" "$BUILD/patches"
say "  for Linux $(make -s -C "$src" kernelversion): git am $BUILD/patches/*.patch"
