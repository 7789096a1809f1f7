# SPDX-License-Identifier: GPL-2.0
"""evidence.py: each rule is broken once, in a copy of the tree with a history of its own."""
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tdxpa import evidence, prose

TOP = Path(__file__).resolve().parents[3]
Edit = tuple[str, str, str]  # a file, a pattern and its replacement


def read_rules() -> dict[str, tuple[str, list[Edit]]]:
    """{rule: (an error, or nothing, and edits that cause it)}"""
    found: dict[str, tuple[str, list[Edit]]] = {}
    for line in Path(__file__).with_suffix(".list").read_text().splitlines():
        if not line.startswith("#"):
            rule, error, path, pattern, text = line.split("\t")
            text = re.sub(r"{(\d+) WORDS}", lambda m: "word " * int(m[1]), text).replace(r"\n", "\n").replace(r"\t", "\t")
            edit = (path, pattern, text) if path != "evidence" else (
                list(evidence.QUESTIONS)[0], r"(\n1\. .+?\n\n\* )[^\n]+", rf"\1{text}")
            found.setdefault(rule, (error, []))[1].append(edit)
    return found


RULES = read_rules()


def git(top: Path, *args: str) -> str:
    command = ["git", "-C", str(top), "-c", "user.name=nobody", "-c", "user.email=nobody", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A copy in which the kept runs are older than the name of a folder, and its errors, which make check prints"""
    top = tmp_path_factory.mktemp("evidence")
    for name in ("arch", "benchmarks", "Documentation", "README.md", "RESULTS.md"):
        subprocess.run(["cp", "-r", TOP / name, top], check=True)
    git(top, "init", "-q")
    (top / "benchmarks/bench").rename(top / "benchmarks/old")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "before")
    (top / "benchmarks/old").rename(top / "benchmarks/bench")
    before = git(top, "log", "-1", "--format=%h")
    for kept in (top / "benchmarks/results").glob("*.json"):
        kept.write_text(re.sub(r'"commit": "[^"]*"', f'"commit": "{before}"', kept.read_text()))
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "after")
    run = subprocess.run([sys.executable, "-m", "tdxpa", "evidence", "--top", top], capture_output=True, text=True)
    assert "Traceback" not in run.stderr
    return top, set(run.stderr.splitlines())


@pytest.mark.parametrize("rule", RULES)
def test_rule(tree: tuple[Path, set[str]], rule: str) -> None:
    top, always = tree
    git(top, "reset", "-q", "--hard")
    git(top, "clean", "-q", "-d", "-f")
    for path, pattern, text in RULES[rule][1]:
        before = (top / path).read_text() if (top / path).exists() else ""
        after = before + text if pattern == r"\Z" else re.sub(pattern, text, before, count=1, flags=re.M | re.S)
        assert after != before
        (top / path).write_text(after)
    git(top, "add", "-A")
    errors = "\n".join(set(evidence.check(top)) - always)
    assert RULES[rule][0] in errors and bool(RULES[rule][0]) == bool(errors)


# prose.py: a long sentence with its line, and what has none.  {LONG} and other words stand for these texts.
CASES = json.loads(Path(__file__).with_suffix(".json").read_text())
LONG, SHORT = "word " * 31 + "end.", "word " * 28 + "end."
TEXTS = {"{LONG}": LONG, "{SHORT}": SHORT, "{WRAPPED}": "\n".join([LONG[:70], LONG[70:140], LONG[140:]]),
         "{TABLE}": "== ==\na  b\n== ==\n" + "c  d\n" * 20 + "== ==\n", "{700 WORDS}": "Word.\n" * 700}
IS_LONG = f"32 words in a sentence, the limit is 30: {LONG[:50]}..."


@pytest.mark.parametrize("path, text, errors", [
    *((path, text, [(line, IS_LONG)]) for path, text, line in CASES["long sentences"]),
    *((path, text, []) for path, text in CASES["no errors"]),
    ("Documentation/hosts.rst", "{700 WORDS}Word.\n", [(1, "701 words of prose, the limit is 700")])])
def test_prose(path: str, text: str, errors: list[tuple[int, str]]) -> None:
    for name, words in TEXTS.items():
        text = text.replace(name, words)
    assert list(prose.check(path, text)) == errors


@pytest.mark.parametrize("phrase", [p for p in prose.PHRASES if "?" not in p])
def test_phrase(phrase: str) -> None:
    error = (3, f'"{phrase}": use plain words')
    assert list(prose.check("a.rst", f"One.\n\nIt {phrase} it.\n".replace(" no", "\nno"))) == [error]
    assert list(prose.check("a.py", f'"""One.\n\nIt {phrase} it.\n"""\n')) == [error]


@pytest.mark.parametrize("path", ["arch/x86/a.c", "benchmarks/tests/a.h"])
def test_the_width_of_comments(path: str) -> None:
    x = "x" * 70
    assert not list(prose.check(path, f'\t/*\n\t * {x[2:]}\n\t */\n\tf("/* {x} */");\n/* https://{x} */\n'))
    text = f"/*\n\t{x}yyy\n */\n\tf();\t\t/* {x[9:]} */\n"
    assert list(prose.check(path, text)) == [(2, "81 characters, the limit is 80"), (4, "91 characters, the limit is 80")]


@pytest.mark.parametrize("path, width", [("Documentation/a.rst", 80), ("README.md", 80), ("benchmarks/help.txt", 80),
                                         ("benchmarks/series/a.txt", 72)])
def test_width(path: str, width: int) -> None:
    wide = "x" * width
    assert not list(prose.check(path, f"One.\n\n{wide}\n| {wide}\nhttps://{wide}\n\n\t{wide}\n"))
    assert list(prose.check(path, f"One.\n\n{wide}x\n")) == [(3, f"{width + 1} characters, the limit is {width}")]
