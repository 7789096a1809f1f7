# SPDX-License-Identifier: GPL-2.0
"""faults.py LOG: the fault matrix.  Status 1 if a row of flat is missing, or unsafe, or leaks needlessly.

In a mode of the software module, the loss must be that of benchmarks/designs/faults.json.
"""
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tdxpa import runs
from tdxpa.common import read_records, table
from tdxpa.runs import BASE, DESIGN

PREFIX = "tdx_faults: "
TEXTS = json.loads((Path(__file__).parents[1] / "designs" / "faults.json").read_text(encoding="utf-8"))
MODES, CAUSES, HAZARDS, EXPECTED, UNSAFE = (TEXTS[k] for k in ("modes", "causes", "hazards", "expected", "unsafe"))
NUMBERS = UNSAFE | TEXTS["leaks"]
# Designs in the table of hazards
COMPARED = [BASE, "v2-fixed", DESIGN]
# The result of a design in a row
LEVELS = CLEAN, OWNED, NEEDLESS, BAD, INEXPRESSIBLE, NO_USE = (
    "clean", "kept by the module", "needless leak", "unsafe", "cannot be expressed", "no such use")


def name_of(row: dict) -> str:
    return f"{row['leaf']}: {row['failure']}"


def read_log(path: str) -> list[dict]:
    """The rows in order, each with its cells by design"""
    rows: dict[int, dict] = {}
    errno = None
    for record in read_records(path, PREFIX):
        errno = record.get("end", errno)
        if "row" in record:
            row = rows.setdefault(record.pop("row"), {"cells": {}})
            row |= {key: record.pop(key) for key in ("mode", "leaf", "failure", "cause", "hazard")}
            row["cells"][record.pop("design")] = record
    if errno != 0 or not rows:
        # Leaked memory may have ended the run.
        print(*failures(list(rows.values())), sep="\n")
        sys.exit(f"error: the matrix is not complete (errno {errno}): {path}")
    return list(rows.values())


def found(row: dict, design: str) -> list[str]:
    """Kinds of results, without their numbers"""
    return [k for k in NUMBERS if row["cells"].get(design, {}).get(k)]


def level(row: dict, design: str) -> str:
    cell, kinds = row["cells"].get(design), found(row, design)
    if not cell or not cell["cases"]:
        return INEXPRESSIBLE if cell else NO_USE
    return BAD if cell["unsafe"] else CLEAN if not kinds else OWNED if kinds == ["leaked"] else NEEDLESS


def outcome(row: dict, design: str) -> str:
    """A cell in words: the number of bad cases, and the largest numbers of any case"""
    if not found(row, design):
        return level(row, design)
    cell = row["cells"][design]
    bad = cell["unsafe"] or cell["leaking"]
    words = [f"{cell[k]:,} {NUMBERS[k]}" for k in found(row, design)]
    often = "each case" if bad == cell["cases"] else f"{bad:,} of {cell['cases']:,} cases"
    return f"{'UNSAFE' if cell['unsafe'] else 'leaks'} in {often}, at most: {', '.join(words)}"


def failures(rows: list[dict]) -> list[str]:
    """What is not as expected of the design, and what is missing"""
    expected = {(mode, row): e["loss"] for mode, losses in EXPECTED.items() for e in losses for row in e["rows"]}
    bad = []
    for r in rows:
        want = expected.pop((r["mode"], name_of(r)), "")
        # A misuse that a design has no function for is impossible.
        good = [want] if want else [CLEAN, OWNED, *[INEXPRESSIBLE] * (r["cause"] == "misuse")]
        if level(r, DESIGN) not in good:
            bad.append(f"{DESIGN}: {r['mode'] or '-'}: {name_of(r)}: {outcome(r, DESIGN)}, not {' or '.join(good)}")
    return bad + [f"no row: {mode}: {row}" for mode, row in expected] + [
        f"no row of {key} {name}" for key, names in (("cause", CAUSES), ("hazard", HAZARDS), ("mode", MODES))
        for name in names if all(r[key] != name for r in rows)]


def designs_of(rows: list[dict]) -> list[str]:
    return [d for d in runs.DESIGNS if any(d in r["cells"] for r in rows)]


def columns(rows: list[dict]) -> dict[str, str]:
    """Designs whose results have the same kinds in all rows share a column: {their names: the first of them}"""
    same: dict[str, list[str]] = {}
    for d in designs_of(rows):
        same.setdefault(str([(level(r, d), found(r, d)) for r in rows]), []).append(d)
    return {", ".join(names): names[0] for names in (sorted(names, key=len) for names in same.values())}


def by_cause(rows: list[dict]) -> dict[str, list[dict]]:
    return {cause: [r for r in rows if r["cause"] == cause] for cause in CAUSES}


def counts(rows: list[dict], designs: Sequence[str]) -> list[list[str]]:
    """Numbers of rows: a title, and a number for each design"""
    lines = [("rows", rows, LEVELS[:-1]), ("rows: clean", rows, [CLEAN]), ("rows: kept by the module", rows, [OWNED]),
             ("rows: cannot be expressed", rows, [INEXPRESSIBLE]),
             ("rows: needless leaks, not unsafe", rows, [NEEDLESS]), ("rows: UNSAFE", rows, [BAD]),
             *((f"rows: UNSAFE, {cause}", part, [BAD]) for cause, part in by_cause(rows).items()
               if part not in ([], rows))]
    return [[title, *(f"{sum(level(r, d) in levels for r in part)}" for d in designs)] for title, part, levels in lines]


def matrix(rows: list[dict], designs: Sequence[str]) -> list[list[str]]:
    """The lines of the table"""
    cases = [sorted({c["cases"] for c in r["cells"].values() if c["cases"]}) for r in rows]
    return [[r["leaf"], r["failure"], r["hazard"], " to ".join(f"{n:,}" for n in sorted({*c[:1], *c[-1:]})),
             *(outcome(r, d) for d in designs)] for r, c in zip(rows, cases)]


def heat(data: dict) -> tuple[list[str], list[tuple[str, str, list[str]]]]:
    """Names of the columns; a group, a name, and one of LEVELS for each column"""
    shown = columns(data["rows"])
    return [*shown], [(CAUSES[cause], name_of(r), [level(r, d) for d in shown.values()])
                      for cause, rows in by_cause(data["rows"]).items() for r in rows]


def changed(data: dict, mode: str) -> dict[str, dict[str, str]]:
    """For each design that has the mode: rows with another level than without it, and their level in it"""
    rows, before = [r for r in data["modes"] if r["mode"] == mode], {name_of(r): r for r in data["rows"]}
    return {d: {name_of(r): level(r, d) for r in rows if level(r, d) not in (NO_USE, level(before[name_of(r)], d))}
            for d in designs_of(rows) if any(r["cells"][d]["cases"] for r in rows if d in r["cells"])}


def changed_rows(data: dict, mode: str) -> list[dict]:
    names = {name for new in changed(data, mode).values() for name in new}
    return [r for r in data["modes"] if r["mode"] == mode and name_of(r) in names]


def mode_counts(data: dict, designs: Sequence[str]) -> list[list[str]]:
    """For each mode and design: rows that become UNSAFE / that begin to leak needlessly"""
    return [[mode, f"{sum(r['mode'] == mode for r in data['modes'])}",
             *(" / ".join(f"{list(new[d].values()).count(kind)}" for kind in (BAD, NEEDLESS)) if d in new else "-"
               for d in designs)] for mode in MODES for new in [changed(data, mode)]]


def shows(rows: list[dict], hazard: str, design: str) -> list[dict]:
    """The rows that show a hazard, the worst first"""
    return sorted((r for r in rows if r["hazard"] == hazard and {*HAZARDS[hazard]["shows"]} & {*found(r, design)}),
                  key=lambda r: -max(r["cells"][design][k] for k in HAZARDS[hazard]["shows"]))


def hazards(rows: list[dict]) -> list[list[str]]:
    """For each hazard: the designs that show it, the worst row of the first of them, and results in that row"""
    lines = []
    for h, texts in HAZARDS.items():
        worst = {names: bad[0] for names, d in columns(rows).items() if (bad := shows(rows, h, d))}
        results = [[name_of(r), *(outcome(r, d) for d in COMPARED)] for r in worst.values()]
        lines.append([h, texts["text"], "; ".join(worst) or "-", *(results or [["-"] * 4])[0]])
    return lines


def classes(rows: list[dict], design: str) -> set[str]:
    """Classes of bugs: the hazards that show, and kinds of unsafe results that belong to none of these"""
    shown = {h for h in HAZARDS if shows(rows, h, design)}
    known = {k for h in shown for k in HAZARDS[h]["shows"]}
    return shown | {k for r in rows for k in found(r, design) if k in UNSAFE and k not in known}


def summary_lines(data: dict, designs: Sequence[str]) -> list[list[str]]:
    """A title, and a number for each design"""
    def worse(design: str, kind: str) -> int:
        new = [changed(data, mode).get(design, {}) for mode in MODES if mode.startswith(kind)]
        return len({name for names in new for name in names if names[name] == BAD})

    return [["classes of bugs", *(f"{len(classes(data['rows'], d))}" for d in designs)],
            *(c for c in counts(data["rows"], designs) if c[0] == "rows" or "needless" in c[0] or "UNSAFE" in c[0]),
            *([f"pages {NUMBERS[k]} in the worst case",
               *(f"{max(r['cells'].get(d, {}).get(k, 0) for r in data['rows']):,}" for d in designs)]
              for k in ("leaked", "needless")),
            *([f"rows that become UNSAFE: {k}", *(f"{worse(d, k)}" for d in designs)]
              for k in dict.fromkeys(m.split(":")[0] for m in MODES))]


def summary(data: dict) -> str:
    """The table of RESULTS.md"""
    shown = columns(data["rows"] + data["modes"])
    return table(["", *shown], summary_lines(data, [*shown.values()]))


def main() -> int:
    args = runs.arguments(__doc__)
    rows = read_log(args.log)
    data = {"rows": [r for r in rows if not r["mode"]], "modes": [r for r in rows if r["mode"]]}
    print(table(["", "shown by"], [[h[0], h[2]] for h in hazards(data["rows"])], 2) + f"\n\n{summary(data)}")
    run = runs.about(args.top, f"make torture WHAT=faults ENGINE={args.engine}", args.kernel, args.engine)
    print(*(bad := failures(rows)), sep="\n")
    runs.write(args.top, f"faults-{args.engine}.json", run, data, whole=not bad)
    print(f"{max(len(rows) - len(bad), 0)} passed, {len(bad)} failed")
    return 1 if bad else 0
