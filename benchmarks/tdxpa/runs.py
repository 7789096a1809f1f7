# SPDX-License-Identifier: GPL-2.0
"""Benchmark runs: the records of a log, the samples of a run, and files that hold runs."""
import argparse
import functools
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tdxpa.common import commit, compiler, machine, read_records, replace, table

PREFIX = "tdx_bench: "
BASE, DESIGN, FLOOR = "v2", "flat", "floor"
# The same code as flat: the difference is the spread of a measurement.
AGAIN = "flat-again"
RESAMPLES = 2000
SEED = 20260327
ENOMEM = 12
# Instructions of two boots differ by at most this share.
REPEATS_TO = 0.005
REPEATS = "{within} of {of} quotients and {medians within} of {medians} medians lie in the intervals of {commit}"
# More pages have no known use.  They are only in the plot of scaling.
MOST = 32768
# make results takes runs from the first folder below build/ and keeps them in the second.
RUNS, KEPT = "build/runs", "benchmarks/results"

# Texts by name, in the order of all tables
TEXTS = json.loads((Path(__file__).parents[1] / "designs/designs.json").read_text(encoding="utf-8"))
OPERATIONS, DESIGNS = TEXTS["operations"], TEXTS["designs"]
# KERNEL= of make bench
CONFIGURATIONS = {"zeroing": "init_on_alloc=1", "plain": "init_on_alloc=0",
                  "hardened": "init_on_alloc=1, hardened page and slab allocator"}
Ratio = tuple[float, float, float]


def number(x: float | None, digits: int = 2) -> str:
    """With this many significant digits"""
    if x is None:
        return "-"
    if x >= 10 ** (digits - 1):
        return f"{int(round(x, digits - len(str(int(x))))):,}"
    return f"{x:#.{digits}g}".rstrip(".")


def gathered(records: Iterable[dict]) -> list[dict]:
    """One record for each cell and boot, instead of one for each sample.  Others are the same in each boot."""
    cells: dict[tuple, list[int]] = {}
    others: list[dict] = []
    for r in records:
        if r["kind"] == "sample":
            cells.setdefault((r["op"], r["pages"], r["design"], r["boot"], r["operations"]), []).append(r["ns"])
        elif r not in others:
            others.append(r)
    # A cell exists in all boots or in none.
    absent = {(r["op"], r["pages"], r["design"]) for r in others if r["kind"] == "absent"}
    return [{"kind": "samples", "op": op, "pages": pages, "design": design, "boot": boot, "operations": operations,
             "ns": ns} for (op, pages, design, boot, operations), ns in cells.items()
            if (op, pages, design) not in absent] + others


def read_logs(*logs: str | Path) -> list[dict]:
    """The records of a whole run, with a log for each boot, gathered"""
    records: list[dict] = []
    for log in logs:
        errno, before = None, len(records)
        for r in read_records(log, PREFIX):
            if r["kind"] == "end":
                errno = r["errno"]
            elif r["kind"] != "progress":
                records.append(r)
            # Rivals may lack memory.  Anything else is an error.
            if r["kind"] == "absent" and (r["errno"] != ENOMEM or r["design"] in (DESIGN, FLOOR)):
                sys.exit(f"error: {r['design']} cannot do {r['op']} of {r['pages']} pages (errno {r['errno']})")
        if errno != 0 or len(records) == before:
            sys.exit(f"error: the benchmark is not complete (errno {errno}): {log}")
    return gathered(records)


class Samples:
    """ns per operation of each round: an array for each boot, by operation, pages and design"""

    def __init__(self, records: Iterable[dict], icount: bool = False) -> None:
        self.icount = icount
        self.rounds: dict[tuple[str, int, str], list[np.ndarray]] = {}
        for r in (r for r in records if r["kind"] == "samples"):
            cell = (r["op"], r["pages"], r["design"])
            self.rounds.setdefault(cell, []).append(np.array(r["ns"]) / r["operations"])

    def cells(self, op: str, most: int = MOST) -> list[int]:
        return sorted({pages for o, pages, _ in self.rounds if o == op and pages <= most})

    def boots(self, op: str, pages: int, design: str) -> np.ndarray:
        """One value for each boot.  An interrupt adds instructions to some samples, so their lower quartile counts."""
        return np.array([np.quantile(ns, 0.25 if self.icount else 0.5) for ns in self.rounds.get((op, pages, design), [])])

    def median(self, op: str, pages: int, design: str) -> float | None:
        boots = self.boots(op, pages, design)
        return float(np.median(boots)) if len(boots) else None

    @functools.cache
    def ratio(self, op: str, pages: int, design: str, base: str = BASE) -> Ratio | None:
        """(ratio, low, high) of @base to @design in the same boot; 95% of other boots lie between low and high"""
        cells = [(op, pages, d) for d in (base, design)]
        if not all(cell in self.rounds for cell in cells):
            return None
        boots = np.divide(*[self.boots(*cell) for cell in cells])
        ratio = float(np.median(boots))
        if self.icount:
            return ratio, float(boots.min()) / (1 + REPEATS_TO), float(boots.max()) * (1 + REPEATS_TO)
        low, high = interval(*[np.array(self.rounds[cell]) for cell in cells])
        return ratio, low, high

    def spread(self, op: str, pages: int, design: str) -> tuple[float, float]:
        """95% of these boots, with resampled rounds, or all counts and REPEATS_TO.  Another run may differ more."""
        if self.icount:
            boots = self.boots(op, pages, design)
            return boots.min() / (1 + REPEATS_TO), boots.max() * (1 + REPEATS_TO)
        ns = np.array(self.rounds[op, pages, design])
        return interval(ns, np.ones_like(ns))

    def same(self, op: str, pages: int) -> float:
        """The factor that the same code under two names can differ by"""
        r = self.ratio(op, pages, AGAIN, base=DESIGN)
        return max(r[2], 1 / r[1]) if r else 1

    def verdict(self, op: str, pages: int, rival: str) -> str:
        """"flat" or the rival if one takes less beyond the spread of the same code, otherwise "even" """
        r, beyond = self.ratio(op, pages, DESIGN, base=rival), self.same(op, pages)
        if not r:
            return "-"
        return "flat" if r[1] > beyond else rival if r[2] < 1 / beyond else "even"

    def ratio_text(self, r: Ratio | None, digits: int = 2) -> str:
        texts = [number(x, digits) for x in r or [None]]
        return texts[0] if self.icount or not r else f"{texts[0]} [{', '.join(texts[1:])}]"


def interval(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """95% of the quotients of medians, each of a random boot (row) with resampled rounds, the same for both"""
    rng, (boots, rounds) = np.random.default_rng(SEED), a.shape
    picked = rng.integers(boots, size=(RESAMPLES, 1)), rng.integers(rounds, size=(RESAMPLES, rounds))
    low, high = np.quantile(np.median(a[picked], axis=1) / np.median(b[picked], axis=1), (0.025, 0.975))
    return float(low), float(high)


class Run:
    """A run in a file"""

    def __init__(self, path: str | Path) -> None:
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            self.about, self.records = data["run"], data["records"]
            self.samples = Samples(self.records, self.about["icount"])
            # SEAMCALLs of an operation
            self.calls = {(r["op"], r["pages"], r["design"]): r["leaves"] + r["wbinvd"]
                          for r in self.records if r["kind"] == "calls"}
        except (OSError, ValueError, TypeError, KeyError) as e:
            sys.exit(f"error: {path} is not a whole run of this version ({type(e).__name__}: {e}): "
                     "repeat make bench with its KERNEL and WHAT, then make results")


def comparison_table(samples: Samples, operations: Sequence[str] = tuple(OPERATIONS), sizes: Sequence[int] = (),
                     mark: str = "") -> str:
    """v2 and flat side by side"""
    rows = []
    for op in operations:
        for pages in (p for p in samples.cells(op) if p in sizes or not sizes):
            r = samples.ratio(op, pages, DESIGN)
            flat, floor = (samples.median(op, pages, d) for d in (DESIGN, FLOOR))
            rows.append([op, f"{pages:,}", number(samples.median(op, pages, BASE)), number(flat),
                         samples.ratio_text(r), samples.verdict(op, pages, BASE), number(flat / floor) if flat and floor else "-"])
    unit = "instr." if samples.icount else "ns"
    return table([mark + "operation", "pages", f"v2 {unit}", f"flat {unit}",
                  "v2 / flat" if samples.icount else "v2 / flat [95%]", "less", "flat / floor"], rows)


def arguments(doc: str | None, **flags: str) -> argparse.Namespace:
    """Of a report about the log of a guest"""
    p = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    p.add_argument("logs", nargs="*" if "check" in flags else "+")
    for name in ("--engine", "--kernel"):
        p.add_argument(name, required=True)
    p.add_argument("--top", required=True, type=Path)
    for name, text in flags.items():
        p.add_argument(f"--{name}", action="store_true", help=text)
    p.add_argument("--configuration", choices=CONFIGURATIONS)
    args = p.parse_args()
    args.log = "".join(args.logs[:1])
    return args


def is_loaded(*logs: str) -> bool:
    """Did other processes take more than 1/4 CPU?  measure() wrote LOG.stat before and after the guest."""
    stats = [[line.split()[1:9] for line in Path(f"{log}.stat").read_text().splitlines()] for log in logs]
    idle = min(ticks[3:5].sum() / ticks.sum() for ticks in np.diff(np.array(stats, int), axis=1)[:, 0])
    most = (os.cpu_count() or 1) * (1 - idle) - 1
    if most > 0.25:
        print(f"\nOther processes took {most:.1f} CPUs.  Repeat the run on an idle machine.")
    return bool(most > 0.25)


def about(top: str | Path, command: str, kernel: str, engine: str, **more: object) -> dict:
    """What a run has to say about itself"""
    return {"command": command, "kernel": kernel, "engine": engine, "commit": commit(top),
            "compiler": compiler(), **machine(), "memory": os.environ.get("GUEST_MEMORY", "anonymous"), **more}


def folder(run: dict, good: bool = True) -> str:
    """Where a run goes.  make results takes it if it is @good, and its code is a commit."""
    return RUNS if good and re.fullmatch("[0-9a-f]+", run["commit"]) else "build"


def write(top: str | Path, name: str, run: dict, parts: Mapping[str, Sequence[object]], whole: bool = True) -> None:
    """Write a run below build/, a line for each record."""
    lists = [f'"{part}": [\n' + ",\n".join(map(json.dumps, records)) + "\n]" for part, records in parts.items()]
    path = f"{folder(run, whole)}/{name}"
    replace({Path(top) / path: ",\n".join([f'{{"run": {json.dumps(run)}', *lists]) + "\n}\n"})
    print(f"\nRaw data: {path}; make results " + ("keeps it" if RUNS in path else "keeps whole runs of a commit only"))


def load(top: str | Path, name: str) -> dict:
    """A run that is kept"""
    return json.loads((Path(top) / KEPT / name).read_text(encoding="utf-8"))
