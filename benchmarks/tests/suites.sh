# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run the KUnit suites in the kernel that prepare() made, and judge them by their
# results and by the kernel's log.

# run_suites NAME SECONDS [ARGUMENT OF THE GUEST...]: run all, or $SUITE.  The last line
# of the output is "N passed, N failed", with ", N skipped" if any.  A log that is not
# clean counts as one failed.
run_suites()
{
	local base=$BUILD/$ENGINE-$1 seconds=$2 failed=0 status=0 start=$SECONDS watched=
	shift 2

	[ "$VARIANT" != sanitize ] || watched=--watched
	rm -f "$base.json"
	say "  running the suites on Linux $KVERSION ($ENGINE${VARIANT:+, $VARIANT}) (log: $base.log)"
	# 6 GiB of address space; only what is touched is taken from the host.
	if ! (engine_boot "$base.log" "$seconds" 6G test ${SUITE:+"suite=$SUITE"} "$@"); then
		echo "0 passed, 1 failed"
		return 1
	fi
	say "  running the suites: done in $((SECONDS - start)) s"

	sed -n '/^KTAP version 1/,/^guest: /p' "$base.log" | grep -v '^guest: ' > "$base.ktap"
	python3 "$KSOURCE/tools/testing/kunit/kunit.py" parse --json="$base.json" "$base.ktap" ||
		status=$?
	$PYTHON -m tdxpa.log $watched "$base.log" || failed=1
	$PYTHON -m tdxpa.count --also-failed $failed \
		--status $status "$base.json"
}
