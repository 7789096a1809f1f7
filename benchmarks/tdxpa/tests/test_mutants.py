# SPDX-License-Identifier: GPL-2.0
"""make torture WHAT=mutants: only a failing test, a complaint of the kernel or a panic kills a mutant."""
from pathlib import Path

import pytest

from tdxpa.tests import stub_engine

MUTANT = "MUTANT=NULL can be freed"
# The file of a mutant is not a link.
BOOT = f"""if [ -z "$(find "$TREE/arch" -name '*.c' -type f)" ]; then
	printf '%s\\n' 'guest: tests begin' '{stub_engine.LOG}' > "$1"
else
	MUTATED
fi"""


@pytest.mark.parametrize("end,mutated", [
    ("killed: a_test", "printf '%s\\n' 'guest: tests begin' '    not ok 1 a_test' > $1"),
    ("killed: panic", "printf '%s\\n' 'guest: tests begin' 'Kernel panic - not syncing' > $1; return 1"),
    ("killed: the kernel log", f"printf '%s\\n' 'guest: tests begin' 'guest: cannot unload' '{stub_engine.LOG}' > $1"),
    ("SURVIVED", f"printf '%s\\n' 'guest: tests begin' '{stub_engine.LOG}' > $1"),
    ("NOT TRIED: does not boot", "die 'the kernel did not start'"),
    ("NOT TRIED: the guest ended", "echo 'guest: tests begin' > $1; die 'QEMU was killed'")])
def test_how_a_mutant_ends(tmp_path: Path, end: str, mutated: str) -> None:
    tree = stub_engine.copy(tmp_path, BOOT.replace("MUTATED", mutated))
    run = stub_engine.make(tree, "torture", "WHAT=mutants", MUTANT)
    killed = end.startswith("killed")
    *_, how, last = run.stdout.splitlines()
    assert how.split(maxsplit=4)[4].startswith(end)
    assert last == ("1 passed, 0 failed" if killed else "0 passed, 1 failed")
    assert (run.returncode == 0) == killed
    assert ("error: 1 of 1 mutants were not tried" in run.stderr) == end.startswith("NOT")


def test_a_guest_that_never_boots_kills_nothing(tmp_path: Path) -> None:
    run = stub_engine.make(stub_engine.copy(tmp_path, "die 'no kernel'"), "torture", "WHAT=mutants")
    assert run.returncode != 0
    assert run.stdout.startswith("0 passed, ") and not run.stdout.startswith("0 passed, 0 failed")
    assert "error: without a mutant: NOT TRIED: does not boot" in run.stderr


def test_an_unknown_mutant_is_refused_first(tmp_path: Path) -> None:
    run = stub_engine.make(stub_engine.copy(tmp_path, "die 'no kernel'"), "torture", "WHAT=mutants", "MUTANT=zzz")
    assert run.returncode != 0 and not run.stdout
    assert run.stderr.startswith("error: MUTANT=zzz: no rule contains this text")
    assert not (tmp_path / "build").exists() and not (tmp_path / "cache").exists()
