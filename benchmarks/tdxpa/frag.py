# SPDX-License-Identifier: GPL-2.0
"""frag.py LOG: regions of memory that pages for the extensions keep, in states of the page allocator.

Prints a table for each state, with a line for each design.  Status 1 if memory was not in the
state that a table claims, or if flat breaks a promise.
"""
import errno
import sys
from collections.abc import Iterator
from statistics import median

from tdxpa import runs
from tdxpa.common import read_records, table
from tdxpa.runs import DESIGN, ENOMEM

PREFIX = "tdx_frag: "
STATE = ("state", "order", "share")
LISTS = ("largest", "whole", "free", "cache", "held", "errno", "ns", "owned", "regions")
TITLES = {"boot": "just after boot", "mixed": "mixed load"}
# In most states of pieces every second piece is free.
HALF = 2


def read_log(path: str) -> tuple[list[dict], dict]:
    """The samples by state and design, and the record of the end"""
    rows: dict[tuple, dict] = {}
    end: dict = {"errno": None}
    for r in read_records(path, PREFIX):
        if r.pop("kind") == "end":
            end = r
            continue
        key = {k: r[k] for k in (*STATE, "design")}
        row = rows.setdefault(tuple(key.values()), {**key, **{k: [] for k in LISTS}})
        for k in LISTS:
            row[k].append(r[k])
    if end.pop("errno") != 0 or not rows:
        sys.exit(f"error: the run is not complete: {path}")
    return list(rows.values()), end


def span(numbers: list[int]) -> str:
    return " to ".join(f"{n:,}" for n in sorted({min(numbers), max(numbers)}))


def counts(row: dict) -> list[str]:
    """Regions of each size after a success"""
    good = [regions for e, regions in zip(row["errno"], row["regions"]) if not e]
    return [span(list(numbers)) for numbers in zip(*good)] or ["-"] * len(row["regions"][0])


def result(row: dict) -> str:
    names = sorted({"-" + errno.errorcode[e] for e in row["errno"] if e})
    good = row["errno"].count(0)
    return " ".join(names) if not good else "ok" if not names else f"ok {good} of {len(row['errno'])}"


def cell(row: dict) -> str:
    """Result of one design in one state"""
    return result(row) + (f", {', '.join(counts(row))} regions" if 0 in row["errno"] else "")


def label(row: dict) -> str:
    """A state; of pieces by the largest free block, and how few there are"""
    return TITLES.get(row["state"], f"{4 << row['order']:,} KiB") + (
        f", 1 in {row['share']} free" if row["share"] > HALF else "")


def by_state(data: dict) -> dict[str, list[dict]]:
    """{state: rows}, designs in the order of all tables"""
    order = list(runs.DESIGNS)
    return {name: sorted((r for r in data["rows"] if label(r) == name), key=lambda r: order.index(r["design"]))
            for name in map(label, data["rows"])}


def fewest(data: dict) -> list[int]:
    """Regions of each size that one run of pages takes"""
    return [-(-data["run"]["pages"] >> order) for order in data["run"]["region_orders"]]


def table_text(data: dict) -> str:
    sizes = [f"{1 << (order - 8)} MiB" if order < 18 else f"{1 << (order - 18)} GiB"
             for order in data["run"]["region_orders"]]
    parts = []
    for name, rows in by_state(data).items():
        free, cache, held = (f"{median(n for r in rows for n in r[k]) / 256:,.0f} MiB" for k in ("free", "cache", "held"))
        lines = [[r["design"], result(r), f"{median(r['ns']) / 1000:,.0f}", *counts(r)] for r in rows]
        parts.append(f"### {name[0].upper()}{name[1:]}\n\nBefore: {free} free, {span([n for r in rows for n in r['whole']])} "
                     f"free blocks of {4 << data['run']['max_order']:,} KiB,\n{cache} of page cache, {held} held by the test.\n\n" +
                     table(["design", "result", "us", *sizes], [*lines, ["least possible", "", "", *map(str, fewest(data))]]))
    return "\n\n".join(parts)


def summary(data: dict) -> dict[str, list[str]]:
    """{design: states in which it succeeds each time, regions just after boot, regions after the mixed load}"""
    states = by_state(data)
    return {d: [f"{sum(not any(r['errno']) for r in rows)} of {len(states)}",
                *(", ".join(counts(r)) for state in TITLES for r in rows if r["state"] == state)]
            for d in runs.DESIGNS if (rows := [r for r in data["rows"] if r["design"] == d])}


def reached(row: dict, run: dict) -> bool:
    """Was memory in the state that a row claims?  No run of free blocks holds all pages after the mixed load."""
    if row["state"] != "mixed":
        return set(row["largest"]) == {row["order"]}
    return min(row["cache"]) > run["memory"] / 2 and max(row["whole"]) < (run["pages"] >> run["max_order"]) - 1


def checks(data: dict) -> Iterator[tuple[str, bool]]:
    """What must hold, in words, and whether it does"""
    pages = data["run"]["pages"]
    for name, rows in by_state(data).items():
        own = next((r for r in rows if r["design"] == DESIGN), {"errno": [-1], "regions": [[-1]]})
        yield (f"{name}: memory is in this state before each call sequence, and suffices",
               all(reached(r, data["run"]) and min(r["free"]) >= 2 * pages for r in rows))
        yield (f"{name}: the module owns all pages after success, none if memory is short, and nothing else happens",
               all(e in (0, ENOMEM) and owned == (0 if e else pages) and
                   all(owned <= n << order for n, order in zip(regions, data["run"]["region_orders"]))
                   for r in rows for e, owned, regions in zip(r["errno"], r["owned"], r["regions"])))
        yield f"{name}: {DESIGN} succeeds each time", not any(own["errno"])
        if rows[0]["share"] > HALF:
            apart = pages * rows[0]["share"] >> data["run"]["region_orders"][0]
            yield (f"{name}: {DESIGN} takes about {apart} of the smallest regions",
                   all(0.8 * apart <= n[0] <= 1.2 * apart for n in own["regions"]))
        if name == TITLES["boot"]:
            yield (f"{name}: {DESIGN} takes at most one more of the smallest regions than is possible",
                   max(n[0] for n in own["regions"]) <= fewest(data)[0] + 1)


def main() -> int:
    args = runs.arguments(__doc__, emulated="the times are an emulator's")

    rows, end = read_log(args.log)
    run = runs.about(args.top, f"make bench WHAT=fragmentation ENGINE={args.engine}", args.kernel, args.engine, **end)
    data = {"run": run, "rows": rows}
    print(f"{run['pages']:,} pages for the extensions: median time, and regions that they keep.  Order of designs: "
          f"seed {run['seed']}.\n\n{table_text(data)}")
    results = list(checks(data))
    for words, good in results:
        if not good:
            print(f"wrong: {words}")
    failed = sum(not good for _, good in results)
    runs.write(args.top, f"frag-{args.engine}.json", run, {"rows": rows},
               whole=not (failed or args.emulated or runs.is_loaded(args.log)))
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
