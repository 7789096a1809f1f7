# SPDX-License-Identifier: GPL-2.0
"""make bench WHAT=size: each limit is enforced, and what counts"""
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tdxpa import callers, size

# C code
CODE, CALLERS = (Path(__file__).with_name(f"{name}.example").read_text() for name in ("lines", "callers"))


@pytest.mark.parametrize("change, message", [
    (lambda d, c: d["flat"].update(lines=366), "flat, 14 leaves and copy-out: 366 lines, the limit is 365"),
    (lambda d, c: d["flat"].update(bytes=3201), "flat, 14 leaves and copy-out: 3,201 bytes, the limit is 3,200"),
    (lambda d, c: d["flat-v2-leaves"].update(lines=326), "flat, 12 leaves as v2: 326 lines, the limit is 325"),
    (lambda d, c: d["flat-v2-leaves"].update(bytes=2801), "flat, 12 leaves as v2: 2,801 bytes, the limit is 2,800"),
    (lambda d, c: d["flat"]["free"].append("x_leak"), "flat: free functions are x_free, x_leak, the limit is one"),
    (lambda d, c: c[1].update(lines=4), "SPDM: flat's caller has 4 lines, not fewer than v2's 4"),
    (lambda d, c: c[1].update(branches=4), "SPDM: flat's caller has 4 branches, not fewer than v2's 4"),
])
def test_a_limit_is_enforced(change: Callable, message: str) -> None:
    # Designs at their limits, and callers with one line and one branch less than v2
    designs = {name: {"lines": n, "bytes": nr, "free": ["x_free"]} for name, (n, nr) in size.BUDGET.items()}
    counted = [{"flow": "SPDM", "design": d, "lines": n, "branches": n} for d, n in (("v2", 4), ("flat", 3))]
    assert not size.exceeded(designs, counted)
    change(designs, counted)
    assert size.exceeded(designs, counted) == [message]


def test_lines_that_count() -> None:
    assert size.net_lines(CODE) == 10
    assert size.net_lines(size.without_tracing(CODE)) == 9
    assert size.net_lines(size.without_functions({"a.c": CODE}, ("one",))["a.c"]) == 2
    with pytest.raises(SystemExit):
        size.without_functions({"a.c": CODE}, ("three",))


def test_free_functions() -> None:
    header = "void x_free(void *a);\nint x_ctrl_release(void *a);\nu64 x_release_raw(void);\nint free_it(void);\n"
    assert size.FREE.findall(header) == ["x_free", "x_ctrl_release"]


def test_bytes_are_those_of_functions(tmp_path: Path) -> None:
    code = "int data = 1; int f(int i) { return i; } static int __attribute__((used)) g(void) { return 0; }"
    subprocess.run(["gcc", "-O2", "-c", "-x", "c", "-", "-o", f"{tmp_path}/a.o"], check=True, input=code, text=True)
    sizes = size.sizes_of([tmp_path / "a.o"])
    assert set(sizes) == {"f", "g"} and all(sizes.values())


def test_callers_are_counted_as_by_hand() -> None:
    assert callers.count(callers.Source(CALLERS).called(["flow"])) == {"lines": 9, "branches": 4}
