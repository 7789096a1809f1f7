# SPDX-License-Identifier: GPL-2.0
"""make bench WHAT=size: each limit is enforced, and what counts"""
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tdxpa import callers, size

CODE, CALLERS = (Path(__file__).with_name(f"{name}.example").read_text() for name in ("lines", "callers"))
LIMITS = json.loads(Path(__file__).with_suffix(".json").read_text())["limits"]


@pytest.mark.parametrize("what, number, value, message", LIMITS)
def test_a_limit_is_enforced(what: str, number: str, value: Any, message: str) -> None:
    # Designs at their limits, and flat's caller with one line and one branch less than v2
    designs = {name: {"lines": n, "bytes": nr, "free": ["x_free"]} for name, (n, nr) in size.BUDGET.items()}
    counted = [{"flow": "SPDM", "design": d, "lines": n, "branches": n} for d, n in (("v2", 4), ("flat", 3))]
    assert not size.exceeded(designs, counted)
    {**designs, "caller": counted[1]}[what][number] = value
    assert size.exceeded(designs, counted) == [message]


def test_what_counts() -> None:
    assert size.net_lines(CODE) == 10
    assert size.net_lines(size.without_tracing(CODE)) == 9
    assert size.net_lines(size.without_functions({"a.c": CODE}, ("one",))["a.c"]) == 2
    with pytest.raises(SystemExit):
        size.without_functions({"a.c": CODE}, ("three",))
    header = "void x_free(void *a);\nint x_ctrl_release(void *a);\nu64 x_release_raw(void);\nint free_it(void);\n"
    assert size.FREE.findall(header) == ["x_free", "x_ctrl_release"]
    # As counted by hand
    assert callers.count(callers.Source(CALLERS).called(["flow"])) == {"lines": 9, "branches": 4}


def test_bytes_are_those_of_functions(tmp_path: Path) -> None:
    code = "int data = 1; int f(int i) { return i; } static int __attribute__((used)) g(void) { return 0; }"
    subprocess.run(["gcc", "-O2", "-c", "-x", "c", "-", "-o", f"{tmp_path}/a.o"], check=True, input=code, text=True)
    sizes = size.sizes_of([tmp_path / "a.o"])
    assert set(sizes) == {"f", "g"} and all(sizes.values())
