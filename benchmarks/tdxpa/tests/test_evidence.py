# SPDX-License-Identifier: GPL-2.0
"""evidence.py: each rule is broken once, in a copy of the tree with a history of its own."""
import json
import re
import subprocess
from pathlib import Path

import pytest

from tdxpa import evidence

TOP = Path(__file__).resolve().parents[3]
ANSWERS, PAGE, RUN = evidence.PAGE, "Documentation/design.rst", "benchmarks/results/uml.json"
ARRAY, MADE_UP, SUITE = "arch/x86/virt/vmx/tdx/pa_array.c", "benchmarks/host/made_up.c", "benchmarks/host/made_up_kunit.c"
FIRST, END = r"(\n1\. .+?\n\n\* )[^\n]+", r"\Z"
CASE = "static void made_up(struct kunit *test)\n{\n}\nstruct kunit_case c[] = { %s };\nstruct kunit_suite s = {\n\t.name = \"tdx_x\"\n};\n"
CODE = ("code ``benchmarks/host/made_up.c:made_up``", f"{ANSWERS}, 1: {MADE_UP} does not define made_up")
NO_TEST = f"{ANSWERS}, 1: the test tdx_x.made_up does not exist"

# Rule: what replaces a pattern in a file, then another, and the error
RULES: dict[str, tuple[list[tuple[str, str, str]], str]] = {
    "answers are short": ([(ANSWERS, r"^(1\. [^\n]+\n-+\n\n)", r"\1" + "word " * 61)], "words, the limit is 60"),
    "short answers are short": ([(ANSWERS, r"^(   \* - 2\n.+?     - .+?     - )", r"\1" + "word " * 11)], ", 2: the answer in the table"),
    "each question is in the table": ([(ANSWERS, r"^   \* - 2$", "   * - 3")], "the table must have the questions 1 to 22"),
    "each question is answered": ([(ANSWERS, r"^2\. ", "3. ")], "the sections must have the questions 1 to 22"),
    "each answer has evidence": ([(ANSWERS, r"(\n1\. .+?\n\n)\* [^\n]+\n", r"\1")], "1: 1 items of evidence instead of 2"),
    "evidence is of a known kind": ([(ANSWERS, FIRST, r"\1hope")], "1: neither test, code nor figure: * hope"),
    "a test is a case": ([(ANSWERS, FIRST, r"\1test ``tdx_x.made_up``"), (SUITE, END, CASE % "/* KUNIT_CASE(made_up) */")], NO_TEST),
    "a test has a function": ([(ANSWERS, FIRST, r"\1test ``tdx_x.made_up``"), (SUITE, END, "KUNIT_CASE(made_up)")], NO_TEST),
    "code is in a file": ([(ANSWERS, FIRST, rf"\1{CODE[0]}")], CODE[1]),
    "code is defined": ([(ANSWERS, FIRST, rf"\1{CODE[0]}"), (MADE_UP, END, "int made_up(void);\nint x(void)\n{\n\treturn made_up();\n}\n")], CODE[1]),
    "a figure is that of the run": ([(ANSWERS, FIRST, r"\1``make torture WHAT=faults``: rows: UNSAFE, flat = 1")], "flat is 0, not 1: run make results"),
    "a figure exists": ([(ANSWERS, FIRST, r"\1``make bench WHAT=size``: lines, flat / x = 1 / 1")], "flat / x is None, not 1 / 1"),
    "callers read no field": ([("benchmarks/designs/flat/flows.c", END, "int x(void) { return a->nr_held; }")], "flows.c reads the field nr_held"),
    "measured code stands": ([(ARRAY, END, "static int made_up;\n")], f"before a change of {ARRAY}: repeat make bench"),
    "measuring code stands": ([("benchmarks/bench/tdx_bench.c", END, "static int made_up;\n")], "before a change of benchmarks/bench/tdx_bench.c: repeat"),
    "a design is not added": ([("benchmarks/designs/v2/new.c", END, "int made_up;\n")], "before a change of benchmarks/designs/v2/new.c: repeat"),
    "a run is of a commit": ([(RUN, r'"commit": "(\w+)"', r'"commit": "\1 with changes"')], "with changes, which is not a commit: commit, then repeat make bench"),
    "a run is of the history": ([(RUN, r'"commit": "\w+"', '"commit": "0123abc"')], "uml.json was made at 0123abc, which is not in the history"),
    **{f"{text} exists": ([(PAGE, END, f"\nSee {text}.\n")], f"{PAGE}: {name} ") for text, name in (
        ("``make nothing``", "make nothing"), ("``make bench WHAT=noise``", "make bench WHAT=noise"), ("``make test STEPS=1``", "make test STEPS=1"),
        ("::\n\n\tmake bench ENGINE=x  text", "make bench ENGINE=x"), ("``benchmarks/made_up.c``", "benchmarks/made_up.c"), ("``made_up.sh -v``", "the file made_up.sh"),
        ("Documentation/made_up.rst", "the file made_up.rst"), ("``tdx_tdh.made_up``", "the test tdx_tdh.made_up"), ("tdx_made_up()", "tdx_made_up() does"),
        ("commit\n0123456", "the commit 0123456 is not in the history;"))},
    # No errors
    "a test exists": ([(ANSWERS, FIRST, r"\1test ``tdx_x.made_up``"), (SUITE, END, CASE % "KUNIT_CASE(made_up)")], ""),
    "code exists": ([(ANSWERS, FIRST, rf"\1{CODE[0]}"), (MADE_UP, END, "int made_up(void)\n{\n}\n")], ""),
    "comments and space are not measured": ([(ARRAY, "^{\n", "{\n\n\t/* made up */\n"), ("benchmarks/designs/lifecycle_kunit.c", END, "int x;\n")], ""),
    "names of the tree": ([(PAGE, END, "\n``make bench WHAT=instructions CHECK=1``, ``pa_array.c``, tdx_pa_array_free(), at 1048576 pages\n")], ""),
}


def git(top: Path, *args: str) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody")
    return subprocess.run(["git", "-C", str(top), *who, *args], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A copy in which the kept runs were made when a folder had another name, and its errors, which make check prints"""
    top = tmp_path_factory.mktemp("evidence")
    for name in ("arch", "benchmarks", "Documentation", "README.md", "RESULTS.md"):
        subprocess.run(["cp", "-r", TOP / name, top], check=True)
    git(top, "init", "-q")
    (top / "benchmarks/bench").rename(top / "benchmarks/old")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "before")
    (top / "benchmarks/old").rename(top / "benchmarks/bench")
    for kept in (top / "benchmarks/results").glob("*.json"):
        data = json.loads(kept.read_text())
        data["run"]["commit"] = git(top, "log", "-1", "--format=%h")
        kept.write_text(json.dumps(data))
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "after")
    return top, set(evidence.check(top))


@pytest.mark.parametrize("rule", RULES)
def test_rule(tree: tuple[Path, set[str]], rule: str) -> None:
    top, always = tree
    git(top, "reset", "-q", "--hard")
    git(top, "clean", "-q", "-d", "-f")
    for path, pattern, text in RULES[rule][0]:
        before = (top / path).read_text() if (top / path).exists() else ""
        after = before + text if pattern == END else re.sub(pattern, text, before, count=1, flags=re.M | re.S)
        assert after != before
        (top / path).write_text(after)
    errors = set(evidence.check(top)) - always
    assert bool(errors) == bool(RULES[rule][1]) and any(RULES[rule][1] in error for error in errors or {""})
