# SPDX-License-Identifier: GPL-2.0
"""Plots of the kept runs, as SVG and PNG.  A design has the same colour in all of them."""
from collections.abc import Callable
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402

from tdxpa import frag  # noqa: E402
from tdxpa.runs import Run, Samples  # noqa: E402

# The palette of Okabe and Ito, for colour-blind readers
COLOURS = {"v2": "#d55e00", "v2-noclflush": "#e69f00", "v2-blocks": "#cc79a7", "descriptor": "#009e73",
           "bare-list": "#56b4e9", "flat-v2alloc": "#999999", "flat-blocks": "#f0e442", "flat": "#0072b2",
           "floor": "#000000"}


def save(figure: plt.Figure, directory: Path, name: str) -> None:
    # The same data make the same file.
    matplotlib.rcParams["svg.hashsalt"] = name
    figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
    figure.savefig(directory / f"{name}.png", dpi=100, metadata={"Software": None})
    plt.close(figure)


def cost_per_page(directory: Path, samples: Samples) -> None:
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    sizes = samples.cells("cycle")
    for i, (design, colour) in enumerate(COLOURS.items()):
        points = {p: ns / p for p in sizes if (ns := samples.median("cycle", p, design))}
        # A line below another one shows around it.
        axes.plot(list(points), list(points.values()), color=colour, marker="os^DvxP*."[i], markersize=11 - i, label=design,
                  linestyle="--" if design == "floor" else "-", linewidth=2.5 if design == "flat" else 1.3)
    axes.grid(True, which="major", alpha=0.3)
    axes.set_yscale("log")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{s:,}" for s in sizes], rotation=45, ha="right")
    axes.minorticks_off()
    axes.set_xlabel("pages in the array")
    axes.set_ylabel("ns per page (log scale)")
    axes.set_title("Life cycle without a flush: time per page, init_on_alloc=0\n"
                   "lower is better; a line ends where a design has no larger arrays")
    axes.legend(ncols=2)
    save(figure, directory, "cost-per-page")


def bars(axes: plt.Axes, data: dict, height: Callable[[dict, int], float]) -> list[str]:
    """A group of bars for each degree; a cross where a design has no memory."""
    states = [frag.label(s) for s in data["states"]]
    present = [d for d in COLOURS if any(r["design"] == d for r in data["rows"])]
    width = 0.85 / len(present)
    for row in data["rows"]:
        x = states.index(frag.label(row)) + (present.index(row["design"]) + 0.5) * width - 0.425
        good = [i for i, e in enumerate(row["errno"]) if not e]
        if good:
            axes.bar(x, median(height(row, i) for i in good), width, color=COLOURS[row["design"]])
        else:
            axes.plot(x, 0.03, "x", color=COLOURS[row["design"]],
                      transform=axes.get_xaxis_transform())
    axes.set_xticks(range(len(states)))
    axes.set_xticklabels([state.replace(", ", "\n") + ("\n(as it is)" if s["order"] == data["run"]["max_order"] else "")
                          for state, s in zip(states, data["states"])], fontsize="small")
    axes.set_xlabel("largest free block")
    axes.grid(True, axis="y", alpha=0.3)
    return present


def fragmentation(directory: Path, data: dict) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    bars(left, data, lambda row, i: row["ns"][i] / 1000)
    left.set_yscale("log")
    left.set_ylabel("µs for the flow (log scale)")
    present = bars(right, data, lambda row, i: row["regions"][i])
    right.set_yscale("log")
    right.set_ylabel("2 MiB regions that stay occupied (log scale)")
    right.legend(handles=[Patch(facecolor=COLOURS[d], label=d) for d in present] +
                 [Line2D([], [], color="#444444", marker="x", linestyle="", label="no memory")],
                 loc="upper left", ncols=2)
    right.set_ylim(bottom=10, top=4000)
    figure.suptitle(f"{data['run']['pages']:,} pages for the extensions, from fragmented memory; "
                    "lower is better, a cross is a failure")
    save(figure, directory, "fragmentation")


def draw(directory: Path, time: Run, fragmented: dict) -> None:
    cost_per_page(directory, time.samples)
    fragmentation(directory, fragmented)
