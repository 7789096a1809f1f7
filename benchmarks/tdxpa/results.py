# SPDX-License-Identifier: GPL-2.0
"""results.py: keep the runs below build/runs, and write all generated pages from the kept runs."""
import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from tdxpa import callers, evidence, faults, frag, host, runs, size
from tdxpa.common import excerpt, replace, table
from tdxpa.runs import BASE, DESIGN, DESIGNS, FLOOR, KEPT, OPERATIONS, RUNS, Run, number

RIVALS = ("v2", "descriptor", "bare-list")
VARIANTS = ("v2-noclflush", "v2-blocks", "flat-v2alloc", "flat-blocks")
# The same code as flat: the difference is the spread of a measurement.
AGAIN = "flat-again"
SHOWN_OPERATIONS = ("hand-over", "cycle", "release-flushed", "life-control", "life-memory")
SHOWN_SIZES = (1, 32, 512, 12800)
UNITS = {"time": "time", "icount": "instr."}


@dataclass
class Kernel:
    """The runs of one kernel configuration"""
    name: str
    time: Run
    icount: Run

    def run(self, unit: str) -> Run:
        return self.time if unit == "time" else self.icount

    def spread(self, unit: str, op: str, pages: int) -> float:
        """How far two measurements of the same code differ, as a factor of at least 1"""
        r = self.run(unit).samples.ratio(op, pages, AGAIN, base=DESIGN)
        return max(r[2], 1 / r[1]) if r else 1.0

    def verdict(self, unit: str, op: str, pages: int, rival: str) -> str:
        """"flat" or the rival if one takes less beyond the spread, otherwise "even" """
        r, beyond = self.run(unit).samples.ratio(op, pages, DESIGN, base=rival), self.spread(unit, op, pages)
        if not r:
            return "-"
        return "flat" if r[1] > beyond else rival if r[2] < 1 / beyond else "even"


def kernels(top: Path) -> list[Kernel]:
    """Kernels that zero pages on allocation first, because distributions ship them"""
    return [Kernel(name, *(Run(top / KEPT / f"{run}{suffix}.json") for run in ("uml", "qemu-icount")))
            for name, suffix in (("init_on_alloc=1", "-zeroing"), ("init_on_alloc=0", ""))]


@dataclass
class Requirement:
    """A row of the first table: what is required, and what was reached in each kernel"""
    what: str
    required: str
    reached: list[tuple[str, bool]]

    def row(self) -> list[str]:
        return [self.what, self.required, *(text if met else f"**{text}**" for text, met in self.reached)]


def at_least(ks: list[Kernel], what: str, unit: str, op: str, least: float, pages: int | None = None,
             rivals: Sequence[str] = (BASE,), only: str | None = None) -> Requirement:
    """The lowest quotient of a rival and flat is at least @least, within the spread."""
    reached = []
    for k in ks:
        samples = k.run(unit).samples
        found = [(r[0], k.spread(unit, op, p) if least == 1 else 1, rival, p)
                 for p in ([pages] if pages else samples.cells(op)) for rival in rivals
                 if (r := samples.ratio(op, p, DESIGN, base=rival))]
        ratio, beyond, rival, p = min(found, key=lambda f: f[0] * f[1], default=(least, 1, "", 0))
        text = "-" if not found else number(ratio) + (f" ({rival}, {p:,})" if len(found) > 1 else "")
        reached.append((text, ratio * beyond >= least or (only is not None and k.name != only)))
    return Requirement(f"{what}: rival / flat, {'instructions' if unit == 'icount' else 'time'}",
                       f"≥ {least:g}" + (f" if {only}" if only else ""), reached)


def flushed_free(ks: list[Kernel], base: str, ns_per_wbinvd: int) -> Requirement:
    """A flushed free costs at most 5% more than @base, from 32 pages on."""
    reached = []
    for k in ks:
        s = k.time.samples
        worst = max(((flat + p * ns_per_wbinvd) / (floor + p * ns_per_wbinvd), p)
                    for p in s.cells("release-flushed") if p >= 32
                    for flat, floor in [[s.median("release-flushed", p, d) for d in (DESIGN, base)]] if flat and floor)
        reached.append((f"{number(worst[0])} ({worst[1]:,})", worst[0] <= 1.05))
    how = f"computed for {ns_per_wbinvd / 1000:g} us per WBINVD" if ns_per_wbinvd else "as measured"
    return Requirement(f"flushed free: flat / {base}, time, {how}", "≤ 1.05", reached)


def requirements(ks: list[Kernel]) -> list[Requirement]:
    off = ks[1].name
    return [
        at_least(ks, "build all operands", "icount", "hand-over", 1),
        at_least(ks, "build all operands, 12,800 pages", "icount", "hand-over", 140, 12800),
        flushed_free(ks, "floor-pages", 0), flushed_free(ks, FLOOR, 1000),
        at_least(ks, "life cycle without flush, 512 pages", "time", "cycle", 3.5, 512, only=off),
        at_least(ks, "life cycle without flush, 12,800 pages", "time", "cycle", 5, 12800, only=off),
        at_least(ks, "life cycle without flush", "time", "cycle", 1, rivals=RIVALS),
        at_least(ks, "lifetime of control pages", "time", "life-control", 1, rivals=RIVALS),
        at_least(ks, "lifetime of extensions memory", "time", "life-memory", 1, rivals=RIVALS),
    ]


def pair_table(k: Kernel) -> str:
    rows = []
    s = k.time.samples
    for op in SHOWN_OPERATIONS:
        for pages in SHOWN_SIZES:
            r, i = s.ratio(op, pages, DESIGN), k.icount.samples.ratio(op, pages, DESIGN)
            # The extensions need many pages.
            if r and (op != "life-memory" or pages == 12800):
                rows.append([op, f"{pages:,}", *(number(s.median(op, pages, d)) for d in (*RIVALS, DESIGN)),
                             s.ratio_text(r), k.verdict("time", op, pages, BASE), number(i[0]) if i else "-"])
    return table(["operation", "pages", *(f"{d} ns" for d in (*RIVALS, DESIGN)), "v2 / flat [95%]",
                  "less", "v2 / flat, instr."], rows)


def losses(ks: list[Kernel], designs: Sequence[str]) -> str:
    """Sizes at which another design takes less time or fewer instructions than flat"""
    rows = []
    for op in OPERATIONS:
        for rival in designs:
            row = []
            for k in ks:
                for unit in UNITS:
                    s = k.run(unit).samples
                    lost = {p: r[0] for p in s.cells(op) if k.verdict(unit, op, p, rival) == rival
                            and (r := s.ratio(op, p, DESIGN, base=rival))}
                    row.append(f"{', '.join(f'{p:,}' for p in lost)} ({number(min(lost.values()))})" if lost else "")
            if any(row):
                rows.append([op, rival, *row])
    return table(["operation", "design", *(f"{words}, {k.name}" for k in ks for words in UNITS.values())], rows, left=6)


def first_edition(ks: list[Kernel]) -> str:
    """What whole blocks gain in the same run, and where"""
    rows = []
    for op in ("create", "release", "cycle", "release-flushed", "life-control", "life-memory"):
        for pages in SHOWN_SIZES:
            ratios = [k.time.samples.ratio(op, pages, "flat-blocks", base=DESIGN) for k in ks]
            if all(ratios) and (op != "life-memory" or pages == 12800):
                rows.append([op, f"{pages:,}", *(k.time.samples.ratio_text(r) for k, r in zip(ks, ratios))])
    return table(["operation", "pages", *(f"flat / flat-blocks, {k.name}" for k in ks)], rows)


def size_table(top: Path) -> str:
    names = {"flat-v2-leaves": "flat, v2's leaves only", "bare-list": "bare-list (donated memory only)"}
    return table(["design", "net lines", "bytes of functions", "free functions"],
                 [[names.get(name, name), f"{d['lines']:,}", f"{d['bytes']:,}", f"{len(d['free'])}"]
                  for name, d in runs.load(top, size.NAME)["designs"].items()])


def us(ns: float | None) -> str:
    return number(ns / 1000) if ns else "-"


def summary(top: Path, zeroing: Kernel) -> str:
    """The table on the first screen of README.md"""
    matrix = runs.load(top, "faults-uml.json")["rows"]
    fragmented = runs.load(top, "frag-uml.json")["rows"]
    sizes = runs.load(top, size.NAME)["designs"]

    def lost(design: str) -> list[str]:
        return [faults.loss(r["cells"][design]) for r in matrix if design in r["cells"]]

    def memory(design: str) -> str:
        rows = [r for r in fragmented if r["design"] == design]
        return f"{sum(not any(r['errno']) for r in rows)} of {len(rows)}"

    def row(title: str, text: Callable[[str], str]) -> list[str]:
        return [title, *(text(d) for d in (*RIVALS, DESIGN))]

    time, icount = zeroing.time.samples, zeroing.icount.samples
    return table(["", *RIVALS, DESIGN], [
        row("rows of the fault matrix, of which UNSAFE", lambda d: f"{len(lost(d))}, **{lost(d).count('unsafe')}**"),
        row("rows in which pages are leaked needlessly", lambda d: f"{lost(d).count('needless leak')}"),
        row("degrees of fragmentation in which 50 MiB are found", memory),
        row("net lines, bytes of array and wrappers", lambda d: f"{sizes[d]['lines']}, {sizes[d]['bytes']:,}"),
        row("free functions", lambda d: f"{len(sizes[d]['free'])}"),
        row("operands of 512 pages, instructions", lambda d: number(icount.median("hand-over", 512, d))),
        row("lifetime of 512 control pages, us", lambda d: us(time.median("life-control", 512, d))),
        row("lifetime of 12,800 extension pages, us", lambda d: us(time.median("life-memory", 12800, d))),
    ])


def metadata_table(records: list[dict]) -> str:
    cells = {(r["pages"], r["design"]): f"{r['bytes']:,}" for r in records if r["kind"] == "metadata"}
    present = [d for d in DESIGNS if any(k[1] == d for k in cells)]
    return table(["pages", *present], [[f"{p:,}", *(cells.get((p, d), "-") for d in present)]
                                       for p in sorted({p for p, _ in cells})], left=0)


def all_cells(run: Run) -> list[tuple[str, str]]:
    """(title, table) of each operation"""
    s = run.samples
    found = []
    for op, title in OPERATIONS.items():
        present = [d for d in DESIGNS if any((op, p, d) in s.rounds for p in s.cells(op))]
        if present:
            found.append((title, table(["pages", *present], [[f"{p:,}", *(number(s.median(op, p, d)) for d in present)]
                                                             for p in s.cells(op)], left=0)))
    return found


def pages(top: Path) -> dict[str, str]:
    """{path: text} of everything that is generated from the kept runs, but plots and figures of pages"""
    def render(name: str, **values: object) -> str:
        return env.get_template(name).render(**values)

    env = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
                             keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    ks = kernels(top)
    needs = requirements(ks)
    matrix, fragmented = runs.load(top, "faults-uml.json"), runs.load(top, "frag-uml.json")
    counted = runs.load(top, size.NAME)["callers"]
    about = [[f"{'instructions' if unit == 'icount' else 'time'}, {k.name}", f"`{r['command']}`",
              f"Linux {r['kernel']}, {r['engine']}", r["compiler"], r["commit"]]
             for k in ks for unit in UNITS for r in (k.run(unit).about,)]
    readme = (top / "README.md").read_text(encoding="utf-8")
    unsafe = faults.summary(matrix)
    for name, text in (("figures", pair_table(ks[0])), ("summary", summary(top, ks[0])), ("faults", unsafe)):
        readme = excerpt(readme, name, text)
    return {
        "README.md": readme,
        "RESULTS.md": render(
            "results.md", ks=ks, missed=not all(met for n in needs for _, met in n.reached),
            requirements=table(["requirement (worst row)", "required", *(k.name for k in ks)],
                               [n.row() for n in needs], left=2),
            pairs=[pair_table(k) for k in ks], rival_losses=losses(ks, RIVALS), variant_losses=losses(ks, VARIANTS),
            first_edition=first_edition(ks), size=size_table(top), faults=unsafe, hosts=host.results(top),
            runs=table(["what", "command", "kernel", "compiler", "code at"], about, left=5)),
        "Documentation/results/tables.md": render(
            "tables.md", designs=DESIGNS,
            parts=[(f"{k.name}, {unit}", all_cells(k.run(which))) for k in ks
                   for which, unit in (("time", "ns"), ("icount", "instructions"))],
            metadata=metadata_table(ks[1].time.records),
            callers=callers.caller_table(counted),
            frag=render("frag.md", run=fragmented["run"], table=frag.table_text(fragmented))),
        "Documentation/faults.rst": render("faults.rst", faults=faults, data=matrix),
        callers.PAGE: render("callers.rst", flows=callers.FLOWS, records=counted),
    }


def keep(top: Path, new: Mapping[str, str | bytes]) -> None:
    """Keep the files @new of runs, and write what is generated from kept runs: all of it, or nothing."""
    # make series needs this module, but no matplotlib.
    from tdxpa import plots
    try:
        with tempfile.TemporaryDirectory() as tmp:
            stage = Path(tmp)
            shutil.copytree(top / KEPT, stage / KEPT)
            replace({stage / path: (top / path).read_bytes() for path in ("README.md", evidence.PAGE)} |
                    {stage / KEPT / name: text for name, text in new.items()})
            replace({stage / path: text for path, text in pages(stage).items()})
            plots.cost_per_page(stage / KEPT / "plots", Run(stage / KEPT / "uml.json").samples)
            evidence.write(stage)
            texts = {top / path.relative_to(stage): path.read_bytes() for path in stage.rglob("*") if path.is_file()}
    except OSError as e:
        sys.exit(f"error: no file is changed: {e}; free space there, or restore the missing file")
    replace({path: text for path, text in texts.items() if not path.exists() or path.read_bytes() != text})


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    p.add_argument("--top", required=True, type=Path)
    top = p.parse_args().top
    new = sorted((top / RUNS).glob("*.json"))
    keep(top, {path.name: path.read_bytes() for path in new})
    for path in new:
        path.unlink()
    print(f"Kept in {KEPT}: {', '.join(p.name for p in new) or 'no new run'}")
    print("Written: RESULTS.md, README.md, plots, Documentation/")


if __name__ == "__main__":
    main()
