# SPDX-License-Identifier: GPL-2.0
"""evidence.py --top DIR: check the pages against the tree and the kept runs.

Prints a line for each error.  QUESTIONS lists pages with numbered answers, and how many items support each:
a test ``suite.case``, code ``path:name``, or ``make ...``: FIGURE, DESIGN / DESIGN = VALUE

Other sentences of pages and of changelogs have no measured figure, unless `make results` writes it.
"""
import functools
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tdxpa import faults, frag
from tdxpa.common import git
from tdxpa.csource import without_comments
from tdxpa.runs import KEPT, Run, load, number

MAX_WORDS, MAX_SHORT = 60, 10
TABLE = "Documentation/review-answers.rst"
# Page: first and last question, least and largest number of items
QUESTIONS = {TABLE: (1, 22, 2, 2), "Documentation/objections.rst": (23, 41, 1, 2)}
PAGES = re.compile(r"Documentation/[^/]+\.rst|README\.md|RESULTS\.md|benchmarks/series/.+\.txt")
FIGURE = re.compile(r"\* ``(make [^`]+)``: (.+), ((?:[\w-]+ / )*[\w-]+) = (.+)")
# Generated excerpts, evidence, templates, what a patch adds, and samples of output
CHECKED = r"<!-- (\w+): begin.+?\1: end -->|^\* ``make .+(?:\n  .+)*|\{%.+?%\}|\{\{.+?\}\}|^--\n.*|^ {4}[^\n]*"
MEASURED_FIGURE = re.compile(r"(?<!\w)\d[\d.,]*(?:%|\s+(?:[mnu]s|times|instructions|(?:net\s+)?lines|bytes|rows|regions)\b)")
RUNS = re.compile(rf"{KEPT}/(?!host-)[\w-]+\.json")
# The measured code, and by WHAT the code that measures it.  Only V2_MBOX builds v2_posted.
MEASURED = r"(arch/x86/(?:virt/vmx/tdx|include/asm)|benchmarks/designs/(?!v2_posted)\w+)/[^/]+\.[ch]|.*/designs?\.[ch]"
MEASURES = {"fragmentation": r"tdx_frag|model\w*", "profile": r"tdx_profile|model\w*", "size": "-", "kernels": "-",
            "faults": r"tdx_faults|model\w*|page_checker", "cycles": "tdx_cycles", "load": r"tdx_load|model\w*|page_checker"}
# Changed lines that are not code, for git: ^ also matches after the line.
COMMENT = r"\`\s*($|/\*.*\*/$|/\*\*?$|\*(\s|$|/$)|//|#include )"
KERNEL = {"kunit.py", "tdx_reclaim_control_page", "tdh_mem_page_add"}


def plain(command: str) -> str:
    """A command without defaults, as pages name it"""
    return re.sub(" (?:ENGINE=uml|WHAT=time|KERNEL=zeroing)|(?<=^make bench) ENGINE=qemu", "", command)


@functools.cache
def figures(top: Path) -> tuple[dict[str, Run], dict[str, dict[str, str]]]:
    """By command: the runs with samples, and other figures by name and design"""
    kept = {path: json.loads(path.read_text(encoding="utf-8"))["run"] for path in (top / KEPT).glob("[!h]*.json")}
    matrix, memory, sizes = (load(top, name) for name in ("faults-uml.json", "frag-uml.json", "size.json"))
    rows, designs = matrix["rows"], faults.designs_of(matrix["rows"])
    return {plain(run["command"]): Run(path) for path, run in kept.items() if "icount" in run}, {
        "make torture WHAT=faults": {
            f"{title}, {design}": cell for title, *cells in faults.counts(rows, designs) + faults.summary_lines(matrix, designs)
            for design, cell in zip(designs, cells)},
        "make bench WHAT=fragmentation": {f"{r['state']}, {r['design']}": frag.cell(r) for r in memory["rows"]} | {
            f"states with memory, {design}": found[0] for design, found in frag.summary(memory).items()},
        "make bench WHAT=size": {f"{what}, {name}": f"{design[what]:,}" for name, design in sizes["designs"].items()
                                 for what in ("lines", "bytes")} | {
            f"callers' {what}, {row['flow']}, {row['design']}": str(row[what])
            for row in sizes["callers"] for what in ("lines", "branches")},
    }


def value(top: Path, command: str, name: str, designs: list[str]) -> str | None:
    """A figure of the kept run for each design"""
    runs, others = figures(top)
    values = [others.get(command, {}).get(f"{name}, {design}") for design in designs]
    if command in runs and (sample := re.fullmatch(r"([\w-]+), ([\d,]+) pages?, (us|instructions)", name)):
        samples, op, pages = runs[command].samples, sample[1], int(sample[2].replace(",", ""))
        unit, each = ("instructions", 1) if samples.icount else ("us", 1000)
        values = [number(m / each) if sample[3] == unit and (m := samples.median(op, pages, d)) else None for d in designs]
    return None if None in values else " / ".join(str(v) for v in values)


class Tree:
    """Names that exist"""

    def __init__(self, top: Path) -> None:
        self.top, self.history = top, "\n" + git(top, "log", "--format=%H")
        listed = git(top, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        self.files = [f for f in listed if (top / f).is_file()]
        self.file_names = {Path(f).name for f in self.files}
        rows = self.text("benchmarks/targets.list").splitlines()
        self.targets = [[*row.split("\t"), ""] for row in rows if row[0] != "#"]
        code = [f for f in self.files if re.fullmatch(r"(?:arch|benchmarks)/.*\.(?:[ch]|py|sh)", f)]
        tags = subprocess.run(["ctags", "-f", "-", "--output-format=json", "--languages=C,Python,Sh", "-L", "-",
                               "--langmap=C:.c.h", "-I", "__counted_by+,__printf+,__ro_after_init"],
                              cwd=top, input="\n".join(code), capture_output=True, text=True, check=True).stdout
        self.defined: dict[str, set[str]] = {f: set() for f in code}
        for tag in map(json.loads, tags.splitlines()):
            self.defined[tag["path"]].add(tag["name"])
        self.tests = {f"{suite}.{case}" for f in code if f.endswith(".c") for text in [without_comments(self.text(f))]
                      for suite in re.findall(r'\.name = "(tdx_\w+)"', text)[:1]
                      for case in re.findall(r"\bKUNIT_CASE\w*\((\w+)", text) if case in self.defined[f]} | {
            f"tdx_unload.{case}" for case in re.findall(r"ktap \$n \$suite (unload\w+)", self.text("benchmarks/kernels/guest-init"))}

    def text(self, path: str) -> str:
        return (self.top / path).read_text(encoding="utf-8")

    def has_target(self, command: str) -> bool:
        """A make command with variables that benchmarks/targets.list has"""
        _, target, *words = command.split()
        variables = dict(word.partition("=")[::2] for word in words)
        return command == "make help" or any(row[0] == target and variables.get("WHAT", row[1]) == row[1] and
            variables.get("ENGINE", row[2].split(",")[0]) in row[2].split(",") and
            set(variables) <= {"WHAT", "ENGINE", "TDX_CACHE", *row[4].split()} for row in self.targets)

    def changed_since(self, commit: str, command: str) -> list[str]:
        """Measured and measuring files whose code differs from @commit.  Folders may have moved."""
        measures = MEASURES.get(re.findall(r"WHAT=(\w+)|$", command)[0], r"records|tdx_bench|model\w*")
        wanted = re.compile(rf"(?!.*_kunit)(?:{MEASURED}|(?:arch|benchmarks)/.*/(?:{measures})\.[ch])")
        rows = git(self.top, "diff", "--numstat", "-M", "-w", "-I", COMMENT, commit).splitlines()
        names = [re.sub(r"\{.* => (.*)\}", r"\1", row.split("\t")[2]) for row in rows if not row.startswith("0\t0\t")]
        return list(filter(wanted.fullmatch, names))


def check_questions(tree: Tree, page: str) -> Iterator[str]:
    first, last, least, most = QUESTIONS[page]
    table, *sections = re.split(r"^(\d+)\. .+\n-+\n", tree.text(page), flags=re.M)
    rows = re.findall(r"^   \* - (\d+)\n((?:     .+\n)+)", table, re.M)
    for what, found in (("sections", sections[::2]), *[("table", [n for n, _ in rows])] * (page == TABLE)):
        if found != [str(n) for n in range(first, last + 1)]:
            yield f"{page}: the {what} must have the questions {first} to {last}"
    for n, cells in rows:
        if len(cells.rpartition("     - ")[2].split()) > MAX_SHORT:
            yield f"{page}, {n}: the answer in the table has too many words, the limit is {MAX_SHORT}"
    for n, body in zip(sections[::2], sections[1::2]):
        title = f"{page}, {n}"
        answer, *items = re.split(r"^\* ", body.partition("\n.. [")[0], flags=re.M)
        if not 1 <= len(answer.split()) <= MAX_WORDS:
            yield f"{title}: the answer has {len(answer.split())} words, the limit is {MAX_WORDS}"
        if not least <= len(items) <= most:
            yield f"{title}: {len(items)} items of evidence instead of {least} to {most}"
        for item in ("* " + " ".join(e.split()) for e in items):
            test, code = re.match(r"\* test ``([^`]+)``", item), re.match(r"\* code ``([^`:]+):([^`]+)``", item)
            figure = FIGURE.fullmatch(item)
            if test and test[1] not in tree.tests:
                yield f"{title}: the test {test[1]} does not exist"
            if code and code[2] not in tree.defined.get(code[1], ()):
                yield f"{title}: {code[1]} does not define {code[2]}"
            if figure:
                kept = value(tree.top, figure[1], figure[2], figure[3].split(" / "))
                if kept != figure[4]:
                    yield f"{title}: {figure[2]}, {figure[3]} is {kept}, not {figure[4]}: run make results"
            if not (test or code or figure):
                yield f"{title}: neither test, code nor figure: {item[:60]}"


def check_names(path: str, tree: Tree) -> Iterator[str]:
    """Names on a page that do not exist"""
    text = tree.text(path)
    literals = re.findall(r"``([^`]+)``", text) + re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
    commands = [c for c in literals + re.findall(r"^(?:\t|    +)(make \S+(?: \S+)*)", text, re.M)
                if re.match(r"make\s+[a-z]", c)]
    wrong = {" ".join(c.split()) for c in commands if not tree.has_target(c)}
    # Not placeholders and generated files
    names = [name for name in literals + re.findall(r"\]\(([^)#:]+)\)", text)
             if not re.search(r"[<>*{}$]|\.\.\.|(?:^|/)(?:build|~)|^/", name)]
    wrong |= {name for name in names if re.fullmatch(r"(?:arch|benchmarks|Documentation)/[\w./-]+", name)
              and not (tree.top / name).exists()}
    wrong |= {f"the test {name}" for name in names
              if re.fullmatch(r"tdx_\w+\.[a-z_]{3,}", name) and name not in tree.tests}
    files = re.findall(r"(?<![\w/.-])(?:Documentation/)?([\w-]+\.rst)\b", text) + re.findall(
        r"(?<!\S)[\w.-]+\.(?:bt|c|config|h|json|list|py|sh|txt)(?!\S)", "\n".join(names))
    wrong |= {f"the file {name}" for name in {*files} - tree.file_names - KERNEL}
    functions = set(re.findall(r"\b(?:tdx|tdh|hpa)_\w+(?=\()", text))
    wrong |= {f"{name}()" for name in functions - KERNEL - set().union(*tree.defined.values())}
    commits = re.findall(r"\b(?:commit|at(?=\s+\d*[a-f]))\s+([0-9a-f]{7,40})\b", text)
    # A shallow clone lacks commits.
    wrong |= {f"the commit {name}" for name in commits if f"\n{name}" not in tree.history}
    yield from (f"{path}: {name} does not exist" for name in sorted(wrong))


def check_runs(tree: Tree) -> Iterator[str]:
    """Kept runs of other code"""
    for path in filter(RUNS.fullmatch, tree.files):
        kept = json.loads(tree.text(path))
        again = f"repeat {plain(kept['run']['command'])}"
        for run in (kept["run"], *({**kept["run"], **kernel} for kernel in kept.get("kernels", ()))):
            if not re.fullmatch(r"[0-9a-f]+", run["commit"]):
                yield f"{path} was made at {run['commit']}, which is not a commit: commit, then {again}"
            elif f"\n{run['commit']}" not in tree.history:
                yield f"{path} was made at {run['commit']}, which is not in the history: git fetch --unshallow, or {again}"
            elif changed := tree.changed_since(run["commit"], run["command"]):
                yield f"{path} was made at {run['commit']}, before a change of {', '.join(changed)}: {again}"


def check_figures(path: str, tree: Tree) -> Iterator[str]:
    """Measured figures that are neither generated nor evidence, and samples of output with other numbers of cases"""
    text = tree.text(path)
    for suite, cases in re.findall(r"(\w+) \((\d+) subtests?\)", text):
        if int(cases) != sum(test.startswith(f"{suite}.") for test in tree.tests):
            yield f"{path}: {suite} does not have {cases} cases"
    for figure in MEASURED_FIGURE.findall(re.sub(CHECKED, "x", text, flags=re.M | re.S)):
        yield f"{path}: {' '.join(figure.split())}: is not checked; cite it as evidence"


def check(top: Path) -> Iterator[str]:
    tree = Tree(top)
    yield from check_runs(tree)
    for page in QUESTIONS:
        yield from check_questions(tree, page)
    for path in filter(PAGES.fullmatch, tree.files):
        yield from check_names(path, tree)
        # The other figures are settings, or generated.
        if not re.search(r"RESULTS|/(?:method|hosts|emulated-host)\.", path):
            yield from check_figures(path, tree)


def write(top: Path) -> None:
    """Insert the values of the kept runs into the pages."""
    for page in QUESTIONS:
        text = (top / page).read_text(encoding="utf-8")
        for item in re.findall(r"^\* ``make .+(?:\n  .+)*", text, re.M):
            for command, name, designs, old in FIGURE.findall(" ".join(item.split())):
                line = f"* ``{command}``: {name}, {designs} = {value(top, command, name, designs.split(' / ')) or old}"
                text = text.replace(item, textwrap.fill(line, 80, subsequent_indent="  ", break_on_hyphens=False))
        (top / page).write_text(text, encoding="utf-8")


def main() -> str:
    return "\n".join(check(Path(sys.argv[2])))


if __name__ == "__main__":
    sys.exit(main() or 0)
