#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""host.py show FILE | import FILE --top DIR: tables of runs on TDX hosts.

"import" checks a file, keeps it among the results, and writes RESULTS.md with its tables.
"""
import argparse
import sys
from pathlib import Path

from tdxpa import hostfile
from tdxpa.common import table
from tdxpa.runs import pair_table
from tdxpa.runs import DESIGN, FLOOR, Samples, number

SOFTWARE_OPERATIONS = ("create", "hand-over", "release", "cycle", "life-control", "life-blob", "life-memory")

NAMES = {
    "wbinvd": "TDH.PHYMEM.PAGE.WBINVD, global KeyID",
    "wbinvd-key0": "TDH.PHYMEM.PAGE.WBINVD, KeyID 0",
    "clflush": "CLFLUSH of the page (clflush_cache_range)",
    "enter": "TDH.SYS.RD: enter and leave the module",
    "clock": "read the clock",
}


def mark(data):
    """The prefix of each table's head."""
    return "SIMULATED " if data["simulated_wbinvd_ns"] is not None else ""


def percentile(ns, share):
    return sorted(ns)[min(len(ns) - 1, int(share * len(ns)))]


def samples_behind(data, behind):
    return Samples([r for r in data["records"] if r["kind"] == "samples" and r["behind"] == behind])


def lines_table(data):
    """Time to flush one page: distribution over pages."""
    rows, seen = [], set()
    for r in data["records"]:
        key = (r["kind"], r.get("what"), r.get("lines"), r.get("where"))
        if r["kind"] != "lines" or key in seen:
            continue
        seen.add(key)
        any_page = r["what"] in ("enter", "clock")
        rows.append([NAMES[r["what"]], "any" if any_page else r["lines"], "any" if any_page else r["where"],
                     f"{len(r['ns']):,}"] +
                    [f"{percentile(r['ns'], share):,}" for share in (0, 0.05, 0.5, 0.95, 0.99, 1)])
    return table([mark(data) + "one page, ns", "its lines", "package", "pages", "least", "5%", "median", "95%",
                  "99%", "most"], rows, left=3)


def flush_table(data):
    """Free with flush: v2, flat, and the bare loop."""
    samples, rows = samples_behind(data, "module"), []
    for pages in samples.cells("release-flushed"):
        r = samples.ratio("release-flushed", pages, DESIGN)
        flat, floor = (samples.median("release-flushed", pages, d) for d in (DESIGN, FLOOR))
        rows.append([f"{pages:,}", number(samples.median("release-flushed", pages, "v2")), number(flat),
                     number(floor), ratio_text(samples, r), verdict(r),
                     number(flat / floor) if flat and floor else "-", number(flat / pages) if flat else "-"])
    return table([mark(data) + "pages", "v2 ns", "flat ns", "floor ns", "v2 / flat [95%]", "faster",
                  "flat / floor", "flat, ns a page"], rows, left=0)


def claims_table(data):
    """Sessions on the TDX module itself, and donated memory."""
    samples = samples_behind(data, "module")
    parts = []
    if samples.cells("life-control"):
        parts.append("Sessions of control pages on the TDX module itself:\n\n" +
                     pair_table(samples, ["life-control"], mark=mark(data)))
    for r in (r for r in data["records"] if r["kind"] == "donated"):
        parts.append(f"{mark(data)}Memory given to the extensions: {r['held']:,} pages in {number(r['ns'])} ns.")
    for r in (r for r in data["records"] if r["kind"] == "started"):
        parts.append(f"{mark(data)}Start of the extensions: {number(r['ns'])} ns.")
    return "\n\n".join(parts)


def title(data):
    run = data["run"]
    if data["simulated_wbinvd_ns"] is not None:
        return f"SIMULATED on {run['cpu']}"
    return f"{run['cpu']}, TDX module {run['module']}"


def about(data):
    run = data["run"]
    simulated = data["simulated_wbinvd_ns"]
    what = (f"**SIMULATED**: the software module, with a delay that makes each WBINVD take {simulated:,} ns. "
            "These figures do not describe a TDX module. " if simulated is not None else
            f"TDX module {run['module']} (TDX_FEATURES0 {run['features0']}), microcode {run['microcode']}. ")
    return (what + f"Linux {run['kernel']}, {run['packages']} package{'s'[:run['packages'] > 1]}, {run['cpus']} CPUs, "
            f"{run['compiler']}, code at {run['commit']}, {run['date']}: `{run['command']}`."
            + (" This CPU has the erratum X86_BUG_TDX_PW_MCE." if run["erratum"] else ""))


def section(data, head="###"):
    """All tables of one run."""
    claims = claims_table(data)
    return f"""{head} {title(data)}

{about(data)}

Time to flush one page, by the state of its lines in the host's own caches:

{lines_table(data)}

Free with flush, on the same TDX module:

{flush_table(data)}

{claims + chr(10) + chr(10) if claims else ""}Software cost on that machine, no SEAMCALL:

{pair_table(samples_behind(data, "software"), SOFTWARE_OPERATIONS, mark=mark(data))}
"""


def results(top):
    """The section of RESULTS.md: all runs that are kept."""
    kept = sorted((Path(top) / "benchmarks" / "results").glob("host-*.json"))
    if not kept:
        return ""
    parts = [f"{section(hostfile.load(path))}\nRaw: [JSON](benchmarks/results/{path.name})\n" for path in kept]
    return "## TDX hosts\n\nHow they are measured: [hosts.rst](Documentation/hosts.rst).\n\n" + "\n".join(parts) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("what", choices=("show", "import"))
    p.add_argument("file", type=Path)
    p.add_argument("--top", type=Path)
    args = p.parse_args()
    try:
        data = hostfile.load(args.file)
    except (hostfile.Bad, OSError) as e:
        sys.exit(f"error: {args.file}: {e}")
    print(section(data))
    if args.what == "import":
        # Its imports are needed only here.
        from tdxpa import report
        results_dir = args.top / "benchmarks" / "results"
        known = (results_dir / hostfile.name(data)).exists()
        path = hostfile.write(data, results_dir)
        try:
            report.write_results(args.top)
        except BaseException:
            if not known:
                path.unlink()
            raise
        print(f"Kept as {path.relative_to(args.top)}; its tables are in RESULTS.md. "
              "To undo: remove that file, then `make plots`.")


if __name__ == "__main__":
    main()
