# SPDX-License-Identifier: GPL-2.0
"""size.py: lines and bytes of each design, and flat's budget of them.  sizes.json explains what counts."""
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tdxpa import callers, runs
from tdxpa.common import replace, table
from tdxpa.csource import function, without_comments

NAME = "size.json"
TRACING = re.compile(r"trace_|pa_trace\.h|CREATE_TRACE_POINTS")
DATA = json.loads(Path(__file__).with_name("sizes.json").read_text(encoding="utf-8"))
FILES, TITLES, MORE_THAN_V2, BARE_FUNCTIONS, BUDGET = (
    DATA[k] for k in ("files", "titles", "more than v2", "bare functions", "budget"))
# A public function with such a name ends the life of an array.
FREE = re.compile(r"\b(\w+_(?:free|release|leak|destroy|put))\(")


def net_lines(text: str) -> int:
    return sum(bool(line.strip()) and not re.match("#include|EXPORT_SYMBOL", line)
               for line in without_comments(text).splitlines())


def without_tracing(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not TRACING.search(line))


def without_functions(files: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    """The same files without definitions and prototypes of @names."""
    files = {path: without_comments(text) for path, text in files.items()}
    for name in names:
        files, before = {path: function(name).sub("", text) for path, text in files.items()}, files
        if files == before:
            sys.exit(f"error: sizes.json: the function {name}() does not exist")
    return files


def sources(top: Path) -> dict[str, dict[str, str]]:
    """{name of a build: {path: text}}"""
    found = {name: {path: (top / path).read_text(encoding="utf-8") for path in paths} for name, paths in FILES.items()}
    found["flat"] = {path: without_tracing(text) for path, text in found["flat"].items()}
    found["flat-v2-leaves"] = without_functions(found["flat"], MORE_THAN_V2)
    return found


def lines_of(name: str, files: dict[str, str]) -> int:
    if name == "bare-list":
        text = without_comments("".join(files.values()))
        return sum(net_lines(m[0]) for f in BARE_FUNCTIONS if (m := function(f).search(text)))
    return sum(map(net_lines, files.values()))


def compile_all(top: Path, src: str, build: Path, found: dict[str, dict[str, str]]) -> dict[str, dict[str, int]]:
    """{name of a build: {function: bytes}}"""
    objects = build / "objects"
    targets = {name: [f"{name}/{Path(path).stem}.o" for path in files if path.endswith(".c")] for name, files in found.items()}
    everything: list[str] = sum(targets.values(), [])
    # The kernel's own header, and what it has after the series is applied
    seam = (top / "benchmarks/seam/include/tdx.h").read_text(encoding="utf-8")
    replace({
        **{objects / name / ("asm" if "/asm/" in path else "") / Path(path).name: text
           for name, files in found.items() for path, text in files.items()},
        objects / "tdx.h": "#include <asm/tdx.h>\n#include_next <tdx.h>\nextern u32 tdx_global_keyid;\n" +
        "".join(re.findall(r"^#define TDH_.*\n", seam, re.M)),
        objects / "design.h": (top / "benchmarks/designs/design.h").read_text(encoding="utf-8"),
        objects / "Kbuild": f"obj-y := {' '.join(everything)}\n"
        "ccflags-y = -I$(<D) -I$(src) -I$(srctree)/arch/x86/virt/vmx/tdx\n"})
    subprocess.run(["make", "-s", "-C", src, f"O={build}/kernel", "ARCH=x86_64", f"M={objects}", "W=1", *everything],
                   check=True, stdout=sys.stderr)
    return {name: sizes_of([objects / t for t in ts]) for name, ts in targets.items()}


def sizes_of(objects: list[Path]) -> dict[str, int]:
    out = subprocess.run(["nm", "-S", "-t", "d", "--defined-only", *objects], check=True,
                         capture_output=True, text=True).stdout
    return {name: int(size) for size, name in re.findall(r"^\d+ (\d+) [tT] (\S+)$", out, re.M)}


def exceeded(designs: dict, counted: list[dict]) -> list[str]:
    """A message for each limit that flat exceeds"""
    found = [f"{name}: {designs[name][what]:,} {what}, the limit is {limit:,}"
             for name, limits in BUDGET.items() for what, limit in zip(("lines", "bytes"), limits)
             if designs[name][what] > limit]
    if len(designs["flat"]["free"]) != 1:
        found.append(f"flat: free functions are {', '.join(designs['flat']['free'])}, the limit is one")
    count = {(c["flow"], c["design"]): c for c in counted}
    return found + [f"{flow}: flat's caller has {c[what]} {what}, not fewer than v2's {count[flow, 'v2'][what]}"
                    for (flow, design), c in count.items() if design == "flat"
                    for what in ("lines", "branches") if c[what] >= count[flow, "v2"][what]]


def measure(top: Path, src: str, build: Path) -> dict:
    found = sources(top)
    functions = compile_all(top, src, build, found)
    functions["bare-list"] = {f: n for f, n in functions["bare-list"].items() if f.split(".")[0] in BARE_FUNCTIONS}
    designs: dict[str, dict] = {}
    for name, files in found.items():
        headers = "".join(without_comments(text) for path, text in files.items() if path.endswith(".h"))
        designs[name] = {"lines": lines_of(name, files), "bytes": sum(functions[name].values()),
                         "free": sorted(set(FREE.findall(headers)))}
    return {"designs": designs, "functions": functions, "callers": callers.count_all(top)}


def size_table(data: dict) -> str:
    whole = {c["design"]: c for c in data["callers"] if c["flow"] == callers.ALL}
    return table(["design", "net lines", "bytes of functions", "free functions", "callers: lines, branches"],
                 [[TITLES.get(name, name), f"{d['lines']:,}", f"{d['bytes']:,}", f"{len(d['free'])}",
                   f"{whole[name]['lines']}, {whole[name]['branches']}" if name in whole else "-"]
                  for name, d in data["designs"].items()])


def main() -> None:
    top, src, build = map(Path, sys.argv[1:4])
    data = measure(top, str(src), build)
    print(f"{size_table(data)}\n\n{callers.caller_table(data['callers'])}\n")
    run = runs.about(top, "make bench WHAT=size", sys.argv[4], "")
    messages = exceeded(data["designs"], data["callers"])
    replace({top / runs.folder(run, not messages) / NAME: json.dumps({"run": run, **data}, indent=1) + "\n"})
    if messages:
        sys.exit("\n".join(f"error: {m}" for m in messages))
