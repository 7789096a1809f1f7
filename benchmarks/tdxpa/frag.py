# SPDX-License-Identifier: GPL-2.0
"""frag.py LOG: regions of memory that the extensions touch.  Status 1 if a state was missed, or flat breaks a promise."""
import errno
import sys
from collections.abc import Iterator
from statistics import median

from tdxpa import runs
from tdxpa.common import read_records, table
from tdxpa.runs import DESIGN, ENOMEM

PREFIX = "tdx_frag: "
# struct state in tdx_frag.c: the share of free pieces in the two states without pieces
BOOT, MIXED = 1, 0
BEFORE = ("free", "cache", "held", "whole")
BEFORE_TEXT = "Before: {} MiB free, {} MiB of page cache,\n{} MiB held by the test, {} free blocks of 4 MiB."


def read_log(path: str) -> tuple[list[dict], dict]:
    """The samples by state and design, designs in the order of all tables, and the record of the end"""
    *samples, end = [*read_records(path, PREFIX)] or [{}]
    if end.get("kind") != "end" or end["errno"] or not samples:
        sys.exit(f"error: the run is not complete ({end}): {path}")
    rows: dict[tuple, dict] = {}
    for r in samples:
        key = {k: r.pop(k) for k in ("state", "order", "share", "design")}
        row = rows.setdefault(tuple(key.values()), key)
        for k, value in r.items():
            row.setdefault(k, []).append(value)
    return sorted(rows.values(), key=lambda r: list(runs.DESIGNS).index(r["design"])), end


def cells(row: dict) -> list[str]:
    """Results of one design in one state, and the regions of each size, of good samples if there are some"""
    good = [regions for e, regions in zip(row["errno"], row["regions"]) if not e]
    return [" or ".join(sorted({"-" + errno.errorcode[e] if e else "ok" for e in row["errno"]})),
            *(" to ".join(f"{n:,}" for n in sorted({min(size), max(size)})) for size in zip(*(good or row["regions"])))]


def cell(row: dict) -> str:
    return ", ".join(cells(row))


def by_state(data: dict) -> dict[str, list[dict]]:
    return {state: [r for r in data["rows"] if r["state"] == state] for state in (r["state"] for r in data["rows"])}


def table_text(data: dict) -> str:
    parts: list[str] = []
    header = ["result", *(f"{(1 << order) // 256:,} MiB" for order in data["run"]["region_orders"])]
    for state, rows in by_state(data).items():
        before = [f"{median(n for r in rows for n in r[k]) / (1 if k == 'whole' else 256):,.0f}" for k in BEFORE]
        lines = [[r["design"], *cells(r)] for r in rows]
        title = state[0].upper() + state[1:]
        parts += [f"## {title}", BEFORE_TEXT.format(*before), table(["design", *header], lines)]
    return "\n\n".join(parts)


def summary(data: dict) -> dict[str, list[str]]:
    """{design: states in which it succeeds each time, regions just after boot, regions after the mixed load}"""
    designs = {r["design"]: [x for x in data["rows"] if x["design"] == r["design"]] for r in data["rows"]}
    return {design: [f"{sum(not any(r['errno']) for r in rows)} of {len(rows)}",
                     *(cell(r) for share in (BOOT, MIXED) for r in rows if r["share"] == share)]
            for design, rows in designs.items()}


def reached(row: dict, run: dict) -> bool:
    """Was memory in the state that a row claims?  After a mixed load, free blocks alone cannot be one run."""
    if row["share"] == MIXED:
        return min(row["cache"]) > run["guest_pages"] / 2 and max(row["whole"]) < (run["pages"] >> run["max_order"]) - 1
    return set(row["largest"]) == {row["order"]} and max(row["free"]) * row["share"] < 1.1 * run["guest_pages"]


def checks(data: dict) -> Iterator[tuple[str, bool]]:
    """What must hold, in words, and whether it does"""
    run, pages, orders = data["run"], data["run"]["pages"], data["run"]["region_orders"]
    for state, rows in by_state(data).items():
        own = [r for r in rows if r["design"] == DESIGN]
        yield (f"{state}: memory is in this state before each call sequence, and suffices",
               all(reached(r, run) and min(r["free"]) >= 2 * pages for r in rows))
        yield (f"{state}: the module owns all pages after success, none if memory is short, and nothing else happens",
               all(e in (0, ENOMEM) and owned == (0 if e else pages) and owned <= counts[0] << orders[0]
                   for r in rows for e, owned, counts in zip(r["errno"], r["owned"], r["regions"])))
        yield f"{state}: {DESIGN} succeeds each time", len(own) == 1 and not any(own[0]["errno"])
        if rows[0]["share"] == BOOT:
            yield (f"{state}: {DESIGN} touches at most one region of the smallest size more than necessary",
                   all(n[0] <= -(-pages >> orders[0]) + 1 for r in own for n in r["regions"]))


def main() -> int:
    args = runs.arguments(__doc__, emulated="the guest is emulated: the run is not kept")
    rows, end = read_log(args.log)
    run = runs.about(args.top, f"make bench WHAT=fragmentation ENGINE={args.engine}", args.kernel, args.engine, **end)
    data = {"run": run, "rows": rows}
    print(f"{run['pages']:,} pages for the extensions, designs shuffled with seed {run['seed']}\n\n{table_text(data)}")
    results = list(checks(data))
    wrong = [words for words, good in results if not good]
    print("".join(f"wrong: {words}\n" for words in wrong), end="")
    runs.write(args.top, f"frag-{args.engine}.json", run, {"rows": rows},
               whole=not (wrong or args.emulated or runs.is_loaded(args.log)))
    print(f"{len(results) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0
