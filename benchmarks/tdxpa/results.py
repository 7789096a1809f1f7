# SPDX-License-Identifier: GPL-2.0
"""results.py: keep the runs below build/runs, and write all generated pages from the kept runs."""
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tdxpa import kernels as built
from tdxpa import callers, cycles, evidence, faults, frag, host, runs, size
from tdxpa.common import excerpt, render, replace, table
from tdxpa.runs import AGAIN, BASE, CONFIGURATIONS, DESIGN, DESIGNS, KEPT, OPERATIONS, RUNS, Run, number

RIVALS = tuple(d for d in DESIGNS if d not in (DESIGN, AGAIN))
# The file explains them.
SHOWN, COST, EQUAL, CASES, SEAMCALL_US, README, SAFETY, WIDE, RUNS_SHOWN = (
    json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))[k]
    for k in ("shown", "cost", "equal allocation", "cases", "seamcall us", "readme", "safety", "wide", "runs"))
ZEROING, PLAIN = CONFIGURATIONS["zeroing"], CONFIGURATIONS["plain"]
Runs = dict[tuple[str, str], Run]


def kept_runs(top: Path) -> Runs:
    """{(kernel, unit): run}, kernels that zero pages on allocation first, because distributions ship them"""
    paths = {(kernel, unit): [top / KEPT / f"{name}.json" for name in names] for kernel, unit, *names in RUNS_SHOWN}
    return {key: Run(next((p for p in names if p.exists()), names[-1])) for key, names in paths.items()}


def times(ks: Runs) -> dict[str, Run]:
    return {kernel: run for (kernel, unit), run in ks.items() if unit == "time"}


def us(ns: float | None) -> str:
    return number(ns / 1000) if ns is not None else "-"


def at(run: Run, op: str, pages: int, design: str, us_per_call: float) -> float | None:
    """ns of an operation whose SEAMCALLs take this much longer"""
    ns, calls = run.samples.median(op, pages, design), run.calls.get((op, pages, design), 0)
    return None if ns is None else ns + 1000 * us_per_call * calls


def slower(run: Run, op: str, pages: int, us_per_call: float) -> float:
    """v2 / flat, if each SEAMCALL takes this much longer"""
    v2, flat = (run.samples.boots(op, pages, d) + 1000 * us_per_call * run.calls.get((op, pages, d), 0)
                for d in (BASE, DESIGN))
    return float(np.median(v2 / flat))


def cost_table(ks: Runs, kernel: str) -> str:
    """What the cases cost in one kernel: instructions, time, and time with real SEAMCALLs"""
    rows, time, icount = [], ks[kernel, "time"], ks[kernel, "instructions"].samples
    for title, op, pages, often in CASES:
        cells = [icount.median(op, pages, d) for d in COST]
        rows += [[f"{title}: instructions", *map(number, cells)]] if any(cells) else []
        rows.append([f"{title}: us [95% of boots]", *(us_range(time, op, pages, d) for d in COST)])
        if any(time.calls.get((op, pages, d)) for d in COST):
            rows.append([f"the same, computed for 1 us per SEAMCALL ({often})",
                         *(us(at(time, op, pages, d, 1)) for d in COST)])
    return table([kernel, *COST], rows)


def us_range(run: Run, op: str, pages: int, design: str) -> str:
    ns = run.samples.median(op, pages, design)
    return "-" if ns is None else f"{us(ns)} [{', '.join(map(us, run.samples.spread(op, pages, design)))}]"


def seamcall_table(run: Run) -> str:
    """What remains of the difference of v2 and flat if a SEAMCALL takes microseconds"""
    rows = []
    for op in ("life-control", "release-flushed", "life-memory"):
        for pages in run.samples.cells(op):
            v2, flat, drop = (run.samples.median(op, pages, d) for d in (BASE, DESIGN, "v2-noclflush"))
            calls = run.calls.get((op, pages, DESIGN))
            if calls and v2 and flat:
                # From here on, the difference is less than 5% of the whole.
                even = ((v2 - flat) / 0.05 - v2) / calls
                rows.append([op, f"{pages:,}", number(calls), us(v2 - flat), us(v2 - drop) if drop else "-",
                             *(number(slower(run, op, pages, c)) for c in (0, *SEAMCALL_US)), us(even) if even > 0 else "-"])
    return table(["operation", "pages", "SEAMCALLs", "v2 - flat, us", "of it CLFLUSH, us", "v2 / flat, measured",
                  *(f"at {c} us" for c in SEAMCALL_US), "5% at us"], rows)


def lost(run: Run, rival: str) -> dict[tuple[str, int], float]:
    """Cells in which a rival takes less than flat, with the quotient rival / flat"""
    return {(op, p): r[0] for op in OPERATIONS for p in run.samples.cells(op)
            if run.samples.verdict(op, p, rival) == rival and (r := run.samples.ratio(op, p, DESIGN, base=rival))}


def losses(ks: Runs) -> str:
    """For each rival and variant: the number of cells in which it takes less than flat, and the lowest quotient"""
    def cell(run: Run, rival: str) -> str:
        found, s = lost(run, rival), run.samples
        of = sum(s.ratio(op, p, DESIGN, base=rival) is not None for op in OPERATIONS for p in s.cells(op))
        lowest = sorted((r, op, p) for (op, p), r in found.items())[:1]
        return ", ".join([f"{len(found)} of {of}", *(f"{number(r)} ({op}, {p:,})" for r, op, p in lowest)])

    return table(["design", *(f"{unit}, {kernel}" for kernel, unit in ks)],
                 [[d, *(cell(run, d) for run in ks.values())] for d in RIVALS], left=9)


def loss_list(ks: Runs) -> str:
    """All cells in which another design takes less"""
    rows = [[op, rival, *(", ".join(f"{p:,} ({number(r)})" for (o, p), r in lost(run, rival).items() if o == op)
                          for run in ks.values())] for op in OPERATIONS for rival in RIVALS]
    return table(["operation", "design", *(f"{unit}, {kernel}" for kernel, unit in ks)],
                 [row for row in rows if any(row[2:])], left=9)


def ratio_table(ks: Runs) -> str:
    """v2 / flat in each kernel, with the spread of the same code"""
    first = ks[ZEROING, "time"].samples
    rows = [[op, f"{pages:,}", *(text for run in times(ks).values() for s in [run.samples]
                                 for text in (s.ratio_text(s.ratio(op, pages, DESIGN)), s.verdict(op, pages, BASE))),
             first.ratio_text(first.ratio(op, pages, AGAIN, base=DESIGN))]
            for op in OPERATIONS for pages in first.cells(op)]
    return table(["operation", "pages", *(text for kernel in times(ks) for text in (f"v2 / flat, {kernel}", "less")),
                  f"flat / flat-again, {ZEROING}"], rows)


def by_pages(cells: Mapping[tuple[int, str], str]) -> str:
    """A line for each number of pages, a column for each design"""
    present = [d for d in DESIGNS if any(k[1] == d for k in cells)]
    return table(["pages", *present], [[f"{p:,}", *(cells.get((p, d), "-") for d in present)]
                                       for p in sorted({p for p, _ in cells})], left=0)


def all_cells(run: Run) -> list[tuple[str, str]]:
    """(title, table) of each operation"""
    s = run.samples
    return [(title, by_pages({(p, d): number(s.median(o, p, d)) for o, p, d in s.rounds if o == op and p in s.cells(op)}))
            for op, title in OPERATIONS.items() if s.cells(op)]


def figures(top: Path, ks: Runs) -> dict:
    """Numbers in sentences"""
    matrix, fragmented = (runs.load(top, f"{name}-uml.json") for name in ("faults", "frag"))
    lines = {title: dict(zip(SHOWN, cells)) for title, *cells in faults.summary_lines(matrix, SHOWN)}
    sized, time = runs.load(top, size.NAME), ks[ZEROING, "time"]
    again = [run.about["repeats"] for run in times(ks).values()]
    same = [time.samples.same(op, p) for op in OPERATIONS for p in time.samples.cells(op)]
    return {"sizes": sized["designs"], "rows": len(matrix["rows"]), "matrix": lines, "unsafe": lines["rows: UNSAFE"],
            "regions": max(n[0] for r in fragmented["rows"] if r["design"] == DESIGN for n in r["regions"]),
            "engine": {"uml": "user-mode Linux", "qemu": "QEMU with KVM"}[time.about["engine"]],
            "wide": sum(factor > WIDE for factor in same), "cells": len(same), "factor": WIDE,
            "again": {key: sum(r[key] for r in again) for key in ("within", "of", "medians within", "medians")},
            "boots": time.about["boots"], "us_at_1": {d: us(at(time, "life-control", 512, d, 1)) for d in DESIGNS},
            "us": {op: {d: us(time.samples.median(op, pages, d)) for d in DESIGNS} for _, op, pages, _ in CASES}}


def summary(top: Path, ks: Runs) -> list[list[str]]:
    """Lines of the table on the first screen of README.md and in the cover letter"""
    matrix, fragmented = (runs.load(top, f"{name}-uml.json") for name in ("faults", "frag"))
    sizes, found = runs.load(top, size.NAME)["designs"], frag.summary(fragmented)
    icount = ks[ZEROING, "instructions"].samples

    def row(title: str, text: Callable[[str], str]) -> list[str]:
        return [title, *(text(d) for d in SHOWN)]

    return [*([t.removesuffix(", not unsafe"), *cells] for t, *cells in faults.summary_lines(matrix, SHOWN) if t in SAFETY),
            row("states with 50 MiB found", lambda d: found[d][0]),
            row("4 MiB regions, mixed load", lambda d: found[d][2].split(", ")[2].replace(" to ", "-")),
            row("net lines", lambda d: f"{sizes[d]['lines']}" if d in sizes else "-"),
            row("bytes of functions", lambda d: f"{sizes[d]['bytes']:,}" if d in sizes else "-"),
            row("operands, instructions", lambda d: number(icount.median("hand-over", 512, d))),
            row("session, instructions", lambda d: number(icount.median("life-control", 512, d))),
            row("session, with v2-blocks", lambda d: number(icount.median("life-control", 512, EQUAL.get(d, ""))))]


def environment(ks: Runs) -> str:
    """Everything that a run records about itself"""
    found = [{**run.about, "repeats": runs.REPEATS.format(**{"medians within": "-", "medians": "-"} | run.about["repeats"])}
             for run in ks.values()]
    keys = [key for key in dict.fromkeys(key for about in found for key in about) if key != "again"]
    return table(["", *(f"`{about['command']}`" for about in found)],
                 [[key, *(str(about.get(key, "-")) for about in found)] for key in keys], left=9)


def all_plots(top: Path, ks: Runs, matrix: dict) -> list:
    # make series needs this module, but no matplotlib.
    from tdxpa import load, plots
    sizes = runs.load(top, size.NAME)
    plain, time = ks[PLAIN, "instructions"], ks[ZEROING, "time"]
    cells = [(title, [slower(time, op, p, c) for c in (0, *SEAMCALL_US)]) for title, op, p, _ in CASES if op != "hand-over"]
    return [
        *(plots.waterfall(f"{op}{suffix}", f"{title[0].upper()}{title[1:]}, {kernel}", ks[kernel, "instructions"], op, p)
          for title, op, p, _ in CASES if op != "hand-over" for kernel, suffix in ((ZEROING, "-zeroing"), (PLAIN, ""))
          if ks[kernel, "instructions"].samples.median(op, p, DESIGN)),
        plots.by_size("cycle", "Create, build operands, release without flush, init_on_alloc=1", time, "cycle",
                      ("v2", "v2-blocks", "hpa-list", DESIGN), "ns", time.samples.cells("cycle")),
        plots.by_size("scaling", "Build all operands, up to 4 GiB", plain, "hand-over", ("v2", "hpa-list", DESIGN),
                      "instructions", plain.samples.cells("hand-over", sys.maxsize)),
        plots.heat_map(*faults.heat(matrix), matrix["run"]),
        plots.size_by_concern(sizes["functions"], [d for d in SHOWN if d in sizes["functions"]], sizes["run"]),
        plots.remaining(cells, (0, *SEAMCALL_US), time.about), load.plot(runs.load(top, "load-qemu.json"))]


def pages(top: Path) -> dict[str, str]:
    """{path: text} of everything that is generated from the kept runs, but pictures and figures of answers"""
    ks = kept_runs(top)
    matrix, fragmented = (runs.load(top, f"{name}-uml.json") for name in ("faults", "frag"))
    random, sized = runs.load(top, "cycles-tdx.json"), runs.load(top, size.NAME)
    readme = (top / "README.md").read_text(encoding="utf-8")
    for name, text in (("summary", table(["", *SHOWN], summary(top, ks))),
                       ("gain", render("gain.md", **figures(top, ks)).strip()),
                       ("figures", runs.comparison_table(ks[ZEROING, "time"].samples, *README))):
        readme = excerpt(readme, name, text)
    return {
        "README.md": readme,
        "RESULTS.md": render("results.md", ks=ks, **figures(top, ks), safety=faults.summary(matrix),
                             size=size.size_table(sized), cost=[cost_table(ks, k) for k in (ZEROING, PLAIN)],
                             losses=losses(ks), hosts=host.results(top), cycles=random, cycle_table=cycles.table_text),
        "Documentation/results/cost.md": render(
            "cost.md", ks=ks, designs=DESIGNS, ratios=ratio_table(ks), losses=loss_list(ks),
            seamcalls=[(kernel, seamcall_table(run)) for kernel, run in times(ks).items()],
            parts=[(f"{kernel}, {'ns' if unit == 'time' else unit}", all_cells(run)) for (kernel, unit), run in ks.items()],
            compared=[runs.load(top, p.name)["run"] for p in sorted((top / KEPT).glob("compare-*.json"))],
            metadata=by_pages({(r["pages"], r["design"]): f"{r['bytes']:,}" for r in ks[ZEROING, "time"].records
                               if r["kind"] == "metadata"}), environment=environment(ks)),
        "Documentation/results/cycles.md": render("cycles.md", cycles=cycles, data=random),
        "Documentation/results/memory.md": render("memory.md", run=fragmented["run"], table=frag.table_text(fragmented)),
        "Documentation/results/plots.md": render("plots.md", plots=all_plots(top, ks, matrix)),
        "Documentation/results/faults.rst": render("faults.rst", faults=faults, data=matrix),
        "Documentation/results/kernels.rst": built.page(top),
        callers.PAGE: render("callers.rst", flows=callers.FLOWS, records=sized["callers"]),
    }


def keep(top: Path, new: Mapping[str, str | bytes]) -> None:
    """Keep the files @new of runs, and write what is generated from kept runs: all of it, or nothing."""
    try:
        # matplotlib writes a cache of fonts at its first use.
        from tdxpa import plots
        with tempfile.TemporaryDirectory() as tmp:
            stage = Path(tmp)
            shutil.copytree(top / KEPT, stage / KEPT)
            replace({stage / path: (top / path).read_bytes() for path in ("README.md", *evidence.QUESTIONS)} |
                    {stage / KEPT / name: text for name, text in new.items()})
            replace({stage / path: text for path, text in pages(stage).items()})
            plots.save(stage / KEPT / "plots", all_plots(stage, kept_runs(stage), runs.load(stage, "faults-uml.json")))
            evidence.write(stage)
            texts = {top / path.relative_to(stage): path.read_bytes() for path in stage.rglob("*") if path.is_file()}
    except OSError as e:
        sys.exit(f"error: no file is changed: {e}; free space there, or restore the missing file")
    replace({path: text for path, text in texts.items() if not path.exists() or path.read_bytes() != text})


def main() -> None:
    top = Path(sys.argv[1])
    new = sorted((top / RUNS).glob("*.json"))
    rows = "".join((top / path / built.NAME).read_text() for path in (KEPT, RUNS) if (top / path / built.NAME).exists())
    if lost := [p.stem for p in (top / "build/kernels").glob("*.log") if f'"kernel": "{p.stem}"' not in rows]:
        sys.exit(f"error: these kernels were run and have no row: {', '.join(lost)}; repeat make torture WHAT=kernels")
    keep(top, {path.name: path.read_bytes() for path in new})
    for path in new:
        path.unlink()
    print(f"Kept in {KEPT}: {', '.join(p.name for p in new) or 'no new run'}")
    print("Written: RESULTS.md, README.md, plots, Documentation/")
