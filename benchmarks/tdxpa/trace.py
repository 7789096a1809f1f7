# SPDX-License-Identifier: GPL-2.0
"""trace.py CONSOLE PAGE: show and check the output of the tools of benchmarks/host/trace.

The guest prints the output of each tool and then, from tdx_workload.c, what the
workload did.  Each number of a tool is computed from that and must be equal, also in the
sample of PAGE, which may be shortened.  The last line counts outputs and samples.
"""
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

OPERAND_BUSY = "0x8000020000000000"
# What a tool prints if something is missing
REFUSALS = json.loads(Path(__file__).with_suffix(".json").read_text())["refusals"]
# What stats() prints, up to bpftrace 0.23 and later
STATS = r"(?:\{ \.)?count (?:= )?(\d+), \.?average (?:= )?\d+, \.?total (?:= )?(\d+)(?: \})?$"

# What is compared, what the tool printed, what the workload did
Comparison = tuple[str, Any, Any]
Did = list[dict[str, Any]]
Totals = dict[Any, tuple[int, int]]


def no_offset(symbol: str) -> str:
    return re.sub(r"\+(0x)?[0-9a-f]+(/\S+)?$", "", symbol)


def totals(counts: list[tuple[Any, int, int]]) -> Totals:
    """{key: (count, total)}, with the sums of equal keys"""
    return {key: (sum(n for k, n, _ in counts if k == key), sum(v for k, _, v in counts if k == key))
            for key, _, _ in counts}


def maps(text: str, wanted: dict[str, Totals]) -> Iterator[Comparison]:
    """The maps of stats(), count() or sum(), of which the latter two have no count"""
    for name, done in wanted.items():
        found = re.findall(rf"^@{name}\[(.*?)\]: (?:{STATS}|(\d+)$)", text, re.M)
        # Times differ from run to run.
        printed = totals([(no_offset(key), int(count or 0), 0 if name == "time_us" else int(total or number))
                          for key, count, total, number in found])
        yield name, printed, {key: value for key, value in done.items() if any(value)}


def histograms(text: str, name: str) -> dict[str, int]:
    """A map of hist(): {key: number of values}"""
    return {key: sum(map(int, re.findall(r"[\])] +(\d+) \|", bars))) for key, bars in
            re.findall(rf"^@{name}\[(.*)\]: *\n((?:[\[(].*\n)+)", text, re.M)}


def by(did: Did, key: Callable[[dict[str, Any]], Any], field: str = "", nr: int = 1) -> Totals:
    return totals([(key(d), nr, d.get(field, 0)) for d in did])


def free_paths(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    def path(f: dict[str, Any]) -> str:
        return f"{f['path']}, {f['caller']}"

    yield from maps(text, {"pages": by(frees, path, "pages"), "time_us": by(frees, path)} |
                    {f"{field}_pages": by(frees, lambda f: f["caller"], field, 0) for field in ("held", "leaked")})


def free_latency(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    yield "frees", histograms(text, "ns"), dict(Counter(f["path"] for f in frees))
    yield "frees of pages", histograms(text, "ns_per_page"), dict(Counter(
        f["path"] for f in frees if f["pages"] > f["held"]))


def free_stacks(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    stacks = re.findall(rf"^@pages\[(\S+), (\S+), ?\n((?: .*\n)*)\]: {STATS}", text, re.M)
    callers = {f["caller"] for f in frees}
    yield "stacks", totals([((path, comm, *(callers & set(map(no_offset, stack.split())))), int(count), int(pages))
                            for path, comm, stack, count, pages in stacks]), \
        by(frees, lambda f: (f["path"], "insmod", f["caller"]), "pages")


def seamcalls(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    failed = [(c["function"], hex(c["status"])) for c in calls if c["status"]]
    yield from maps(text, {"time_us": by(calls, lambda c: c["function"]),
                           "failures": totals([(function, 0, 1) for function, _ in failed])})
    yield "lines of failed calls", re.findall(
        r"^\d\d:\d\d:\d\d (\w+) failed: status (0x[0-9a-f]+), process insmod$", text, re.M), failed


def leaks(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    arrays = {array: int(pages) for array, pages in re.findall(r"^@unfreed_pages\[(\w+)\]: (\d+)$", text, re.M)}
    stacks = re.findall(r"^@unfreed_stack\[(\w+)\]: ?\n((?: +.*\n)+)", text, re.M)
    yield "unfreed pages", sorted(arrays.values()), sorted(k["pages"] for k in kept)
    yield "arrays with a stack", sorted(array for array, _ in stacks), sorted(arrays)
    yield "callers", ["keep_some" for _, stack in stacks if " keep_some+" in stack], ["keep_some"] * len(stacks)


def wbinvd_errors(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    leaked = sum(f["leaked"] for f in frees)
    yield "lines", re.findall(r"^\d\d:\d\d:\d\d +(\S+) +\d+ +0x[1-9a-f][0-9a-f]* +(0x[0-9a-f]+)$", text, re.M), \
        [("insmod", OPERAND_BUSY)] * leaked
    yield from maps(text, {"leaked_pages": {"insmod": (0, leaked)}})


def events(text: str, frees: Did, calls: Did, kept: Did) -> Iterator[Comparison]:
    """The kernel's own trace.  A page is leaked before its array is freed."""
    names = ("status", "nr_pages", "nr_held", "nr_leaked", "flush", "caller")
    printed, done, pfns = [], [], []
    for line in re.findall(r"[:.] tdx_pa_array_\w+: (.*)$", text, re.M):
        fields = dict(re.findall(r"(\w+)=(\S+)", line))
        printed.append([no_offset(fields[n]) for n in names if n in fields])
    for f in frees:
        done += [[OPERAND_BUSY]] * f["leaked"]
        done.append([str(v) for v in (f["pages"], f["held"], f["leaked"], int(f["path"] != "plain"), f["caller"])])
        pfns += [f["leaked_pfn"]] * f["leaked"] + [f["pfn"]]
    yield "events", printed, done
    yield "pfn", [int(pfn, 16) for pfn in re.findall(r" pfn=(\w+)", text)], pfns
    yield "times", [t for t in re.findall(r"duration_ns=(\d+)", text) if not 0 < int(t) < 60 * 10**9], []


TOOLS = {"free-paths": free_paths, "free-latency": free_latency, "free-stacks": free_stacks, "seamcalls": seamcalls,
         "leaks": leaks, "wbinvd-errors": wbinvd_errors, "events": events}


def contains(whole: Any, part: Any) -> bool:
    """Is this a part of a map, or of a list without a gap?"""
    if isinstance(whole, dict):
        return part.items() <= whole.items()
    return any(whole[i:i + len(part)] == part for i in range(len(whole) + 1))


def errors(tool: str, text: str, did: Did, sample: bool) -> list[str]:
    of_kind = [[d for d in did if d["kind"] == kind] for kind in ("free", "call", "kept")]
    # Page frames differ from run to run.
    found = [c for c in TOOLS[tool](text, *of_kind) if not sample or c[0] != "pfn"]
    wrong = [f"{tool}: {what}: printed {printed}, done {done}" for what, printed, done in found
             if printed != done and not (sample and contains(done, printed))]
    if not any(printed for _, printed, _ in found):
        wrong.append(f"{tool}: nothing can be compared")
    return [("sample of " if sample else "") + line for line in wrong]


def samples(page: str) -> dict[str, str]:
    """The indented text of each tool's section, and of the kernel's own trace"""
    page = page.replace("\nWithout bpftrace::\n", "\nevents\n------\n")
    sections = re.findall(r"^([\w-]+)\n[-=]{4,}\n(.*?)(?=^[\w-]+\n[-=]{4,}\n|\Z)", page, re.M | re.S)
    return {tool: "\n".join(re.findall(r"^\t(.*)", text, re.M)) + "\n" for tool, text in sections}


def refusal_errors(console: str) -> list[str]:
    found = re.findall(r"^refusal: ([\w ]+): error: (.*)$", console, re.M)
    wrong = [f"refusals: {what}: {text}" for what, text in found if not re.match(REFUSALS.get(what, "$^"), text)]
    nr, wanted = Counter(what for what, _ in found), {**dict.fromkeys(REFUSALS, 1), "no module": len(TOOLS) - 1}
    return wrong + ([f"refusals: {dict(nr)} instead of {wanted}"] if nr != wanted else [])


def main() -> None:
    console, page = (Path(name).read_text(encoding="utf-8", errors="replace") for name in sys.argv[1:])
    results = [refusal_errors(console)]
    runs = re.findall(r"^trace: begin (\S+)\n((?:.*\n)*?)trace: end \1\n((?:did: .*\n)*)", console, re.M)
    for tool, text, lines in runs:
        print(f"\n# {'cat /sys/kernel/tracing/trace' if tool == 'events' else f'benchmarks/host/trace/{tool}.bt'}")
        print(text.rstrip())
        did = [json.loads(line.removeprefix("did: ")) for line in lines.splitlines()]
        finished = did and did[-1] == {"kind": "end", "errno": 0}
        results += [errors(tool, text, did, False), errors(tool, samples(page).get(tool, ""), did, True)] \
            if finished else [[f"{tool}: the workload did not finish"]]
    if not runs or len(runs) != console.count("trace: begin "):
        results.append([f"not every tool ended; the console: {sys.argv[1]}"])
    print("", *(f"error: {line}" for lines in results for line in lines), sep="\n")
    print(*re.findall("^trace: (bpftrace .*)", console, re.M))
    failed = sum(map(bool, results))
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
