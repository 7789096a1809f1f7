# SPDX-License-Identifier: GPL-2.0
"""load.py LOG: counters of memory after each round of the load, when no array exists.

Status 1 if a counter grew, or if the page checker or the kernel complained.
"""
import sys
from statistics import median

from tdxpa import runs
from tdxpa.common import read_records, table

# KiB in use.  The free pages are negative: fewer of them are growth.
COUNTERS = {"pages": ("free", -4), "slab": ("SUnreclaim", 1), "vmalloc": ("VmallocUsed", 1)}
# A counter may grow by this many KiB from the first tenth of the rounds to the last: slab caches keep pages.
BOUND = 1024
VIOLATIONS = ("freed_owned", "freed_dirty", "freed_twice", "claimed_free", "needless")
NUMBERS = ("sequences", "failed", "failed_allocations", "arrays", "pages", "calls", "held", "refused")
# /proc/sys/kernel/tainted after modules from outside of the tree, and without a warning
OUT_OF_TREE = 4096
# Shorter runs are not kept.  A kept run has a sample for each ten seconds.
KEPT_MINUTES, SAMPLE = 60, 10


def growth(values: list[int]) -> int:
    tenth = max(len(values) // 10, 1)
    return round(median(values[-tenth:]) - median(values[:tenth]))


def main() -> int:
    args = runs.arguments(__doc__)
    rounds = list(read_records(args.log, "load: "))
    if not rounds:
        sys.exit(f"error: no round ended; the guest's console: {args.log}")
    used = {name: [scale * (r[k] - rounds[0][k]) for r in rounds] for name, (k, scale) in COUNTERS.items()}
    totals = {k: sum(r[k] for r in rounds) for k in NUMBERS}
    minutes = round(rounds[-1]["second"] / 60)
    print(f"{minutes} minutes, {len(rounds):,} rounds; " + ", ".join(f"{k} {n:,}" for k, n in totals.items()))
    print("\n" + table(["KiB in use since the first round", "lowest", "highest", "last", "growth"],
                       [[k, *(f"{n:,}" for n in (min(v), max(v), v[-1], growth(v)))] for k, v in used.items()]))
    checks = {f"{k}: growth of {growth(v):,} KiB, at most {BOUND:,}": growth(v) <= BOUND for k, v in used.items()}
    checks |= {f"{k}: {n}": not n for k in VIOLATIONS for n in [sum(r[k] for r in rounds)]}
    checks |= {"the kernel warned": all(r["tainted"] == OUT_OF_TREE for r in rounds)}
    checks |= {f"{k}: nothing was tried": bool(n) for k, n in totals.items()}
    wrong = [words for words, good in checks.items() if not good]
    print("".join(f"wrong: {words}\n" for words in wrong), end="")
    samples = {r["second"] // SAMPLE: [r["second"], *(v[i] for v in used.values())] for i, r in enumerate(rounds)}
    about = runs.about(args.top, f"make torture WHAT=load ENGINE={args.engine}", args.kernel, args.engine,
                       cpus=rounds[0]["cpus"], rounds=len(rounds), totals=totals)
    runs.write(args.top, f"load-{args.engine}.json", about, {"samples": [*samples.values()]},
               whole=not wrong and minutes >= KEPT_MINUTES)
    print(f"{len(checks) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
