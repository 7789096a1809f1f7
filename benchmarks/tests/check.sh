#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: every check that needs no guest.  The last line counts them: "N passed, N failed".
. "$(dirname "$0")/../kernels/common.sh"

MAX_LINES=7000

prepare_source check
cd "$TOP"
error=$(git rev-parse --git-dir 2>&1) || die "git cannot list the files to check: $error"

# The kernel's tools need the distribution's Python, with its modules.
PATH=/usr/bin:/bin:$PATH
out=$BUILD/check.log passed=0 failed=0
exec 3>&2

# check TITLE COMMAND...: passes without output and with status 0
check()
{
	if "${@:2}" > "$out" 2>&1 && [ ! -s "$out" ]; then
		say "  ok   $1"
		: $((++passed))
	else
		say "  BAD  $1"
		cat "$out"
		: $((++failed))
	fi
}

# quiet COMMAND...: print the output if it fails, else the last line
quiet()
{
	local text

	text=$("$@" 2>&1) || { echo "$text"; return 1; }
	say "       ${text##*$'\n'}" 2>&3
}

# files PATTERN: the files of the repository that match
files()
{
	git ls-files --cached --others --exclude-standard | grep -E "$1" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
}
C='^(arch|benchmarks)/.*\.[ch]$' SHELL_SCRIPTS='\.sh$|/guest-init$|^\.ci/run$'

checkpatch()
{
	local f pattern types allow rc=0

	# Its SPDX check needs a kernel's git.  It leaves a file in the directory that it runs in.
	for f in $(files "$C"); do
		allow=''
		while read -r pattern types; do
			# shellcheck disable=SC2053
			[[ $f != $pattern ]] || allow=--ignore=$types
		done < benchmarks/tests/checkpatch.list
		(cd "$BUILD" && GIT_DIR=none perl "$src/scripts/checkpatch.pl" --root="$src" --strict --terse \
			--no-summary $allow -f "../$f") || rc=1
	done
	return $rc
}

line_limit() { files "\.py$|$SHELL_SCRIPTS" | xargs cat | awk -v max=$MAX_LINES 'END { if (NR > max) print NR " lines" }'; }

mutants() { for engine in uml qemu; do ENGINE=$engine bash benchmarks/tests/mutants.sh check; done; }

# Files that are only data or printed have no such line.
check "SPDX line in every file" eval "files . | grep -vE '^(LICENSES/|benchmarks/results/|benchmarks/help.txt)' |
	xargs -d '\n' grep -L 'SPDX-License-Identifier: GPL-2.0' || true"
check "checkpatch --strict" checkpatch
check "kernel-doc" eval "files '$C' | grep -v _kunit | xargs $src/tools/docs/kernel-doc -none -Wall"
check "shellcheck" eval "files '$SHELL_SCRIPTS' | xargs shellcheck -x -P SCRIPTDIR -S warning"
check "pyflakes" eval "files '\.py\$' | xargs $PYTHON -m pyflakes"
# shellcheck disable=SC2046
check "mypy" quiet env MYPYPATH=benchmarks $PYTHON -m mypy --disallow-untyped-defs \
	--ignore-missing-imports --cache-dir "$BUILD/mypy" $(files '\.py$')
check "at most $MAX_LINES lines of Python and shell" line_limit
check "pytest" quiet $PYTHON -m pytest -q -p no:cacheprovider benchmarks/tdxpa/tests
check "every mutant changes its file" mutants
check "documentation pages" quiet "$TOP/Documentation/docs.sh"
check "limits of make bench WHAT=size" quiet "$TOP/benchmarks/bench/size.sh"
check "plain English" quiet $PYTHON -m tdxpa prose --top "$TOP"
check "evidence in Documentation/" $PYTHON -m tdxpa.evidence --top "$TOP"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
