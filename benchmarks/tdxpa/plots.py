# SPDX-License-Identifier: GPL-2.0
"""The plots of the kept runs.  Each has a table with the same numbers."""
import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import ListedColormap  # noqa: E402
from matplotlib.ticker import LogLocator  # noqa: E402

from tdxpa.common import table  # noqa: E402
from tdxpa.faults import LEVELS  # noqa: E402
from tdxpa.runs import DESIGN, Run, number  # noqa: E402

# The file explains them.
LINES, BARS, SHADES, STEPS, CONCERNS = (
    json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))[k]
    for k in ("lines", "bars", "shades", "steps", "concerns"))


@dataclass
class Plot:
    """A picture, and the table with its numbers"""
    name: str
    title: str
    source: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    draw: Callable[[plt.Axes], None]

    def text(self) -> str:
        return table(self.header, self.rows)


def source(about: Mapping) -> str:
    return f"{about['command']}, Linux {about['kernel']}, commit {about['commit']}; no TDX hardware"


def waterfall(name: str, title: str, run: Run, op: str, pages: int) -> Plot:
    """From v2 to flat, one difference at a time"""
    totals = [run.samples.median(op, pages, design) or 0 for _, design in STEPS]
    lows = [0.0, *(min(a, b) for a, b in zip(totals, totals[1:])), 0.0]
    heights = [totals[0], *(abs(a - b) for a, b in zip(totals, totals[1:])), totals[-1]]
    signs = ["", *("-" if a >= b else "+" for a, b in zip(totals, totals[1:])), ""]
    labels = [*(label for label, _ in STEPS), "flat"]

    def draw(axes: plt.Axes) -> None:
        for i, (low, height, sign) in enumerate(zip(lows, heights, signs)):
            colour, hatch = BARS[0] if not sign else BARS[1] if sign == "-" else BARS[3]
            axes.bar(i, height, bottom=low, color=colour, hatch=hatch, edgecolor="black", width=0.65)
            axes.annotate(f"{sign}{number(height)}", (i, low + height), ha="center", va="bottom")
        axes.set_xticks(range(len(labels)), labels)
        axes.set_ylim(0, max(totals) * 1.12)
        axes.set_ylabel("instructions")
        axes.yaxis.set_major_formatter("{x:,.0f}")

    return Plot(name, title, source(run.about), ["", "instructions"],
                [[label, sign + number(height)] for label, sign, height in zip(labels, signs, heights)], draw)


def by_size(name: str, title: str, run: Run, op: str, designs: Sequence[str], unit: str, sizes: Sequence[int]) -> Plot:
    """Cost per page against the number of pages.  A band has 95% of the boots of the run."""
    points = {d: [(p, run.samples.median(op, p, d) / p, *(x / p for x in run.samples.spread(op, p, d)))  # type: ignore
                  for p in sizes if run.samples.median(op, p, d)] for d in designs}

    def draw(axes: plt.Axes) -> None:
        for design in designs:
            colour, marker = LINES[design]
            x, y, low, high = zip(*points[design])
            axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
            axes.plot(x, y, color=colour, marker=marker, label=design, linewidth=2.5 if design == DESIGN else 1.3)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [f"{s:,}" for s in sizes], rotation=60, ha="right", fontsize=10)
        axes.minorticks_off()
        axes.grid(True, alpha=0.3)
        axes.set_xlabel("pages in the array")
        axes.set_ylabel(f"{unit} per page (log scale)")
        axes.legend(ncols=2)

    cells = {d: {p: f"{number(y)} [{number(low)}, {number(high)}]" for p, y, low, high in points[d]} for d in designs}
    return Plot(name, title, source(run.about), ["pages", *designs],
                [[f"{p:,}", *(cells[d].get(p, "-") for d in designs)] for p in sizes], draw)


def heat_map(columns: Sequence[str], rows: Sequence[tuple[str, str, Sequence[str]]], about: Mapping) -> Plot:
    """One line for each row of the fault matrix"""
    def draw(axes: plt.Axes) -> None:
        axes.pcolormesh([[LEVELS.index(level) for level in levels] for _, _, levels in rows], edgecolors="face",
                        cmap=ListedColormap(SHADES), vmin=-0.5, vmax=len(LEVELS) - 0.5)
        axes.invert_yaxis()
        axes.set_xticks([i + 0.5 for i in range(len(columns))], [c.replace(", ", "\n") for c in columns])
        groups = [group for group, _, _ in rows]
        first = [i for i, group in enumerate(groups) if i == 0 or groups[i - 1] != group]
        middle = [(a + b) / 2 for a, b in zip(first, [*first[1:], len(rows)])]
        axes.set_yticks(middle, [textwrap.fill(groups[i], 16) for i in first])
        for i in first[1:]:
            axes.axhline(i, color="black", linewidth=2)
        for i in range(1, len(columns)):
            axes.axvline(i, color="white", linewidth=3)
        axes.legend(handles=[plt.Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="black", label=name)
                             for c, name in zip(SHADES, LEVELS[:4])] + [
                    plt.Rectangle((0, 0), 1, 1, facecolor="white", label="white: " + " or ".join(LEVELS[4:]))],
                    loc="lower center", bbox_to_anchor=(0.4, 1.05), ncols=3, fontsize=10)

    counted = [[f"{name}: rows", *(str(sum(levels[i] == name for _, _, levels in rows)) for i in range(len(columns)))]
               for name in LEVELS]
    return Plot("safety", "Rows of the fault matrix", source(about), ["", *columns], counted, draw)


def size_by_concern(functions: Mapping[str, Mapping[str, int]], designs: Sequence[str], about: Mapping) -> Plot:
    def concern(function: str) -> str:
        return next(c for c, pattern in CONCERNS.items() if re.match(pattern, function))

    totals = {d: {c: sum(n for f, n in functions[d].items() if concern(f) == c) for c in CONCERNS} for d in designs}

    def draw(axes: plt.Axes) -> None:
        below = [0] * len(designs)
        for (colour, hatch), c in zip(BARS, CONCERNS):
            sizes = [totals[d][c] for d in designs]
            axes.bar(designs, sizes, bottom=below, color=colour, hatch=hatch, edgecolor="black", label=c, width=0.65)
            below = [a + b for a, b in zip(below, sizes)]
        axes.set_ylabel("bytes of functions")
        axes.tick_params(axis="x", rotation=15)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    return Plot("size", "Size by concern, built into Linux for x86-64", source(about), ["design", *CONCERNS],
                [[d, *(f"{totals[d][c]:,}" for c in CONCERNS)] for d in designs], draw)


def remaining(cases: Sequence[tuple[str, Sequence[float]]], us: Sequence[float], about: Mapping) -> Plot:
    """v2 / flat, if a SEAMCALL takes this many us"""
    def draw(axes: plt.Axes) -> None:
        for i, (colour, hatch) in zip(range(len(us)), BARS):
            bars = axes.bar([x + i * 0.26 for x in range(len(cases))], [c[1][i] for c in cases], width=0.24,
                            color=colour, hatch=hatch, edgecolor="black",
                            label=f"{us[i]:g} us per SEAMCALL" if us[i] else "as measured with the model")
            axes.bar_label(bars, [number(c[1][i]) for c in cases])
        axes.axhline(1, color="black", linewidth=1)
        axes.set_xticks([x + 0.26 for x in range(len(cases))], [textwrap.fill(c[0], 22) for c in cases])
        axes.set_ylabel("time of v2 / time of flat")
        axes.legend()

    return Plot("seamcalls", "What remains of the difference with slower SEAMCALLs", source(about),
                ["v2 / flat", *(f"{u:g} us" for u in us)], [[title, *map(number, values)] for title, values in cases], draw)


def save(directory: Path, plots: Sequence[Plot]) -> None:
    """The same data make the same files."""
    matplotlib.rcParams |= {"svg.hashsalt": "tdx", "svg.fonttype": "none", "font.size": 12, "hatch.linewidth": 0.7}
    for path in directory.glob("*.svg"):
        path.unlink()
    for plot in plots:
        figure, axes = plt.subplots(figsize=(10, 6), layout="constrained")
        plot.draw(axes)
        axes.set_title(plot.title)
        figure.supxlabel(plot.source, fontsize=9)
        directory.mkdir(parents=True, exist_ok=True)
        figure.savefig(directory / f"{plot.name}.svg", metadata={"Date": None})
        plt.close(figure)
