#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""count.py FILE: the last line of a test run, from the JSON that kunit.py wrote.

Status 1 if a test failed, or if there was none at all.
"""
import json
import sys


def leaves(node):
    """Yield the status of every test case below a group."""
    for case in node.get("test_cases", []):
        yield case["status"]
    for group in node.get("sub_groups", []):
        yield from leaves(group)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        statuses = list(leaves(json.load(f)))
    passed = statuses.count("PASS")
    skipped = statuses.count("SKIP")
    failed = len(statuses) - passed - skipped
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
