# SPDX-License-Identifier: GPL-2.0
"""kernels.py TOP KERNEL LOG: add the result of a kernel of kernels.list to those below build/.

Status 1 unless the log ends with a passed test and no failed one.
"""
import json
import re
import sys
from pathlib import Path

from tdxpa import runs
from tdxpa.common import render

NAME = "kernels.json"
LIST = Path(__file__).parents[1] / "tests/kernels.list"
KINDS = "PASSED", "FAILED", "SKIPPED"


def read(log: str) -> dict:
    """Linux, the last line, and the numbers of KINDS in each suite"""
    suites: dict[str, list[int]] = {}
    for suite, test in re.findall(rf"(?m)^\[[\d:]+\] (?:=+ (tdx_\w+) \(\d+ subtests?\) =+|\[({'|'.join(KINDS)})\] .*)$", log):
        if suite:
            counts = suites.setdefault(suite, [0] * len(KINDS))
        else:
            counts[KINDS.index(test)] += 1
    linux = re.findall(r" (?:on|in) Linux (\S+) ", log)[-1:] or ["-"]
    return {"linux": linux[0], "result": log.rstrip().rpartition("\n")[2], "suites": suites}


def page(top: Path) -> str:
    """The table: a column for each suite, and a line for each kernel of the list that was run"""
    records = {r["kernel"]: r for r in runs.load(top, NAME)["kernels"]}
    suites = list(dict.fromkeys(s for r in records.values() for s in r["suites"]))
    listed = re.findall(r"(?m)^([\w.-]+)\t.*\t(.*)$", LIST.read_text(encoding="utf-8"))
    return render("kernels.rst", suites=suites, untried=[name for name, _ in listed if name not in records], lines=[
        [name, r["linux"], text, r["result"], r["commit"],
         *("/".join(map(str, r["suites"].get(s, "-"))) for s in suites)] for name, text in listed if (r := records.get(name))])


def main(place: str, kernel: str, log: str) -> int:
    top = Path(place)
    about = runs.about(top, "make torture WHAT=kernels", "-", "-")
    new = {"kernel": kernel, "commit": about["commit"],
           **read(Path(log).read_text(encoding="utf-8", errors="replace"))}
    found = [p for p in (top / runs.folder(about) / NAME, top / runs.KEPT / NAME) if p.exists()]
    records = json.loads(found[0].read_text(encoding="utf-8"))["kernels"] if found else []
    runs.write(top, NAME, about, {"kernels": [*{r["kernel"]: r for r in [*records, new]}.values()]})
    print(f"{kernel}: Linux {new['linux']}: {new['result']}")
    return 0 if re.match(r"[1-9]\d* passed, 0 failed", new["result"]) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
