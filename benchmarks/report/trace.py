#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""trace.py [--cost] CONSOLE: show what the tools of benchmarks/trace said, and check it.

The guest prints the output of each tool, and then what the workload did, by the
workload's own account (tdx_workload.c).  Every number that a tool printed is worked
out from that account once more, and must be the same.  The last line is "N passed,
N failed": numbers, and refusals.

With --cost: instructions of a benchmark under each tool, and what the tool adds.
"""
import argparse
import json
import re
import statistics
import sys
from collections import Counter, defaultdict

WINDOW = 512

PATHS = {"plain", "flushed", "donated", "held-stranded", "flush-failed"}

# Leaf numbers as in door.h, by the names that the tools print.
LEAVES = {61: "EXT.MEM.ADD", 128: "IOMMU.SETUP", 129: "IOMMU.CLEAR", 130: "SPDM.CREATE",
          131: "SPDM.DELETE", 132: "IDE.STREAM.CREATE", 134: "IDE.STREAM.DELETE"}

OPERAND_BUSY = 0x80000200_00000000

# What a tool says that lacks something, by what it lacks.
REFUSALS = {
    "no v2": "compare needs the function tdx_page_array_",
    "no such tool": 'there is no tool "compares"; tools: compare leaks',
    "not root": "leaks needs root: run it with sudo",
    "no bpftrace": "leaks needs bpftrace, which is not installed: apt-get install bpftrace",
    "no BTF": "leaks needs a kernel that describes its types (CONFIG_DEBUG_INFO_BTF=y)",
}


def windows(entries):
    """Entries of each window of so many entries."""
    return [min(WINDOW, entries - first) for first in range(0, entries, WINDOW)]


class Run:
    """One tool: its output, and what was done meanwhile."""

    def __init__(self, name):
        self.name, *self.args = name.split(":")
        self.lines, self.did = [], []

    @property
    def text(self):
        return "\n".join(self.lines)

    def steps(self, design="flat"):
        return [d for d in self.did if d["kind"] == "step" and d["design"] == design]

    def kept(self, design="flat"):
        return [d for d in self.did if d["kind"] == "kept" and d["design"] == design]

    def arg(self, n, default):
        return self.args[n] if len(self.args) > n else default

    def filtered(self):
        """The steps of flat that the tool's arguments let through."""
        if self.arg(0, "any") not in ("any", "insmod"):
            return []
        return [s for s in self.steps() if s["pages"] >= int(self.arg(1, 0)) and
                self.arg(2, s["path"]) == s["path"]]


# What stats() prints, up to bpftrace 0.23 and later.
STATS = r"(?:\{ \.)?count (?:= )?(\d+), \.?average (?:= )?\d+, \.?total (?:= )?(\d+)(?: \})?$"


def stats(run, name):
    """A map of stats(): {key: (count, total)}"""
    found = re.findall(rf"^@{name}\[(.*?)\]: {STATS}", run.text, re.M)
    return {key: (int(count), int(total)) for key, count, total in found}


def counts(run, name):
    """A map of count() or sum(): {key: number}"""
    return {key: int(n) for key, n in re.findall(rf"^@{name}\[(.*?)\]: (\d+)$", run.text, re.M)}


def histograms(run, name):
    """The sums of a map of histograms: {key: number of values}"""
    sums, key = {}, None
    for line in run.lines:
        head = re.match(rf"@{name}(?:\[(.*)\])?: *$", line)
        bar = re.match(r"[\[(].*?[\])] +(\d+) \|", line)
        if head:
            key = head[1] or ""
            sums[key] = 0
        elif bar and key is not None:
            sums[key] += int(bar[1])
        else:
            key = None
    return sums


def total(pairs):
    """{key: (count, total)} of (key, value) pairs"""
    sums = defaultdict(lambda: (0, 0))
    for key, value in pairs:
        sums[key] = (sums[key][0] + 1, sums[key][1] + value)
    return dict(sums)


def without_offset(pairs):
    """Keys that end with a symbol, as "path, symbol"."""
    sums = defaultdict(lambda: (0, 0))
    for key, (count, value) in pairs.items():
        key = re.sub(r"\+(0x)?[0-9a-f]+$", "", key)
        sums[key] = (sums[key][0] + count, sums[key][1] + value)
    return dict(sums)


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, 0
        self.where = ""

    def equal(self, what, saw, did):
        if saw == did:
            self.passed += 1
        else:
            self.failed += 1
            print(f"WRONG: {self.where}: {what}: the tool says {saw}, the workload did {did}")

    def true(self, what, value):
        self.equal(what, bool(value), True)


def check_release_paths(run, check):
    steps = run.filtered()
    callers = [(f"{s['path']}, {s['caller']}", s["pages"]) for s in steps]
    check.equal("releases", counts(run, "releases"), dict(Counter(s["path"] for s in steps)))
    check.equal("pages", without_offset(stats(run, "pages")), total(callers))
    check.equal("times", {k: n for k, (n, _) in without_offset(stats(run, "time_us")).items()},
                {k: n for k, (n, _) in total(callers).items()})
    stranded = Counter()
    for s in steps:
        if s["stranded"]:
            stranded[f"{s['path']}, {s['caller']}"] += s["stranded"]
    check.equal("stranded pages", counts(run, "stranded_pages"), dict(stranded))
    if not run.args:
        check.equal("paths that occurred", set(counts(run, "releases")), PATHS)


def size_class(pages):
    return ("1_page" if pages == 1 else "2_to_32_pages" if pages <= 32 else
            "33_to_512_pages" if pages <= 512 else "more_pages")


def check_release_latency(run, check):
    steps = run.filtered()
    for size in ("1_page", "2_to_32_pages", "33_to_512_pages", "more_pages"):
        check.equal(f"releases of {size}", histograms(run, f"ns_{size}"),
                    dict(Counter(s["path"] for s in steps if size_class(s["pages"]) == size)))
    back = [s["pages"] - s["held"] for s in steps if s["path"] != "plain"]
    back = [n for n in back if n]
    check.equal("releases with a flush", histograms(run, "flush_ns_per_page").get("", 0), len(back))
    check.equal("flushed pages", counts(run, "flushed").get("pages", 0), sum(back))


def check_release_stacks(run, check):
    """Each stack has the caller in it, and its pages are the steps'."""
    saw, key, stack = defaultdict(lambda: (0, 0)), None, []
    for line in run.lines:
        head = re.match(r"@pages\[(\S+), (\S+), ?$", line)
        tail = re.match(rf"\]: {STATS}", line)
        if head:
            key, stack = head.groups(), []
        elif tail and key:
            known = [s["caller"] for s in run.steps() if s["path"] == key[0] and s["caller"] in stack]
            key = (*key, known[0] if known else f"none of {' '.join(stack)}")
            saw[key] = (saw[key][0] + int(tail[1]), saw[key][1] + int(tail[2]))
            key = None
        else:
            stack.append(line.strip().partition("+")[0])
    check.equal("stacks", dict(saw), total(((s["path"], "insmod", s["caller"]), s["pages"])
                                           for s in run.filtered()))


def check_windows(run, check):
    least = int(run.arg(1, 0))
    steps = run.steps() if run.arg(0, "any") in ("any", "insmod") else []
    out = [[w for w in windows(s["handed_out"]) if w >= least]
           for s in steps for _ in range(s["hand_outs"])]
    sizes = [n for walk in out for n in walk]
    walks = [len(walk) for walk in out if walk]
    check.equal("windows", counts(run, "total").get("windows", 0), len(sizes))
    check.equal("entries", counts(run, "total_entries").get("entries", 0), sum(sizes))
    check.equal("entries per window", histograms(run, "entries_per_window").get("", 0), len(sizes))
    check.equal("hand-outs", counts(run, "total").get("hand-outs", 0), len(walks))
    slices = {int(low): int(n) for low, n in
              re.findall(r"^\[(\d+)[],].*? +(\d+) \|", run.text.partition("@slices_per_hand_out:")[2], re.M)}
    check.equal("slices per hand-out", {k: n for k, n in slices.items() if n}, dict(Counter(walks)))

    claims, backs, claim_resumes, back_resumes = [], [], [], []
    for s in steps:
        if s["claim"]:
            name = LEAVES[s["claim"]]
            parts = windows(s["handed_out"])
            fails = s["fails"] and s["path"] != "held-stranded"
            # An interruption comes in the first window.
            for i, n in enumerate(parts):
                if n < least:
                    continue
                claims.append((f"{name}, {'failed' if fails else 'success'}", n))
                if s["claim_resumes"] and not i:
                    claim_resumes.append((name, s["claim_resumes"]))
            if fails:
                continue
        if s["give_back"] and s["entries"] >= least:
            name = LEAVES[s["give_back"]]
            backs.append((f"{name}, {'failed' if s['path'] == 'held-stranded' else 'success'}", s["entries"]))
            if s["give_back_resumes"]:
                back_resumes.append((name, s["give_back_resumes"]))
    check.equal("claims", stats(run, "claims"), total(claims))
    check.equal("give-backs", stats(run, "give_backs"), total(backs))
    check.equal("resumes of claims", stats(run, "claim_resumes"), total(claim_resumes))
    check.equal("resumes of give-backs", stats(run, "give_back_resumes"), total(back_resumes))
    failed = sum(n for key, (n, _) in (*total(claims).items(), *total(backs).items()) if "failed" in key)
    lines = re.findall(r"^\d\d:\d\d:\d\d .* 0x([0-9a-f]+)$", run.text, re.M)
    check.equal("lines of failed leaves", [int(s, 16) for s in lines], [OPERAND_BUSY] * failed)


def check_wbinvd_errors(run, check):
    refused = sum(s["refused"] for s in run.steps())
    lines = re.findall(r"^\d\d:\d\d:\d\d +(\S+) +\d+ +0x[0-9a-f]+ +0x([0-9a-f]+) +0x([0-9a-f]+)$",
                       run.text, re.M)
    check.equal("lines", len(lines), refused)
    check.equal("processes", {comm for comm, _, _ in lines}, {"insmod"})
    check.equal("addresses within a page", {int(pa, 16) % 4096 for _, pa, _ in lines}, {0})
    check.equal("statuses", {int(status, 16) for _, _, status in lines}, {OPERAND_BUSY})
    check.equal("failures", sum(counts(run, "failures").values()), refused)


def check_leaks(run, check):
    leaks = re.findall(r"^(\d+) pages, (\d+) ms old, process (\S+), pid \d+\n((?: +.*\n)+)", run.text, re.M)
    check.equal("arrays", counts(run, "arrays"),
                {"allocated": len(run.steps()) + len(run.kept()), "released": len(run.steps())})
    check.equal("not released", sorted(int(pages) for pages, *_ in leaks),
                sorted(k["pages"] for k in run.kept()))
    check.true("ages below the time of the run", all(0 <= int(age) < 600_000 for _, age, *_ in leaks))
    check.equal("processes", {comm for *_, comm, _ in leaks}, {"insmod"})
    check.true("stacks with their caller", all(" keep_some+" in stack for *_, stack in leaks))


def check_events(run, check):
    """The kernel's own trace: each field of each event."""
    saw = defaultdict(list)
    for event, fields in re.findall(r": (tdx_\w+): (.*)$", run.text, re.M):
        saw[event].append(dict(re.findall(r"(\w+)=(\S+)", fields)))
    steps, kept = run.steps(), run.kept()

    def fields(event, *names):
        return [tuple(e[n] for n in names) for e in saw[event]]

    check.equal("allocations", fields("tdx_pa_array_alloc", "nr_entries", "nr_pages"),
                [(str(s["entries"]), str(s["pages"])) for s in steps + kept])
    check.equal("windows", fields("tdx_pa_array_window", "first_entry", "nr_entries"),
                [(str(i * WINDOW), str(n)) for s in steps for _ in range(s["hand_outs"])
                 for i, n in enumerate(windows(s["handed_out"]))])
    check.true("addresses of lists of pages", all(int(pa, 16) and not int(pa, 16) % 4096
                                                  for pa, in fields("tdx_pa_array_window", "list_pa")))
    claims = fields("tdx_pa_array_claim", "leaf", "nr_held_entries", "resumes", "status")
    for s in steps:
        for i, n in enumerate(windows(s["handed_out"]) if s["claim"] else []):
            fails = s["fails"] and s["path"] != "held-stranded"
            held = s["held"] if fails else min((i + 1) * WINDOW, s["entries"])
            check.equal("claim", claims.pop(0),
                        (LEAVES[s["claim"]], str(held), str(0 if i else s["claim_resumes"]),
                         hex(OPERAND_BUSY if fails else 0)))
    check.equal("other claims", claims, [])
    check.equal("give-backs", fields("tdx_pa_array_give_back", "leaf", "nr_entries", "nr_held_entries", "resumes"),
                [(LEAVES[s["give_back"]], str(s["entries"]), str(s["held"]), str(s["give_back_resumes"]))
                 for s in steps if s["give_back"] and s["hand_outs"] == 2])
    check.equal("refused pages", fields("tdx_wbinvd_failed", "status"),
                [(hex(OPERAND_BUSY),)] * sum(s["refused"] for s in steps))
    check.equal("releases", fields("tdx_pa_array_release", "path", "nr_entries", "nr_pages", "nr_held_pages",
                                   "nr_stranded_pages", "flush"),
                [(s["path"], *(str(s[k]) for k in ("entries", "pages", "held", "stranded")),
                  str(int(s["path"] != "plain"))) for s in steps])
    check.equal("callers", [c.partition("+")[0] for c, in fields("tdx_pa_array_release", "caller")],
                [s["caller"] for s in steps])
    # One array lives after the other.
    lives, strangers = None, 0
    for event, array in re.findall(r": (tdx_\w+): array=(\S+)", run.text):
        lives = array if event == "tdx_pa_array_alloc" else lives
        strangers += array != lives
    check.equal("events of an array that was not announced", strangers, 0)


def check_compare(run, check):
    calls = []
    for s in run.steps("v2") + run.kept("v2"):
        nr, kept = s["entries"], s["kind"] == "kept"
        buffer = not kept and s["path"] == "plain"
        memory = not kept and s["caller"] == "flat_ext_start"
        alloc = ("create_iommu_mt" if not kept and s["claim"] == 128 else
                 "alloc_contig" if memory or nr > WINDOW else "create")
        calls.append((f"tdx_page_array_{alloc}", nr))
        # Only walks populate; the last turn of a whole one finds the end.
        if buffer or memory:
            whole = s["handed_out"] == nr
            calls += [("tdx_page_array_populate", nr)] * (len(windows(s["handed_out"])) + whole)
        if not kept:
            calls += [(f"tdx_page_array_{way.split()[0]}", nr) for way in s["v2"].split(", ")]
    for s in run.steps() + run.kept():
        nr, kept = s["entries"], s["kind"] == "kept"
        iommu = not kept and s["claim"] == 128
        calls.append(("tdx_pa_array_alloc" + ("_iommu_mt" if iommu else ""), nr))
        if kept:
            continue
        walk = s["path"] == "plain" or s["caller"] == "flat_ext_start"
        whole = walk and s["handed_out"] == nr
        calls += [("tdx_pa_array_window", nr)] * (s["hand_outs"] * len(windows(s["handed_out"])) + whole)
        calls.append(("tdx_pa_array_release", nr))
    check.equal("calls and entries", stats(run, "entries"), total(calls))
    check.equal("calls with a time", {k: n for k, (n, _) in stats(run, "time_ns").items()},
                {k: n for k, (n, _) in total(calls).items()})
    check.equal("releases of v2 that failed", counts(run, "v2_failed").get("tdx_page_array_ctrl_release", 0),
                sum("fails" in s["v2"] for s in run.steps("v2")))
    check.equal("releases of flat", stats(run, "flat_releases"),
                total((s["path"], s["entries"]) for s in run.steps()))


CHECKS = {
    "release-paths": check_release_paths,
    "release-latency": check_release_latency,
    "release-stacks": check_release_stacks,
    "windows": check_windows,
    "wbinvd-errors": check_wbinvd_errors,
    "leaks": check_leaks,
    "compare": check_compare,
}
ALL_CHECKS = {**CHECKS, "events": check_events}


def read(path):
    """What bpftrace it was, the refusals, the runs."""
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
        what, _, said = refusal.partition(": error: ")
        seen[what] += 1
        if what == "no module":
            check.true(f"plain words in \"{refusal}\"",
                       re.match(r"\S+ needs the (trace event tdx:\w+|function \w+\(\)), which this kernel does not have: load the module", said))
        else:
            check.true(f"plain words in \"{refusal}\"", said.startswith(REFUSALS.get(what, "?")))
    check.equal("refusals", dict(seen), {"no module": len(CHECKS), **{w: 1 for w in REFUSALS}})


def show(run):
    if run.name == "events":
        print("\n# cat /sys/kernel/tracing/trace")
    else:
        print(f"\n# benchmarks/trace/{run.name}.bt {' '.join(run.args)}".rstrip())
    # bpftrace ends with an empty line for each map that is empty.
    print(run.text.rstrip())


def judge(version, refusals, runs):
    check = Checks()
    for run in runs:
        show(run)
    print()
    check_refusals(refusals, check)
    for run in runs:
        check.where = ":".join([run.name] + run.args)
        if not run.did or run.did[-1] != {**run.did[-1], "kind": "end", "errno": 0}:
            check.true("the workload came to its end", False)
            continue
        ALL_CHECKS[run.name](run, check)
    print(f"{version}: {len(runs)} runs of tools, {len(refusals)} refusals")
    print(f"{check.passed} passed, {check.failed} failed")
    return check.failed == 0 and check.passed > 0


def cost(version, runs):
    """A table: instructions of one operation, and what each tool adds."""
    medians = {}
    for run in runs:
        samples = defaultdict(list)
        for d in run.did:
            if d["kind"] == "sample":
                samples[d["op"], d["pages"]].append(d["ns"] / d["operations"])
        if not samples:
            sys.exit(f"error: no benchmark under {run.name}")
        medians[run.name] = {cell: statistics.median(s) for cell, s in samples.items()}
    base = medians.pop("none", None)
    if base is None:
        sys.exit("error: nothing to compare with: no run without a tool")
    cells = list(base)
    rows = [["tool"] + [f"{op} {pages}" for op, pages in cells],
            ["(none)"] + [f"{base[c]:,.0f}" for c in cells]]
    rows += [[name] + [f"{round(m[c] - base[c]):+,}" for c in cells] for name, m in medians.items()]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print(r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:])), sep="  ")
    print(f"\nInstructions of one operation of flat, by number of pages, and what a tool adds "
          f"({version}).")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--cost", action="store_true")
    p.add_argument("log")
    args = p.parse_args()

    version, refusals, runs = read(args.log)
    if not runs:
        sys.exit(f"error: no tool ran; the console: {args.log}")
    if args.cost:
        cost(version, runs)
    elif not judge(version, refusals, runs):
        sys.exit(1)


if __name__ == "__main__":
    main()
