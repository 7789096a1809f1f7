# SPDX-License-Identifier: GPL-2.0
"""Tests marked guest run only in a guest, which sets TDX_TREE.  A skipped test fails."""
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

# Not next to the sources
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(__file__).resolve().parents[3] / "build" / "hypothesis")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "guest: needs the kernel of a guest (make host WHAT=test)")
    if not config.option.markexpr:
        config.option.markexpr = "guest" if "TDX_TREE" in os.environ else "not guest"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    report = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
