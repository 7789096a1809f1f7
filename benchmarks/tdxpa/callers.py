#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""callers.py: lines, branches and ways to go wrong of the callers of four designs.

The same callers are written for each design. Their functions count, and the helpers in the
same file that they call, each once. Code of the design (page_array.c, tdh.c, arch/) does not
count. Nor does code that serves the benchmark:

- calls that report arrays and leaked objects to the page checker (HARNESS), with an if that
  guards nothing else, and functions that consist of such calls;
- functions that then only return the result of another function;
- what OUTSIDE names, for the reason that stands there.

A line counts if it has more than a brace or a comment. Branches are the decision points of
pmccabe: if, loops, &&, ||, ?: (for_each_...() is a loop). A way to go wrong is a place where
another choice, or none, compiles and is silently wrong. PLACES defines them by patterns, so
that each can be disputed. `make callers` prints each place.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import fill, indent

from tdxpa.common import commit, table
from tdxpa.csource import emptied, without_comments

STORED = "callers.json"
BASE, DESIGN = "v2", "flat"
DESIGNS = {"v2": ("v2_", "benchmarks/designs/v2/flows.c"),
           "descriptor": ("desc_", "benchmarks/designs/descriptor/flows.c"),
           "bare-list": ("bare_", "benchmarks/designs/bare_list/design.c"),
           "flat": ("flat_", "benchmarks/designs/flat/flows.c")}
FLOWS = {"SPDM create, delete": ("spdm_create", "spdm_delete"),
         "IDE stream create, delete": ("ide_create", "ide_delete"),
         "IOMMU setup, clear": ("iommu_setup", "iommu_clear"),
         "extensions memory": ("ext_start",)}
ALL = "all of these"

# design_wbinvd_on_all_cpus() is not one of them: it stands for the kernel's function.
HARNESS = ("design_allocated", "design_leak")

# Functions and statements that no driver would have, and why
OUTSIDE = {
    "v2": {},
    "descriptor": {
        "first_pointer": "a driver has its pointers; the benchmark only keeps the array",
        "array->offset = offset;": "serves first_pointer()",
    },
    "bare-list": {
        "tdh_ext_mem_add": "a wrapper of a leaf, which other designs have in a separate file",
        "tdh_ext_init": "a wrapper, too",
        "interrupted": "part of the wrappers",
        "mem->nr = nr;": "a driver has local variables instead of a struct",
    },
    "flat": {},
}

KINDS = {
    "end": "a call, or __free(), that ends the life of pages, their list or their array; another "
           "call, or none, leaks pages or frees pages that the module holds",
    "order": "a call that must precede another one, for each list or each free",
    "carry": "a value that the caller must keep, or pass from one call of the design to another",
    "jump": "a goto to code that undoes earlier steps",
}
JUMP = ("jump", r"\bgoto \w+;", "a plain return leaks")
UNFREED = ("end", r"\bno_free_ptr\(", "without it the array is used after free")
# Kind, pattern, and what silently goes wrong
PLACES = {
    "v2": (
        ("end", r"\b__free\(\w+_array\)", "pages that the module holds may be freed; without it the array leaks"),
        ("end", r"\b(policy->|tdx_page_array_)free\(", "pages that the module holds may be freed"),
        ("end", r"\b(policy->|tdx_page_array_)ctrl_release\(", "another function leaks the pages or skips the flush"),
        ("end", r"\btdx_page_array_ctrl_leak\(", "without it the array leaks; another function frees pages that the module holds"),
        ("order", r"\btdx_page_array_populate\(", "the leaf gets the previous list"),
        ("order", r"\bdesign_wbinvd_on_all_cpus\(", "dirty pages are freed"),
        ("carry", r"(?<=, )nr_released(?=,)", "number from the delete to the release"),
        ("carry", r"(?<=, )released_hpa(?=\))", "address from the delete to the release"),
        ("carry", r"(?<=, )mt->nr_pages(?=,)", "number that the leaf does not return"),
        ("carry", r"(?<=, )virt_to_phys\(mt->root\)(?=\))", "address that the leaf does not return"),
        ("carry", r"\boffset \+= nents\b", "position of the next list"),
        UNFREED, JUMP,
    ),
    "descriptor": (
        ("end", r"\btdx_page_array_destroy\(", "it flushes, so pages that are freed before it are dirty"),
        ("end", r"\bdesc_free\(", "pages that the module holds may be freed; without it all leak"),
        ("end", r"\bfree_pages_of\(", "pages that are freed before the flush are dirty"),
        ("end", r"\b(put_page|__free_page)\(", "a page leaks"),
        ("end", r"\bkfree\(pages\)", "the pointers leak"),
        ("end", r"\bleave_behind\(", "a driver returns here and frees nothing"),
        ("order", r"\btdx_page_array_populate\(", "the leaf gets the previous list"),
        ("order", r"\bdesign_wbinvd_on_all_cpus\(", "dirty pages are freed"),
        ("carry", r"\barray->nr_all = nr;", "number of pages to free"),
        ("carry", r"\barray->nr_all - offset\b", "number of remaining pages"),
        ("carry", r"\boffset \+= mem->nr_pages\b", "position of the next list"),
        JUMP,
    ),
    "bare-list": (
        ("end", r"\bkfree\(mem(\.|->)list\)", "the list leaks"),
        ("order", r"->entries\[i\] = ", "the leaf gets the previous list"),
        ("carry", r"\bmem->nr - first\b", "number of remaining pages"),
        ("carry", r"\bfirst \+= NR_ENTRIES\b", "position of the next list"),
        JUMP,
    ),
    "flat": (
        ("end", r"\b__free\(tdx_pa_array\)", "without it the array leaks"),
        ("end", r"\btdx_pa_array_free\(", "without it the array leaks"),
        UNFREED, JUMP,
    ),
}


def without_calls(text, names):
    """Without statements that call one of @names, and without the if before them."""
    call = rf"\b(?:{'|'.join(names)})\([^;{{}}]*\);"
    return re.sub(rf"(?:\bif \([^;{{}}]*\)\s*)?{call}", lambda m: emptied(m[0]), text)


class Function:
    def __init__(self, lines, first, number, branches):
        self.first, self.branches = first, branches
        self.lines = range(first, first + number)
        text = "\n".join(lines[first - 1:first - 1 + number])
        head, brace, self.body = text.partition("{")
        self.body_first = first + head.count("\n")


def functions(text):
    """{name: Function}, by pmccabe."""
    # pmccabe does not recognise loops of macros.
    plain = re.sub(r"\bfor_each_\w+\(", "while (", text)
    out = subprocess.run(["pmccabe"], input=plain, check=True, capture_output=True, text=True).stdout
    lines = text.split("\n")
    found = {}
    for complexity, first, number, name in re.findall(r"^(\d+)\t\d+\t\d+\t(\d+)\t(\d+)\t.*: (\w+)$", out, re.M):
        found[name] = Function(lines, int(first), int(number), int(complexity) - 1)
    return found


class Source:
    """The callers of one design."""

    def __init__(self, text, outside, places):
        self.places = places
        self.text = without_comments(text)
        self.whole = functions(self.text)
        kept = without_calls(self.text, HARNESS)
        for name in outside:
            if name.endswith(";"):
                if name not in kept:
                    sys.exit(f"error: OUTSIDE has a statement that the source lacks: {name}")
                kept = kept.replace(name, "")
        now = functions(kept)
        gone = [n for n, f in now.items() if not f.body.strip(" \t\n}")
                and self.whole[n].body.strip(" \t\n}")]
        if gone:
            kept = without_calls(kept, gone)
        self.kept = kept.split("\n")
        self.functions = functions(kept)
        self.skipped = {n for n in outside if not n.endswith(";")} | set(gone)
        for name in self.skipped:
            if name not in self.functions:
                sys.exit(f"error: OUTSIDE has a function that the source lacks: {name}")
        self.passing = {n for n, f in self.functions.items() if f.body != self.whole[n].body and
                        re.fullmatch(r"\s*[\w *]*\b(\w+) = [^;]+;\s*return \1;\s*\}", f.body)}

    def written(self, roots):
        """@roots and the functions that they call, in the order of the file."""
        todo, found = list(roots), set()
        while todo:
            name = todo.pop()
            if name in found or name in self.skipped:
                continue
            found.add(name)
            todo += [n for n in re.findall(r"\b\w+\b", self.functions[name].body) if n in self.functions]
        return sorted(found - self.passing, key=lambda n: self.functions[n].first)

    def places_in(self, names, path):
        """Every way to go wrong."""
        found = []
        for name in names:
            # An early return is a place, although the calls of the benchmark do not count as lines.
            f = self.whole[name]
            for kind, pattern, why in self.places:
                for m in re.finditer(pattern, f.body):
                    number = f.body_first + f.body[:m.start()].count("\n")
                    found.append((number, kind, why))
        lines = self.text.split("\n")
        return [{"kind": kind, "at": f"{path}:{number}", "text": lines[number - 1].strip(), "why": why}
                for number, kind, why in sorted(found)]

    def code(self, names):
        """The functions without comments and without calls of the benchmark."""
        parts = []
        for name in names:
            f = self.functions[name]
            text = "\n".join(self.kept[i - 1].rstrip() for i in f.lines)
            # Removed statements left blank lines, also at the edges of blocks.
            text = re.sub(r"\n{3,}", "\n\n", text)
            text = re.sub(r"\{\n\n", "{\n", re.sub(r"\n\n(\t*\})", r"\n\1", text))
            parts.append(text)
        return "\n\n".join(parts)

    def count(self, roots, path):
        names = self.written(roots)
        lines = [self.kept[i - 1] for n in names for i in self.functions[n].lines]
        return {"functions": names, "lines": sum(bool(line.strip(" \t{}")) for line in lines),
                "branches": sum(self.functions[n].branches for n in names),
                "places": self.places_in(names, path)}


def count_all(top):
    """A record for each call sequence of each design, and one for all of them."""
    records = []
    for design, (prefix, path) in DESIGNS.items():
        source = Source((top / path).read_text(encoding="utf-8"), OUTSIDE[design], PLACES[design])
        has = {flow: [prefix + r for r in roots] for flow, roots in FLOWS.items()
               if prefix + roots[0] in source.functions}
        if len(has) > 1:
            has[ALL] = [r for roots in has.values() for r in roots]
        for flow, roots in has.items():
            records.append({"design": design, "flow": flow, **source.count(roots, path)})
    return records


PAGE = "Documentation/callers.rst"
PAGE_HEAD = """.. SPDX-License-Identifier: GPL-2.0
.. Generated by `make callers`; do not edit.

=====================
Callers, side by side
=====================

This page has the code that the author of a host driver writes, for four designs.
Comments and calls of the benchmark are left out. ``policy->``, ``create()`` and
``alloc()`` stand for functions of the design, because variants share the code.
RESULTS.md ("Callers side by side") has the rules. A mark shows each place where
another choice, or none, compiles and is silently wrong:

{kinds}

``make callers`` prints these places with reasons. After a failed delete, the
descriptor's callers return early. That counts as "end" but has no mark.
"""


def page(top):
    """The page: the code that is counted, with the places marked."""
    kinds = "\n".join(f"{kind}\n" + indent(fill(words.replace("__free()", "``__free()``"), 76), "  ")
                      for kind, words in KINDS.items())
    parts = [PAGE_HEAD.format(kinds=kinds)]
    records = {(r["flow"], r["design"]): r for r in count_all(top)}
    sources = {design: Source((top / path).read_text(encoding="utf-8"), OUTSIDE[design], PLACES[design])
               for design, (_, path) in DESIGNS.items()}
    for flow in FLOWS:
        title = flow[0].upper() + flow[1:]
        parts.append(f"{title}\n{'=' * len(title)}\n")
        for design, source in sources.items():
            r = records.get((flow, design))
            head = f"{design}: " + (f"{r['lines']} lines, {r['branches']} branches, "
                                    f"{len(r['places'])} way{'s'[:len(r['places']) > 1]} to go wrong" if r else "not covered")
            parts.append(f"{head}\n{'-' * len(head)}\n")
            if not r:
                continue
            code = source.code(r["functions"]).splitlines()
            marks = {}
            for p in r["places"]:
                marks.setdefault(p["text"], []).append(p["kind"])
            lines = []
            for line in code:
                mark = ", ".join(sorted(set(marks.get(line.strip(), []))))
                lines.append(f"\t{line}" + (f"\t\t<-- {mark}" if mark else "") if line else "")
            parts.append("::\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


# Counted by hand
KNOWN = """
static void report(void *a) { design_leak(a); }
static void *get(int nr)
{
	void *a = take(nr);

	if (a)
		design_allocated(0, a);
	return a;
}
/* if (comment && never) counts(); */
static void helper(void *a)
{
	for_each_part(a)
		drop(a);
}
static int other(void *a) { return a ? 1 : 0; }
int flow(int nr)
{
	void *a = get(nr);

	if (!a || nr > 1) {
		report(a);
		return -1;
	}
	return nr ? 0 : 1;
}
int flow_end(void *a)
{
	helper(a);
	return 0;
}
"""
KNOWN_PLACES = (("end", r"\bdrop\(", ""), ("end", r"\breport\(", ""), ("order", r"\btake\(", ""),
                ("carry", r"return nr \?", ""))
# flow() has its head, the array, if, return -1, return; report() serves the benchmark.
KNOWN_COUNTS = {
    ("flow",): (["flow"], 5, 3, ["report", "return nr"]),
    ("flow_end",): (["helper", "flow_end"], 6, 1, ["drop"]),
    ("flow", "flow_end"): (["helper", "flow", "flow_end"], 11, 4, ["drop", "report", "return nr"]),
}


def self_check():
    """Compare the counter with counts by hand."""
    source = Source(KNOWN, {}, KNOWN_PLACES)
    for roots, (names, lines, branches, places) in KNOWN_COUNTS.items():
        got = source.count(roots, "known.c")
        texts = [p["text"] for p in got["places"]]
        if (got["functions"], got["lines"], got["branches"]) != (names, lines, branches) or \
                len(texts) != len(places) or not all(t.startswith(p) for t, p in zip(texts, places)):
            sys.exit(f"error: the counter differs from the count by hand: {roots}: {got}")


def load(top):
    """The kept counts, and as "text" the kept sizes of `make size`."""
    kept = Path(top) / "benchmarks" / "results"
    return {**json.loads((kept / STORED).read_text(encoding="utf-8")),
            "text": json.loads((kept / "size.json").read_text(encoding="utf-8"))}


def text_of(data):
    """({design: bytes of its functions}, bytes of tracing)"""
    text = data["text"]
    return {design: text["designs"][design]["bytes"] for design in DESIGNS}, text["tracing"]["bytes"]


def caller_table(data):
    """One row for each call sequence and design."""
    rows = []
    for flow in [*FLOWS, ALL]:
        for r in data["callers"]:
            if r["flow"] == flow:
                kinds = [sum(p["kind"] == kind for p in r["places"]) for kind in KINDS]
                rows.append([flow, r["design"], *map(str, (r["lines"], r["branches"], *kinds, len(r["places"])))])
    return table(["callers", "design", "lines", "branches", *KINDS, "ways to go wrong"], rows, left=2)


def places_text(data):
    """Every place that is counted, once."""
    out = []
    for design in DESIGNS:
        places = max((r["places"] for r in data["callers"] if r["design"] == design), key=len)
        out += [f"{p['at']}: {p['text']}\n    {p['kind']}: {p['why']}" for p in places]
    return "\n".join(out)


def section(top):
    """The section of RESULTS.md."""
    data = load(top)
    run = data["run"]
    kinds = "\n".join(f"- *{kind}*: {words}." for kind, words in KINDS.items())
    return f"""## Callers side by side

Made by `{run["command"]}`, code at commit {run["commit"]}. The command prints each place that it
counts, with file and line; [the JSON](benchmarks/results/{STORED}) has them, too. The code is
[side by side]({PAGE}).

*Lines* have more than a brace or a comment. *Branches* are the decision points of Debian's
`pmccabe`: if, loops, `&&`, `||`, `?:`. A *way to go wrong* is a place where another choice, or
none, compiles and is silently wrong:

{kinds}

Callers count with the helpers in the same file, each once. Code of the design does not count,
nor does code that serves the benchmark ([callers.py](benchmarks/tdxpa/callers.py) has the
rules). The descriptor's callers allocate and free pages, which v2 and flat do in the design.
The bare list only covers donated memory, and its caller fills the list.

{caller_table(data)}
"""


def check(top):
    """Compare the kept counts and the page with the sources."""
    kept = load(top)["callers"]
    now = count_all(top)
    if kept != now:
        for a, b in zip(kept, now):
            if a != b:
                print(f"{b['design']}, {b['flow']}: the kept counts or lines differ")
        sys.exit(f"error: benchmarks/results/{STORED} is older than the callers: run make callers")
    if (top / PAGE).read_text(encoding="utf-8") != page(top):
        sys.exit(f"error: {PAGE} is older than the callers: run make callers")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--top", required=True, type=Path)
    p.add_argument("--check", action="store_true", help="compare with the kept counts, write nothing")
    args = p.parse_args()

    self_check()
    if args.check:
        check(args.top)
        return
    counted = count_all(args.top)
    run = {"commit": commit(args.top), "command": "make callers"}
    kept = args.top / "benchmarks" / "results" / STORED
    lines = ",\n".join(json.dumps(r) for r in counted)
    kept.write_text(f'{{"run": {json.dumps(run)},\n"callers": [\n{lines}\n]}}\n', encoding="utf-8")
    (args.top / PAGE).write_text(page(args.top), encoding="utf-8")

    data = {"callers": counted}
    print(f"{places_text(data)}\n\n{caller_table(data)}\n")
    print("\n".join(f"{kind}: {words}" for kind, words in KINDS.items()))
    print(f"\nCounts: {kept.relative_to(args.top)}; `make plots` writes RESULTS.md with them. Code: {PAGE}")


if __name__ == "__main__":
    main()
