# SPDX-License-Identifier: GPL-2.0
"""compare.py LOG... [icount]: the project's v2 and that of the posted series, side by side.  Status 1 if they differ."""
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


def report(records: list[dict], icount: bool) -> str:
    """Print it, and return the error"""
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
    print(f"\n{sides(samples)}\n\n{len(cells) - len(apart)} of {len(cells)} cells of {BASE} and {POSTED} agree within "
          f"{NEAR:.0%}{''.join('; not ' + a for a in apart)}.\n"
          f"Metadata: the same bytes at {len(sizes) - len(other)} of {len(sizes)} numbers of pages.\n"
          "Array and release are those of the series. Wrappers and callers are the project's for both.")
    # Times of equal code also differ.
    found = apart * icount + other
    return f"error: {BASE} differs from {POSTED}: {'; '.join(found)}" if found else ""


def main() -> str:
    return report(runs.read_logs(*(arg for arg in sys.argv[1:] if arg != "icount")), "icount" in sys.argv)
