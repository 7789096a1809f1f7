# SPDX-License-Identifier: GPL-2.0
"""frag.py LOG: memory for the extensions from fragmented memory.

Prints a table: a line for each degree of fragmentation, a column for each design.  Status 1
if memory was not in the state that a line claims, or if flat breaks a promise.
"""
import errno
import sys
from collections.abc import Iterator
from statistics import median

from tdxpa import runs
from tdxpa.common import read_records, table
from tdxpa.runs import DESIGN

PREFIX = "tdx_frag: "
LISTS = ("largest", "free", "errno", "ns", "owned", "regions")
REGION_PAGES = 512
# In most states every second piece is free.
HALF = 2


def read_log(path: str) -> tuple[list[dict], list[dict], dict]:
    """The states, the samples by degree and design, and the record of the end"""
    states: list[dict] = []
    rows: dict[tuple, dict] = {}
    end: dict = {"errno": None}
    for r in read_records(path, PREFIX):
        kind = r.pop("kind")
        if kind == "state":
            states.append(r)
        elif kind == "sample":
            key = {k: r[k] for k in ("order", "share", "design")}
            row = rows.setdefault(tuple(key.values()), {**key, **{k: [] for k in LISTS}})
            for k in LISTS:
                row[k].append(r[k])
        else:
            end = r
    if end["errno"] != 0 or not rows:
        sys.exit(f"error: the run is not complete (errno {end['errno']}): {path}")
    return states, list(rows.values()), end


def cell(row: dict) -> str:
    """Result of one design at one degree: median time, regions"""
    good = [i for i, e in enumerate(row["errno"]) if not e]
    if not good:
        names = sorted({"-" + errno.errorcode[e] for e in row["errno"]})
        return f"{' '.join(names)}, {median(row['ns']) / 1000:,.0f} us"
    some = "" if len(good) == len(row["errno"]) else f" {len(good)} of {len(row['errno'])},"
    span = " to ".join(map(str, sorted({f(row["regions"][i] for i in good) for f in (min, max)})))
    return f"ok{some} {median(row['ns'][i] for i in good) / 1000:,.0f} us, {span} regions"


def label(state: dict) -> str:
    """A degree, by its largest free block, and how few there are"""
    return f"{4 << state['order']:,} KiB" + (f", 1 in {state['share']} free" if state["share"] != HALF else "")


def table_text(data: dict) -> str:
    cells = {(label(r), r["design"]): cell(r) for r in data["rows"]}
    designs = [d for d in runs.DESIGNS if any(r["design"] == d for r in data["rows"])]
    lines = [[label(s) + (" (not fragmented)" if s["order"] == data["run"]["max_order"] else ""),
              f"{s['free'] // 256:,} MiB", *(cells.get((label(s), d), "-") for d in designs)] for s in data["states"]]
    return table(["largest free block", "free", *designs], lines)


def checks(data: dict) -> Iterator[tuple[str, bool]]:
    """What must hold, in words, and whether it does"""
    pages, fewest = data["run"]["pages"], -(-data["run"]["pages"] // REGION_PAGES)
    for s in data["states"]:
        rows = [r for r in data["rows"] if label(r) == label(s)]
        own = next((r for r in rows if r["design"] == DESIGN), {k: [-1] for k in LISTS})
        yield (f"{label(s)}: this is the largest free block before each flow, and memory suffices",
               bool(rows) and s["blocks"][s["order"]] > 0 and not any(s["blocks"][s["order"] + 1:]) and
               all(set(r["largest"]) == {s["order"]} and min(r["free"]) >= 2 * pages for r in rows))
        yield (f"{label(s)}: the module owns all pages after success, none after failure",
               all(owned == (0 if e else pages) and owned <= regions * REGION_PAGES
                   for r in rows for e, owned, regions in zip(r["errno"], r["owned"], r["regions"])))
        yield f"{label(s)}: {DESIGN} succeeds each time", not any(own["errno"])
        if s["share"] != HALF:
            apart = pages * s["share"] // REGION_PAGES
            yield (f"{label(s)}: {DESIGN} takes about {apart} regions",
                   all(0.8 * apart <= n <= 1.2 * apart for n in own["regions"]))
        if s["order"] == data["run"]["max_order"]:
            yield f"{label(s)}: {DESIGN} takes at most {fewest + 1} regions", max(own["regions"]) <= fewest + 1


def main() -> int:
    args = runs.arguments(__doc__, emulated="the times are an emulator's")

    states, rows, end = read_log(args.log)
    run = runs.about(args.top, f"make bench WHAT=fragmentation ENGINE={args.engine}", args.kernel, args.engine,
                     pages=end["pages"], max_order=end["max_order"])
    data = {"run": run, "states": states, "rows": rows}
    print(f"{run['pages']:,} pages for the extensions: median time, regions that they keep\n\n{table_text(data)}")
    results = list(checks(data))
    for words, good in results:
        if not good:
            print(f"wrong: {words}")
    failed = sum(not good for _, good in results)
    runs.write(args.top, f"frag-{args.engine}.json", run, {"states": states, "rows": rows},
               whole=not (failed or args.emulated or runs.is_loaded(args.log)))
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
