#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py LOG COUNT_LOG: tables from a benchmark run.

Reads the lines that the benchmark module printed.  Prints the side-by-side
table, and unless --quick writes RESULTS.md and the raw samples as JSON.

A cell is the median time of one operation.  A ratio is v2 divided by the other
design, so that more than 1 means that v2 is slower; its interval holds 95% of
the medians of resampled rounds, with both designs taken from the same rounds.
"""
import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

import faults
from common import commit, cpu, read_records, table

PREFIX = "tdx_bench: "
BASE = "v2"
RESAMPLES = 1000
SEED = 20260327

OPERATIONS = {
    "create": "create: allocate array and pages",
    "hand-over": "hand over all windows: operands ready, no SEAMCALL",
    "release": "release without flush",
    "release-flushed": "release with flush (WBINVD by the software module)",
    "life-control": "control pages: create, claim, delete, release",
    "life-blob": "blob: create, connect, read out, release",
    "life-memory": "memory of the extensions: create, add all, init, release",
}

# The two that the table on the terminal puts side by side.
PAIR = ("v2", "flat")
DESIGNS = {
    "v2": "as posted",
    "v2-noclflush": "v2 without the CLFLUSH before each claim: one call dropped",
    "v2-blocks": "v2-noclflush with flat's allocation policy (2 MiB blocks, freed as they came)",
    "flat-v2alloc": "flat with v2's allocation policy (single pages, or one contiguous run)",
    "flat": "the design",
    "floor": "bare allocator calls for the same memory, no object",
}


def read_lines(path):
    """Yield the benchmark's records, and fail if the run did not end well."""
    ended = False
    for record in read_records(path, PREFIX):
        if record["kind"] == "end":
            ended = record["errno"] == 0
        else:
            yield record
    if not ended:
        sys.exit(f"error: the benchmark did not come to its end; see {path}")


class Samples:
    """ns per operation of each round, by operation, pages and design."""

    def __init__(self, records):
        self.rounds = {}
        for r in records:
            if r["kind"] == "sample":
                cell = self.rounds.setdefault((r["op"], r["pages"], r["design"]), {})
                cell[r["round"]] = r["ns"] / r["operations"]

    def cells(self, op):
        return sorted({pages for o, pages, _ in self.rounds if o == op})

    def get(self, op, pages, design):
        cell = self.rounds.get((op, pages, design))
        return [cell[k] for k in sorted(cell)] if cell else None

    def median(self, op, pages, design):
        ns = self.get(op, pages, design)
        return statistics.median(ns) if ns else None

    def ratio(self, op, pages, design):
        """(ratio, low, high) of v2 to @design, or None."""
        base, other = self.get(op, pages, BASE), self.get(op, pages, design)
        if not base or not other:
            return None
        rng = random.Random(f"{SEED} {op} {pages} {design}")
        n = len(base)
        ratios = []
        for _ in range(RESAMPLES):
            picked = rng.choices(range(n), k=n)
            ratios.append(statistics.median([base[i] for i in picked]) /
                          statistics.median([other[i] for i in picked]))
        ratios.sort()
        return (statistics.median(base) / statistics.median(other),
                ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES) - 1])


def number(x):
    """Three significant digits, no more than were measured."""
    if x is None:
        return "-"
    if x >= 1000:
        digits = len(str(int(x))) - 3
        return f"{int(round(x, -digits)):,}"
    return f"{x:.3g}"


def ratio_text(r):
    return "-" if r is None else f"{number(r[0])} [{number(r[1])}, {number(r[2])}]"


def verdict(r):
    if r is None:
        return ""
    if r[1] > 1:
        return "flat"
    return "v2" if r[2] < 1 else "even"


def pair_table(samples):
    """v2 and flat side by side, all operations."""
    rows = []
    for op in OPERATIONS:
        for pages in samples.cells(op):
            r = samples.ratio(op, pages, "flat")
            floor = samples.median(op, pages, "floor")
            flat = samples.median(op, pages, "flat")
            rows.append([op, f"{pages:,}", number(samples.median(op, pages, "v2")),
                         number(flat), ratio_text(r), verdict(r),
                         number(flat / floor) if flat and floor else "-"])
    return table(["operation", "pages", "v2 ns", "flat ns", "v2 / flat [95%]", "faster",
                  "flat / floor"], rows)


def all_table(samples, op):
    """One operation, all designs: ns, and the ratio to v2."""
    present = [d for d in DESIGNS if any(samples.get(op, p, d) for p in samples.cells(op))]
    rows = []
    for pages in samples.cells(op):
        row = [f"{pages:,}"]
        for d in present:
            text = number(samples.median(op, pages, d))
            if d != BASE and text != "-":
                r = samples.ratio(op, pages, d)
                text += f" ({number(r[0])}x)" if r else ""
            row.append(text)
        rows.append(row)
    return table(["pages"] + present, rows, left=0)


def fact_table(records, kind, fields):
    """Exact numbers, one column per design."""
    cells = {(r["pages"], r["design"]): r for r in records if r["kind"] == kind}
    present = [d for d in DESIGNS if any(k[1] == d for k in cells)]
    rows = []
    for pages in sorted({k[0] for k in cells}):
        row = [f"{pages:,}"]
        for d in present:
            r = cells.get((pages, d))
            row.append(" + ".join(f"{r[f]:,}" for f in fields) if r else "-")
        rows.append(row)
    return table(["pages"] + present, rows, left=0)


def text_sizes(farm):
    """Bytes of compiled code of array and wrappers, by design."""
    parts = {
        "v2": ["benchmarks/designs/v2/page_array.o", "benchmarks/designs/v2/tdh.o"],
        "flat": [f"arch/x86/virt/vmx/tdx/{o}.o" for o in ("pa_array", "pa_blocks", "tdh")],
    }
    sizes = {}
    for design, objects in parts.items():
        out = subprocess.run(["size"] + [str(Path(farm) / o) for o in objects],
                             check=True, capture_output=True, text=True).stdout
        sizes[design] = sum(int(line.split()[0]) for line in out.splitlines()[1:])
    return sizes


def losses(samples, records, sizes):
    """Where flat is not better than v2, in words."""
    lost = []
    for op in OPERATIONS:
        for pages in samples.cells(op):
            r = samples.ratio(op, pages, "flat")
            if r and verdict(r) != "flat":
                how = "v2 is faster" if verdict(r) == "v2" else "no difference beyond noise"
                lost.append(f"- {op}, {pages:,} page{'s'[:pages > 1]}: {how} "
                            f"(v2 / flat {ratio_text(r)})")
    metadata = {(r["pages"], r["design"]): r["bytes"] for r in records
                if r["kind"] == "metadata"}
    for pages in sorted({k[0] for k in metadata}):
        v2, flat = metadata.get((pages, "v2")), metadata.get((pages, "flat"))
        if v2 and flat and flat >= v2:
            lost.append(f"- metadata, {pages:,} page{'s'[:pages > 1]}: v2 takes {v2:,} bytes, "
                        f"flat {flat:,}")
    if sizes["flat"] >= sizes["v2"]:
        lost.append(f"- compiled code: v2 has {sizes['v2']:,} bytes of text, "
                    f"flat {sizes['flat']:,}")
    return "\n".join(lost) or "Nowhere in this run."


def results(samples, records, calls, args):
    n = max(len(c) for c in samples.rounds.values())
    sizes = text_sizes(args.text)
    raw = f"benchmarks/results/{args.engine}.json"
    parts = [f"""<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Generated by `make bench` and `make faults`; do not edit. -->

# Results

Every figure on this page, but for the fault matrix, was made by `make bench` on the engine {args.engine}:
Linux {args.kernel}, code at commit {commit(args.top)}, {cpu()},
{n} samples a cell. Raw samples: [{raw}]({raw}). To make it again:

    make bench ENGINE={args.engine}

Times are medians in ns for one operation. A ratio above 1 means that v2 is
slower; brackets hold a 95% interval (bootstrap over rounds). All designs ran
interleaved in one kernel, behind the same door to the same software TDX module.

## v2 and flat

{pair_table(samples)}

"flat / floor" is the distance to bare allocator calls without any object.

### Where flat is not better

{losses(samples, records, sizes)}

## Read this first

- User-mode Linux has a 56-byte struct page, so that page to PFN is a division
  there and a shift on x86-64. That flatters an array of physical addresses in
  `hand-over`, and in whatever contains it.
- v2 as posted does CLFLUSH on every page before a claim, and this engine executes
  it. The later series for the extensions does not; v2-noclflush is v2 without it. Compare the
  `life-` rows of flat with that one.
- In `life-blob`, v2 maps the pages and flat copies them. User-mode Linux changes
  mappings by system calls of its host, which flatters the copy.
- The time of the software module is in the `life-` rows and in `release-flushed`,
  for all designs alike. A real WBINVD costs more than the model's.
- `hand-over` is the way of the extensions' memory: v2 populates its root page for each
  window. An array of control pages is populated once, in `create`, and costs v2 no
  more than the operand then. On x86-64 these figures will be led by instructions;
  until that engine exists they are provisional.
- Up to 512 pages `create` makes an array of control pages, above that one for the
  memory of the extensions, which v2 takes from alloc_contig_pages(). So does
  `life-memory` at every size, although only thousands of pages are real there.
- v2 cannot release more than 512 pages with a flush, nor claim more control
  pages; there are no such rows.

## Where the gains come from: all designs, same run
"""]
    for name, title in DESIGNS.items():
        parts.append(f"- `{name}`: {title}")
    parts.append("""
In brackets: v2 divided by the design. What `v2-noclflush` and `v2-blocks` gain, v2
could have without another data structure. What the data structure gains by itself is
the distance from `v2-noclflush` to `flat-v2alloc`; of control pages, that is little.
In `life-blob` that distance is one between mapping and copying, and v2 could copy, too.

`v2` and `v2-noclflush` run the same code in all rows but the `life-` ones: where they
differ, that much is noise.
""")
    for op, title in OPERATIONS.items():
        parts.append(f"### {title}\n\n{all_table(samples, op)}\n")
    parts.append(f"""## Metadata: bytes per array

Beside the pages themselves, as the allocators round them.

{fact_table(records, "metadata", ["bytes"])}

## Allocator calls: create + release

Calls from the array's code to the page and slab allocators, counted by relinking
the same modules with `--wrap`.

{fact_table(calls, "calls", ["create", "release"])}

## Compiled code

Array and wrappers: v2 {sizes["v2"]:,} bytes of text, flat {sizes["flat"]:,} bytes.
""")
    parts.append(faults.section(args.top, args.engine))
    return "\n".join(parts)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("count_log")
    p.add_argument("--engine", required=True)
    p.add_argument("--kernel", required=True)
    p.add_argument("--text", required=True, help="where the modules were built")
    p.add_argument("--top", required=True)
    p.add_argument("--quick", action="store_true")
    args = p.parse_args()

    records = list(read_lines(args.log))
    calls = list(read_lines(args.count_log))
    samples = Samples(records)

    print(pair_table(samples))
    print("""
v2 is as posted, with CLFLUSH before each claim (in life-). User-mode Linux flatters
hand-over (56-byte struct page) and life-blob (v2 maps by system calls of the host).
v2 takes the memory of the extensions from alloc_contig_pages(): rows of few pages are
not real. What v2 could have by changing a call: RESULTS.md.""")
    if args.quick:
        print("\nRough: few samples. `make bench` measures in full and writes RESULTS.md.")
        return

    top = Path(args.top)
    raw = top / "benchmarks" / "results" / f"{args.engine}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    meta = {"engine": args.engine, "kernel": args.kernel, "commit": commit(args.top),
            "cpu": cpu(), "command": f"make bench ENGINE={args.engine}"}
    cells = {}
    for r in records:
        if r["kind"] == "sample":
            key = (r["op"], r["pages"], r["design"], r["operations"])
            cells.setdefault(key, []).append(r["ns"])
    data = [{"kind": "samples", "op": op, "pages": pages, "design": design,
             "operations": operations, "ns": ns}
            for (op, pages, design, operations), ns in cells.items()]
    data += [r for r in records + calls if r["kind"] not in ("sample", "absent")]
    lines = ",\n".join(json.dumps(r) for r in data)
    raw.write_text(f'{{"run": {json.dumps(meta)},\n"records": [\n{lines}\n]}}\n',
                   encoding="utf-8")
    (top / "RESULTS.md").write_text(results(samples, records, calls, args), encoding="utf-8")
    print(f"\nAll designs, metadata and allocator calls: RESULTS.md; raw samples: "
          f"{raw.relative_to(top)}")


if __name__ == "__main__":
    main()
