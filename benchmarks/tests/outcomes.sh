# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Compare what happens to pages of the TDX module with outcomes.list.

# run_outcomes: sets outcomes_passed and outcomes_failed
run_outcomes()
{
	local base=$BUILD/$ENGINE-outcomes list=$TOP/benchmarks/tests/outcomes.list line

	say "  outcomes of events on Linux $KVERSION (logs: $base*)"
	(engine_boot "$base.log" 180 6G outcomes step=1 "kernel=$KOBJ") || true
	# The kernel stops at the store.  Only on a CPU with the erratum, its report has the state of the page.
	(TDX_HOST=mce=1 TDX_MODEL=143 engine_boot "$base-mce.log" 60 6G outcomes step=1 store=Y) > /dev/null 2>&1 || true
	{ sed -n 's/^outcome: //p' "$base.log"
	  sed -n 's/^tdx-host: .* SEAMCALLs, /end: /p' "$base.log.host"
	  sed -n 's/.*mce: \[Hardware Error\]: Machine check: /machine check: /p; s/.*Kernel panic - not syncing: /panic: /p' "$base-mce.log"
	  sed -n 's/.*: \(store to an owned page\): .*\(, machine check\)/\1\2/p' "$base-mce.log.host"
	} > "$base.txt"

	outcomes_passed=0 outcomes_failed=0
	while read -r line; do
		if grep -qxF "$line" "$base.txt"; then
			: $((++outcomes_passed))
			say "  ok   $line"
		else
			: $((++outcomes_failed))
			say "  BAD  missing: $line"
		fi
	done < <(grep -v '^#' "$list")
	while read -r line; do
		: $((++outcomes_failed))
		say "  BAD  unexpected: $line"
	done < <(grep -vxFf "$list" "$base.txt")
}
