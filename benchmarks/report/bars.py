# SPDX-License-Identifier: GPL-2.0
"""The bars that the design was to clear, and what it reaches."""
from common import table
from runs import BASE, DESIGN, FLOOR, number

SMALL = (1, 2, 8, 16, 32)
SIZES = (SMALL, (512,), (12800,))
LIST_PAGE, ENTRY, OBJECT = 4096, 8, 16

AT_LEAST, AT_MOST = "≥", "≤"


def cell(got, sense, asked):
    """A figure and what was asked; bold if it is missed.  Returns (text, missed)."""
    if got is None or asked is None:
        return "-", False
    missed = got < asked if sense == AT_LEAST else got > asked
    text = f"**{number(got)}**" if missed else number(got)
    return f"{text} ({sense} {asked:g})", missed


def quotients(samples, op, sizes, over, under):
    """Medians of @over by those of @under, of the sizes that both have."""
    pairs = [(samples.median(op, p, over), samples.median(op, p, under)) for p in sizes]
    return [a / b for a, b in pairs if a and b]


def row(what, unit, sense, asked, gots):
    """One bar; each of @gots is the list of figures at some sizes, the worst counts."""
    worst = min if sense == AT_LEAST else max
    cells = [cell(worst(g) if g else None, sense, a) for g, a in zip(gots, asked)]
    return [what, unit, *(text for text, _ in cells)], any(missed for _, missed in cells)


def against(base, other):
    return lambda samples, op: [quotients(samples, op, sizes, base, other) for sizes in SIZES]


to_v2 = against(BASE, DESIGN)
to_floor = against(DESIGN, FLOOR)


def metadata(run):
    """Bytes of flat by those of v2, and flat's at the last size."""
    by = {(r["pages"], r["design"]): r["bytes"] for r in run.records if r["kind"] == "metadata"}
    ratios = [[by[p, DESIGN] / by[p, BASE] for p in sizes] for sizes in SIZES]
    pages = SIZES[2][0]
    exact = -(-pages * ENTRY // LIST_PAGE) * LIST_PAGE + OBJECT
    return ratios, by[pages, DESIGN], exact


def page_cost(samples, pages):
    """What a page costs in a cycle."""
    return samples.median("cycle", pages, DESIGN) / pages


def cost_row(samples, unit):
    """A page of 12,800 and one of the most that were measured, by one of 512: the worse."""
    most = max(samples.cells("cycle"))
    ratios = [page_cost(samples, p) / page_cost(samples, 512) for p in (12800, most)]
    return row(f"cost of a page, of 12,800 to {most:,} / of 512", unit, AT_MOST, (None, None, 1.02),
               [[], [], ratios])


def all_bars(time, icount, text):
    """The table of all bars, and the rows that miss one: {(what, in)}."""
    rows = []
    add = rows.append
    for run, unit in ((icount, "instructions"), (time, "time")):
        add(row("hand over all windows: v2 / flat", unit, AT_LEAST, (1, 50, 150),
                to_v2(run.samples, "hand-over")))
    for run, unit in ((time, "time"), (icount, "instructions")):
        add(row("create, hand over, release: v2 / flat", unit, AT_LEAST, (1.3, 25, 15),
                to_v2(run.samples, "cycle")))
    for run, unit in ((time, "time"), (icount, "instructions")):
        add(row("read a blob out: v2 / flat", unit, AT_LEAST, (3, 3, None),
                to_v2(run.samples, "life-blob")))
    ratios, got, exact = metadata(time)
    metadata_row, missed = row("metadata: flat / v2", "bytes", AT_MOST, (1, 0.5, None), ratios)
    metadata_row[-1] = f"{got:,} bytes (exact: {exact:,})"
    add((metadata_row, missed or got > exact))
    add(row("functions of array and wrappers: flat / v2", "bytes, x86-64", AT_MOST,
            (0.6, None, None), [[text[DESIGN] / text[BASE]], [], []]))
    for run, unit in ((time, "time"), (icount, "instructions")):
        add(row("release with flush: flat / bare loop of WBINVD", unit, AT_MOST,
                (1.02, 1.02, 1.02), to_floor(run.samples, "release-flushed")))
    for op in ("create", "release"):
        for run, unit in ((time, "time"), (icount, "instructions")):
            add(row(f"{op}: flat / bare allocator calls", unit, AT_MOST, (1.25, 1.25, 1.25),
                    to_floor(run.samples, op)))
    for run, unit in ((time, "time"), (icount, "instructions")):
        add(cost_row(run.samples, unit))
    head = ["what", "in", "1 to 32 pages, worst", "512 pages", "12,800 pages"]
    return table(head, [r for r, _ in rows], left=2), {(r[0], r[1]) for r, missed in rows if missed}
