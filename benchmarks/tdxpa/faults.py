#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""faults.py LOG: report the fault matrix from the log of a run.

Writes the matrix as JSON, as a page in Documentation/ and as a table in README.md.  The last line counts the rows of flat that pass.  A
row fails if a case is unsafe, a page is leaked needlessly, or anything else leaks.
In a mode of the software module, a row fails if its result differs from EXPECTED.
Status 1 if a row fails, or if v2 does not show a hazard.
"""
import argparse
import json
import sys
import textwrap
from pathlib import Path

from tdxpa.common import commit, excerpt, read_records, table

PREFIX = "tdx_faults: "
RIVAL, DESIGN = "v2", "flat"

# What makes a case unsafe
UNSAFE = {
    "freed_owned": "freed while owned",
    "freed_dirty": "freed unflushed",
    "freed_twice": "freed twice",
    "freed_foreign": "frees of a page of the kernel",
    "claimed_free": "passed to the module after they were freed",
    "stale": "list entries overwritten",
}

# Leaks of other memory than the pages of arrays
LEAKS = {
    "objects": "objects leaked",
    "others": "other pages leaked",
}

HAZARDS = {
    "H1": "a failed add frees pages that the module already owns",
    "H2": "a failed create returns pages unflushed",
    "H3": "one failing WBINVD leaks all pages of the array",
    "H4": "the caller chooses among several free functions, and a wrong choice is silent",
    "H5": "a window is valid only until the next populate",
    "H6": "populate on an array whose pages await a flush loses track of them",
    "H7": "a release that succeeds frees the tail of each IOMMU_MT block unflushed",
}

CAUSES = {
    "allowed": "the specification or the kernel allows it",
    "broken module": "it takes a module that breaks the specification",
    "misuse": "it takes a caller that misuses the functions of the design",
}

MODES = {
    "WBINVD of an owned page succeeds":
        "The specification and the public source of the module exclude this.",
    "input lists: bit 63":
        "The module sets bit 63 of each entry that it has read.",
    "input lists: low bits":
        "The module writes a number of pages to bits 11:0 of each entry that it has read.",
    "input lists: zero":
        "The module clears each entry that it has read.",
    "input lists: another PA":
        "The module replaces every second entry by its neighbour. flat-blocks is left out: if it frees "
        "a block twice, the kernel crashes.",
    "failed leaves change registers":
        "A failed leaf returns 0 in RCX and RDX. A failed EXT.MEM.ADD returns the advanced list "
        "information. The public source of the module does this.",
}

# Rows in which pages are freed that were control pages in a list
FREED_LISTS = [
    "all: nothing fails, IOMMUs",
    "all: nothing fails, SPDM sessions",
    "all: nothing fails, IDE streams",
    "IOMMU.SETUP: OPERAND_BUSY, pages written to before",
    "IOMMU.SETUP: OPERAND_BUSY, pages taken before",
    "IOMMU.SETUP: interrupted after each k, then continues",
    "IOMMU.CLEAR: interrupted, then continues",
    "SPDM.CREATE: OPERAND_BUSY, pages written to before",
    "SPDM.CREATE: OPERAND_BUSY, pages taken before",
    "IDE.STREAM.CREATE: OPERAND_BUSY, pages written to before",
    "IDE.STREAM.CREATE: OPERAND_BUSY, pages taken before",
    "PAGE.WBINVD: another call works on the same 2 MiB",
    "all: a canary behind the last entry must survive",
    "caller: another window built while pages await their flush",
    "caller: create failed, freed by each function",
    "caller: returned by the module, freed by each function",
]
# Rows in which pages are freed that were a shared buffer in a list
FREED_BUFFERS = [
    "all: nothing fails, device information",
    "all: nothing fails, recollected information",
    "SPDM.CONNECT: interrupted, then continues",
    "SPDM.MNG: interrupted, then continues",
]

# Rows in which flat loses in a mode: kind of loss, reason, rows
EXPECTED = {
    "WBINVD of an owned page succeeds": [
        ("unsafe", "EXT.MEM.ADD stops and does not report the pages that it has taken. Only the refusal "
         "of WBINVD identifies them.", [
             "EXT.MEM.ADD: OPERAND_BUSY, pages taken before",
             "EXT.MEM.ADD: success with information, pages taken before",
         ]),
        ("unsafe", "The setup owns pages when it is interrupted, and the next SEAMCALL does not reach the "
         "module.", [
             "IOMMU.SETUP: interrupted after each k, then SEAMCALL fails (#UD)",
         ]),
        ("unsafe", "The module also breaks the specification in another way: it keeps pages after a failed "
         "create or a successful delete.", [
             "IOMMU.SETUP: OPERAND_BUSY, pages taken before",
             "SPDM.CREATE: OPERAND_BUSY, pages taken before",
             "IDE.STREAM.CREATE: OPERAND_BUSY, pages taken before",
             "IOMMU.CLEAR: succeeds, and keeps the second half",
             "SPDM.DELETE: succeeds, and keeps the second half",
             "IDE.STREAM.DELETE: succeeds, and keeps the second half",
         ]),
    ],
    "input lists: zero": [
        ("needless leak", "The entries are the only record of the pages. WBINVD of PA 0 fails, because it "
         "lies in no TDMR, so nothing else is freed instead.", FREED_LISTS),
        ("unsafe", "The entries are the only record of the pages. A shared buffer is freed without WBINVD, "
         "so the page at PA 0 is freed instead.", FREED_BUFFERS),
    ],
    "input lists: another PA": [
        ("unsafe", "The entries are the only record of the pages. WBINVD of the other page succeeds, so it "
         "is freed twice.", FREED_LISTS),
        ("unsafe", "A shared buffer is freed without WBINVD, so the other page is freed twice.",
         FREED_BUFFERS),
    ],
}


def name_of(row):
    return f"{row['leaf']}: {row['failure']}"


def read_log(path):
    """Return the rows in order, each with its cells by design."""
    rows, end = {}, None
    for record in read_records(path, PREFIX):
        if "end" in record:
            end = record["end"]
            continue
        row = rows.setdefault(record.pop("row"), {"cells": {}})
        for key in ("mode", "leaf", "failure", "cause", "hazard"):
            row[key] = record.pop(key)
        row["cells"][record.pop("design")] = record
    rows = list(rows.values())
    if end != 0 or not rows:
        # Leaked memory may have ended the run.
        print_failures(split(rows)[0])
        sys.exit(f"error: {path}: the matrix is not complete (errno {end}); nothing is written")
    return rows


def outcome(cell):
    """A cell in words; the numbers are sums over its cases."""
    if not cell["cases"]:
        return "cannot be expressed"
    found = [f"{cell[k]:,} {words}" for k, words in UNSAFE.items() if cell[k]]
    if cell["leaked"]:
        needless = f", {cell['needless']:,} needlessly" if cell["needless"] else ""
        found.append(f"{cell['leaked']:,} leaked{needless}")
    found += [f"{cell[k]:,} {words}" for k, words in LEAKS.items() if cell[k]]
    return ("UNSAFE: " if cell["unsafe"] else "") + "; ".join(found) or "clean"


def wasteful(cell):
    return bool(cell["needless"] or any(cell[k] for k in LEAKS))


def holds(cell):
    return not cell["unsafe"] and not wasteful(cell)


def loss(cell):
    """Kind of loss, in the words of EXPECTED"""
    return "unsafe" if cell["unsafe"] else "needless leak" if wasteful(cell) else ""


def kind(cell):
    """Kind of result: rows of a mode are compared by it."""
    return loss(cell) or ("leaked" if cell["leaked"] else outcome(cell))


def split(rows):
    """Rows without a mode, and rows of modes"""
    return [r for r in rows if not r["mode"]], [r for r in rows if r["mode"]]


def expected_losses():
    """(mode, row): kind of loss"""
    return {(mode, row): what for mode, losses in EXPECTED.items()
            for what, _, names in losses for row in names}


def print_failures(rows):
    """Print each row in which the design fails; return their number."""
    left = expected_losses()
    failed = 0
    for r in rows:
        if DESIGN not in r["cells"]:
            continue
        cell = r["cells"][DESIGN]
        want = left.pop((r["mode"], name_of(r)), "")
        if loss(cell) != want:
            failed += 1
            mode = f"mode {r['mode']}: " if r["mode"] else ""
            print(f"{DESIGN} fails: {mode}{name_of(r)}: {outcome(cell)}"
                  + (f"; expected: {want}" if r["mode"] else ""))
    for mode, row in left if split(rows)[1] else []:
        failed += 1
        print(f"EXPECTED names a row that does not exist: {mode}: {row}")
    return failed


def designs_of(rows):
    """Designs in the order of their first appearance, v2 and its variants first"""
    names = list(dict.fromkeys(d for r in rows for d in r["cells"]))
    return sorted(names, key=lambda d: (not d.startswith("v2"), names.index(d)))


def cases_of(row):
    counts = sorted({c["cases"] for c in row["cells"].values() if c["cases"]})
    return f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")


def counts(rows, designs):
    """The foot of the table: a title, and a number for each design"""
    def line(title, count, among=rows):
        return [title, *(f"{sum(count(r['cells'][d]) for r in among if d in r['cells']):,}"
                         for d in designs)]

    return [
        line("rows: clean", lambda c: outcome(c) == "clean"),
        line("rows: leaked pages, none needlessly", lambda c: bool(c["leaked"]) and holds(c)),
        line("rows: needless leaks, not unsafe", lambda c: wasteful(c) and not c["unsafe"]),
        line("rows: UNSAFE", lambda c: bool(c["unsafe"])),
        *(line(f"rows: UNSAFE, {cause}", lambda c: bool(c["unsafe"]),
               [r for r in rows if r["cause"] == cause]) for cause in CAUSES),
        line("rows: cannot be expressed", lambda c: not c["cases"]),
        line("cases", lambda c: c["cases"]),
        line("cases: UNSAFE", lambda c: c["unsafe"]),
        line("pages leaked needlessly", lambda c: c["needless"]),
    ]


def matrix(rows, foot=True):
    """Header and lines of the table"""
    designs = designs_of(rows)
    header = ["leaf", "failure", "needs", "hazard", "cases", *designs]
    lines = [[r["leaf"], r["failure"], r["cause"], r["hazard"] or "", cases_of(r),
              *(outcome(r["cells"][d]) if d in r["cells"] else "-" for d in designs)]
             for r in rows]
    if foot:
        lines += [[f"**{title}**", "", "", "", "", *(f"**{n}**" for n in numbers)]
                  for title, *numbers in counts(rows, designs)]
    return header, lines


def mode_counts(data, designs):
    """For each mode and design: rows that become UNSAFE / that begin to leak needlessly"""
    without = {name_of(r): r["cells"] for r in data["rows"]}
    lines = []
    for mode in MODES:
        of = [r for r in data["modes"] if r["mode"] == mode]
        line = [mode, f"{len(of)}"]
        for d in designs:
            pairs = [(loss(r["cells"][d]), loss(without[name_of(r)][d]))
                     for r in of if d in r["cells"] and r["cells"][d]["cases"]]
            new = [now for now, before in pairs if now != before]
            line.append(f"{new.count('unsafe')} / {new.count('needless leak')}" if pairs else "-")
        lines.append(line)
    return lines


def differs(base, row, design):
    """In this row of a mode, the result is of another kind than without the mode."""
    without = next(r for r in base if name_of(r) == name_of(row))["cells"]
    return design in row["cells"] and kind(row["cells"][design]) != kind(without[design])


def changed(base, rows):
    """Rows of a mode in which the result of a design differs"""
    return [r for r in rows if any(differs(base, r, d) for d in r["cells"])]


def hazards(rows):
    """For each hazard: the worst row of v2, and the result of flat in it"""
    lines, missing = [], []
    for hazard, words in HAZARDS.items():
        shown = [r for r in rows if r["hazard"] == hazard and not holds(r["cells"][RIVAL])]
        if not shown:
            missing.append(hazard)
            continue
        worst = max(shown, key=lambda r: (r["cells"][RIVAL]["unsafe"],
                                          r["cells"][RIVAL]["needless"]))
        lines.append([hazard, words, name_of(worst),
                      outcome(worst["cells"][RIVAL]), outcome(worst["cells"][DESIGN])])
    return lines, missing


INTRO = """\
A case runs one call sequence of a host driver on one design in a real kernel, with a
planned failure. A page checker watches the allocators of the kernel and reports the state of all
pages. A row sums up all cases of one failure. They differ in the call that fails (the first, the
middle or the last) and in the number of pages that it has processed. Lists have 20, 1 and 512
pages, added memory has 1,300. An interruption comes after each possible number of entries. Designs
differ in their allocations, each of which fails once, so they differ in the number of cases."""

ABOUT_HAZARDS = """\
Each line shows the worst row of a hazard. No posted caller of v2 reaches H5 and H6: they are
hazards of the functions. H7 also shows in the other rows that free an IOMMU_MT list."""

ABOUT_MODES = """\
In a mode, the module breaks an assumption. The rows are repeated in each mode, with fewer
interruptions and without failing allocations. In the four modes of input lists, the module writes
to lists that it has read. The specification does not forbid this, but no leaf used here is known to
write. In these modes, only rows are repeated in which a leaf stops amid its list or none fails.
Each cell shows two numbers of rows: those that become UNSAFE / those that begin to leak needlessly."""

WORDS = [
    ("clean", "every page is back in the page allocator, flushed if necessary"),
    ("leaked", "pages that are not in the page allocator, because the module owns them or refused "
     "to flush them"),
    ("needlessly", "the module neither owns these pages nor refused to flush them"),
    ("UNSAFE", "a page was freed while the module owned it, before its flush, or twice. Or a page was "
     "freed that does not belong to the array. Or a page was passed to the module after it was freed. "
     "Or list entries were overwritten before use."),
    ("cannot be expressed", "the design has no function for it"),
    ("success with information", "a status with bit 63 clear that is not 0, for example of a full "
     "memory pool"),
]


def load(top, engine):
    path = Path(top) / "benchmarks" / "results" / f"faults-{engine}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def made_by(run, quote="`"):
    return (f"{quote}{run['command']}{quote} on the engine {run['engine']}, Linux {run['kernel']}, "
            f"code at commit {run['commit']}")


def summary(data):
    """The table of README.md"""
    designs = designs_of(data["rows"])
    lines = [line for line in counts(data["rows"], designs) if line[0].startswith("rows")]
    lines += [[f"rows that become UNSAFE: {mode}", *(n.split(" ")[0] for n in numbers)]
              for mode, _, *numbers in mode_counts(data, designs)]
    return table(["", *designs], lines)


def fill(text, indent=""):
    return textwrap.fill(text, 80, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def definitions(words):
    return "\n".join(f"{word}\n{fill(text, '  ')}" for word, text in words)


def rst_table(header, lines, widths, *options):
    out = [".. list-table::", *options, "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for line in [header, *lines]:
        for i, cell in enumerate(line):
            # A dash alone would begin a list.
            cell = "\\-" if cell == "-" else cell
            out.append(f"   {'* -' if not i else '  -'} {cell}".rstrip())
    return "\n".join(out)


def rst_matrix(header, lines):
    return rst_table(header, lines, [14, 26, 8, 6, 6, *[16] * (len(header) - 5)], "   :class: wide")


def mode_part(data, mode):
    """The part of the page about one mode"""
    rows = [r for r in data["modes"] if r["mode"] == mode]
    shown = changed(data["rows"], rows)
    out = [mode, "-" * len(mode), "", fill(MODES[mode]), ""]
    for what, reason, names in EXPECTED.get(mode, []):
        out += [fill(f"{DESIGN} loses in {len(names)} of {len(rows)} rows ({what}). {reason}"), ""]
    if not EXPECTED.get(mode):
        out += [f"{DESIGN} loses in no row.", ""]
    if not shown:
        return "\n".join(out + [f"All {len(rows)} rows have the same kind of result as without the mode.", ""])
    same = [d for d in designs_of(rows)
            if any(d in r["cells"] and r["cells"][d]["cases"] for r in rows)
            and not any(differs(data["rows"], r, d) for r in rows)]
    if same:
        out += [fill("Designs whose results have the same kind as without the mode in all rows: "
                     + ", ".join(same) + "."), ""]
    out += [f"{len(shown)} of {len(rows)} rows have another kind of result than without the mode:", "",
            rst_matrix(*matrix(shown, foot=False)), ""]
    return "\n".join(out)


def page(data):
    """The page in Documentation/"""
    run, rows = data["run"], data["rows"]
    designs = designs_of(rows)
    shown, _ = hazards(rows)
    modes = "\n".join(mode_part(data, mode) for mode in MODES)
    return f""".. SPDX-License-Identifier: GPL-2.0
.. Generated by `make faults`; do not edit.

================
The fault matrix
================

{fill(f"Made by {made_by(run, '``')}.")}

{fill(INTRO)}

Words
=====

{definitions(WORDS)}

The column "needs" states what the failure of a row takes:

{definitions(CAUSES.items())}

Numbers in cells are sums over the cases of a row.

Sums
====

{rst_table(["", *designs], counts(rows, designs), [30, *[10] * len(designs)])}

Hazards of v2
=============

{fill(ABOUT_HAZARDS)}

{rst_table(["", "hazard", "shown by", RIVAL, DESIGN], shown, [4, 30, 30, 18, 18])}

Modes of the software module
============================

{fill(ABOUT_MODES)}

{rst_table(["mode", "rows", *designs], mode_counts(data, designs), [30, 6, *[10] * len(designs)])}

{modes}
All rows
========

{rst_matrix(*matrix(rows))}
"""


def write_json(path, data):
    def lines(rows):
        return ",\n".join(json.dumps(r) for r in rows)

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"run": {json.dumps(data["run"])},\n"rows": [\n{lines(data["rows"])}\n],\n'
                    f'"modes": [\n{lines(data["modes"])}\n]}}\n', encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("--engine", required=True)
    p.add_argument("--kernel", required=True)
    p.add_argument("--top", required=True)
    args = p.parse_args()

    rows = read_log(args.log)
    top = Path(args.top)
    base, modes = split(rows)
    data = {"run": {"engine": args.engine, "kernel": args.kernel, "commit": commit(args.top),
                    "command": f"make faults ENGINE={args.engine}"},
            "rows": base, "modes": modes}
    write_json(top / "benchmarks" / "results" / f"faults-{args.engine}.json", data)
    (top / "Documentation" / "faults.rst").write_text(page(data), encoding="utf-8")

    shown, missing = hazards(base)
    print(table(["", "shown by", RIVAL, DESIGN], [[h[0], *h[2:]] for h in shown], 4))
    print()
    print(summary(data))
    readme = top / "README.md"
    readme.write_text(excerpt(readme.read_text(encoding="utf-8"), "faults", summary(data)), encoding="utf-8")
    print("\nAll rows: Documentation/faults.rst")
    for hazard in missing:
        print(f"no row of {RIVAL} shows {hazard}")
    bad = print_failures(rows)
    failed = bad + len(missing)
    print(f"{sum(DESIGN in r['cells'] for r in rows) - bad} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
