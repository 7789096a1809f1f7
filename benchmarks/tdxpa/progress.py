#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""progress.py LOG: show the progress of a benchmark from its log, until it or the parent process ends."""
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress


def records(log: str, parent: int) -> Iterator[dict]:
    """Yield the records of a log that another process writes.  Skip a line that another message cut."""
    rest = ""
    with open(log, encoding="utf-8", errors="replace") as f:
        while os.getppid() == parent:
            *lines, rest = (rest + f.read()).split("\n")
            for line in lines:
                with suppress(ValueError):
                    yield json.loads(line.partition("tdx_bench: ")[2])
            if not lines:
                time.sleep(0.2)


def main() -> None:
    out, start, printed = sys.stderr, time.monotonic(), 0.0
    for record in records(sys.argv[1], os.getppid()):
        if record["kind"] == "end":
            break
        if record["kind"] != "progress" or not record["done"]:
            continue
        share = record["done"] / record["of"]
        seconds = int((time.monotonic() - start) * (1 / share - 1))
        left = f"{seconds // 60}:{seconds % 60:02} left"
        if out.isatty():
            print(f"\r  [{'#' * round(40 * share):<40}] {share:4.0%}, {left} ", end="", file=out, flush=True)
        elif share >= printed + 0.1:
            printed = share
            print(f"  {record['done']} of {record['of']} operations measured, {left}", file=out)
    if out.isatty():
        print("\r" + " " * 70, end="\r", file=out)


if __name__ == "__main__":
    main()
