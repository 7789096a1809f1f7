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
import statistics
import sys
from pathlib import Path

import answers
import bars
import callers
import faults
import frag
import host
import instructions
from common import commit, compiler, cpu, excerpt, table
from pairs import pair_table, ratio_text, verdict
from runs import (BASE, DESIGN, DESIGNS, FLOOR, OPERATIONS, REPEATS_TO, RESAMPLES, SEED, Run, Samples,
                  gathered, largest_difference, number, read_finished, read_lines)

# Rows that README.md shows.
README_OPERATIONS = ("hand-over", "cycle", "release-flushed", "life-control", "life-blob", "life-memory")
README_SIZES = (1, 32, 512, 12800)


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


def readme_table(time, icount):
    """v2 and flat, time and instructions in one line; no memory for the extensions that nobody wants."""
    rows = []
    for op in README_OPERATIONS:
        for pages in README_SIZES:
            r = time.ratio(op, pages, DESIGN)
            if not r or (op == "life-memory" and pages < max(README_SIZES)):
                continue
            instructions = icount.ratio(op, pages, DESIGN)
            rows.append([op, f"{pages:,}", number(time.median(op, pages, BASE)),
                         number(time.median(op, pages, DESIGN)), ratio_text(time, r), verdict(r),
                         number(instructions[0]), verdict(instructions)])
    return table(["operation", "pages", "v2 ns", "flat ns", "v2 / flat [95%]", "faster",
                  "v2 / flat, instr.", "fewer"], rows)


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


RIVALS = ("v2", "descriptor", "bare-list")


def lost_cells(run):
    """[(operation, pages, rival, ratio)] in which a rival takes less than flat."""
    return [(op, pages, rival, r) for op in OPERATIONS for pages in run.samples.cells(op)
            for rival in RIVALS
            if (r := run.samples.ratio(op, pages, DESIGN, base=rival)) and r[2] < 1]


def lost_metadata(run):
    """[(pages, rival, its bytes, flat's)] where a rival takes no more than flat."""
    by = {(r["pages"], r["design"]): r["bytes"] for r in run.records if r["kind"] == "metadata"}
    return [(pages, rival, by[pages, rival], flat) for (pages, design), flat in sorted(by.items())
            for rival in RIVALS if design == DESIGN and by.get((pages, rival), flat + 1) <= flat]


def losses(run):
    """Where flat is not better than a rival, in words."""
    wins = "takes fewer instructions" if run.samples.icount else "is faster"
    lost = [f"- {op}, {pages:,} page{'s'[:pages > 1]}: {rival} {wins} "
            f"({rival} / flat {ratio_text(run.samples, r)})"
            for op, pages, rival, r in lost_cells(run)]
    for op in OPERATIONS:
        for pages in run.samples.cells(op):
            r = run.samples.ratio(op, pages, DESIGN)
            if r and verdict(r) == "even":
                lost.append(f"- {op}, {pages:,} page{'s'[:pages > 1]}: no difference beyond noise "
                            f"(v2 / flat {ratio_text(run.samples, r)})")
    lost += [f"- metadata, {pages:,} page{'s'[:pages > 1]}: {rival} takes {theirs:,} bytes, flat {flat:,}"
             for pages, rival, theirs, flat in lost_metadata(run)]
    return "\n".join(lost) or "Nowhere in this run."


def runs_of(pages):
    """Numbers of pages in words."""
    pages = list(pages)
    return ", ".join(f"{p:,}" for p in pages) + (" page" if pages == [1] else " pages")


def losses_in_short(time, icount, text):
    """The same for both runs, one line for each operation and rival."""
    lost = {}
    for run, unit in ((time, "time"), (icount, "instructions")):
        for op, pages, rival, r in lost_cells(run):
            lost.setdefault((op, rival), {}).setdefault(unit, []).append((pages, r[0]))
    lines = [f"- {op}: **{rival}** in " + "; in ".join(
        f"{unit} at {runs_of(p for p, _ in cells)} (down to {number(min(r for _, r in cells))})"
        for unit, cells in units.items()) for (op, rival), units in lost.items()]
    metadata = {}
    for pages, rival, _, _ in lost_metadata(time):
        metadata.setdefault(rival, []).append(pages)
    lines += [f"- metadata: **{rival}** at {runs_of(pages)}" for rival, pages in metadata.items()]
    lines += [f"- compiled code: **{rival}**, {text[rival]:,} bytes of functions to {text[DESIGN]:,}"
              for rival in RIVALS if text.get(rival, text[DESIGN] + 1) <= text[DESIGN]]
    return "\n".join(lines) or "Nowhere."


def all_tables(samples):
    return "\n\n".join(f"### {title}\n\n{all_table(samples, op)}"
                       for op, title in OPERATIONS.items())


def runs_table(runs):
    return table(["what", "command", "kernel", "code at", "samples a cell", "raw"],
                 [["instructions" if r.samples.icount else "time", f"`{r.about['command']}`",
                   f"Linux {r.about['kernel']}, {r.about['engine']}", r.about["commit"],
                   str(r.nr_samples), f"[JSON]({r.raw})"] for r in runs], left=6)


def in_words(samples, op, pages, design=DESIGN, base=BASE):
    return number(samples.ratio(op, pages, design, base=base)[0])


def story(time, icount):
    """Five sentences, each with its figures."""
    t, i = time.samples, icount.samples
    most = max(t.cells("cycle"))

    def page(samples, pages):
        return number(bars.page_cost(samples, pages))

    return f"""1. Handing over is won by the data structure alone: nothing is refilled, so that all windows of
   12,800 pages cost {number(i.median("hand-over", 12800, DESIGN))} instructions to v2's
   {number(i.median("hand-over", 12800, BASE))}, and {in_words(i, "hand-over", 512)} times less at 512 pages.
2. What a user feels is getting and returning pages: create, hand-over and release of 512 pages
   take {in_words(t, "cycle", 512)} times less time than v2, of 12,800 pages {in_words(t, "cycle", 12800)} times; most of it is
   the allocation policy, which v2 could have (`v2-blocks`: {in_words(t, "cycle", 512, "v2-blocks")} and {in_words(t, "cycle", 12800, "v2-blocks")}).
3. That is within {number(t.median("cycle", 512, DESIGN) / t.median("cycle", 512, FLOOR))} times of the bare allocator calls at 512 pages; those calls by themselves are
   {in_words(t, "cycle", 512, FLOOR)} times faster than v2, which is what a design on this page allocator can reach in time.
4. A page costs {page(i, 512)} instructions in an array of 512, {page(i, 12800)} in one of 12,800 and {page(i, most)} in one
   of {most:,} ({page(t, 512)}, {page(t, 12800)} and {page(t, most)} ns); where memory is [fragmented](#fragmented-memory), flat gets its
   pages in smaller blocks, and designs that want one contiguous run get none (nothing there can be moved; on a
   host, page cache can).
5. The price is code: more of it is compiled than for v2, since release and wrappers decide what v2
   leaves to its [callers](#callers-side-by-side); the [fault matrix](#fault-matrix) shows what that buys."""


def plot(name, words):
    path = f"benchmarks/results/plots/{name}"
    return f"![{words}]({path}.svg)\n\n([PNG]({path}.png))"


def beyond_floor(profile, op, pages):
    """{function: instructions} of flat, and what it executes more than the floor."""
    by = {r["design"]: r["functions"] for r in profile["records"] if (r["op"], r["pages"]) == (op, pages)}
    return by[DESIGN], sum(by[DESIGN].values()) - sum(by[FLOOR].values())


def clflush_table(samples):
    """Whole lives, which begin with a claim: with CLFLUSH before it and without."""
    cells = [("life-control", p) for p in (1, 32, 512)] + [("life-memory", 12800)]
    designs = (BASE, "v2-noclflush", DESIGN)
    return table(["operation", "pages", *(f"{d} ns" for d in designs), "CLFLUSH takes"],
                 [[op, f"{p:,}", *(number(samples.median(op, p, d)) for d in designs),
                   f"{1 - samples.median(op, p, designs[1]) / samples.median(op, p, BASE):.0%} of v2"]
                  for op, p in cells])


def why(time, icount, profile, code, missed):
    """Why bars are missed, in figures; of those that are."""
    t, i = time.samples, icount.samples
    create, more = beyond_floor(profile, "create", 512)
    flushed, more_flushed = beyond_floor(profile, "release-flushed", 512)

    def floor(samples, op, pages):
        return number(samples.median(op, pages, FLOOR))

    def page(pages, design):
        return number(t.median("cycle", pages, design) / pages)

    def wrappers(design):
        return sum(size for name, size in code["text"]["functions"][design].items() if name.startswith("tdh_"))

    def is_missed(what, unit=""):
        return any(w.startswith(what) and u.startswith(unit) for w, u in missed)

    # Is there a design on this page allocator that is fast enough?
    best = t.ratio("cycle", 512, FLOOR)[0]
    cycle = (f"{number(best)}; to be faster is to not use the\n  page allocator." if best < 25 else
             f"{number(best)}, and flat is\n  {number(t.median('cycle', 512, DESIGN) / t.median('cycle', 512, FLOOR))} times slower than that: a list page more to get and to return.")
    told = []
    if is_missed("create, hand over, release", "time"):
        told.append(f"""- **25 times at 512 pages, in time.** The floor takes {floor(t, "create", 512)} ns to get one block of 2 MiB and
  {floor(t, "release", 512)} ns to return it ({floor(i, "release", 512)} instructions: the page allocator looks at each of the 512
  `struct page`). v2's time divided by the {floor(t, "cycle", 512)} ns of a cycle is {cycle}""")
    if is_missed("hand over all windows", "time"):
        told.append(f"""- **Hand over one page, in time.** {number(t.median("hand-over", 1, DESIGN))} ns to v2's {number(t.median("hand-over", 1, BASE))}: user-mode Linux has no jump labels, so that the
  window's trace event is a load and a branch there.""")
    if is_missed("create: ") or is_missed("release: "):
        told.append(f"""- **Create and release within 1.25 times of the floor.** The floor is `alloc_pages()` of the largest blocks and nothing else; it
  keeps no list. A list is a page more to get, and 8 bytes to write for each page: of the {more:,} instructions that
  creating 512 pages takes beyond the floor, {create["tdx_pa_blocks_alloc"]:,} are in the function that writes the entries. For one page
  that is two allocations instead of one; from the slab allocator, which is the slower where
  many arrays are created before one is released, as here, and the faster one at a time, as in `cycle`.""")
    if is_missed("release with flush"):
        told.append(f"""- **Release with flush within 2% of the bare loop, few pages.** Beside the loop, the list page is to be freed, and
  the object if there is one. At 512 pages {more_flushed:,} of {sum(flushed.values()):,} instructions are flat's own. A real WBINVD
  costs microseconds, the model's {number((t.median("release-flushed", 512, FLOOR) - t.median("release", 512, FLOOR)) / 512)} ns.""")
    if is_missed("read a blob out", "instructions"):
        told.append("""- **Reading a blob, in instructions.** QEMU counts each eight bytes copied, 512 a page, and both designs copy
  each page once; v2's mapping comes on top of that.""")
    if is_missed("cost of a page", "time"):
        told.append(f"""- **Cost of a page that stays flat, in time.** In instructions it does. In time, the floor's rises as well, from
  {page(512, FLOOR)} ns at 512 pages to {page(262144, FLOOR)} at 262,144, where the page allocator goes through 14 MiB of `struct page`.
  Above 524,288 pages the entries are vmalloc memory, which user-mode Linux maps by system calls of its
  host.""")
    if is_missed("functions of array"):
        told.append(f"""- **Compiled code.** {0.6 * callers.text_of(code)[0][BASE]:,.0f} bytes were allowed; v2's SEAMCALL wrappers alone are {wrappers(BASE):,}, flat's {wrappers(DESIGN):,}.
  flat's are longer by what they check and write down (is it held, does it fit, how far did the module
  get). It has two leaves and a way to read buffers that v2 leaves out; release splits
  blocks that stay behind in part; and each place of a trace event takes its
  bytes. [All functions](#compiled-code) side by side.""")
    told.append("\nWhere the instructions go, by function, is under [Instructions by function](#instructions-by-function).")
    return "\n".join(told)


def structure_table(icount, time):
    """What changes if nothing but the data structure does."""
    rows = []
    for op in OPERATIONS:
        for pages in (1, 32, 512, 12800):
            ratios = [samples.ratio(op, pages, "flat-v2alloc", base="v2-noclflush") for samples in (icount, time)]
            if any(ratios):
                rows.append([op, f"{pages:,}", ratio_text(icount, ratios[0]), ratio_text(time, ratios[1])])
    return table(["operation", "pages", "instr.", "time [95%]"], rows)


def results(top, plots):
    kept = top / "benchmarks" / "results"
    time, icount = Run(kept / "uml.json"), Run(kept / "qemu-icount.json")
    code = callers.load(top)
    text, _ = callers.text_of(code)
    bar_table, missed = bars.all_bars(time, icount, text)
    parts = [f"""<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Generated by `make bench`, `make frag`, `make profile`, `make callers` and `make faults`;
     do not edit. -->

# Results

What was asked of the design and what it reaches, in the runs below. In brackets the bar; bold is
a bar that is missed: {len(missed)} rows, [explained](#why-bars-are-missed).

{bar_table}

{plot("cost-per-page", "cost of a page against the size of the array, all designs")}

{plot("life-cycle", "life of an array by step, all designs")}

{story(time, icount)}

Where v2 or another rival takes less than flat:

{losses_in_short(time, icount, text)}

## Commands

Every figure on this page was made by one of these commands; the same commands make it again:

{runs_table([icount, time])}

`make frag`, `make profile`, `make callers` and `make faults` made what is said to be theirs; `make plots`
writes this page again from the runs that are kept.

Instructions are those of x86-64, counted by QEMU: one CPU, one nanosecond of the guest's
clock for each. The command boots twice, and fails if a cell of the two boots differs by
more than 0.5%; the largest difference was {icount.about["again"]:.3%}. Times are medians
in ns on {time.about["cpu"]}, in user-mode Linux; brackets hold a 95% interval (bootstrap
over rounds). A ratio above 1 means that the other design takes more. All designs ran
interleaved in one kernel, behind the same door to the same software TDX module.

## Why bars are missed

{why(time, icount, instructions.load(top), code, missed)}

## Handing over with and without CLFLUSH

v2 writes each page back before a claim, which the series for the extensions does not. All else of
v2-noclflush is v2.

{clflush_table(time.samples)}

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
- v2 does CLFLUSH on every page before a claim, and both engines execute
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
  pages; there are no such rows. Its pointers are one kmalloc, which ends at 524,288 pages.
- A design has no figure where its memory could not be had: alloc_contig_pages() wants a run of free
  pages as long as the array, and may not find it.

## Where the gains come from: all designs, same run
"""]
    for name, title in DESIGNS.items():
        parts.append(f"- `{name}`: {title}")
    parts.append(f"""
In brackets: v2 divided by the design. What `v2-noclflush` and `v2-blocks` gain, v2
could have without another data structure. CLFLUSH alone is the distance from `v2` to
`v2-noclflush` in `life-control`.

`v2` and `v2-noclflush` run the same code in all rows but the `life-` ones: where they
differ, that much is noise.

### The data structure by itself

`v2-noclflush` divided by `flat-v2alloc`: the same pages from the same calls of the page allocator, no CLFLUSH.
Below 1, the array of addresses takes more than v2's pointers. In `life-blob` that is mapping
against copying, and v2 could copy, too.

{structure_table(icount.samples, time.samples)}

## The plots as tables

### Cost of a page: create, hand over, release (ns)

{plots.cost_table(time.samples)}

### Life of an array by step

Each step by itself, for many arrays in a row; `cycle` has one array at a time. Control
pages, that is up to 512, are handed over by their operand, in some ns.

{plots.life_cycle_table(time.samples)}

### Metadata: bytes per array

Beside the pages themselves, as the allocators round them.

{plot("metadata", "bytes beside the pages against the size of the array, all designs")}

{fact_table(time.records, "metadata", ["bytes"])}

{instructions.section(top)}
## All designs, in time (ns)

{all_tables(time.samples)}

## All designs, in instructions

{all_tables(icount.samples)}

## Allocator calls: create + release

Calls from the array's code to the page and slab allocators, counted by relinking
the same modules with `--wrap`.

{fact_table(time.records, "calls", ["create", "release"])}

{callers.section(top)}
{callers.code_section(top)}""")
    parts.append(frag.section(top, "uml", plot("fragmentation", "flow with fragmented memory, all designs")))
    parts.append(host.results(top))
    parts.append(faults.section(top, "uml"))
    return "\n".join(part for part in parts if part)


def write_results(top):
    """RESULTS.md, its plots, and README's rows, from the runs that are kept."""
    # Others use this file without what it imports.
    import plots
    kept = top / "benchmarks" / "results"
    plots.draw(kept / "plots", Run(kept / "uml.json"), frag.load(top, "uml"))
    (top / "RESULTS.md").write_text(results(top, plots), encoding="utf-8")
    readme = top / "README.md"
    text = readme.read_text(encoding="utf-8")
    text = excerpt(text, "figures", readme_table(*(Run(kept / f"{name}.json").samples
                                                   for name in ("uml", "qemu-icount"))))
    readme.write_text(text, encoding="utf-8")
    answers.write(top)


def interrupted(args, name):
    """What a run has measured before it was ended."""
    records, done, of = read_finished(args.log)
    records = gathered(records)
    if not done:
        print("Interrupted before the first operation was measured.")
        return
    print(pair_table(Samples(records, args.icount)))
    kept = Path(args.top) / "build" / f"{name}-interrupted.json"
    keep(kept, about(args), records)
    print(f"\nInterrupted: {done} of {of} operations are measured. Raw samples: build/{kept.name}")


def about(args):
    return {"engine": args.engine, "icount": args.icount, "kernel": args.kernel,
            "commit": commit(args.top), "cpu": cpu(), "compiler": compiler(),
            "command": f"make bench ENGINE={args.engine}" + (" ICOUNT=1" if args.icount else "")}


def keep(path, run, records):
    lines = ",\n".join(json.dumps(r) for r in records)
    path.write_text(f'{{"run": {json.dumps(run)},\n"records": [\n{lines}\n]}}\n', encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log", nargs="?")
    p.add_argument("count_log", nargs="?")
    p.add_argument("again_log", nargs="?")
    p.add_argument("--engine")
    p.add_argument("--kernel")
    p.add_argument("--top", required=True)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--interrupted", action="store_true", help="the log has no end")
    p.add_argument("--compare", type=Path, metavar="JSON", help="an earlier run, to be compared with")
    p.add_argument("--icount", action="store_true", help="a nanosecond is an instruction")
    p.add_argument("--emulated", action="store_true", help="the times are an emulator's")
    args = p.parse_args()

    top = Path(args.top)
    if not args.log:
        write_results(top)
        return
    name = args.engine + ("-icount" if args.icount else "")
    if args.interrupted:
        interrupted(args, name)
        return
    # Before this run takes its place.
    old = Run(args.compare) if args.compare else None
    if old and (old.about["engine"], old.about["icount"]) != (args.engine, args.icount):
        sys.exit(f"error: {args.compare} was made by {old.about['command']}: not to be compared with this engine")
    records = gathered(read_lines(args.log))
    samples = Samples(records, args.icount)
    run = about(args)

    print(pair_table(samples))
    if args.engine == "uml":
        print("""
v2 is written from its description, with CLFLUSH before each claim (in life-). User-mode Linux flatters
hand-over (56-byte struct page) and life-blob (v2 maps by system calls of the host).""")
    print("""
v2 takes the memory of the extensions from alloc_contig_pages(): rows of few pages are
not real. What v2 could have by changing a call: RESULTS.md.""")
    if args.icount:
        again = Samples(gathered(read_lines(args.again_log)), True)
        run["again"], cell = largest_difference(samples, again)
        print(f"\nTwo boots differ by {run['again']:.3%} at the most.")
        if run["again"] > REPEATS_TO:
            sys.exit(f"error: {' '.join(map(str, cell))} differs by more than {REPEATS_TO:.1%}")
    if args.compare:
        print("\n" + changes(old, samples))
    if args.quick:
        print("\nRough: few samples. `make bench` measures in full and writes RESULTS.md.")
        return

    records += [r for r in gathered(read_lines(args.count_log)) if r["kind"] == "calls"]
    # Times of an emulator are good for nothing but a look.
    kept = top / ("build" if args.emulated else "benchmarks/results") / f"{name}.json"
    keep(kept, run, records)
    print(f"\nRaw samples: {kept.relative_to(top)}")
    if args.emulated:
        print("Times of an emulator: RESULTS.md stays as it is. ICOUNT=1 counts instructions.")
        return
    write_results(top)
    print("All designs, plots, metadata and allocator calls: RESULTS.md; some rows: README.md")


if __name__ == "__main__":
    main()
