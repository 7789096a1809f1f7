#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# start.sh TARGET [VARIABLE...]: check what a make target was given, then run its scripts.
# VARIABLE are the names that were set on the command line of make.  Nothing is locked,
# fetched or built before everything is checked.
set -eu
. "$(dirname "$0")/kernels/common.sh"

target=$1
shift

# what: the values of WHAT, of which the first is the default.  engines: those of ENGINE,
# likewise.  takes: other variables.
what='' engines='' takes=KSRC
case $target in
bench)
	what='time instructions fragmentation profile size callers'
	takes+=' INIT_ON_ALLOC QUICK COMPARE CHECK V2_MBOX'
	case ${WHAT:-time} in
	time) engines='uml qemu host' takes+=' KDIR SIMULATE CLAIM DONATE' ;;
	fragmentation) engines='uml qemu' ;;
	esac ;;
test) engines='uml qemu' takes+=' SAN COVERAGE SUITE CPUS' ;;
torture) what='all faults fuzz mutants' engines='uml qemu' takes+=' SEED STEPS MUTANT' ;;
trace) engines='qemu host' takes+=' TOOL NEWEST' ;;
host) what='check run test' takes+=' KDIR QUICK SIMULATE CLAIM DONATE SEED' ;;
results) takes=' FILE' ;;
series) what='patches intree' ;;
modules) takes+=' KDIR CHECK' ;;
check | docs | clean | distclean) ;;
*) die "make $target: no such target; make help lists them" ;;
esac

# one_of NAME VALUE WORD...: VALUE is one of the words
one_of()
{
	[[ " ${*:3} " == *" $2 "* && $2 != *' '* ]] || die "$1=$2: must be one of: ${*:3}"
}

# number NAME MIN MAX: set the variable of that name to a decimal number in this range
number()
{
	local value=${!1}

	[[ $value =~ ^[0-9]{1,15}$ ]] && ((10#$value >= $2 && 10#$value <= $3)) ||
		die "$1=$value: must be a number from $2 to $3"
	printf -v "$1" %d $((10#$value))
}

for name; do
	[[ " WHAT ENGINE TDX_CACHE $takes " == *" $name "* ]] ||
		die "$name=${!name:-}: make $target does not take it; make help shows what it takes"
done
[ -z "${WHAT:-}" ] || one_of WHAT "$WHAT" "${what:-(none)}"
[ -z "${ENGINE:-}" ] || one_of ENGINE "$ENGINE" "${engines:-(none)}"
WHAT=${WHAT:-${what%% *}} ENGINE=${ENGINE:-${engines%% *}}

for name in CHECK COVERAGE INIT_ON_ALLOC NEWEST QUICK SAN; do
	case ${!name:-0} in
	0) printf -v $name '' ;;
	1) ;;
	*) die "$name=${!name}: must be 0 or 1" ;;
	esac
done
[ -z "${CPUS:-}" ] || number CPUS 1 16
[ -z "${SEED:-}" ] || number SEED 0 999999999999999
[ -z "${STEPS:-}" ] || number STEPS 1 1000000000
[ -z "${SIMULATE:-}" ] || number SIMULATE 0 1000000
[ -z "${DONATE:-}" ] || number DONATE 1 1048576
[ -z "${SUITE:-}" ] || one_of SUITE "$SUITE" "$(grep -rhoP --include='*_kunit.c' '^\t\.name = "\Ktdx_[a-z_]+' \
	"$TOP/arch" "$TOP/benchmarks" | sort | paste -sd ' ')"
[ -z "${TOOL:-}" ] || one_of TOOL "$TOOL" events "$(cd "$TOP/benchmarks/host/trace" && basename -s .bt -- *.bt | paste -sd ' ')"
for name in COMPARE FILE V2_MBOX; do
	[ -z "${!name:-}" ] || [ -r "${!name}" ] || die "$name=${!name}: cannot be read"
done

case $target:$WHAT in
bench:time | bench:instructions)
	[ "$WHAT" = time ] || ENGINE=qemu ICOUNT=1
	script=bench/time.sh
	[ -z "${V2_MBOX:-}" ] || script=bench/compare.sh
	[ "$ENGINE" != host ] || script='host/run.sh bench' ;;
bench:*) script=bench/$WHAT.sh ;;
test:)
	script=tests/test.sh
	[ -z "${COVERAGE:-}" ] || script=tests/coverage.sh ;;
torture:all) script='tests/torture.sh faults fuzz mutants' ;;
torture:*) script=tests/$WHAT.sh ;;
trace:) script=host/trace.sh ;;
host:check) script='host/run.sh check' ;;
host:run) script='host/run.sh bench' ;;
host:test) script=host/test.sh ;;
results:)
	script=results/results.sh
	[ -z "${FILE:-}" ] || script=host/import.sh ;;
series:*) script=series/$WHAT.sh ;;
modules:)
	script=host/modules.sh
	[ -z "${CHECK:-}" ] || script=host/headers.sh ;;
check:) script=tests/check.sh ;;
docs:) script=../Documentation/docs.sh ;;
clean: | distclean:) script=kernels/$target.sh ;;
esac
export CHECK CLAIM COMPARE COVERAGE CPUS DONATE ENGINE FILE ICOUNT INIT_ON_ALLOC KDIR KSRC MUTANT NEWEST \
	QUICK SAN SEED SIMULATE STEPS SUITE TDX_CACHE TOOL V2_MBOX
# shellcheck disable=SC2086
exec bash "$TOP"/benchmarks/$script
