# SPDX-License-Identifier: GPL-2.0
"""log.py CONSOLE [VARIANT]: check the kernel's log, which a guest prints last.

Status 1 if the kernel complained, or if its log is not complete.  Only WARN() between two lines of a test is expected,
once from each place in tdh.c.  log.json has what VARIANT and $BOOT must show.  Earlier complaints do not count.
"""
import json
import os
import re
import sys
from pathlib import Path

# The first line of WARN(), before and from Linux 7.0 on.  Other checks print WARNING elsewhere.
WARN = re.compile(r"WARNING: (CPU: \d+ PID: \d+ at |\S+:\d+ at |at )")
PATTERNS = json.loads(Path(__file__).with_suffix(".json").read_text())
COMPLAINT, WARN_PARTS = (re.compile("|".join(PATTERNS[k])) for k in ("complaints", "other lines of WARN()"))
LOADED = "tdx_seam: loading out-of-tree module taints kernel"
EXPECTED = "tdx-test: warnings expected"
NO_MORE = "tdx-test: no more warnings expected"
# Lines to print of a complaint, and complaints to print
LINES, REPORTS = 24, 8


def between(text: str, begin: str, end: str) -> list[str]:
    """The lines between two others, none if one of those is missing."""
    found = re.search(rf"^{begin}\n(.*?)^{end}$", text, re.M | re.S)
    return found[1].splitlines() if found else []


def complaints(lines: list[str]) -> tuple[list[list[str]], int]:
    """The complaints of a log, each with the lines after it, and the number of expected warnings"""
    reports: list[list[str]] = []
    nr_expected = shown_until = 0
    expected, places = False, set[str]()
    for i, line in enumerate(lines):
        if line.endswith((NO_MORE, EXPECTED)):
            if expected != line.endswith(NO_MORE):
                reports.append(["this line comes twice:", line])
            expected = not line.endswith(NO_MORE)
        elif expected and WARN.search(line):
            nr_expected += 1
            place = (re.findall(r"tdx/tdh\.c:\d+ (?:at )?([^,]+)", line) or [line])[0]
            if place in places:
                reports.append([line, "this place has warned before"])
            places.add(place)
        elif COMPLAINT.search(line) and i >= shown_until and not (expected and WARN_PARTS.search(line)):
            reports.append(lines[i:i + LINES])
            shown_until = i + LINES
    return reports + [[f"no '{NO_MORE}' before the end of the log"]] * expected, nr_expected


def main(console: Path, variant: str = "") -> int:
    text = console.read_text(encoding="utf-8", errors="replace")
    log, lines = between(text, "guest: log begins", "guest: log ends"), text.splitlines()
    loaded = next((i for i, line in enumerate(log) if LOADED in line), 0)
    for report in complaints(log[:loaded])[0]:
        print("before the modules, does not count: " + "\n    ".join(report[:4]))

    found, nr_expected = complaints(log[loaded:] + between(text, "guest: leaks begin", "guest: leaks end") +
                                    [line for line in lines if line.startswith("guest: ")])
    needs = {"the log has no beginning or no end": "Linux version" in "".join(log[:1]),
             "the log does not show that the modules were loaded": loaded,
             "the kernel does not have a parameter": "Unknown kernel command line" not in text}
    needs |= {f"{word}: the log lacks a line with {pattern}": bool(re.search(pattern, text, re.M))
              for word in (variant, *os.environ.get("BOOT", "").split()) for pattern in PATTERNS["needs"].get(word, [])}
    reports = [[need] for need, met in needs.items() if not met] + found
    for report in reports[:REPORTS]:
        print("unexpected: " + "\n    ".join(report))
    print(f"kernel log: {len(log)} lines, {nr_expected} warnings as expected, {len(reports)} unexpected")
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
