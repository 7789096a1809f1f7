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
from collections.abc import Callable, Iterator
from pathlib import Path

from tdxpa import faults, results, runs, size

TOP = Path(__file__).resolve().parents[2]
TEXTS = TOP / "benchmarks" / "series"
MAIL_WIDTH = 72


def run(*command: str | Path, cwd: str | Path | None = None, text_in: str | None = None) -> str:
    out = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd, input=text_in)
    if out.returncode:
        sys.exit(f"error: {' '.join(str(word) for word in command)}: {out.stderr.strip()}")
    return out.stdout


def read_text(path: Path) -> str:
    """A text without its SPDX line."""
    return path.read_text().partition("\n")[2]


def without_lines(text: str, regex: str) -> str:
    text = "".join(line for line in text.splitlines(keepends=True) if not re.search(regex, line))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def code_of(part: str) -> str:
    return re.sub(r"/\*.*?\*/", "", part, flags=re.S).strip()


def parts_of(text: str) -> Iterator[str]:
    """Split a file at blank lines, but neither behind a comment nor in a function."""
    part = ""
    for block in text.split("\n\n"):
        part += "\n\n" * bool(part) + block
        in_function = re.search(r"^\{", part, re.M) and not re.search(r"^\}", part, re.M)
        if code_of(part) and not in_function:
            yield part
            part = ""
    yield part


def without_parts(text: str, names: list[str]) -> str:
    parts = [part for part in parts_of(text) if part]
    for name in names:
        found = [p for p in parts if re.search(rf"\b{name}\b", code_of(p).partition("\n")[0])]
        if len(found) != 1:
            sys.exit(f"error: {len(found)} parts begin with {name}")
        parts.remove(found[0])
    return "\n\n".join(parts).rstrip("\n") + "\n"


def without_diff(files: dict[str, str], diff: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as d:
        names = re.findall(r"^--- a/(\S+)", diff, re.M)
        for name in names:
            Path(d, name).parent.mkdir(parents=True, exist_ok=True)
            Path(d, name).write_text(files[name])
        run("git", "apply", "-R", "-C1", "-", cwd=d, text_in=diff)
        return files | {name: Path(d, name).read_text() for name in names}


class Patch:
    def __init__(self, path: Path) -> None:
        message, _, brings = read_text(path).partition("\n--\n")
        items, _, diff = brings.partition("\n--- a/")
        self.message = message.rstrip() + "\n"
        self.diff = diff and "--- a/" + diff
        self.files: dict[str, str] = {}
        self.parts: dict[str, list[str]] = {}
        self.lines: list[list[str]] = []
        self.kernel: list[list[str]] = []
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

    def undo(self, files: dict[str, str]) -> dict[str, str]:
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

    def edit_kernel(self, repo: Path) -> None:
        for path, script in self.kernel:
            before = (repo / path).read_text()
            after = run("sed", "-E", script, text_in=before, cwd=TOP)
            if after == before:
                sys.exit(f"error: {path}: {script} changes nothing; the series is for Linux 7.3")
            (repo / path).write_text(after)


def make(patches: list[Patch], kernel: Path, repo: Path, git: Callable[..., str]) -> None:
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
            place = repo / targets[name]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        patch.edit_kernel(repo)
        git("add", "-A")
        git("commit", "-q", "-s", "-F", "-", text_in=patch.message)


def added_lines(git: Callable[..., str]) -> list[dict]:
    """Lines that each patch adds, as git counts them."""
    rows = []
    for n, commit in enumerate(git("rev-list", "--reverse", "base..series").split(), 1):
        row: dict = {"patch": n, "subject": git("log", "-1", "--format=%s", commit).strip(),
               "production": 0, "tests": 0, "documentation": 0}
        for line in git("show", "--numstat", "--format=", commit).splitlines():
            added, _, path = line.split("\t")
            kind = ("documentation" if path.startswith("Documentation/") else
                    "tests" if "/tests/" in path else "production")
            row[kind] += int(added)
        rows.append(row)
    return rows


def figures(rows: list[dict]) -> dict[str, str]:
    """Texts for the placeholders of the cover letter"""
    def table(first: int, width: int, lines: list[tuple]) -> str:
        return "\n".join(f"    {line[0]:{first}}" + "".join(f"{cell:>{width}}" for cell in line[1:]) for line in lines)

    designs = (*results.RIVALS, results.DESIGN)
    sizes = runs.load(TOP, size.NAME)["designs"]
    matrix = runs.load(TOP, "faults-uml.json")["rows"]
    samples = [run.samples for k in results.kernels(TOP) for run in (k.icount, k.time)]
    cells = [("hand-over", 1), ("hand-over", 512), ("hand-over", 12800), ("cycle", 32), ("cycle", 512), ("cycle", 12800),
             ("life-control", 32), ("life-control", 512), ("life-memory", 12800)]
    lost = {d: [faults.loss(r["cells"][d]) for r in matrix if d in r["cells"]] for d in designs}
    return {
        "LINES": table(38, 8, [("patch", "code", "tests", "doc.")] + [
            (f"{row['patch']} {row['subject'].partition(': ')[2][:35]}",
             *(row[kind] or "-" for kind in ("production", "tests", "documentation"))) for row in rows]),
        "RATIOS": table(22, 8, [("v2 / this series", "zi", "zt", "i", "t")] + [
            (f"{op} {pages:,}", *(runs.number((s.ratio(op, pages, "flat") or (None,))[0]) for s in samples)) for op, pages in cells]),
        "SIZES": table(14, 10, [("", "lines", "bytes")] + [(d, sizes[d]["lines"], f"{sizes[d]['bytes']:,}") for d in designs]),
        "FAULTS": table(14, 10, [("", "unsafe", "rows")] + [(d, lost[d].count("unsafe"), len(lost[d])) for d in designs]),
    }


def write_cover(cover: Path, texts: dict[str, str]) -> None:
    subject, _, blurb = read_text(TEXTS / "cover.txt").partition("\n\n")
    for name, text in texts.items():
        blurb = blurb.replace("{" + name + "}", text)
    blurb = blurb.strip()
    for line in blurb.splitlines():
        if len(line) > MAIL_WIDTH and "https://" not in line:
            sys.exit(f"error: cover.txt: over {MAIL_WIDTH} columns: {line}")
    cover.write_text(cover.read_text().replace("*** SUBJECT HERE ***", subject)
                     .replace("*** BLURB HERE ***", blurb))


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    p.add_argument("--kernel", type=Path, required=True)
    p.add_argument("--repository", type=Path, required=True, help="empty; to work in")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--author", nargs=2, required=True, metavar=("NAME", "EMAIL"))
    args = p.parse_args()
    name, email = args.author

    def git(*words: str | Path, text_in: str | None = None) -> str:
        return run("git", "-C", args.repository, "-c", f"user.name={name}", "-c", f"user.email={email}", *words,
                   text_in=text_in)

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
