#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""test_size.py: each limit of `make size`, exceeded once, and what counts."""
import contextlib
import copy
import io
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tdxpa import size

CODE = """#include <linux/types.h>
/*
 * Comment
 */

#define ONE 1
int one(int a,
	int b);
int two(void);
EXPORT_SYMBOL_GPL(two);
static int one(int a,
	       int b)
{
	trace_one(a);
	return 1; /* why */
}
"""


def within():
    """Sizes at their limits, and callers that have one line and one branch less than v2"""
    designs = {name: {"lines": 1, "bytes": 1, "free": ["x_free"]} for name in size.TITLES}
    for name, (lines, number) in size.BUDGET.items():
        designs[name].update(lines=lines, bytes=number)
    callers = [{"flow": "SPDM", "design": design, "lines": n, "branches": n} for design, n in (("v2", 4), ("flat", 3))]
    return {"designs": designs, "callers": callers}


class Limits(unittest.TestCase):
    def run_main(self, data):
        """What main() exits with: None, or the messages."""
        full = {"run": {"kernel": "", "compiler": ""}, "tracing": {"lines": 0, "bytes": 0}, "patches": [],
                "designs": data["designs"]}
        with tempfile.TemporaryDirectory() as tmp:
            kept = Path(tmp) / "benchmarks/results/callers.json"
            kept.parent.mkdir(parents=True)
            (Path(tmp) / "build").mkdir()
            kept.write_text(json.dumps({"callers": data["callers"]}), encoding="utf-8")
            argv = ["size.py", "--top", tmp, "--src", "", "--build", tmp]
            with mock.patch("size.measure", return_value=full), mock.patch("sys.argv", argv), \
                    contextlib.redirect_stdout(io.StringIO()):
                try:
                    size.main()
                except SystemExit as e:
                    return e.code
        return None

    def test_at_the_limits(self):
        self.assertIsNone(self.run_main(within()))

    def exceed(self, change, message):
        data = copy.deepcopy(within())
        change(data)
        self.assertEqual(self.run_main(data), f"error: {message}")

    def test_lines_and_bytes(self):
        for name, limits in size.BUDGET.items():
            for what, limit in zip(("lines", "bytes"), limits):
                with self.subTest(name=name, what=what):
                    self.exceed(lambda data: data["designs"][name].update({what: limit + 1}),
                                f"{size.TITLES[name]}: {limit + 1:,} {what}, the limit is {limit:,}")

    def test_free_functions(self):
        self.exceed(lambda data: data["designs"]["flat"]["free"].append("x_leak"),
                    "flat: free functions are x_free, x_leak, the limit is one")

    def test_callers(self):
        for what in ("lines", "branches"):
            with self.subTest(what=what):
                self.exceed(lambda data: data["callers"][1].update({what: 4}),
                            f"SPDM: flat's caller has 4 {what}, the limit is 3: fewer than v2")


class Counts(unittest.TestCase):
    def test_lines(self):
        self.assertEqual(size.net_lines(CODE), 10)
        self.assertEqual(size.net_lines(size.without_tracing(CODE)), 9)

    def test_functions_that_do_not_count(self):
        without = size.without_functions({"a.c": CODE}, ["one"])["a.c"]
        self.assertEqual(size.net_lines(without), 2)
        self.assertIn("int two(void);", without)
        with self.assertRaises(SystemExit):
            size.without_functions({"a.c": CODE}, ["three"])

    def test_free_functions(self):
        header = "void x_free(void *a);\nint x_ctrl_release(void *a);\nu64 x_release_raw(void);\nint free_it(void);\n"
        self.assertEqual(size.FREE.findall(header), ["x_free", "x_ctrl_release"])

    def test_bytes(self):
        with tempfile.TemporaryDirectory() as tmp:
            code = "int data = 1; int f(int i) { return i; } static int __attribute__((used)) g(void) { return 0; }"
            subprocess.run(["gcc", "-O2", "-c", "-x", "c", "-", "-o", f"{tmp}/a.o"], check=True, input=code, text=True)
            sizes = size.sizes_of([f"{tmp}/a.o"])
        self.assertEqual(set(sizes), {"f", "g"})
        self.assertTrue(all(sizes.values()))


if __name__ == "__main__":
    unittest.main()
