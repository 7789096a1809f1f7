#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""compare.py LOG: the project's v2 beside that from the mbox of its series, by a run's log.

Nothing is judged: two designs that do the same may differ by the machine's mood, and by
where the compiler puts their code.
"""
import argparse

from tdxpa.common import table
from tdxpa.ratios import ratio_text
from tdxpa.runs import BASE, DESIGN, OPERATIONS, Samples, gathered, number, read_lines

POSTED = "v2-posted"
# v2 stands for it as long as they are as near as this.
NEAR = 0.05


def differs(r):
    """Not even the nearest end of the interval is near."""
    return r[1] > 1 + NEAR or r[2] < 1 - NEAR


def rows_of(samples):
    """Yield (operation, pages, v2 / v2-posted, v2-posted / flat)."""
    for op in OPERATIONS:
        for pages in samples.cells(op):
            if not samples.get(op, pages, BASE) and not samples.get(op, pages, POSTED):
                continue
            yield (op, pages, samples.ratio(op, pages, POSTED),
                   samples.ratio(op, pages, DESIGN, base=POSTED))


def sides(samples):
    """The table."""
    rows = [[op, f"{pages:,}", *(number(samples.median(op, pages, d)) for d in (BASE, POSTED, DESIGN)),
             ratio_text(samples, r), ratio_text(samples, to_flat)]
            for op, pages, r, to_flat in rows_of(samples)]
    unit, interval = ("instr.", "") if samples.icount else ("ns", " [95%]")
    return table(["operation", "pages", f"{BASE} {unit}", f"{POSTED} {unit}", f"{DESIGN} {unit}",
                  f"{BASE} / {POSTED}{interval}", f"{POSTED} / {DESIGN}{interval}"], rows)


def agreement(samples):
    """Does the one stand for the other?"""
    cells = [(op, pages, r) for op, pages, r, _ in rows_of(samples) if r]
    apart = [(op, pages, r) for op, pages, r in cells if differs(r)]
    text = f"{len(cells) - len(apart)} of {len(cells)} cells of {BASE} and {POSTED} agree within {NEAR:.0%}"
    if not apart:
        return text + "."
    text += "; not so: " + "; ".join(
        f"{op}, {pages:,} page{'s'[:pages > 1]} ({BASE} / {POSTED} {ratio_text(samples, r)})"
        for op, pages, r in apart) + "."
    if not samples.icount:
        text += " Where the compiler puts a loop may do that; ENGINE=qemu ICOUNT=1 counts instructions."
    return text


def metadata(records):
    """The same for the bytes beside the pages, which are exact."""
    by = {(r["pages"], r["design"]): r["bytes"] for r in records if r["kind"] == "metadata"}
    both = [(pages, bytes_, by[pages, POSTED]) for (pages, design), bytes_ in sorted(by.items())
            if design == BASE and (pages, POSTED) in by]
    apart = [f"{pages:,} page{'s'[:pages > 1]} ({BASE} {a:,}, {POSTED} {b:,} bytes)" for pages, a, b in both if a != b]
    return (f"Metadata: the same bytes at {len(both) - len(apart)} of {len(both)} numbers of pages"
            + ("; not at " + "; ".join(apart) if apart else "") + ".")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--icount", action="store_true", help="ns are instructions")
    p.add_argument("log")
    args = p.parse_args()

    records = gathered(read_lines(args.log))
    samples = Samples(records, args.icount)
    print(f"\n{sides(samples)}\n\n{agreement(samples)} {metadata(records)}\n"
          "Array and release are those of the series, wrappers and callers the project's for both.")


if __name__ == "__main__":
    main()
