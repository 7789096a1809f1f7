#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""size.py: lines and bytes of each design, and flat's budget of them.

Lines are those of headers and sources that are not blank, a comment, an #include or an
EXPORT_SYMBOL(). Bytes are those of functions in objects that are built into Linux for
x86-64, configured with what INTEL_TDX_HOST needs. Lines of tracing (TRACING) are counted
separately, because tracing is a patch of its own.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from tdxpa.common import commit, compiler, table
from tdxpa.csource import function, without_comments

ARCH = "arch/x86/virt/vmx/tdx/"
FLAT = ["arch/x86/include/asm/tdx_pa_array.h", "arch/x86/include/asm/tdx_connect.h",
        ARCH + "pa_array.c", ARCH + "tdh.c"]
EVENTS = ARCH + "pa_trace.h"
TRACING = re.compile(r"trace_|pa_trace\.h|CREATE_TRACE_POINTS")
# v2 has neither these leaves nor a function that reads a buffer.
MORE_THAN_V2 = ("tdh_spdm_disconnect", "tdh_ide_stream_km", "tdx_pa_array_copy_out")

V2, DESCRIPTOR, BARE = (f"benchmarks/designs/{d}/" for d in ("v2", "descriptor", "bare_list"))
RIVALS = {
    "v2": [V2 + f for f in ("page_array.h", "tdh.h", "page_array.c", "tdh.c")],
    "descriptor": [DESCRIPTOR + f for f in ("page_array.h", "page_array.c")],
    "bare-list": [BARE + "design.c"],
}
# The other functions of that file serve the benchmark.
BARE_FUNCTIONS = ("memory_get", "memory_list", "interrupted", "tdh_ext_mem_add", "tdh_ext_init",
                  "bare_ext_start")

# Lines and bytes at most
BUDGET = {"flat": (365, 3200), "flat-v2-leaves": (325, 2800)}
TITLES = {
    "v2": "v2 as posted, 12 leaves",
    "descriptor": "descriptor, 12 leaves, callers own the pages",
    "bare-list": "bare list, 2 leaves, donated memory only",
    "flat": "flat, 14 leaves and copy-out",
    "flat-v2-leaves": "flat, 12 leaves as v2",
}
# A public function with such a name ends the life of an array.
FREE = re.compile(r"\b(\w+_(?:free|release|leak|destroy|put))\(")
V2_PATCHES = ("v2's patches 03 to 05 add 336, 38 and 89 lines: "
              "https://lore.kernel.org/all/20260327160132.2946114-1-yilun.xu@linux.intel.com/")


def net_lines(text):
    return sum(bool(line.strip()) and not re.match("#include|EXPORT_SYMBOL", line)
               for line in without_comments(text).splitlines())


def without_tracing(text):
    return "".join(line for line in text.splitlines(keepends=True) if not TRACING.search(line))


def without_functions(files, names):
    """The same files without definitions and prototypes of @names."""
    files = {path: without_comments(text) for path, text in files.items()}
    for name in names:
        files, before = {path: function(name).sub("", text) for path, text in files.items()}, files
        if files == before:
            sys.exit(f"error: MORE_THAN_V2 in size.py: there is no function {name}()")
    return files


def sources(top):
    """{name of a build: {path: text}}"""
    def read(paths):
        return {path: (top / path).read_text(encoding="utf-8") for path in paths}

    found = {name: read(paths) for name, paths in RIVALS.items()}
    found["flat-traced"] = read([*FLAT, EVENTS])
    found["flat"] = {path: without_tracing(found["flat-traced"][path]) for path in FLAT}
    found["flat-v2-leaves"] = without_functions(found["flat"], MORE_THAN_V2)
    return found


def lines_of(name, files):
    if name == "bare-list":
        text = without_comments(files[BARE + "design.c"])
        return sum(net_lines(function(f).search(text)[0]) for f in BARE_FUNCTIONS)
    return sum(map(net_lines, files.values()))


def compile_all(top, src, build, found):
    """{name of a build: {function: bytes}}"""
    def write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    objects = build / "objects"
    targets = {}
    for name, files in found.items():
        for path, text in files.items():
            write(objects / name / ("asm" if "/asm/" in path else "") / Path(path).name, text)
        targets[name] = [f"{name}/{Path(path).stem}.o" for path in files if path.endswith(".c")]
    # The kernel's own header, and what it has after the series is applied
    seam = (top / "benchmarks/seam/include/tdx.h").read_text(encoding="utf-8")
    write(objects / "tdx.h", "#include <asm/tdx.h>\n#include_next <tdx.h>\nextern u32 tdx_global_keyid;\n" +
          "".join(re.findall(r"^#define TDH_.*\n", seam, re.M)))
    write(objects / "design.h", (top / "benchmarks/designs/design.h").read_text(encoding="utf-8"))
    write(objects / "Kbuild", f"obj-y := {' '.join(sum(targets.values(), []))}\n"
          "ccflags-y = -I$(<D) -I$(src) -I$(srctree)/arch/x86/virt/vmx/tdx\n")

    for name, ts in targets.items():
        kernel = build / ("kernel-traced" if name == "flat-traced" else "kernel")
        subprocess.run(["make", "-s", "-C", src, f"O={kernel}", "ARCH=x86_64", f"M={objects}", "W=1", *ts],
                       check=True, stdout=sys.stderr)
    return {name: sizes_of([objects / t for t in ts]) for name, ts in targets.items()}


def sizes_of(objects):
    out = subprocess.run(["nm", "-S", "-t", "d", "--defined-only", *objects], check=True,
                         capture_output=True, text=True).stdout
    return {name: int(size) for size, name in re.findall(r"^\d+ (\d+) [tT] (\S+)$", out, re.M)}


def exceeded(designs, callers):
    """A message for each limit that flat exceeds."""
    found = []
    for name, limits in BUDGET.items():
        for what, limit in zip(("lines", "bytes"), limits):
            if designs[name][what] > limit:
                found.append(f"{TITLES[name]}: {designs[name][what]:,} {what}, the limit is {limit:,}")
    if len(designs["flat"]["free"]) != 1:
        found.append(f"flat: free functions are {', '.join(designs['flat']['free'])}, the limit is one")
    count = {(c["flow"], c["design"]): c for c in callers}
    for (flow, design), c in count.items():
        for what in ("lines", "branches"):
            limit = count[flow, "v2"][what] - 1
            if design == "flat" and c[what] > limit:
                found.append(f"{flow}: flat's caller has {c[what]} {what}, the limit is {limit}: fewer than v2")
    return found


def measure(args):
    found = sources(args.top)
    functions = compile_all(args.top, args.src, args.build, found)
    functions["bare-list"] = {f: n for f, n in functions["bare-list"].items() if f.split(".")[0] in BARE_FUNCTIONS}
    designs = {}
    for name, files in found.items():
        headers = "".join(without_comments(text) for path, text in files.items() if path.endswith(".h"))
        designs[name] = {"lines": lines_of(name, files), "bytes": sum(functions[name].values()),
                         "free": sorted(set(FREE.findall(headers)))}
    traced = designs.pop("flat-traced")
    patches = args.top / "build/patches/lines.json"
    version = subprocess.run(["make", "-s", "-C", args.src, "kernelversion"], check=True,
                             capture_output=True, text=True).stdout.strip()
    return {"run": {"kernel": version, "commit": commit(args.top), "compiler": compiler(), "command": "make size"},
            "designs": designs,
            "tracing": {what: traced[what] - designs["flat"][what] for what in ("lines", "bytes")},
            "patches": json.loads(patches.read_text(encoding="utf-8")) if patches.exists() else [],
            "functions": functions}


def of_limit(number, limit):
    return f"{number:,} of {limit:,}" if limit else f"{number:,}"


def size_table(data):
    rows = []
    for name, title in TITLES.items():
        d = data["designs"][name]
        rows.append([title, *(of_limit(d[what], limit) for what, limit in
                              zip(("lines", "bytes"), BUDGET.get(name, (0, 0)))), str(len(d["free"]))])
    rows.append(["flat, tracing in addition", *(f"{data['tracing'][what]:,}" for what in ("lines", "bytes")), ""])
    return table(["array and wrappers", "lines", "bytes", "free functions"], rows)


def caller_table(callers):
    count = {(c["flow"], c["design"]): f"{c['lines']}, {c['branches']}" for c in callers}
    flows = list(dict.fromkeys(flow for flow, _ in count))
    designs = list(dict.fromkeys(design for _, design in count))
    return table(["caller: lines, branches", *designs],
                 [[flow, *(count.get((flow, d), "-") for d in designs)] for flow in flows])


def patch_text(patches):
    kinds = ("production", "tests", "documentation")
    rows = [[f"{p['patch']} {p['subject']}", *(str(p[kind]) for kind in kinds)] for p in patches]
    rows.append(["all patches", *(str(sum(p[kind] for p in patches)) for kind in kinds)])
    ours = table(["lines that a patch adds", *kinds], rows) if patches else \
        "Lines that each patch adds: run `make patches` before `make size`."
    return f"{ours}\n\n{V2_PATCHES}"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--top", required=True, type=Path)
    p.add_argument("--src", required=True, help="kernel source")
    p.add_argument("--build", required=True, type=Path, help="where size.sh configured two kernels")
    args = p.parse_args()

    data = measure(args)
    callers = json.loads((args.top / "benchmarks/results/callers.json").read_text(encoding="utf-8"))["callers"]
    (args.top / "build/size.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    print(f"Linux {data['run']['kernel']}, {data['run']['compiler']}\n\n{size_table(data)}\n\n{caller_table(callers)}\n")
    print(f"{patch_text(data['patches'])}\n\nWritten: build/size.json", flush=True)
    if messages := exceeded(data["designs"], callers):
        sys.exit("\n".join(f"error: {m}" for m in messages))


if __name__ == "__main__":
    main()
