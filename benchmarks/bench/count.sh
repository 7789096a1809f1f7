# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A second build of the modules in which calls to the allocators are counted.
# Only the last link differs, so the code is the one that is measured.

# All that the modules take from the kernel to get or return memory.
COUNTED='^(_*k[mvz]*alloc|_*kfree|kvfree|ksize|_*alloc_|_*free_|get_zeroed_page|get_free_page|__folio_put|_*folio_alloc|split_page|v[mz]*alloc|vfree|vm_map_ram|vm_unmap_ram|kmemdup)'

# count_modules: set TREE to a build with counting
count_modules()
{
	local plain=$TREE list wraps

	TREE=$plain-count
	list=$(nm -u "$plain"/arch/x86/virt/vmx/tdx/tdx_pa_array.ko "$plain"/benchmarks/designs/tdx_{v2,descriptor,bare_list,flat,floor}.ko |
	       awk '$1 == "U" { print $2 }' | grep -E "$COUNTED" | grep -vE '^ksize$|_caches$' | sort -u)
	[ -n "$list" ] || die "no allocator calls found in the modules of $plain"
	# shellcheck disable=SC2086
	wraps=$(printf -- '--wrap=%s ' $list)

	"$TOP/benchmarks/kernels/build-tree.sh" "$TREE"
	mkdir -p "$TREE-lib"
	cp "$TOP"/benchmarks/bench/tdx_count.[ch] "$TREE-lib/"
	# shellcheck disable=SC2086
	printf 'WRAP(%s);\n' $list > "$TREE-lib/count_list.h"
	echo 'obj-m := tdx_count.o' > "$TREE-lib/Kbuild"
	step "$TREE-lib.log" "building the counter" \
		make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$TREE-lib" modules
	step "$TREE.log" "building the modules with counted allocator calls" \
		make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$TREE" -j"$JOBS" LDFLAGS_MODULE="$wraps" modules
	mkdir -p "$TREE/benchmarks/bench"
	cp "$TREE-lib/tdx_count.ko" "$TREE/benchmarks/bench/"
}
