#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""frag.py LOG: memory for the extensions from fragmented memory, by the log of a run.

Keeps the samples as JSON and prints a table: a line for each degree of fragmentation, a
column for each design. Status 1 if memory was not in the state that a line claims, or if
flat does not do what it promises; the last line counts both.
"""
import argparse
import errno
import json
import sys
from pathlib import Path
from statistics import median

from tdxpa.common import commit, read_records, table

PREFIX = "tdx_frag: "
DESIGN = "flat"
REGION_PAGES = 512


def read_log(path):
    """Return the states, the samples by degree and design, and what the run was told."""
    states, rows, end = [], {}, {}
    for r in read_records(path, PREFIX):
        kind = r.pop("kind")
        if kind == "state":
            states.append(r)
        elif kind == "sample":
            row = rows.setdefault((r["order"], r["share"], r["design"]), {
                "order": r["order"], "share": r["share"], "design": r["design"], "largest": [], "free": [],
                "errno": [], "ns": [], "owned": [], "regions": []})
            for key in ("largest", "free", "errno", "ns", "owned", "regions"):
                row[key].append(r[key])
        else:
            end = r
    if end.get("errno") != 0 or not rows:
        sys.exit(f"error: the run is not complete (errno {end.get('errno')}), "
                 f"nothing is written: {path}")
    return states, list(rows.values()), end


def load(top, engine):
    """The stored run, None if there is none."""
    path = Path(top) / "benchmarks" / "results" / f"frag-{engine}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def span(values):
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def cell(row):
    """What became of one design at one degree: median time, regions."""
    good = [i for i, e in enumerate(row["errno"]) if not e]
    if not good:
        names = sorted({"-" + errno.errorcode.get(e, str(e)) for e in row["errno"]})
        return f"{' '.join(names)}, {median(row['ns']) / 1000:,.0f} us"
    some = "" if len(good) == len(row["errno"]) else f" {len(good)} of {len(row['errno'])},"
    us = median(row["ns"][i] for i in good) / 1000
    return f"ok{some} {us:,.0f} us, {span([row['regions'][i] for i in good])} regions"


# Otherwise, every other piece is.
HALF = 2


def label(state):
    """A degree, by its largest free block, and how few there are."""
    sparse = f", 1 in {state['share']} free" if state["share"] != HALF else ""
    return f"{4 << state['order']:,} KiB{sparse}"


def designs_of(data):
    """Designs by name, those that end with the rival's array first."""
    names = {r["design"] for r in data["rows"]}
    return sorted(names, key=lambda d: (not d.startswith("v2"), d.startswith(DESIGN), d))


def table_text(data):
    """The table: aligned text that is also Markdown."""
    cells = {(label(r), r["design"]): cell(r) for r in data["rows"]}
    designs = designs_of(data)
    lines = []
    for s in data["states"]:
        whole = " (not fragmented)" if s["order"] == data["run"]["max_order"] else ""
        lines.append([f"{label(s)}{whole}", f"{s['free'] // 256:,} MiB",
                      *(cells.get((label(s), d), "-") for d in designs)])
    return table(["largest free block", "free", *designs], lines)


def section(top, engine, plot):
    """The section of RESULTS.md."""
    data = load(top, engine)
    run = data["run"]
    return f"""## Fragmented memory

Made by `{run["command"]}` on Linux {run["kernel"]}, code at commit {run["commit"]}. Before each flow,
memory is brought into a state without a free block above a size, held apart by pages that cannot be
moved: the worst case of that degree. Half of memory is free, in the last line much less, page by page. Then
the flow asks for {run["pages"]:,} pages and gives them to the module for good. The regions are those of 2 MiB that
such a page lies in.

{plot}

{table_text(data)}

v2, descriptor, bare list and flat-v2alloc need one contiguous run. flat and v2-blocks take blocks.
The pointers of v2-blocks are one kmalloc, which needs a block of 128 KiB.

Where only single pages are free, flat gets its memory, and each few pages pin a
region of 2 MiB for good. Designs that need one run get no memory and pin no region.
The caller has no option that refuses memory at this price.
"""


def state_holds(state, rows, pages):
    """Was the largest free block of that order before each flow, and memory enough?"""
    order = state["order"]
    return bool(state["blocks"][order] and not any(state["blocks"][order + 1:]) and rows
                and all(set(r["largest"]) == {order} and min(r["free"]) >= 2 * pages
                        for r in rows))


def tells_truth(row, pages):
    """Does the module own what the flow says it has given, and does it fit the regions?"""
    return all(owned == (0 if e else pages) and owned <= regions * REGION_PAGES
               for e, owned, regions in zip(row["errno"], row["owned"], row["regions"]))


def checks(data):
    """Yield what must be so, in words, and whether it is."""
    pages, max_order = data["run"]["pages"], data["run"]["max_order"]
    fewest = -(-pages // REGION_PAGES)
    for s in data["states"]:
        rows = [r for r in data["rows"] if label(r) == label(s)]
        own = [r for r in rows if r["design"] == DESIGN]
        at = label(s)
        yield f"{at}: this is the largest free block before each flow", state_holds(s, rows, pages)
        yield (f"{at}: the module owns all pages after success, none after failure",
               all(tells_truth(r, pages) for r in rows))
        yield f"{at}: {DESIGN} succeeds each time", bool(own) and not any(own[0]["errno"])
        if s["share"] != HALF:
            # What this state is for: they are as scattered as memory is, and no more.
            apart = pages * s["share"] // REGION_PAGES
            yield (f"{at}: {DESIGN} takes some {apart} regions",
                   bool(own) and all(0.8 * apart <= n <= 1.2 * apart for n in own[0]["regions"]))
        if s["order"] == max_order:
            yield (f"{at}: {DESIGN} takes {fewest} or {fewest + 1} regions",
                   bool(own) and set(own[0]["regions"]) <= {fewest, fewest + 1})


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("--engine", required=True)
    p.add_argument("--kernel", required=True)
    p.add_argument("--top", required=True)
    p.add_argument("--emulated", action="store_true", help="the times are an emulator's")
    args = p.parse_args()

    states, rows, end = read_log(args.log)
    run = {"engine": args.engine, "kernel": args.kernel, "commit": commit(args.top),
           "command": f"make frag ENGINE={args.engine}",
           "pages": end["pages"], "max_order": end["max_order"]}
    data = {"run": run, "states": states, "rows": rows}

    # Times of an emulator are good for nothing but a look.
    top = Path(args.top)
    raw = top / ("build" if args.emulated else "benchmarks/results") / f"frag-{args.engine}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    parts = [",\n".join(json.dumps(r) for r in part) for part in (states, rows)]
    raw.write_text(f'{{"run": {json.dumps(run)},\n"states": [\n{parts[0]}\n],\n'
                   f'"rows": [\n{parts[1]}\n]}}\n', encoding="utf-8")

    print(f"{run['pages']:,} pages for the extensions: median time, 2 MiB regions that they keep\n")
    print(table_text(data))
    print(f"\nRaw samples: {raw.relative_to(top)}")
    print("Times of an emulator: they say nothing." if args.emulated else
          "`make plots` takes them into RESULTS.md.")
    results = list(checks(data))
    for words, good in results:
        if not good:
            print(f"not so: {words}")
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
