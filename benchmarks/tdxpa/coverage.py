#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""coverage.py: lines and branches that the suites reach, from gcov's JSON.

Counts each C file of the array and the wrappers, and their headers that contain
code.  The same line or branch in several objects counts once.  Status 1 if a line or
branch is not reached and has no entry in coverage/exceptions.list, if an entry
excuses nothing, or if a file was not measured.
"""
import argparse
import json
import os
import sys
from pathlib import Path

TDX = "arch/x86/virt/vmx/tdx"
INCLUDE = "arch/x86/include/asm"
EXCEPTIONS = "benchmarks/tests/coverage-exceptions.list"
# In place of the text of a line: the whole file
WHOLE = "*"


class Source:
    """Executions of the lines and branches of one file."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.text = [line.strip() for line in f]
        self.lines = {}
        # By line, function and position among the branches of the line
        self.branches = {}

    def add(self, line):
        number = line["line_number"]
        self.lines[number] = self.lines.get(number, 0) + line["count"]
        for i, branch in enumerate(line["branches"]):
            key = number, line.get("function_name"), i
            self.branches[key] = self.branches.get(key, 0) + branch["count"]

    def missed(self):
        """Yield number of line and what is missing there."""
        for number in sorted(self.lines):
            if not self.lines[number]:
                yield number, "not executed"
                continue
            counts = [c for (n, _, _), c in self.branches.items() if n == number]
            if 0 in counts:
                yield number, "branches taken " + ", ".join(map(str, counts)) + " times"


def documents(path):
    """gcov writes one JSON document per object, one a line."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            yield json.loads(line)


def read(args):
    """Sources by name below the top directory."""
    sources = {}
    for document in documents(args.json):
        for entry in document["files"]:
            path = os.path.join(document["current_working_directory"], entry["file"])
            name = os.path.relpath(os.path.normpath(path), args.tree)
            if os.path.dirname(name) not in (TDX, INCLUDE) or not (args.top / name).exists():
                continue
            source = sources.setdefault(name, Source(args.top / name))
            for line in entry["lines"]:
                source.add(line)
    return sources


def read_exceptions(path):
    """Reasons by file and text of the line.  Each is good for one line."""
    reasons = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                # A line of C may have the separator in it.
                name, rest = line.strip().split(" | ", 1)
                text, reason = rest.rsplit(" | ", 1)
                reasons.setdefault((name, text.strip()), []).append(reason)
    return reasons


def table(sources):
    rows = [("file", "lines", "branches", "%")]
    total = [0, 0, 0, 0]
    for name, s in sorted(sources.items()):
        counts = (sum(1 for c in s.lines.values() if c), len(s.lines),
                  sum(1 for c in s.branches.values() if c), len(s.branches))
        total = [a + b for a, b in zip(total, counts)]
        rows.append(row(name, counts))
    rows.append(row("all", total))
    width = [max(len(r[i]) for r in rows) for i in range(4)]
    for i, r in enumerate(rows):
        print(f"| {r[0]:<{width[0]}} | {r[1]:>{width[1]}} | {r[2]:>{width[2]}} | {r[3]:>{width[3]}} |")
        if not i:
            print(f"|{'-' * (width[0] + 2)}|" + "".join("-" * (w + 1) + ":|" for w in width[1:]))


def row(name, counts):
    hit, lines, taken, branches = counts
    percent = 100 * (hit + taken) / (lines + branches)
    # 99.99 is not 100.
    return name, f"{hit}/{lines}", f"{taken}/{branches}", f"{int(percent * 10) / 10:g}"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("json")
    p.add_argument("--top", required=True, type=Path)
    p.add_argument("--tree", required=True, help="where the modules were built")
    args = p.parse_args()

    sources = read(args)
    reasons = read_exceptions(args.top / EXCEPTIONS)
    whole = {name for name, text in reasons if text == WHOLE and name in sources}
    excused = {name: sources.pop(name) for name in whole}
    table(sources)

    bad = 0
    for name in sorted(whole):
        print(f"{name}: {len(excused[name].lines)} lines\n    excused: {reasons[name, WHOLE].pop(0)}")
    for f in sorted((args.top / TDX).glob("*.c")):
        name = str(f.relative_to(args.top))
        if name not in sources and name not in whole:
            print(f"{name}: not measured")
            bad += 1
    nr_excused = len(whole)
    for name, source in sorted(sources.items()):
        for number, what in source.missed():
            text = source.text[number - 1]
            print(f"{name}:{number}: {what}: {text}")
            if reasons.get((name, text)):
                print(f"    excused: {reasons[name, text].pop(0)}")
                nr_excused += 1
            else:
                bad += 1
    for (name, text), left in reasons.items():
        for reason in left:
            print(f"{EXCEPTIONS}: excuses nothing: {name} | {text} | {reason}")
            bad += 1

    print(f"{nr_excused} excused, {bad} errors")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
