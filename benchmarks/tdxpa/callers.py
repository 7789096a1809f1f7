# SPDX-License-Identifier: GPL-2.0
"""Lines and branches of the same callers in five designs.  callers.json explains what counts."""
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tdxpa.common import table
from tdxpa.csource import emptied, without_comments

PAGE = "Documentation/results/callers.rst"
# The file explains them.
DATA = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
DESIGNS, FLOWS, HARNESS, PASSING, OUTSIDE = (DATA[k] for k in ("designs", "flows", "harness", "passing", "outside"))
ALL = "all of these"


def without_calls(text: str, names: Iterable[str]) -> str:
    """Without statements that call one of @names or return -EOPNOTSUPP, and without the if before them"""
    call = rf"\b(?:(?:{'|'.join(names)})\([^;{{}}]*\)|return -EOPNOTSUPP);"
    return re.sub(rf"(?:\bif \([^;{{}}]*\)\s*)?{call}", lambda m: emptied(m[0]), text)


class Function:
    def __init__(self, lines: list[str], first: int, number: int, branches: int) -> None:
        self.first, self.branches, self.lines = first, branches, lines[first - 1:first - 1 + number]
        self.body = "\n".join(self.lines).partition("{")[2]


def functions(text: str) -> dict[str, Function]:
    """{name: Function}, by pmccabe, which does not recognise loops of macros"""
    plain = re.sub(r"\bfor_each_\w+\(", "while (", text)
    out = subprocess.run(["pmccabe"], input=plain, check=True, capture_output=True, text=True).stdout
    return {name: Function(text.split("\n"), int(first), int(number), int(complexity) - 1)
            for complexity, first, number, name in re.findall(r"^(\d+)\t\d+\t\d+\t(\d+)\t(\d+)\t.*: (\w+)$", out, re.M)}


class Source:
    """The callers of one design"""

    def __init__(self, text: str, passing: Iterable[str] = (), outside: Iterable[str] = ()) -> None:
        text = without_calls(without_comments(text), HARNESS)
        for name in outside:
            if name not in text:
                sys.exit(f"error: outside in callers.json: the source lacks {name}")
            text = text.replace(name, "") if name.endswith(";") else text
        self.functions, self.passing, self.skipped = functions(text), {*passing}, {*outside}

    def called(self, roots: list[str]) -> list[Function]:
        """@roots and the functions that they call, in the order of the file"""
        todo, found = list(roots), set[str]()
        while todo:
            if (name := todo.pop()) not in found | self.skipped:
                found.add(name)
                todo += [n for n in re.findall(r"\b\w+\b", self.functions[name].body) if n in self.functions]
        return sorted((self.functions[n] for n in found - self.passing), key=lambda f: f.first)


def count(called: list[Function]) -> dict:
    return {"lines": sum(bool(line.strip(" \t{}")) for f in called for line in f.lines),
            "branches": sum(f.branches for f in called)}


def code(called: list[Function]) -> str:
    """The functions, as an indented block"""
    text = "\n\n".join("\n".join(map(str.rstrip, f.lines)) for f in called)
    text = re.sub(r"\{\n\n", "{\n", re.sub(r"\n\n(\t*\})", r"\n\1", re.sub(r"\n{3,}", "\n\n", text)))
    return re.sub(r"^(?=.)", "\t", text, flags=re.M)


def count_all(top: Path) -> list[dict]:
    """A record for each call sequence of each design, and one for all of them"""
    records = []
    for design, (prefix, path) in DESIGNS.items():
        source = Source((top / path).read_text(encoding="utf-8"), PASSING.get(design, ()), OUTSIDE.get(design, ()))
        roots = {flow: [prefix + r for r in names] for flow, names in FLOWS.items()
                 if prefix + names[0] in source.functions}
        if len(roots) > 1:
            roots[ALL] = sum(roots.values(), [])
        records += [{"design": design, "flow": flow, **count(called), "code": code(called) if flow != ALL else ""}
                    for flow, called in ((flow, source.called(r)) for flow, r in roots.items())]
    return records


def caller_table(records: list[dict]) -> str:
    cells = {(r["flow"], r["design"]): f"{r['lines']}, {r['branches']}" for r in records}
    return table(["caller: lines, branches", *DESIGNS],
                 [[flow, *(cells.get((flow, d), "-") for d in DESIGNS)] for flow in (*FLOWS, ALL)])
