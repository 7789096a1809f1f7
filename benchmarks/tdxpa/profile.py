# SPDX-License-Identifier: GPL-2.0
"""profile.py watch DIR VMLINUX COMMAND... | LOG: instructions of operations, by function.

watch runs COMMAND, QEMU with its console on standard output, and prints a line of JSON for each operation.  LOG has
these lines: print their tables.  The sum must agree with the clock, where a nanosecond is an instruction.
"""
import bisect
import collections
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

from tdxpa import runs
from tdxpa.common import read_records, table

PREFIX = "tdx_profile: "
BEGIN, END = "tdx_profile_begin", "tdx_profile_end"
# Trace 0: 0x7f0123456789 [cs_base/pc/flags/cflags] symbol
EXECUTED = re.compile(r"\[[0-9a-f]+/([0-9a-f]+)/")
PROMPT = b"(qemu) "
# Instructions between two marks that follow each other
EMPTY = 20
PATIENCE_S = 60
# Reading the clock may take these instructions, or this share.
SLACK, SHARE = 40, 0.01
# Functions below this share are summed up.
SHOWN = 0.01
DESIGNS = ("flat", "floor", "v2")


def wait_for_prompt(monitor: socket.socket) -> None:
    """Wait for the prompt of QEMU's monitor."""
    text = b""
    while not text.endswith(PROMPT):
        if not (got := monitor.recv(4096)):
            sys.exit("error: QEMU has closed its monitor")
        text += got


def send(monitor: socket.socket, *commands: str) -> None:
    """Send these commands to QEMU's monitor, which ignores unknown ones."""
    for command in commands:
        monitor.sendall(command.encode() + b"\n")
        wait_for_prompt(monitor)


def count(log: Path, symbols: dict[int, str]) -> dict[str, int]:
    """Instructions of the last round that has any between the marks, by function"""
    begin, end = (next(a for a, n in symbols.items() if n == name) for name in (BEGIN, END))
    last: collections.Counter[int] = collections.Counter()
    pcs: collections.Counter[int] | None = None
    with open(log, encoding="utf-8", errors="replace") as f:
        for m in filter(None, map(EXECUTED.search, f)):
            pc = int(m[1], 16)
            if pc == begin:
                pcs = collections.Counter()
            elif pc == end and pcs is not None:
                last, pcs = (pcs if pcs.total() > EMPTY else last), None
            elif pcs is not None:
                pcs[pc] += 1
    addresses = sorted(symbols)
    functions: collections.Counter[str] = collections.Counter()
    for pc, n in last.items():
        functions[symbols[addresses[bisect.bisect_right(addresses, pc) - 1]]] += n
    # The rest of the mark, up to its return
    del functions[BEGIN]
    return dict(functions.most_common())


def symbol(line: str) -> dict[int, str]:
    """A function in a line of nm or /proc/kallsyms"""
    m = re.search(r"\b([0-9a-f]{16}) [tTwW] (\S+)", line)
    return {int(m[1], 16): m[2]} if m else {}


def watch(directory: Path, vmlinux: str, command: list[str]) -> int:
    log = directory / "executed.log"
    symbols: dict[int, str] = {}
    for line in subprocess.run(["nm", vmlinux], check=True, capture_output=True, text=True).stdout.splitlines():
        symbols |= symbol(line) if line[0] == "f" else {}
    monitor, other_end = socket.socketpair()
    monitor.settimeout(PATIENCE_S)
    qemu = subprocess.Popen([*command, "-chardev", f"socket,id=monitor,fd={other_end.fileno()}", "-mon", "monitor"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[other_end.fileno()],
                            text=True, errors="replace", bufsize=1)
    other_end.close()
    assert qemu.stdin and qemu.stdout
    try:
        wait_for_prompt(monitor)
        # The guest waits for a line before and after each operation.
        for line in qemu.stdout:
            if line.startswith("profile: symbol "):
                symbols |= symbol(line)
                continue
            print(line, end="", flush=True)
            if line.startswith("profile: begin "):
                log.write_text("")
                # The name changed in QEMU 8.1.
                send(monitor, "singlestep on", "one-insn-per-tb on", f"logfile {log}", "log exec,nochain")
                print("go on", file=qemu.stdin)
            elif line.startswith("profile: end "):
                send(monitor, "singlestep off", "one-insn-per-tb off", "log none")
                what, ns = line.split()[2:4]
                op, design, pages = what.split(":")
                print(PREFIX + json.dumps({"op": op, "design": design, "pages": int(pages), "clock": int(ns),
                                           "functions": count(log, symbols)}), flush=True)
                print("go on", file=qemu.stdin)
        return qemu.wait(timeout=PATIENCE_S)
    finally:
        qemu.kill()
        log.unlink(missing_ok=True)


def agrees(record: dict) -> bool:
    total = sum(record["functions"].values())
    interrupted = any(name.startswith("asm_sysvec_") for name in record["functions"])
    return abs(total - record["clock"]) <= max(SLACK, SHARE * total) and not interrupted


def table_text(records: list[dict], op: str, pages: int) -> str:
    """One operation: its functions, a column for each design, the largest of flat first"""
    by = {r["design"]: r["functions"] for r in records if (r["op"], r["pages"]) == (op, pages)}
    designs = [d for d in DESIGNS if d in by]
    total = {d: sum(by[d].values()) for d in designs}
    shown = sorted({n for d in designs for n, count in by[d].items() if count >= SHOWN * total[d]},
                   key=lambda n: [-by[d].get(n, 0) for d in designs])
    rows = [[f"`{n}`", *(f"{by[d][n]:,}" if n in by[d] else "-" for d in designs)] for n in shown]
    rows.append(["others", *(f"{total[d] - sum(by[d].get(n, 0) for n in shown):,}" for d in designs)])
    rows.append(["sum", *(f"{total[d]:,}" for d in designs)])
    return table([f"{op}, {pages:,} page{'s'[:pages > 1]}", *designs], rows)


def report() -> int:
    args = runs.arguments(__doc__)
    records = list(read_records(args.log, PREFIX))
    for op, pages in sorted({(r["op"], r["pages"]) for r in records}):
        print(table_text(records, op, pages) + "\n")
    bad = [r for r in records if not agrees(r)]
    for r in bad:
        print(f"{r['op']} {r['design']} {r['pages']}: {sum(r['functions'].values()):,} instructions are in the log, "
              f"the clock has {r['clock']:,}; the clock's interrupt may have come")
    run = runs.about(args.top, "make bench WHAT=profile", args.kernel, args.engine)
    runs.write(args.top, "profile-qemu.json", run, {"records": records}, whole=bool(records) and not bad)
    print(f"{len(records) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad or not records else 0


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[2]), sys.argv[3], sys.argv[4:]) if sys.argv[1] == "watch" else report())
