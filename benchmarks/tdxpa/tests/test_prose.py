# SPDX-License-Identifier: GPL-2.0
"""prose.py: what is reported, and what is not prose"""
import pytest

from tdxpa import prose

LONG, SHORT = "word " * 31 + "end.", "word " * 28 + "end."
TABLE = "== ==\na  b\n== ==\n" + "c  d\n" * 20 + "== ==\n"


def errors(path: str, text: str) -> list[str]:
    return [f"{line}: {error}" for line, error in prose.check(path, text)]


@pytest.mark.parametrize("path, text, line", [
    ("a.rst", f"{LONG}", 1),
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
    ("benchmarks/series/a.txt", f"Subject\n\n{LONG[:70]}\n{LONG[70:140]}\n{LONG[140:]}\n--\nfile\n", 3),
])
def test_long_sentence(path: str, text: str, line: int) -> None:
    assert errors(path, text) == [f"{line}: 32 words in a sentence, the limit is 30: {LONG[:50]}..."]


@pytest.mark.parametrize("path, text", [
    ("a.rst", f"{SHORT} {SHORT}"),
    ("a.rst", f"term\n  {SHORT}\nterm\n"),
    ("a.rst", f"* {SHORT}\n* {SHORT}"),
    ("a.rst", f"::\n\n\t{LONG}\n"),
    ("a.rst", f".. code::\n\n   {LONG}\n"),
    ("a.rst", TABLE),
    ("a.md", f"```\n{LONG}\n```\n"),
    ("a.md", f"    {LONG}\n"),
    ("a.c", f"int f; /* {SHORT} */\n{LONG}"),
    ("a.c", f"/*\n * @a: {SHORT}\n * @b: {SHORT}\n */"),
    ("a.c", f"/*\n * * %-EIO {SHORT}\n * * %-EINVAL {SHORT}\n */"),
    ("a.sh", f"# {SHORT}\n{LONG}"),
    ("a.txt", f"Subject\n\n{SHORT}\n--\n{LONG}\n"),
    ("a.rst", "It is not, is no longer, amended, ``told``."),
])
def test_no_error(path: str, text: str) -> None:
    assert not errors(path, text)


@pytest.mark.parametrize("phrase", [p for p in prose.PHRASES if "?" not in p])
def test_phrase(phrase: str) -> None:
    assert errors("a.rst", f"One.\n\nIt {phrase} it.\n".replace(" no", "\nno")) == [f'3: "{phrase}": use plain words']
    assert errors("a.py", f'"""One.\n\nIt {phrase} it.\n"""\n') == [f'3: "{phrase}": use plain words']


@pytest.mark.parametrize("path, width", [("Documentation/a.rst", 80), ("README.md", 80), ("benchmarks/help.txt", 80),
                                         ("benchmarks/series/a.txt", 72)])
def test_width(path: str, width: int) -> None:
    assert errors(path, f"One.\n\n{'x' * width}\n| {'x' * width}\nhttps://{'x' * width}\n\n\t{'x' * width}\n") == []
    assert errors(path, f"One.\n\n{'x' * width}x\n") == [f"3: {width + 1} characters, the limit is {width}"]


def test_limit() -> None:
    assert errors("Documentation/hosts.rst", "Word.\n" * 700 + TABLE) == []
    assert errors("Documentation/hosts.rst", "Word.\n" * 701) == ["1: 701 words of prose, the limit is 700"]
