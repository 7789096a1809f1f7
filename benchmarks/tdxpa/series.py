# SPDX-License-Identifier: GPL-2.0
"""series.py KERNEL REPOSITORY OUT: write the design as a series of patches for the kernel tree.

benchmarks/series/format.txt explains its files.
"""
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tdxpa import results
from tdxpa.common import render, replace
from tdxpa.csource import without_comments

TOP = Path(__file__).resolve().parents[2]
TEXTS = TOP / "benchmarks" / "series"
MAX_LINES = 70
# Words in names and addresses that are not a person's
NO_PERSON = r"(?i)\b(?:no-?reply|bot|team|maintainers|local(?:host|domain)|example|invalid)\b"
Git = Callable[..., str]


def run(*command: str | Path, cwd: str | Path, text: str | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, input=text)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def parts_of(text: str) -> Iterator[str]:
    """Split a file at blank lines, except after a comment and in a function."""
    part = ""
    for block in text.split("\n\n"):
        part += "\n\n" * bool(part) + block
        in_function = re.search(r"^\{", part, re.M) and not re.search(r"^\}", part, re.M)
        if without_comments(part).strip() and not in_function:
            yield part
            part = ""
    yield part


def without_parts(name: str, text: str, words: list[str]) -> str:
    parts = [part for part in parts_of(text) if part]
    for word in words:
        found = [p for p in parts if re.search(rf"\b{word}\b", without_comments(p).strip().partition("\n")[0])]
        if len(found) != 1:
            sys.exit(f"error: {len(found)} parts of {name} begin with {word}")
        parts.remove(found[0])
    return "\n\n".join(parts).rstrip("\n") + "\n"


class Patch:
    def __init__(self, path: Path) -> None:
        self.message, _, content = path.read_text().partition("\n")[2].partition("\n--\n")
        content, mark, diff = content.partition("--- a/")
        self.diff = mark + diff
        # [(file, kind, argument)]
        self.items = re.findall(r"^([^\s:]+)(?:( [>/~] |: )(.*))?$", content, re.M)
        self.files = {name: target or name for name, kind, target in self.items if kind in ("", " > ")}
        self.edits = [(name, script) for name, kind, script in self.items if kind == " ~ "]

    def undo(self, files: dict[str, str]) -> dict[str, str]:
        """The files before this patch"""
        files = {name: text for name, text in files.items() if name not in self.files}
        if self.diff:
            with tempfile.TemporaryDirectory() as d:
                replace({Path(d, name): text for name, text in files.items()})
                run("git", "apply", "-R", "-C1", "-", cwd=d, text=self.diff)
                files = {name: Path(d, name).read_text() for name in files}
        for name, kind, argument in self.items:
            if kind == ": ":
                files[name] = without_parts(name, files[name], argument.split())
            elif kind == " / ":
                text, n = re.subn(rf"^.*(?:{argument}).*\n", "", files[name], flags=re.M)
                if not n:
                    sys.exit(f"error: no line of {name} has {argument}")
                files[name] = re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"
        return files


def make(patches: list[Patch], kernel: Path, repo: Path, git: Git) -> None:
    """Commit the series, one commit for each patch."""
    targets = {name: target for patch in patches for name, target in patch.files.items()}
    states = [{name: (TOP / name).read_text() for name in targets}]
    for patch in reversed(patches):
        states.insert(0, patch.undo(states[0]))

    git("init", "-q", "-b", "series")
    for path in {path for patch in patches for path, _ in patch.edits}:
        if not (kernel / path).exists():
            sys.exit(f"error: {kernel} has no {path}; the series is for Linux 7.3")
        replace({repo / path: (kernel / path).read_text()})
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("tag", "base")

    for patch, files in zip(patches, states[1:]):
        replace({repo / targets[name]: text for name, text in files.items()})
        for path, script in patch.edits:
            before = (repo / path).read_text()
            after = run("sed", "-E", script, text=before, cwd=TOP)
            if after == before:
                sys.exit(f"error: {path}: {script} changes nothing; the series is for Linux 7.3")
            replace({repo / path: after})
        git("add", "-A")
        git("commit", "-q", "-s", "-F", "-", text=patch.message)


def added_lines(git: Git) -> list[dict]:
    """Lines that each patch adds, as git counts them"""
    rows: list[dict] = []
    for line in git("log", "--reverse", "--format=/%s", "--numstat", "base..series").splitlines():
        if line.startswith("/"):
            rows.append({"patch": len(rows) + 1, "subject": line[1:], "production": 0, "tests": 0, "documentation": 0})
        elif line:
            added, _, path = line.split("\t")
            kind = "documentation" if path.startswith("Documentation/") else "tests" if "/tests/" in path else "production"
            rows[-1][kind] += int(added)
    return rows


def letter(rows: list[dict], kernel: str) -> str:
    """The cover letter, with figures of the kept runs"""
    ks = results.kept_runs(TOP)
    text = render("cover.txt", patches=rows, kernel=kernel, shown=results.SHOWN, summary=results.summary(TOP, ks),
                  **results.figures(TOP, ks)).strip()
    if wide := re.search(r"^(?!.*https://).{73,}", text, re.M):
        sys.exit(f"error: cover.txt: over 72 columns: {wide[0]}")
    if text.count("\n") >= MAX_LINES:
        sys.exit(f"error: cover.txt: over {MAX_LINES} lines; shorten it")
    return text


def identity(name: str, email: str) -> str:
    """A warning if the author is not a person.  Linux takes patches from people who sign off with their name."""
    known = len(name.split()) > 1 and not re.search(r"\d", name) and not re.search(NO_PERSON, f"{name} {email}")
    return "" if known else f"warning: author {name} <{email}>: is not a person; set git config user.name and user.email\n"


def main() -> None:
    kernel, repo, out = map(Path, sys.argv[1:])
    for folder in (repo, out / "cover"):
        folder.mkdir(parents=True)
    git = functools.partial(run, "git", cwd=repo)
    make([Patch(path) for path in sorted(TEXTS.glob("0*.txt"))], kernel, repo, git)
    rows = added_lines(git)
    # git makes the letter from the description of the branch.
    version = run("make", "-s", "-C", kernel, "kernelversion", cwd=TOP).strip()
    git("config", "branch.series.description", letter(rows, version))
    git("format-patch", "-q", "--rfc", "--cover-letter", "--cover-from-description=subject", "--no-signature",
        "--zero-commit", "-o", out, "base")
    # git am stops at a cover letter, so it gets a directory of its own.
    (out / "0000-cover-letter.patch").rename(out / "cover/0000-cover-letter.patch")
    print("\n".join(map(str, sorted(out.rglob("*.patch")))))
    sys.stderr.write(identity(os.environ["GIT_AUTHOR_NAME"], os.environ["GIT_AUTHOR_EMAIL"]))
