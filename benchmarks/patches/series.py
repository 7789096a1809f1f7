#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""series.py --kernel TREE --repository DIR --out DIR: write the design as a series of patches.

Each file in series/ is one patch: a line about the licence, its subject, a blank line, what the message
says, and behind a line "--" what it brings:

    file			a file of this repository, whole
    file: NAME NAME...		those parts of it, by what they define; the rest of
				the file comes with the patch that names it first
    file > PATH ...		the same, at another place in the tree
    file >> PATH ...		the same, behind what the kernel has there
    PATH ~ SED			a change to a file of the kernel

The parts of a file are what blank lines separate.  When the series is at its end,
each file is what it is here, to the last byte.
"""
import argparse
import re
import subprocess
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Of a mail.
WIDTH = 72

# What a part defines, by its first line that is not a comment.
DEFINES = [re.compile(p) for p in (
    r"^#define (\w+)",
    r"^(?:struct|enum) (\w+) \{",
    r"^config (\w+)",
    r"^(source) ",
    r"^obj-\$\((?:CONFIG_)?(\w+)\)",
    r"^\w+-y \+= (\w+)\.o",
    r"^[a-z][\w ]*?\*?(\w+)\(",
)]


def parts(text):
    """Split a file at blank lines, but not within a function."""
    part, inside = [], False
    for line in text.splitlines(keepends=True):
        if line == "\n" and not inside:
            if part:
                yield "".join(part)
            part = []
            continue
        part.append(line)
        inside = (inside or line.startswith("{")) and not line.startswith("}")
    if part:
        yield "".join(part)


def defined(part):
    """The name that a part defines, or None."""
    code = re.sub(r"/\*.*?\*/\n?", "", part, flags=re.S)
    for line in code.splitlines():
        for pattern in DEFINES:
            found = pattern.match(line)
            if found:
                return found[1]
    return None


class Brought:
    """A file that comes in parts."""

    def __init__(self, source, target, append):
        self.source, self.target, self.append = source, target, append
        self.parts = list(parts((TOP / source).read_text()))
        if append:
            # The fragment's own heading.
            self.parts = self.parts[1:]
        self.named = {}
        self.behind = ""

    def name(self, names, patch):
        known = [defined(p) for p in self.parts]
        for name in names:
            if known.count(name) != 1:
                sys.exit(f"error: {self.source} has {known.count(name)} parts that define {name}")
            self.named[name] = patch

    def at(self, patch, first):
        """The text after a patch."""
        return "\n".join(p for p in self.parts
                         if self.named.get(defined(p), first) <= patch)


def read_text(path):
    """A text without the line about its licence."""
    return path.read_text().partition("\n")[2]


def read_patch(path):
    message, _, brings = read_text(path).partition("\n--\n")
    if not brings:
        sys.exit(f"error: {path.name} brings nothing")
    return message.rstrip() + "\n", [line for line in brings.splitlines() if line.strip()]


def git(repo, *args, **more):
    out = subprocess.run(["git", "-C", str(repo), *args], capture_output=True, text=True, **more)
    if out.returncode:
        sys.exit(f"error: git {' '.join(args)}: {out.stderr.strip()}")
    return out.stdout


class Series:
    def __init__(self, kernel, repo, author):
        self.kernel, self.repo, self.author = kernel, repo, author
        self.brought, self.first = {}, {}
        self.patches = [read_patch(p) for p in sorted((HERE / "series").glob("*.txt"))]

    def plan(self):
        """Who brings what, and what the kernel has to have for it."""
        touched = set()
        for n, (_, brings) in enumerate(self.patches):
            for line in brings:
                if " ~ " in line:
                    touched.add(line.split(" ~ ")[0])
                    continue
                left, _, names = line.partition(":")
                source, arrow, target = re.match(r"(\S+)(?: (>>?) (\S+))?$", left).groups()
                if source not in self.brought:
                    self.brought[source] = Brought(source, target or source, arrow == ">>")
                    self.first[source] = n
                    if arrow == ">>":
                        touched.add(target)
                self.brought[source].name(names.split(), n)
        return touched

    def base(self, touched):
        git(self.repo, "init", "-q", "-b", "series")
        for path in sorted(touched):
            if not (self.kernel / path).exists():
                sys.exit(f"error: {self.kernel} has no {path}: the series is for Linux 7.3")
            (self.repo / path).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / path).write_text((self.kernel / path).read_text())
        self.commit("The kernel as it is")
        git(self.repo, "tag", "base")

    def commit(self, message):
        git(self.repo, "add", "-A")
        name, email = self.author
        git(self.repo, "-c", f"user.name={name}", "-c", f"user.email={email}",
            "commit", "-q", "-F", "-", input=message)

    def write(self, brought, n):
        path = self.repo / brought.target
        text = brought.at(n, self.first[brought.source])
        if brought.append:
            # In the place of what earlier patches have put there.
            kernel = path.read_text().removesuffix(brought.behind)
            brought.behind = "\n" + text
            text = kernel + brought.behind
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, path, script):
        before = (self.repo / path).read_text()
        out = subprocess.run(["sed", "-E", script], input=before, capture_output=True, text=True)
        if out.returncode or out.stdout == before:
            sys.exit(f"error: {path} is not that of Linux 7.3, which the series is for: nothing to change by {script} {out.stderr}")
        (self.repo / path).write_text(out.stdout)

    def make(self):
        self.base(self.plan())
        for n, (message, brings) in enumerate(self.patches):
            sources = []
            for line in brings:
                if " ~ " in line:
                    self.edit(*line.split(" ~ ", 1))
                else:
                    sources.append(re.match(r"[^\s:]+", line)[0])
            for source in dict.fromkeys(sources):
                self.write(self.brought[source], n)
            name, email = self.author
            self.commit(f"{message}\nSigned-off-by: {name} <{email}>\n")
        for b in self.brought.values():
            text = (self.repo / b.target).read_text()
            if text != (TOP / b.source).read_text() and not b.append:
                sys.exit(f"error: at the end of the series {b.target} is not {b.source}")


def wrapped(text, indent):
    """Each line for a mail reader."""
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
                     for line in text.splitlines())


def figures():
    """Figures for the cover letter, from the runs in RESULTS.md."""
    sys.path.insert(0, str(TOP / "benchmarks" / "report"))
    import callers
    import faults
    import report

    runs = {name: report.Run(TOP / "benchmarks" / "results" / f"{file}.json")
            for name, file in (("i", "qemu-icount"), ("t", "uml"))}
    rows = []
    for op, pages in (("hand-over", 1), ("hand-over", 512), ("create", 1), ("create", 32),
                      ("create", 512), ("release", 1), ("release", 512),
                      ("life-control", 1), ("life-control", 32), ("life-control", 512),
                      ("life-memory", 12800)):
        row = [op, f"{pages:,}"]
        for run in runs.values():
            for design in ("v2-blocks", "flat"):
                r = run.samples.ratio(op, pages, design)
                row.append(report.number(r[0]) if r else "-")
        rows.append(row)
    text = report.table(["v2 /", "pages"] + [f"{n}: {d}" for n in runs for d in ("blocks", "flat")],
                        rows, left=1)
    asked = callers.load(TOP)["callers"]
    counted = [[r["flow"], r["design"], str(r["lines"]), str(r["branches"]), str(len(r["places"]))]
               for flow in (callers.ALL, "extensions memory") for r in asked if r["flow"] == flow]
    matrix = faults.load(TOP, "uml")["rows"]

    def rows_of(design):
        return sum(design in r["cells"] for r in matrix)

    def unsafe(design):
        return sum(bool(r["cells"][design]["unsafe"]) for r in matrix if design in r["cells"])

    made = [f"  {r.about['command']}  ({r.about['kernel']}, {r.about['commit']})"
            for r in runs.values()]
    sizes, events = callers.text_of(callers.load(TOP))
    return {"TABLE": text,
            "LOSSES": wrapped(report.losses_in_short(runs["t"], runs["i"], sizes).replace("**", ""), 2),
            "CALLERS": report.table(["flow", "design", "lines", "branches", "may go wrong"], counted, left=2),
            "FAULTS": wrapped("In the fault matrix, leaves that take or return pages fail, or the callers or memory "
                              "do, on each design, before a judge at the page allocator.  Of its "
                              f"{rows_of('v2')} rows, v2 is unsafe in {unsafe('v2')}, descriptor in "
                              f"{unsafe('descriptor')}, this series in {unsafe('flat')}; of the "
                              f"{rows_of('bare-list')} that bare-list has, it is in {unsafe('bare-list')}.", 0),
            "TEXT": f"{sizes[callers.DESIGN]:,} bytes to {sizes[callers.BASE]:,}, with wrappers;\n  {events:,} more are trace events.",
            "COMMANDS": "\n".join([*made, "  make callers; make faults"])}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kernel", type=Path, required=True)
    p.add_argument("--repository", type=Path, required=True, help="empty; to work in")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--author", nargs=2, required=True, metavar=("NAME", "EMAIL"))
    args = p.parse_args()

    series = Series(args.kernel, args.repository, args.author)
    series.make()

    git(args.repository, "-c", f"user.name={args.author[0]}", "-c", f"user.email={args.author[1]}",
        "format-patch", "-q", "--cover-letter", "--no-signature", "--zero-commit",
        "-o", str(args.out), "base")
    cover = args.out / "0000-cover-letter.patch"
    subject, _, blurb = read_text(HERE / "cover.txt").partition("\n\n")
    for name, text in figures().items():
        blurb = blurb.replace("{" + name + "}", text)
    # A link cannot be broken.
    for line in blurb.splitlines():
        if len(line) > WIDTH and "https://" not in line:
            sys.exit(f"error: a line of the cover letter does not fit {WIDTH} columns: {line}")
    text = cover.read_text().replace("*** SUBJECT HERE ***", subject)
    # Not among the patches: git am would stop at it.
    (args.out / "cover").mkdir()
    (args.out / "cover" / cover.name).write_text(text.replace("*** BLURB HERE ***",
                                                              blurb.rstrip()))
    cover.unlink()
    for patch in sorted(args.out.rglob("*.patch")):
        print(patch)


if __name__ == "__main__":
    main()
