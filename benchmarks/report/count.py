#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""count.py FILE: the last line of a test run, from the JSON that kunit.py wrote.

Status 1 if a test failed, or if there was none at all.  The totals are those of
kunit.py, because they have what no case does: a suite that crashed, ended early
or failed around its cases.
"""
import argparse
import json
import sys


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("file")
    p.add_argument("--also-failed", type=int, default=0,
                   help="what else failed beside the cases")
    args = p.parse_args()

    with open(args.file, encoding="utf-8") as f:
        totals = json.load(f)["misc"]
    passed, skipped = totals["passed"], totals["skipped"]
    # What is not there at all is an error and no case; a crash may be both.
    failed = max(totals["failed"] + totals["crashed"], totals["errors"]) + args.also_failed
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
