#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""extract.py --out DIR MBOX: the array of v2, out of an mbox with its series.

Patches 03 to 05 of version 2 are the array.  They are changes to a kernel tree that
is not here, but consecutive ones, and each hunk says at which line it stands.  So
every file is rebuilt as far as the patches show it, by line number, and each line
knows whether the series has brought it.  What is taken in the end are whole definitions
that begin with such a line, with the comments above them: those of headers to
DIR/page_array.h, the others to DIR/page_array.c.  DIR/names.h says which functions
are static, and which are not there.  A change within a function of the kernel's is left out.
"""
import argparse
import email
import email.policy
import gzip
import mailbox
import re
import sys
import tempfile
import zlib
from pathlib import Path

VERSION = 2
NUMBERS = (3, 4, 5)
LINK = "https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/"
HOW = f"{LINK}t.mbox.gz has the series, as do b4 mbox and b4 am"
STRUCT = "tdx_page_array"
# What is elsewhere uses the array.
WHERE = "arch/x86/"

# The design cannot be without these.
NEEDED = ("tdx_page_array_create", "tdx_page_array_create_iommu_mt", "tdx_page_array_populate",
          "tdx_page_array_free", "tdx_page_array_ctrl_leak", "tdx_page_array_ctrl_release")
# For these there are the project's own.
OPTIONAL = ("tdx_page_array_alloc_contig", "hpa_list_info_assign_raw", "hpa_array_t_assign_raw",
            "hpa_array_t_release_raw")


class Refused(Exception):
    """The mbox is not what it should be; says what to do."""


#
# From an mbox to patches
#

def read_file(name):
    """The mbox, unpacked."""
    if not name:
        raise Refused(f"V2_MBOX is not given: make compare V2_MBOX=file; {HOW}")
    try:
        data = Path(name).read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise Refused(f"V2_MBOX={name}: no such file; {HOW}") from None
    except (OSError, EOFError, zlib.error) as e:
        why = getattr(e, "strerror", None) or e
        raise Refused(f"V2_MBOX={name} cannot be read ({why}): get it again; {HOW}") from None
    return data


def messages(name, data, scratch):
    """The messages of an mbox."""
    if not data.lstrip().startswith(b"From "):
        raise Refused(f"V2_MBOX={name} is not an mbox, which begins with \"From \": "
                      f"take the raw file, no page of a browser; {HOW}")
    # What only looks like the head of a message, in a file that does not quote it.  Such
    # lines are never in a diff.
    data = re.sub(rb"(?m)^From (?!\S+ .*\d\d:\d\d.* \d{4}\s*$)", b">From ", data.lstrip())
    with tempfile.NamedTemporaryFile(dir=scratch) as f:
        f.write(data)
        f.flush()
        box = mailbox.mbox(f.name, create=False)
        try:
            for key in box.iterkeys():
                yield email.message_from_bytes(box.get_bytes(key), policy=email.policy.default)
        finally:
            box.close()


def text_of(message):
    """All text of a message, its transfer encoding undone."""
    text = ""
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        data = part.get_payload(decode=True) or b""
        try:
            text += data.decode(part.get_content_charset() or "utf-8", "replace")
        except LookupError:
            text += data.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


class Patch:
    """One message that is a patch of a series."""

    def __init__(self, version, number, total, subject, message_id, text):
        self.version, self.number, self.total = version, number, total
        self.subject, self.message_id, self.text = subject, message_id, text

    @property
    def name(self):
        return f"patch {self.number:02}/{self.total}"


def header(message, name):
    """A header as one line, whatever its sender made of it."""
    try:
        return " ".join(str(message[name] or "").split())
    except Exception:       # whatever the parser stumbles over
        return ""


def patch_of(message):
    """The message as a patch, or None: a reply, a cover letter, other mail."""
    subject = header(message, "subject")
    tags = re.match(r"\s*((?:\[[^\]]*\]\s*)+)(.*)", subject)
    if not tags or "PATCH" not in tags[1].upper():
        return None
    place = re.search(r"(?<!\d)(\d+)/(\d+)(?!\d)", tags[1])
    if not place:
        return None
    version = re.search(r"(?i)(?:\b|PATCH)v(\d+)\b", tags[1])
    text = text_of(message)
    start = re.search(r"(?m)^diff --git ", text)
    if not start:
        return None
    return Patch(int(version[1]) if version else 1, int(place[1]), int(place[2]), tags[2],
                 header(message, "message-id"), text[start.start():])


def body(patch):
    """What tells whether two copies of a patch are the same: less what lists add below."""
    return re.split(r"(?m)^-- ?$", patch.text)[0].strip()


def in_words(numbers, total):
    return ", ".join(f"{n:02}/{total}" for n in numbers)


def pick(name, data, scratch):
    """The patches of NUMBERS, from all of the mbox."""
    series, nr_messages = {}, 0
    for message in messages(name, data, scratch):
        nr_messages += 1
        patch = patch_of(message)
        if not patch:
            continue
        known = series.setdefault((patch.version, patch.total), {})
        known.setdefault(patch.number, []).append(patch)

    if not series:
        raise Refused(f"V2_MBOX={name}: no patches in it ({nr_messages} messages, cover letter and "
                      f"replies at the most): get the whole thread; {HOW}")
    ours = {total: known for (version, total), known in series.items() if version == VERSION}
    if not ours:
        found = ", ".join(sorted({f"v{version}" for version, _ in series}))
        raise Refused(f"V2_MBOX={name}: this is {found} of a series, not v{VERSION}: "
                      f"get that version; {HOW}")

    whole = {total: known for total, known in ours.items() if all(n in known for n in NUMBERS)}
    if not whole:
        total, known = max(ours.items(), key=lambda item: len(item[1]))
        missing = [n for n in NUMBERS if n not in known]
        word = "patch" if len(missing) == 1 else "patches"
        raise Refused(f"V2_MBOX={name}: {word} {in_words(missing, total)} of v{VERSION} "
                      f"{'is' if len(missing) == 1 else 'are'} missing: get the whole thread; {HOW}")
    for total, known in whole.items():
        if any(re.search(rf"(?m)^\+struct {STRUCT}\s*\{{", p.text) for n in NUMBERS for p in known[n]):
            break
    else:
        raise Refused(f"V2_MBOX={name}: this is another series: none of its patches "
                      f"{in_words(NUMBERS, min(whole))} defines struct {STRUCT}; {HOW}")

    picked = []
    for n in NUMBERS:
        if len({body(p) for p in known[n]}) > 1:
            raise Refused(f"V2_MBOX={name}: {known[n][0].name} is in it more than once, and not the same: "
                          f"leave the one of the series ({', '.join(p.message_id for p in known[n])}); {HOW}")
        picked.append(known[n][0])
    return picked


#
# From patches to files, as far as they are shown
#

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Hunk:
    def __init__(self, old, new, lines):
        self.old, self.new, self.lines = old, new, lines


def hunks(patch):
    """Yield (file, its hunks) of a patch."""
    def damaged(why):
        where = f"hunk {len(found)} of {file or 'a file without a name'}"
        return Refused(f"{patch.name} is damaged, {where}: {why}; mail programs do that: "
                       f"get the mbox again; {HOW}")

    lines = patch.text.split("\n")
    file, found, i = None, [], 0
    while i < len(lines):
        line = lines[i]
        i += 1
        if line.startswith("diff --git "):
            if file:
                yield file, found
            path = re.match(r"diff --git \S+ b/(\S+)", line)
            file, found = path[1] if path else None, []
        if not line.startswith("@@ "):
            continue

        found.append(None)
        at = HUNK.match(line)
        if not at or not file:
            raise damaged("no line numbers in its head")
        old, new = int(at[2] or 1), int(at[4] or 1)
        hunk = Hunk(int(at[1]) + (old == 0), int(at[3]) + (new == 0), [])
        while old or new:
            line = lines[i] if i < len(lines) else None
            i += 1
            if line is not None and line.startswith("\\"):
                continue
            # Some cut the blank of an empty line.
            line = line or (" " if line == "" else None)
            signature = line in ("--", "-- ") and i < len(lines) and re.match(r"\d+\.\d", lines[i])
            if not line or signature or line[0] not in " +-" or (line[0] != "+" and not old) or \
               (line[0] != "-" and not new):
                raise damaged("its lines are not as many as its head says")
            hunk.lines.append((line[0], line[1:]))
            old -= line[0] != "+"
            new -= line[0] != "-"
        after = lines[i] if i < len(lines) else ""
        if re.match(r"[ +]|-(?!- ?$|-\s)", after):
            raise damaged("its lines are more than its head says")
        found[-1] = hunk
    if file:
        yield file, found


class File:
    """What is known of a file: line number to (text, brought by the series)."""

    def __init__(self):
        self.lines = {}
        # Lines of the kernel's that went away.
        self.removed = []

    def apply(self, patch, path, found):
        """Patch it, exactly where the hunks say."""
        lines, after, shift, old_end = self.lines, {}, 0, 0
        for n, hunk in enumerate(found, 1):
            for number in [k for k in lines if old_end <= k < hunk.old]:
                after[number + shift] = lines[number]
            old, new = hunk.old, hunk.new
            if old < old_end or new != old + shift:
                raise Refused(f"{patch.name} is damaged, hunk {n} of {path}: its line numbers do not add up; "
                              f"mail programs do that: get the mbox again; {HOW}")
            for kind, text in hunk.lines:
                known = lines.get(old)
                if kind != "+":
                    if known and known[0] != text:
                        raise Refused(f"{patch.name}, hunk {n} of {path}, does not fit what the patches before "
                                      f"it have left at line {old}: the patches are not of one series; {HOW}")
                    if kind == "-" and not (known and known[1]):
                        self.removed.append(text)
                    old += 1
                if kind == " ":
                    after[new] = known or (text, False)
                elif kind == "+":
                    after[new] = (text, True)
                new += kind != "-"
            old_end, shift = old, new - old
        for number in [k for k in lines if k >= old_end]:
            after[number + shift] = lines[number]
        self.lines = after

    def islands(self):
        """Yield the runs of known lines."""
        island, last = [], None
        for number in sorted(self.lines):
            if island and number != last + 1:
                yield island
                island = []
            island.append(self.lines[number])
            last = number
        if island:
            yield island


#
# From lines to definitions
#

LABEL = re.compile(r"^\w+:")
CALL = re.compile(r"^([A-Z][A-Z0-9_]+)\(")
FUNCTION = re.compile(r"^(?!typedef\b)[A-Za-z_][\w\s*]*?\b(\w+)\(")


def code_of(line, in_comment):
    """(the line without strings and comments, still within a comment)"""
    line = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", "0", line) if not in_comment else line
    out = ""
    while line:
        if in_comment:
            _, found, line = line.partition("*/")
            in_comment = not found
        else:
            text, found, line = line.partition("/*")
            out += text
            in_comment = bool(found)
    return out.split("//")[0].rstrip(), in_comment


class Item:
    """A definition, a declaration, a directive or a comment, with the comment above it."""

    def __init__(self, kind, lines):
        self.kind, self.lines, self.comment = kind, lines, []
        self.complete = True
        # Does it follow the one above without a blank line?
        self.close = False

    @property
    def text(self):
        return "\n".join(text for text, _ in self.comment + self.lines)

    @property
    def brought(self):
        return self.lines[0][1]

    @property
    def nr_brought(self):
        return sum(b for _, b in self.lines)

    def function(self):
        """(name, static) if it defines a function."""
        if self.kind != "code":
            return None
        head = " ".join(text for text, _ in self.lines).split("{")[0]
        found = FUNCTION.match(head)
        if not found or self.lines[-1][0].rstrip().endswith(";") or "{" not in self.text or CALL.match(head):
            return None
        return found[1], bool(re.match(r"(\w+\s+)*static\b", head))


def take_comment(island, i):
    """The item of a comment at @i."""
    j, inside = i, False
    while j < len(island):
        _, inside = code_of(island[j][0], inside)
        j += 1
        if not inside:
            break
    item = Item("comment", island[i:j])
    item.complete = not inside
    return item


def take_directive(island, i):
    j = i
    while j < len(island) and island[j][0].endswith("\\"):
        j += 1
    item = Item("directive", island[i:j + 1])
    item.complete = j < len(island)
    return item


def take_code(island, i):
    """The item of a definition or declaration at @i: to where its brackets are closed."""
    depth, inside, braces = 0, False, False
    for j in range(i, len(island)):
        code, inside = code_of(island[j][0], inside)
        for c in code:
            depth += (c in "({[") - (c in ")}]")
            braces = braces or c == "{"
        if depth or inside or not code:
            continue
        after = island[j + 1][0] if j + 1 < len(island) else ""
        # A macro that defines something may go without a semicolon.
        if code.endswith((";", "}")) or (code.endswith(")") and CALL.match(island[i][0])
                                         and not after.startswith(("{", "\t", " "))):
            return Item("code", island[i:j + 1])
    item = Item("code", island[i:])
    item.complete = False
    return item


def items(island):
    """Split a run of lines into items; what belongs to none is of kind "inside"."""
    i, comment, close = 0, None, False
    while i < len(island):
        text = island[i][0]
        if not text.strip():
            if comment:
                yield comment
                comment = None
            i += 1
            close = False
            continue
        if text.startswith("/*") or text.startswith("//"):
            if comment:
                yield comment
            item = comment = take_comment(island, i)
        elif text.startswith("#"):
            item = take_directive(island, i)
        elif re.match(r"[A-Za-z_]", text) and not LABEL.match(text):
            item = take_code(island, i)
        else:
            item = Item("inside", island[i:i + 1])
        i += len(item.lines)
        item.close, close = close, True
        if item is comment:
            continue
        if comment:
            if item.kind == "inside":
                yield comment
            else:
                item.comment, item.close = comment.lines, comment.close
            comment = None
        yield item
    if comment:
        yield comment


class Extract:
    """What is taken of all files, and what is not."""

    def __init__(self):
        self.taken = {"h": [], "c": []}
        self.functions = {}
        self.nr_inside = 0
        self.where = []
        self.left_out = []

    def leave(self, item, path):
        if item.nr_brought and any(text.strip("{} \t;") for text, b in item.lines if b):
            self.nr_inside += item.nr_brought
            if path not in self.where:
                self.where.append(path)

    def island(self, path, lines, removed):
        """Take what is whole."""
        out = self.taken["h" if path.endswith(".h") else "c"]
        # Of the conditions that enclose the next item: (brought by the series, in its #else).
        within = []
        for item in items(lines):
            word = re.match(r"#\s*(\w+)", item.lines[0][0])
            word = word[1] if word and item.kind == "directive" else ""
            if word in ("if", "ifdef", "ifndef"):
                within.append([item.brought, False])
            elif word in ("else", "elif"):
                if not within:
                    within.append([False, False])
                within[-1][1] = True
            brought_condition = bool(within and within[-1][0])
            if word == "endif" and within:
                within.pop()
            if word in ("if", "ifdef", "ifndef", "else", "elif", "endif"):
                if item.brought and brought_condition:
                    out.append(item)
                continue

            if item.kind == "inside" or not item.complete or not item.brought:
                self.leave(item, path)
            elif any(not brought and in_else for brought, in_else in within):
                self.left_out.append("what a kernel without TDX has in its place")
            elif word == "include" and '"' in item.text:
                self.left_out.append(item.text)
            else:
                self.take(item, path, out, removed)

    def take(self, item, path, out, removed):
        function = item.function()
        if function and item.nr_brought < len(item.lines) and \
           any(re.search(rf"\b{function[0]}\(", text) for text in removed):
            # One of the kernel's with another head.
            self.leave(item, path)
            return
        if function:
            # In a header it is there for all.
            self.functions[function[0]] = function[1] and not path.endswith(".h")
        out.append(item)


def extract(patches):
    """Rebuild the files and take what the patches bring."""
    files, result = {}, Extract()
    for patch in patches:
        for path, found in hunks(patch):
            if path.startswith(WHERE) and path.endswith((".c", ".h")):
                files.setdefault(path, File()).apply(patch, path, found)
            else:
                result.left_out.append(path)

    # Headers for all before those of a directory.
    for path in sorted(files, key=lambda p: ("/include/" not in f"/{p}", p)):
        for island in files[path].islands():
            result.island(path, island, files[path].removed)
    return result


def defines(result, pattern):
    return any(item.complete and re.search(pattern, item.text) for item in result.taken["h"] + result.taken["c"])


def check(result):
    """Is that a design?"""
    if not defines(result, rf"(?m)^struct {STRUCT}\s*\{{"):
        raise Refused(f"patches {NUMBERS[0]:02} to {NUMBERS[-1]:02} do not show struct {STRUCT} as a whole: "
                      f"get the mbox again; {HOW}")
    missing = [name for name in NEEDED if name not in result.functions]
    if missing:
        raise Refused(f"patches {NUMBERS[0]:02} to {NUMBERS[-1]:02} do not define {', '.join(missing)}, which the "
                      "callers need: if the series has other names, benchmarks/designs/v2_posted is to be adapted")


#
# Out
#

def source(patches, parts, guard=None):
    head = ["/* SPDX-License-Identifier: GPL-2.0 */", "/*", " * Extracted by make compare, not part of the project:"]
    head += [f" * {p.name}: {p.subject}".replace("*/", "* /") for p in patches] + [" */"]
    if guard:
        head += [f"#ifndef {guard}", f"#define {guard}"]
    text = "".join(("\n" if item.close else "\n\n") + item.text for item in parts)
    return "\n".join(head) + text + "\n" + (f"\n#endif /* {guard} */\n" if guard else "")


def names(functions):
    lines = ["/* SPDX-License-Identifier: GPL-2.0 */", "/* Written by make compare: how the callers come by these. */"]
    for name in NEEDED + OPTIONAL:
        if functions.get(name):
            lines.append(f"#define POSTED_STATIC_{name}")
        elif name not in functions:
            lines.append(f"#define POSTED_LACKS_{name}")
    return "\n".join(lines) + "\n"


def write(out, files):
    """Only what has changed, so that only that is built again."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = out / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("mbox")
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()

    try:
        data = read_file(args.mbox)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        patches = pick(args.mbox, data, args.out.parent)
        result = extract(patches)
        check(result)
    except Refused as e:
        sys.exit(f"error: {e}")

    write(args.out, {"page_array.h": source(patches, result.taken["h"], "_POSTED_PAGE_ARRAY_H"),
                     "page_array.c": source(patches, result.taken["c"]),
                     "names.h": names(result.functions)})
    for patch in patches:
        print(f"{patch.name}: {patch.subject} {patch.message_id}")
    print(f"taken: {len(result.functions)} functions; see page_array.[ch] in {args.out}")
    if result.nr_inside:
        print(f"left out: {result.nr_inside} lines within what the kernel had before ({', '.join(result.where)})")
    for what in sorted(set(result.left_out)):
        print(f"left out: {what}")
    own = [name for name in OPTIONAL if name not in result.functions]
    print(f"the project's own: wrappers and callers{''.join(f', {name}' for name in own)}")


if __name__ == "__main__":
    main()
