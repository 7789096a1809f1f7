# SPDX-License-Identifier: GPL-2.0
"""host.py FILE TOP: keep the file of a run on a TDX host, and write RESULTS.md with its tables."""
import json
import sys
from pathlib import Path
from typing import Any

from tdxpa import hostfile
from tdxpa.common import render, table
from tdxpa.runs import KEPT, Samples, comparison_table

# Rows and columns of the table of flushes
NAMES, PERCENTILES = map(json.loads(Path(__file__).with_suffix(".json").read_text()).get, ("names", "percentiles"))


def lines_table(data: Any, mark: str) -> str:
    """Time to flush one page: distribution over pages."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for r in (r for r in data["records"] if r["kind"] == "lines"):
        ns = sorted(r["ns"])
        place = ("any", "any") if r["what"] in ("enter", "clock") else (r["lines"], r["where"])
        found = [f"{ns[min(len(ns) - 1, int(share * len(ns)))]:,}" for share in PERCENTILES.values()]
        rows.setdefault(key := (NAMES[r["what"]], *place), [*key, f"{len(ns):,}", *found])
    return table([mark + "one page, ns", "its lines", "package", "pages", *PERCENTILES], [*rows.values()], left=3)


def section(data: Any) -> str:
    """All tables of one run."""
    # The start of each table
    mark = hostfile.mark(data)
    samples = {side: Samples([r for r in data["records"] if r["behind"] == side]) for side in ("module", "software")}
    return render("host.md", data=data, mark=mark, lines=lines_table(data, mark),
                  compare=lambda side, operations: comparison_table(samples[side], operations, mark=mark))


def results(top: Path) -> str:
    """The section of RESULTS.md: all runs that are kept."""
    kept = sorted((Path(top) / KEPT).glob("host-*.json"))
    if not kept:
        return ""
    parts = [f"{section(hostfile.load(path))}\nRaw: [JSON]({KEPT}/{path.name})\n" for path in kept]
    return "## TDX hosts\n\nHow they are measured: [hosts.rst](Documentation/hosts.rst).\n\n" + "\n".join(parts) + "\n"


def import_file(file: Path, top: Path) -> None:
    """Keep the file, if RESULTS.md can be written with it."""
    # Its imports are needed only here.
    from tdxpa import results

    try:
        data = hostfile.load(file)
    except (hostfile.BadFile, OSError) as e:
        sys.exit(f"error: FILE={file}: {e}")
    print(section(data))
    results.keep(top, {hostfile.name(data): hostfile.dumps(data)})
    print(f"Kept as {KEPT}/{hostfile.name(data)}; its tables are in RESULTS.md. To undo: remove that file, "
          "then `make results`.")


if __name__ == "__main__":
    import_file(*map(Path, sys.argv[1:]))
