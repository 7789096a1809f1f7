# SPDX-License-Identifier: GPL-2.0
"""The plot of the kept runs"""
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from tdxpa.runs import Samples  # noqa: E402

# The palette of Okabe and Ito, for colour-blind readers
COLOURS = {"v2": "#d55e00", "v2-noclflush": "#e69f00", "v2-blocks": "#cc79a7", "descriptor": "#009e73",
           "bare-list": "#56b4e9", "flat-v2alloc": "#999999", "flat-blocks": "#f0e442", "flat": "#0072b2",
           "floor": "#000000"}


def cost_per_page(directory: Path, samples: Samples) -> None:
    # The same data make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "cost-per-page"
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    sizes = samples.cells("cycle")
    for i, (design, colour) in enumerate(COLOURS.items()):
        points = {p: ns / p for p in sizes if (ns := samples.median("cycle", p, design))}
        # A line below another one shows around it.
        axes.plot(list(points), list(points.values()), color=colour, marker="os^DvxP*."[i], markersize=11 - i,
                  label=design, linestyle="--" if design == "floor" else "-",
                  linewidth=2.5 if design == "flat" else 1.3)
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
    figure.savefig(directory / "cost-per-page.svg", metadata={"Date": None})
    plt.close(figure)
