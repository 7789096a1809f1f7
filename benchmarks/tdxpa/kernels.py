# SPDX-License-Identifier: GPL-2.0
"""kernels.py TOP KERNEL LOG: add the result of a kernel of kernels.list to those below build/.

Status 1 unless the last line of the log counts a passed test and no failed one.
"""
import json
import re
import sys
from pathlib import Path

from tdxpa import runs

NAME = "kernels.json"
KINDS = "PASSED", "FAILED", "SKIPPED"


def read(log: str) -> dict:
    """What a log says: Linux, its last line, and the numbers of KINDS in each suite"""
    found = re.findall(r" (?:on|in) Linux (\S+) ", log)
    suites: dict[str, list[int]] = {}
    for line in re.sub(r"(?m)^\[[\d:]+\] ", "", log).splitlines():
        if header := re.fullmatch(r"=+ (tdx_\w+) \(\d+ subtests?\) =+", line):
            counts = suites.setdefault(header[1], [0] * len(KINDS))
        elif test := re.match(rf"\[({'|'.join(KINDS)})\] ", line):
            counts[KINDS.index(test[1])] += 1
    return {"linux": found[-1] if found else "-", "last": log.rstrip().rpartition("\n")[2], "suites": suites}


def passed(record: dict) -> bool:
    return bool(re.match(r"[1-9]\d* passed, 0 failed", record["last"]))


def listed(top: Path) -> dict[str, list[str]]:
    """The rows of kernels.list by name"""
    lines = (top / "benchmarks/tests/kernels.list").read_text(encoding="utf-8").splitlines()
    return {line.split("\t")[0]: line.split("\t")[1:] for line in lines if "\t" in line}


def cells(records: list[dict]) -> tuple[list[str], list[list[str]]]:
    """A column for each suite, and a line for each kernel"""
    suites = list(dict.fromkeys(s for r in records for s in r["suites"]))
    return [s.removeprefix("tdx_") for s in suites], [
        [r["kernel"], r["linux"], r["about"], "passed" if passed(r) else "failed",
         *("/".join(map(str, r["suites"][s])) if s in r["suites"] else "-" for s in suites)] for r in records]


def main(top: Path, kernel: str, log: Path) -> int:
    script, engine, config, source, boot, text = listed(top)[kernel]
    about = runs.about(top, "make torture WHAT=kernels", "-", engine)
    record = {"kernel": kernel, "commit": about["commit"], "about": text + ("" if boot == "-" else f" ({boot})"),
              **read(log.read_text(encoding="utf-8", errors="replace"))}
    kept = next((p for p in (top / runs.folder(about) / NAME, top / runs.KEPT / NAME) if p.exists()), None)
    others = json.loads(kept.read_text(encoding="utf-8"))["kernels"] if kept else []
    known = {r["kernel"]: r for r in [*others, record]}
    runs.write(top, NAME, about, {"kernels": [known[name] for name in listed(top) if name in known]})
    print(f"{kernel}: Linux {record['linux']}: {record['last']}")
    return 0 if passed(record) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
