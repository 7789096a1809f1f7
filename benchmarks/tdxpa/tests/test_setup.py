# SPDX-License-Identifier: GPL-2.0
"""setup.sh waits for the package manager, for a bounded time, and prints why."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from tdxpa.tests.test_start import copy_tree, stub

LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)"
UNKNOWN = "E: Unable to locate package zzz-package"


@pytest.mark.parametrize("outcomes,wait,status,calls", [
    ([""], "600", 0, ["install "]),
    ([LOCKED, LOCKED, ""], "600", 0, ["install "] * 3),
    ([UNKNOWN, LOCKED.replace("dpkg/lock-frontend", "apt/lists/lock"), "", ""], "600", 0,
     ["install ", "update", "update", "install "]),
    ([LOCKED] * 3, "0", 1, ["install ", "update"]),
    ([UNKNOWN, "", UNKNOWN], "600", 1, ["install ", "update", "install "])])
def test_it_waits_for_locks_only(tmp_path: Path, outcomes: list[str], wait: str, status: int, calls: list[str]) -> None:
    """outcomes are the errors of apt-get, call by call."""
    setup = copy_tree(tmp_path / "tree") / "benchmarks/kernels/setup.sh"
    for name, text in (("dpkg-query", "exit 1\n"), ("sudo", 'exec "$@"\n'), ("sleep", "")):
        stub(tmp_path / "bin", name, text)
    (tmp_path / "outcomes").write_text("\n".join(outcomes) + "\n")
    stub(tmp_path / "bin", "apt-get", f"""cd {tmp_path}
echo "$*" >> calls
error=$(sed -n "$(wc -l < calls)p" outcomes)
[ -z "$error" ] || {{ echo "$error" >&2; exit 100; }}
""")
    run = subprocess.run(["bash", str(setup), "reports"], capture_output=True, text=True, timeout=60,
                         env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "APT_WAIT": wait})
    first, rest = run.stderr.split("\n", 1)
    assert "installing" in first and "python3-matplotlib" in first
    assert re.findall("install |update", (tmp_path / "calls").read_text()) == calls and run.returncode == status
    assert rest.count("waiting") == (wait == "600" and any("lock" in o for o in outcomes))
    assert ("process 4711 (unattended-upgr)" in rest) == any("lock" in o for o in outcomes)
