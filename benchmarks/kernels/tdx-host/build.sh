#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh: build QEMU as an emulated TDX host, and print the path of qemu-system-x86_64.
# Builds are kept, by sources and compiler.  With --check, only return whether it is built.
. "$(dirname "$0")/../common.sh"

cd "$TOP"
here=benchmarks/kernels/tdx-host
sources=("$here"/{*.[ch],insert*,meson.build} arch/x86/virt/vmx/tdx/tests/{model.c,model_leaves.c,model.h,tdx_model.h}
	 arch/x86/include/asm/tdx_{connect,pa_array}.h benchmarks/seam/{tdx_seam.h,include/tdx.h})
key=$( (gcc -dumpfullversion; gcc -dumpmachine; cat "${sources[@]}") | sha256sum | cut -c 1-12)
dir=$CACHE/qemu-tdx-$key qemu=$dir/obj/qemu-system-x86_64
[ "${1:-}" != --check ] || { [ -e "$dir/complete" ]; exit; }
hold 9 "$dir.lock"
[ ! -e "$dir/complete" ] || { echo "$qemu"; exit; }

mirror=$(apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2> /dev/null |
	 awk '$1 == "main" && $2 ~ /debian\/$/ { print $2; exit }') && [ -n "$mirror" ] ||
	die "ENGINE=tdx: builds QEMU 7.2 of Debian 12, and apt has no Debian mirror; add one, or use ENGINE=qemu"

# Debian 12 has QEMU 7.2.  Its package index is private: the machine's apt stays as it is.
get_qemu()
{
	local apt=(apt-get -q -o "Dir::State=$dir/apt" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$dir/apt"
		   -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=- -o "APT::Sandbox::User=$(id -un)")

	rm -rf "$dir" && mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial" && cd "$dir" &&
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" > sources.list &&
	"${apt[@]}" update && "${apt[@]}" source qemu && mv qemu-7.2+dfsg qemu && rm -rf apt qemu_*
}

# kernel.h stands for all headers of a kernel that the software module includes.
insert_sources()
{
	local to=$dir/qemu/target/i386/tcg/sysemu/tdx-host header

	cd "$TOP" && $PYTHON $here/insert.py $here/insertions.txt "$dir/qemu" && mkdir -p "$to/include"/{asm,linux} &&
	cp --parents "${sources[@]}" "$to/" && cp $here/meson.build "$to/" && cp $here/tdx-host.h "$dir/qemu/include/exec/" &&
	for header in asm/tdx $(cat "${sources[@]}" | grep -oP '^#include <\Klinux/\w+'); do
		echo '#include "kernel.h"' > "$to/include/$header.h"
	done
}

build_qemu()
{
	mkdir -p "$dir/obj" && cd "$dir/obj" &&
	../qemu/configure --target-list=x86_64-softmmu --without-default-features --enable-system --enable-tcg \
		--enable-virtfs --enable-attr --enable-cap-ng && timeout 5400 ninja -j "$JOBS" qemu-system-x86_64
}

say "  QEMU with a TDX module is built once; that takes about 12 minutes on two CPUs"
step "$dir.source.log" "getting the sources of QEMU 7.2" get_qemu
step "$dir.insert.log" "inserting the TDX host" insert_sources
step "$dir.build.log" "building QEMU" build_qemu
touch "$dir/complete"
echo "$qemu"
