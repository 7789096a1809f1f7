# SPDX-License-Identifier: GPL-2.0
"""results.py: keep the runs below build/runs, and write all generated pages from the kept runs."""
import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tdxpa import callers, cycles, evidence, faults, frag, host, runs, size
from tdxpa.common import excerpt, render, replace, table
from tdxpa.runs import AGAIN, BASE, DESIGN, DESIGNS, KEPT, OPERATIONS, RUNS, Run, number

RIVALS = tuple(d for d in DESIGNS if d not in (DESIGN, AGAIN, "floor", "floor-pages"))
# The file explains them.
SHOWN, COST, EQUAL, CASES, SEAMCALL_US, README, SAFETY = (
    json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))[k]
    for k in ("shown", "cost", "equal allocation", "cases", "seamcall us", "readme", "safety"))


@dataclass
class Kernel:
    """The runs of one kernel configuration"""
    name: str
    time: Run
    icount: Run | None

    def units(self) -> list[tuple[str, Run]]:
        return [("time", self.time), *([("instructions", self.icount)] if self.icount else [])]


def kernels(top: Path) -> list[Kernel]:
    """Kernels that zero pages on allocation first, because distributions ship them"""
    def run(name: str) -> Run:
        return Run(top / KEPT / f"{name}.json")

    return [Kernel("init_on_alloc=1", run("uml-zeroing"), run("qemu-icount-zeroing")),
            Kernel("init_on_alloc=0", run("uml-plain"), run("qemu-icount-plain")),
            Kernel("hardened", run("uml-hardened"), None)]


def us(ns: float | None) -> str:
    return number(ns / 1000) if ns is not None else "-"


def at(run: Run, op: str, pages: int, design: str, us_per_call: float) -> float | None:
    """ns of an operation whose SEAMCALLs take this much longer"""
    ns, calls = run.samples.median(op, pages, design), run.calls.get((op, pages, design), 0)
    return None if ns is None else ns + 1000 * us_per_call * calls


def cost_table(k: Kernel) -> str:
    """What the cases cost in one kernel: instructions, time, and time with real SEAMCALLs"""
    rows = []
    for title, op, pages, often in CASES:
        if k.icount:
            cells = [k.icount.samples.median(op, pages, d) for d in COST]
            rows += [[f"{title}: instructions", *map(number, cells)]] if any(cells) else []
        rows.append([f"{title}: us [another boot]", *(us_range(k.time, op, pages, d) for d in COST)])
        if any(k.time.calls.get((op, pages, d)) for d in COST):
            rows.append([f"the same, computed for 1 us per SEAMCALL ({often})",
                         *(us(at(k.time, op, pages, d, 1)) for d in COST)])
    return table([k.name, *COST], rows)


def us_range(run: Run, op: str, pages: int, design: str) -> str:
    ns = run.samples.median(op, pages, design)
    return "-" if ns is None else f"{us(ns)} [{', '.join(map(us, run.samples.spread(op, pages, design)))}]"


def seamcall_rows(k: Kernel) -> list[list[str]]:
    """What remains of the difference of v2 and flat if a SEAMCALL takes microseconds"""
    rows = []
    for op in ("life-control", "release-flushed", "life-memory"):
        for pages in k.time.samples.cells(op):
            calls, v2, flat = k.time.calls.get((op, pages, DESIGN)), *(
                k.time.samples.median(op, pages, d) for d in (BASE, DESIGN))
            if calls and v2 and flat:
                drop = k.time.samples.median(op, pages, "v2-noclflush")
                computed = [at(k.time, op, pages, d, c) or 0 for c in SEAMCALL_US for d in (BASE, DESIGN)]
                # From here on, the difference is less than 5% of the whole.
                even = ((v2 - flat) / 0.05 - v2) / calls
                rows.append([op, f"{pages:,}", number(calls), us(v2 - flat), us(v2 - drop) if drop else "-",
                             number(v2 / flat), *(number(a / b) for a, b in zip(computed[::2], computed[1::2])),
                             us(even) if even > 0 else "-"])
    return rows


SEAMCALL_HEADER = ("operation", "pages", "SEAMCALLs", "v2 - flat, us", "of it CLFLUSH, us", "v2 / flat, measured",
                   *(f"at {c} us" for c in SEAMCALL_US), "5% at us")


def lost(run: Run, rival: str) -> dict[tuple[str, int], float]:
    """Cells in which a rival takes less than flat, with the quotient rival / flat"""
    return {(op, p): r[0] for op in OPERATIONS for p in run.samples.cells(op)
            if run.samples.verdict(op, p, rival) == rival and (r := run.samples.ratio(op, p, DESIGN, base=rival))}


def losses(ks: list[Kernel]) -> str:
    """For each rival and variant: the number of cells in which it takes less than flat, and the lowest quotient"""
    units = [(k.name, unit, run) for k in ks for unit, run in k.units()]

    def cell(run: Run, rival: str) -> str:
        found = lost(run, rival)
        number_of = sum(run.samples.ratio(op, p, DESIGN, base=rival) is not None
                        for op in OPERATIONS for p in run.samples.cells(op))
        if not found:
            return f"0 of {number_of}"
        (op, p), r = min(found.items(), key=lambda f: f[1])
        return f"{len(found)} of {number_of}, {number(r)} ({op}, {p:,})"

    return table(["design", *(f"{unit}, {name}" for name, unit, _ in units)],
                 [[d, *(cell(run, d) for _, _, run in units)] for d in RIVALS], left=9)


def loss_list(ks: list[Kernel]) -> str:
    """All cells in which another design takes less"""
    units = [(k.name, unit, run) for k in ks for unit, run in k.units()]
    rows = []
    for op in OPERATIONS:
        for rival in RIVALS:
            cells = [", ".join(f"{p:,} ({number(r)})" for (o, p), r in lost(run, rival).items() if o == op)
                     for _, _, run in units]
            rows += [[op, rival, *cells]] if any(cells) else []
    return table(["operation", "design", *(f"{unit}, {name}" for name, unit, _ in units)], rows, left=9)


def ratio_table(ks: list[Kernel]) -> str:
    """v2 / flat in each kernel, with the spread of the same code"""
    rows = []
    for op in OPERATIONS:
        for pages in ks[0].time.samples.cells(op):
            row = [op, f"{pages:,}"]
            for k in ks:
                s = k.time.samples
                row += [s.ratio_text(s.ratio(op, pages, DESIGN)), s.verdict(op, pages, BASE)]
            same = ks[0].time.samples.ratio(op, pages, AGAIN, base=DESIGN)
            rows.append([*row, ks[0].time.samples.ratio_text(same)])
    return table(["operation", "pages", *(text for k in ks for text in (f"v2 / flat, {k.name}", "less")),
                  f"flat / flat-again, {ks[0].name}"], rows)


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


def size_table(top: Path) -> str:
    data = runs.load(top, size.NAME)
    names = {"flat-v2-leaves": "flat, v2's leaves only", "bare-list": "bare-list (donated memory only)"}
    whole = {c["design"]: c for c in data["callers"] if c["flow"] == callers.ALL}
    return table(["design", "net lines", "bytes of functions", "free functions", "callers: lines, branches"],
                 [[names.get(name, name), f"{d['lines']:,}", f"{d['bytes']:,}", f"{len(d['free'])}",
                   f"{whole[name]['lines']}, {whole[name]['branches']}" if name in whole else "-"]
                  for name, d in data["designs"].items()])


def figures(top: Path, ks: list[Kernel]) -> dict:
    """Numbers in sentences"""
    rows = runs.load(top, "faults-uml.json")["rows"]
    columns = dict(zip(SHOWN, next(c for c in faults.counts(rows, SHOWN) if c[0] == "rows: UNSAFE")[1:]))
    sized = runs.load(top, size.NAME)
    return {"sizes": sized["designs"], "rows": len(rows), "unsafe": columns, "boots": ks[0].time.about["boots"],
            "callers": {c["design"]: c for c in sized["callers"] if c["flow"] == callers.ALL},
            "us_at_1": {d: us(at(ks[0].time, "life-control", 512, d, 1)) for d in DESIGNS},
            "us": {op: {d: us(ks[0].time.samples.median(op, pages, d)) for d in DESIGNS} for _, op, pages, _ in CASES}}


def summary(top: Path, ks: list[Kernel]) -> list[list[str]]:
    """Lines of the table on the first screen of README.md and in the cover letter"""
    matrix, fragmented = (runs.load(top, f"{name}-uml.json") for name in ("faults", "frag"))
    sizes, found = runs.load(top, size.NAME)["designs"], frag.summary(fragmented)
    icount = ks[0].units()[-1][1].samples

    def row(title: str, text: Callable[[str], str]) -> list[str]:
        return [title, *(text(d) for d in SHOWN)]

    return [*([t.removesuffix(", not unsafe"), *cells] for t, *cells in faults.summary_lines(matrix, SHOWN) if t in SAFETY),
            row("states with 50 MiB found", lambda d: found[d][0]),
            row("4 MiB regions, mixed load", lambda d: found[d][2].split(", ")[2].replace(" to ", "-")),
            row("net lines", lambda d: f"{sizes[d]['lines']}" if d in sizes else "-"),
            row("bytes of functions", lambda d: f"{sizes[d]['bytes']:,}" if d in sizes else "-"),
            row("operands, instructions", lambda d: number(icount.median("hand-over", 512, d))),
            row("session, instructions", lambda d: number(icount.median("life-control", 512, d))),
            row("session, equal allocation", lambda d: number(icount.median("life-control", 512, EQUAL.get(d, ""))))]


def metadata_table(records: list[dict]) -> str:
    cells = {(r["pages"], r["design"]): f"{r['bytes']:,}" for r in records if r["kind"] == "metadata"}
    present = [d for d in DESIGNS if any(k[1] == d for k in cells)]
    return table(["pages", *present], [[f"{p:,}", *(cells.get((p, d), "-") for d in present)]
                                       for p in sorted({p for p, _ in cells})], left=0)


def environment(ks: list[Kernel]) -> str:
    """Everything that a run records about itself"""
    found = [{**run.about, "repeats": "{within} of {of} quotients in the intervals of {commit}".format(**run.about["repeats"])
              if "repeats" in run.about else "-"} for k in ks for _, run in k.units()]
    keys = [key for key in dict.fromkeys(key for about in found for key in about) if key != "again"]
    return table(["", *(f"`{about['command']}`" for about in found)],
                 [[key, *(str(about.get(key, "-")) for about in found)] for key in keys], left=9)


def all_plots(top: Path, ks: list[Kernel], matrix: dict) -> list:
    # make series needs this module, but no matplotlib.
    from tdxpa import load, plots
    sizes = runs.load(top, size.NAME)
    plain, time = ks[1].units()[-1][1], ks[0].time
    cells = [(title, [(at(time, op, p, BASE, c) or 0) / (at(time, op, p, DESIGN, c) or 1) for c in (0, *SEAMCALL_US)])
             for title, op, p, _ in CASES if op != "hand-over"]
    return [
        plots.waterfall("memory", "12,800 pages for the extensions, init_on_alloc=0", plain, "life-memory", 12800),
        plots.waterfall("session", "Lifetime of a session with 512 control pages, init_on_alloc=0", plain,
                        "life-control", 512),
        plots.by_size("cycle", "Create, build operands, release without flush, init_on_alloc=1", time, "cycle",
                      ("v2", "v2-blocks", "hpa-list", DESIGN), "ns", time.samples.cells("cycle")),
        plots.by_size("scaling", "Build all operands, up to 4 GiB", plain, "hand-over", ("v2", "hpa-list", DESIGN),
                      "instructions", plain.samples.cells("hand-over")),
        plots.heat_map(*faults.heat(matrix), matrix["run"]),
        plots.size_by_concern(sizes["functions"], [d for d in SHOWN if d in sizes["functions"]], sizes["run"]),
        plots.remaining(cells, (0, *SEAMCALL_US), time.about),
        load.plot(runs.load(top, "load-qemu.json"))]


def pages(top: Path) -> dict[str, str]:
    """{path: text} of everything that is generated from the kept runs, but pictures and figures of answers"""
    ks = kernels(top)
    matrix, fragmented = (runs.load(top, f"{name}-uml.json") for name in ("faults", "frag"))
    random, counted = runs.load(top, "cycles-tdx.json"), runs.load(top, size.NAME)["callers"]
    readme = (top / "README.md").read_text(encoding="utf-8")
    for name, text in (("summary", table(["", *SHOWN], summary(top, ks))),
                       ("gain", render("gain.md", **figures(top, ks)).strip()),
                       ("figures", runs.pair_table(ks[0].time.samples, *README))):
        readme = excerpt(readme, name, text)
    return {
        "README.md": readme,
        "RESULTS.md": render("results.md", ks=ks, **figures(top, ks), safety=faults.summary(matrix),
                             size=size_table(top), cost=[cost_table(k) for k in ks[:2]],
                             losses=losses(ks), hosts=host.results(top), cycles=random),
        "Documentation/results/cost.md": render(
            "cost.md", ks=ks, designs=DESIGNS, ratios=ratio_table(ks), losses=loss_list(ks),
            seamcalls=[(k.name, table(SEAMCALL_HEADER, seamcall_rows(k))) for k in ks],
            parts=[(f"{k.name}, {'ns' if unit == 'time' else unit}", all_cells(run)) for k in ks for unit, run in k.units()],
            metadata=metadata_table(ks[0].time.records), environment=environment(ks)),
        "Documentation/results/cycles.md": render("cycles.md", cycles=cycles, data=random),
        "Documentation/results/memory.md": render("memory.md", run=fragmented["run"], table=frag.table_text(fragmented)),
        "Documentation/results/plots.md": render("plots.md", plots=all_plots(top, ks, matrix)),
        "Documentation/results/faults.rst": render("faults.rst", faults=faults, data=matrix),
        callers.PAGE: render("callers.rst", flows=callers.FLOWS, records=counted, table=callers.caller_table(counted)),
    }


def keep(top: Path, new: Mapping[str, str | bytes]) -> None:
    """Keep the files @new of runs, and write what is generated from kept runs: all of it, or nothing."""
    try:
        # matplotlib writes a cache of fonts at its first use.
        from tdxpa import plots
        with tempfile.TemporaryDirectory() as tmp:
            stage = Path(tmp)
            shutil.copytree(top / KEPT, stage / KEPT)
            replace({stage / path: (top / path).read_bytes() for path in ("README.md", *evidence.ANSWERS)} |
                    {stage / KEPT / name: text for name, text in new.items()})
            replace({stage / path: text for path, text in pages(stage).items()})
            plots.save(stage / KEPT / "plots", all_plots(stage, kernels(stage), runs.load(stage, "faults-uml.json")))
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
