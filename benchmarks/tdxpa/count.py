#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""count.py FILE: the last line of a test run, from the JSON that kunit.py wrote.

Status 1 if a test failed, or if there was none at all.  The totals are those of
kunit.py where it writes them, because they have what no case does: a suite that
crashed, ended early or failed around its cases.  Where it does not (Linux 6.12),
its exit status tells of those.
"""
import argparse
import json
import sys


def leaves(node):
    """Yield the status of every test case below a group."""
    for case in node.get("test_cases", []):
        yield case["status"]
    for group in node.get("sub_groups", []):
        yield from leaves(group)


def count(results):
    """Passed, failed and skipped cases."""
    totals = results.get("misc")
    if totals:
        # What is not there at all is an error and no case; a crash may be both.
        return (totals["passed"], max(totals["failed"] + totals["crashed"], totals["errors"]),
                totals["skipped"])
    statuses = list(leaves(results))
    passed, skipped = statuses.count("PASS"), statuses.count("SKIP")
    return passed, len(statuses) - passed - skipped, skipped


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("file")
    p.add_argument("--also-failed", type=int, default=0,
                   help="what else failed beside the cases")
    p.add_argument("--status", type=int, default=0, help="exit status of kunit.py")
    args = p.parse_args()

    with open(args.file, encoding="utf-8") as f:
        passed, failed, skipped = count(json.load(f))
    if args.status:
        failed = max(failed, 1)
    failed += args.also_failed
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
