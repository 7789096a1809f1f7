# SPDX-License-Identifier: GPL-2.0
"""compare.py LOG...: the project's v2 and that of the posted series, side by side.  Status 1 if they differ."""
import os
import sys

from tdxpa import runs
from tdxpa.common import table
from tdxpa.runs import BASE, DESIGN, OPERATIONS, Samples, number

POSTED = "v2-posted"
# v2 stands for v2-posted if they differ by no more than this.
NEAR = 0.03


def sides(samples: Samples) -> str:
    rows = [[op, f"{pages:,}", *(number(samples.median(op, pages, d)) for d in (BASE, POSTED, DESIGN)),
             samples.ratio_text(samples.ratio(op, pages, POSTED), 3),
             samples.ratio_text(samples.ratio(op, pages, DESIGN, base=POSTED))]
            for op in OPERATIONS for pages in samples.cells(op) if samples.median(op, pages, POSTED)]
    unit, interval = ("instr.", "") if samples.icount else ("ns", " [95%]")
    return table(["operation", "pages", f"{BASE} {unit}", f"{POSTED} {unit}", f"{DESIGN} {unit}",
                  f"{BASE} / {POSTED}{interval}", f"{POSTED} / {DESIGN}{interval}"], rows)


def report(records: list[dict], icount: bool) -> tuple[str, str]:
    """The result, and what differs"""
    samples = Samples(records, icount)
    cells = [(f"{op}, {pages:,}", r) for op in OPERATIONS for pages in samples.cells(op)
             if (r := samples.ratio(op, pages, POSTED))]
    if not cells:
        sys.exit(f"error: the run has no samples of {POSTED}; see its log")
    # Instructions are exact.  A time differs if its whole interval does.
    apart = [f"{cell} ({samples.ratio_text(r, 3)})" for cell, r in cells
             if (abs(r[0] - 1) > NEAR if icount else r[1] > 1 + NEAR or r[2] < 1 - NEAR)]
    by = {(r["design"], r["pages"]): r["bytes"] for r in records if r["kind"] == "metadata"}
    sizes = [(pages, a, by.get((POSTED, pages))) for (design, pages), a in sorted(by.items()) if design == BASE]
    other = [f"{pages:,} pages ({a} and {b} bytes)" for pages, a, b in sizes if a != b]
    result = (f"{len(cells) - len(apart)} of {len(cells)} cells of {BASE} and {POSTED} agree within {NEAR:.0%}"
              f"{''.join('; not ' + a for a in apart)}. Metadata: the same bytes at {len(sizes) - len(other)} of {len(sizes)} "
              "numbers of pages. Array and release are those of the series. Wrappers and callers are the project's for both.")
    print(f"\n{sides(samples)}\n\n{result}")
    return result, "; ".join(apart * icount + other)  # Times of equal code also differ.


def main() -> str:
    args = runs.arguments(__doc__, icount="a nanosecond is an instruction", quick="few samples: the run is not kept")
    result, differs = report(runs.read_logs(*args.logs), args.icount)
    what, kernel = "WHAT=instructions" if args.icount else f"ENGINE={args.engine}", os.environ["KERNEL"]
    mbox = os.path.relpath(os.environ["V2_MBOX"], args.top)
    command = f"make bench {what} KERNEL={kernel} V2_MBOX={os.path.basename(mbox) if mbox.startswith('..') else mbox}"
    runs.write(args.top, f"compare-{kernel}.json", runs.about(args.top, command, args.kernel, args.engine, result=result), {},
               args.icount and not (args.quick or differs))
    return f"error: {BASE} differs from {POSTED}: {differs}" if differs else ""
