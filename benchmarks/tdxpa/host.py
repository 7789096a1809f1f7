# SPDX-License-Identifier: GPL-2.0
"""host.py show FILE | import FILE --top DIR: tables of runs on TDX hosts.

"import" checks a file, copies it to the results, and writes RESULTS.md with its tables.
"""
import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tdxpa import hostfile
from tdxpa.common import table
from tdxpa.runs import DESIGN, FLOOR, Samples, less, number, pair_table

SOFTWARE_OPERATIONS = ("create", "hand-over", "release", "cycle", "life-control", "life-blob", "life-memory")
NAMES = {
    "wbinvd": "TDH.PHYMEM.PAGE.WBINVD, global KeyID",
    "wbinvd-key0": "TDH.PHYMEM.PAGE.WBINVD, KeyID 0",
    "clflush": "CLFLUSH of the page (clflush_cache_range)",
    "enter": "TDH.SYS.RD: enter and leave the module",
    "clock": "read the clock",
}
PERCENTILES = {"least": 0, "5%": 0.05, "median": 0.5, "95%": 0.95, "99%": 0.99, "most": 1}


def mark(data: Any) -> str:
    """The start of each table."""
    return "SIMULATED " if data["simulated_wbinvd_ns"] is not None else ""


def samples_behind(data: Any, behind: str) -> Samples:
    return Samples([r for r in data["records"] if r["behind"] == behind])


def lines_table(data: Any) -> str:
    """Time to flush one page: distribution over pages."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for r in (r for r in data["records"] if r["kind"] == "lines"):
        ns = sorted(r["ns"])
        place = ("any", "any") if r["what"] in ("enter", "clock") else (r["lines"], r["where"])
        found = [f"{ns[min(len(ns) - 1, int(share * len(ns)))]:,}" for share in PERCENTILES.values()]
        rows.setdefault(key := (NAMES[r["what"]], *place), [*key, f"{len(ns):,}", *found])
    return table([mark(data) + "one page, ns", "its lines", "package", "pages", *PERCENTILES], [*rows.values()], left=3)


def flush_table(data: Any) -> str:
    """Free with flush: v2, flat, and the bare loop."""
    samples, rows = samples_behind(data, "module"), []
    for pages in samples.cells("release-flushed"):
        r = samples.ratio("release-flushed", pages, DESIGN)
        v2, flat, floor = (samples.median("release-flushed", pages, d) for d in ("v2", DESIGN, FLOOR))
        rows.append([f"{pages:,}", number(v2), number(flat), number(floor), samples.ratio_text(r), less(r),
                     number(flat / floor) if flat and floor else "-", number(flat / pages) if flat else "-"])
    return table([mark(data) + "pages", "v2 ns", "flat ns", "floor ns", "v2 / flat [95%]", "less",
                  "flat / floor", "flat, ns a page"], rows, left=0)


def claims_text(data: Any) -> str:
    """Sessions on the TDX module itself, and donated memory."""
    samples, text = samples_behind(data, "module"), ""
    if samples.cells("life-control"):
        text = ("Sessions of control pages on the TDX module itself:\n\n"
                f"{pair_table(samples, ['life-control'], mark=mark(data))}\n\n")
    for r in data["records"]:
        if r["kind"] in ("donated", "started"):
            what = f"donating {r['held']:,} pages to" if r["kind"] == "donated" else "starting"
            text += f"{mark(data)}{what} the extensions: {number(r['ns'])} ns.\n\n"
    return text


def about(data: Any) -> str:
    run, simulated = data["run"], data["simulated_wbinvd_ns"]
    what = (f"TDX module {run['module']} (TDX_FEATURES0 {run['features0']}), microcode {run['microcode']}. "
            if simulated is None else
            f"**SIMULATED**: the software module, with a delay that makes each WBINVD take {simulated:,} ns. "
            "These figures do not describe a TDX module. ")
    return (f"{what}Linux {run['kernel']}, {run['packages']} package{'s'[:run['packages'] > 1]}, {run['cpus']} CPUs, "
            f"{run['compiler']}, code at {run['commit']}, {run['date']}: `{run['command']}`."
            + (" This CPU has the erratum X86_BUG_TDX_PW_MCE." if run["erratum"] else ""))


def section(data: Any) -> str:
    """All tables of one run."""
    run = data["run"]
    title = f"SIMULATED on {run['cpu']}" if mark(data) else f"{run['cpu']}, TDX module {run['module']}"
    return f"""### {title}

{about(data)}

Time to flush one page, by the state of its lines in the host's own caches:

{lines_table(data)}

Free with flush, on the same TDX module:

{flush_table(data)}

{claims_text(data)}Software cost on that machine, no SEAMCALL:

{pair_table(samples_behind(data, "software"), SOFTWARE_OPERATIONS, mark=mark(data))}
"""


def results(top: Path) -> str:
    """The section of RESULTS.md: all runs that are kept."""
    kept = sorted((Path(top) / "benchmarks" / "results").glob("host-*.json"))
    if not kept:
        return ""
    parts = [f"{section(hostfile.load(path))}\nRaw: [JSON](benchmarks/results/{path.name})\n" for path in kept]
    return "## TDX hosts\n\nHow they are measured: [hosts.rst](Documentation/hosts.rst).\n\n" + "\n".join(parts) + "\n"


def import_file(data: Any, top: Path) -> None:
    """Keep the file, if RESULTS.md can be written with it."""
    # Its imports are needed only here.
    from tdxpa import results

    results.keep(top, {hostfile.name(data): hostfile.dumps(data)})
    print(f"Kept as {results.KEPT}/{hostfile.name(data)}; its tables are in RESULTS.md. To undo: remove that file, "
          "then `make results`.")


def main() -> None:
    p = argparse.ArgumentParser(description="tables of runs on TDX hosts")
    p.add_argument("what", choices=("show", "import"))
    p.add_argument("file", type=Path)
    p.add_argument("--top", type=Path)
    args = p.parse_args()
    try:
        # A machine that shows its own file may not have jsonschema.
        data = json.loads(args.file.read_bytes()) if args.what == "show" else hostfile.load(args.file)
    except (hostfile.BadFile, OSError) as e:
        sys.exit(f"error: FILE={args.file}: {e}")
    print(section(data))
    if args.what == "import":
        import_file(data, args.top)


if __name__ == "__main__":
    main()
