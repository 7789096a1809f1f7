#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""perf.py --stored JSON --kernel V LOG: has an operation of flat become worse?

Compares the instructions of a run with those that are stored with the tree, cell by
cell.  A cell that takes more than 2% more fails.  Instructions of another kernel or
compiler are not compared: that is said, and nothing fails.  The last line is "N passed,
N failed": cells.
"""
import argparse
import sys
from pathlib import Path

from tdxpa import runs
from tdxpa.common import compiler, table

WORSE = 0.02

DESIGN = "flat"


def compare(stored, now):
    """(rows that changed by a tenth of WORSE or more, passed, failed)"""
    rows, passed, failed = [], 0, 0
    for op in runs.OPERATIONS:
        for pages in stored.cells(op):
            before, after = (s.median(op, pages, DESIGN) for s in (stored, now))
            if before is None:
                continue
            change = after / before - 1 if after else None
            bad = change is None or change > WORSE
            failed += bad
            passed += not bad
            if bad or abs(change) >= WORSE / 10:
                rows.append([op, f"{pages:,}", runs.number(before), runs.number(after),
                             "gone" if change is None else f"{change:+.1%}", "WORSE" if bad else ""])
    return rows, passed, failed


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("--stored", required=True, type=Path)
    p.add_argument("--kernel", required=True)
    args = p.parse_args()

    stored = runs.Run(args.stored)
    here = {"kernel": args.kernel, "compiler": compiler()}
    there = {key: stored.about.get(key) for key in here}
    if there != here:
        print(f"Not compared: stored are instructions of {there}, these are of {here}.")
        print("0 passed, 0 failed")
        return 0

    rows, passed, failed = compare(stored.samples, runs.Samples(runs.gathered(runs.read_lines(args.log)), True))
    if rows:
        print(table(["operation", "pages", "stored", "now", "change", ""], rows))
    print(f"{passed + failed} cells of {DESIGN} compared with those of commit {stored.about['commit']}, {failed} worse by more than {WORSE:.0%}.")
    if failed:
        print("If that is meant: make bench ENGINE=qemu ICOUNT=1, and commit the results with the reason.")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
