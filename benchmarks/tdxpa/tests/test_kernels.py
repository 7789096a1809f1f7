# SPDX-License-Identifier: GPL-2.0
"""The scripts that build and boot kernels: locks, the keys of kept kernels, and guests."""
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tdxpa.tests.test_start import TOP, copy_tree, functions, stub

CASES = json.loads(Path(__file__).with_suffix(".json").read_text())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = copy_tree(tmp_path / "tree")
    (tmp_path / "cache/tdx-pa-array/src/linux-source-7.3").mkdir(parents=True)
    (tmp_path / "cache/src").mkdir()
    (tree / "benchmarks/kernels/setup.sh").write_text("#!/bin/bash\n")
    # It builds nothing.  A sanitized kernel takes long.
    stub(tmp_path / "bin", "make", CASES["make"])
    return tree


def start(tree: Path, script: str, **env: str) -> subprocess.Popen:
    """bash with common.sh and this script"""
    tmp = tree.parent
    variables = {"PATH": f"{tmp}/bin:{os.environ['PATH']}", "TDX_CACHE": f"{tmp}/cache", "TMP": str(tmp), **env}
    return subprocess.Popen(["bash", "-eu", "-c", f". {tree}/benchmarks/kernels/common.sh; {script}"], env=variables,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def within(seconds: int, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def finish(run: subprocess.Popen, seconds: int = 60) -> tuple[str, str]:
    out, err = run.communicate(timeout=seconds)
    assert run.returncode == 0, err
    return out, err


def test_a_waiting_run_names_the_holder_and_ignores_a_removed_lock(tree: Path) -> None:
    hold = 'hold 8 "$BUILD/lock"; echo > "$TMP/held"; '
    first = start(tree, hold + 'while [ ! -e "$TMP/end" ]; do sleep 0.1; done; rm "$BUILD/lock"', RUN="make test")
    assert within(60, (tree.parent / "held").exists)
    second = start(tree, hold + '[ /dev/fd/8 -ef "$BUILD/lock" ] && cat "$BUILD/lock"', RUN="make bench")
    time.sleep(0.5)
    (tree.parent / "end").touch()
    finish(first)
    out, err = finish(second)
    assert f"waiting at most an hour for process {first.pid} (make test), which holds {tree}/build/lock" in err
    assert out == f"process {second.pid} (make bench)\n"


@pytest.mark.parametrize("lock,words,removed", [
    ("take_lock", "cache", "../cache/tdx-pa-array"), ('hold 8 "$BUILD/lock"', "", "build"), ('hold 7 "$BUILD/kernels.lock"', "", "build"),
    ('cd "$TOP/benchmarks/host"; : > modules.sh; : > ../tdxpa/host_run.py; set run; . ./run.sh', "", "build")])
def test_clean_waits_for_runs(tree: Path, lock: str, words: str, removed: str) -> None:
    finish(start(tree, 'cd "$TOP/benchmarks/kernels"; . kernel.sh; for ENGINE in uml qemu tdx; do . "$ENGINE.sh"; '
                 'kernel_build "$CACHE/src/linux-source-7.3"; done'))
    run = start(tree, f'{lock}; echo > "$TMP/held"; sleep 1; ls {tree}/{removed}')
    assert within(60, (tree.parent / "held").exists)
    _, err = finish(start(tree, f"bash {tree}/benchmarks/kernels/clean.sh {words}"))
    finish(run)
    assert "waiting" in err and not (tree / removed).exists() and not list(tree.glob("build*"))
    # The cache of others
    assert (tree.parent / "cache/src").exists()


def test_runs_share_the_cache_and_do_not_wait_for_the_kernel_of_another(tree: Path) -> None:
    finish(start(tree, "prepare"))
    other = start(tree, "prepare sanitize")
    assert within(60, (tree.parent / "building").exists)
    _, err = finish(start(tree, "prepare"))
    os.killpg(other.pid, signal.SIGKILL)
    assert "waiting" not in err


@pytest.mark.parametrize("engine,tool", [("uml", "ld"), ("qemu", "ld"), ("uml", "getconf"), ("qemu", "pahole")])
def test_the_key_of_a_kernel_has_the_tools(tree: Path, engine: str, tool: str) -> None:
    stub(tree.parent / "bin", "pahole", "echo v1.24\n")
    keys = []
    for version in ("1.0", "1.0", "1.1"):
        stub(tree.parent / "bin", tool, f"echo {tool} {version}\n")
        keys.append(finish(start(tree, 'prepare; echo "$KOBJ"', ENGINE=engine))[0])
    assert keys[0] == keys[1] != keys[2]


UML = '. "$TOP/benchmarks/kernels/kernel.sh"; . "$TOP/benchmarks/kernels/uml.sh"; KOBJ=$TMP GUEST_ARGS= TREE=/; '
# Functions of intree.sh, with stubs for kunit.py and for the build
INTREE = functions("series/intree.sh", "check|kunit|emulated") + """
logs=$TMP work=$TMP tree=$TOP dir=arch/x86/virt/vmx/tdx qemu=guest failed=0
build() { :; }; tdx_machine() { :; }; """
# make torture WHAT=kernels, with a script that runs a guest
KERNELS = """echo '. "$TOP/benchmarks/kernels/kernel.sh"; guest_run "$TMP/log" 60 guest' > "$TOP/benchmarks/x"
printf 'a\tx\tTOP=%s\t-\t-\n' "$TOP" > "$TOP/benchmarks/tests/kernels.list"; exec $PYTHON -m tdxpa.kernels "$TOP" """


@pytest.mark.parametrize("call", ['guest_run "$TMP/log" 60 guest', '(guest_run "$TMP/log" 60 guest)',
                                  'measure "$TMP/log" 60 1G guest', "check x kunit", "check x emulated", KERNELS])
def test_a_guest_has_no_lock_and_ends_with_a_killed_script(tree: Path, call: str) -> None:
    tmp = tree.parent
    stub(tmp / "bin", "guest", f"ls -l /proc/$$/fd > {tmp}/fds; echo $$ > {tmp}/pid; sleep 60\n")
    stub(tmp / "bin", "python3", 'case "$*" in *" build "*) ;; *) guest ;; esac\n')
    run = start(tree, '. "$TOP/benchmarks/kernels/kernel.sh"; take_lock; hold 8 "$BUILD/lock"; hold 9 "$CACHE/x.lock"; '
                '. "$TOP/benchmarks/bench/measure.sh"; KVERSION=7.3.4 ENGINE=uml; '
                f'engine_boot() {{ guest_run "$1" "$2" "$4"; }}; {INTREE} {call}; true')
    assert within(60, (tmp / "pid").exists)
    assert not re.search(r"[/.]lock$", (tmp / "fds").read_text(), re.MULTILINE)
    run.kill()
    run.wait()
    finish(start(tree, 'hold 8 "$BUILD/lock"'))
    assert within(20, lambda: not Path("/proc", (tmp / "pid").read_text().strip()).exists())


def test_a_build_keeps_its_lock_when_its_script_is_killed(tree: Path) -> None:
    run = start(tree, f'{INTREE} hold 9 "$CACHE/lock"; check x sh -c "echo > $TMP/building; sleep 60"')
    assert within(60, (tree.parent / "building").exists)
    run.kill()
    run.wait()
    assert subprocess.run(["flock", "-n", tree.parent / "cache/tdx-pa-array/lock", "true"]).returncode == 1
    # A run that waits for it keeps nothing when it is killed.
    waits = start(tree, 'hold 8 "$BUILD/lock"; hold 9 "$CACHE/lock"')
    assert waits.stderr and "waiting" in waits.stderr.readline()
    time.sleep(0.5)
    waits.kill()
    assert within(20, lambda: not subprocess.run(["flock", "-n", tree / "build/lock", "true"]).returncode)
    os.killpg(run.pid, signal.SIGKILL)


def test_a_guest_on_disk_is_a_warning_and_recorded(tree: Path) -> None:
    stub(tree.parent / "bin", "df", "echo; echo tmpfs 65536 0 65536 0% /dev/shm\n")
    stub(tree.parent, "linux", 'echo "$TMPDIR"; echo "guest: done"\n')
    out, err = finish(start(tree, UML + '(engine_boot "$TMP/log" 10 1G test); $PYTHON -c "from tdxpa import runs\n'
                            "print(runs.about('.', '', '', 'uml')['memory'])\""))
    assert "warning: /dev/shm has less than 1 GB free" in err and out == "a file on disk\n"
    assert (tree.parent / "log").read_text().startswith(f"{tree}/build/tmp\n")


@pytest.mark.parametrize("script,message", [
    (UML + 'CPUS=2; engine_boot "$TMP/log" 10 1G test', "CPUS=2: user-mode Linux needs seccomp"),
    ('. "$TOP/benchmarks/kernels/kernel.sh"; ENGINE=qemu; kernel_build / debian', "CONFIG=debian: needs Debian's headers of Linux 7.3.4"),
    ('export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null; bash "$TOP/benchmarks/series/patches.sh"',
     "git has no author for the patches; set one"),
    ('ln -s /usr/bin/{bash,dirname,nproc,realpath} "$TMP/bin"; PATH=$TMP/bin bash "$TOP/benchmarks/series/patches.sh"',
     "git has no author for the patches; install git and set one"),
    # The headers of the running kernel
    ('cd() { builtin cd "${1/#\\/lib*/$TMP}"; }; export -f cd; bash "$TOP/benchmarks/host/modules.sh"',
     "/.*: the kernel is not configured with CONFIG_X86_64=y")])
def test_an_error_comes_before_a_lock_and_names_only_what_is_set(tree: Path, script: str, message: str) -> None:
    stub(tree.parent, "linux", "echo SECCOMP userspace requested but not functional\n")
    assert re.match(f"error: {message}", start(tree, script).communicate(timeout=20)[1])
    assert not (tree.parent / "cache/tdx-pa-array/in-use.lock").exists()


def test_progress_skips_a_line_that_is_cut(tree: Path) -> None:
    log = r"""[ 0.1] tdx_bench: {"kind": "progress", "done": 4, "of": 8}\ntdx_bench: {"kind": "progress", "do"""
    _, err = finish(start(tree, '. "$TOP/benchmarks/bench/measure.sh"; KVERSION=7.3.4 ENGINE=uml; '
                          'engine_boot() { printf "$LINES" > "$1"; sleep 1; }; measure "$TMP/log" 9 1G bench',
                          LINES=log, PROGRESS_SECONDS="0.5"))
    assert "\n  4 of 8 operations measured\n" in err


# setup.sh waits for the package manager, for a bounded time, and prints why.  Outcomes are errors of apt-get.
@pytest.mark.parametrize("outcomes,wait,status,calls", CASES["locks"])
def test_it_waits_for_locks_only(tmp_path: Path, outcomes: list[str], wait: str, status: int, calls: list[str]) -> None:
    setup = copy_tree(tmp_path / "tree") / "benchmarks/kernels/setup.sh"
    for name, text in (("dpkg-query", "exit 1\n"), ("sudo", 'exec "$@"\n'), ("sleep", "")):
        stub(tmp_path / "bin", name, text)
    (tmp_path / "outcomes").write_text("\n".join(outcomes) + "\n")
    stub(tmp_path / "bin", "apt-get", CASES["apt-get"])
    run = subprocess.run(["bash", str(setup), "reports"], capture_output=True, text=True, timeout=60,
                         env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "APT_WAIT": wait})
    first, rest = run.stderr.split("\n", 1)
    assert "installing" in first and "python3-matplotlib" in first
    assert re.findall("install |update", (tmp_path / "calls").read_text()) == calls and run.returncode == status
    assert rest.count("waiting") == (wait == "600" and any("lock" in o for o in outcomes))
    assert ("process 4711 (unattended-upgr)" in rest) == any("lock" in o for o in outcomes)


def test_lines_are_inserted_into_all_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("@ a\n+ after one\n1\n+ before f >> two\n2\n@ b\n+ after same\n3\n+ after none\n4\n")
    (tmp_path / "a").write_text("one\ntwo\nf\ntwo\n")
    (tmp_path / "b").write_text("same\nsame\n")
    command = ["python3", str(TOP / "benchmarks/kernels/tdx-host/insert.py"), str(tmp_path / "list"), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.count("must contain this text once") == 2
    assert (tmp_path / "a").read_text() == "one\ntwo\nf\ntwo\n"
    (tmp_path / "b").write_text("same\nnone\n")
    subprocess.run(command, check=True)
    assert (tmp_path / "a").read_text() == "one\n1\ntwo\nf\n2\ntwo\n"
    assert (tmp_path / "b").read_text() == "same\n3\nnone\n4\n"


@pytest.mark.parametrize("mirrors", ["exit 1", "echo main http://archive.ubuntu.com/ubuntu/"])
def test_the_emulated_host_is_refused_where_it_cannot_be_built(tree: Path, mirrors: str) -> None:
    stub(tree.parent / "bin", "apt-get", f"{mirrors}\n")
    run = start(tree, "prepare", ENGINE="tdx")
    out, err = run.communicate(timeout=20)
    assert run.returncode == 1 and out == "" and len(err.splitlines()) == 2 and "emulated instructions" in err
    assert "\nerror: ENGINE=tdx: builds QEMU 7.2 of Debian 12, and apt has no Debian mirror; add one" in err
    assert not list((tree.parent / "cache/tdx-pa-array").glob("*/complete"))
