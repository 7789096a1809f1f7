# SPDX-License-Identifier: GPL-2.0
"""tdxpa.log: which lines of a guest's log are a complaint."""
from pathlib import Path

import pytest

from tdxpa import log
from tdxpa.tests.stub_engine import LOG

WARN = "WARNING: CPU: 0 PID: 9 at a.c:1\nCall Trace:"
EXPECTED = f"tdx-test: warnings expected\n{WARN}\ntdx-test: no more warnings expected"


@pytest.mark.parametrize("line,status", [
    ("", 0), (WARN, 1), (EXPECTED, 0), (f"{EXPECTED}\n{WARN}", 1), ("BUG: sleeping function", 1),
    (EXPECTED.replace("WARNING: CPU", "KASAN: CPU"), 1), ("tdx-test: warnings expected", 1),
    ("tdx-test: no more warnings expected", 1)])
def test_complaints(tmp_path: Path, line: str, status: int) -> None:
    (tmp_path / "log").write_text(LOG.replace("guest: log ends", f"{line}\nguest: log ends"))
    assert log.main(tmp_path / "log") == status


@pytest.mark.parametrize("text,status", [
    ("", 1), (LOG.replace("Linux version", ""), 1), (LOG.replace("tdx_seam", ""), 1),
    (LOG + "guest: cannot unload\n", 1), (LOG.replace("guest: log ends", ""), 1), (LOG.replace("[ 0.1]", f"{WARN}\n[ 0.1]"), 0)])
def test_a_log_must_be_complete_and_the_boot_does_not_count(tmp_path: Path, text: str, status: int) -> None:
    (tmp_path / "log").write_text(text)
    assert log.main(tmp_path / "log") == status


def test_the_sanitizers_must_have_run(tmp_path: Path) -> None:
    text = (LOG.replace("[ 0.1]", "KernelAddressSanitizer initialized\n[ 0.1]") +
            "guest: leaks begin\nguest: leaks end\nguest: locks were watched\n")
    (tmp_path / "log").write_text(text)
    assert log.main(tmp_path / "log", "sanitize") == 0
    for missing in ("KernelAddressSanitizer", "leaks end", "locks were watched"):
        (tmp_path / "log").write_text(text.replace(missing, ""))
        assert log.main(tmp_path / "log", "sanitize") == 1
