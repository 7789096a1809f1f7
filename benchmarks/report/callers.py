#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""callers.py: what four designs ask of the author of a caller, counted.

The same flows are written for each design. Of a flow counts what its author writes: its
functions, and the helpers in the same file that they call, each once. What belongs to the
design (page_array.c, tdh.c, arch/) does not count. Nor does what is there for the benchmark:

- calls by which the judge learns of arrays and of objects left behind (HARNESS), with the
  if that guards nothing else; a function of which nothing is left then, and its calls;
- a function of which nothing is left then but to pass on what another returns;
- what OUTSIDE names, design by design, with its reason.

Lines are those with more than a brace or a comment. Branches are the decision points that
pmccabe counts: if, loops, &&, ||, ?: (for_each_...() is a loop). A way to go wrong is a place
where another choice, or none, compiles and is wrong without a word. PLACES tells which these
are, by patterns, so that each can be disputed; each place that is counted is kept, and printed.
Sizes of functions are those of the kernel's own bloat-o-meter.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from common import commit, compiler, table
from csource import emptied, without_comments

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
HARNESS = ("design_allocated", "design_strand")

# Functions and statements that no driver would have, and why.
OUTSIDE = {
    "v2": {},
    "descriptor": {
        "first_pointer": "the caller has its pointers at hand; the benchmark hands around the array",
        "array->offset = offset;": "is there for first_pointer() alone",
    },
    "bare-list": {
        "tdh_ext_mem_add": "a wrapper of a leaf, which other designs have in a file of their own",
        "tdh_ext_init": "the same",
        "interrupted": "the same",
        "mem->nr = nr;": "local variables are in a struct for the benchmark alone",
    },
    "flat": {},
}

KINDS = {
    "end": "a call, or __free(), that ends the life of pages, their list or their array: another of "
           "them, or none, leaks or gives away what the module has",
    "order": "a call that must come before another one, for each window or each free",
    "carry": "a value that the caller must take from one call of the design to another, or keep",
    "jump": "a goto to code that undoes",
}
# Kind, pattern, and what goes wrong without a word.
PLACES = {
    "v2": (
        ("end", r"\b(policy->|tdx_page_array_)free\(", "pages that the module has may be freed"),
        ("end", r"\b(policy->|tdx_page_array_)ctrl_release\(", "another way out leaks, or skips the flush"),
        ("end", r"\btdx_page_array_ctrl_leak\(", "without it the array leaks; another way out frees the module's pages"),
        ("order", r"\btdx_page_array_populate\(", "the leaf gets the window of before"),
        ("order", r"\bdesign_wbinvd_on_all_cpus\(", "dirty pages are freed"),
        ("carry", r"(?<=, )nr_released(?=,)", "number from the delete to the release"),
        ("carry", r"(?<=, )released_hpa(?=\))", "address from the delete to the release"),
        ("carry", r"(?<=, )mt->nr_pages(?=,)", "number that stands in for what no leaf returns"),
        ("carry", r"(?<=, )virt_to_phys\(mt->root\)(?=\))", "address that stands in for what no leaf returns"),
        ("carry", r"\boffset \+= nents\b", "place of the next window"),
        ("jump", r"\bgoto \w+;", "a plain return leaks"),
    ),
    "descriptor": (
        ("end", r"\btdx_page_array_destroy\(", "to be called before the pages are freed: it flushes them"),
        ("end", r"\bdesc_free\(", "the module's pages may be freed; without it all leak"),
        ("end", r"\bfree_pages_of\(", "too early, and pages are freed dirty"),
        ("end", r"\b(put_page|__free_page)\(", "a page leaks"),
        ("end", r"\bkfree\(pages\)", "the pointers leak"),
        ("end", r"\bleave_behind\(", "a driver returns here and frees nothing"),
        ("order", r"\btdx_page_array_populate\(", "the leaf gets the window of before"),
        ("carry", r"\barray->nr_all = nr;", "number of pages to free"),
        ("carry", r"\barray->nr_all - offset\b", "number of pages that are left"),
        ("carry", r"\boffset \+= mem->nr_pages\b", "place of the next window"),
        ("jump", r"\bgoto \w+;", "a plain return leaks"),
    ),
    "bare-list": (
        ("end", r"\bkfree\(mem(\.|->)list\)", "the list leaks"),
        ("order", r"->entries\[i\] = ", "the leaf gets the window of before"),
        ("carry", r"\bmem->nr - first\b", "number of pages that are left"),
        ("carry", r"\bfirst \+= NR_ENTRIES\b", "place of the next window"),
        ("jump", r"\bgoto \w+;", "a plain return leaks"),
    ),
    "flat": (
        ("end", r"\b__free\(tdx_pa_array\)", "without it the array leaks"),
        ("end", r"\bno_free_ptr\(", "without it the array is used after it was released"),
        ("end", r"\btdx_pa_array_release\(", "without it the array leaks"),
        ("jump", r"\bgoto \w+;", "a plain return leaks"),
    ),
}

EVENT_CODE = re.compile("trace_event_raw_event_|perf_trace_|trace_raw_output_|__bpf_trace_"
                        "|__traceiter_|__probestub_|__SCT__tp_func_")
OBJECTS = {
    "v2": [f"benchmarks/designs/v2/{o}.o" for o in ("page_array", "tdh")],
    "descriptor": ["benchmarks/designs/descriptor/page_array.o"],
    "flat": [f"arch/x86/virt/vmx/tdx/{o}.o" for o in ("pa_array", "pa_blocks", "tdh")],
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
    """{name: Function}, as pmccabe sees them."""
    # It knows no loops of macros.
    plain = re.sub(r"\bfor_each_\w+\(", "while (", text)
    out = subprocess.run(["pmccabe"], input=plain, check=True, capture_output=True, text=True).stdout
    lines = text.split("\n")
    found = {}
    for complexity, first, number, name in re.findall(r"^(\d+)\t\d+\t\d+\t(\d+)\t(\d+)\t.*: (\w+)$", out, re.M):
        found[name] = Function(lines, int(first), int(number), int(complexity) - 1)
    return found


class Source:
    """The flows of one design."""

    def __init__(self, text, outside, places):
        self.places = places
        self.told = without_comments(text)
        self.whole = functions(self.told)
        kept = without_calls(self.told, HARNESS)
        for name in outside:
            if name.endswith(";"):
                if name not in kept:
                    sys.exit(f"error: OUTSIDE names a statement that is not there: {name}")
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
                sys.exit(f"error: OUTSIDE names a function that is not there: {name}")
        self.passing = {n for n, f in self.functions.items() if f.body != self.whole[n].body and
                        re.fullmatch(r"\s*[\w *]*\b(\w+) = [^;]+;\s*return \1;\s*\}", f.body)}

    def written(self, roots):
        """Functions of the flows that begin with @roots, in the order of the file."""
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
            # Returning early is a place, although the judge's calls are no lines.
            f = self.whole[name]
            for kind, pattern, why in self.places:
                for m in re.finditer(pattern, f.body):
                    number = f.body_first + f.body[:m.start()].count("\n")
                    found.append((number, kind, why))
        lines = self.told.split("\n")
        return [{"kind": kind, "at": f"{path}:{number}", "text": lines[number - 1].strip(), "why": why}
                for number, kind, why in sorted(found)]

    def code(self, names):
        """The functions as they are counted: without comments, and without the benchmark's calls."""
        parts = []
        for name in names:
            f = self.functions[name]
            text = "\n".join(self.kept[i - 1].rstrip() for i in f.lines)
            # What went away has left blank lines, and some at the edges of blocks.
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
    """A record for each flow of each design, and one for all of them."""
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

The same flows of a host driver, written for four designs: what an author of such a driver would
write, to the line that is counted. (``policy->``, ``create()`` and ``alloc()`` stand for functions of the design, so that
its variants share the code.) Comments are left out, and so are the benchmark's own calls. What it
counts, and the rules, are in RESULTS.md ("Callers side by side"); each place where another choice compiles
and is silently wrong is marked with its kind:

{kinds}

``make callers`` prints them with reasons. The descriptor's early returns after a failed delete count as
"end" and have no mark, because nothing stands there.
"""


def page(top):
    """The code of all flows, as a page: the text that is counted, with the places marked."""
    kinds = "\n".join(f"{kind}\n  " + words.replace("__free()", "``__free()``") for kind, words in KINDS.items())
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
                                    f"{len(r['places'])} way{'s'[:len(r['places']) > 1]} to go wrong" if r else "has no such flow")
            parts.append(f"{head}\n{'-' * len(head)}\n")
            if not r:
                continue
            code = source.code(r["functions"]).splitlines()
            marks = {}
            for p in r["places"]:
                marks.setdefault(p["text"], []).append(p["kind"])
            lines = []
            for line in code:
                # A place that the judge's calls stand for is not among the lines.
                mark = ", ".join(sorted(set(marks.get(line.strip(), []))))
                lines.append(f"\t{line}" + (f"\t\t<-- {mark}" if mark else "") if line else "")
            parts.append("::\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


# A file that can be counted by hand.
KNOWN = """
static void tell(void *a) { design_strand(a); }
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
		tell(a);
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
KNOWN_PLACES = (("end", r"\bdrop\(", ""), ("end", r"\btell\(", ""), ("order", r"\btake\(", ""),
                ("carry", r"return nr \?", ""))
# flow() has its head, the array, if, return -1, return; no call of the judge's.
KNOWN_COUNTS = {
    ("flow",): (["flow"], 5, 3, ["tell", "return nr"]),
    ("flow_end",): (["helper", "flow_end"], 6, 1, ["drop"]),
    ("flow", "flow_end"): (["helper", "flow", "flow_end"], 11, 4, ["drop", "tell", "return nr"]),
}


def self_check():
    """Does the counter count what was counted by hand?"""
    source = Source(KNOWN, {}, KNOWN_PLACES)
    for roots, (names, lines, branches, places) in KNOWN_COUNTS.items():
        got = source.count(roots, "known.c")
        texts = [p["text"] for p in got["places"]]
        if (got["functions"], got["lines"], got["branches"]) != (names, lines, branches) or \
                len(texts) != len(places) or not all(t.startswith(p) for t, p in zip(texts, places)):
            sys.exit(f"error: the counter is wrong on what was counted by hand: {roots}: {got}")


def bloat(tool, old, new):
    """What bloat-o-meter prints, and {function: its bytes in @new}."""
    out = subprocess.run([sys.executable, tool, "-t", old, new], check=True, capture_output=True, text=True).stdout
    return out, {name: int(size) for name, size in re.findall(r"^(\S+) +\S+ +(\d+) +[+-]\d+$", out, re.M)}


def text_sizes(src, farm, callers):
    """Bytes of functions by design, and of the callers by flow."""
    tool = Path(src) / "scripts" / "bloat-o-meter"
    with tempfile.TemporaryDirectory() as tmp:
        nothing = f"{tmp}/nothing.o"
        subprocess.run(["gcc", "-c", "-x", "c", "/dev/null", "-o", nothing], check=True)
        sizes, linked, compared, flows = {}, {}, {}, []
        for design, objects in OBJECTS.items():
            linked[design] = f"{tmp}/{design}.o"
            subprocess.run(["ld", "-r", "-o", linked[design], *(str(Path(farm) / o) for o in objects)], check=True)
            sizes[design] = bloat(tool, nothing, linked[design])[1]
        for design in OBJECTS:
            if design != DESIGN:
                compared[design] = bloat(tool, linked[design], linked[DESIGN])[0].splitlines()
        for design, (_, path) in DESIGNS.items():
            found = bloat(tool, nothing, str(Path(farm) / path.replace(".c", ".o")))[1]
            for r in callers:
                if r["design"] == design:
                    # The compiler splits functions: name.part.0, name.cold
                    flows.append({"design": design, "flow": r["flow"],
                                  "bytes": sum(n for name, n in found.items()
                                               if name.split(".")[0] in r["functions"])})
    return {"functions": sizes, "compared": compared, "callers": flows}


def load(top):
    return json.loads((Path(top) / "benchmarks" / "results" / STORED).read_text(encoding="utf-8"))


def text_of(data):
    """Bytes by design. What the kernel's macros make of trace events stands apart."""
    sizes = data["text"]["functions"]
    events = sum(n for name, n in sizes[DESIGN].items() if EVENT_CODE.match(name))
    found = {design: sum(by.values()) for design, by in sizes.items()}
    found[DESIGN] -= events
    return found, events


def caller_table(data):
    """One row for each flow and design."""
    size = {(t["flow"], t["design"]): t["bytes"] for t in data["text"]["callers"]}
    rows = []
    for flow in [*FLOWS, ALL]:
        for r in data["callers"]:
            if r["flow"] != flow:
                continue
            kinds = [sum(p["kind"] == kind for p in r["places"]) for kind in KINDS]
            rows.append([flow, r["design"], str(r["lines"]), str(r["branches"]), *map(str, kinds),
                         str(len(r["places"])), f"{size[flow, r['design']]:,}"])
    return table(["flow", "design", "lines", "branches", *KINDS, "ways to go wrong", "bytes"], rows, left=2)


def places_text(data):
    """Every place that is counted. What several flows share is told once."""
    out = []
    for design in DESIGNS:
        records = [r for r in data["callers"] if r["design"] == design]
        told = max(records, key=lambda r: len(r["places"]))["places"]
        out += [f"{p['at']}: {p['text']}\n    {p['kind']}: {p['why']}" for p in told]
    return "\n".join(out)


def size_table(data):
    found, events = text_of(data)
    return table(["", *found, f"{DESIGN}, trace events"],
                 [["bytes", *(f"{n:,}" for n in found.values()), f"{events:,}"]])


def comparison(data, design):
    """bloat-o-meter's lines of one comparison, without the code of trace events."""
    return "\n".join(line for line in data["text"]["compared"][design] if not EVENT_CODE.match(line))


def section(top):
    """The section of RESULTS.md."""
    data = load(top)
    run = data["run"]
    kinds = "\n".join(f"- *{kind}*: {words}." for kind, words in KINDS.items())
    return f"""## Callers side by side

Made by `{run["command"]}`, code at commit {run["commit"]}; bytes on x86-64, {run["compiler"]}, Linux {run["kernel"]}.
It prints each place that it counts, with file and line; so does
[the JSON](benchmarks/results/{STORED}). The code is [side by side]({PAGE}).

{caller_table(data)}

A flow is what the author of a caller writes: its functions, and the helpers in the same file that
they call, each once; "{ALL}" has each helper once for all flows. What belongs to the design does not
count, nor what is there for the benchmark alone: calls by which the judge learns of arrays and of
objects left behind, and what
[callers.py](benchmarks/report/callers.py) names with a reason. *Lines* have more than a brace or a
comment. *Branches* are the decision points of Debian's `pmccabe`: if, loops, `&&`, `||`, `?:`. A *way to go
wrong* is a place where another choice, or none, compiles and is wrong without a word:

{kinds}

All flows were written for this project. What the wrappers refuse is not silent and does not count,
such as a window that is not the next one. What is the same in all designs does not count either, such as
to keep the array for the delete. Bytes hold the benchmark's calls, too; those of the bare list its two wrappers, which the compiler puts
into their only caller. The descriptor's callers allocate and free pages, which v2 and flat do in the
design; the bare list's fill its list. A bare list has no flow but one.
"""


def code_section(top):
    """Bytes of the designs themselves."""
    data = load(top)
    return f"""## Compiled code

Bytes of functions of array and wrappers on x86-64, counted by the kernel's `bloat-o-meter -t` in
`{data["run"]["command"]}`. What the kernel's macros make of trace events, which the others do not have, stands apart;
it is in the sums that the tool prints.

{size_table(data)}

v2 (old) and flat (new), function by function; what is inlined counts where it is.

```
{comparison(data, BASE)}
```

The descriptor (old) and flat (new):

```
{comparison(data, "descriptor")}
```
"""


def check(top):
    """Do the sources still give the counts that are kept?"""
    kept = load(top)["callers"]
    now = count_all(top)
    if kept != now:
        for a, b in zip(kept, now):
            if a != b:
                print(f"{b['design']}, {b['flow']}: the kept table has another count, or other lines")
        sys.exit(f"error: benchmarks/results/{STORED} is older than the flows: make callers")
    if (top / PAGE).read_text(encoding="utf-8") != page(top):
        sys.exit(f"error: {PAGE} is older than the flows: make callers")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--top", required=True, type=Path)
    p.add_argument("--check", action="store_true", help="compare with the counts that are kept, write nothing")
    p.add_argument("--src", help="the kernel's source")
    p.add_argument("--farm", help="where the modules were built")
    p.add_argument("--kernel")
    args = p.parse_args()

    self_check()
    if args.check:
        check(args.top)
        return
    counted = count_all(args.top)
    data = {"run": {"engine": "qemu", "kernel": args.kernel, "commit": commit(args.top),
                    "compiler": compiler(), "command": "make callers"},
            "callers": counted, "text": text_sizes(args.src, args.farm, counted)}
    kept = args.top / "benchmarks" / "results" / STORED
    lines = ",\n".join(json.dumps(r) for r in counted)
    kept.write_text(f'{{"run": {json.dumps(data["run"])},\n"callers": [\n{lines}\n],\n'
                    f'"text": {json.dumps(data["text"], indent=1)}}}\n', encoding="utf-8")

    (args.top / PAGE).write_text(page(args.top), encoding="utf-8")

    print(places_text(data))
    print("\n" + caller_table(data) + "\n")
    print("\n".join(f"{kind}: {words}" for kind, words in KINDS.items()))
    print(f"\nFunctions of array and wrappers:\n\n{size_table(data)}")
    for design in data["text"]["compared"]:
        print(f"\nbloat-o-meter -t {design} {DESIGN}\n" + "\n".join(data["text"]["compared"][design]))
    print(f"\nCounts: {kept.relative_to(args.top)}; `make plots` takes them into RESULTS.md. Code: {PAGE}")


if __name__ == "__main__":
    main()
