#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# intree.sh: apply the series of patches.sh to a clean copy of the kernel, and see
# that each step builds and that the whole passes what a maintainer would run.  The
# last line of the output is "N passed, N failed".
set -eu
. "$(dirname "$0")/common.sh"

# To be checked, the patches need somebody's name.
git -C "$TOP" config user.name > /dev/null && git -C "$TOP" config user.email > /dev/null ||
	export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=nobody \
		GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=nobody@localhost
mkdir -p "$BUILD"
"$TOP/benchmarks/engines/patches.sh" > "$BUILD/patches.list"
mapfile -t patches < <(grep -v 0000-cover-letter "$BUILD/patches.list")

take_lock
"$TOP/benchmarks/engines/setup.sh" intree
src=$("$TOP/benchmarks/engines/source.sh")
version=$(make -s -C "$src" kernelversion)

# The copy and what is built of it are kept, by where the source comes from.
work=$CACHE/intree-$version-$(echo "$src" | sha256sum | cut -c 1-12)
tree=$work/tree
logs=$BUILD/intree
tests=arch/x86/virt/vmx/tdx/tests
dir=arch/x86/virt/vmx/tdx
# The oldest that Linux 7.3 accepts is 17; Debian 12 has this one.
clang='clang-19'
passed=0 failed=0
rm -rf "$logs"
mkdir -p "$logs"

# The kernel's tools want the distribution's Python.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH

# check TITLE COMMAND...: status 0 is good; its output is in a log
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
	rm -rf "$tree" "$tree.part" && mkdir -p "$work" && cp -a "$src" "$tree.part" &&
		rm -rf "$tree.part/.git" && git -C "$tree.part" init -q -b series &&
		mv "$tree.part" "$tree"
}

# The kernel as it is.  Only what the series changes is under git: all of it would
# take minutes.
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
	tree_git diff --cached --quiet || tree_git commit -q -m "the kernel as it is"
	tree_git rev-list --count HEAD
	git -C "$tree" tag -f base
}

# kunit.py takes KVM wherever /dev/kvm opens, and on some machines no kernel boots there.
# So let it find a QEMU that only emulates.
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

# kunit ARCH CONFIG: build the kernel and run the suites.  The kernel says something about
# its clock a second after it has started, and kunit.py stumbles if that is between
# two lines that belong together; of a clock that is not trusted it says nothing.
kunit()
{
	cd "$tree" && python3 tools/testing/kunit/kunit.py run --arch="$1" --kunitconfig="$2" \
		--build_dir="$work/$1" --jobs="$JOBS" --timeout=600 --kernel_args=tsc=unstable
}

kernel_make() { make -C "$tree" O="$work/$1" ARCH="$1" -j"$JOBS" "${@:2}"; }

# warnings LOG: what the compiler or sparse says, without line numbers.  Sparse 0.6.4 has
# no idea of the length of a string, and so complains at each MODULE_LICENSE() and the like.
warnings()
{
	local file line column text

	grep -E '^[^ ]+:[0-9]+:[0-9]+: (warning|error): ' "$1" |
		while IFS=: read -r file line column text; do
			[ "$text" != ' error: bad constant expression' ] ||
				! sed -n "${line}p" "$file" | grep -qE '^(MODULE_|module_param)' || continue
			echo "${file##*/"$dir"/}:$text"
		done | sort -u
}

# no_new_warning NAME VERB BUILD-DIRECTORY MAKE-ARGUMENTS...: build the directory with and
# without the series; nothing is said with it that is not said without it.  VERB is what
# make says when it does its work, so that doing nothing is no success.
no_new_warning()
{
	local name=$1 verb=$2 out=$3 at
	shift 3

	for at in base series; do
		tree_git checkout -q -f $at &&
			cp "$work/x86_64.config" "$work/$out/.config" &&
			kernel_make_in "$out" "$@" olddefconfig > /dev/null &&
			find "$work/$out" -path "*/$dir/*.o" -delete || return
		kernel_make_in "$out" "$@" $dir/ > "$logs/$name-$at.txt" 2>&1 ||
			{ tail -n 20 "$logs/$name-$at.txt"; return 1; }
		warnings "$logs/$name-$at.txt" > "$logs/$name-$at.warnings"
	done
	grep -E "^  $verb .*/(pa_array|tdh|door_seamcall)\." "$logs/$name-series.txt" | sort -u | wc -l |
		grep -qx 3 || { echo "$name has not looked at all files"; return 1; }
	comm -13 "$logs/$name-base.warnings" "$logs/$name-series.warnings" | tee "$logs/$name.new"
	[ ! -s "$logs/$name.new" ]
}

kernel_make_in() { make -C "$tree" O="$work/$1" ARCH=x86_64 -j"$JOBS" "${@:2}"; }

# Each file is covered by MAINTAINERS as it is.
maintained()
{
	local f

	cd "$tree"
	for f in $(tree_git diff --name-only --diff-filter=A base series); do
		perl scripts/get_maintainer.pl --no-git-fallback --no-email --no-l --sections -f "$f" |
			grep -q 'TRUST DOMAIN' || { echo "$f: not the TDX entry's"; return 1; }
	done
}

# Its remark that a new file may need MAINTAINERS is answered by maintained(), and its
# SPDX check wants all of the kernel under git; make check has one.
checkpatch()
{
	local ignore=FILE_PATH_CHANGES

	# The form in which all trace events are written is not its own.
	! grep -q '^+++ .*_trace\.h$' "$1" || ignore+=,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE
	cd "$tree" && GIT_DIR=none perl scripts/checkpatch.pl --strict --terse --ignore $ignore "$1"
}

kernel_doc()
{
	local tool=tools/docs/kernel-doc

	cd "$tree"
	[ -e $tool ] || tool=scripts/kernel-doc
	# shellcheck disable=SC2046
	$tool -none -Wall $(tree_git diff --name-only base series | grep -E '\.[ch]$' |
			    grep -vE '_kunit|/tdx\.[ch]$') > "$logs/doc.out" 2>&1
	cat "$logs/doc.out"
	[ ! -s "$logs/doc.out" ]
}

# The page, as the kernel's documentation shows it; what Sphinx says of others is theirs.
page()
{
	make -C "$tree" O="$work/doc" SPHINXDIRS=arch/x86 htmldocs > "$logs/page.txt" 2>&1 ||
		{ tail -n 20 "$logs/page.txt"; return 1; }
	! grep -E 'x86/tdx-pa-array|asm/tdx_|vmx/tdx/' "$logs/page.txt" || return
	ls "$work/doc/Documentation/output/arch/x86/tdx-pa-array.html"
}

# builds COMMIT: with all of the series' options that there are; for user mode, too, once
# that has any
builds()
{
	local arch arches=x86_64

	tree_git checkout -q -f "$1" || return
	! grep -q TDX_PA_ARRAY "$tree/arch/um/Makefile" || arches+=" um"
	for arch in $arches; do
		cp "$work/$arch.config" "$work/$arch/.config" &&
			kernel_make $arch olddefconfig && kernel_make $arch vmlinux || return
	done
	nm "$work/x86_64/vmlinux" | grep -c ' tdx_door$'
}

export -f tree_git kunit kernel_make kernel_make_in warnings no_new_warning maintained checkpatch \
	kernel_doc page builds clean_kernel copy_kernel
export tree work logs dir JOBS src BUILD

finish()
{
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ]
	exit
}

# The reader's own tree may have changed.
[ -z "${KSRC:-}" ] || rm -rf "$tree"
[ -e "$tree/.git" ] || check "copy of Linux $version" copy_kernel || finish
check "kernel as it is" clean_kernel || finish
check "git am, ${#patches[@]} patches" tree_git am -q "${patches[@]}" || finish

for p in "${patches[@]}"; do
	n=$(basename "$p" .patch)
	check "checkpatch --strict $n" checkpatch "$p" || true
done
check "MAINTAINERS has an entry for each file" maintained || true
check "kernel-doc" kernel_doc || true
check "htmldocs" page || true

emulate
say "  building Linux $version twice; the first time, that takes some ten minutes"
check "kunit.py run --arch=um" kunit um $tests || finish
check "kunit.py run --arch=x86_64" kunit x86_64 $tests/x86_64.kunitconfig || finish
for arch in um x86_64; do
	tail -n 12 "$logs"/kunit-py-run-arch-$arch-.log 2> /dev/null | grep -E 'Testing complete' >&2 || true
	cp "$work/$arch/.config" "$work/$arch.config"
done

check "no new warning, gcc W=1" no_new_warning gcc CC x86_64 W=1 || true
if command -v $clang > /dev/null; then
	mkdir -p "$work/clang"
	check "no new warning, $clang W=1" no_new_warning clang CC clang CC=$clang W=1 || true
else
	say "  --   no $clang here: not built with it"
fi
# Sparse up to 0.6.4 does not know the word, and the kernel then goes without it.
check "no new warning, sparse" no_new_warning sparse CHECK x86_64 C=2 \
	"CHECK=sparse -D__typeof_unqual__=__typeof__" || true

# From the first to the last: each on its own.
n=0
for commit in $(tree_git rev-list --reverse base..series); do
	n=$((n + 1))
	check "patch $n builds" builds "$commit" || true
done
tree_git checkout -q -f series
finish
