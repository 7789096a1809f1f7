# SPDX-License-Identifier: GPL-2.0
"""report.py LOG...: the table of a benchmark run with a log for each boot, and its raw samples."""
import sys

import numpy as np

from tdxpa import runs
from tdxpa.common import compiler, table
from tdxpa.runs import AGAIN, CONFIGURATIONS, DESIGN, REPEATS_TO, Run, Samples, number

# make bench WHAT=instructions CHECK=1 fails if a cell of flat takes more than this share more.
WORSE = 0.02


def comparable(stored: Run, kernel: str) -> None:
    here, there = (kernel, compiler()), (stored.about["kernel"], stored.about["compiler"])
    if here != there:
        sys.exit(f"error: nothing can be compared: the kept run has Linux {there[0]} and {there[1]}, "
                 f"this one Linux {here[0]} and {here[1]}; make a new run of the old code first")


def check(stored: Run, samples: Samples) -> int:
    """Compare flat's instructions with the kept ones.  The last line counts cells."""
    cells = [c for c in dict.fromkeys([*samples.rounds, *stored.samples.rounds]) if c[2] == DESIGN]
    values = [(*cell[:2], stored.samples.median(*cell), samples.median(*cell)) for cell in cells]
    bad = [v for v in values if v[2] is None or v[3] is None or v[3] > v[2] * (1 + WORSE)]
    if bad:
        print(table(["operation", "pages", "kept", "now"],
                    [[op, f"{pages:,}", number(before, 4), number(after, 4)] for op, pages, before, after in bad]))
        print("If this is intended: make bench WHAT=instructions, make results, and commit with the reason.")
    print(f"{len(cells) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad or not cells else 0


def repeats(samples: Samples, stored: Run) -> dict:
    """How many quotients of flat and another design, and how many medians, lie in the intervals of the kept run?"""
    both = [(new, old) for cell in samples.rounds if cell[2] != DESIGN
            and (new := samples.ratio(*cell, DESIGN)) and (old := stored.samples.ratio(*cell, DESIGN))]
    medians = [bool(low <= (samples.median(*cell) or 0) <= high) for cell in samples.rounds if cell in stored.samples.rounds
               for low, high in [stored.samples.spread(*cell)]]
    return {"within": sum(bool(old[1] <= new[0] <= old[2]) for new, old in both), "of": len(both),
            "medians within": sum(medians), "medians": len(medians), "commit": stored.about["commit"]}


def boots_agree(samples: Samples) -> str:
    """How many cells differ by more than REPEATS_TO in two boots, and by how much the worst?  None may."""
    shares = sorted((float(np.ptp(boots) / np.min(boots)), f"{op}, {pages:,}, {design}")
                    for op, pages, design in samples.rounds for boots in [samples.boots(op, pages, design)])
    differ = [f"{cell}: {share:.2%}" for share, cell in shares if share > REPEATS_TO]
    text = f"{len(differ)} of {len(shares)} cells differ by more than {REPEATS_TO:.1%}, at most {{:.2%}} ({{}})".format(*shares[-1])
    print(f"\nIn two boots, {text}.")
    if differ:
        sys.exit(f"error: the state before each sample is not the same: {'; '.join(differ)}")
    return text


def main() -> int:
    args = runs.arguments(__doc__, quick="few samples: the run is not kept", check="compare with the kept run",
                          icount="a nanosecond is an instruction", emulated="the times are an emulator's")
    name = f"{args.engine}{'-icount' if args.icount else ''}-{args.configuration}.json"
    records = runs.read_logs(*args.logs)
    samples = Samples(records, args.icount)
    if args.check:
        stored = Run(args.top / runs.KEPT / name)
        comparable(stored, args.kernel)
        return check(stored, samples) if args.logs else 0
    what = "WHAT=instructions" if args.icount else f"ENGINE={args.engine}"
    command = f"make bench {what} KERNEL={args.configuration}"
    run = runs.about(args.top, command, args.kernel, args.engine, icount=args.icount, boots=len(args.logs),
                     **{"kernel configuration": CONFIGURATIONS[args.configuration]})

    print(runs.comparison_table(samples))
    if args.icount:
        run["again"] = boots_agree(samples)
    factors = [samples.same(*c[:2]) for c in samples.rounds if c[2] == AGAIN]
    print(f"\nThe same code under two names lies within a factor of {max(factors):.2f}, in the median {np.median(factors):.2f}.")
    run["loaded"] = not args.icount and runs.is_loaded(*args.logs)
    whole = not (args.quick or args.emulated or run["loaded"])
    if whole:
        try:
            run["repeats"] = repeats(samples, Run(args.top / runs.KEPT / name))
            print(runs.REPEATS.format(**run["repeats"]))
        except SystemExit as e:
            print(f"No comparison with a kept run: {e}")
    runs.write(args.top, name, run, {"records": records}, whole)
    return 0
