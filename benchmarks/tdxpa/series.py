#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the design as a series of patches for the kernel tree.

Each file in series/ is one patch: an SPDX line, the subject, the message, a line "--", and then
what the patch adds, one item a line:

    FILE			a file of this repository
    FILE > PATH			the same, at another place in the kernel tree
    FILE: NAME...		parts of a file that an earlier patch adds: functions with their
				comments, or what stands between blank lines.  NAME is a word
				in their first line of code.
    FILE / REGEX		lines of a file that an earlier patch adds
    PATH ~ SED			a change to a file of the kernel; SED runs in the top directory
				of this repository
    --- a/FILE ...		a diff of such files, from here to the end

The states of the files are made backwards: each is the next one without what its patch adds.  So
after the last patch, each file is what it is in this repository.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TEXTS = TOP / "benchmarks" / "series"
MAIL_WIDTH = 72


def run(*command, **more):
    out = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if out.returncode:
        sys.exit(f"error: {' '.join(str(word) for word in command)}: {out.stderr.strip()}")
    return out.stdout


def read_text(path):
    """A text without its SPDX line."""
    return path.read_text().partition("\n")[2]


def without_lines(text, regex):
    text = "".join(line for line in text.splitlines(keepends=True) if not re.search(regex, line))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def code_of(part):
    return re.sub(r"/\*.*?\*/", "", part, flags=re.S).strip()


def parts_of(text):
    """Split a file at blank lines, but neither behind a comment nor in a function."""
    part = ""
    for block in text.split("\n\n"):
        part += "\n\n" * bool(part) + block
        in_function = re.search(r"^\{", part, re.M) and not re.search(r"^\}", part, re.M)
        if code_of(part) and not in_function:
            yield part
            part = ""
    yield part


def without_parts(text, names):
    parts = [part for part in parts_of(text) if part]
    for name in names:
        found = [p for p in parts if re.search(rf"\b{name}\b", code_of(p).partition("\n")[0])]
        if len(found) != 1:
            sys.exit(f"error: {len(found)} parts begin with {name}")
        parts.remove(found[0])
    return "\n\n".join(parts).rstrip("\n") + "\n"


def without_diff(files, diff):
    with tempfile.TemporaryDirectory() as d:
        names = re.findall(r"^--- a/(\S+)", diff, re.M)
        for name in names:
            Path(d, name).parent.mkdir(parents=True, exist_ok=True)
            Path(d, name).write_text(files[name])
        run("git", "apply", "-R", "-C1", "-", cwd=d, input=diff)
        return files | {name: Path(d, name).read_text() for name in names}


class Patch:
    def __init__(self, path):
        message, _, brings = read_text(path).partition("\n--\n")
        items, _, diff = brings.partition("\n--- a/")
        self.message = message.rstrip() + "\n"
        self.diff = diff and "--- a/" + diff
        self.files, self.parts, self.lines, self.kernel = {}, {}, [], []
        for item in items.splitlines():
            if " ~ " in item:
                self.kernel.append(item.split(" ~ ", 1))
            elif " / " in item:
                self.lines.append(item.split(" / ", 1))
            elif ": " in item:
                name, _, names = item.partition(": ")
                self.parts[name] = names.split()
            elif item:
                name, _, target = item.partition(" > ")
                self.files[name] = target or name

    def undo(self, files):
        """The files before this patch."""
        if self.diff:
            files = without_diff(files, self.diff)
        files = {name: text for name, text in files.items() if name not in self.files}
        for name, names in self.parts.items():
            files[name] = without_parts(files[name], names)
        for name, regex in self.lines:
            before = without_lines(files[name], regex)
            if before == files[name]:
                sys.exit(f"error: no line of {name} has {regex}")
            files[name] = before
        return files

    def edit_kernel(self, repo):
        for path, script in self.kernel:
            before = (repo / path).read_text()
            after = run("sed", "-E", script, input=before, cwd=TOP)
            if after == before:
                sys.exit(f"error: {path}: {script} changes nothing; the series is for Linux 7.3")
            (repo / path).write_text(after)


def make(patches, kernel, repo, git):
    """Commit the series, one commit for each patch."""
    targets = {name: target for patch in patches for name, target in patch.files.items()}
    states = [{name: (TOP / name).read_text() for name in targets}]
    for patch in reversed(patches):
        states.insert(0, patch.undo(states[0]))

    git("init", "-q", "-b", "series")
    for path in {path for patch in patches for path, _ in patch.kernel}:
        if not (kernel / path).exists():
            sys.exit(f"error: {kernel} has no {path}; the series is for Linux 7.3")
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text((kernel / path).read_text())
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("tag", "base")

    for patch, files in zip(patches, states[1:]):
        for name, text in files.items():
            path = repo / targets[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        patch.edit_kernel(repo)
        git("add", "-A")
        git("commit", "-q", "-s", "-F", "-", input=patch.message)


def added_lines(git):
    """Lines that each patch adds, as git counts them."""
    rows = []
    for n, commit in enumerate(git("rev-list", "--reverse", "base..series").split(), 1):
        row = {"patch": n, "subject": git("log", "-1", "--format=%s", commit).strip(),
               "production": 0, "tests": 0, "documentation": 0}
        for line in git("show", "--numstat", "--format=", commit).splitlines():
            added, _, path = line.split("\t")
            kind = ("documentation" if path.startswith("Documentation/") else
                    "tests" if "/tests/" in path else "production")
            row[kind] += int(added)
        rows.append(row)
    return rows


def figures(rows):
    """Texts for the placeholders of the cover letter.  A placeholder without data gets none."""
    designs = ("v2", "descriptor", "bare-list", "flat")
    kept = TOP / "benchmarks" / "results"

    def table(first, width, rows):
        return "\n".join(f"    {row[0]:{first}}" + "".join(f"{cell:>{width}}" for cell in row[1:])
                         for row in rows)

    def lines():
        return table(38, 8, [("patch", "code", "tests", "doc.")] + [
            (f"{row['patch']} {row['subject'].partition(': ')[2][:35]}",
             *(row[kind] or "-" for kind in ("production", "tests", "documentation")))
            for row in rows])

    def ratios():
        from tdxpa import results
        runs = [run.samples for k in results.kernels(TOP) for run in (k.icount, k.time)]
        cells = [("hand-over", 1), ("hand-over", 512), ("hand-over", 12800),
                 ("cycle", 32), ("cycle", 512), ("cycle", 12800),
                 ("life-control", 32), ("life-control", 512), ("life-memory", 12800)]
        return table(22, 8, [("v2 / this series", "zi", "zt", "i", "t")] + [
            (f"{op} {pages:,}", *(results.number(run.ratio(op, pages, "flat")[0]) for run in runs))
            for op, pages in cells])

    def sizes():
        sizes = json.loads((kept / "size.json").read_text())["designs"]
        return table(14, 10, [("", "lines", "bytes")] + [
            (d, sizes[d]["lines"], f"{sizes[d]['bytes']:,}") for d in designs])

    def faults():
        matrix = json.loads((kept / "faults-uml.json").read_text())["rows"]
        cells = {d: [row["cells"][d] for row in matrix if d in row["cells"] and not row["mode"]]
                 for d in designs}
        return table(14, 10, [("", "unsafe", "rows")] + [
            (d, sum(bool(cell["unsafe"]) for cell in cells[d]), len(cells[d])) for d in designs])

    texts = {}
    for make_text in (lines, ratios, sizes, faults):
        try:
            texts[make_text.__name__.upper()] = make_text()
        except (ImportError, AttributeError, OSError, LookupError, TypeError, ValueError) as e:
            print(f"  the cover letter lacks its {make_text.__name__}: {e!r}", file=sys.stderr)
    return texts


def write_cover(cover, texts):
    """Fill in the cover letter, without the figures that are missing and what introduces them."""
    subject, _, blurb = read_text(TEXTS / "cover.txt").partition("\n\n")
    for name, text in texts.items():
        blurb = blurb.replace("{" + name + "}", text)
    blurb = re.sub(r"[^\n]+(\n[^\n]+)*:\n\n\{[A-Z]+\}\n\n", "", blurb.strip())
    for line in blurb.splitlines():
        if len(line) > MAIL_WIDTH and "https://" not in line:
            sys.exit(f"error: cover.txt: over {MAIL_WIDTH} columns: {line}")
    cover.write_text(cover.read_text().replace("*** SUBJECT HERE ***", subject)
                     .replace("*** BLURB HERE ***", blurb))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kernel", type=Path, required=True)
    p.add_argument("--repository", type=Path, required=True, help="empty; to work in")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--author", nargs=2, required=True, metavar=("NAME", "EMAIL"))
    args = p.parse_args()
    name, email = args.author

    def git(*words, **more):
        return run("git", "-C", args.repository, "-c", f"user.name={name}",
                   "-c", f"user.email={email}", *words, **more)

    make([Patch(path) for path in sorted(TEXTS.glob("0*.txt"))], args.kernel,
         args.repository, git)
    rows = added_lines(git)
    (args.out / "lines.json").write_text(json.dumps(rows, indent=1) + "\n")

    # git am stops at a cover letter, so it gets a directory of its own.
    git("format-patch", "-q", "--cover-letter", "--no-signature", "--zero-commit",
        "-o", args.out, "base")
    (args.out / "cover").mkdir()
    name = "0000-cover-letter.patch"
    write_cover((args.out / name).rename(args.out / "cover" / name), figures(rows))
    for patch in sorted(args.out.rglob("*.patch")):
        print(patch)


if __name__ == "__main__":
    main()
