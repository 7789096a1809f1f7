# SPDX-License-Identifier: GPL-2.0
"""report.py LOG: the table of a benchmark run, and its raw samples.

A cell is the median of one operation, in ns or instructions.  A ratio is v2 / flat: above 1,
v2 takes more.  Its interval has 95% of the medians of resampled rounds.  Instructions are
counted in two boots, which differ by at most REPEATS_TO.
"""
import sys

from tdxpa import runs
from tdxpa.common import compiler, table
from tdxpa.runs import DESIGN, REPEATS_TO, Run, Samples, number

# make bench WHAT=instructions CHECK=1 fails if a cell of flat takes more than this share more.  Cells of
# these numbers of pages depend on history: adjacent blocks of 32 KiB are freed as one larger block.
WORSE, HISTORY = 0.02, (16, 32, 64)


def check(stored: Run, samples: Samples, kernel: str) -> int:
    """Compare flat's instructions with the kept ones.  The last line counts cells."""
    here, there = (kernel, compiler()), (stored.about["kernel"], stored.about["compiler"])
    if here != there:
        sys.exit(f"error: nothing can be compared: the kept run has Linux {there[0]} and {there[1]}, "
                 f"this one Linux {here[0]} and {here[1]}; make a new run of the old code first")
    rows, passed, failed = [], 0, 0
    for cell in (c for c in stored.samples.rounds if c[2] == DESIGN and (c[0] == "hand-over" or c[1] not in HISTORY)):
        before, after = stored.samples.median(*cell), samples.median(*cell)
        worse = before is None or after is None or after > before * (1 + WORSE)
        failed += worse
        passed += not worse
        if worse:
            rows.append([cell[0], f"{cell[1]:,}", number(before), number(after)])
    if rows:
        print(table(["operation", "pages", "kept", "now"], rows))
        print("If this is intended: make bench WHAT=instructions, make results, and commit with the reason.")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main() -> int:
    args = runs.arguments(__doc__, quick="few samples: the run is not kept", check="compare with the kept run",
                          icount="a nanosecond is an instruction, and LOG.again is a second boot",
                          zeroing="the kernel zeroes pages on allocation", emulated="the times are an emulator's")

    name = args.engine + ("-icount" if args.icount else "") + ("-zeroing" if args.zeroing else "") + ".json"
    records = runs.read_log(args.log)
    samples = Samples(records, args.icount)
    if args.check:
        return check(Run(args.top / runs.KEPT / name), samples, args.kernel)
    command = "make bench" + (" WHAT=instructions" if args.icount else f" ENGINE={args.engine}") \
        + (" INIT_ON_ALLOC=1" if args.zeroing else "")
    run = runs.about(args.top, command, args.kernel, args.engine, icount=args.icount,
                     **{"kernel configuration": f"init_on_alloc={int(args.zeroing)}"})

    print(runs.pair_table(samples))
    if args.icount:
        again = Samples(runs.read_log(f"{args.log}.again"), True)
        if again.rounds.keys() != samples.rounds.keys():
            sys.exit("error: two boots of the same kernel measured different cells")
        run["again"], cell = max((abs(samples.median(*c) / again.median(*c) - 1), c)  # type: ignore[operator]
                                 for c in samples.rounds)
        print(f"\nTwo boots differ by at most {run['again']:.3%}.")
        if run["again"] > REPEATS_TO:
            sys.exit(f"error: {cell} differs by more than {REPEATS_TO:.1%}")
    whole = not (args.quick or args.emulated or not args.icount and runs.is_loaded(args.log))
    runs.write(args.top, name, run, {"records": records}, whole)
    return 0


if __name__ == "__main__":
    sys.exit(main())
