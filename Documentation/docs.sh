#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# docs.sh: write Documentation/, README.md and RESULTS.md as HTML, with the extensions and the
# style of the kernel's own documentation.  A warning is an error.
. "$(dirname "$0")/../benchmarks/kernels/common.sh"

prepare_source htmldocs
# Old files would hide removed pages and earlier warnings.
rm -rf "$BUILD/html" "$BUILD/doctrees" "$BUILD/pages"
# Sphinx needs all pages in one folder.
install -D -t "$BUILD/pages/Documentation" "$TOP"/*.md && cp -r "$TOP/Documentation" "$BUILD/pages"
ln -s "$TOP/arch" "$TOP/benchmarks" "$BUILD/pages"
sed -i -e 's,](Documentation/,](,g' -e 's,](\(arch\|benchmarks\)/,](../\1/,g' "$BUILD"/pages/Documentation/*.md
srctree=$src $PYTHON -m sphinx -q -b html -j "$JOBS" -W --keep-going -d "$BUILD/doctrees" \
	-c "$TOP/Documentation" "$BUILD/pages/Documentation" "$BUILD/html" >&2 || die "the pages have the errors above; correct them"
say "  written: $BUILD/html/index.html"
