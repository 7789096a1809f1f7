#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""answers.py --top DIR [--write]: does the evidence in Documentation/ exist?

Documentation/review-answers.rst has the 22 questions of the review.  Each is answered in
two sentences at the most, then comes evidence, an item each, then what the rivals do:

    * test ``suite.case``: what it shows
    * code ``path:name``: what stands there
    * ``make ...``: FIGURE = VALUE

A figure is looked up in the run that the command has made and that is kept:

    make bench [ENGINE=qemu ICOUNT=1]: OPERATION, N pages, DESIGN [/ DESIGN]
                          metadata, N pages, DESIGN; allocator calls, N pages, DESIGN
    make faults:          LEAF: FAILURE, DESIGN; or a line of its foot
    make frag:            SIZE KiB, DESIGN; 4 KiB, 1 in N free, DESIGN
    make callers:         FLOW, DESIGN, lines or branches or ways to go wrong or bytes
                          code of array and wrappers, DESIGN; trace events, DESIGN

A test is a KUNIT_CASE() whose function is defined in the same file. Code is what a C file
defines: a function with its body, a macro, a type, a member, a constant, a global variable.
To be called, declared or told of is not enough.

Documentation/, README.md and RESULTS.md name no file, make target or test in a literal, no function
of ours (tdx_, tdh_, hpa_) and no commit ("commit x", "at x") anywhere, that is not there. What the kernel has stands in KERNEL. Which
commits there are, a shallow clone does not know.

A driver reads no field of an array.

What was measured (MEASURED: array, wrappers and designs), and what has measured it (MEASURES),
has the same code as at the commit of each kept run, or that run is to be made again. Comments and white space do not count, nor
do suites and tests/: the model takes its time in the life- rows, but a knob more is no reason to
measure all rows again. host-*.json are left out, because they are made on somebody else's host.

Prints a line for each thing that is wrong.  --write puts in the values of the kept runs.
"""
import argparse
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import callers
import csource
import faults
import frag
from runs import DESIGN, Run, number

NR_QUESTIONS = 22
PAGE = "Documentation/review-answers.rst"
RIVALS = ("v2", "descriptor", "bare list")
WIDTH = 96

ARRAY_HEADER = "arch/x86/include/asm/tdx_pa_array.h"
MEASURED = (":(glob)arch/x86/virt/vmx/tdx/*.[ch]", ":(glob)arch/x86/include/asm/*.h",
            ":(glob)benchmarks/designs/**/*.[ch]", ":(exclude,glob)**/*_kunit.c",
            # Built into a kernel only.
            ":(exclude)arch/x86/virt/vmx/tdx/door_seamcall.c",
            # Built by make compare alone, which keeps nothing.
            ":(exclude)benchmarks/designs/v2_posted/")
# What measures, by the target.
MEASURES = {"bench": "benchmarks/bench", "faults": "benchmarks/faults", "frag": "benchmarks/frag",
            "profile": "benchmarks/profile"}
# The kernel's own, and what the pages say of it.
KERNEL = {"kunit.py",                                       # runs the suites of a kernel tree
          "tdx_get_sysinfo", "tdx_quirk_reset_paddr",       # the series needs them
          "tdx_reclaim_control_page"}                       # what KVM does with a lost page

FIGURE = re.compile(r"\* ``(make [^`]+)``: (.+) = (.+)")


class Figures:
    """What the kept runs say."""

    def __init__(self, top):
        kept = top / "benchmarks" / "results"
        self.runs = {"make bench": Run(kept / "uml.json"),
                     "make bench ENGINE=qemu ICOUNT=1": Run(kept / "qemu-icount.json")}
        self.faults = faults.load(top, "uml")
        self.frag = frag.load(top, "uml")
        self.callers = callers.load(top)

    def value(self, command, key):
        """The value as text, or None if there is no such figure."""
        if command in self.runs:
            return self.of_run(self.runs[command], key)
        of = {"make faults": self.of_faults, "make frag": self.of_frag,
              "make callers": self.of_callers}.get(command)
        return of(key) if of else None

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
                # Without the time, which is another one in each run.
                return re.sub(r",? [\d,]+ us", "", frag.cell(row))
        return None

    def of_callers(self, key):
        flow, _, design = key.rpartition(", ")
        if flow in ("code of array and wrappers", "trace events") and design in callers.text_of(self.callers)[0]:
            sizes, events = callers.text_of(self.callers)
            # Only the design's own array has any.
            return f"{sizes[design] if flow != 'trace events' else events if design == DESIGN else 0:,} bytes"
        found = re.fullmatch(r"(.+), ([\w-]+), (lines|branches|ways to go wrong|bytes)", key)
        if not found:
            return None
        flow, design, what = found.groups()
        for r in (self.callers["text"] if what == "bytes" else self.callers)["callers"]:
            if (r["flow"], r["design"]) == (flow, design):
                return f"{r['bytes']:,} bytes" if what == "bytes" else \
                       str(len(r["places"]) if what == "ways to go wrong" else r[what])
        return None


def git(top, *args):
    return subprocess.run(["git", "-C", str(top), *args], capture_output=True, text=True,
                          check=False).stdout


class Tree:
    """What is there to be named."""

    def __init__(self, top):
        self.top = top
        listed = git(top, "ls-files", "--cached", "--others", "--exclude-standard")
        self.files = [f for f in listed.splitlines() if (top / f).is_file()]
        self.names = {Path(f).name for f in self.files}
        self.targets = set(re.findall(r"^([a-z-]+):", self.text("Makefile"), re.M))
        self.code = {f: csource.code_of(self.text(f)) for f in self.files
                     if re.match(r"(?:arch|benchmarks)/.*\.[ch]$", f)}
        self.defined = {f: csource.definitions(code) for f, code in self.code.items()}
        self.defined_anywhere = set().union(*self.defined.values())
        self.tests = {f"{suite}.{case}" for f, code in self.code.items()
                      for suite in re.findall(r'\.name = "(tdx_\w+)"', code)[:1]
                      for case in re.findall(r"\bKUNIT_CASE\w*\((\w+)", code) if case in self.defined[f]}
        self.shallow = git(top, "rev-parse", "--is-shallow-repository").strip() == "true"

    def text(self, path):
        return (self.top / path).read_text(encoding="utf-8")

    def has_commit(self, name):
        """Is it in the history?  A shallow clone may not know."""
        return subprocess.run(["git", "-C", str(self.top), "merge-base", "--is-ancestor", name, "HEAD"],
                              capture_output=True, check=False).returncode == 0

    def changed_since(self, commit, target):
        """Files that make @target measures, or is, with other code now than at @commit."""
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
    """(number, title, what stands below) of each question."""
    parts = re.split(r"^(\d+)\. (.+)\n-+\n", text, flags=re.M)[1:]
    for n, title, body in zip(parts[::3], parts[1::3], parts[2::3]):
        # Up to the next section.
        yield int(n), title, re.split(r"^.+\n=+$", body, flags=re.M)[0]


def check_answer(title, body, tree, figures):
    """What is wrong with one answer."""
    answer = body.strip().split("\n\n")[0]
    if answer.startswith("*") or len(re.findall(r"[.?!](?:\s|$)", answer)) > 2:
        yield f"{title}: no answer in two sentences"
    for rival in RIVALS:
        if not re.search(rf"^:{rival}: \S", body, re.M):
            yield f"{title}: nothing about {rival}"
    evidence = 0
    for item in items(body):
        evidence += 1
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
                yield f"{title}: {figure[1]} gives no figure {figure[2]}"
            elif value != figure[3]:
                yield f"{title}: {figure[2]} is {value}, not {figure[3]}: make plots writes it again"
        else:
            yield f"{title}: neither test, code nor figure: {item[:60]}"
    if not evidence:
        yield f"{title}: no evidence"


def check_names(path, tree):
    """What a page names and is not there."""
    text = tree.text(path)
    names = set(re.findall(r"(?<![\w/.-])[\w-]+\.rst\b", text))
    for literal in re.findall(r"``([^`]+)``", text) + re.findall(r"(?<!`)`([^`]+)`(?!`)", text):
        # What stands for something else, or is made.
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
    """A driver reads no field of an array.  It may have an nr of its own."""
    fields = re.search(r"struct tdx_pa_array \{(.*?)\}", tree.code[ARRAY_HEADER], re.S)[1]
    fields = "|".join(set(csource.declared(fields)) - {"nr"})
    driver = {f: code for f, code in tree.code.items() if f.startswith("benchmarks/driver/tdx_connect.")}
    arrays = "|".join(re.findall(r"\bstruct tdx_pa_array \**(\w+)\b(?!\()", "".join(driver.values())))
    wrong = re.compile(rf"(?:->|\.)(?:{fields})\b|\b(?:{arrays})(?:\[.*?\]|\))*(?:->|\.)nr\b")
    for path, code in driver.items():
        for n, line in enumerate(code.splitlines(), 1):
            if wrong.search(line):
                yield f"the driver knows the array's fields: {path}:{n}: {line.strip()}"


def check_runs(tree):
    """Is each kept run one of the code that stands?"""
    for path in tree.files:
        if not re.fullmatch(r"benchmarks/results/(?!host-)[\w-]+\.json", path):
            continue
        run = json.loads(tree.text(path))["run"]
        made = f"{path} was made at {run['commit']}"
        # common.commit() says if there was none, or if the work tree was another.
        if not re.fullmatch(r"[0-9a-f]+", run["commit"]):
            yield f"{made}, which nobody can look up: commit, then {run['command']}"
        elif tree.has_commit(run["commit"]):
            if differ := tree.changed_since(run["commit"], run["command"].split()[1]):
                yield f"{made}, before a change of {', '.join(differ)}: {run['command']} makes it again"
        elif not tree.shallow:
            yield f"{made}, which is not in the history: {run['command']} makes it again"


def check(top):
    tree, figures = Tree(top), Figures(top)
    found = list(questions(tree.text(PAGE)))
    if [n for n, _, _ in found] != list(range(1, NR_QUESTIONS + 1)):
        yield f"{PAGE}: not the questions 1 to {NR_QUESTIONS}"
    for n, _, body in found:
        yield from check_answer(f"{PAGE}, {n}", body, tree, figures)
    for path in tree.files:
        if re.fullmatch(r"Documentation/[^/]+\.rst|README\.md|RESULTS\.md", path):
            yield from check_names(path, tree)
    yield from check_driver(tree)
    yield from check_runs(tree)


def write(top):
    """Put the values of the kept runs into the page."""
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
    p.add_argument("--write", action="store_true", help="put in the values of the kept runs")
    args = p.parse_args()
    if args.write:
        write(args.top)
    wrong = list(check(args.top))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
