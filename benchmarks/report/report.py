#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py LOG COUNT_LOG [AGAIN_LOG]: tables from a benchmark run.

Reads the lines that the benchmark module printed.  Prints the side-by-side
table, and unless --quick keeps the raw samples as JSON.  RESULTS.md is written
from the samples that are kept, of this run and others.

A cell is the median of one operation, in ns or, with --icount, in instructions.
A ratio is v2 divided by the other design, so that more than 1 means that v2 is
slower; its interval holds 95% of the medians of resampled rounds, with both
designs taken from the same rounds.  Instructions have no interval: the same run
was made AGAIN, and may differ by REPEATS_TO at the most.
"""
import argparse
import json
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

import faults
from common import commit, compiler, cpu, read_records, table

PREFIX = "tdx_bench: "
BASE = "v2"
RESAMPLES = 1000
SEED = 20260327
EVENT_CODE = re.compile("trace_event_raw_event_|perf_trace_|trace_raw_output_|__bpf_trace_"
                        "|__traceiter_|__probestub_|__SCT__tp_func_")
# Rows that README.md shows, by number of pages.
README_SIZES = (1, 2, 32, 512, 12800)

REPEATS_TO = 0.005

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
TEXTS = (*PAIR, "flat, trace events")
DESIGNS = {
    "v2": "as posted",
    "v2-noclflush": "v2 without the CLFLUSH before each claim: one call dropped",
    "v2-blocks": "v2-noclflush with flat's allocation policy (2 MiB blocks, freed as they came)",
    "flat-v2alloc": "flat with v2's allocation policy (single pages, or one contiguous run)",
    "flat": "the design",
    "floor": "bare allocator calls for the same memory, no object",
}


def read_lines(path):
    """The benchmark's records; fail if the run did not end well."""
    ended, records = False, []
    for record in read_records(path, PREFIX):
        if record["kind"] == "end":
            ended = record["errno"] == 0
        else:
            records.append(record)
    if not ended:
        sys.exit(f"error: the benchmark did not come to its end; see {path}")
    return records


class Samples:
    """ns per operation of each round, by operation, pages and design."""

    def __init__(self, records, icount=False):
        self.icount = icount
        self.rounds = {(r["op"], r["pages"], r["design"]):
                       [ns / r["operations"] for ns in r["ns"]]
                       for r in records if r["kind"] == "samples"}

    def cells(self, op):
        return sorted({pages for o, pages, _ in self.rounds if o == op})

    def get(self, op, pages, design):
        return self.rounds.get((op, pages, design))

    def median(self, op, pages, design):
        ns = self.get(op, pages, design)
        return statistics.median(ns) if ns else None

    def ratio(self, op, pages, design):
        """(ratio, low, high) of v2 to @design, or None."""
        base, other = self.get(op, pages, BASE), self.get(op, pages, design)
        if not base or not other:
            return None
        if self.icount:
            ratio = statistics.median(base) / statistics.median(other)
            return ratio, ratio / (1 + REPEATS_TO), ratio * (1 + REPEATS_TO)
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


def ratio_text(samples, r):
    if r is None:
        return "-"
    return number(r[0]) + ("" if samples.icount else f" [{number(r[1])}, {number(r[2])}]")


def verdict(r):
    if r is None:
        return ""
    if r[1] > 1:
        return "flat"
    return "v2" if r[2] < 1 else "even"


def change(old, new, icount, seed):
    """(median of @new by median of @old, low, high)"""
    ratio = statistics.median(new) / statistics.median(old)
    if icount:
        return ratio, ratio / (1 + REPEATS_TO), ratio * (1 + REPEATS_TO)
    rng = random.Random(f"{SEED} {seed}")
    ratios = sorted(statistics.median(rng.choices(new, k=len(new))) /
                    statistics.median(rng.choices(old, k=len(old))) for _ in range(RESAMPLES))
    return ratio, ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES) - 1]


def changes(old, samples):
    """What changed since another run: a table of the cells that did."""
    rows, same, gone = [], 0, 0
    for (op, pages, design), before in sorted(old.samples.rounds.items()):
        after = samples.get(op, pages, design)
        if not after:
            gone += 1
            continue
        r = change(before, after, samples.icount, f"{op} {pages} {design}")
        if r[1] <= 1 <= r[2]:
            same += 1
            continue
        rows.append([op, f"{pages:,}", design, number(statistics.median(before)),
                     number(statistics.median(after)), ratio_text(samples, r),
                     "less" if r[0] < 1 else "more"])
    unit = "instr." if samples.icount else "ns"
    told = table(["operation", "pages", "design", f"old {unit}", f"new {unit}", "new / old", ""], rows) + "\n\n" if rows else ""
    return (f"{told}Since the run of commit {old.about['commit']}: {len(rows)} cells changed, {same} did not"
            + (f", {gone} are in the old run only" if gone else "") + "."
            + ("" if samples.icount else " Two runs differ by the machine's mood, too: v2 tells how much."))


def in_readme(op, pages):
    """Some rows, but none of memory for the extensions that nobody would want."""
    return pages in README_SIZES and (op != "life-memory" or pages == max(README_SIZES))


def pair_table(samples, operations=tuple(OPERATIONS), wanted=lambda op, pages: True):
    """v2 and flat side by side."""
    rows = []
    for op in operations:
        for pages in samples.cells(op):
            if not wanted(op, pages):
                continue
            r = samples.ratio(op, pages, "flat")
            floor = samples.median(op, pages, "floor")
            flat = samples.median(op, pages, "flat")
            rows.append([op, f"{pages:,}", number(samples.median(op, pages, "v2")),
                         number(flat), ratio_text(samples, r), verdict(r),
                         number(flat / floor) if flat and floor else "-"])
    unit = "instr." if samples.icount else "ns"
    ratio = "v2 / flat" if samples.icount else "v2 / flat [95%]"
    return table(["operation", "pages", f"v2 {unit}", f"flat {unit}", ratio,
                  "fewer" if samples.icount else "faster", "flat / floor"], rows)


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
    """Bytes of the functions of array and wrappers, by design."""
    parts = {
        "v2": ["benchmarks/designs/v2/page_array.o", "benchmarks/designs/v2/tdh.o"],
        "flat": [f"arch/x86/virt/vmx/tdx/{o}.o" for o in ("pa_array", "pa_blocks", "tdh")],
    }
    sizes = {}
    for design, objects in parts.items():
        out = subprocess.run(["nm", "-S"] + [str(Path(farm) / o) for o in objects],
                             check=True, capture_output=True, text=True).stdout
        functions = {name: int(size, 16) for size, name in
                     re.findall(r"^[0-9a-f]+ ([0-9a-f]+) [tT] (\S+)$", out, re.M)}
        # What the kernel's macros make of trace events; v2 has none.
        events = sum(size for name, size in functions.items() if EVENT_CODE.match(name))
        sizes[design] = sum(functions.values()) - events
        if events:
            sizes[f"{design}, trace events"] = events
    return sizes


def losses(run):
    """Where flat is not better than v2, in words."""
    samples, records, sizes = run.samples, run.records, run.text
    wins = "takes fewer instructions" if samples.icount else "is faster"
    lost = []
    for op in OPERATIONS:
        for pages in samples.cells(op):
            r = samples.ratio(op, pages, "flat")
            if r and verdict(r) != "flat":
                how = f"v2 {wins}" if verdict(r) == "v2" else "no difference beyond noise"
                lost.append(f"- {op}, {pages:,} page{'s'[:pages > 1]}: {how} "
                            f"(v2 / flat {ratio_text(samples, r)})")
    metadata = {(r["pages"], r["design"]): r["bytes"] for r in records
                if r["kind"] == "metadata"}
    for pages in sorted({k[0] for k in metadata}):
        v2, flat = metadata.get((pages, "v2")), metadata.get((pages, "flat"))
        if v2 and flat and flat >= v2:
            lost.append(f"- metadata, {pages:,} page{'s'[:pages > 1]}: v2 takes {v2:,} bytes, "
                        f"flat {flat:,}")
    if sizes["flat"] >= sizes["v2"]:
        lost.append(f"- compiled code: v2 has {sizes['v2']:,} bytes of functions, "
                    f"flat {sizes['flat']:,}")
    return "\n".join(lost) or "Nowhere in this run."


class Run:
    """A benchmark run that was kept."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        self.about, self.records = data["run"], data["records"]
        self.samples = Samples(self.records, self.about["icount"])
        self.text = next(r["bytes"] for r in self.records if r["kind"] == "text")
        self.nr_samples = max(len(c) for c in self.samples.rounds.values())
        self.raw = f"benchmarks/results/{Path(path).name}"


def all_tables(samples):
    return "\n\n".join(f"### {title}\n\n{all_table(samples, op)}"
                       for op, title in OPERATIONS.items())


def runs_table(runs):
    return table(["what", "command", "kernel", "code at", "samples a cell", "raw"],
                 [["instructions" if r.samples.icount else "time", f"`{r.about['command']}`",
                   f"Linux {r.about['kernel']}, {r.about['engine']}", r.about["commit"],
                   str(r.nr_samples), f"[JSON]({r.raw})"] for r in runs], left=6)


def results(top):
    kept = top / "benchmarks" / "results"
    time, icount = Run(kept / "uml.json"), Run(kept / "qemu-icount.json")
    parts = [f"""<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Generated by `make bench` and `make faults`; do not edit. -->

# Results

Every figure on this page, but for the fault matrix, was made by one of these commands; the same
commands make it again:

{runs_table([icount, time])}

Instructions are those of x86-64, counted by QEMU: one CPU, one nanosecond of the guest's
clock for each. The command boots twice, and fails if a cell of the two boots differs by
more than 0.5%; the largest difference was {icount.about["again"]:.3%}. Times are medians
in ns on {time.about["cpu"]}, in user-mode Linux; brackets hold a 95% interval (bootstrap
over rounds). A ratio above 1 means that v2 takes more. All designs ran interleaved in one
kernel, behind the same door to the same software TDX module.

## Handing over, in instructions

The pages are there; the operands are to be made.

{pair_table(icount.samples, ["hand-over"])}

v2 populates its root page for each window of the extensions' memory; flat's entries are
in place. An array of control pages is populated once, in `create`, and costs v2 no more
than the operand then.

## v2 and flat, in time

{pair_table(time.samples)}

"flat / floor" is the distance to bare allocator calls without any object.

### Where flat is not better

{losses(time)}

## v2 and flat, in instructions

{pair_table(icount.samples)}

### Where flat is not better

{losses(icount)}

## Read this first

- An instruction count knows no cache, no branch predictor, and no price of CLFLUSH (one
  instruction) or WBINVD (the model's). It repeats to the last digit on the same build, and
  another compiler or configuration makes another count. Each turn of a `rep` instruction is
  counted, so that clearing or copying a page is 512.
- User-mode Linux has a 56-byte struct page, so that page to PFN is a division
  there and a shift on x86-64. That flatters an array of physical addresses in the time of
  `hand-over`, and of whatever contains it. Hence the instructions.
- v2 as posted does CLFLUSH on every page before a claim, and both engines execute
  it. The later series for the extensions does not; v2-noclflush is v2 without it. Compare the
  `life-` rows of flat with that one.
- In `life-blob`, v2 maps the pages and flat copies them. User-mode Linux changes
  mappings by system calls of its host, which flatters the copy's time.
- The software module's share is in the `life-` rows and in `release-flushed`,
  for all designs alike. A real WBINVD costs more than the model's.
- Up to 512 pages `create` makes an array of control pages, above that one for the
  memory of the extensions, which v2 takes from alloc_contig_pages(). So does
  `life-memory` at every size, although only thousands of pages are real there.
- v2 cannot release more than 512 pages with a flush, nor claim more control
  pages; there are no such rows.

## Where the gains come from: all designs, same run
"""]
    for name, title in DESIGNS.items():
        parts.append(f"- `{name}`: {title}")
    parts.append(f"""
In brackets: v2 divided by the design. What `v2-noclflush` and `v2-blocks` gain, v2
could have without another data structure. What the data structure gains by itself is
the distance from `v2-noclflush` to `flat-v2alloc`; of control pages, that is little.
In `life-blob` that distance is one between mapping and copying, and v2 could copy, too.

`v2` and `v2-noclflush` run the same code in all rows but the `life-` ones: where they
differ, that much is noise.

## All designs, in time (ns)

{all_tables(time.samples)}

## All designs, in instructions

{all_tables(icount.samples)}

## Metadata: bytes per array

Beside the pages themselves, as the allocators round them.

{fact_table(time.records, "metadata", ["bytes"])}

## Allocator calls: create + release

Calls from the array's code to the page and slab allocators, counted by relinking
the same modules with `--wrap`.

{fact_table(time.records, "calls", ["create", "release"])}

## Compiled code

Bytes of functions, array and wrappers. What the kernel's macros make of trace events, which v2 does
not have, stands apart.

{table(["", *TEXTS], [["x86-64"] + [str(icount.text.get(d, "-")) for d in TEXTS],
                      ["user mode"] + [str(time.text.get(d, "-")) for d in TEXTS]])}
""")
    parts.append(faults.section(top, "uml"))
    return "\n".join(parts)


def excerpt(readme, name, text):
    """README.md with @text between the two lines that mark the place for @name."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    head, found, rest = readme.partition(begin)
    _, found_too, tail = rest.partition(end)
    if not found or not found_too:
        sys.exit(f"error: README.md has no place for the table of {name}")
    return f"{head}{begin}\n{text}\n\n{end}{tail}"


def gathered(records):
    """One record for each cell, in place of one for each sample."""
    cells = {}
    for r in records:
        if r["kind"] == "sample":
            key = (r["op"], r["pages"], r["design"], r["operations"])
            cells.setdefault(key, []).append(r["ns"])
    return [{"kind": "samples", "op": op, "pages": pages, "design": design,
             "operations": operations, "ns": ns}
            for (op, pages, design, operations), ns in cells.items()] + \
           [r for r in records if r["kind"] not in ("sample", "absent")]


def largest_difference(a, b):
    """Of a cell's medians in two runs."""
    if a.rounds.keys() != b.rounds.keys():
        sys.exit("error: two boots of the same kernel measured different cells")
    return max((abs(a.median(*cell) / b.median(*cell) - 1), cell) for cell in a.rounds)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("count_log")
    p.add_argument("again_log", nargs="?")
    p.add_argument("--engine", required=True)
    p.add_argument("--kernel", required=True)
    p.add_argument("--text", required=True, help="where the modules were built")
    p.add_argument("--top", required=True)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--compare", type=Path, metavar="JSON", help="an earlier run, to be compared with")
    p.add_argument("--icount", action="store_true", help="a nanosecond is an instruction")
    p.add_argument("--emulated", action="store_true", help="the times are an emulator's")
    args = p.parse_args()

    top = Path(args.top)
    # Before this run takes its place.
    old = Run(args.compare) if args.compare else None
    if old and (old.about["engine"], old.about["icount"]) != (args.engine, args.icount):
        sys.exit(f"error: {args.compare} was made by {old.about['command']}: not to be compared with this engine")
    name = args.engine + ("-icount" if args.icount else "")
    records = gathered(read_lines(args.log))
    samples = Samples(records, args.icount)
    about = {"engine": args.engine, "icount": args.icount, "kernel": args.kernel,
             "commit": commit(args.top), "cpu": cpu(), "compiler": compiler(),
             "command": f"make bench ENGINE={args.engine}" + (" ICOUNT=1" if args.icount else "")}

    print(pair_table(samples))
    if args.engine == "uml":
        print("""
v2 is as posted, with CLFLUSH before each claim (in life-). User-mode Linux flatters
hand-over (56-byte struct page) and life-blob (v2 maps by system calls of the host).""")
    print("""
v2 takes the memory of the extensions from alloc_contig_pages(): rows of few pages are
not real. What v2 could have by changing a call: RESULTS.md.""")
    if args.icount:
        again = Samples(gathered(read_lines(args.again_log)), True)
        about["again"], cell = largest_difference(samples, again)
        print(f"\nTwo boots differ by {about['again']:.3%} at the most.")
        if about["again"] > REPEATS_TO:
            sys.exit(f"error: {' '.join(map(str, cell))} differs by more than {REPEATS_TO:.1%}")
    if args.compare:
        print("\n" + changes(old, samples))
    if args.quick:
        print("\nRough: few samples. `make bench` measures in full and writes RESULTS.md.")
        return

    records.append({"kind": "text", "bytes": text_sizes(args.text)})
    records += [r for r in gathered(read_lines(args.count_log)) if r["kind"] == "calls"]
    # Times of an emulator are good for nothing but a look.
    kept = top / ("build" if args.emulated else "benchmarks/results") / f"{name}.json"
    lines = ",\n".join(json.dumps(r) for r in records)
    kept.write_text(f'{{"run": {json.dumps(about)},\n"records": [\n{lines}\n]}}\n',
                    encoding="utf-8")
    print(f"\nRaw samples: {kept.relative_to(top)}")
    if args.emulated:
        print("Times of an emulator: RESULTS.md stays as it is. ICOUNT=1 counts instructions.")
        return
    (top / "RESULTS.md").write_text(results(top), encoding="utf-8")
    readme = top / "README.md"
    readme.write_text(excerpt(readme.read_text(encoding="utf-8"), name,
                              pair_table(samples, wanted=in_readme)), encoding="utf-8")
    print("All designs, metadata and allocator calls: RESULTS.md; some rows: README.md")


if __name__ == "__main__":
    main()
