#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""progress.py LOG: how far a benchmark has come, from its log while it grows.

On a terminal, a bar with the time that is left; elsewhere, a line now and then.
Ends with the run, or with whoever started it.
"""
import json
import os
import sys
import time

PREFIX = "tdx_bench: "
BAR = 40
# Of the whole, between two plain lines.
STEP = 0.1


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def records(log, parent):
    """Yield the records of a log that another process writes."""
    rest = ""
    with open(log, encoding="utf-8", errors="replace") as f:
        while os.getppid() == parent:
            text = f.read()
            if not text:
                time.sleep(0.2)
                continue
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                _, found, body = line.partition(PREFIX)
                if found and body.startswith("{"):
                    yield json.loads(body)


def main():
    log, out = sys.argv[1], sys.stderr
    start, told = time.monotonic(), 0.0
    for record in records(log, os.getppid()):
        if record["kind"] == "end":
            break
        if record["kind"] != "progress":
            continue
        share = record["done"] / record["of"]
        left = clock((time.monotonic() - start) * (1 / share - 1))
        if out.isatty():
            bar = "#" * round(BAR * share)
            out.write(f"\r  [{bar:<{BAR}}] {share:4.0%}, {left} left ")
            out.flush()
        elif share >= told + STEP:
            told = share
            print(f"  {record['done']} of {record['of']} operations measured, {left} left", file=out)
    if out.isatty():
        out.write("\r" + " " * (BAR + 30) + "\r")


if __name__ == "__main__":
    main()
