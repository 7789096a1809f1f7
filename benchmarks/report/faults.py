#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""faults.py LOG: the fault matrix, from the log of a run.

Writes the matrix as JSON, as a page in Documentation/, and as a section of
RESULTS.md.  The last line counts the rows in which flat holds (no unsafe case, no
page needlessly stranded, nothing leaked) and those in which it does not.  Status 1 if there is one
of the latter, or if v2 does not show a hazard and no reason is given here.
"""
import argparse
import json
import sys
from pathlib import Path

from common import commit, excerpt, read_records, table

PREFIX = "tdx_faults: "
RIVAL, DESIGN = "v2", "flat"
SECTION = "## Fault matrix"

# What makes a case unsafe, and how a cell says it.
UNSAFE = {
    "freed_owned": "freed while owned",
    "freed_dirty": "freed unflushed",
    "freed_twice": "freed twice",
    "claimed_free": "handed over after free",
    "stale": "list entries overwritten",
}

# What is lost without being unsafe, beside the pages that an array names.
LEAKS = {
    "objects": "objects leaked",
    "leaked": "other pages leaked",
}

HAZARDS = {
    "H1": "a failed add in the middle frees pages that the module was given",
    "H2": "a failed create returns pages unflushed",
    "H3": "one failing WBINVD strands all pages of the array",
    "H4": "the caller picks among several ways out, and a wrong pick is silent",
    "H5": "a window is valid only until the next populate",
    "H6": "populate on an array whose pages await a flush loses track of them",
}

# Hazards that the matrix cannot show, and why.
NOT_REPRODUCIBLE = {}


def read_log(path):
    """Return the rows in order, each with its cells by design."""
    rows, end = {}, None
    for record in read_records(path, PREFIX):
        if "end" in record:
            end = record["end"]
            continue
        row = rows.setdefault(record.pop("row"), {"cells": {}})
        for key in ("leaf", "failure", "hazard"):
            row[key] = record.pop(key)
        row["cells"][record.pop("design")] = record
    rows = list(rows.values())
    if end != 0 or not rows:
        # It may have run out of what a design lost.
        tell_failures(rows)
        sys.exit(f"error: the matrix is not complete (errno {end}), nothing is written: {path}")
    return rows


def outcome(cell):
    """A cell in words; the numbers are sums over its cases."""
    found = [f"{cell[k]:,} {words}" for k, words in UNSAFE.items() if cell[k]]
    if cell["stranded"]:
        needless = f", {cell['needless']:,} needlessly" if cell["needless"] else ""
        found.append(f"{cell['stranded']:,} stranded{needless}")
    found += [f"{cell[k]:,} {words}" for k, words in LEAKS.items() if cell[k]]
    return ("UNSAFE: " if cell["unsafe"] else "") + "; ".join(found) or "clean"


def wasteful(cell):
    return bool(cell["needless"] or any(cell[k] for k in LEAKS))


def holds(cell):
    return not cell["unsafe"] and not wasteful(cell)


def tell_failures(rows):
    """Print each row in which the design fails; return their number."""
    bad = [r for r in rows if DESIGN in r["cells"] and not holds(r["cells"][DESIGN])]
    for r in bad:
        print(f"{DESIGN} fails: {r['leaf']}: {r['failure']}: {outcome(r['cells'][DESIGN])}")
    return len(bad)


def designs_of(rows):
    """Designs in the order of their names' first appearance, the rival first."""
    names = list(dict.fromkeys(d for r in rows for d in r["cells"]))
    return sorted(names, key=lambda d: (not d.startswith("v2"), names.index(d)))


def cases_of(row):
    counts = sorted({c["cases"] for c in row["cells"].values()})
    return f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")


def matrix(rows):
    """Header and lines of the table, the foot included."""
    designs = designs_of(rows)
    header = ["leaf", "failure", "hazard", "cases", *designs]
    lines = [[r["leaf"], r["failure"], r["hazard"] or "", cases_of(r),
              *(outcome(r["cells"][d]) if d in r["cells"] else "-" for d in designs)]
             for r in rows]

    def foot(title, count):
        lines.append([f"**{title}**", "", "", "",
                      *(f"**{sum(count(r['cells'][d]) for r in rows if d in r['cells']):,}**"
                        for d in designs)])

    foot("rows: clean", lambda c: outcome(c) == "clean")
    foot("rows: stranded pages, none needlessly",
         lambda c: bool(c["stranded"]) and holds(c))
    foot("rows: needlessly stranded pages or leaks, not unsafe",
         lambda c: wasteful(c) and not c["unsafe"])
    foot("rows: UNSAFE", lambda c: bool(c["unsafe"]))
    foot("cases", lambda c: c["cases"])
    foot("cases: UNSAFE", lambda c: c["unsafe"])
    foot("pages needlessly stranded", lambda c: c["needless"])
    return header, lines


def hazards(rows):
    """For each hazard: where v2 shows it worst, and what flat does there."""
    lines, missing = [], []
    for hazard, words in HAZARDS.items():
        shown = [r for r in rows if r["hazard"] == hazard and not holds(r["cells"][RIVAL])]
        if not shown:
            reason = NOT_REPRODUCIBLE.get(hazard)
            if not reason:
                missing.append(hazard)
            lines.append([hazard, words, f"not reproducible: {reason}", "", ""])
            continue
        worst = max(shown, key=lambda r: (r["cells"][RIVAL]["unsafe"],
                                          r["cells"][RIVAL]["needless"]
                                          - r["cells"][DESIGN]["stranded"]))
        lines.append([hazard, words, f"{worst['leaf']}: {worst['failure']}",
                      outcome(worst["cells"][RIVAL]), outcome(worst["cells"][DESIGN])])
    return lines, missing


INTRO = """A case runs one flow of a host driver on one design in a real kernel, with a
failure planned, before a judge that watches the kernel's allocators. A row sums up
all cases of one failure: at the first, the middle and the last call of the leaf (on
lists of 20, 1 and 512 pages; of 1,300 pages where memory is added), an interruption
after each possible number of entries. What the descriptor's caller does after a failed add, its
thread leaves open; here it gives up all pages, as the bare list does. Designs differ in their
allocations, each of which fails once, and so in the number of cases."""

WORDS = [
    ("clean", "every page is back in the page allocator, flushed if it had to be"),
    ("stranded", "pages that stay out of it, because the module owns them or refuses to "
     "flush them"),
    ("needlessly", "neither is true: they could have come back"),
    ("UNSAFE", "a page reached the page allocator while the module owned it or before its "
     "flush, was freed twice or handed over after it was freed, or a list was overwritten "
     "before use"),
    ("leaked", "memory beside the pages of the arrays that nobody frees"),
]


def load(top, engine):
    path = Path(top) / "benchmarks" / "results" / f"faults-{engine}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def made_by(run, quote="`"):
    return (f"{quote}{run['command']}{quote} on the engine {run['engine']}, Linux {run['kernel']}, "
            f"code at commit {run['commit']}")


def section(top, engine):
    """The section of RESULTS.md, empty if there is no matrix yet."""
    data = load(top, engine)
    if not data:
        return ""
    header, lines = matrix(data["rows"])
    shown, _ = hazards(data["rows"])
    words = "\n".join(f"- {w}: {text}" for w, text in WORDS)
    raw = f"benchmarks/results/faults-{engine}.json"
    return f"""{SECTION}

Made by {made_by(data["run"])}; raw: [{raw}]({raw}).

{INTRO}

{words}

Pages and the like are sums over the cases of a row.

### Hazards of v2, and where they show worst

{table(["", "hazard", "shown by", RIVAL, DESIGN], shown, 5)}

### All rows

{table(header, lines, 3)}
"""


def rst_table(header, lines, widths, *options):
    out = [".. list-table::", *options, "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for line in [header, *lines]:
        for i, cell in enumerate(line):
            # By itself it would begin a list.
            cell = "\\-" if cell == "-" else cell
            out.append(f"   {'* -' if not i else '  -'} {cell}".rstrip())
    return "\n".join(out)


def page(data):
    """The page in Documentation/."""
    run, rows = data["run"], data["rows"]
    header, lines = matrix(rows)
    shown, _ = hazards(rows)
    words = "\n".join(f"{w}\n  {text}" for w, text in WORDS)
    return f""".. SPDX-License-Identifier: GPL-2.0
.. Generated by `make faults`; do not edit.

================
The fault matrix
================

{INTRO}

{words}

Pages and the like are sums over the cases of a row.

Made by {made_by(run, "``")}.

Hazards of v2, and where they show worst
========================================

{rst_table(["H", "hazard", "shown by", RIVAL, DESIGN], shown, [4, 30, 30, 18, 18])}

All rows
========

{rst_table(header, lines, [14, 26, 6, 6, *[16] * (len(header) - 4)], "   :class: wide")}
"""


def write_section(path, text):
    """Put the section in place of the old one, or at the end."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    head = old.partition(f"\n{SECTION}\n")[0].rstrip("\n")
    path.write_text(f"{head}\n\n{text}", encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("--engine", required=True)
    p.add_argument("--kernel", required=True)
    p.add_argument("--top", required=True)
    args = p.parse_args()

    rows = read_log(args.log)
    top = Path(args.top)
    run = {"engine": args.engine, "kernel": args.kernel, "commit": commit(args.top),
           "command": f"make faults ENGINE={args.engine}"}
    raw = top / "benchmarks" / "results" / f"faults-{args.engine}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(json.dumps(r) for r in rows)
    raw.write_text(f'{{"run": {json.dumps(run)},\n"rows": [\n{body}\n]}}\n', encoding="utf-8")
    (top / "Documentation" / "faults.rst").write_text(page({"run": run, "rows": rows}),
                                                      encoding="utf-8")
    write_section(top / "RESULTS.md", section(args.top, args.engine))

    shown, missing = hazards(rows)
    print(table(["", "shown by", RIVAL, DESIGN], [[h[0], *h[2:]] for h in shown], 4))
    print()
    header, lines = matrix(rows)
    sums = table(["", *header[4:]], [[x[0].strip("*"), *(c.strip("*") for c in x[4:])]
                                     for x in lines[-7:]])
    print(sums)
    readme = top / "README.md"
    readme.write_text(excerpt(readme.read_text(encoding="utf-8"), "faults", sums), encoding="utf-8")
    print("\nAll rows: Documentation/faults.rst, RESULTS.md")
    for hazard in missing:
        print(f"{hazard} is not shown by any row of {RIVAL}, and no reason is given")
    bad = tell_failures(rows)
    failed = bad + len(missing)
    print(f"{len(rows) - bad} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
