#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""log.py [--watched] CONSOLE: judge the kernel's log, which a guest prints last.

A kernel that runs the suites complains about nothing, but for WARN()s that a
test expects.  Such a test says so in the log:

    tdx-test: warnings expected
    tdx-test: no more warnings expected

What the kernel says before the first of our modules is loaded is not their
doing: it is shown, and does not count.  (User-mode Linux 7.3 with two CPUs and
PROVE_RCU: "Callback enqueued on offline CPU!!" when it starts the second.)
Nothing else is excused.  Status 1, and each complaint with what follows it, if
the kernel complained, or if its log is not complete.
"""
import argparse
import re
import sys

# The head of what WARN() prints, before and from Linux 7.0 on.  Other checks
# print WARNING, too, but not where they stand.
WARN = re.compile(r"WARNING: (CPU: \d+ PID: \d+ at |\S+:\d+ at |at )")
# What comes with it.
WARN_PARTS = re.compile(r"cut here|Call Trace:|Modules linked in:|end trace")
COMPLAINT = re.compile(
    r"WARNING:|BUG\b|KASAN:|KCSAN:|UBSAN:|INFO: |Oops|possible recursive locking"
    r"|unreferenced object|suspected memory leak|kmemleak: .*(disabled|exceeded|error)"
    r"|corruption|refcount_t: |DEBUG_LOCKS|Kernel panic|Call Trace:|cut here"
    r"|Modules linked in:|general protection|bad page state|sleeping function"
    r"|guest: cannot ")

LOADED = "tdx_seam: loading out-of-tree module taints kernel"
EXPECTED = "tdx-test: warnings expected"
NO_MORE = "tdx-test: no more warnings expected"

# Lines to show of a complaint, and complaints to show.
LINES, REPORTS = 24, 8


def between(lines, begin, end):
    """The lines between two that the guest prints, or None."""
    try:
        first = lines.index(begin)
        return lines[first + 1:lines.index(end, first)]
    except ValueError:
        return None


class Judge:
    """Collects complaints; each comes with the lines behind it."""

    def __init__(self):
        self.reports = []
        self.before = []
        self.nr_expected = 0

    def say(self, *lines):
        self.reports.append(list(lines))

    def read_log(self, lines):
        """The log from the boot on."""
        first = next((i for i, line in enumerate(lines) if LOADED in line), None)
        if first is None:
            self.say("the log does not say when the modules were loaded")
            first = 0
        boot = Judge()
        boot.read(lines[:first])
        self.before = boot.reports
        self.read(lines[first:])

    def read(self, lines):
        """Look for complaints outside of what is expected."""
        expected = False
        shown_until = 0
        for i, line in enumerate(lines):
            if line.endswith(EXPECTED):
                if expected:
                    self.say("warnings are expected twice:", line)
                expected = True
            elif line.endswith(NO_MORE):
                if not expected:
                    self.say("the end of what was not begun:", line)
                expected = False
            elif expected and WARN.search(line):
                self.nr_expected += 1
            elif expected and WARN_PARTS.search(line):
                pass
            elif COMPLAINT.search(line) and i >= shown_until:
                self.say(*lines[i:i + LINES])
                shown_until = i + LINES
        if expected:
            self.say(f"no '{NO_MORE}' before the end of the log")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("console")
    p.add_argument("--watched", action="store_true",
                   help="memory and locks must have been watched to the end")
    args = p.parse_args()

    with open(args.console, encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()

    judge = Judge()
    log = between(lines, "guest: log begins", "guest: log ends")
    leaks = between(lines, "guest: leaks begin", "guest: leaks end")
    if log is None:
        judge.say("the guest has not printed its log")
    elif not log or "Linux version" not in log[0]:
        judge.say("the log's beginning is lost; its first line is:", *log[:1])
    judge.read_log(log or [])
    judge.read(leaks or [])
    # The guest's own words.
    judge.read([line for line in lines if line.startswith("guest: ")])

    if args.watched:
        if not any("KernelAddressSanitizer initialized" in line for line in log or []):
            judge.say("KASAN was not on")
        if leaks is None:
            judge.say("kmemleak was not asked")
        if "guest: locks were watched" not in lines:
            judge.say("lockdep was not on at the end")

    for report in judge.before:
        print("before the modules, does not count: " + "\n    ".join(report[:4]))
    for report in judge.reports[:REPORTS]:
        print("unexpected: " + "\n    ".join(report))
    if len(judge.reports) > REPORTS:
        print(f"... and {len(judge.reports) - REPORTS} more")
    bad = len(judge.reports)
    print(f"kernel log: {len(log or [])} lines, {judge.nr_expected} warnings as expected, "
          f"{bad} unexpected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
