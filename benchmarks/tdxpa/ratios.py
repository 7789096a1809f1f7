# SPDX-License-Identifier: GPL-2.0
"""v2 and flat side by side, as a table."""
from tdxpa.common import table
from tdxpa.runs import BASE, DESIGN, FLOOR, OPERATIONS, number


def ratio_text(samples, r):
    if r is None:
        return "-"
    return number(r[0]) + ("" if samples.icount else f" [{number(r[1])}, {number(r[2])}]")


def verdict(r):
    if r is None:
        return ""
    if r[1] > 1:
        return "flat"
    return "v2" if r[2] < 1 else "even"


def pair_table(samples, operations=tuple(OPERATIONS), mark=""):
    """v2 and flat side by side; @mark stands at the head."""
    rows = []
    for op in operations:
        for pages in samples.cells(op):
            r = samples.ratio(op, pages, DESIGN)
            floor = samples.median(op, pages, FLOOR)
            flat = samples.median(op, pages, DESIGN)
            rows.append([op, f"{pages:,}", number(samples.median(op, pages, BASE)),
                         number(flat), ratio_text(samples, r), verdict(r),
                         number(flat / floor) if flat and floor else "-"])
    unit = "instr." if samples.icount else "ns"
    ratio = "v2 / flat" if samples.icount else "v2 / flat [95%]"
    return table([mark + "operation", "pages", f"v2 {unit}", f"flat {unit}", ratio,
                  "fewer" if samples.icount else "faster", "flat / floor"], rows)
