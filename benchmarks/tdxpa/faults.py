# SPDX-License-Identifier: GPL-2.0
"""faults.py LOG: the fault matrix.

A row of flat passes if no case is unsafe, no page is leaked needlessly, and nothing else
leaks.  In a mode of the software module, it passes if the loss is the one that
benchmarks/designs/faults.json expects.  Status 1 if a row fails, or if v2 does not show a
hazard.  The last line counts rows of flat, and hazards that are not shown.
"""
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tdxpa import runs
from tdxpa.common import read_records, table
from tdxpa.runs import BASE, DESIGN

PREFIX = "tdx_faults: "
TEXTS = json.loads((Path(__file__).parents[1] / "designs" / "faults.json").read_text(encoding="utf-8"))
MODES, CAUSES, HAZARDS, EXPECTED = (TEXTS[k] for k in ("modes", "causes", "hazards", "expected"))
# What makes a case unsafe
UNSAFE = {
    "freed_owned": "freed while owned",
    "freed_dirty": "freed unflushed",
    "freed_twice": "freed twice",
    "freed_foreign": "frees of a page of the kernel",
    "claimed_free": "passed to the module after they were freed",
    "stale": "list entries overwritten",
}
# A dash alone begins a list.
DASH = "\\-"
# Leaks of other memory than the pages of arrays
LEAKS = {"objects": "objects leaked", "others": "other pages leaked"}


def name_of(row: dict) -> str:
    return f"{row['leaf']}: {row['failure']}"


def read_log(path: str) -> list[dict]:
    """The rows in order, each with its cells by design"""
    rows: dict[int, dict] = {}
    errno = None
    for record in read_records(path, PREFIX):
        if "end" in record:
            errno = record["end"]
            continue
        row = rows.setdefault(record.pop("row"), {"cells": {}})
        row |= {key: record.pop(key) for key in ("mode", "leaf", "failure", "cause", "hazard")}
        row["cells"][record.pop("design")] = record
    if errno != 0 or not rows:
        # Leaked memory may have ended the run.
        failures([r for r in rows.values() if not r["mode"]])
        sys.exit(f"error: the matrix is not complete (errno {errno}): {path}")
    return list(rows.values())


def outcome(cell: dict) -> str:
    """A cell in words.  Numbers are sums over its cases."""
    if not cell["cases"]:
        return "cannot be expressed"
    found = [f"{cell[k]:,} {words}" for k, words in UNSAFE.items() if cell[k]]
    if cell["leaked"]:
        found.append(f"{cell['leaked']:,} leaked" + (f", {cell['needless']:,} needlessly" if cell["needless"] else ""))
    found += [f"{cell[k]:,} {words}" for k, words in LEAKS.items() if cell[k]]
    return ("UNSAFE: " if cell["unsafe"] else "") + "; ".join(found) or "clean"


def loss(cell: dict) -> str:
    """Kind of loss, in the words of EXPECTED"""
    if cell["unsafe"]:
        return "unsafe"
    return "needless leak" if cell["needless"] or any(cell[k] for k in LEAKS) else ""


def kind(cell: dict) -> str:
    """Kind of result, by which rows of a mode are compared"""
    return loss(cell) or ("leaked" if cell["leaked"] else outcome(cell))


def failures(rows: list[dict]) -> int:
    """Print each row in which the design fails; return their number."""
    left = {(mode, row): e["loss"] for mode, losses in EXPECTED.items() for e in losses for row in e["rows"]}
    failed = 0
    for r in (r for r in rows if DESIGN in r["cells"]):
        cell, want = r["cells"][DESIGN], left.pop((r["mode"], name_of(r)), "")
        if loss(cell) != want:
            failed += 1
            print(f"{DESIGN} fails: {r['mode'] or 'no mode'}: {name_of(r)}: {outcome(cell)}; expected: {want or '-'}")
    for mode, row in left if any(r["mode"] for r in rows) else []:
        failed += 1
        print(f"faults.json expects a row that does not exist: {mode}: {row}")
    return failed


def designs_of(rows: list[dict]) -> list[str]:
    return [d for d in runs.DESIGNS if any(d in r["cells"] for r in rows)]


def counts(rows: list[dict], designs: list[str]) -> list[list[str]]:
    """The foot of the table: a title, and a number for each design"""
    def line(title: str, number: Callable[[dict], int], among: list[dict] = rows) -> list[str]:
        return [title, *(f"{sum(number(r['cells'][d]) for r in among if d in r['cells']):,}" for d in designs)]

    return [
        line("rows: clean", lambda c: outcome(c) == "clean"),
        line("rows: leaked pages, none needlessly", lambda c: bool(c["leaked"]) and not loss(c)),
        line("rows: needless leaks, not unsafe", lambda c: loss(c) == "needless leak"),
        line("rows: UNSAFE", lambda c: bool(c["unsafe"])),
        *(line(f"rows: UNSAFE, {cause}", lambda c: bool(c["unsafe"]), [r for r in rows if r["cause"] == cause])
          for cause in CAUSES),
        line("rows: cannot be expressed", lambda c: not c["cases"]),
        line("cases", lambda c: c["cases"]),
        line("cases: UNSAFE", lambda c: c["unsafe"]),
        line("pages leaked needlessly", lambda c: c["needless"]),
    ]


def matrix(rows: list[dict]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table"""
    def cases(row: dict) -> str:
        numbers = [c["cases"] for c in row["cells"].values() if c["cases"]]
        return " to ".join(f"{n:,}" for n in sorted({min(numbers), max(numbers)}))

    designs = designs_of(rows)
    return (["leaf", "failure", "needs", "hazard", "cases", *designs],
            [[r["leaf"], r["failure"], r["cause"], r["hazard"] or "", cases(r),
              *(outcome(r["cells"][d]) if d in r["cells"] else "-" for d in designs)] for r in rows])


def mode_counts(data: dict, designs: list[str]) -> list[list[str]]:
    """For each mode and design: rows that become UNSAFE / that begin to leak needlessly"""
    without = {name_of(r): r["cells"] for r in data["rows"]}
    lines = []
    for mode in MODES:
        rows = [r for r in data["modes"] if r["mode"] == mode]
        line = [mode, f"{len(rows)}"]
        for d in designs:
            cells = [(loss(r["cells"][d]), loss(without[name_of(r)][d]))
                     for r in rows if d in r["cells"] and r["cells"][d]["cases"]]
            new = [now for now, before in cells if now != before]
            line.append(f"{new.count('unsafe')} / {new.count('needless leak')}" if cells else "-")
        lines.append(line)
    return lines


def mode_part(data: dict, mode: str) -> dict:
    """The part of the page about one mode"""
    without = {name_of(r): r["cells"] for r in data["rows"]}
    rows = [r for r in data["modes"] if r["mode"] == mode]

    def differs(row: dict, design: str) -> bool:
        return kind(row["cells"][design]) != kind(without[name_of(row)][design])

    changed = [r for r in rows if any(differs(r, d) for d in r["cells"])]
    same = [d for d in designs_of(rows) if any(r["cells"][d]["cases"] for r in rows if d in r["cells"])
            and not any(differs(r, d) for r in rows if d in r["cells"])]
    return {"mode": mode, "text": MODES[mode], "expected": EXPECTED.get(mode, []), "number": len(rows),
            "changed": matrix(changed), "same": same}


def hazards(rows: list[dict]) -> list[list[str]]:
    """For each hazard that v2 shows: its worst row, and the result of flat in it"""
    lines = []
    for hazard, words in HAZARDS.items():
        shown = [r for r in rows if r["hazard"] == hazard and loss(r["cells"][BASE])]
        if shown:
            worst = max(shown, key=lambda r: (r["cells"][BASE]["unsafe"], r["cells"][BASE]["needless"]))
            lines.append([hazard, words, name_of(worst), *(outcome(worst["cells"][d]) for d in (BASE, DESIGN))])
    return lines


def summary(data: dict) -> str:
    designs = designs_of(data["rows"])
    lines = [line for line in counts(data["rows"], designs) if line[0].startswith("rows")]
    lines += [[f"rows that become UNSAFE: {mode}", *(n.split(" ")[0] for n in numbers)]
              for mode, _, *numbers in mode_counts(data, designs)]
    return table(["", *designs], lines)


def rst_table(header: Sequence[str], lines: Sequence[Sequence[str]], widths: Sequence[int], wide: bool = False) -> str:
    out = [".. list-table::", *["   :class: wide"] * wide, "   :header-rows: 1",
           f"   :widths: {' '.join(map(str, widths))}", ""]
    for line in (header, *lines):
        out += [f"   {'  -' if i else '* -'} {DASH if cell == '-' else cell}".rstrip() for i, cell in enumerate(line)]
    return "\n".join(out)


def main() -> int:
    args = runs.arguments(__doc__)

    rows = read_log(args.log)
    data = {"rows": [r for r in rows if not r["mode"]], "modes": [r for r in rows if r["mode"]]}
    shown = hazards(data["rows"])
    print(table(["", "shown by", BASE, DESIGN], [[h[0], *h[2:]] for h in shown], 4) + f"\n\n{summary(data)}")
    run = runs.about(args.top, f"make torture WHAT=faults ENGINE={args.engine}", args.kernel, args.engine)
    missing = set(HAZARDS) - {h[0] for h in shown}
    if missing:
        print(f"no row of {BASE} shows {', '.join(sorted(missing))}")
    bad = failures(rows)
    failed = bad + len(missing)
    runs.write(args.top, f"faults-{args.engine}.json", run, data, whole=not failed)
    print(f"{sum(DESIGN in r['cells'] for r in rows) - bad} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
