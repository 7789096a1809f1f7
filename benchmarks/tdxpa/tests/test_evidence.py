# SPDX-License-Identifier: GPL-2.0
"""evidence.py: each rule is broken once, in a copy of the tree with a history of its own."""
import re
import subprocess
from pathlib import Path

import pytest

from tdxpa import evidence, prose

TOP = Path(__file__).resolve().parents[3]
(REVIEW, OBJECTIONS), PAGE, RUN = evidence.QUESTIONS, "Documentation/design.rst", "benchmarks/results/uml-plain.json"
ARRAY = "arch/x86/virt/vmx/tdx/pa_array.c"
BENCH, NEW = "benchmarks/bench/tdx_bench.c", "benchmarks/designs/v2/new.c"
CODE, SUITE = "benchmarks/host/made_up.c", "benchmarks/designs/v2/made_up_kunit.c"
END, CASE = r"\Z", 'int made_up(void)\n{\n}\nint cases[] = { %s };\nint suite = { .name = "tdx_x" };\n'
NO_TEST, NO_CODE = "1: the test tdx_x.made_up does not exist", f"1: {CODE} does not define made_up"
Edit = tuple[str, str, str]  # a file, a pattern and its replacement


def item(text: str) -> Edit:
    """The first evidence of the first answer"""
    return REVIEW, r"(\n1\. .+?\n\n\* )[^\n]+", rf"\1{text}"


TEST, FUNCTION = item("test ``tdx_x.made_up``"), item(f"code ``{CODE}:made_up``")
# Rule: an error, or none, and edits that cause it
RULES: dict[str, tuple[str, list[Edit]]] = {
    "short": ("words, the limit is 60", [(REVIEW, r"^(1\. [^\n]+\n-+\n\n)", r"\1" + "word " * 61)]),
    "table": (", 2: the answer in the table", [(REVIEW, r"^(   \* - 2\n.+?     - .+?     - )", r"\1" + "word " * 11)]),
    "row": ("the table must have the questions 1 to 22", [(REVIEW, r"^   \* - 2$", "   * - 3")]),
    "section": ("the sections must have the questions 1 to 22", [(REVIEW, r"^2\. ", "3. ")]),
    "evidence": ("1: 1 items of evidence instead of 2 to 2", [(REVIEW, r"(\n1\. .+?\n\n)\* [^\n]+\n", r"\1")]),
    "page": ("the sections must have the questions 23 to 41", [(OBJECTIONS, r"^30\. ", "31. ")]),
    "sentence": (f"{OBJECTIONS}: 3 us: is not checked", [(OBJECTIONS, "^Objections", "It takes 3\nus, not 4 KiB.\n\nObjections")]),
    "changelog": ("01-array.txt: 7%: is not checked", [("benchmarks/series/01-array.txt", r"^Share", "It saves 7%.\nShare")]),
    "sample": ("README.md: tdx_seam does not have 9 cases", [("README.md", r"tdx_seam \(\d", "tdx_seam (9")]),
    "kind": ("1: neither test, code nor figure: * hope", [item("hope")]),
    "test: case": (NO_TEST, [TEST, (SUITE, END, CASE % "/* KUNIT_CASE(made_up) */")]),
    "test: function": (NO_TEST, [TEST, (SUITE, END, (CASE % "KUNIT_CASE(made_up)").replace("\n{\n}", ";"))]),
    "test: exists": ("", [TEST, (SUITE, END, CASE % "KUNIT_CASE(made_up)")]),
    "code: file": (NO_CODE, [FUNCTION]),
    "code: definition": (NO_CODE, [FUNCTION, (CODE, END, "int made_up(void);\nint x = made_up();\n")]),
    "code: exists": ("", [FUNCTION, (CODE, END, "int made_up(void)\n{\n}\n")]),
    "figure: value": ("is 0, not 1: run make results", [item("``make torture WHAT=faults``: rows: UNSAFE, flat = 1")]),
    "figure: unit": ("is 73, not 0: run", [item("``make bench WHAT=instructions``: hand-over, 512 pages, instructions, flat = 0")]),
    "figure: other unit": ("is None, not 0: run", [item("``make bench WHAT=instructions``: hand-over, 512 pages, us, flat = 0")]),
    "figure: exists": ("is None, not 1 / 1", [item("``make bench WHAT=size``: lines, flat / x = 1 / 1")]),
    "run: measured": (f"before a change of {ARRAY}: repeat make bench", [(ARRAY, END, "static int made_up;\n")]),
    "run: measures": (f"before a change of {BENCH}: repeat make bench", [(BENCH, END, "static int made_up;\n")]),
    "run: new file": (f"before a change of {NEW}: repeat make bench", [(NEW, END, "int made_up;\n")]),
    "run: clean": ("with changes, which is not a commit: commit", [(RUN, r'("commit": "\w+)"', r'\1 with changes"')]),
    "run: history": ("0123abc, which is not in the history", [(RUN, r'"commit": "\w+"', '"commit": "0123abc"')]),
    "run: same": ("", [(ARRAY, "^{\n", "{\n\n\t/* made up */\n"), (SUITE, END, "int x;\n")]),
    "names": ("", [(PAGE, END, "\n``make bench WHAT=size``, ``pa_array.c``, tdx_pa_array_free(), at 1048576 pages\n")]),
    **{f"name: {name}": (f"{PAGE}: {name} ", [(PAGE, END, f"\nSee {text}.\n")]) for text, name in (
        ("``make nothing``", "make nothing"), ("``make bench WHAT=noise``", "make bench WHAT=noise"),
        ("``make test STEPS=1``", "make test STEPS=1"), ("::\n\n\tmake bench ENGINE=x  text", "make bench ENGINE=x"),
        ("``benchmarks/made_up.c``", "benchmarks/made_up.c"), ("``made_up.sh -v``", "the file made_up.sh"),
        ("Documentation/made_up.rst", "the file made_up.rst"), ("``tdx_tdh.made_up``", "the test tdx_tdh.made_up"),
        ("tdx_made_up()", "tdx_made_up()"), ("commit\n0123456", "the commit 0123456"))},
}


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
        kept.write_text(re.sub(r'"commit": "[^"]*"', f'"commit": "{before}"', kept.read_text(), count=1))
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "after")
    return top, set(evidence.check(top))


@pytest.mark.parametrize("rule", RULES)
def test_rule(tree: tuple[Path, set[str]], rule: str) -> None:
    top, always = tree
    git(top, "reset", "-q", "--hard")
    git(top, "clean", "-q", "-d", "-f")
    for path, pattern, text in RULES[rule][1]:
        before = (top / path).read_text() if (top / path).exists() else ""
        after = before + text if pattern == END else re.sub(pattern, text, before, count=1, flags=re.M | re.S)
        assert after != before
        (top / path).write_text(after)
    git(top, "add", "-A")
    errors = "\n".join(set(evidence.check(top)) - always)
    assert RULES[rule][0] in errors and bool(RULES[rule][0]) == bool(errors)


# prose.py: what is reported, and what is not prose
LONG, SHORT = "word " * 31 + "end.", "word " * 28 + "end."
TABLE = "== ==\na  b\n== ==\n" + "c  d\n" * 20 + "== ==\n"


IS_LONG = f"32 words in a sentence, the limit is 30: {LONG[:50]}..."


@pytest.mark.parametrize("path, text, line, error", [
    *((path, text, line, IS_LONG) for path, text, line in (
        ("a.rst", f"{LONG}\n\nCode::\n\n\tx\n", 1),
        ("a.rst", f"* {LONG}", 1),
        ("a.rst", f"   * - {LONG}", 1),
        ("a.md", f"Short.\n{LONG}", 1),
        ("a.c", f"/* {LONG} */", 1),
        ("a.c", f"int f; // {LONG}", 1),
        ("a.h", f"/**\n * f - {SHORT}\n *\n * {LONG}\n */", 4),
        ("a.c", f'pr_warn("{LONG}");', 1),
        ("a.py", f'"""One.\n\n{LONG}\n"""\n', 3),
        ("a.sh", f"# One.\n#\n# {LONG}\n", 3),
        ("a.sh", f'say "{LONG}"', 1),
        ("benchmarks/series/a.txt", f"Subject\n\n{LONG[:70]}\n{LONG[70:140]}\n{LONG[140:]}\n--\nfile\n", 3))),
    *((path, text, 0, "") for path, text in (
        ("a.rst", f"{SHORT} {SHORT}"),
        ("a.rst", f"term\n  {SHORT}\nterm\n"),
        ("a.rst", f"* {SHORT}\n* {SHORT}"),
        ("a.rst", f"::\n\n\t{LONG}\n"),
        ("a.rst", f".. code::\n\n   {LONG}\n"),
        ("a.rst", TABLE),
        ("a.md", f"```\n{LONG}\n```\n"),
        ("a.md", f"    {LONG}\n"),
        ("a.txt", "{{ f(\n" + LONG + ") }}\n"),
        ("a.c", f"int f; /* {SHORT} */\n{LONG}"),
        ("a.c", f"/*\n * @a: {SHORT}\n * @b: {SHORT}\n */"),
        ("a.c", f"/*\n * * %-EIO {SHORT}\n * * %-EINVAL {SHORT}\n */"),
        ("a.sh", f"# {SHORT}\n{LONG}"),
        ("a.txt", f"Subject\n\n{SHORT}\n--\n{LONG}\n"),
        ("a.rst", "It is not, is no longer, amended, ``told``."),
        ("Documentation/hosts.rst", "Word.\n" * 700 + TABLE))),
    ("Documentation/hosts.rst", "Word.\n" * 701, 1, "701 words of prose, the limit is 700"),
])
def test_prose(path: str, text: str, line: int, error: str) -> None:
    assert list(prose.check(path, text)) == ([(line, error)] if error else [])


@pytest.mark.parametrize("phrase", [p for p in prose.PHRASES if "?" not in p])
def test_phrase(phrase: str) -> None:
    error = (3, f'"{phrase}": use plain words')
    assert list(prose.check("a.rst", f"One.\n\nIt {phrase} it.\n".replace(" no", "\nno"))) == [error]
    assert list(prose.check("a.py", f'"""One.\n\nIt {phrase} it.\n"""\n')) == [error]


@pytest.mark.parametrize("path, width", [("Documentation/a.rst", 80), ("README.md", 80), ("benchmarks/help.txt", 80),
                                         ("benchmarks/series/a.txt", 72)])
def test_width(path: str, width: int) -> None:
    wide = "x" * width
    assert not list(prose.check(path, f"One.\n\n{wide}\n| {wide}\nhttps://{wide}\n\n\t{wide}\n"))
    assert list(prose.check(path, f"One.\n\n{wide}x\n")) == [(3, f"{width + 1} characters, the limit is {width}")]
