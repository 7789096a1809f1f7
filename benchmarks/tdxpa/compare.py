# SPDX-License-Identifier: GPL-2.0
"""compare.py LOG... [icount]: the project's v2 and that of the posted series, side by side."""
import sys

from tdxpa import runs
from tdxpa.common import table
from tdxpa.runs import BASE, DESIGN, OPERATIONS, Samples, number

POSTED = "v2-posted"
# v2 stands for v2-posted if they differ by no more than this.
NEAR = 0.03


def sides(samples: Samples) -> str:
    rows = [[op, f"{pages:,}", *(number(samples.median(op, pages, d)) for d in (BASE, POSTED, DESIGN)),
             samples.ratio_text(samples.ratio(op, pages, POSTED)),
             samples.ratio_text(samples.ratio(op, pages, DESIGN, base=POSTED))]
            for op in OPERATIONS for pages in samples.cells(op) if samples.median(op, pages, POSTED)]
    unit, interval = ("instr.", "") if samples.icount else ("ns", " [95%]")
    return table(["operation", "pages", f"{BASE} {unit}", f"{POSTED} {unit}", f"{DESIGN} {unit}",
                  f"{BASE} / {POSTED}{interval}", f"{POSTED} / {DESIGN}{interval}"], rows)


def agreement(samples: Samples) -> str:
    cells = [(f"{op}, {pages:,}", r) for op in OPERATIONS for pages in samples.cells(op)
             if (r := samples.ratio(op, pages, POSTED))]
    if not cells:
        sys.exit(f"error: the run has no samples of {POSTED}; see its log")
    # Instructions are exact.  A time differs if its whole interval does.
    apart = [(cell, r) for cell, r in cells
             if (abs(r[0] - 1) > NEAR if samples.icount else r[1] > 1 + NEAR or r[2] < 1 - NEAR)]
    text = f"{len(cells) - len(apart)} of {len(cells)} cells of {BASE} and {POSTED} agree within {NEAR:.0%}"
    return text + "".join(f"; not {cell} ({samples.ratio_text(r)})" for cell, r in apart) + "."


def metadata(records: list[dict]) -> str:
    by = {(r["pages"], r["design"]): r["bytes"] for r in records if r["kind"] == "metadata"}
    both = [(pages, a, by[pages, POSTED]) for (pages, design), a in sorted(by.items())
            if design == BASE and (pages, POSTED) in by]
    apart = [f"{pages:,} ({BASE} {a:,}, {POSTED} {b:,})" for pages, a, b in both if a != b]
    return (f"Metadata: the same bytes at {len(both) - len(apart)} of {len(both)} numbers of pages"
            + ("; not at " + "; ".join(apart) if apart else "") + ".")


if __name__ == "__main__":
    log_records = runs.read_logs(*(arg for arg in sys.argv[1:] if arg != "icount"))
    log_samples = Samples(log_records, "icount" in sys.argv)
    print(f"\n{sides(log_samples)}\n\n{agreement(log_samples)}\n{metadata(log_records)}\n"
          "Array and release are those of the series. Wrappers and callers are the project's for both.")
