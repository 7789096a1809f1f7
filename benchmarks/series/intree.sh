#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# intree.sh: apply the series of patches.sh to a clean copy of the kernel.  Check, build and test
# it like a maintainer.  The last line of the output is "N passed, N failed".
set -eu
. "$(dirname "$0")/../kernels/common.sh"

# Patches need an author.
git -C "$TOP" config user.name > /dev/null && git -C "$TOP" config user.email > /dev/null ||
	export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=nobody \
		GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=nobody@localhost
mkdir -p "$BUILD"
"$TOP/benchmarks/series/patches.sh" > "$BUILD/patches.list"
mapfile -t patches < <(grep -v 0000-cover-letter "$BUILD/patches.list")

take_lock
"$TOP/benchmarks/kernels/setup.sh" intree
src=$("$TOP/benchmarks/kernels/source.sh")
version=$(make -s -C "$src" kernelversion)
drop_lock

# The copy and its builds are kept, one for each source.
work=$CACHE/intree-$version-$(echo "$src" | sha256sum | cut -c 1-12)
hold 8 "$work/lock"
tree=$work/tree
logs=$BUILD/intree
dir=arch/x86/virt/vmx/tdx
# Linux 7.3 needs clang 17; Debian 12 has this one.
clang='clang-19'
passed=0 failed=0
rm -rf "$logs"
mkdir -p "$logs"

# The kernel's tools need the distribution's Python.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH

# check TITLE COMMAND...: status 0 passes; the output is in a log
check()
{
	local title=$1 log start=$SECONDS rc=0
	shift

	log=$logs/$(echo "$title" | tr -cs '[:alnum:]\n' -).log
	timeout -k 10 1800 bash -c '"$@"' check "$@" > "$log" 2>&1 < /dev/null || rc=$?
	if [ $rc -eq 0 ]; then
		passed=$((passed + 1))
		say "  ok   $title ($((SECONDS - start)) s)"
	else
		failed=$((failed + 1))
		say "  BAD  $title (status $rc, $((SECONDS - start)) s; log: $log)"
		tail -n 15 "$log" >&2
	fi
	return $rc
}

tree_git() { git -C "$tree" -c user.name=intree -c user.email=intree@localhost "$@"; }

# Without a history of its own.
copy_kernel()
{
	rm -rf "$tree" "$tree.part" && cp -a "$src" "$tree.part" &&
		rm -rf "$tree.part/.git" && git -C "$tree.part" init -q -b series &&
		mv "$tree.part" "$tree"
}

# The kernel without the series.  Git has only the files that the series changes: to add all
# files takes minutes.
clean_kernel()
{
	local f

	if tree_git rev-parse -q --verify HEAD > /dev/null; then
		tree_git am --abort 2> /dev/null
		tree_git checkout -q -f -B series "$(tree_git rev-list --max-parents=0 HEAD)" || return
	fi
	for f in $(git -C "$BUILD/patches.git" ls-tree -r --name-only base); do
		cmp "$src/$f" "$tree/$f" && tree_git add -f "$f" || return
	done
	tree_git diff --cached --quiet || tree_git commit -q -m "base"
	git -C "$tree" tag -f base
}

# checkpatch.pl asks whether a new file needs MAINTAINERS; maintained() answers that.  Its SPDX
# check needs a kernel's git; make check has one.
checkpatch()
{
	local ignore=FILE_PATH_CHANGES

	# Trace events never have its form.
	! grep -q '^+++ .*_trace\.h$' "$1" || ignore+=,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE
	cd "$tree" && GIT_DIR=none perl scripts/checkpatch.pl --strict --terse --ignore $ignore "$1"
}

# MAINTAINERS covers each new file without a change.
maintained()
{
	local f

	cd "$tree"
	for f in $(tree_git diff --name-only --diff-filter=A base series); do
		perl scripts/get_maintainer.pl --no-git-fallback --no-email --no-l --sections -f "$f" |
			grep -q 'TRUST DOMAIN' || { echo "$f: not in the TDX entry"; return 1; }
	done
}

exports_nothing() { ! grep -n EXPORT "$BUILD"/patches/*.patch; }

kernel_doc()
{
	cd "$tree"
	# shellcheck disable=SC2046
	tools/docs/kernel-doc -none -Wall $(tree_git diff --name-only --diff-filter=A base series |
			grep -E '\.[ch]$' | grep -v _kunit) > "$logs/doc.out" 2>&1
	cat "$logs/doc.out"
	[ ! -s "$logs/doc.out" ]
}

# Sphinx also warns about pages that are not part of the series.
page()
{
	make -C "$tree" O="$work/doc" SPHINXDIRS=arch/x86 htmldocs > "$logs/page.txt" 2>&1 ||
		{ tail -n 20 "$logs/page.txt"; return 1; }
	! grep -E 'x86/tdx-pa-array|asm/tdx_|vmx/tdx/' "$logs/page.txt" || return
	ls "$work/doc/Documentation/output/arch/x86/tdx-pa-array.html"
}

# kunit.py uses KVM wherever /dev/kvm opens, but on some machines no kernel boots there.  Give it
# a QEMU that only emulates.
emulate()
{
	mkdir -p "$work/bin"
	cat > "$work/bin/qemu-system-x86_64" <<-'SHIM'
		#!/bin/bash
		arguments=()
		while [ $# -gt 0 ]; do
			if [ "$1 ${2:-}" = '-accel kvm' ]; then shift 2; continue; fi
			arguments+=("$1")
			shift
		done
		exec /usr/bin/qemu-system-x86_64 "${arguments[@]}"
	SHIM
	chmod +x "$work/bin/qemu-system-x86_64"
	PATH=$work/bin:$PATH
}

# Build the kernel and run the suites.  An untrusted clock keeps the kernel from printing a
# message about it in the middle of their results.
kunit()
{
	cd "$tree" && python3 tools/testing/kunit/kunit.py run --arch=x86_64 \
		--kunitconfig=$dir/tests/x86_64.kunitconfig --build_dir="$work/x86_64" \
		--jobs="$JOBS" --timeout=600 --kernel_args=tsc=unstable &&
		cp "$work/x86_64/.config" "$work/x86_64.config" &&
		sed '/_KUNIT\|^CONFIG_TDX_PA_ARRAY/d' "$work/x86_64.config" > "$work/plain.config"
}

# build CONFIG DIRECTORY TARGET [VARIABLE=VALUE...]: CONFIG_TDX_PA_ARRAY has no prompt, so
# without the tests nothing selects it.
build()
{
	local target=$3 out=$work/$2

	mkdir -p "$out" && cp "$work/$1.config" "$out/.config" || return
	set -- make -C "$tree" O="$out" ARCH=x86_64 -j"$JOBS" CONFIG_TDX_PA_ARRAY=y "${@:4}"
	"$@" olddefconfig > /dev/null && "$@" "$target"
}

# no_warning NAME VERB CONFIG DIRECTORY VARIABLE=VALUE...: build the directory without a warning.
# make prints VERB for each file, so doing nothing fails.  Sparse 0.6.4 rejects MODULE_LICENSE().
no_warning()
{
	local log=$logs/$1.txt

	find "$work/$4" -path "*/$dir/*.o" -delete 2> /dev/null
	build "$3" "$4" $dir/ "${@:5}" > "$log" 2>&1 || { tail -n 20 "$log"; return 1; }
	[ "$(grep -E "^  $2 .*/(pa_array|tdh)\." "$log" | sort -u | wc -l)" -eq 2 ] ||
		{ echo "$1 did not process all files"; return 1; }
	! grep -E "^[^ ]*(/$dir/|asm/tdx)[^ ]+:[0-9]+:[0-9]+: (warning|error): " "$log" |
		grep -v 'error: bad constant expression$'
}

# builds COMMIT: a kernel with all that the series has so far
builds()
{
	tree_git checkout -q -f "$1" && build x86_64 x86_64 vmlinux &&
		nm "$work/x86_64/vmlinux" | grep ' tdx_pa_array_free$'
}

export -f tree_git copy_kernel clean_kernel checkpatch maintained exports_nothing kernel_doc page \
	kunit build no_warning builds
export tree work logs dir JOBS src BUILD

finish()
{
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ]
	exit
}

# The tree of the user may have changed.
[ -z "${KSRC:-}" ] || rm -rf "$tree"
[ -e "$tree/.git" ] || check "copy of Linux $version" copy_kernel || finish
check "kernel without the series" clean_kernel || finish
check "git am, ${#patches[@]} patches" tree_git am -q "${patches[@]}" || finish

for p in "${patches[@]}"; do
	check "checkpatch --strict $(basename "$p" .patch)" checkpatch "$p" || true
done
check "MAINTAINERS has an entry for each file" maintained || true
check "the series exports nothing" exports_nothing || true
check "kernel-doc" kernel_doc || true
check "htmldocs" page || true

emulate
say "  building Linux $version; the first time, that takes some ten minutes"
check "kunit.py run --arch=x86_64" kunit || finish
grep 'Testing complete' "$logs"/kunit-py-*.log >&2 || true

check "no warning, gcc W=1" no_warning gcc CC x86_64 x86_64 W=1 || true
check "no warning, gcc W=1, KUNIT=n" no_warning plain CC plain plain W=1 || true
if command -v $clang > /dev/null; then
	check "no warning, $clang W=1" no_warning clang CC x86_64 clang CC=$clang W=1 || true
else
	say "  --   no $clang here: not built with it"
fi
# The kernel does without __typeof_unqual__ if sparse does not have it.
check "no warning, sparse" no_warning sparse CHECK x86_64 x86_64 C=2 \
	"CHECK=sparse -D__typeof_unqual__=__typeof__" || true

# Each patch builds without the following ones.
n=0
for commit in $(tree_git rev-list --reverse base..series); do
	n=$((n + 1))
	check "patch $n builds" builds "$commit" || true
done
tree_git checkout -q -f series
finish
