# SPDX-License-Identifier: GPL-2.0
"""RESULTS.md and Documentation/results/, from the runs that are kept."""
import json
from dataclasses import dataclass
from pathlib import Path

from tdxpa import callers
from tdxpa import faults
from tdxpa import frag
from tdxpa import host
from tdxpa.common import table
from tdxpa.ratios import ratio_text
from tdxpa.runs import BASE, DESIGN, DESIGNS, FLOOR, OPERATIONS, Run, number

RIVALS = ("v2", "descriptor", "bare-list")
VARIANTS = ("v2-noclflush", "v2-blocks", "flat-v2alloc", "flat-blocks")
# The same code as flat under another name: what differs is the spread of a measurement.
AGAIN = "flat-again"
SHOWN_OPERATIONS = ("hand-over", "cycle", "release-flushed", "life-control", "life-memory")
SHOWN_SIZES = (1, 32, 512, 12800)


@dataclass
class Kernel:
    """The runs of one kernel configuration."""
    name: str
    time: Run
    icount: Run


def kernels(top):
    """Kernels that zero pages on allocation first: distributions ship them."""
    kept = top / "benchmarks" / "results"
    return [Kernel(name, Run(kept / f"uml{suffix}.json"), Run(kept / f"qemu-icount{suffix}.json"))
            for name, suffix in (("init_on_alloc=1", "-zeroing"), ("init_on_alloc=0", ""))]


def spread(samples, op, pages):
    """How far two measurements of the same code differ, as a factor of at least 1."""
    r = samples.ratio(op, pages, AGAIN, base=DESIGN)
    return max(r[2], 1 / r[1]) if r else 1.0


def verdict(samples, op, pages, rival):
    """"flat" or the rival if one takes less beyond the spread, otherwise "even"."""
    r, beyond = samples.ratio(op, pages, DESIGN, base=rival), spread(samples, op, pages)
    if not r:
        return "-"
    return "flat" if r[1] > beyond else rival if r[2] < 1 / beyond else "even"


@dataclass
class Requirement:
    """A row of the first table: what is required, and what was reached in each kernel."""
    what: str
    required: str
    reached: list
    met: list

    def row(self):
        return [self.what, self.required,
                *(text if met else f"**{text}**" for text, met in zip(self.reached, self.met))]


def at_least(ks, what, unit, op, sizes, least, rivals=(BASE,), only=None):
    """The lowest quotient of a rival and flat over @sizes is at least @least, within the spread."""
    reached, met = [], []
    for k in ks:
        samples = getattr(k, unit).samples
        found = [(samples.ratio(op, p, DESIGN, base=r), spread(samples, op, p) if least == 1 else 1, r, p)
                 for p in (sizes or samples.cells(op)) for r in rivals]
        found = [f for f in found if f[0]]
        if not found:
            reached.append("-")
            met.append(True)
            continue
        r, beyond, rival, pages = min(found, key=lambda f: f[0][0] * f[1])
        text = f"{number(r[0])} ({rival}, {pages:,})" if len(found) > 1 else number(r[0])
        reached.append(text)
        met.append(r[0] * beyond >= least or (only is not None and k.name != only))
    return Requirement(f"{what}: rival / flat, {'instructions' if unit == 'icount' else 'time'}",
                       f"≥ {least:g}" + (f" if {only}" if only else ""), reached, met)


def flushed_free(ks, base, ns_per_wbinvd):
    """A flushed free costs at most 5% more than @base, from 32 pages on."""
    reached, met = [], []
    for k in ks:
        samples, worst = k.time.samples, (0, 0)
        for pages in (p for p in samples.cells("release-flushed") if p >= 32):
            flat, floor = (samples.median("release-flushed", pages, d) for d in (DESIGN, base))
            if not flat or not floor:
                continue
            ratio = (flat + pages * ns_per_wbinvd) / (floor + pages * ns_per_wbinvd)
            worst = max(worst, (ratio, pages))
        reached.append(f"{number(worst[0])} ({worst[1]:,})")
        met.append(worst[0] <= 1.05)
    how = f"computed for {ns_per_wbinvd / 1000:g} us per WBINVD" if ns_per_wbinvd else "as measured"
    return Requirement(f"flushed free: flat / {base}, time, {how}", "≤ 1.05", reached, met)


def requirements(ks):
    zeroing_off = ks[1].name
    return [
        at_least(ks, "build all operands", "icount", "hand-over", None, 1),
        at_least(ks, "build all operands, 12,800 pages", "icount", "hand-over", (12800,), 140),
        flushed_free(ks, "floor-pages", 0), flushed_free(ks, FLOOR, 1000),
        at_least(ks, "life cycle without flush, 512 pages", "time", "cycle", (512,), 3.5, only=zeroing_off),
        at_least(ks, "life cycle without flush, 12,800 pages", "time", "cycle", (12800,), 5, only=zeroing_off),
        at_least(ks, "life cycle without flush", "time", "cycle", None, 1, RIVALS),
        at_least(ks, "lifetime of control pages", "time", "life-control", None, 1, RIVALS),
        at_least(ks, "lifetime of extensions memory", "time", "life-memory", None, 1, RIVALS),
    ]


def pair_rows(k):
    rows = []
    for op in SHOWN_OPERATIONS:
        for pages in SHOWN_SIZES:
            r = k.time.samples.ratio(op, pages, DESIGN)
            if not r or (op == "life-memory" and pages < 12800):
                continue
            i = k.icount.samples.ratio(op, pages, DESIGN)
            rows.append([op, f"{pages:,}",
                         *(number(k.time.samples.median(op, pages, d)) for d in (*RIVALS, DESIGN)),
                         ratio_text(k.time.samples, r), verdict(k.time.samples, op, pages, BASE),
                         number(i[0]) if i else "-"])
    return rows


def pair_table(k):
    return table(["operation", "pages", *(f"{d} ns" for d in (*RIVALS, DESIGN)), "v2 / flat [95%]",
                  "less", "v2 / flat, instr."], pair_rows(k))


def losses(ks, designs):
    """Sizes at which another design takes less time or fewer instructions than flat."""
    units = (("time", "time"), ("icount", "instr."))
    rows = []
    for op in OPERATIONS:
        for rival in designs:
            row = []
            for k in ks:
                for unit, _ in units:
                    samples = getattr(k, unit).samples
                    lost = [p for p in samples.cells(op) if verdict(samples, op, p, rival) == rival]
                    least = min((samples.ratio(op, p, DESIGN, base=rival)[0] for p in lost), default=None)
                    row.append(f"{', '.join(f'{p:,}' for p in lost)} ({number(least)})" if lost else "")
            if any(row):
                rows.append([op, rival, *row])
    return table(["operation", "design", *(f"{words}, {k.name}" for k in ks for _, words in units)], rows, left=6)


def first_edition(ks):
    """What whole blocks would gain in the same run, and where."""
    rows = []
    for op in ("create", "release", "cycle", "release-flushed", "life-control", "life-memory"):
        for pages in (1, 32, 512, 12800):
            ratios = [k.time.samples.ratio(op, pages, "flat-blocks", base=DESIGN) for k in ks]
            if all(ratios) and not (op == "life-memory" and pages < 12800):
                rows.append([op, f"{pages:,}", *(ratio_text(k.time.samples, r) for k, r in zip(ks, ratios))])
    return table(["operation", "pages", *(f"flat / flat-blocks, {k.name}" for k in ks)], rows)


def size_table(top):
    path = top / "benchmarks" / "results" / "size.json"
    data = json.loads(path.read_text())
    names = {"flat-v2-leaves": "flat, v2's leaves only", "bare-list": "bare-list (donated memory only)"}
    return table(["design", "net lines", "bytes of functions", "free functions"],
                 [[names.get(name, name), f"{d['lines']:,}", f"{d['bytes']:,}", f"{len(d['free'])}"]
                  for name, d in data["designs"].items()])


def summary(top):
    """The table on the first screen of README.md"""
    zeroing = kernels(top)[0]
    matrix = faults.load(top, "uml")["rows"]
    fragmented = frag.load(top, "uml")["rows"]
    size = json.loads((top / "benchmarks" / "results" / "size.json").read_text())["designs"]
    designs = (*RIVALS, DESIGN)

    def cells(design):
        return [r["cells"][design] for r in matrix if design in r["cells"]]

    def memory(design):
        rows = [r for r in fragmented if r["design"] == design]
        return f"{sum(not any(r['errno']) for r in rows)} of {len(rows)}"

    def row(title, text):
        return [title, *(text(d) for d in designs)]

    time, icount = zeroing.time.samples, zeroing.icount.samples
    return table(["", *designs], [
        row("rows of the fault matrix, of which UNSAFE",
            lambda d: f"{len(cells(d))}, **{sum(faults.loss(c) == 'unsafe' for c in cells(d))}**"),
        row("rows in which pages are leaked needlessly",
            lambda d: f"{sum(faults.loss(c) == 'needless leak' for c in cells(d))}"),
        row("degrees of fragmentation in which 50 MiB are found", memory),
        row("net lines, bytes of array and wrappers", lambda d: f"{size[d]['lines']}, {size[d]['bytes']:,}"),
        row("free functions", lambda d: f"{len(size[d]['free'])}"),
        row("operands of 512 pages, instructions", lambda d: number(icount.median("hand-over", 512, d))),
        row("lifetime of 512 control pages, us", lambda d: us(time.median("life-control", 512, d))),
        row("lifetime of 12,800 extension pages, us", lambda d: us(time.median("life-memory", 12800, d))),
    ])


def us(ns):
    return number(ns / 1000) if ns else "-"


def about(k, unit):
    r = getattr(k, unit).about
    return [f"{'instructions' if unit == 'icount' else 'time'}, {k.name}", f"`{r['command']}`",
            f"Linux {r['kernel']}, {r['engine']}", r["compiler"], r["commit"]]


def page(top):
    ks = kernels(top)
    needs = requirements(ks)
    missed = [n for n in needs if not all(n.met)]
    return f"""<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Generated by `make plots` from the kept runs; do not edit. -->

# Results

No figure here is from TDX hardware (a section "TDX hosts" would be): the TDX module
is a software model, and its SEAMCALL takes nanoseconds. "flat" is the array of physical addresses, "v2" the
posted series as it is rebuilt here, "descriptor" its change of April 2026,
"bare-list" the extensions series of June 2026, "floor" the cheapest bare calls that
allocate and free the same pages, "floor-pages" the same with each page flushed and
freed alone. Every table has two kernels. Debian and Ubuntu ship `init_on_alloc=1`,
which zeroes pages on allocation.

## Requirements

{table(["requirement (worst row)", "required", *(k.name for k in ks)], [n.row() for n in needs], left=2)}

Bold: {"missed, see [reasons](#reasons)." if missed else "none is missed."} A quotient above 1 means that the rival
takes more. A difference within the spread of an A/A pair (flat measured twice in
the same run) does not count as a difference.

## {ks[0].name}, as distributions ship it

{pair_table(ks[0])}

## {ks[1].name}

{pair_table(ks[1])}

## Rivals that take less than flat

Sizes in pages, and in brackets the lowest quotient of the rival and flat.

{losses(ks, RIVALS)}

## Variants that take less than flat

The same for variants: v2 without CLFLUSH, v2 with flat's allocation, flat with
v2's allocation, and flat with unsplit blocks. The two floors are in [all
tables](Documentation/results/tables.md).

{losses(ks, VARIANTS)}

## Reasons

- **2 pages.** The list and the spare page take 8 KiB. v2's list takes 4 KiB. A
  kernel that zeroes pages zeroes them, too.

## The first edition

It freed whole blocks of up to 2 MiB (`flat-blocks`). These quotients are the cost
of split pages. The gain had its price: at commit 71e9cf6, `make callers` counts
6,729 bytes of functions of the array and its wrappers, as a module.

{first_edition(ks)}

## Size

{size_table(top)}

`make size` counts net lines and the bytes of functions built into x86-64. v2's
figures include about a dozen lines that its variants need.

## Safety

{faults.summary(faults.load(top, "uml"))}

{host.results(top)}## Runs

{table(["what", "command", "kernel", "compiler", "code at"], [about(k, u) for k in ks for u in ("time", "icount")], left=5)}

CPU: {ks[0].time.about["cpu"]}. Times are medians of {ks[0].time.nr_samples} samples in one boot of user-mode
Linux; brackets hold a 95% interval over samples of that boot. It does not cover
another boot. Instructions are those of x86-64, counted by QEMU; two boots differ by
at most 0.5%. With zeroing they stop at 512 pages, because QEMU counts each step of a
rep instruction. [All tables](Documentation/results/tables.md).
"""


def all_table(samples, op):
    present = [d for d in DESIGNS if any(samples.get(op, p, d) for p in samples.cells(op))]
    return table(["pages", *present],
                 [[f"{p:,}", *(number(samples.median(op, p, d)) for d in present)] for p in samples.cells(op)], left=0)


def fact_table(records, kind, fields):
    """Exact numbers, one column per design."""
    cells = {(r["pages"], r["design"]): r for r in records if r["kind"] == kind}
    present = [d for d in DESIGNS if any(k[1] == d for k in cells)]
    return table(["pages", *present],
                 [[f"{p:,}", *(" + ".join(f"{cells[p, d][f]:,}" for f in fields) if (p, d) in cells else "-"
                               for d in present)] for p in sorted({p for p, _ in cells})], left=0)


def tables(top):
    """Every cell of every run, for Documentation/results/."""
    ks = kernels(top)
    parts = ["""<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Generated by `make plots` from the kept runs; do not edit. -->

# All tables
"""]
    parts += [f"- `{name}`: {title}" for name, title in DESIGNS.items()]
    parts.append("")
    parts += [f"![{words}](../../benchmarks/results/plots/{name}.svg)\n" for name, words in (
        ("cost-per-page", "time per page of a life cycle, by size"),
        ("life-cycle", "time of each step of a life cycle"),
        ("metadata", "bytes of an array next to its pages"),
        ("fragmentation", "extensions memory from fragmented memory"))]
    for k in ks:
        for unit, words in (("time", "ns"), ("icount", "instructions")):
            parts.append(f"\n## {k.name}, {words}\n")
            parts += [f"### {title}\n\n{all_table(getattr(k, unit).samples, op)}\n"
                      for op, title in OPERATIONS.items() if getattr(k, unit).samples.cells(op)]
    parts.append(f"\n## Metadata: bytes per array\n\n{fact_table(ks[1].time.records, 'metadata', ['bytes'])}\n")
    parts.append("## Allocator calls: create + release\n\n"
                 f"{fact_table(ks[1].time.records, 'calls', ['create', 'release'])}\n")
    parts.append(callers.section(top))
    parts.append(frag.section(top, "uml", ""))
    return "\n".join(part for part in parts if part)


def write(top):
    """RESULTS.md, Documentation/results/tables.md and the rows of README.md."""
    from tdxpa.common import excerpt
    top = Path(top)
    (top / "RESULTS.md").write_text(page(top), encoding="utf-8")
    details = top / "Documentation" / "results" / "tables.md"
    details.parent.mkdir(exist_ok=True)
    details.write_text(tables(top), encoding="utf-8")
    readme = top / "README.md"
    text = excerpt(readme.read_text(encoding="utf-8"), "figures", pair_table(kernels(top)[0]))
    readme.write_text(excerpt(text, "summary", summary(top)), encoding="utf-8")
