# SPDX-License-Identifier: GPL-2.0
"""Reports and generated pages: medians, intervals, limits, and files that are never half written"""
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tdxpa import callers, cycles, faults, frag, kernels, load, profile, report, results, runs, size
from tdxpa.common import replace

TOP = Path(__file__).resolve().parents[3]
CASES = json.loads(Path(__file__).with_suffix(".json").read_text())


def interval(seed: int, apart: float, noise: float, rounds: int = 9) -> np.ndarray:
    """Of a quotient of 3 in ten boots, with a deviation of @apart between boots, and of @noise between rounds"""
    rng = np.random.default_rng(seed)
    b = 100 * rng.lognormal(0, 0.1, (10, 1)) * rng.lognormal(0, 0.1, (10, rounds))
    return np.array(runs.interval(3 * b * rng.lognormal(0, apart, (10, 1)) * rng.lognormal(0, noise, (10, rounds)), b))


def width(apart: float, rounds: int) -> float:
    """Of the interval, in the mean of some runs"""
    return float(np.mean([np.diff(np.log(interval(seed, apart, 0.02, rounds)))[0] for seed in range(20)]))


def test_an_interval_covers_other_boots_whatever_the_number_of_rounds() -> None:
    # A new boot lies between the lowest and the highest of ten in 9 of 11 cases, 82%, with a deviation of 4% for 100.
    intervals = [interval(seed, 0.05, 0.01) for seed in range(100)]
    new = 3 * np.random.default_rng(200).lognormal(0, 0.05, 100)
    assert 0.74 < np.mean([low < quotient < high for quotient, (low, high) in zip(new, intervals)])
    assert width(0, 81) < 0.6 * width(0, 9) and width(0.05, 81) > 0.8 * width(0.05, 9) > 1.5 * width(0, 9)


def samples(icount: bool, **boots: list[list[int]]) -> runs.Samples:
    """Of operations of one page, with the rounds of each boot"""
    return runs.Samples([{"kind": "samples", "op": "create", "pages": 1, "design": design, "boot": n, "operations": 1,
                          "ns": ns} for design, each in boots.items() for n, ns in enumerate(each)], icount)


def test_a_value_is_that_of_the_median_boot_and_of_instructions_the_lower_quartile() -> None:
    # One boot is slower for both, and has an outlier.
    s = samples(False, v2=[[20, 20, 900], [200, 200, 200]], flat=[[10, 10, 10], [100, 100, 100]])
    assert s.median("create", 1, "v2") == 110 and (s.ratio("create", 1, "flat") or [])[0] == 2
    assert samples(True, v2=[[200, 200, 230]], flat=[[90, 100, 100, 100, 120]]).ratio("create", 1, "flat") == (2, 2 / 1.005, 2 * 1.005)
    assert samples(True, v2=[[200], [220]], flat=[[100], [100]]).ratio("create", 1, "flat") == (2.1, 2 / 1.005, 2.2 * 1.005)
    assert report.boots_agree(samples(True, v2=[[1000], [1004]], flat=[[9], [9]])).endswith("at most 0.40% (create, 1, v2)")
    with pytest.raises(SystemExit, match=r"not the same: create, 1, v2: 0\.60%$"):
        report.boots_agree(samples(True, v2=[[1000], [1006]], **dict.fromkeys("abcdefghijklmnopqrstuvwxyz", [[9], [9]])))


def test_no_design_takes_less_within_the_spread_of_the_same_code() -> None:
    ns = {"v2": [[102] * 3] * 2, "hpa-list": [[80] * 3] * 2, "flat": [[100] * 3] * 2}
    for again, rival, verdict in ((100, "v2", "flat"), (105, "v2", "even"), (105, "hpa-list", "hpa-list"), (70, "hpa-list", "even")):
        assert samples(False, **ns, **{runs.AGAIN: [[again] * 3] * 2}).verdict("create", 1, rival) == verdict


@pytest.mark.parametrize("x, text", [(None, "-"), (0.12345, "0.12"), (1.0, "1.0"), (1234.5, "1,200"), (99.6, "100")])
def test_numbers_have_two_digits(x: float | None, text: str) -> None:
    assert runs.number(x) == text


def log(tmp_path: Path, *records: dict) -> str:
    path = tmp_path / f"log{len(list(tmp_path.iterdir()))}"
    path.write_text("".join(f"[1.0] tdx_bench: {json.dumps(r)}\n" for r in records), encoding="utf-8")
    return str(path)


SAMPLE = {"kind": "sample", "op": "create", "design": "flat", "pages": 1, "boot": 1, "round": 0, "operations": 2, "ns": 100}


@pytest.mark.parametrize("records, message", CASES["bad ends"])
def test_a_run_that_did_not_end_well_is_refused(tmp_path: Path, records: list[dict], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        runs.read_logs(log(tmp_path, SAMPLE, {"kind": "end", "errno": 0}), log(tmp_path, *(SAMPLE | r for r in records)))


def test_a_cell_that_a_boot_lacks_is_absent() -> None:
    absent = {"kind": "absent", "op": "create", "design": "v2", "pages": 1, "errno": 12}
    records = runs.gathered([SAMPLE, {**SAMPLE, "design": "v2"}, {**SAMPLE, "boot": 2, "ns": 300}, absent, absent])
    assert [(r.get("boot"), r.get("ns")) for r in records] == [(1, [100]), (2, [300]), (None, None)]


def kept(path: Path, *records: dict) -> runs.Run:
    about = {"kernel": "7.3", "compiler": "gcc 1", "icount": True, "commit": "7c0ffee"}
    path.write_text(json.dumps({"run": about, "records": runs.gathered(records)}), encoding="utf-8")
    return runs.Run(path)


@pytest.mark.parametrize("now, failed", CASES["instructions"])
def test_a_slower_operation_and_a_missing_cell_fail(tmp_path: Path, now: list[dict], failed: int,
                                                    capsys: pytest.CaptureFixture) -> None:
    stored, samples = kept(tmp_path / "run", {**SAMPLE, "ns": 1000}), runs.Samples(runs.gathered(SAMPLE | n for n in now), True)
    assert report.check(stored, samples) == failed
    assert capsys.readouterr().out.splitlines()[-1].endswith(f" passed, {failed} failed")


def test_a_second_run_is_compared_with_the_kept_one(tmp_path: Path) -> None:
    def run(v2: int, floor: int, pages: int) -> list[dict]:
        return [{**SAMPLE, "ns": 100}, {**SAMPLE, "design": "v2", "ns": v2}, {**SAMPLE, "design": "floor", "ns": floor},
                {**SAMPLE, "design": "v2", "pages": pages}]

    new = runs.Samples(runs.gathered(run(2009, 49, 8)), True)
    assert report.repeats(new, kept(tmp_path / "run", *run(2000, 50, 2))) == {
        "within": 1, "of": 2, "medians within": 2, "medians": 3, "commit": "7c0ffee"}


def test_a_run_with_kvm_counts_before_user_mode_linux(tmp_path: Path) -> None:
    (tmp_path / runs.KEPT).mkdir(parents=True)
    for name in ("qemu-plain", *(names[-1] for _, _, *names in results.RUNS_SHOWN)):
        kept(tmp_path / runs.KEPT / f"{name}.json", {**SAMPLE, "ns": len(name)})
    medians = [run.samples.median("create", 1, "flat") for run in results.kept_runs(tmp_path).values()]
    assert medians == [5.5, 9.5, 5, 8.5, 6]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"run": {}, "records": []}'])
def test_a_broken_kept_run_is_one_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").write_text(text, encoding="utf-8")
    for name in ("run", "none"):
        with pytest.raises(SystemExit, match=rf"^error: .*/{name} is not a whole run of this version .*$"):
            runs.Run(tmp_path / name)


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
    ("", 5000, "no file is changed: "), ("{}", resource.RLIM_INFINITY, "Error"), ("", resource.RLIM_INFINITY, ""),
    ("", resource.RLIM_INFINITY, "have no row: lost;")])
def test_make_results_changes_all_tracked_files_or_none(tmp_path: Path, text: str, limit: int, message: str) -> None:
    for name in ("README.md", "RESULTS.md", "Documentation", "benchmarks/results"):
        subprocess.run(["cp", "-r", "--parents", name, tmp_path], cwd=TOP, check=True)
    replace({tmp_path / "build/kernels/lost.log": ""} if "lost" in message else {})
    old = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept, new = (tmp_path / folder / "frag-uml.json" for folder in (runs.KEPT, runs.RUNS))
    replace({new: text or kept.read_text(encoding="utf-8").replace('"run": {', '"run": {"new": 1, ')})
    done = limited("-m tdxpa results", str(tmp_path), limit=limit)
    changed = {p for p in tmp_path.rglob("*") if p.is_file() and p != new and old.get(p) != p.read_bytes()}
    if message:
        assert done.returncode == 1 and message in done.stderr and not changed and new.exists()
    else:
        # Another change: the generated pages are not those of the kept runs.  Run make results.
        assert done.returncode == 0 and {p for p in changed if p.suffix != ".svg"} == {kept} and not new.exists()
        assert len((tmp_path / "RESULTS.md").read_text(encoding="utf-8").splitlines()) <= 120


ROW: dict = {"mode": "", "leaf": "X", "failure": "y", "cause": "", "hazard": None}


def cell(**numbers: int) -> dict:
    return dict.fromkeys(("unsafe", "leaking", *faults.NUMBERS), 0) | {"cases": 1, **numbers}


@pytest.mark.parametrize("numbers, failed", CASES["rows of flat"])
def test_a_row_of_flat_fails(numbers: dict, failed: int) -> None:
    missing = faults.failures([])
    assert all(any(name in line for line in missing) for name in (*faults.CAUSES, *faults.HAZARDS, *faults.MODES))
    assert len(faults.failures([{**ROW, "cells": {"flat": cell(**numbers)}}])) == len(missing) + failed


def test_designs_with_the_same_kinds_of_results_share_a_column() -> None:
    cells = {"v2": cell(cases=2, unsafe=1, freed_owned=7), "v2-blocks": cell(unsafe=1, freed_owned=9),
             "descriptor": cell(unsafe=1, freed_dirty=7), "flat": cell(leaking=1, leaked=2)}
    row = {**ROW, "cause": "allowed", "hazard": "H1", "cells": cells}
    shown, lines = faults.heat({"rows": [row, {**row, "cells": {"flat": cell(cases=0)}}], "modes": []})
    assert shown == ["v2, v2-blocks", "descriptor", "flat"]
    assert [line[2] for line in lines] == [["unsafe", "unsafe", "kept by the module"],
                                           ["no such use", "no such use", "cannot be expressed"]]
    assert faults.outcome(row, "v2") == "UNSAFE in 1 of 2 cases, at most: 7 freed while owned"
    assert [faults.classes([row], d) for d in cells] == [{"H1"}, {"H1"}, {"freed_dirty"}, set()]


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


@pytest.mark.parametrize("end, exits, status", CASES["ends of kernels"])
def test_a_kernel_passes_if_its_log_ends_with_passed_tests(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, end: str, exits: int,
        status: int) -> None:
    monkeypatch.setattr(runs, "commit", lambda top: "7c0ffee")
    monkeypatch.setattr(kernels, "LIST", [["a", "stub.sh", "CONFIG=c", "-", ""], ["b", "stub.sh", "CONFIG=c", "x", ""]])
    replace({tmp_path / "benchmarks/stub.sh": f"""printf '%s\\n' "  the suites on Linux $CONFIG$BOOT (uml)" \\
        '[00:00:00] === tdx_a (1 subtest) ===' '[00:00:00] [PASSED] x' '[00:00:00] ==== [PASSED] tdx_a ====' '{end}'
        exit {exits}"""})
    for only, n in (("", 2), ("a", 1)):
        assert kernels.main(tmp_path, only) == status
        assert capsys.readouterr().out.endswith(f"\n{n * (1 - status)} passed, {n * status} failed\n")
    records = json.loads((tmp_path / runs.RUNS / kernels.NAME).read_text(encoding="utf-8"))["kernels"]
    assert records == [{"kernel": name, "commit": "7c0ffee", "linux": linux, "result": end, "skips": [], "suites": {"tdx_a": [1, 0, 0]}}
                       for name, linux in (("a", "c"), ("b", "cx"))]


@pytest.mark.parametrize("wrong, missing, status", [
    ({}, "", 0), ({"arrays": 0}, "", 1), ({"needless": 1}, "", 1), ({"SUnreclaim": 9999}, "", 1), ({}, "SUnreclaim", 1)])
def test_the_load_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict, missing: str, status: int) -> None:
    good = dict.fromkeys(load.TRIED, 1) | dict.fromkeys(load.VIOLATIONS, 0) | {"free": 9, "SUnreclaim": 9, "VmallocUsed": 9}
    rounds = [good | {"second": 0, "cpus": 4}, good | {"second": 30, "cpus": 4} | wrong]
    rounds[1].pop(missing, None)
    rounds[0] |= {k: 0 for k in wrong if k in load.TRIED}
    (tmp_path / "log").write_text("".join(f"load: {json.dumps(r)}\n" for r in rounds), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "log"), "--engine=qemu", "--kernel=7.3", f"--top={tmp_path}"])
    assert load.main() == status
    (tmp_path / "log").write_text("", encoding="ascii")
    with pytest.raises(SystemExit, match=f"^error: no round of the load ended; the console: {tmp_path}/log$"):
        load.main()


@pytest.mark.parametrize("idle, loaded", [(100, False), (90, False), (70, True)])
def test_load_is_of_other_processes_in_any_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: int,
                                                loaded: bool) -> None:
    for boot, free in (("1", 100), ("2", idle), ("3", 100)):
        stat = f"cpu  5 5 5 5 5 5 5 5 0 0\ncpu  {205 - free} 5 5 {5 + free} 5 5 5 5 0 0\n"
        (tmp_path / f"{boot}.stat").write_text(stat, encoding="ascii")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert runs.is_loaded(*(str(tmp_path / boot) for boot in "123")) == loaded


@pytest.mark.parametrize("share, wrong", CASES["states"])
def test_a_state_that_is_not_reached_fails(share: int, wrong: dict) -> None:
    row = {"state": "x", "order": 3, "share": share, "design": "flat", "largest": [3], "whole": [8], "free": [40000],
           "cache": [60000], "held": [0], "errno": [0], "owned": [10240], "regions": [[1]], "ns": [1]}
    data = {"run": {"pages": 10240, "guest_pages": 99999, "max_order": 10, "region_orders": [14]}, "rows": [row]}
    assert all(good for _, good in frag.checks(data))
    assert frag.summary(data) == {"flat": ["1 of 1", *["ok, 1"] * (share < 2)]}
    assert not all(good for _, good in frag.checks({**data, "rows": [row | wrong]}))


@pytest.mark.parametrize("design, found, kind, freed, reason", [
    *CASES["cycles"], *(["flat", {kind: 3}, "end", [], f"{cycles.NUMBERS[kind]}: 3"] for kind in cycles.MISTAKES)])
def test_a_design_fails_the_random_cycles(tmp_path: Path, design: str, found: dict, kind: str, freed: list[dict],
                                          reason: str) -> None:
    numbers = dict.fromkeys(cycles.NUMBERS, 0) | {"cycle": 9, "faults": 1, "verified": 1, "reused": 1, "mce": {"cycle": 9, "stopped": ""}} | found
    records = [{"kind": "freed", "cycle": 7, **f} for f in freed] + [{"kind": "lost", "cycle": n, "hazard": "H7", "pages": n} for n in (8, 9)]
    (tmp_path / "log").write_text("".join(f"[ 1.5] {cycles.PREFIX}{json.dumps(r)}\n" for r in (*records, numbers | {"kind": kind})) +
                                  "[ 1.6] Oops: x\n", encoding="utf-8")
    row = cycles.read(str(tmp_path / "log"), design)
    assert row["stopped"] == ("" if kind == "end" else "Oops: x") and list(row["lost"].values()) == ["H7: 9 from 9"]
    assert reason in "; ".join(cycles.wrong(row)) and bool(cycles.wrong(row)) == bool(reason)


@pytest.mark.parametrize("clock, functions, agrees", [(100, {"f": 100}, True), (100, {"f": 150}, False),
                                                      (101, {"f": 100, "asm_sysvec_apic": 1}, False)])
def test_a_profile_agrees_with_the_clock(clock: int, functions: dict, agrees: bool) -> None:
    assert profile.agrees({"clock": clock, "functions": functions}) == agrees


# make bench WHAT=size: what counts, and each limit
CODE, CALLERS = (Path(__file__).with_name(f"{name}.example").read_text() for name in ("lines", "callers"))


@pytest.mark.parametrize("what, number, value, message", CASES["limits"])
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
    assert callers.count(callers.Source(CALLERS, ["get"]).called(["flow"])) == {"lines": 9, "branches": 4}


def test_bytes_are_those_of_functions(tmp_path: Path) -> None:
    code = "int data = 1; int f(int i) { return i; } static int __attribute__((used)) g(void) { return 0; }"
    subprocess.run(["gcc", "-O2", "-c", "-x", "c", "-", "-o", f"{tmp_path}/a.o"], check=True, input=code, text=True)
    sizes = size.sizes_of([tmp_path / "a.o"])
    assert set(sizes) == {"f", "g"} and all(sizes.values())
