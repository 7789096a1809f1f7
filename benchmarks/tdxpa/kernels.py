# SPDX-License-Identifier: GPL-2.0
"""kernels.py TOP [KERNEL]: run the tests on each kernel of kernels.list, and add the results to those below build/.

A kernel passes if its script does, and the log ends with a passed test and no failed one.  The last line counts kernels.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

from tdxpa import runs
from tdxpa.common import render

NAME = "kernels.json"
# Name, script, variables, boot parameters, text
LIST = [line.split("\t") for line in (Path(__file__).parents[1] / "tests/kernels.list").read_text().splitlines()
        if line[0] != "#"]


def read(log: str) -> dict:
    """Linux, the last line, why tests were skipped, and the numbers of passed, failed and skipped tests in each suite"""
    parts = re.split(r"(?m)^\[[\d:]+\] =+ (tdx_\w+) \(\d+ subtests?\) =+$", log)
    linux, result = re.findall(r" (?:on|in) Linux (\S+) ", log + " in Linux - ")[0], log.rstrip().rpartition("\n")[2]
    return {"linux": linux, "result": result, "skips": sorted(set(re.findall(r"\[SKIPPED\] \S+ \((.+)\)", log))), "suites": {
        suite: [len(re.findall(rf"(?m)^\[[\d:]+\] \[{kind}\]", tests)) for kind in ("PASSED", "FAILED", "SKIPPED")]
        for suite, tests in zip(parts[1::2], parts[2::2])}}


def page(top: Path) -> str:
    """The table: a column for each suite, and a line for each kernel of the list that was run"""
    records = {r["kernel"]: r for r in runs.load(top, NAME)["kernels"]}
    suites = list(dict.fromkeys(s for r in records.values() for s in r["suites"]))
    untried = [name for name, *_ in LIST if name not in records]
    skips = {s: [n for n, r in records.items() if s in r.get("skips", [])] for r in records.values() for s in r.get("skips", [])}
    return render("kernels.rst", suites=suites, untried=untried, skips=skips, lines=[
        [name, r["linux"], text, r["result"], r["commit"], *("/".join(map(str, r["suites"].get(s, "-"))) for s in suites)]
        for name, *_, text in LIST if (r := records.get(name))])


def main(top: Path, only: str = "") -> int:
    results = []
    for name, script, variables, boot, _ in (row for row in LIST if only in ("", row[0])):
        log = top / "build/kernels" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        print(f"  kernel {name} (log: {log})", file=sys.stderr, flush=True)
        with log.open("w", encoding="utf-8") as out:
            run = subprocess.run(["setpriv", "--pdeathsig", "KILL", "env", *variables.split(), f"BOOT={boot.strip('-')}", "bash",
                                  top / "benchmarks" / script], stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
        about = runs.about(top, "make torture WHAT=kernels", "-", "-")
        new = {"kernel": name, "commit": about["commit"], **read(log.read_text(encoding="utf-8", errors="replace"))}
        old: list = next((json.loads(p.read_text(encoding="utf-8"))["kernels"] for p in
                        (top / runs.folder(about) / NAME, top / runs.KEPT / NAME) if p.exists()), [])
        runs.write(top, NAME, about, {"kernels": [*{r["kernel"]: r for r in [*old, new]}.values()]})
        print(f"{name}: Linux {new['linux']}: {new['result']}")
        results.append(not run.returncode and bool(re.fullmatch(r"[1-9]\d* passed, 0 failed(, \d+ skipped)?", new["result"])))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
