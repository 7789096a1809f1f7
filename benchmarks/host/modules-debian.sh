#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# modules-debian.sh: build the modules for Debian's kernels, with Debian's headers and compiler,
# and load them in a guest of the same kernel.  The oldest supported kernel comes from
# the stable release, the newest from its backports.  kernels.sh sets RELEASE, another release,
# and SOURCE, a pattern of one kernel.  The last line is "N passed, N failed" and counts kernels.
#
# The machine's own compiler may be too old, so headers and compiler are in another Debian.
. "$(dirname "$0")/../kernels/common.sh"
. "$TOP/benchmarks/kernels/kernel.sh"
. "$TOP/benchmarks/kernels/qemu.sh"
ENGINE=qemu VARIANT='' RELEASE=${RELEASE:-trixie}
GUEST_ARGS="quiet panic=-1 log_buf_len=4M"

take_lock
"$TOP/benchmarks/kernels/setup.sh" headers
ROOT=$CACHE/debian-$RELEASE SUDO=$([ "$(id -u)" -eq 0 ] || echo sudo)
hold 9 "$ROOT.lock"
hold 8 "$BUILD/lock"

# in_root COMMAND...: in the Debian of $ROOT.  Builds read /proc.
in_root()
{
	# shellcheck disable=SC2016
	$SUDO unshare --mount sh -c 'mount -t proc proc "$0/proc" &&
		exec env DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$0" "$@"' "$ROOT" "$@"
}

# make_root: a Debian with make and compiler, from this machine's mirror.  dash needs descriptors below 10.
make_root()
{
	local mirror suites=$RELEASE

	[ "$RELEASE" = sid ] || suites+=" $RELEASE-backports"
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		 awk '$1 == "main" && $2 ~ /\/debian\/?$/ { print $2; exit }')
	[ -n "$mirror" ] || { echo "apt has no Debian mirror: add one to /etc/apt/sources.list"; return 1; }
	$SUDO rm -rf "$ROOT" &&
	printf "deb $mirror %s main\n" $suites | $SUDO timeout 900 mmdebstrap --variant=apt --mode=root --skip=cleanup/apt/lists \
		--include=make,perl,python3-minimal,ca-certificates $RELEASE "$ROOT" - 6>&- 8>&- 9>&- &&
	$SUDO touch "$ROOT/complete"
}
[ -e "$ROOT/complete" ] || step "$ROOT.log" "getting Debian $RELEASE" make_root

get_kernel()
{
	local image=linux-image-$1

	# Newer packages have the image in a package of its own.
	! in_root apt-cache show "linux-binary-$1" > /dev/null 2>&1 || image=linux-binary-$1
	in_root apt-get -y -q --no-install-recommends install "linux-headers-$1" &&
	in_root sh -ec "cd /tmp; rm -rf image linux-*.deb; apt-get -q download $image
		dpkg-deb -x $image*.deb image; image=\$(find image -type f -name 'vmlinuz*')
		chmod a+r \$image; mv \$image /boot/vmlinuz-$1; rm -rf image linux-*.deb"
}

# Links do not work in the other Debian.
copy_sources()
{
	"$TOP/benchmarks/kernels/build-tree.sh" "$TREE" &&
	$SUDO rm -rf "$ROOT/tree" && $SUDO cp -rL "$TREE" "$ROOT/tree"
}

# load_modules RELEASE: build, load and run them
load_modules()
{
	local log=$BUILD/headers-$1.log kernel=$ROOT/boot/vmlinuz-$1 line

	TREE=$BUILD/modules-debian
	step "$TREE-$1.copy.log" "copying the sources for Linux $1" copy_sources
	external_modules "$TREE-$1" in_root make -C "/usr/src/linux-headers-$1" M=/tree W=1
	TREE=$ROOT/tree
	say "  loading them in Linux $1 (log: $log)"
	# shellcheck disable=SC2046
	qemu_run "$log" 600 2G "$kernel" ram smoke $(qemu_machine "$kernel")
	$PYTHON -m tdxpa.log "$log" || return
	for line in 'guest: random walk: nothing wrong' 'guest: SEAMCALL: refused' 'tdx_bench: {"kind": "end", "errno": 0}'; do
		grep -qF "$line" "$log" || { echo "the guest did not print: $line"; return 1; }
	done
}

passed=0 failed=0
for pattern in ${SOURCE:-'6\.12\.[0-9]+\+deb[0-9]+' '[0-9.]+\+deb[0-9]+'}; do
	kernel=$(in_root apt-cache search --names-only "^linux-headers-$pattern-amd64\$")
	kernel=$(sort -V <<< "$kernel" | tail -n 1)
	kernel=${kernel%% *} kernel=${kernel#linux-headers-}
	[ -n "$kernel" ] || die "Debian $RELEASE has no kernel headers for $pattern"
	[ -e "$ROOT/boot/vmlinuz-$kernel" ] ||
		step "$CACHE/log/headers-$kernel.log" "getting headers and image of Linux $kernel" get_kernel "$kernel"
	if (load_modules "$kernel"); then
		passed=$((passed + 1))
		echo "Linux $kernel: builds without warnings, loads, passes the random test, measures, refuses SEAMCALL"
	else
		failed=$((failed + 1))
		echo "Linux $kernel: failed; see $BUILD/headers-$kernel.log"
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
