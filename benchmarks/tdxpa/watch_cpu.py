#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""watch_cpu.py DIR VMLINUX COMMAND...: count what QEMU executes, by function.

Runs COMMAND, which is QEMU with its console on standard input and output, and passes
on the console.  When the guest says "profile: begin", QEMU is told through its
monitor to take instructions one by one and to write each down; at "profile: end", to
stop.  What lies between the marks of tdx_profile is counted, and printed as a line of
JSON behind "tdx_profile: ".
"""
import bisect
import collections
import json
import os
import re
import select
import socket
import subprocess
import sys
import time

BEGIN, END = "tdx_profile_begin", "tdx_profile_end"
# Trace 0: 0x7f0123456789 [cs_base/pc/flags/cflags] symbol
EXECUTED = re.compile(r"\[[0-9a-f]+/([0-9a-f]+)/")
PROMPT = b"(qemu) "
# Instructions between two marks that follow each other.
EMPTY = 20
# An order to the monitor takes no longer.
PATIENCE = 30


class Monitor:
    """QEMU's monitor, where one order is given at a time."""

    def __init__(self, path):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > until:
                    sys.exit("error: QEMU has no monitor")
                time.sleep(0.05)
        self.socket.settimeout(PATIENCE)
        self.wait()

    def wait(self):
        answer = b""
        while not answer.endswith(PROMPT):
            got = self.socket.recv(4096)
            if not got:
                sys.exit("error: QEMU has closed its monitor")
            answer += got
        return answer.decode(errors="replace")

    def order(self, text):
        self.socket.sendall(text.encode() + b"\n")
        answer = self.wait()
        if "unknown command" in answer:
            return False
        return True


def one_by_one(monitor, on):
    """The order has another name since QEMU 8.1."""
    word = "on" if on else "off"
    if not monitor.order(f"singlestep {word}") and not monitor.order(f"one-insn-per-tb {word}"):
        sys.exit("error: this QEMU cannot take instructions one by one")


class Symbols:
    """Functions of the kernel, and of the modules as the guest tells them."""

    def __init__(self, vmlinux):
        out = subprocess.run(["nm", vmlinux], check=True, capture_output=True, text=True).stdout
        self.functions = {}
        for line in out.splitlines():
            address, kind, name = (line.split() + [""])[:3] if line[0] != " " else ("0", "U", "")
            if kind in "tTwW":
                self.functions.setdefault(int(address, 16), name)
        self.sorted = None

    def add(self, address, name):
        self.functions[address] = name
        self.sorted = None

    def name(self, pc):
        if self.sorted is None:
            self.sorted = sorted(self.functions)
        return self.functions[self.sorted[bisect.bisect_right(self.sorted, pc) - 1]]

    def address(self, name):
        return next(a for a, n in self.functions.items() if n == name)


def count(path, symbols):
    """Instructions of the last round that has any between the marks, by function."""
    begin, end = symbols.address(BEGIN), symbols.address(END)
    last, pcs, inside = {}, {}, False
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            m = EXECUTED.search(line)
            if not m:
                continue
            pc = int(m.group(1), 16)
            if pc == begin:
                inside, pcs = True, collections.Counter()
            elif pc == end and inside:
                inside = False
                # At last, the marks are measured with nothing in between.
                if sum(pcs.values()) > EMPTY:
                    last = pcs
            elif inside:
                pcs[pc] += 1
    functions = collections.Counter()
    for pc, n in last.items():
        functions[symbols.name(pc)] += n
    # What is left of the mark itself, up to its return.
    functions.pop(BEGIN, None)
    return dict(functions.most_common())


def watch(qemu, monitor_path, log_path, symbols):
    monitor = None
    console = b""
    while True:
        ready, _, _ = select.select([qemu.stdout], [], [], 60)
        if not ready:
            sys.exit("error: the guest has said nothing for a minute")
        got = os.read(qemu.stdout.fileno(), 65536)
        if not got:
            return
        *lines, console = (console + got).split(b"\n")
        for raw in lines:
            line = raw.decode(errors="replace").rstrip("\r")
            if line.startswith("profile: symbol "):
                address, kind, name = line.split()[2:5]
                if kind in "tTwW":
                    symbols.add(int(address, 16), name)
                continue
            print(line, flush=True)
            if line.startswith("profile: begin "):
                monitor = monitor or Monitor(monitor_path)
                open(log_path, "w", encoding="utf-8").close()
                one_by_one(monitor, True)
                monitor.order(f"logfile {log_path}")
                monitor.order("log exec,nochain")
            elif line.startswith("profile: end "):
                monitor.order("log none")
                one_by_one(monitor, False)
                what, ns = line.split()[2:4]
                op, design, pages = what.split(":")
                record = {"op": op, "design": design, "pages": int(pages), "clock": int(ns),
                          "functions": count(log_path, symbols)}
                print("tdx_profile: " + json.dumps(record), flush=True)
            else:
                continue
            qemu.stdin.write(b"go on\n")
            qemu.stdin.flush()


def main():
    directory, vmlinux, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    monitor_path = os.path.join(directory, "monitor")
    log_path = os.path.join(directory, "executed.log")
    if os.path.exists(monitor_path):
        os.unlink(monitor_path)
    symbols = Symbols(vmlinux)
    qemu = subprocess.Popen(command + ["-monitor", f"unix:{monitor_path},server=on,wait=off"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        watch(qemu, monitor_path, log_path, symbols)
        return qemu.wait(timeout=PATIENCE)
    finally:
        qemu.kill()
        for path in (monitor_path, log_path):
            if os.path.exists(path):
                os.unlink(path)


if __name__ == "__main__":
    sys.exit(main())
