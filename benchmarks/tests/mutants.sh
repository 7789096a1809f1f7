#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [check]: break each rule in mutants.list, or in mutants-qemu.list with ENGINE=qemu,
# one at a time, and run the suites.  A mutant that survives is a rule that no test guards.
# MUTANT=text selects the rules that contain the text.  "check" only checks that each mutant
# changes its file.  The last line is "N passed, N failed" and counts mutants.  A failing
# test or a panic kills a mutant.  A complaint in the kernel log is a failing test, as in make
# test.  Another end is an error.
. "$(dirname "$0")/../kernels/common.sh"

# The folders in benchmarks/ that are built, and the suite to run: all if empty
if [ "${ENGINE:-uml}" = uml ]; then
	list=mutants.list dir=arch/x86/virt/vmx/tdx folders='seam/ designs/ host/driver/ host/trace/ tests/' suite=
else
	list=mutants-qemu.list dir=benchmarks/host/seamcall folders='seam/ host/seamcall/' suite=suite=tdx_seamcall
fi

mapfile -t mutants < <(awk -F ' [|] ' -v text="${MUTANT:-}" '/^[^#]/ && index($1, text)' "$TOP/benchmarks/tests/$list")
nr=${#mutants[@]} idle=0
[ "$nr" -gt 0 ] || die "MUTANT=$MUTANT: no rule contains this text; see benchmarks/tests/$list"

# mutant NUMBER: sets rule, file and script
mutant()
{
	rule=${mutants[$1]%% | *} script=${mutants[$1]#* | }
	file=${script%% | *} script=${script#* | }
	[[ $file == */* ]] || file=$dir/$file
}

for ((n = 0; n < nr; n++)); do
	mutant $n
	! sed "$script" "$TOP/$file" | cmp -s - "$TOP/$file" ||
		{ say "error: $list: \"$rule\" changes nothing in $file"; idle=1; }
done
[ $idle -eq 0 ] && [ -z "${1:-}" ] || exit $idle

prepare
tree=$TREE-mutant
ends=$BUILD/mutants.ends

# run_mutant: print how it ended, nothing if it survived
run_mutant()
{
	local log=$TREE.console rc=0

	: > "$log"
	make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$TREE" -j1 modules > "$TREE.log" 2>&1 ||
		{ echo "NOT TRIED: does not build: $TREE.log"; return; }
	(engine_boot "$log" 300 6G test without=designs until=failure $suite) > /dev/null 2>&1 || rc=$?
	if ! grep -q '^guest: tests begin' "$log"; then
		echo "NOT TRIED: does not boot: $log"
	elif grep -qE '^ *not ok' "$log"; then
		grep -oE '^ *not ok [0-9]+ [a-z_]+$' "$log" | awk '{ print $4 }' | grep -v '^tdx_' |
			head -n 3 | paste -sd ' ' | sed 's/^/killed: /'
	elif [ $rc -ne 0 ]; then
		if grep -q 'Kernel panic' "$log"; then echo "killed: panic"; else echo "NOT TRIED: the guest ended: $log"; fi
	elif $PYTHON -m tdxpa.log "$log" | grep -qE '^unexpected: .*(WARNING|BUG|unreferenced|cannot unload)'; then
		echo "killed: the kernel log"
	fi
}

# worker K: every mutant of $JOBS, from the K-th on, in a build of its own
worker()
{
	local n end

	TREE=$tree-$1
	rm -rf "$TREE"
	"$TOP/benchmarks/kernels/build-tree.sh" "$TREE"
	rm "$TREE/benchmarks/Kbuild" "$TREE/benchmarks/host/trace/Kbuild"
	echo "obj-m += $folders" > "$TREE/benchmarks/Kbuild"
	echo "obj-m += trace_kunit.o" > "$TREE/benchmarks/host/trace/Kbuild"
	# Of the designs, the driver only needs flat.
	sed -i -nE 's/ tdx_faults\.o//; /tdx_(designs|flat)\b|^CFLAGS_flat/p' "$TREE/benchmarks/designs/Kbuild"
	sed -i 's/ model_kunit.o / /' "$TREE/arch/x86/virt/vmx/tdx/tests/Kbuild"

	# The suites must pass before anything is broken.
	end=$(run_mutant)
	[ -z "$end" ] || die "without a mutant: $end"

	for ((n = $1; n < nr; n += JOBS)); do
		kill -0 $$ 2> /dev/null || break
		mutant $n
		rm "$TREE/$file"
		sed "$script" "$TOP/$file" > "$TREE/$file"
		end=$(run_mutant)
		printf '%-56s %s\n' "$rule" "${end:-SURVIVED}" | tee -a "$ends"

		# A new time makes the next build notice.
		cp "$TOP/$file" "$TREE/$file"
	done
	rm -rf "$TREE"
}

# Each worker is a process group, which is ended with everything that it started.
: > "$ends"
workers=
trap 'kill -- ${workers// / -} 2> /dev/null' EXIT
trap 'exit 130' INT TERM
set -m
for ((k = 0; k < JOBS; k++)); do
	worker $k < /dev/null &
	workers+=" $!"
done
set +m
wait
trap - EXIT INT TERM

killed=$(grep -c ' killed: ' "$ends" || true)
untried=$((nr - killed - $(grep -c ' SURVIVED$' "$ends" || true)))
[ $untried -eq 0 ] || say "error: $untried of $nr mutants were not tried"
echo "$killed passed, $((nr - killed)) failed"
[ "$killed" -eq $nr ]
