# SPDX-License-Identifier: GPL-2.0
"""cycles.py LOGS DESIGN...: random cycles of designs on an emulated TDX host.

LOGS has %s for the design, with -mce if mistakes cause machine checks.  If a rival crashes the kernel, its row has what
it printed before.  Flat fails after a mistake, or if nothing was injected or verified.  The last line counts designs.
"""
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tdxpa import log, runs
from tdxpa.common import read_records, table
from tdxpa.runs import DESIGN

PREFIX = "tdx_cycles: "
# Titles of the numbers and of first mistakes, and what flat must not do
_, NUMBERS, FIRSTS, MISTAKES = json.loads(Path(__file__).with_suffix(".json").read_text()).values()
KEPT_STEPS = 10000  # Shorter runs are not kept.
STOPPED = re.compile(r"Kernel panic|Oops|BUG[: ]|guest: cannot")


def read(path: str, design: str) -> dict:
    """The result of one design: the last report, and why the kernel stopped"""
    row: dict = {"design": design, **dict.fromkeys(NUMBERS, 0), "lost": {}, "first": {}, "freed": [], "stopped": "no end"}
    for r in read_records(path, PREFIX):
        kind = r.pop("kind")
        if kind == "freed":
            row["freed"].append(r)
        elif kind == "lost":
            row["lost"][r["hazard"]] = f"{r['hazard']}: {r['pages']:,} from {r['cycle']:,}"
        elif kind in FIRSTS:
            row["first"][kind] = r
        else:
            row |= r
        if kind == "end":
            row["stopped"] = ""  # The kernel's log follows, with the same records.
            break
    if row["stopped"]:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        row["stopped"] = next((re.sub(r"^\[[ \d.]+\] ", "", x) for x in lines if STOPPED.search(x)), "no end in time")
    return row


def hazards(row: dict) -> str:
    """The first cycle with each hazard"""
    found = sorted((cycle, what) for what, cycle in {f["hazard"]: f["cycle"] for f in row["freed"][::-1]}.items())
    return "; ".join(f"{what} in {cycle:,}" for cycle, what in found) or "-"


def first(row: dict, *kinds: str) -> str:
    """The first cycle with one of these mistakes, and what has freed the page"""
    found = [f for kind, f in row["first"].items() if kind in kinds]
    return f"{found[0]['cycle']:,} ({found[0]['hazard']})" if found else "-"


def machine_check(row: dict) -> str:
    """The cycle in which a machine check stopped the kernel, and what has freed the page"""
    if "machine check" in (stopped := row["mce"]["stopped"]):
        return first(row["mce"], "store", "partial")
    return f"crash in {row['mce']['cycle']:,}" if stopped else "none"


def wrong(row: dict) -> list[str]:
    """Why a row is not a result, or not what flat promises"""
    needs = {"no cycle ran": row["cycle"] or row["freed"], "nothing was injected": row["faults"] or row["stopped"],
             "the load verified nothing": row["verified"] or row["stopped"],
             "no cycle ran with machine checks": row["mce"]["cycle"] or row["mce"]["first"]}
    if row["design"] == DESIGN:
        needs |= {f"{NUMBERS[k]}: {row[k]:,}": not row[k] for k in MISTAKES}
        needs |= {f"the kernel stopped: {row['stopped']}": not row["stopped"],
                  "the load reused no freed page": row["reused"] or row["stopped"],
                  f"with machine checks: {machine_check(row)}": not row["mce"]["stopped"],
                  f"freed too early: {hazards(row)}": not row["freed"]}
    return [words for words, good in needs.items() if not good]


def table_text(rows: list[dict], numbers: Sequence[str] = tuple(NUMBERS), firsts: Sequence[str] = tuple(FIRSTS)) -> str:
    lines = [[r["design"] + ", stopped" * bool(r["stopped"]), *(f"{r[k]:,}" for k in numbers),
              "; ".join(r["lost"].values()) or "-", *(first(r, k) for k in firsts), machine_check(r), hazards(r)] for r in rows]
    stopped = [f"{r['design']}: stopped after cycle {r['cycle']:,}: {r['stopped']}" for r in rows if r["stopped"]]
    header = ["design", *map(NUMBERS.get, numbers), "corrupted: from cycle", *map(FIRSTS.get, firsts), "machine check in", "freed too early in"]
    return "\n".join([table(header, lines), *[""] * bool(stopped), *stopped])


def main() -> int:
    args = runs.arguments(__doc__)
    path, *designs = args.logs
    rows: list[dict] = [{**read(path % d, d), "mce": read(path % f"{d}-mce", d)} for d in designs]
    bad = {r["design"]: wrong(r) for r in rows}
    bad[DESIGN] += ["the kernel complained"] * log.main(Path(path % DESIGN))
    about = {k: [r.pop(k, 0) for r in rows][0] for k in ("seed", "steps", "cpus")}
    print("Seed {seed}, {steps} cycles, {cpus} CPUs\n".format(**about), table_text(rows), sep="\n")
    print("".join(f"wrong: {d}: {words}\n" for d, reasons in bad.items() for words in reasons), end="")
    runs.write(args.top, f"cycles-{args.engine}.json",
               runs.about(args.top, "make torture WHAT=cycles", args.kernel, args.engine, **about), {"rows": rows},
               whole=not any(bad.values()) and about["steps"] >= KEPT_STEPS and not {"TDX_HOST", "TDX_MODEL"} & set(os.environ))
    if failed := sum(map(bool, bad.values())):
        print("to repeat: make torture WHAT=cycles SEED={seed} STEPS={steps} CPUS={cpus}".format(**about))
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0
