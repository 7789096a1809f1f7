# SPDX-License-Identifier: GPL-2.0
""".ci/run: its last line counts targets, and a target that checked nothing fails."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tdxpa.tests.test_start import TOP, stub

MINUTES = re.findall(r"^([\w-]+)\t", (TOP / ".ci/targets").read_text(), re.M)
NR_RUN, NR_ALWAYS = len(MINUTES) - MINUTES.count("skip"), sum(map(str.isdigit, MINUTES))


def ci(path: Path, end: str = "", **env: str) -> tuple[int, list[str]]:
    """Status and output of .ci/run with a make whose target check ends in another way."""
    shutil.copytree(TOP / ".ci", path / ".ci")
    stub(path / "bin", "make", f'[ "$*" != check ] || {{ {end or ":"}; }}\necho "3 passed, 0 failed"\n')
    run = subprocess.run([path / ".ci/run"], capture_output=True, text=True,
                         env={"PATH": f"{path}/bin:{os.environ['PATH']}", "TDX_CACHE": str(path), **env})
    return run.returncode, run.stdout.splitlines()


def test_every_target_runs_or_has_a_reason(tmp_path: Path) -> None:
    status, out = ci(tmp_path, TDX_CACHE="")  # and without HOME
    assert status == 0 and out[-1] == f"{NR_RUN} passed, 0 failed, {len(MINUTES) - NR_RUN} skipped"
    assert out[0].startswith("make test: passed") and "make test" in (TOP / "README.md").read_text()
    defaults: dict[str, str] = {}
    for target, what in re.findall(r"^(\w+)\t([\w-]+)", (TOP / "benchmarks/targets.list").read_text(), re.M):
        wanted = f"make {target} WHAT={what}[ :]" + f"|make {target}: " * (defaults.setdefault(target, what) == what)
        assert [line for line in out if re.match(wanted, line)], wanted


@pytest.mark.parametrize("end", [
    "echo 0 passed, 0 failed; exit 0", "echo 0 passed, 0 failed, 9 skipped; exit 0", "echo done; exit 0", "exit 0",
    "echo 5 passed, 1 failed; exit 0", "echo 5 passed, 0 failed; exit 2", "echo 5 passed, 0 failed, 1 error; exit 0"])
def test_a_target_that_checked_nothing_fails(tmp_path: Path, end: str) -> None:
    status, out = ci(tmp_path, end)
    assert status != 0 and out[-1] == f"{NR_RUN - 1} passed, 1 failed, {len(MINUTES) - NR_RUN} skipped"
    assert [line for line in out if line.startswith("make check: failed")]


@pytest.mark.parametrize("seconds,status,last", [
    (3250, 0, f"{NR_ALWAYS} passed, 0 failed"), (3301, 1, f"0 passed, {NR_ALWAYS} failed")])
def test_targets_without_time_are_counted(tmp_path: Path, seconds: int, status: int, last: str) -> None:
    # bash starts to count at this number.
    result, out = ci(tmp_path, SECONDS=str(seconds))
    assert (result, out[-1]) == (status, f"{last}, {len(MINUTES) - NR_ALWAYS} skipped")
