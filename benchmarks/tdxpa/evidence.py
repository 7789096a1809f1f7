#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""evidence.py --top DIR [--write]: check the evidence in Documentation/.

Documentation/review-answers.rst answers the 22 questions of the review.  A table has a row
for each question; its last column is the answer in at most 10 words.  Each section has an
answer of at most 60 words, then two items of evidence:

    * test ``suite.case``
    * code ``path:name``
    * ``make ...``: FIGURE = VALUE

A figure is looked up in the kept run of the command:

    make bench [VARIABLE=VALUE...]: OPERATION, N pages, DESIGN [/ DESIGN]
                          metadata, N pages, DESIGN; allocator calls, N pages, DESIGN
    make faults:          LEAF: FAILURE, DESIGNS; or a sum: SUM, DESIGNS
    make frag:            SIZE KiB, DESIGNS; 4 KiB, 1 in N free, DESIGNS
    make callers:         FLOW, DESIGNS, lines or branches or ways to go wrong
    make size:            DESIGNS, lines or bytes

DESIGNS are names with " / " between them, and the figure has a value for each of them.

A test is a KUNIT_CASE() whose function is defined in the same file.  Code is what a file in
arch/ or benchmarks/ defines, in C, Python, shell or bpftrace.  A call, a declaration or a
comment is not enough.

Documentation/, README.md and RESULTS.md name no file, make target or test in a literal, no
function (tdx_, tdh_, hpa_) and no commit ("commit x", "at x") that does not exist.  KERNEL
lists names of the kernel.  A shallow clone does not have all commits.

A driver reads no field of an array.

The measured code (MEASURED) and the code that measures it (MEASURES) are the same as at the
commit of each kept run, except comments, white space and tests.  host-*.json are not checked:
they come from other machines.

Prints a line for each error.  --write inserts the values of the kept runs.
"""
import argparse
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from tdxpa import callers
from tdxpa import csource
from tdxpa import faults
from tdxpa import frag
from tdxpa.runs import Run, number

NR_QUESTIONS = 22
PAGE = "Documentation/review-answers.rst"
MAX_WORDS, MAX_SHORT, NR_EVIDENCE = 60, 10, 2
WIDTH = 80

FLAT_FLOWS = "benchmarks/designs/flat/flows.c"
ARRAY_HEADER = "arch/x86/include/asm/tdx_pa_array.h"
MEASURED = (":(glob)arch/x86/virt/vmx/tdx/*.[ch]", ":(glob)arch/x86/include/asm/*.h",
            ":(glob)benchmarks/designs/**/*.[ch]", ":(exclude,glob)**/*_kunit.c",
            # Only make compare builds it, and keeps no run.
            ":(exclude)benchmarks/designs/v2_posted/")
# By make target
MEASURES = {"bench": "benchmarks/bench", "faults": "benchmarks/designs/tdx_faults.c", "frag": "benchmarks/bench",
            "profile": "benchmarks/bench"}
# Names of the kernel, on pages
KERNEL = {"kunit.py", "tdx_reclaim_control_page"}

# What a file defines, by its suffix; C: csource.py
DEFINES = {
    ".py": re.compile(r"^\s*(?:def|class) (\w+)|^(\w+) = ", re.M),
    ".sh": re.compile(r"^(\w+)\(\)|^(?:export )?(\w+)=", re.M),
    ".bt": re.compile(r"^(?:#define |fn |macro )(\w+)|^\s*(@\w+)(?:\[[^]]*\])? = ", re.M),
}

FIGURE = re.compile(r"\* ``(make [^`]+)``: (.+) = (.+)")


class Figures:
    """Figures of the kept runs"""

    def __init__(self, top):
        self.runs = {}
        for path in sorted((top / "benchmarks" / "results").glob("*.json")):
            run = json.loads(path.read_text(encoding="utf-8"))
            if "icount" in run["run"] and not path.name.startswith("host-"):
                self.runs[run["run"]["command"].replace(" ENGINE=uml", "")] = Run(path)
        self.faults = faults.load(top, "uml")
        self.frag = frag.load(top, "uml")
        self.callers = callers.load(top)

    def value(self, command, key):
        """The value as text, or None if there is no such figure."""
        if command in self.runs:
            return self.of_run(self.runs[command], key)
        of = {"make faults": self.of_faults, "make frag": self.of_frag,
              "make callers": self.of_callers, "make size": self.of_size}.get(command)
        designs = re.search(r"[\w-]+(?: / [\w-]+)*(?=$|, [a-z ]+$)", key)
        if not of or not designs:
            return None
        values = [of(key[:designs.start()] + design + key[designs.end():])
                  for design in designs[0].split(" / ")]
        return None if None in values else " / ".join(values)

    @staticmethod
    def of_run(run, key):
        found = re.fullmatch(r"([\w -]+), ([\d,]+) pages?, ([\w-]+)(?: / ([\w-]+))?", key)
        if not found:
            return None
        op, pages, design, other = found[1], int(found[2].replace(",", "")), found[3], found[4]
        if op in ("metadata", "allocator calls"):
            kind = "calls" if op != "metadata" else op
            record = next((r for r in run.records if r["kind"] == kind and
                           (r["pages"], r["design"]) == (pages, design)), None)
            if not record:
                return None
            return f"{record['bytes']:,} bytes" if kind == "metadata" else \
                   f"{record['create']:,} + {record['release']:,}"
        if other:
            r = run.samples.ratio(op, pages, other, base=design)
            return number(r[0]) if r else None
        median = run.samples.median(op, pages, design)
        return None if median is None else \
            f"{number(median)} {'instructions' if run.samples.icount else 'ns'}"

    def of_faults(self, key):
        row, _, design = key.rpartition(", ")
        for r in self.faults["rows"]:
            if row == f"{r['leaf']}: {r['failure']}" and design in r["cells"]:
                return faults.outcome(r["cells"][design])
        header, lines = faults.matrix(self.faults["rows"])
        for line in lines:
            if line[0] == f"**{row}**" and design in header:
                return line[header.index(design)].strip("*")
        return None

    def of_frag(self, key):
        state, _, design = key.rpartition(", ")
        for row in self.frag["rows"]:
            if (frag.label(row), row["design"]) == (state, design):
                # Without the time, which differs in each run
                return re.sub(r",? [\d,]+ us", "", frag.cell(row))
        return None

    def of_callers(self, key):
        for r in self.callers["callers"]:
            for what in ("lines", "branches", "ways to go wrong"):
                if key == f"{r['flow']}, {r['design']}, {what}":
                    return str(len(r["places"]) if what == "ways to go wrong" else r[what])
        return None

    def of_size(self, key):
        name, _, what = key.rpartition(", ")
        size = self.callers["text"]["designs"].get(name, {}).get(what)
        return f"{size:,}" if what in ("lines", "bytes") and size else None


def git(top, *args):
    return subprocess.run(["git", "-C", str(top), *args], capture_output=True, text=True,
                          check=False).stdout


class Tree:
    """Names that exist"""

    def __init__(self, top):
        self.top = top
        listed = git(top, "ls-files", "--cached", "--others", "--exclude-standard")
        self.files = [f for f in listed.splitlines() if (top / f).is_file()]
        self.names = {Path(f).name for f in self.files}
        self.targets = set(re.findall(r"^([a-z-]+):", self.text("Makefile"), re.M))
        self.code = {f: csource.code_of(self.text(f)) for f in self.files
                     if re.match(r"(?:arch|benchmarks)/.*\.[ch]$", f)}
        self.defined = {f: csource.definitions(code) for f, code in self.code.items()}
        for f in self.files:
            if f.startswith("benchmarks/") and Path(f).suffix in DEFINES:
                found = DEFINES[Path(f).suffix].findall(self.text(f))
                self.defined[f] = {name for names in found for name in names if name}
        self.defined_anywhere = set().union(*self.defined.values())
        self.tests = {f"{suite}.{case}" for f, code in self.code.items()
                      for suite in re.findall(r'\.name = "(tdx_\w+)"', code)[:1]
                      for case in re.findall(r"\bKUNIT_CASE\w*\((\w+)", code) if case in self.defined[f]}
        self.shallow = git(top, "rev-parse", "--is-shallow-repository").strip() == "true"

    def text(self, path):
        return (self.top / path).read_text(encoding="utf-8")

    def has_commit(self, name):
        """Is it in the history?"""
        return subprocess.run(["git", "-C", str(self.top), "merge-base", "--is-ancestor", name, "HEAD"],
                              capture_output=True, check=False).returncode == 0

    def changed_since(self, commit, target):
        """Files that make @target measures with, or measures, and that differ from @commit."""
        places = [*MEASURED, *(f":(glob){where}/*.[ch]" for name, where in MEASURES.items() if name == target)]
        differ = git(self.top, "diff", "--name-only", "--no-renames", commit, "--", *places).splitlines()
        new = git(self.top, "ls-files", "--others", "--exclude-standard", "--", *places).splitlines()
        return [f for f in differ + new if "".join(self.code.get(f, "").split()) !=
                "".join(csource.code_of(git(self.top, "show", f"{commit}:{f}")).split())]


def items(text):
    """Items of lists, each as one line."""
    for item in re.findall(r"^\* .+(?:\n  .+)*", text, re.M):
        yield re.sub(r"\n +", " ", item)


def questions(text):
    """(number, title, section) of each question"""
    parts = re.split(r"^(\d+)\. (.+)\n-+\n", text, flags=re.M)[1:]
    for n, title, body in zip(parts[::3], parts[1::3], parts[2::3]):
        # Up to the next section.
        yield int(n), title, re.split(r"^.+\n=+$", body, flags=re.M)[0]


def check_answer(title, body, tree, figures):
    """Errors in one answer"""
    nr_words = len(re.split(r"^\* ", body, maxsplit=1, flags=re.M)[0].split())
    if not 1 <= nr_words <= MAX_WORDS:
        yield f"{title}: the answer has {nr_words} words, the limit is {MAX_WORDS}"
    evidence = list(items(body))
    if len(evidence) != NR_EVIDENCE:
        yield f"{title}: {len(evidence)} items of evidence instead of {NR_EVIDENCE}"
    for item in evidence:
        test = re.match(r"\* test ``([^`]+)``", item)
        code = re.match(r"\* code ``([^`:]+):([^`]+)``", item)
        figure = FIGURE.fullmatch(item)
        if test:
            if test[1] not in tree.tests:
                yield f"{title}: there is no test {test[1]}"
        elif code:
            if code[1] not in tree.files:
                yield f"{title}: there is no file {code[1]}"
            elif code[2] not in tree.defined.get(code[1], ()):
                yield f"{title}: {code[1]} does not define {code[2]}"
        elif figure:
            value = figures.value(figure[1], figure[2])
            if value is None:
                yield f"{title}: {figure[1]} has no figure {figure[2]}"
            elif value != figure[3]:
                yield f"{title}: {figure[2]} is {value}, not {figure[3]}: make plots updates it"
        else:
            yield f"{title}: neither test, code nor figure: {item[:60]}"


def check_short(text):
    """Errors in the table of answers"""
    rows = re.findall(r"^   \* - (\d+)\n((?:     .+\n)+)", text, re.M)
    if [int(n) for n, _ in rows] != list(range(1, NR_QUESTIONS + 1)):
        yield f"{PAGE}: the table does not have the questions 1 to {NR_QUESTIONS}"
    for n, cells in rows:
        nr_words = len(re.split(r"^     - ", cells, flags=re.M)[-1].split())
        if nr_words > MAX_SHORT:
            yield f"{PAGE}, {n}: the answer in the table has {nr_words} words, the limit is {MAX_SHORT}"


def check_names(path, tree):
    """Names on a page that do not exist"""
    text = tree.text(path)
    names = set(re.findall(r"(?<![\w/.-])[\w-]+\.rst\b", text))
    for literal in re.findall(r"``([^`]+)``", text) + re.findall(r"(?<!`)`([^`]+)`(?!`)", text):
        # Placeholders and generated files
        if re.search(r"[<>*{}$]|\.\.\.|(?:^|/)(?:build|~)|^/", literal):
            continue
        for target in re.findall(r"^make ([a-z-]+)", literal):
            if target not in tree.targets:
                yield f"{path}: there is no make {target}"
        if re.fullmatch(r"(?:arch|benchmarks|Documentation)/[\w./-]+", literal) and \
                not (tree.top / literal).exists():
            yield f"{path}: there is no {literal}"
        if re.fullmatch(r"tdx_\w+\.[a-z_]{3,}", literal) and literal not in tree.tests:
            yield f"{path}: there is no test {literal}"
        names |= {word for word in literal.split()
                  if re.fullmatch(r"[\w.-]+\.(?:bt|c|config|h|json|list|py|sh|txt)", word)}
    for name in sorted(names - tree.names - KERNEL):
        yield f"{path}: there is no file {name}"
    functions = set(re.findall(r"\b(?:tdx|tdh|hpa)_\w+(?=\()", text))
    for name in sorted(functions - tree.defined_anywhere - KERNEL):
        yield f"{path}: there is no {name}()"
    for name in sorted(set(re.findall(r"\b(?:commit|at(?=\s+\d*[a-f]))\s+([0-9a-f]{7,40})\b", text))):
        if not tree.shallow and not tree.has_commit(name):
            yield f"{path}: there is no commit {name} in the history"


def check_driver(tree):
    """Fields of an array that the call sequences of flat, or the driver, read"""
    fields = re.search(r"struct tdx_pa_array \{(.*?)\}", tree.code[ARRAY_HEADER], re.S)[1]
    fields = "|".join(set(csource.declared(fields)) - {"nr"})
    flows = tree.code[FLAT_FLOWS]
    start = flows.index("static int flat_spdm_create(")
    driver = {f: code for f, code in tree.code.items() if f.startswith("benchmarks/host/driver/tdx_connect.")}
    driver[FLAT_FLOWS] = "\n" * flows.count("\n", 0, start) + flows[start:]
    arrays = "|".join(re.findall(r"\bstruct tdx_pa_array \**(\w+)\b(?!\()", "".join(driver.values())))
    wrong = re.compile(rf"(?:->|\.)(?:{fields})\b|\b(?:{arrays})(?:\[.*?\]|\))*(?:->|\.)nr\b")
    for path, code in driver.items():
        for n, line in enumerate(code.splitlines(), 1):
            if wrong.search(line):
                yield f"the driver reads a field of an array: {path}:{n}: {line.strip()}"


def check_runs(tree):
    """Kept runs of other code"""
    for path in tree.files:
        if not re.fullmatch(r"benchmarks/results/(?!host-)[\w-]+\.json", path):
            continue
        run = json.loads(tree.text(path))["run"]
        made = f"{path} was made at {run['commit']}"
        # common.commit() adds a remark if the work tree differed.
        if not re.fullmatch(r"[0-9a-f]+", run["commit"]):
            yield f"{made}, which is not a commit: commit, then {run['command']}"
        elif tree.has_commit(run["commit"]):
            if differ := tree.changed_since(run["commit"], run["command"].split()[1]):
                yield f"{made}, before a change of {', '.join(differ)}: repeat {run['command']}"
        elif not tree.shallow:
            yield f"{made}, which is not in the history: repeat {run['command']}"


def check(top):
    tree, figures = Tree(top), Figures(top)
    found = list(questions(tree.text(PAGE)))
    if [n for n, _, _ in found] != list(range(1, NR_QUESTIONS + 1)):
        yield f"{PAGE}: the sections are not the questions 1 to {NR_QUESTIONS}"
    yield from check_short(tree.text(PAGE))
    for n, _, body in found:
        yield from check_answer(f"{PAGE}, {n}", body, tree, figures)
    for path in tree.files:
        if re.fullmatch(r"Documentation/[^/]+\.rst|README\.md|RESULTS\.md", path):
            yield from check_names(path, tree)
    yield from check_driver(tree)
    yield from check_runs(tree)


def write(top):
    """Insert the values of the kept runs into the page."""
    figures = Figures(top)

    def item(found):
        line = re.sub(r"\n +", " ", found[0])
        figure = FIGURE.fullmatch(line)
        value = figure and figures.value(figure[1], figure[2])
        if value is None:
            return found[0]
        return "\n".join(textwrap.wrap(f"* ``{figure[1]}``: {figure[2]} = {value}", WIDTH,
                                       subsequent_indent="  ", break_on_hyphens=False))

    page = top / PAGE
    page.write_text(re.sub(r"^\* .+(?:\n  .+)*", item, page.read_text(encoding="utf-8"), flags=re.M),
                    encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--top", type=Path, required=True)
    p.add_argument("--write", action="store_true", help="insert the values of the kept runs")
    args = p.parse_args()
    if args.write:
        write(args.top)
    wrong = list(check(args.top))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
