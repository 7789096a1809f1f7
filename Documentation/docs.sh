#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# htmldocs.sh [SRC]: Documentation/ as HTML, with the extensions and the style of the
# kernel's own documentation, and the documentation comments of the code.  A warning is
# an error; all of them are listed.  make check, which has prepared everything, passes
# the kernel's source.
set -eu
. "$(dirname "$0")/../benchmarks/kernels/common.sh"

src=${1:-}
if [ -z "$src" ]; then
	take_lock
	"$TOP/benchmarks/kernels/setup.sh" htmldocs
	src=$("$TOP/benchmarks/kernels/source.sh")
fi
cd "$TOP"

# From nothing: pages that are gone would stay, and warnings of those that have not
# changed would stay unseen.
rm -rf "$BUILD/html" "$BUILD/doctrees"
bad=0
# Nothing is written into the kernel's source.
srctree=$src PYTHONDONTWRITEBYTECODE=1 $PYTHON -m sphinx -q -b html -j "$JOBS" -W --keep-going -d "$BUILD/doctrees" \
	Documentation "$BUILD/html" >&2 || bad=1

# The name of a page becomes a link; that of none stays as it is, without a word.
for page in $(grep -ohE '[A-Za-z0-9_/-]+\.rst\b' Documentation/*.rst | sed 's,^Documentation/,,' | sort -u); do
	if [ ! -e "Documentation/$page" ]; then
		grep -nF "$page" Documentation/*.rst | sed 's/$/: there is no such page/' >&2
		bad=1
	fi
done
[ $bad -eq 0 ] || die "what is above is wrong in the pages"
say "  written: $BUILD/html/index.html"
