# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run KUnit suites in the kernel of prepare(), and check their results and the kernel's log.

# run_suites NAME SECONDS [ARGUMENT OF THE GUEST...]: run all suites, or $SUITE.  The last line
# is "N passed, N failed, N skipped" and counts tests.  A log with complaints is a failed test.
run_suites()
{
	local base=$BUILD/$ENGINE-$1 seconds=$2 start=$SECONDS rc=0 passed failed

	say "  running the suites on Linux $KVERSION ($ENGINE${VARIANT:+, $VARIANT}) (log: $base.log)"
	# 6 GiB of address space; the host only provides the used part.
	(engine_boot "$base.log" "$seconds" 6G test ${SUITE:+"suite=$SUITE"} "${@:3}") ||
		{ echo "0 passed, 1 failed"; return 1; }
	say "  running the suites: done in $((SECONDS - start)) s"

	sed -n '/^KTAP version 1/,/^guest: /p' "$base.log" | grep -v '^guest: ' > "$base.ktap"
	$PYTHON "$KSOURCE/tools/testing/kunit/kunit.py" parse "$base.ktap" > "$base.results" || rc=1
	cat "$base.results"
	$PYTHON -m tdxpa.log "$base.log" "$VARIANT" || rc=1
	# Linux 7.3 disables the TDX module when it shuts down.
	[ "$ENGINE${KSRC:-}" != tdx ] || grep -q 'the module is off$' "$base.log.host" || { say "  BAD  the TDX module is still on"; rc=1; }

	nr_tests() { grep -oP "Testing complete.*\b$1: \K\d+" "$base.results" || echo 0; }
	passed=$(nr_tests passed) failed=$(($(nr_tests failed) + $(nr_tests crashed) + $(nr_tests errors)))
	[ $rc -eq 0 ] || [ $failed -gt 0 ] || failed=1
	[ "$ENGINE${KSRC:-}${SUITE:-}${CPUS:-}${TDX_MODEL:-}" != tdx ] || failed=$((failed + $(nr_tests skipped)))	# This machine has what all cases need.
	passed=$((passed + ${outcomes_passed:-0})) failed=$((failed + ${outcomes_failed:-0}))
	echo "$passed passed, $failed failed, $(nr_tests skipped) skipped"
	[ "$passed" -gt 0 ] && [ $failed -eq 0 ]
}
