# SPDX-License-Identifier: GPL-2.0
"""insert.py LIST DIR: insert the lines of LIST (insertions.txt) into the sources in DIR.

A patch without context lines would be placed wrongly in another version, without an error.
"""
import re
import sys
from pathlib import Path

errors: list[str] = []
texts: dict[Path, str] = {}

for section in re.split(r"^@ ", Path(sys.argv[1]).read_text(), flags=re.M)[1:]:
    name, *insertions = re.split(r"^\+ ", section, flags=re.M)
    path = Path(sys.argv[2], name.strip())
    text = path.read_text() if path.exists() else ""
    for insertion in insertions:
        head, lines = insertion.split("\n", 1)
        where, anchor = head.split(" ", 1)
        scope, _, rest = anchor.partition(" >> ")
        start = text.find(scope)
        at = text.find(rest, start + len(scope)) if rest else start
        if text.count(scope) != 1 or at < 0:
            errors.append(f"{path}: must contain this text once: {anchor}")
            continue
        at = text.rfind("\n", 0, at) + 1 if where == "before" else text.index("\n", at) + 1
        text = text[:at] + lines.rstrip() + "\n" + text[at:]
    texts[path] = text

if not errors:
    for path, text in texts.items():
        path.write_text(text)
sys.exit("\n".join(errors) or 0)
