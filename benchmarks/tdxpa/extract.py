# SPDX-License-Identifier: GPL-2.0
"""extract.py DIR MBOX: the array of v2, from an mbox with its series.

Whole definitions of added lines are taken: those of headers to DIR/page_array.h, the others to DIR/page_array.c.
DIR/names.h says which functions are static, and which are missing.  extract.json explains how.
"""
import email.policy
import json
import mailbox
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from tdxpa.common import replace

VERSION, NUMBERS = 2, (3, 4, 5)
LINK = "https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/"
HOW = f"get {LINK}t.mbox.gz, or use b4 mbox"
STRUCT = re.compile(r"^struct tdx_page_array\s*\{", re.M)
# The array is used elsewhere, too.
WHERE = "arch/x86/"
NEEDED, OPTIONAL = map(json.loads(Path(__file__).with_suffix(".json").read_text()).get, ("needed", "optional"))
FUNCTION = re.compile(r"^(?!typedef\b)([a-z_][\w\s*]*?)\b(\w+)\([^;{]*\)\s*\{", re.M)
# (text, added by the series)
Line = tuple[str | None, bool]
UNKNOWN: Line = None, False
Patch = tuple[str, str, str]


def refuse(mbox: str, problem: str) -> NoReturn:
    sys.exit(f"error: V2_MBOX={mbox}: {problem}; {HOW}")


def mails_of(name: str) -> Iterator[Any]:
    unpacked = subprocess.run(["zcat", "-f", name], capture_output=True)
    if unpacked.returncode:
        refuse(name, f"cannot be read ({unpacked.stderr.decode().strip()})")
    with tempfile.NamedTemporaryFile() as f:
        f.write(unpacked.stdout.lstrip())
        f.flush()
        box = mailbox.mbox(f.name)
        for key in box.keys():
            yield email.message_from_bytes(box.get_bytes(key), policy=email.policy.default)


def patches_of(name: str) -> dict[int, Patch]:
    """{number: (subject, message id, diff)} of v2"""
    found: dict[int, Patch] = {}
    for mail in mails_of(name):
        subject = re.match(r"((?:\[[^\]]*\]\s*)+)(.*)", mail["Subject"] or "")
        place = subject and re.search(rf"\bPATCH\b.*\bv{VERSION}\b.*?(?<!\d)(\d+)/\d+", subject[1])
        body = mail.get_body(("plain",))
        text = re.split(r"^-- ?$", body.get_content().replace("\r\n", "\n") if body else "", flags=re.M)[0]
        if subject and place and (diff := re.search(r"^diff --git .*", text, re.M | re.S)):
            patch = found.setdefault(n := int(place[1]), (subject[2], mail["Message-ID"] or "", diff[0]))
            if patch[2].strip() != diff[0].strip():
                refuse(name, f"has different patches {n:02}: {patch[1]}, {mail['Message-ID']}; remove one")
    return found


def pick(name: str) -> list[Patch]:
    """The patches of NUMBERS"""
    found = patches_of(name)
    if missing := [f"{n:02}" for n in NUMBERS if n not in found]:
        refuse(name, f"patch {', '.join(missing)} of v{VERSION} is missing")
    return [found[n] for n in NUMBERS]


def apply(lines: list[Line], diff: str, mbox: str, what: str) -> list[Line]:
    """The lines of a file after a diff of it"""
    # From the last hunk on, so that the numbers of lines are those before the diff
    for start, body in reversed(re.findall(r"^@@ -(\d+)\S* .*\n((?:[ +\-\\].*\n|\n)*)", diff, re.M)):
        first = end = max(int(start) - 1, 0)
        after: list[Line] = []
        for line in body.splitlines():
            kind, text = line[:1] or " ", line[1:]
            if kind in " -":
                lines += [UNKNOWN] * (end + 1 - len(lines))
                if lines[end][0] not in (None, text):
                    refuse(mbox, f"{what} does not fit the patches before it at line {end + 1}: they are not of one series")
                after += [(text, lines[end][1])] * (kind == " ")
                end += 1
            elif kind == "+":
                after.append((text, True))
        lines[first:end] = after
    return lines


def files_of(mbox: str, patches: list[Patch]) -> dict[str, list[Line]]:
    """The files of the array after the patches, as far as they are known"""
    files: dict[str, list[Line]] = {}
    for n, (subject, _, diff) in zip(NUMBERS, patches):
        done = subprocess.run(["git", "apply", "--numstat"], input=diff, capture_output=True, text=True, check=False)
        if done.returncode:
            refuse(mbox, f"patch {n:02} is damaged ({done.stderr.strip().splitlines()[-1]}): mail programs do that")
        for part in re.split(r"^(?=diff --git )", diff, flags=re.M)[1:]:
            path = part.split()[3][2:]
            if path.startswith(WHERE) and path.endswith((".c", ".h")):
                files[path] = apply(files.get(path, []), part, mbox, f"patch {n:02}, {path},")
    return files


def code_of(text: str) -> str:
    """Without strings and comments"""
    return re.sub(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/', "", text, flags=re.S)


def parts_of(lines: list[Line]) -> Iterator[str]:
    """Parts that begin with an added line, and end at an empty or other line outside of braces.  Within
    braces, git may show the end of an added function as a line of the kernel."""
    part: list[str] = []
    depth = 0
    for text, added in [*lines, UNKNOWN]:
        if part and (text is None or not depth and not (added and text)):
            yield "\n".join(part)
            part, depth = [], 0
        # The headers of that tree are not here.
        if text is not None and (part or added and text) and not text.startswith('#include "'):
            part.append(text)
            depth = max(0, depth + code_of(text).count("{") - code_of(text).count("}"))


def is_whole(part: str) -> bool:
    """Is it a comment, or definitions, declarations and directives without conditions?"""
    code = code_of(part).strip("\n")
    if not code:
        return part.startswith("/*")
    # A macro that defines something may have no semicolon.
    return code.count("{") == code.count("}") and not re.match(r"\w+:|#\s*(if|el|endif)|[^A-Za-z#]", code) and \
        bool(re.search(r"\A#|[;}]\Z|^[A-Z][A-Z0-9_]+\([^;{}]*\)\Z", code, re.M))


def extract(mbox: str, patches: list[Patch]) -> tuple[dict[str, str], dict[str, bool], int]:
    """({"h", "c": text}, {function: is it static}, parts that are left out)"""
    taken: dict[str, list[str]] = {"h": [], "c": [], "": []}
    functions: dict[str, bool] = {}
    for path, lines in sorted(files_of(mbox, patches).items(), key=lambda file: ("/include/" not in file[0], file[0])):
        for part in parts_of(lines):
            taken[path[-1] if is_whole(part) else ""].append(part)
    for head, name in FUNCTION.findall("\n\n".join(taken["c"])):
        functions[name] = "static" in head.split()
    # In a header, a kernel without TDX has inline functions of the same names.
    taken["h"] = [p for p in taken["h"] if not ((m := FUNCTION.search(p)) and m[2] in functions)]
    functions |= {name: False for _, name in FUNCTION.findall("\n\n".join(taken["h"]))}
    missing = [name for name in NEEDED if name not in functions]
    if missing or not STRUCT.search("\n".join(taken["h"] + taken["c"])):
        refuse(mbox, f"patches 03 to 05 do not define {', '.join(missing) or 'struct tdx_page_array'}; "
               "if the series has other names, adapt benchmarks/designs/v2_posted")
    return {kind: "\n\n".join(parts) for kind, parts in taken.items()}, functions, len(taken[""])


def main() -> None:
    out = Path(sys.argv[1])
    patches = pick(sys.argv[2])
    texts, functions, left = extract(sys.argv[2], patches)
    head = "/* SPDX-License-Identifier: GPL-2.0 */\n/* Written by make bench V2_MBOX=: not part of the project */\n"
    names = [f"#define POSTED_{'STATIC' if name in functions else 'LACKS'}_{name}\n" for name in (*NEEDED, *OPTIONAL)
             if functions.get(name, True)]
    replace({out / "page_array.h": f"{head}#ifndef _POSTED_H\n#define _POSTED_H\n\n{texts['h']}\n\n#endif\n",
             out / "page_array.c": f"{head}{texts['c']}\n", out / "names.h": "".join([head, *names])})
    for n, (subject, message_id, _) in zip(NUMBERS, patches):
        print(f"patch {n:02}: {subject} {message_id}")
    own = ", ".join(name for name in OPTIONAL if name not in functions)
    print(f"{len(functions)} functions are in {out}; {left} parts within other code are left out\n"
          f"The project's own: wrappers and callers{', ' + own if own else ''}\n"
          "If this does not build, add what it lacks to benchmarks/designs/v2_posted/prelude.h")
