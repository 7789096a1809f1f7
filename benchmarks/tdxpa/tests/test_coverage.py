# SPDX-License-Identifier: GPL-2.0
"""tdxpa.coverage: a line or branch that was not executed fails, unless an exception has a reason for it."""
from pathlib import Path

import pytest

from tdxpa import coverage

NAME = "arch/x86/virt/vmx/tdx/a.c"


@pytest.mark.parametrize("counts,exceptions,status", [
    ([[1], [2, 1, 1]], "", 0), ([[1], [0]], "", 1), ([[1], [2, 2, 0]], "", 1),
    ([[1], [0]], f"{NAME} | b | hardware", 0), ([[1], [0]], f"{NAME} | a | hardware", 1),
    ([[1], [1]], f"{NAME} | b | hardware", 1), ([[1], [0]], f"{NAME} | * | macros", 0),
    ([[0], [0]], f"{NAME} | * | macros", 1), ([], "", 1)])
def test_what_is_missed(tmp_path: Path, counts: list[list[int]], exceptions: str, status: int) -> None:
    for name, text in ((NAME, "a\n\tb\n"), (coverage.EXCEPTIONS, f"# reasons\n{exceptions}\n")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    lines = [{"line_number": i + 1, "gcovr/noncode": False, "count": line,
              "branches": [{"count": branch} for branch in branches]} for i, (line, *branches) in enumerate(counts)]
    assert coverage.main(tmp_path, {"files": [{"file": NAME, "lines": lines}]}) == status
    # A source that the report does not have
    assert coverage.main(tmp_path, {"files": []}) == 1
