# SPDX-License-Identifier: GPL-2.0
"""Benchmark runs: the records of a log, and the runs that are kept."""
import functools
import json
import random
import statistics
import sys
from pathlib import Path

from tdxpa.common import read_records

PREFIX = "tdx_bench: "
BASE, DESIGN, FLOOR = "v2", "flat", "floor"
RESAMPLES = 1000
SEED = 20260327
# Two boots of the same kernel may count so much apart.
REPEATS_TO = 0.005

OPERATIONS = {
    "create": "create: allocate array and pages",
    "hand-over": "hand over all windows: operands ready, no SEAMCALL",
    "release": "release without flush",
    "release-flushed": "release with flush (WBINVD by the software module)",
    "cycle": "create, hand over all windows, release without flush",
    "life-control": "control pages: create, claim, delete, release",
    "life-blob": "blob: create, connect, read out, release",
    "life-memory": "memory of the extensions: create, add all, init, release",
}

DESIGNS = {
    "v2": "written from a description of the series as posted (the series itself: `make compare`)",
    "v2-noclflush": "v2 without the CLFLUSH before each claim: one call dropped",
    "v2-blocks": "v2-noclflush with flat's allocation policy (split blocks, freed in runs)",
    "descriptor": "the caller's pages and pointers, 512 of them described at a time (April 2026)",
    "bare-list": "no object, one refilled list page, donated memory only (June 2026)",
    "flat-v2alloc": "flat with v2's allocation policy (single pages, or one contiguous run)",
    "flat-blocks": "flat with blocks of up to 2 MiB that are not split, as in the first edition",
    "flat": "the design",
    "flat-again": "flat under another name: the spread of a measurement (A/A pair)",
    "floor": "bare allocator calls for the same order-0 pages, no object",
    "floor-pages": "the pages of the floor, each flushed and freed alone",
}


ENOMEM = 12


def check_absent(record):
    """A design may lack memory for what it wants; anything else is an error."""
    if record["errno"] != ENOMEM or record["design"] in (DESIGN, FLOOR):
        sys.exit(f"error: {record['design']} cannot do {record['op']} of {record['pages']} pages "
                 f"(errno {record['errno']})")


def read_lines(path):
    """The benchmark's records; fail if the run did not end well."""
    ended, records = False, []
    for record in read_records(path, PREFIX):
        if record["kind"] == "end":
            ended = record["errno"] == 0
        elif record["kind"] != "progress":
            records.append(record)
        if record["kind"] == "absent":
            check_absent(record)
    if not ended:
        sys.exit(f"error: the benchmark did not come to its end; see {path}")
    return records


def read_finished(path):
    """(records, operations measured, of how many) of a run that was interrupted."""
    records, finished, done, of = [], 0, 0, 0
    for record in read_records(path, PREFIX):
        if record["kind"] == "progress":
            finished, done, of = len(records), record["done"], record["of"]
        else:
            records.append(record)
    return records[:finished], done, of


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

    @functools.cache
    def ratio(self, op, pages, design, base=BASE):
        """(ratio, low, high) of @base to @design, or None."""
        seed = f"{SEED} {base} {op} {pages} {design}"
        base, other = self.get(op, pages, base), self.get(op, pages, design)
        if not base or not other:
            return None
        if self.icount:
            ratio = statistics.median(base) / statistics.median(other)
            return ratio, ratio / (1 + REPEATS_TO), ratio * (1 + REPEATS_TO)
        rng = random.Random(seed)
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


class Run:
    """A benchmark run that was kept."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        self.about, self.records = data["run"], data["records"]
        self.samples = Samples(self.records, self.about["icount"])
        self.nr_samples = max(len(c) for c in self.samples.rounds.values())
        self.raw = f"benchmarks/results/{Path(path).name}"


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
           [r for r in records if r["kind"] != "sample"]


def largest_difference(a, b):
    """Of a cell's medians in two runs."""
    if a.rounds.keys() != b.rounds.keys():
        sys.exit("error: two boots of the same kernel measured different cells")
    return max((abs(a.median(*cell) / b.median(*cell) - 1), cell) for cell in a.rounds)
