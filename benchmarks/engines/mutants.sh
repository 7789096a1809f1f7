#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [list]: break each rule in mutants.list, or mutants-qemu.list with ENGINE=qemu, one at
# a time, and see the tests go red.  A mutant that survives is an error: a rule that nothing guards.
# MUTANT=text runs those whose rule contains the text.  With "list", only see that each of the
# list finds something to break.
set -eu
. "$(dirname "$0")/common.sh"

# What is broken is the array, its driver, or SEAMCALL, and its own suites are to notice.
if [ "${ENGINE:-uml}" = uml ]; then
	list=mutants.list dir=arch/x86/virt/vmx/tdx others=' benchmarks/driver/' suite=
else
	list=mutants-qemu.list dir=benchmarks/seamcall others=' benchmarks/seamcall/' suite=suite=tdx_seamcall
fi

# next_mutant: the next line of the list; sets rule, file and script
next_mutant()
{
	local line rest

	while IFS= read -r line; do
		case $line in '#'* | '') continue ;; esac
		rule=${line%% | *}
		rest=${line#* | }
		file=${rest%% | *}
		script=${rest#* | }
		[[ $file == */* ]] || file=$dir/$file
		return 0
	done
	return 1
}

# A script that finds nothing is of code that has changed.
idle=0
while next_mutant; do
	sed "$script" "$TOP/$file" | cmp -s - "$TOP/$file" || continue
	say "$list: nothing to break for \"$rule\" in $file"
	idle=1
done < "$TOP/benchmarks/mutants/$list"
[ $idle -eq 0 ] || exit 1
[ "${1:-}" != list ] || exit 0

prepare
farm=$FARM-mutant
ends=$BUILD/mutants.ends

# How a mutant ended: "red" with the names of the first tests that failed.
run_mutant()
{
	local log=$FARM.console

	if ! make -C "$KOBJ" ARCH="$ENGINE_ARCH" M="$FARM" -j"$JOBS" \
	     CONFIG_TDX_PA_ARRAY=m CONFIG_TDX_MODEL=m CONFIG_TDX_PA_ARRAY_KUNIT_TEST=m modules \
	     > "$FARM.log" 2>&1; then
		echo "does not build: $FARM.log"
		return
	fi
	if ! (engine_boot "$log" 60 6G test without=designs $suite) 2> /dev/null; then
		echo "red: the kernel stopped"
		return
	fi
	grep -oE '^ *not ok [0-9]+ [a-z_]+$' "$log" | awk '{ print $4 }' | grep -v '^tdx_' |
		head -n 3 | paste -sd ' ' | sed 's/^./red: &/'
}

# worker K: every mutant of $JOBS, from the K-th on, in a build of its own
worker()
{
	local n=0 rule file script end

	FARM=$farm-$1
	rm -rf "$FARM"
	"$TOP/benchmarks/engines/farm.sh" "$FARM"
	sed -i "s| benchmarks/\$|$others|" "$FARM/Kbuild"

	# A suite that is red anyway, or a guest that does not boot, kills nothing.
	end=$(run_mutant)
	[ -z "$end" ] || die "without any mutant: $end"

	while next_mutant; do
		case $rule in *"${MUTANT:-}"*) ;; *) continue ;; esac
		[ $((n++ % JOBS)) -eq "$1" ] || continue

		rm "$FARM/$file"
		sed "$script" "$TOP/$file" > "$FARM/$file"

		end=$(run_mutant)
		case $end in
		red*) ;;
		*) end="SURVIVED ${end:-}" ;;
		esac
		printf '%-48s %s\n' "$rule" "$end" | tee -a "$ends"

		# Mend it, with a new time, so that make notices.
		cp "$TOP/$file" "$FARM/$file"
	done < "$TOP/benchmarks/mutants/$list"
	rm -rf "$FARM"
}

# Each worker is a group of processes, to be ended with all that it has started.
: > "$ends"
workers=
trap 'for w in $workers; do kill -- -"$w" 2> /dev/null; done' EXIT
trap 'exit 130' INT TERM
set -m
for ((k = 0; k < JOBS; k++)); do
	worker $k < /dev/null &
	workers+=" $!"
done
set +m
failed=0
for w in $workers; do
	wait "$w" || failed=1
done
trap - EXIT INT TERM
[ $failed -eq 0 ] || die "some mutants were not tried"

survived=$(grep -c ' SURVIVED ' "$ends" || true)
killed=$(($(wc -l < "$ends") - survived))
echo "$killed passed, $survived failed"
[ "$survived" -eq 0 ] && [ $killed -gt 0 ]
