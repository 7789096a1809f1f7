# SPDX-License-Identifier: GPL-2.0
"""make test: the last line counts tests, and a run without any fails."""
from pathlib import Path

import pytest

from tdxpa.tests import stub_engine


@pytest.mark.parametrize("summary,status,log,last", [
    ("Ran 3 tests: passed: 2, skipped: 1", 0, "", "2 passed, 0 failed, 1 skipped"),
    ("Ran 9 tests: passed: 2, failed: 3, crashed: 4", 1, "", "2 passed, 7 failed, 0 skipped"),
    ("Ran 2 tests: passed: 2, errors: 1", 0, "", "2 passed, 1 failed, 0 skipped"),
    ("Ran 2 tests: passed: 2", 1, "", "2 passed, 1 failed, 0 skipped"),
    ("Ran 2 tests: passed: 2", 0, "guest: cannot unload", "2 passed, 1 failed, 0 skipped"),
    ("Ran 0 tests: ", 0, "", "0 passed, 0 failed, 0 skipped"),
    (None, 0, "", "0 passed, 1 failed")])
def test_the_last_line(tmp_path: Path, summary: str | None, status: int, log: str, last: str) -> None:
    boot = f"printf '%s\\n' 'KTAP version 1' '{log}' '{stub_engine.LOG}' > $1"
    tree = stub_engine.copy(tmp_path, boot if summary is not None else "die 'no kernel'")
    kunit = tree / "build/kernel/tools/testing/kunit/kunit.py"
    kunit.parent.mkdir(parents=True)
    kunit.write_text(f"print('[00:00:00] Testing complete. {summary}')\nraise SystemExit({status})\n")
    run = stub_engine.make(tree, "test")
    assert run.stdout.splitlines()[-1] == last
    assert (run.returncode == 0) == (" 0 failed" in last and last[0] != "0")
