# SPDX-License-Identifier: GPL-2.0
"""Runs and generated pages: medians, intervals, and files that are never half written"""
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tdxpa import faults, frag, profile, report, runs

TOP = Path(__file__).resolve().parents[3]


def test_an_interval_has_the_spread_of_the_data() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(300, 3, 101), rng.normal(100, 1, 101)
    ratio, low, high = runs.quotient(a, b, icount=False)
    assert ratio == pytest.approx(3, rel=0.01)
    # The median of 101 values with a deviation of 1% deviates by 0.125%; a quotient of two by 0.177%.
    assert (high - low) / ratio == pytest.approx(2 * 1.96 * 0.00177, rel=0.4)


def test_instructions_have_the_spread_of_two_boots() -> None:
    assert runs.quotient(np.array([200]), np.array([100]), icount=True) == (2, 2 / 1.005, 2 * 1.005)


@pytest.mark.parametrize("x, text", [(None, "-"), (0.12345, "0.123"), (1234.5, "1,230"), (5229999, "5,230,000")])
def test_numbers_have_three_digits(x: float | None, text: str) -> None:
    assert runs.number(x) == text


def log(tmp_path: Path, *records: dict) -> str:
    path = tmp_path / "log"
    path.write_text("".join(f"[1.0] tdx_bench: {json.dumps(r)}\n" for r in records), encoding="utf-8")
    return str(path)


SAMPLE = {"kind": "sample", "op": "create", "design": "flat", "pages": 1, "round": 0, "operations": 2, "ns": 100}


@pytest.mark.parametrize("records, message", [
    ([SAMPLE], "not complete"),
    ([{"kind": "end", "errno": 0}], "not complete"),
    ([SAMPLE, {"kind": "end", "errno": 12}], "not complete"),
    ([SAMPLE, {"kind": "absent", "op": "create", "design": "flat", "pages": 1, "errno": 12}], "flat cannot do create"),
])
def test_a_run_that_did_not_end_well_is_refused(tmp_path: Path, records: list[dict], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        runs.read_log(log(tmp_path, *records))


def check(stored_ns: int, now_ns: int, monkeypatch: pytest.MonkeyPatch, compiler: str = "gcc 1") -> int:
    def run(ns: int) -> runs.Samples:
        return runs.Samples(runs.gathered([{**SAMPLE, "ns": ns}]), True)

    class Stored:
        about = {"kernel": "7.3", "compiler": "gcc 1"}
        samples = run(stored_ns)

    monkeypatch.setattr(report, "compiler", lambda: compiler)
    return report.check(Stored(), run(now_ns), "7.3")  # type: ignore[arg-type]


def test_a_slower_operation_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert check(1000, 1019, monkeypatch) == 0
    assert check(1000, 1021, monkeypatch) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_a_comparison_of_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="error: nothing can be compared"):
        check(1000, 1000, monkeypatch, compiler="gcc 2")


def limited(code: str, *args: str, limit: int = resource.RLIM_INFINITY) -> subprocess.CompletedProcess[str]:
    """Run Python that cannot write larger files, as on a full disk."""
    return subprocess.run([sys.executable, *code.split(), *args], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(TOP / "benchmarks"), "PYTHONDONTWRITEBYTECODE": "1"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


def test_a_full_disk_leaves_all_old_files(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("old", encoding="utf-8")
    done = limited("-c", "import sys; from pathlib import Path; from tdxpa.common import replace; "
                   "replace({Path(sys.argv[1]): 'new', Path(sys.argv[2]): 'new' * 9999})", *map(str, paths), limit=100)
    assert done.returncode == 1 and re.fullmatch(r"error: .*/b is not written and stays as it was: .*\n", done.stderr)
    assert [path.read_text(encoding="utf-8") for path in paths] == ["old"] * 2 and set(tmp_path.iterdir()) == set(paths)


@pytest.mark.parametrize("text, limit, message", [
    ("", 5000, "no file is changed: "), ("{}", resource.RLIM_INFINITY, "Error"), ("", resource.RLIM_INFINITY, "")])
def test_make_results_changes_all_tracked_files_or_none(tmp_path: Path, text: str, limit: int, message: str) -> None:
    for name in ("README.md", "RESULTS.md", "Documentation", "benchmarks/results"):
        subprocess.run(["cp", "-r", "--parents", name, tmp_path], cwd=TOP, check=True)
    old = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept, new = (tmp_path / folder / "frag-uml.json" for folder in (runs.KEPT, runs.RUNS))
    new.parent.mkdir(parents=True)
    new.write_text(text or kept.read_text(encoding="utf-8").replace('"run": {', '"run": {"new": 1, '), encoding="utf-8")
    done = limited("-m tdxpa.results --top", str(tmp_path), limit=limit)
    changed = {p for p in tmp_path.rglob("*") if p.is_file() and p != new and old.get(p) != p.read_bytes()}
    if message:
        assert done.returncode == 1 and message in done.stderr and not changed and new.exists()
    else:
        # Another change: the generated pages are not those of the kept runs.  Run make results.
        assert done.returncode == 0 and {p for p in changed if p.suffix != ".svg"} == {kept} and not new.exists()


ROW: dict = {"mode": "", "leaf": "X", "failure": "y", "cause": "", "hazard": None}


def cell(**numbers: int) -> dict:
    return dict.fromkeys(("unsafe", "leaked", "needless", *faults.UNSAFE, *faults.LEAKS), 0) | {"cases": 1, **numbers}


@pytest.mark.parametrize("numbers, failed", [({}, 0), ({"leaked": 1}, 0), ({"leaked": 1, "needless": 1}, 1),
                                             ({"unsafe": 1, "freed_owned": 1}, 1), ({"objects": 1}, 1)])
def test_a_row_of_flat_fails(numbers: dict, failed: int) -> None:
    assert faults.failures([{**ROW, "cells": {"flat": cell(**numbers)}}]) == failed


def test_runs_write_below_build_and_failed_ones_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = ({**ROW, "row": 0, "design": "flat", **cell(unsafe=1)}, {"end": 0})
    (tmp_path / "log").write_text("".join(f"{faults.PREFIX}{json.dumps(r)}\n" for r in records), encoding="utf-8")
    monkeypatch.setattr(runs, "commit", lambda top: "7c0ffee")
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "log"), "--engine=uml", "--kernel=7.3", f"--top={tmp_path}"])
    assert faults.main() == 1
    for name, commit in (("uml", "7c0ffee"), ("other", "7c0ffee with changes")):
        runs.write(tmp_path, f"{name}.json", {"commit": commit}, {"records": []})
    assert {str(p.relative_to(tmp_path / "build")) for p in tmp_path.rglob("*.json")} == \
        {"faults-uml.json", "other.json", "runs/uml.json"}


@pytest.mark.parametrize("idle, loaded", [(100, False), (90, False), (70, True)])
def test_load_is_of_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: int, loaded: bool) -> None:
    (tmp_path / "log.stat").write_text("cpu  5 5 5 5 5 5 5 5 0 0\n", encoding="ascii")
    (tmp_path / "stat").write_text(f"cpu  {205 - idle} 5 5 {5 + idle} 5 5 5 5 0 0\ncpu0 1\n", encoding="ascii")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert runs.is_loaded(str(tmp_path / "log"), str(tmp_path / "stat")) == loaded


def test_an_expected_row_must_exist() -> None:
    row = {**ROW, "mode": "a mode", "cells": {"flat": cell()}}
    assert faults.failures([row]) == sum(len(e["rows"]) for losses in faults.EXPECTED.values() for e in losses)


def test_a_state_that_is_not_fragmented_fails() -> None:
    state = {"order": 3, "share": 2, "free": 99999, "blocks": [1, 1, 1, 1, 0]}
    row = {"order": 3, "share": 2, "design": "flat", "largest": [3], "free": [99999], "errno": [0], "owned": [10],
           "regions": [1], "ns": [1]}
    data = {"run": {"pages": 10, "max_order": 10}, "states": [state], "rows": [row]}
    assert all(good for _, good in frag.checks(data))
    state["blocks"] = [1, 1, 1, 1, 1]
    assert not all(good for _, good in frag.checks(data))


@pytest.mark.parametrize("clock, functions, agrees", [(100, {"f": 100}, True), (100, {"f": 150}, False),
                                                      (101, {"f": 100, "asm_sysvec_apic": 1}, False)])
def test_a_profile_agrees_with_the_clock(clock: int, functions: dict, agrees: bool) -> None:
    assert profile.agrees({"clock": clock, "functions": functions}) == agrees
