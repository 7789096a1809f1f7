# SPDX-License-Identifier: GPL-2.0
"""load.py LOG: memory in use between rounds of the load, when no array exists and caches are empty.

Status 1 if a counter grew, or if the page checker complained.  A guest whose kernel warns does not end.
"""
import json
from pathlib import Path
from statistics import median

from tdxpa import runs
from tdxpa.common import read_records
from tdxpa.plots import LINES, Plot, plt, source

# The file explains them.
COUNTERS, TRIED, VIOLATIONS, BOUND, MINUTES = (
    [*json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8")).values()][1:])


def growth(kib: list[int]) -> int:
    tenth = -(-len(kib) // 10)
    return round(median(kib[-tenth:]) - median(kib[:tenth]))


def plot(data: dict) -> Plot:
    used = {name: [s[i] for s in data["samples"]] for i, name in enumerate(COUNTERS, 1)}

    def draw(axes: plt.Axes) -> None:
        for (name, kib), (colour, marker) in zip(used.items(), LINES.values()):
            axes.plot([s[0] / 60 for s in data["samples"]], kib, color=colour, marker=marker, markevery=20, label=name)
        axes.set(xlabel="minutes", ylabel="KiB in use since the first sample")
        axes.legend()

    title = "{totals[arrays]:,} arrays with {totals[pages]:,} pages on {cpus} CPUs".format(**data["run"])
    return Plot("load", title, source(data["run"]), ["KiB", "lowest", "highest", "last", "growth"],
                [[name, *(f"{n:,}" for n in (min(k), max(k), k[-1], growth(k)))] for name, k in used.items()], draw)


def main() -> int:
    args = runs.arguments(__doc__)
    rounds = list(read_records(args.log, "load: "))
    if not rounds:
        raise SystemExit(f"error: no round of the load ended; the console: {args.log}")
    looks = [r for r in rounds if "SUnreclaim" in r]
    samples = [[r["second"], *(n * (r[k] - looks[0][k]) for k, n in COUNTERS.values())] for r in looks]
    totals = {k: sum(r[k] for r in rounds) for k in (*TRIED, *VIOLATIONS)}
    data: dict = {"run": runs.about(args.top, f"make torture WHAT=load ENGINE={args.engine}", args.kernel, args.engine,
                              cpus=rounds[0]["cpus"], rounds=len(rounds), totals=totals), "samples": samples}
    print(", ".join(f"{k}: {n:,}" for k, n in totals.items()), plot(data).text(), sep="\n\n")
    checks = {f"{k} grow by at most {BOUND:,} KiB": growth([s[i] for s in samples]) <= BOUND
              for i, k in enumerate(COUNTERS, 1)}
    checks["there are two samples"] = len(samples) > 1
    checks |= {f"{k} is {'not ' * (k in TRIED)}0": (n > 0) == (k in TRIED) for k, n in totals.items()}
    wrong = [words for words, good in checks.items() if not good]
    print("".join(f"wrong, not true: {words}\n" for words in wrong), end="")
    runs.write(args.top, f"load-{args.engine}.json", data["run"], {"samples": samples},
               whole=not wrong and samples[-1][0] >= MINUTES * 60)
    print(f"{len(checks) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0
