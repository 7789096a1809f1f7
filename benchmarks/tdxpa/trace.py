# SPDX-License-Identifier: GPL-2.0
"""trace.py CONSOLE PAGE: show and check the output of the tools of benchmarks/host/trace.

The guest prints the output of each tool, and what tdx_workload.c did.  Each number of a tool is computed from that and
must be equal, also in the sample of PAGE, which may be shortened.  The last line counts outputs and samples.
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

# The file explains them.
TOOLS, REFUSALS, OFFSET, MAP, HISTOGRAM, LINES = map(json.loads(Path(__file__).with_suffix(".json").read_text()).get, (
    "tools", "refusals", "offset", "map", "histogram", "lines"))
# {item of a map: number}, and lines
Output = tuple[Counter[str], list[str]]


def printed(text: str, callers: set[str]) -> Output:
    # Times differ from run to run.
    text = re.sub(r"duration_ns=[1-9]\d{,10}\b", "duration_ns", re.sub(OFFSET, "", text))
    found: Counter[str] = Counter()
    for name, key, count, total, number in re.findall(MAP, text, re.M):
        words = re.findall(r"[\w-]+", key)
        if "\n" in key:
            words = words[:2] + [w for w in words[2:] if w in callers]
        found[what := f"{name}[{', '.join(words)}]"] += int(number or count)
        found[f"{what} total"] += int(total or 0) * (name != "time_us")
    for name, key, bars in re.findall(HISTOGRAM, text, re.M):
        found[f"{name}[{key}]"] += sum(map(int, re.findall(r"[\])] +(\d+) \|", bars)))
    unfreed = re.findall(r"^@unfreed_pages\[(0xff\w+)\]: (\d+)$", text, re.M)  # an address, not its hash
    arrays = dict(unfreed)
    found.update(f"unfreed[{pages} pages]" for _, pages in unfreed)
    found["arrays at the address of another"] = len(unfreed) - len(arrays)
    for array, stack in re.findall(r"^@unfreed_stack\[(\w+)\]: ?\n((?: +.*\n)+)", text, re.M):
        found[f"unfreed_stack[{arrays.get(array)} pages, {'keep_some' if 'keep_some' in stack.split() else stack}]"] += 1
    return +found, [" ".join(words) for line in LINES for words in re.findall(line, text, re.M)]


def expected(tool: str, did: list[dict[str, Any]], sample: bool) -> Output:
    done: Counter[str] = Counter()
    lines = []
    for d in did:
        d = d | {"one": 1, "freed": d.get("pages", 0) > d.get("held", 0), "flush": int(d.get("path") != "plain"),
                 "failed": d.get("status", 0) > 0}
        d |= {"pfn": 0, "leaked_pfn": d["leaked_pfn"] - d["pfn"]} if sample and "pfn" in d else {}
        for words, field in TOOLS[tool].get(d["kind"], {}).items():
            if "[" in words:
                done[words.format(**d)] += int(d[field])
            else:
                lines += [words.format(**d)] * d[field]
    return +done, lines


def errors(tool: str, text: str, did: list[dict[str, Any]], sample: bool) -> list[str]:
    """A sample may have some of the numbers, and some lines without a gap."""
    if sample:
        # Page frames differ from run to run.  A leaked page has the same distance from the first one of its array.
        text = re.sub(r"(_failed: pfn=)(\w+)(?=(?:.*\n)+?.*_free: pfn=(\w+))",
                      lambda m: f"{m[1]}{int(m[2], 16) - int(m[3], 16):#x}", text)
        text = re.sub(r"(_free: pfn=)\w+", r"\g<1>0x0", text)
    found, lines = printed(text, {d.get("caller", "") for d in did})
    done, all_lines = expected(tool, did, sample)
    wrong = [f"{what}: printed {found[what]}, done {done[what]}" for what in (found if sample else found | done)
             if found[what] != done[what]]
    if "\n".join(lines) not in "\n".join(all_lines) or not sample and lines != all_lines:
        wrong.append(f"printed the lines {lines}, done {all_lines}")
    if not found and not lines:
        wrong.append("nothing can be compared")
    return [f"{'sample of ' * sample}{tool}: {line}" for line in wrong]


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
