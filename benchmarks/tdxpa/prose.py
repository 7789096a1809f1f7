#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""prose.py --top DIR: plain English in Documentation/, README.md and comments in arch/.

Prints each sentence of more than 30 words and each phrase of PHRASES.  Tables, diagrams and
literal blocks have no sentences.
"""
import argparse
import re
import sys
from pathlib import Path

MAX_WORDS = 30
PHRASES = ("told", "tells", "wants", "knows", "anew", "beside", "talked of", "is no", "are no", "without a word",
           "whoever", "mend", "at the most", "by itself", "so many", "come back", "let go")
PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES).replace(' ', chr(92) + 's+')})\b", re.I)


def paragraphs_of_page(text):
    """(line, text) of each paragraph, item or cell"""
    # A block behind "::" or a directive ends at the next line without indent.
    text = re.sub(r"(?:^\.\. |::$)(?!.*list-table)[^\n]*\n(?:\n|[ \t]+[^\n]*\n)*",
                  lambda m: "\n" * m[0].count("\n"), text, flags=re.M)
    # Simple tables
    text = re.sub(r"^=+(?: +=+)+\n.*?^=+(?: +=+)+\n(?=\n|\Z)", lambda m: "\n" * m[0].count("\n"), text,
                  flags=re.M | re.S)
    # Fences and indented blocks of Markdown
    text = re.sub(r"^(?:```.*?^```|(?:    |\t)(?! *[-*] | {2,}\S)[^\n]*)$", lambda m: "\n" * m[0].count("\n"), text,
                  flags=re.M | re.S)
    part, first, indent = [], 1, 0
    for n, line in enumerate([*text.splitlines(), ""], 1):
        # Rulers, rows of tables and options of directives
        table = re.match(r"\s*(?:[=+|-]{2,}|\||:\w+:|<!--)", line)
        begin = re.match(r"\s*(?:(?:\* - |[-*] |\d+\. )*)", line)
        item = begin[0].strip() != ""
        # A definition is indented under its term.
        if not line.strip() or table or item or begin.end() != indent:
            yield first, " ".join(part)
            part, first, indent = [], n, begin.end()
        if line.strip() and not table:
            first = first if part else n
            part.append(line[begin.end():].strip())


def paragraphs_of_code(text):
    """(line, text) of each paragraph of a comment"""
    for comment in re.finditer(r"/\*(.*?)\*/|//([^\n]*)", text, re.S):
        first = text[:comment.start()].count("\n") + 1
        part = []
        for n, line in enumerate((comment[1] or comment[2] or "").split("\n")):
            line = re.sub(r"^\s*\*? ?\*?", "", line)
            # Paragraphs end; sections of kernel-doc and items begin.  Diagrams are indented.
            if not line.strip() or re.match(r"\s*(?:@|- |\w+: )|\t", line):
                yield first + n - len(part), " ".join(part)
                part = []
            if line.strip() and not line.startswith("\t"):
                part.append(line.strip())
        yield first, " ".join(part)


def check(text, paragraphs):
    """(line, error)"""
    for line, part in paragraphs(text):
        part = re.sub(r"``[^`]+``|`[^`]+`(?:__?)?", "x", part)
        for sentence in re.split(r"(?<=[.?!])\s", part):
            nr_words = sum(bool(re.search(r"\w", word)) for word in sentence.split())
            if nr_words > MAX_WORDS:
                yield line, f"{nr_words} words in a sentence, the limit is {MAX_WORDS}: {sentence[:50]}..."
        for phrase in PHRASE.findall(part):
            yield line, f'"{phrase}"'


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--top", type=Path, required=True)
    top = p.parse_args().top
    bad = 0
    for pattern, paragraphs in (("Documentation/*.rst", paragraphs_of_page), ("README.md", paragraphs_of_page),
                                ("arch/**/*.[ch]", paragraphs_of_code)):
        for path in sorted(top.glob(pattern)):
            for line, error in check(path.read_text(encoding="utf-8"), paragraphs):
                print(f"{path.relative_to(top)}:{line}: {error}")
                bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
