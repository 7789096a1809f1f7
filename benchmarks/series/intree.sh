#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# intree.sh: apply the series of patches.sh to a clean copy of the kernel.  Check, build and test
# it like a maintainer.  With WHAT=random, build it only, for $STEPS random configurations from $SEED
# and for allmodconfig.  The last line is "N passed, N failed", with ", N skipped" if any.

[ -n "$(git config user.email 2> /dev/null)" ] || export GIT_AUTHOR_NAME=nobody GIT_AUTHOR_EMAIL=nobody@localhost
. "$(dirname "$0")/patches.sh" > /dev/null
. "$TOP/benchmarks/kernels/kernel.sh"
. "$TOP/benchmarks/kernels/tdx.sh"
"$TOP/benchmarks/kernels/setup.sh" intree
[ "$WHAT" = random ] || { "$TOP/benchmarks/kernels/setup.sh" tdx; qemu=$("$TOP/benchmarks/kernels/tdx-host/build.sh"); }
version=$(make -s -C "$src" kernelversion)
# The copy of the kernel and its builds are kept, one for each source.
work=$CACHE/intree-$version-$(echo "$src" | sha256sum | cut -c 1-12)
tree=$work/tree logs=$BUILD/intree dir=arch/x86/virt/vmx/tdx patches=("$BUILD"/patches/*.patch)
hold 9 "$work/lock"
rm -rf "$logs"
mkdir -p "$logs" "$work/bin"
# kunit.py uses KVM if /dev/kvm opens, but on some machines no kernel boots with it.
printf '%s\n' '#!/bin/bash' 'exec /usr/bin/qemu-system-x86_64 "${@/#kvm/tcg}"' > "$work/bin/qemu-system-x86_64"
chmod +x "$work/bin/qemu-system-x86_64"
# The kernel's tools need the distribution's Python.
PATH=$work/bin:/usr/bin:/bin:/usr/sbin:/sbin:$PATH
passed=0 failed=0 skipped=0

# check TITLE COMMAND...: status 0 passes, 77 skips; the output is in a log.  Builds keep the locks.
check()
{
	local log start=$SECONDS rc=0

	log=$logs/$(echo "$1" | tr -cs '[:alnum:]\n' -).log
	("${@:2}") > "$log" 2>&1 < /dev/null || rc=$?
	case $rc in
	0)	: $((++passed))
		say "  ok   $1 ($((SECONDS - start)) s)" ;;
	77)	: $((++skipped))
		say "  --   $1: skipped: $(tail -n 1 "$log")" ;;
	*)	: $((++failed))
		say "  BAD  $1 ($((SECONDS - start)) s; log: $log)"
		tail -n 15 "$log" >&2
		return 1 ;;
	esac
}

finish()
{
	echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
	exit $((failed > 0 || passed == 0))
}

# Git has only the files that the series changes: to add all files takes minutes.
clean_kernel()
{
	[ -e "$tree/.git" ] || { rm -rf "$tree" "$tree.part" && cp -a "$src" "$tree.part" &&
		rm -rf "$tree.part/.git" && git init -q "$tree.part" && mv "$tree.part" "$tree"; } || return
	cd "$tree" && git fetch -q -f "$BUILD/patches.git" base:refs/tags/base || return
	git am --quit
	git checkout -q -f -B series base && git ls-files | xargs -I {} cmp "$src/{}" {}
}

# maintained() checks MAINTAINERS.  The SPDX check needs a kernel's git.
checkpatch()
{
	local ignore=FILE_PATH_CHANGES

	! grep -q '^+++ .*_trace\.h$' "$1" || ignore+=,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE
	cd "$tree" && GIT_DIR=none perl scripts/checkpatch.pl --strict --terse --ignore $ignore "$1"
}

new_files() { git -C "$tree" diff --name-only --diff-filter=A base series; }

maintained()
{
	cd "$tree"
	for f in $(new_files); do
		perl scripts/get_maintainer.pl --no-git-fallback --no-email --no-l --sections -f "$f" |
			grep -q 'TRUST DOMAIN' || { echo "$f: not in the TDX entry"; return 1; }
	done
}

kernel_doc()
{
	cd "$tree"
	! new_files | grep -E '\.[ch]$' | grep -v _kunit | xargs tools/docs/kernel-doc -none -Wall 2>&1 | grep .
}

# Sphinx also warns about pages that are not part of the series.
page()
{
	local html=$work/doc/Documentation/output/arch/x86/tdx-pa-array.html

	rm -f "$html"
	make -C "$tree" O="$work/doc" SPHINXDIRS=arch/x86 htmldocs 2>&1 | tee "$logs/page.txt"
	ls "$html" && ! grep -E 'x86/tdx-pa-array|asm/tdx_|vmx/tdx/' "$logs/page.txt"
}

# With an untrusted clock, the kernel does not print a message about it between the results.
kunit()
{
	local log=$logs/kunit.txt args=(--arch=x86_64 "--kunitconfig=$dir/tests/x86_64.kunitconfig" --build_dir="$work/x86_64")

	cd "$tree" && python3 tools/testing/kunit/kunit.py build "${args[@]}" --jobs="$JOBS" || return
	guest_run "$log" 660 python3 tools/testing/kunit/kunit.py exec "${args[@]}" --timeout=600 --kernel_args=tsc=unstable
	cat "$log" && [ $guest_status -eq 0 ] &&
		cp "$work/x86_64/.config" "$work/x86_64.config" &&
		sed '/_KUNIT\|^CONFIG_TDX_PA_ARRAY/d' "$work/x86_64.config" > "$work/plain.config"
}

# build CONFIG DIRECTORY TARGET [VARIABLE=VALUE...]: only the tests select CONFIG_TDX_PA_ARRAY.
build()
{
	mkdir -p "$work/$2" && cp "$work/$1.config" "$work/$2/.config" || return
	set -- "$3" make -C "$tree" O="$work/$2" ARCH=x86_64 -j"$JOBS" CONFIG_TDX_PA_ARRAY=y "${@:4}"
	"${@:2}" olddefconfig > /dev/null && "${@:2}" "$1"
}

# no_warning VERB CONFIG DIRECTORY VARIABLE=VALUE...: build the files of the series without a
# warning.  make prints VERB for each file.  Sparse 0.6.4 rejects MODULE_LICENSE().
no_warning()
{
	local out

	find "$work/$3" -path "*/$dir/*.o" -delete 2> /dev/null
	out=$(build "$2" "$3" $dir/ "${@:4}" 2>&1) || { echo "$out"; return 1; }
	echo "$out"
	[ "$(grep -E "^  $1 .*/(pa_array|tdh)\." <<< "$out" | sort -u | wc -l)" -eq 2 ] ||
		{ echo "error: make did not process all files"; return 1; }
	! grep -E "^[^ ]*(/$dir/|asm/tdx)[^ ]+:[0-9]+:[0-9]+: (warning|error): " <<< "$out" |
		grep -v 'error: bad constant expression$'
}

# configured COMPILER [SEED]: build the files of the series with allmodconfig, or with a random
# configuration.  Of four seeds, three have INTEL_TDX_HOST, and two the tests, if other options allow it.
# Warnings in other files do not count.
configured()
{
	local out=$work/random-$1 filters=(d '/KUNIT\|TRACE/d' '' '')

	mkdir -p "$out" && sed "${filters[${2:-0} % 4]}" "$tree/$dir/tests/x86_64.kunitconfig" > "$work/forced.config" &&
		KCONFIG_SEED=${2:-} KCONFIG_ALLCONFIG=$work/forced.config \
			make -C "$tree" O="$out" ARCH=x86_64 CC="$1" "$([ -n "${2:-}" ] && echo rand || echo allmod)config" &&
		cp "$out/.config" "$work/random.config" || return
	if ! grep '^CONFIG_INTEL_TDX_HOST=y' "$out/.config"; then
		[ -n "${2:-}" ] && ! grep CONFIG_TDX_PA_ARRAY "$out/.config" || return 1
		echo "Kconfig leaves the series out, without INTEL_TDX_HOST"
		return 77
	fi
	no_warning CC random "random-$1" W=1 CC="$1" CONFIG_WERROR=
}

# builds COMMIT: a kernel with the patches up to this one
builds()
{
	git -C "$tree" checkout -q -f "$1" && build x86_64 x86_64 vmlinux &&
		nm "$work/x86_64/vmlinux" | grep ' tdx_pa_array_free$'
}

# The suites with emulated_module.c, see there.  With stubs, they would make only the SEAMCALLs of a boot.
emulated()
{
	local log=$logs/emulated.txt

	cp "$TOP"/benchmarks/{series/emulated_module.c,kernels/tdx-host/tdx-host.h} "$tree/$dir/tests/" &&
	sed -i 's/^obj-y += model.o .*/obj-y += emulated_module.o/' "$tree/$dir/tests/Makefile" &&
	build x86_64 x86_64 bzImage || return
	export CPUS=1 TDX_HOST_LOG=$logs/emulated.host
	# shellcheck disable=SC2046
	guest_run "$log" 600 "$qemu" $(tdx_machine) -m 1G -nodefaults -no-user-config -display none -no-reboot \
		-chardev stdio,id=console,signal=off -serial chardev:console -kernel "$work/x86_64/arch/x86/boot/bzImage" \
		-append "console=ttyS0 panic=-1 kunit.enable=1 kunit_shutdown=reboot tsc=unstable"
	[ $guest_status -eq 0 ] || return
	git -C "$tree" clean -fdq "$dir/tests" && git -C "$tree" checkout -q -f series || return
	python3 "$tree/tools/testing/kunit/kunit.py" parse "$log" && grep 'TDX-Module initialized' "$log" &&
		grep -E '^tdx-host: [0-9]{6,} SEAMCALLs, 0 stores to owned pages, 0 partial stores' "$logs/emulated.host"
}

# The tree of the user may have changed.
[ -z "${KSRC:-}" ] || rm -rf "$tree"
check "Linux $version without the series" clean_kernel || finish
check "git am, ${#patches[@]} patches" git -C "$tree" am -q "${patches[@]}" || finish
if [ "$WHAT" = random ]; then
	for compiler in gcc clang-19; do
		for seed in "" $(seq "${SEED:=$RANDOM}" $((SEED + ${STEPS:-20} - 1))); do
			check "$compiler, ${seed:+random, SEED=}${seed:-allmodconfig}" configured $compiler $seed || true
		done
	done
	finish
fi
for p in "${patches[@]}"; do
	check "checkpatch --strict $(basename "$p" .patch)" checkpatch "$p" || true
done
check "MAINTAINERS has an entry for each file" maintained || true
check "the series exports nothing" eval '! grep -n EXPORT "${patches[@]}"' || true
check "kernel-doc" kernel_doc || true
check "htmldocs" page || true
say "  building Linux $version; the first time, this takes some ten minutes"
check "kunit.py --arch=x86_64" kunit || finish
grep 'Testing complete' "$logs"/kunit-py-*.log >&2 || true
check "no warning, gcc W=1" no_warning CC x86_64 x86_64 W=1 || true
check "no warning, gcc W=1, KUNIT=n" no_warning CC plain plain W=1 || true
# Linux 7.3 needs clang 17; Debian 12 has this version.
clang() { command -v clang-19 || { echo "install clang-19"; return 77; }; no_warning CC x86_64 clang CC=clang-19 W=1; }
check "no warning, clang-19 W=1" clang || true
# The kernel does without __typeof_unqual__ if sparse does not have it.
check "no warning, sparse" no_warning CHECK x86_64 x86_64 C=2 "CHECK=sparse -D__typeof_unqual__=__typeof__" || true
for commit in $(git -C "$tree" rev-list --reverse base..series); do
	check "builds at \"$(git -C "$tree" log -1 --format=%s "$commit")\"" builds "$commit" || true
done
check "KUnit suites on an emulated TDX host" emulated || true
grep 'Testing complete' "$logs"/KUnit-suites-*.log >&2 || true
finish
