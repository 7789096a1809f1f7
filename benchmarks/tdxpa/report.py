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

from tdxpa import evidence
from tdxpa import frag
from tdxpa.common import commit, compiler, cpu, table
from tdxpa.ratios import pair_table, ratio_text
from tdxpa.runs import REPEATS_TO, RESAMPLES, SEED, Run, Samples, gathered, largest_difference, number, read_finished, read_lines


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


def write_results(top):
    """RESULTS.md and what else is generated, from the runs that are kept."""
    # Others use this file without matplotlib.
    from tdxpa import plots
    from tdxpa import results
    kept = top / "benchmarks" / "results"
    plots.draw(kept / "plots", Run(kept / "uml.json"), frag.load(top, "uml"))
    results.write(top)
    evidence.write(top)


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
            "kernel configuration": f"init_on_alloc={int(args.zeroing)}",
            "command": f"make bench ENGINE={args.engine}" + (" ICOUNT=1" if args.icount else "")
                       + (" INIT_ON_ALLOC=1" if args.zeroing else "")}


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
    p.add_argument("--zeroing", action="store_true", help="the kernel zeroes pages on allocation")
    p.add_argument("--emulated", action="store_true", help="the times are an emulator's")
    args = p.parse_args()

    top = Path(args.top)
    if not args.log:
        write_results(top)
        return
    name = args.engine + ("-icount" if args.icount else "") + ("-zeroing" if args.zeroing else "")
    if args.interrupted:
        interrupted(args, name)
        return
    # Before this run takes its place.
    old = Run(args.compare) if args.compare else None
    if old and (old.about["engine"], old.about["icount"],
                old.about.get("kernel configuration", "init_on_alloc=0")) != (
                    args.engine, args.icount, f"init_on_alloc={int(args.zeroing)}"):
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
