#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""trace.py CONSOLE: show and check the output of the tools of benchmarks/host/trace.

The guest prints the output of each tool and then, from tdx_workload.c, what the
workload did.  Each number of a tool is computed from that, and must be equal.  The
last line is "N passed, N failed": numbers and refusals.
"""
import argparse
import json
import re
import sys
from collections import Counter, defaultdict

PATHS = {"plain", "flushed", "held", "flush-failed"}

OPERAND_BUSY = 0x80000200_00000000

# What a tool prints if something is missing
REFUSALS = {
    "no such tool": "TOOL=leak: not a tool; choose one of free-latency free-paths",
    "not root": "leaks needs root: run it with sudo",
    "no bpftrace": "leaks needs bpftrace, which is not installed: apt-get install bpftrace",
}


class Run:
    """One tool: its output, and what the workload did."""

    def __init__(self, name):
        self.name = name
        self.lines, self.did = [], []

    @property
    def text(self):
        return "\n".join(self.lines)

    def done(self, kind):
        return [d for d in self.did if d["kind"] == kind]


# What stats() prints, up to bpftrace 0.23 and later
STATS = r"(?:\{ \.)?count (?:= )?(\d+), \.?average (?:= )?\d+, \.?total (?:= )?(\d+)(?: \})?$"


def stats(run, name):
    """A map of stats(): {key: (count, total)}, symbols in keys without offsets"""
    sums = defaultdict(lambda: (0, 0))
    for key, count, value in re.findall(rf"^@{name}\[(.*?)\]: {STATS}", run.text, re.M):
        key = re.sub(r"\+(0x)?[0-9a-f]+$", "", key)
        sums[key] = (sums[key][0] + int(count), sums[key][1] + int(value))
    return dict(sums)


def sums(run, name):
    """A map of count() or sum(): {key: number}, symbols in keys without offsets"""
    found = Counter()
    for key, n in re.findall(rf"^@{name}\[(.*?)\]: (\d+)$", run.text, re.M):
        found[re.sub(r"\+(0x)?[0-9a-f]+$", "", key)] += int(n)
    return dict(found)


def histograms(run, name):
    """A map of histograms: {key: number of values}"""
    counts, key = {}, None
    for line in run.lines:
        head = re.match(rf"@{name}\[(.*)\]: *$", line)
        bar = re.match(r"[\[(].*?[\])] +(\d+) \|", line)
        if head:
            key = head[1]
            counts[key] = 0
        elif bar and key is not None:
            counts[key] += int(bar[1])
        else:
            key = None
    return counts


def total(pairs):
    """{key: (count, total)} of (key, value) pairs"""
    result = defaultdict(lambda: (0, 0))
    for key, value in pairs:
        result[key] = (result[key][0] + 1, result[key][1] + value)
    return dict(result)


def calls_only(pairs):
    """{key: count} of {key: (count, total)}"""
    return {key: count for key, (count, _) in pairs.items()}


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, 0
        self.where = ""

    def equal(self, what, saw, did):
        if saw == did:
            self.passed += 1
        else:
            self.failed += 1
            print(f"WRONG: {self.where}: {what}: the tool printed {saw}, the workload did {did}")

    def true(self, what, value):
        self.equal(what, bool(value), True)


def check_free_paths(run, check):
    frees = [(f"{s['path']}, {s['caller']}", s) for s in run.done("free")]
    pages = total((key, s["pages"]) for key, s in frees)
    check.equal("paths", {key.partition(",")[0] for key in pages}, PATHS)
    check.equal("pages", stats(run, "pages"), pages)
    check.equal("times", calls_only(stats(run, "time_us")), calls_only(pages))
    for field in ("held", "leaked"):
        did = Counter()
        for _, s in frees:
            did[s["caller"]] += s[field]
        check.equal(f"{field} pages", sums(run, f"{field}_pages"), dict(+did))


def check_free_latency(run, check):
    frees = run.done("free")
    check.equal("frees", histograms(run, "ns"), dict(Counter(s["path"] for s in frees)))
    check.equal("frees of pages", histograms(run, "ns_per_page"),
                dict(Counter(s["path"] for s in frees if s["pages"] > s["held"])))


def check_free_stacks(run, check):
    """The caller is in each stack."""
    callers = {s["caller"] for s in run.done("free")}
    saw, key, stack = defaultdict(lambda: (0, 0)), None, []
    for line in run.lines:
        head = re.match(r"@pages\[(\S+), (\S+), ?$", line)
        tail = re.match(rf"\]: {STATS}", line)
        if head:
            key, stack = head.groups(), []
        elif tail and key:
            caller = next((name for name in stack if name in callers), " ".join(stack))
            key = (*key, caller)
            saw[key] = (saw[key][0] + int(tail[1]), saw[key][1] + int(tail[2]))
            key = None
        else:
            stack.append(line.strip().partition("+")[0])
    check.equal("stacks", dict(saw), total(((s["path"], "insmod", s["caller"]), s["pages"])
                                           for s in run.done("free")))


def check_seamcalls(run, check):
    calls = run.done("call")
    failed = [c for c in calls if c["status"]]
    check.equal("calls", calls_only(stats(run, "time_us")),
                dict(Counter(c["function"] for c in calls)))
    check.equal("failures", sums(run, "failures"), dict(Counter(c["function"] for c in failed)))
    lines = re.findall(r"^\d\d:\d\d:\d\d (\w+) failed: status (0x[0-9a-f]+), process insmod$",
                       run.text, re.M)
    check.equal("lines of failed calls", lines,
                [(c["function"], hex(c["status"])) for c in failed])


def check_leaks(run, check):
    check.equal("unfreed pages", sorted(sums(run, "unfreed_pages").values()),
                sorted(k["pages"] for k in run.done("kept")))
    stacks = re.findall(r"^@unfreed_stack\[(\w+)\]: ?\n((?: +.*\n)+)", run.text + "\n", re.M)
    check.equal("arrays with a stack", sorted(array for array, _ in stacks),
                sorted(sums(run, "unfreed_pages")))
    check.true("stacks with their caller", all(" keep_some+" in stack for _, stack in stacks))


def check_wbinvd_errors(run, check):
    leaked = sum(s["leaked"] for s in run.done("free"))
    lines = re.findall(r"^\d\d:\d\d:\d\d +(\S+) +\d+ +(0x[0-9a-f]+) +(0x[0-9a-f]+)$", run.text, re.M)
    check.equal("processes", [comm for comm, _, _ in lines], ["insmod"] * leaked)
    check.equal("statuses", [status for _, _, status in lines], [hex(OPERAND_BUSY)] * leaked)
    check.true("page frames", all(int(pfn, 16) for _, pfn, _ in lines))
    check.equal("leaked pages", sums(run, "leaked_pages"), {"insmod": leaked})


def check_events(run, check):
    """The kernel's own trace: each field of each event"""
    saw = [(event, dict(re.findall(r"(\w+)=(\S+)", fields)))
           for event, fields in re.findall(r": (tdx_\w+): (.*)$", run.text, re.M)]
    frees = [f for event, f in saw if event == "tdx_pa_array_free"]
    failures = [f for event, f in saw if event == "tdx_pa_array_flush_failed"]
    did = run.done("free")

    names = ("nr_pages", "nr_held", "nr_leaked", "flush")
    check.equal("frees", [tuple(int(f[n]) for n in names) for f in frees],
                [(s["pages"], s["held"], s["leaked"], int(s["path"] != "plain")) for s in did])
    check.equal("first pages", [int(f["pfn"], 16) for f in frees], [s["pfn"] for s in did])
    check.equal("callers", [f["caller"].partition("+")[0] for f in frees],
                [s["caller"] for s in did])
    check.true("times", all(0 < int(f["duration_ns"]) < 60 * 10**9 for f in frees))
    check.equal("failed flushes", [(int(f["pfn"], 16), f["status"]) for f in failures],
                [(s["leaked_pfn"], hex(OPERAND_BUSY)) for s in did if s["leaked"]])
    # A page is leaked before its array is freed.
    check.equal("order", [event for event, _ in saw],
                [event for s in did for event in
                 ["tdx_pa_array_flush_failed"] * s["leaked"] + ["tdx_pa_array_free"]])


CHECKS = {
    "free-paths": check_free_paths,
    "free-latency": check_free_latency,
    "free-stacks": check_free_stacks,
    "seamcalls": check_seamcalls,
    "leaks": check_leaks,
    "wbinvd-errors": check_wbinvd_errors,
}
ALL_CHECKS = {**CHECKS, "events": check_events}


def read(path):
    """The version of bpftrace, the refusals, the runs"""
    version, refusals, runs, run, inside = "", [], [], None, False
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f.read().splitlines():
            if line.startswith("trace: bpftrace "):
                version = line.removeprefix("trace: ")
            elif line.startswith("trace: begin "):
                run, inside = Run(line.split()[2]), True
                runs.append(run)
            elif line.startswith("trace: end "):
                inside = False
            elif line.startswith("refusal: "):
                refusals.append(line.removeprefix("refusal: "))
            elif line.startswith("did: "):
                run.did.append(json.loads(line.removeprefix("did: ")))
            elif inside:
                run.lines.append(line)
    return version, refusals, runs


def check_refusals(refusals, check):
    seen = Counter()
    check.where = "refusals"
    for refusal in refusals:
        what, _, printed = refusal.partition(": error: ")
        seen[what] += 1
        if what == "no module":
            check.true(f"one line in \"{refusal}\"",
                       re.match(r"\S+ needs the (trace event tdx:\w+|function \w+\(\)), which this kernel does not have: load the module", printed))
        else:
            check.true(f"one line in \"{refusal}\"", printed.startswith(REFUSALS.get(what, "?")))
    check.equal("refusals", dict(seen), {"no module": len(CHECKS), **{w: 1 for w in REFUSALS}})


def show(run):
    if run.name == "events":
        print("\n# cat /sys/kernel/tracing/trace")
    else:
        print(f"\n# benchmarks/host/trace/{run.name}.bt")
    # bpftrace ends with an empty line for each map that is empty.
    print(run.text.rstrip())


def check_all(version, refusals, runs):
    check = Checks()
    for run in runs:
        show(run)
    print()
    check_refusals(refusals, check)
    for run in runs:
        check.where = run.name
        if not run.did or run.did[-1] != {"kind": "end", "errno": 0}:
            check.true("the workload finished", False)
            continue
        ALL_CHECKS[run.name](run, check)
    print(f"{version}: {len(runs)} runs, {len(refusals)} refusals")
    print(f"{check.passed} passed, {check.failed} failed")
    return check.failed == 0 and check.passed > 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    args = p.parse_args()

    version, refusals, runs = read(args.log)
    if not runs:
        sys.exit(f"error: no tool ran; the console: {args.log}")
    if not check_all(version, refusals, runs):
        sys.exit(1)


if __name__ == "__main__":
    main()
