# SPDX-License-Identifier: GPL-2.0
"""make torture WHAT=fuzz: what counts as a finding, and the shortest prefix that fails."""
from pathlib import Path

import pytest

from tdxpa.tests import stub_engine

# engine_boot LOG SECONDS MEM fuzz SEED FIRST END, in which step 1234 fails
BOOT = """echo 'fuzz: starts' > "$1"
if (($6 > 1234 || $7 <= 1234)); then echo "fuzz: $7 steps of seed $5" >> "$1"; return; fi
"""


@pytest.mark.parametrize("report,prefix", [
    ("echo 'fuzz: step 1234: a page leaks' >> $1", 1235),
    ("echo 'fuzz: step 1235: end of the epoch: a page leaks' >> $1", 1235),
    ("die panic", 1235)])
def test_the_shortest_prefix_is_found(tmp_path: Path, report: str, prefix: int) -> None:
    run = stub_engine.make(stub_engine.copy(tmp_path, BOOT + report), "torture", "WHAT=fuzz", "SEED=7", "STEPS=30000")
    assert run.returncode != 0
    assert run.stdout.splitlines() == [
        f"the shortest prefix that fails: make torture WHAT=fuzz SEED=7 STEPS={prefix}", "0 passed, 1 failed"]


def test_a_guest_that_does_not_boot_is_an_error(tmp_path: Path) -> None:
    run = stub_engine.make(stub_engine.copy(tmp_path, "die 'no kernel'"), "torture", "WHAT=fuzz")
    assert run.returncode != 0 and not run.stdout
    assert "error: the guest did not reach the first step" in run.stderr
