# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Another Debian next to the machine's own, for packages that the machine is too old for.

# in_root COMMAND...: in the Debian of $ROOT.  Builds read /proc.
in_root()
{
	# shellcheck disable=SC2016
	$SUDO unshare --mount sh -c 'mount -t proc proc "$0/proc" &&
		exec env DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$0" "$@"' "$ROOT" "$@"
}

# debian_root RELEASE PACKAGES [SUITE]: have RELEASE with PACKAGES (comma separated) in
# $ROOT, with SUITE as another source.  Sets ROOT and SUDO.
debian_root()
{
	local release=$1 packages=$2 suite mirror sources=()

	ROOT=$CACHE/debian-$release
	SUDO=
	[ "$(id -u)" -eq 0 ] || SUDO=sudo
	hold 9 "$ROOT.lock"
	[ ! -e "$ROOT/complete" ] || return 0

	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		 awk '$2 == "main" && $3 ~ /\/debian\/?$/ { print $3; exit }')
	[ -n "$mirror" ] || die "apt knows no Debian mirror on this machine: add one to /etc/apt/sources.list"
	for suite in "$release" ${3:+"$3"}; do
		sources+=("deb $mirror $suite main")
	done

	make_root()
	{
		$SUDO rm -rf "$ROOT" &&
		$SUDO timeout 900 mmdebstrap --variant=apt --mode=root --skip=cleanup/apt/lists \
			--include="$packages" "$release" "$ROOT" "${sources[@]}" &&
		$SUDO touch "$ROOT/complete"
	}
	step "$ROOT.log" "getting Debian $release" make_root
}
