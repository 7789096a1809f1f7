# SPDX-License-Identifier: GPL-2.0
"""Tests of Python's unittest, told a line each as they end."""
import os
import time
import unittest


class Told(unittest.TextTestResult):
    """Says each test's name and end in a line."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        print(f"ok {test.id().partition('.')[2]} ({time.monotonic() - self.began:.1f} s)", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"not ok {test.id().partition('.')[2]}\n{self.failures[-1][1]}", flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        print(f"not ok {test.id().partition('.')[2]}\n{self.errors[-1][1]}", flush=True)


def run(names, module):
    """Run those tests of @module.  Return (how many have run, how many have failed)."""
    tests = unittest.TestLoader().loadTestsFromNames(names, module)
    with open(os.devnull, "w", encoding="ascii") as nowhere:
        result = unittest.TextTestRunner(stream=nowhere, resultclass=Told, verbosity=0).run(tests)
    return result.testsRun, len(result.failures) + len(result.errors)
