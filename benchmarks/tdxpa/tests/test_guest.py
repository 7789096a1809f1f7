# SPDX-License-Identifier: GPL-2.0
"""Scripts that check a guest, with a guest that is a shell function: what counts as a failure."""
import json
import re
from pathlib import Path

import pytest

from tdxpa import coverage, log, trace
from tdxpa.common import compiler, replace
from tdxpa.tests.test_start import TOP, copy_tree, make

CASES = json.loads(Path(__file__).with_suffix(".json").read_text())
# Scripts of kernels/, a console without complaints, and a boot with a mutant, whose file is not a link
STUBS, LOG, BOOT = (CASES[k] for k in ("stubs", "log", "boot"))


def copy(path: Path, boot: str) -> Path:
    """boot is the body of engine_boot LOG SECONDS MEM MODE [ARGS]."""
    path = copy_tree(path / "tree")
    for name, text in {**STUBS, "uml.sh": f"ENGINE_ARCH=um\nengine_boot()\n{{\n{boot}\n}}\n"}.items():
        (path / "benchmarks/kernels" / name).write_text(text)
    return path


# make test: the last line counts tests, and a run without any fails.
@pytest.mark.parametrize("summary,status,log,last", CASES["last line"])
def test_the_last_line(tmp_path: Path, summary: str | None, status: int, log: str, last: str) -> None:
    boot = f"printf '%s\\n' 'KTAP version 1' '{log}' '{LOG}' > $1"
    tree = copy(tmp_path, boot if summary is not None else "die 'no kernel'")
    kunit = tree / "build/kernel/tools/testing/kunit/kunit.py"
    kunit.parent.mkdir(parents=True)
    kunit.write_text(f"print('[00:00:00] Testing complete. {summary}')\nraise SystemExit({status})\n")
    run = make(tree, "test")
    assert run.stdout.splitlines()[-1] == last
    assert (run.returncode == 0) == (" 0 failed" in last and last[0] != "0")


# make torture WHAT=fuzz: what counts as a finding, and how to repeat it.
@pytest.mark.parametrize("report,steps", CASES["fuzz"])
def test_a_failure_can_be_repeated(tmp_path: Path, report: str, steps: int) -> None:
    tree = copy(tmp_path, "echo 'fuzz: starts' > \"$1\"; " + report)
    run = make(tree, "torture WHAT=fuzz SEED=7 STEPS=30000")
    assert run.returncode != 0
    assert run.stdout.splitlines() == [f"to repeat: make torture WHAT=fuzz SEED=7 STEPS={steps}", "0 passed, 1 failed"]


# An unknown mutant is refused before anything is built.
@pytest.mark.parametrize("words,out,error", CASES["no boot"])
def test_a_guest_that_does_not_boot_is_an_error(tmp_path: Path, words: str, out: str, error: str) -> None:
    run = make(copy(tmp_path, "die 'no kernel'"), f"torture WHAT={words}")
    assert run.returncode != 0 and re.fullmatch(out, run.stdout) and error in run.stderr
    assert (tmp_path / "tree/build").exists() == (tmp_path / "home").exists() == ("zzz" not in words)


# make torture WHAT=mutants: only a failing test, a complaint of the kernel or a panic kills a mutant.
@pytest.mark.parametrize("end,mutated", CASES["mutants"])
def test_how_a_mutant_ends(tmp_path: Path, end: str, mutated: str) -> None:
    tree = copy(tmp_path, BOOT.replace("MUTATED", mutated).replace("LOG", LOG))
    run = make(tree, "torture WHAT=mutants", MUTANT="NULL can be freed", BROKEN=mutated.partition("BROKEN=")[2])
    killed = end.startswith("killed")
    *_, how, last = run.stdout.splitlines()
    assert how.split(maxsplit=4)[4].startswith(end)
    assert last == ("1 passed, 0 failed" if killed else "0 passed, 1 failed")
    assert (run.returncode == 0) == killed
    assert ("error: 1 of 1 mutants were not tried" in run.stderr) == end.startswith("NOT")


# tdxpa.coverage: a line or branch that was not executed fails, unless an exception has a reason for it.
SOURCE = "arch/x86/virt/vmx/tdx/a.c"


@pytest.mark.parametrize("counts,exceptions,status", CASES["coverage"])
def test_what_is_missed(tmp_path: Path, counts: list[list[int]], exceptions: str, status: int) -> None:
    replace({tmp_path / SOURCE: "a\n\tb\n", tmp_path / coverage.EXCEPTIONS: f"# reasons\n{exceptions}\n"})
    lines = [{"line_number": i + 1, "gcovr/noncode": False, "count": line,
              "branches": [{"count": branch} for branch in branches]} for i, (line, *branches) in enumerate(counts)]
    assert coverage.main(tmp_path, {"files": [{"file": SOURCE, "lines": lines}]}) == status
    # A source that the report does not have
    assert coverage.main(tmp_path, {"files": []}) == 1


# tdxpa.log: which lines of a guest's log are a complaint.  It must be complete, and the boot does not count.
@pytest.mark.parametrize("old,new,status", [*CASES["logs"], (LOG, "", 1)])
def test_complaints(tmp_path: Path, old: str, new: str, status: int) -> None:
    (tmp_path / "log").write_text(LOG.replace(old, new))
    assert log.main(tmp_path / "log") == status


@pytest.mark.parametrize("variant,boot,missing,status", CASES["options"])
def test_options_must_be_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str, boot: str, missing: str, status: int) -> None:
    monkeypatch.setenv("BOOT", boot)
    text = (LOG.replace("[ 0.1]", "KernelAddressSanitizer initialized\nCONFIG_PAGE_POISONING is on\n[ 0.1]") +
            "guest: leaks begin\nguest: leaks end\nguest: locks were watched\n" +
            "".join(f"==> {name} <==\n1\n\n" for name in ("red_zone", "poison", "store_user", "sanity_checks")))
    (tmp_path / "log").write_text(text.replace(missing, ""))
    assert log.main(tmp_path / "log", variant) == status


# tdxpa.trace: the samples of the page are those of the workload, and would not be with other addresses.
@pytest.mark.parametrize("tool,did,old,new", CASES["samples"])
def test_a_sample_belongs_to_the_workload(tool: str, did: list[dict], old: str, new: str) -> None:
    sample = trace.samples((TOP / "Documentation/tracing.rst").read_text())[tool]
    assert trace.errors(tool, sample, did, True) == []
    assert len(trace.errors(tool, re.sub(old, new, sample), did, True)) == 1


# make bench CHECK=1: another kernel or compiler is refused before anything is built.
@pytest.mark.parametrize("kernel,kept", [("7.2", compiler()), ("7.3", "gcc 1")])
def test_a_run_that_cannot_be_compared_is_refused_first(tmp_path: Path, kernel: str, kept: str) -> None:
    tree = copy(tmp_path, "die 'no kernel'")
    (tree / "benchmarks/kernels/source.sh").write_text(f"echo {tree}/kernel")
    replace({tree / "kernel/Makefile": "kernelversion:\n\t@echo 7.3\n", tree / "benchmarks/results/qemu-icount-zeroing.json":
             f'{{"run": {{"kernel": "{kernel}", "compiler": "{kept}", "icount": true}}, "records": []}}'})
    run = make(tree, "bench WHAT=instructions CHECK=1")
    assert run.returncode and run.stderr.startswith(f"error: nothing can be compared: the kept run has Linux {kernel} and {kept}, ")
    assert not (tree / "build/kernel").exists()
