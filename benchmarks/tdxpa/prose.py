# SPDX-License-Identifier: GPL-2.0
"""prose.py --top DIR: plain English in pages, changelogs, help, comments and messages.

Prints the words of pages with a limit, then sentences of more than MAX_WORDS words, each of PHRASES, and long lines.
Tables, diagrams and literal blocks do not count.
"""
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tdxpa.csource import emptied

MAX_WORDS = 30
LISTS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
# Other pages are generated.  WIDTHS are those of pages, and of comments in C.  Python and shell have no room for more
# lines.  Two places in C are left out: another line there would need a build of QEMU or another run.
PHRASES, LIMITS, WIDTHS = LISTS["phrases"], LISTS["words of prose on a page"], LISTS["width of text"]
PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b(?! longer)".replace(" ", r"\s+"), re.I)
# Data, generated pages, and lists of these phrases
NO_PROSE = re.compile(r"LICENSES/|COPYING|benchmarks/results/|Documentation/(?:faults|callers|results)|"
                      r".*\.(?:json|list|css)$|.*prose\.py$")

STRING = r'"((?:\\.|[^"\\\n])*)"'
C = re.compile(STRING + r"|/\*(.*?)\*/|//([^\n]*)", re.S)
SCRIPT = re.compile(r'"""(.*?)"""|' + STRING + r"|((?:^[ \t]*#(?![!\w])[^\n]*\n)+)", re.S | re.M)

BLANK = re.compile(r"""
    (?:^\.\.\ |::$)(?![^\n]*list-table)[^\n]*\n(?:\n|[ \t]+[^\n]*\n)*  # directives and literal blocks
    | ^\ *=+(?:\ +=+)+\n.*?^\ *=+(?:\ +=+)+\n(?=\n|\Z)                # simple tables
    | ^```.*?^``` | ^(?:\ {4}|\t)(?!\ *[-*]\ |\ {2,}\S)[^\n]*$          # blocks of Markdown
    | ^--\n(?!\n).*                                                    # what a patch adds
    """, re.M | re.S | re.X)


def paragraphs_of_page(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each paragraph, item or cell"""
    text = BLANK.sub(lambda m: emptied(m[0]), text)
    part: list[str] = []
    first = indent = 0
    for n, line in enumerate([*text.splitlines(), ""], 1):
        # Rulers, rows of tables and options of directives
        table = re.match(r"\s*(?:[=+|-]{2,}|\||:\w+:|<!--)", line)
        begin = re.match(r"\s*(?:\* - |[-*] |\d+\. )*", line)[0]  # type: ignore[index]
        # An item begins, or a definition, which is indented under its term.
        if not line.strip() or table or begin.strip() or len(begin) != indent:
            yield first, " ".join(part)
            part, indent = [], len(begin)
        if line.strip() and not table:
            first = first if part else n
            part.append(line[len(begin):].strip())


def paragraphs_of_code(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """(line, text) of each paragraph of a comment, a docstring or a string"""
    for found in pattern.finditer(text):
        first = text[:found.start()].count("\n") + 1
        part: list[str] = []
        for n, line in enumerate("".join(filter(None, found.groups())).split("\n")):
            line = re.sub(r"^\s*(?:\*+|#+)? ?", "", line)
            # Paragraphs end; sections of kernel-doc and items begin.  Diagrams are indented.
            if not line.strip() or re.match(r"\s*(?:@|[*-] |\w+: )|\t|   ", line):
                yield first + n - len(part), " ".join(part)
                part = []
            if line.strip() and not re.match(r"\t|   ", line):
                part.append(line.strip())
        yield first, " ".join(part)


def paragraphs(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each paragraph.  A name in quotes and JSON are one word."""
    page = path.endswith((".rst", ".md", ".txt"))
    language = C if path.endswith((".c", ".h")) else SCRIPT
    for line, part in paragraphs_of_page(text) if page else paragraphs_of_code(text, language):
        yield line, re.sub(r"``[^`]+``|`[^`]+`(?:__?)?|(?:\\\"\w+\\\": %\w+(?:, )?)+", "x", part)


def limited_lines(path: str, text: str) -> set[int]:
    """Of comments in C, and of pages without tables and literal blocks"""
    if path.endswith((".c", ".h")):
        return {n for m in C.finditer(text) if m[1] is None
                for n in range(text.count("\n", 0, m.start()) + 1, text.count("\n", 0, m.end()) + 2)}
    return {n for n, line in enumerate(text.splitlines(), 1) if not re.match(r"[|\t]|    ", line)}


def check(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(line, error)"""
    if path.endswith((".rst", ".md", ".txt")):
        # Templates
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", lambda m: "x" + emptied(m[0]), text, flags=re.S)
    nr_all = 0
    for line, part in paragraphs(path, text):
        nr_all += len(part.split())
        for sentence in re.split(r"(?<=[.?!])\s|\s{3,}", part):
            nr_words = sum(bool(re.search(r"\w", word)) for word in sentence.split())
            if nr_words > MAX_WORDS:
                yield line, f"{nr_words} words in a sentence, the limit is {MAX_WORDS}: {sentence[:50]}..."
        for phrase in PHRASE.findall(part):
            yield line, f'"{" ".join(phrase.split())}": use plain words'
    if nr_all > (limit := LIMITS.get(path, nr_all)):
        yield 1, f"{nr_all} words of prose, the limit is {limit}"
    text = re.sub(r"^--\n(?!\n).*", "", text, flags=re.M | re.S)
    for width in (width for pattern, width in WIDTHS.items() if re.fullmatch(pattern, path)):
        limited = limited_lines(path, text)
        for n, one in enumerate(text.expandtabs().splitlines(), 1):
            if n in limited and len(one) > width and not re.search("https?://", one):
                yield n, f"{len(one)} characters, the limit is {width}"


def main() -> None:
    top = Path(sys.argv[2])
    files = subprocess.run(["git", "-C", top, "ls-files", "--cached", "--others", "--exclude-standard"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    texts = {path: (top / path).read_text(encoding="utf-8") for path in files
             if (top / path).is_file() and not NO_PROSE.match(path)}
    counts = {path: sum(len(part.split()) for _, part in paragraphs(path, texts[path])) for path in LIMITS}
    print("\n".join(f"{count:5,} of {LIMITS[path]:5,} words: {path}" for path, count in counts.items()))
    if errors := [f"{path}:{line}: {error}" for path, text in texts.items() for line, error in check(path, text)]:
        sys.exit("\n".join(errors))
    print(f"{sum(counts.values()):,} words on {len(counts)} pages, limits hold")
