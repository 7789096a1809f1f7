# SPDX-License-Identifier: GPL-2.0
"""Simulated runs, and the modules without the runner, in a guest (make host WHAT=test)."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdxpa import host_run, hostfile
from tdxpa.host_checks import Machine
from tdxpa.host_run import unload_all

pytestmark = pytest.mark.guest
TREE = os.environ.get("TDX_TREE", "")
CASES = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
TOP = Path(__file__).resolve().parents[3]
DEBUGFS = Path("/sys/kernel/debug")
Done = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """A test leaves no module and no file in debugfs."""
    yield
    left = [name for name in Machine().loaded() + os.listdir(DEBUGFS) if name.startswith("tdx")]
    unload_all()
    assert not left


def command(*arguments: str | Path, before: str = "") -> list[str]:
    """Run host_run, after the statements @before."""
    main = f"from tdxpa import host_run\n{before}\nsys.exit(host_run.main(*sys.argv[1:]))"
    return [sys.executable, "-c", f"import sys\n{main}", *map(str, arguments)]


def ended(line: list[str], env: dict[str, str] = {}, cwd: Path | None = None) -> Done:
    return subprocess.run(line, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=400)


def simulate(out: Path, **env: str) -> Done:
    return ended(command(TREE, out), {"QUICK": "1", "SIMULATE": "1000", **env})


def test_a_machine_without_tdx_is_not_measured(tmp_path: Path) -> None:
    for line in (command(), command(TREE, tmp_path)):
        done = ended(line)
        assert done.returncode == 1 and done.stdout == "" and not list(tmp_path.iterdir())
        assert "NO   CPU" in done.stderr and "make host WHAT=run SIMULATE=2000" in done.stderr


def test_make_host_run_writes_a_complete_file_and_its_tables(tmp_path: Path) -> None:
    tree, kernel, release = tmp_path / "tree", tmp_path / "kernel", os.uname().release
    shutil.copytree(TOP / "benchmarks", tree / "benchmarks", ignore=shutil.ignore_patterns("results"))
    shutil.copy(TOP / "Makefile", tree)
    (tree / "benchmarks/host/modules.sh").write_text(f"ln -s {TREE} build/modules-{release}\n", encoding="ascii")
    (tree / "build").mkdir()
    (kernel / "include/config").mkdir(parents=True)
    (kernel / "Makefile").touch()
    (kernel / "include/config/kernel.release").write_text(release, encoding="ascii")
    done = ended(["make", "host", "WHAT=run", "SIMULATE=1000", "QUICK=1", f"KDIR={kernel}"],
                 {"FAILURE": "fail_at=7 busy_calls=3"}, tree)
    assert done.returncode == 0 and "all is as before" in done.stderr, done.stderr
    (path,) = (tree / "build").glob("host-SIMULATED-*.json")
    data = hostfile.load(path)
    assert f"to be sent back: {path}" in done.stderr
    assert data["run"]["command"] == "make host WHAT=run QUICK=1 SIMULATE=1000" and data["run"]["busy"] == 3
    assert not re.search(rf"{TOP}|{socket.gethostname()}", path.read_text(encoding="ascii"))
    flushes = {(r["lines"], r["where"]): r["ns"] for r in data["records"] if r.get("what") == "wbinvd"}
    assert set(flushes) == {(a, b) for a in ("flushed", "clean", "dirty") for b in ("same", "other")}
    assert all(len(ns) == 64 and min(ns) >= 1000 for ns in flushes.values())
    cells = {(r["pages"], r["design"]): min(r["ns"]) / r["operations"] for r in data["records"]
             if r["kind"] == "samples" and r["op"] == "release-flushed"}
    assert all(cells[pages, design] >= pages * 1000 for pages in (1, 512) for design in ("v2", "flat", "floor"))

    heads = re.findall(r"^(\|.*)\n\|--", done.stdout, re.M)
    assert len(heads) == 3 and all(head.startswith("| SIMULATED ") for head in heads)


# Call 4 is TDH.SYS.RD, which takes no page; 7 flushes a single page, 1500 one of an array.
# A busy WBINVD is retried 1,000 times.
@pytest.mark.parametrize("failure, error", CASES["unexpected status"])
def test_the_first_unexpected_status_is_the_last_seamcall(tmp_path: Path, failure: str, error: str) -> None:
    kmsg = Path("/dev/kmsg")
    kmsg.write_text("tdx-test: warnings expected", encoding="ascii")
    done = simulate(tmp_path, FAILURE=failure)
    kmsg.write_text("tdx-test: no more warnings expected", encoding="ascii")
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert f"error: {error}" in done.stderr and "all is as before" in done.stderr
    assert ("are leaked until" in done.stderr) == ("leaf 41" in error)


# Statements before the run, variables, the error
@pytest.mark.parametrize("before, env, error", CASES["failing runs"])
def test_a_run_that_fails_writes_no_file(tmp_path: Path, before: str, env: dict[str, str], error: str) -> None:
    done = ended(command(TREE, tmp_path, before=before), env)
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert f"\nerror: {error.replace('TREE', TREE)}" in f"\n{done.stderr}" and "Traceback" not in done.stderr


def start(out: Path) -> subprocess.Popen[str]:
    """Start a run and wait until it measures."""
    process = subprocess.Popen(command(TREE, out), stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "SIMULATE": "1000"})
    deadline = time.monotonic() + 120
    while "tdx_bench" not in Machine().loaded():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_unloads_its_modules(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    # It is not stopped.
    process.send_signal(signal.SIGTSTP)
    process.send_signal(number)
    error = process.communicate(timeout=90)[1]
    assert process.returncode == 1 and "error: ended by a signal" in error and "all is as before" in error
    assert not list(tmp_path.iterdir())


def test_a_run_ends_if_modules_are_loaded_already(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.kill()
    process.communicate()
    done = simulate(tmp_path)
    assert done.returncode == 1 and re.search(r"loaded: tdx_.*; stop their users and unload them", done.stderr)
    assert "tdx_model" in Machine().loaded()
    assert not unload_all()


def attach(out: Path) -> None:
    """While a run calls the TDX module, run bpftrace with test_host_guest.bt and with free-paths."""
    load, unload = host_run.insmod, host_run.unload_all
    programs = {__file__.replace(".py", ".bt"): "bpftrace", "free-paths": f"{TREE}/benchmarks/host/trace/attach.sh"}
    running: list[subprocess.Popen[bytes]] = []
    # bpftrace starts this command when its probes are attached, and ends with it.
    (out / "wait").write_text(f"touch {out}/$1\nuntil [ -e {out}/end ]; do sleep 0.1; done\n", encoding="ascii")

    def insmod(name: str, path: Path, parameters: list[str]) -> None:
        load(name, path, parameters)
        for script, program in programs.items() if name == "tdx_seamcall" else ():
            tool = Path(script).stem
            with (out / f"{tool}.txt").open("w") as text:
                running.append(subprocess.Popen([program, "-c", f"/bin/sh {out}/wait {tool}", script], stdout=text))
            while not (out / tool).exists() and running[-1].poll() is None:
                time.sleep(0.1)

    def unload_all() -> list[str]:
        for tool in running:
            (out / "end").touch()
            tool.wait(60)
        return unload()

    host_run.insmod, host_run.unload_all = insmod, unload_all


def test_on_a_tdx_host_the_report_equals_what_tools_count(tmp_path: Path) -> None:
    done = ended(command(TREE, tmp_path, before=f"from tdxpa.tests import test_host_guest as test\n"
                         f"test.attach(test.Path('{tmp_path}'))"), {"QUICK": "1"})
    assert done.returncode == 0 and "all is as before" in done.stderr, done.stderr
    assert "all checks passed" in done.stderr and "SIMULATE" not in done.stdout + done.stderr
    (path,) = tmp_path.glob("host-*.json")
    data = hostfile.load(path)
    assert data["run"]["module"] == "2.0.00" and data["run"]["packages"] == 2
    flushes = {(r["lines"], r["where"]): len(r["ns"]) for r in data["records"] if r.get("what") == "wbinvd"}
    assert flushes == {(a, b): 64 for a in ("flushed", "clean", "dirty") for b in ("same", "other")}
    counts = (tmp_path / "test_host_guest.txt").read_text()
    counted = {name: int(n) for name, n in re.findall(r"^@(\w+): (\d+)$", counts, re.M)}
    assert data["run"]["busy"] == counted["busy"] > 0
    pages = re.findall(r"^@pages\[flushed, .*total (\d+)$", (tmp_path / "free-paths.txt").read_text(), re.M)
    assert sum(map(int, pages)) == counted["flushed"] > 0
    # When it is loaded, tdx_seamcall reads four fields.  The machine counts, too: test.sh compares.
    Path("/dev/kmsg").write_text(f"tdx-test: {counted['calls'] + 4} SEAMCALLs\n", encoding="ascii")
