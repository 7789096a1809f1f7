#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# headers.sh: build the modules for Debian's kernels, with Debian's headers and compiler,
# and load them in a guest of the same kernel.  The oldest supported kernel comes from
# the stable release, the newest from its backports.  The last line of the output is
# "N passed, N failed" and counts kernels.
#
# Headers and compiler are in a Debian of their own (debootstrap), because the machine's
# compiler may be too old for them.
set -eu
. "$(dirname "$0")/../kernels/common.sh"
. "$(dirname "$0")/../kernels/debian.sh"
. "$(dirname "$0")/../kernels/external.sh"
. "$(dirname "$0")/../kernels/kernel.sh"
ENGINE=qemu
VARIANT=
. "$TOP/benchmarks/kernels/qemu.sh"

RELEASE=trixie

take_lock
"$TOP/benchmarks/kernels/setup.sh" headers
debian_root $RELEASE make,perl,python3-minimal,ca-certificates $RELEASE-backports

# newest PATTERN: the newest kernel for x86-64 whose name matches
newest()
{
	in_root apt-cache search --names-only "^linux-headers-$1-amd64\$" | cut -d ' ' -f 1 |
		sed 's/^linux-headers-//' | sort -V | tail -n 1
}

# Newer packages have the image in a package of its own.
get_kernel()
{
	local image=linux-image-$1

	! in_root apt-cache show "linux-binary-$1" > /dev/null 2>&1 || image=linux-binary-$1
	in_root apt-get -y -q --no-install-recommends install "linux-headers-$1" &&
	in_root sh -c "cd /tmp && rm -f linux-*.deb && apt-get -q download $image" &&
	in_root sh -c "cd /tmp && rm -rf image && dpkg-deb -x $image*.deb image && rm linux-*.deb" &&
	in_root sh -c "mv \$(find /tmp/image -type f -name 'vmlinuz*') /boot/vmlinuz-$1 && rm -rf /tmp/image" &&
	$SUDO chmod a+r "$ROOT/boot/vmlinuz-$1"
}

# Copy the sources: links do not work in the other Debian.
lay_out()
{
	rm -rf "$TREE" "$TREE.links" &&
	"$TOP/benchmarks/kernels/build-tree.sh" "$TREE.links" &&
	cp -rL "$TREE.links" "$TREE" && rm -rf "$TREE.links" &&
	$SUDO rm -rf "$ROOT/tree" && $SUDO cp -r "$TREE" "$ROOT/tree"
}

# smoke RELEASE: build and load
smoke()
{
	local headers=/usr/src/linux-headers-$1 log=$BUILD/headers-$1-smoke.log start=$SECONDS

	TREE=$BUILD/modules-debian-$1
	GUEST_ARGS="quiet panic=-1 log_buf_len=4M"
	step "$TREE.layout.log" "laying out the sources for Linux $1" lay_out
	external_modules "$TREE" in_root make -C "$headers" M=/tree W=1
	rm -rf "$TREE"
	cp -r "$ROOT/tree" "$TREE"

	say "  loading them in Linux $1 (log: $log)"
	# shellcheck disable=SC2046
	qemu_run "$log" 600 2G "$ROOT/boot/vmlinuz-$1" ram smoke $(qemu_machine "$ROOT/boot/vmlinuz-$1")
	say "  loading them in Linux $1: done in $((SECONDS - start)) s"
	$PYTHON -m tdxpa.log "$log" || return
	grep -qx 'guest: random walk: nothing wrong' "$log" || { grep 'random walk' "$log"; return 1; }
	grep -qx 'guest: SEAMCALL: refused' "$log" || { echo "tdx_seamcall was not refused"; return 1; }
	grep -q 'tdx_bench: {"kind": "end", "errno": 0}' "$log" || { echo "no benchmark"; return 1; }
}

kernels=
for pattern in '6\.12\.[0-9]+\+deb[0-9]+' '[0-9.]+\+deb[0-9]+'; do
	kernel=$(newest "$pattern")
	[ -n "$kernel" ] || die "Debian $RELEASE has no kernel headers for $pattern"
	[ -e "$ROOT/boot/vmlinuz-$kernel" ] ||
		step "$CACHE/log/headers-$kernel.log" "getting headers and image of Linux $kernel" get_kernel "$kernel"
	kernels="$kernels $kernel"
done
drop_lock
hold 9 "$ROOT.lock"
hold 8 "$BUILD/lock"

passed=0 failed=0
for kernel in $kernels; do
	if (smoke "$kernel"); then
		passed=$((passed + 1))
		echo "Linux $kernel: builds without warnings, loads, passes the random test, measures, refuses SEAMCALL"
	else
		failed=$((failed + 1))
		echo "Linux $kernel: failed; see $BUILD/headers-$kernel-smoke.log"
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
