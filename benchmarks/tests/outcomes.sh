# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Compare what happens to pages of the TDX module with outcomes.list.

# run_outcomes: sets outcomes_passed and outcomes_failed
run_outcomes()
{
	local base=$BUILD/$ENGINE-outcomes by

	say "  outcomes of events on Linux $KVERSION (logs: $base*)"
	(TDX_MODEL=106 engine_boot "$base.log" 180 6G outcomes step=1 "kernel=$KOBJ") || true
	{ sed -n 's/^outcome: //p; s/^tdx-host: .* SEAMCALLs, /end: /p' "$base.log"{,.host}
	  # The kernel stops at the store.  Only on a CPU with the erratum, its report has the state of the page.
	  for by in cpu device user partial v2; do
		run="outcomes store=$by" && [ $by != v2 ] || run="cycles design=v2 steps=9"
		(TDX_HOST=mce=1 TDX_MODEL=143 engine_boot "$base-$by.log" 60 6G $run) > /dev/null 2>&1 || true
		sed -n "s/.*\(Machine check: .*\|Kernel panic .*\|Uncorrected .* user-access\).*/$by: \1/p; s/^tdx-host: \(.*store.*\): .*, /$by: \1, /p" "$base-$by.log"{,.host}
	  done
	} > "$base.txt"

	grep -v '^#' "$TOP/benchmarks/tests/outcomes.list" > "$base.list"
	{ grep -xFf "$base.txt" "$base.list" | sed 's/^/  ok   /'; grep -vxFf "$base.txt" "$base.list" | sed 's/^/  BAD  missing: /'
	  grep -vxFf "$base.list" "$base.txt" | sed 's/^/  BAD  unexpected: /'; } > "$base.result" || true
	say "$(cat "$base.result")"
	outcomes_passed=$(grep -c '^  ok' "$base.result") || true
	outcomes_failed=$(grep -c '^  BAD' "$base.result") || true
}
