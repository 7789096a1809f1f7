# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A second build of the modules in which calls to the allocators are counted.
# Only the last link differs, so the code is the one that is measured.

# All that the modules take from the kernel to get or return memory.
COUNTED='^(_*k[mvz]*alloc|_*kfree|kvfree|ksize|_*alloc_|_*free_|get_zeroed_page|get_free_page|__folio_put|_*folio_alloc|split_page|v[mz]*alloc|vfree|vm_map_ram|vm_unmap_ram|kmemdup)'

# count_modules: set FARM to a build with counting
count_modules()
{
	local plain=$FARM list wraps

	FARM=$plain-count
	list=$(nm -u "$plain"/arch/x86/virt/vmx/tdx/tdx_pa_array.ko "$plain"/benchmarks/designs/tdx_{v2,descriptor,bare_list,flat,floor}.ko |
	       awk '$1 == "U" { print $2 }' | grep -E "$COUNTED" | grep -vE '^ksize$|_caches$' | sort -u)
	[ -n "$list" ] || die "no allocator calls found in the modules of $plain"
	# shellcheck disable=SC2086
	wraps=$(printf -- '--wrap=%s ' $list)

	"$TOP/benchmarks/engines/farm.sh" "$FARM"
	mkdir -p "$FARM-lib"
	cp "$TOP"/benchmarks/count/tdx_count.[ch] "$FARM-lib/"
	# shellcheck disable=SC2086
	printf 'WRAP(%s);\n' $list > "$FARM-lib/count_list.h"
	echo 'obj-m := tdx_count.o' > "$FARM-lib/Kbuild"
	step "$FARM-lib.log" "building the counter" \
		make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$FARM-lib" modules
	step "$FARM.log" "building the modules with counted allocator calls" \
		make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$FARM" -j"$JOBS" LDFLAGS_MODULE="$wraps" modules
	mkdir -p "$FARM/benchmarks/count"
	cp "$FARM-lib/tdx_count.ko" "$FARM/benchmarks/count/"
}
