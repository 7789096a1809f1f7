#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""instructions.py LOG: where the instructions of operations go, by function.

Keeps the counts as JSON and prints a table for each operation.  The sum of a profile
must be what the clock said, of which a nanosecond is an instruction: those that are
and those that are not are counted by the last line.
"""
import argparse
import json
import sys
from pathlib import Path

from tdxpa.common import commit, compiler, read_records, table

PREFIX = "tdx_profile: "
STORED = "profile-qemu.json"
# The clock is read in between: these many instructions of it, or this share, may differ.
SLACK, SHARE = 40, 0.01
# Smaller shares are summed up.
SHOWN = 0.01
DESIGNS = ("flat", "floor", "v2")
# An operation that was interrupted tells of the interrupt.
INTERRUPT = "asm_sysvec_"


def load(top):
    path = Path(top) / "benchmarks" / "results" / STORED
    return json.loads(path.read_text(encoding="utf-8"))


def interrupted(record):
    return any(name.startswith(INTERRUPT) for name in record["functions"])


def agrees(record):
    total = sum(record["functions"].values())
    return abs(total - record["clock"]) <= max(SLACK, SHARE * total) and not interrupted(record)


def cells_of(data):
    return sorted({(r["op"], r["pages"]) for r in data["records"]})


def table_text(data, op, pages):
    """One operation: its functions, a column for each design, the largest of flat first."""
    by = {r["design"]: r["functions"] for r in data["records"]
          if (r["op"], r["pages"]) == (op, pages)}
    present = [d for d in DESIGNS if d in by]
    total = {d: sum(by[d].values()) for d in present}
    shown = [n for n in dict.fromkeys(n for d in present for n in by[d])
             if any(by[d].get(n, 0) >= SHOWN * total[d] for d in present)]
    shown.sort(key=lambda n: [-by[d].get(n, 0) for d in present])
    rows = [[f"`{n}`", *(f"{by[d][n]:,}" if n in by[d] else "-" for d in present)] for n in shown]
    rows.append(["others", *(f"{total[d] - sum(by[d].get(n, 0) for n in shown):,}" for d in present)])
    rows.append(["**sum**", *(f"**{total[d]:,}**" for d in present)])
    return table([f"{op}, {pages:,} page{'s'[:pages > 1]}", *present], rows)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("--kernel", required=True)
    p.add_argument("--top", required=True)
    args = p.parse_args()

    records = list(read_records(args.log, PREFIX))
    if not records:
        sys.exit(f"error: no profile in {args.log}")
    run = {"engine": "qemu", "kernel": args.kernel, "commit": commit(args.top),
           "compiler": compiler(), "command": "make profile"}
    lines = ",\n".join(json.dumps(r) for r in records)
    kept = Path(args.top) / "benchmarks" / "results" / STORED
    kept.write_text(f'{{"run": {json.dumps(run)},\n"records": [\n{lines}\n]}}\n', encoding="utf-8")

    data = load(args.top)
    for cell in cells_of(data):
        print(table_text(data, *cell) + "\n")
    print(f"Counts: {kept.relative_to(args.top)}; `make plots` takes them into RESULTS.md.")
    bad = [r for r in records if not agrees(r)]
    for r in bad:
        print(f"{r['op']} {r['design']} {r['pages']}: {sum(r['functions'].values()):,} instructions "
              f"written down, {r['clock']:,} by the clock" + (", an interrupt among them" if interrupted(r) else ""))
    print(f"{len(records) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
