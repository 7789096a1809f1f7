#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: what can be checked without running anything.  Every file is looked
# at; one line for each thing that is wrong.
set -eu
. "$(dirname "$0")/../kernels/common.sh"

take_lock
"$TOP/benchmarks/kernels/setup.sh" check
src=$("$TOP/benchmarks/kernels/source.sh")
cd "$TOP"

# The kernel's tools want the distribution's Python, where their modules are.
PATH=/usr/bin:/bin:$PATH
out=$BUILD/check.log
mkdir -p "$BUILD"
bad=0

# check TITLE COMMAND...: silence and status 0 are good
check()
{
	local title=$1
	shift
	if "$@" > "$out" 2>&1 && [ ! -s "$out" ]; then
		say "  ok   $title"
	else
		say "  BAD  $title"
		cat "$out"
		bad=1
	fi
}

all_files() { git ls-files --cached --others --exclude-standard | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }
c_files() { all_files | grep -E '^(arch|benchmarks)/.*\.[ch]$'; }

# The licence's own text has no line of its own, nor have results; a cover text for
# a person neither.
spdx()
{
	all_files | grep -vE '^(LICENSES/|benchmarks/results/)' |
		xargs -d '\n' grep -L 'SPDX-License-Identifier: GPL-2.0'
	return 0
}

checkpatch()
{
	local rc=0

	# Its SPDX check wants a kernel's git; ours is above.
	for f in $(c_files); do
		local allow=

		# The one place that may ask for the kernel's version.
		[ "$f" != benchmarks/kernels/compat.h ] ||
			allow=--ignore=LINUX_VERSION_CODE,CONSTANT_COMPARISON
		# The functions are in arch/, where nothing is exported.
		[[ $f != benchmarks/seam/*exports.c ]] || allow=--ignore=EXPORT_SYMBOL
		# The form in which all trace events are written is not its own.
		[[ $f != *_trace.h ]] ||
			allow=--ignore=PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE
		GIT_DIR=none perl "$src/scripts/checkpatch.pl" --root="$src" --strict --terse \
			--no-summary $allow -f "$f" || rc=1
	done
	return $rc
}

kernel_doc()
{
	local tool=$src/tools/docs/kernel-doc

	[ -e "$tool" ] || tool=$src/scripts/kernel-doc
	# Designs and tests have no public functions; what looks like a comment
	# for the tool is read all the same.
	# shellcheck disable=SC2046
	"$tool" -none -Wall $(c_files | grep -v _kunit)
}

shell_scripts()
{
	all_files | grep -E '\.sh$|/guest-init$|^\.ci/run$' | xargs shellcheck -x -P SCRIPTDIR -S warning
}

python_scripts()
{
	all_files | grep -E '\.py$' | xargs python3 -m pyflakes
}

# It says where they are; here silence is good.
pages() { "$TOP/Documentation/docs.sh" "$src" 2>&1 | grep -v '^  written: '; [ "${PIPESTATUS[0]}" -eq 0 ]; }

# What is not silent when it passes
quiet()
{
	local text

	text=$("$@" 2>&1) || { echo "$text"; return 1; }
}

callers() { $PYTHON -m tdxpa.callers --top "$TOP" --check; }

# What Documentation/ names is there, and the figures are those of the kept runs, and
# these are of the code that stands.
evidence() { $PYTHON -m tdxpa.evidence --top "$TOP"; }

prose() { $PYTHON -m tdxpa.prose --top "$TOP"; }

# Of that, each rule is broken once.
evidence_rules()
{
	$PYTHON -m tdxpa.tests.test_evidence "$TOP" 2>&1 | sed '/^ok /d; /, 0 failed$/d'
	[ "${PIPESTATUS[0]}" -eq 0 ]
}

mutants()
{
	ENGINE=uml "$TOP/benchmarks/tests/mutants.sh" check 2>&1 && ENGINE=qemu "$TOP/benchmarks/tests/mutants.sh" check 2>&1
}

check "SPDX line in every file" spdx
check "checkpatch --strict" checkpatch
check "kernel-doc" kernel_doc
check "shellcheck" shell_scripts
check "pyflakes" python_scripts
check "every mutant breaks something" mutants
check "documentation pages" pages
check "counts of make callers" callers
check "limits of make size" quiet "$TOP/benchmarks/bench/size.sh" "$src"
check "each of these limits, exceeded once" quiet $PYTHON -m tdxpa.tests.test_size
check "plain English" prose
check "evidence in Documentation/" evidence
check "rules of that evidence" evidence_rules
exit $bad
