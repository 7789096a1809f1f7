# SPDX-License-Identifier: GPL-2.0
"""make and benchmarks/start.sh: what is refused before anything happens, and which script runs."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tdxpa import common
from tdxpa.common import replace

TOP = Path(__file__).resolve().parents[3]
CASES = json.loads(Path(__file__).with_suffix(".json").read_text())
# As root, run as another user what must not be writable.
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups " if os.getuid() == 0 else ""


def copy_tree(path: Path) -> Path:
    """A copy of the sources, in which nothing is built yet."""
    for name in ("arch", "benchmarks"):
        shutil.copytree(TOP / name, path / name, ignore=shutil.ignore_patterns("results", "__pycache__"))
    shutil.copy(TOP / "Makefile", path)
    return path


def functions(script: str, names: str) -> str:
    """Functions of a script"""
    return "\n".join(re.findall(rf"(?ms)^(?:{names})\(\)\n.*?^}}", (TOP / "benchmarks" / script).read_text()))


def stub(directory: Path, name: str, text: str) -> None:
    """A command for a directory that comes first in PATH."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text("#!/bin/bash\n" + text)
    (directory / name).chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources, in which the script of each target is a stub."""
    tree = copy_tree(tmp_path / "tree")
    for script in tree.glob("benchmarks/*/*.sh"):
        if script.name not in ("common.sh", "source.sh"):
            script.write_text('echo "script: ${0#*benchmarks/} $*"; env\n')
    for name in (".git", "../home"):
        (tree / name).mkdir()
    return tree


def make(tree: Path, words: str, user: str = "", **env: str | None) -> subprocess.CompletedProcess:
    tmp = tree.parent
    variables: dict[str, str | None] = {"PATH": f"{tmp}/bin:{os.environ['PATH']}", "HOME": f"{tmp}/home", **env}
    return subprocess.run(f"{user}make -s {words}".split(), cwd=tree, capture_output=True, text=True,
                          env={k: v for k, v in variables.items() if v is not None})


def refused(run: subprocess.CompletedProcess, message: str) -> None:
    """One line, a status, and no script."""
    errors = [line for line in run.stderr.splitlines() if not line.startswith("make: ")]
    assert run.returncode != 0 and "script:" not in run.stdout
    assert len(errors) == 1 and re.match(f"error: {message}", errors[0]), run.stderr


@pytest.mark.parametrize("words,message", CASES["refused"])
def test_wrong_values_are_refused_first(tree: Path, words: str, message: str) -> None:
    refused(make(tree, words), message)
    assert not (tree / "build").exists() and not list((tree.parent / "home").iterdir())


@pytest.mark.parametrize("words,script,variables", CASES["scripts"])
def test_a_target_runs_its_script(tree: Path, words: str, script: str, variables: str) -> None:
    # In the environment: TOOL is for make trace, WHAT decides about ICOUNT, and the others are for kernels.py.
    out = make(tree, words, TOOL="x", ICOUNT="x", CONFIG="x", BOOT="x", SOURCE="x", RELEASE="x").stdout.splitlines()
    assert not [line for line in out if line.endswith("=x")]
    assert out[0].rstrip() == f"script: {script}"
    for name in variables.split():
        assert name in out if name[0] != "!" else not [v for v in out if v.startswith(name[1:] + "=")]


def test_help_fits_a_screen_and_has_all_names() -> None:
    text = (TOP / "benchmarks/help.txt").read_text()
    assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 80
    rows = [row for row in (TOP / "benchmarks/targets.list").read_text().splitlines() if row[0] != "#"]
    assert len(rows) > 20
    for row in rows:
        target, what, engines, _, *variables = row.split("\t")
        for word in [f"make {target}", what, *engines.split(","), *" ".join(variables).split()]:
            # Defaults are described in words.
            assert word in text or word in ("-", "time", "faults", "patches", "uml"), word


def test_suites_have_the_names_of_their_files() -> None:
    sources = [*TOP.glob("arch/**/*_kunit.c"), *TOP.glob("benchmarks/**/*_kunit.c")]
    kbuild = "".join(path.read_text() for path in [*TOP.glob("*/**/Kbuild"), *TOP.glob("benchmarks/kernels/Kbuild.*")])
    assert sources and all(f'.name = "tdx_{s.name[:-8]}"' in s.read_text() and f"{s.stem}.o" in kbuild for s in sources)


def test_paths_and_owners(tree: Path) -> None:
    tmp = tree.parent
    refused(make(tree, "test", HOME=None), "HOME is not set; set it, or TDX_CACHE=dir")
    refused(make(tree, "test", HOME="/dev/null/x"), "/dev/null/x/.cache: /dev/null is not a writable directory; set")
    refused(make(tree, "test", TDX_CACHE="/tmp/a b"), "TDX_CACHE=/tmp/a b: must be a path without space")
    refused(make(tree.rename(tmp / "a b"), "test"), ".*/a b/build: must be a path without space")
    (tmp / "a b").rename(tree)
    assert not list((tmp / "home").iterdir()) and not (tree / "build").exists()
    assert make(tree, "clean", HOME=None).returncode == 0
    for path in (tmp, *list(tmp.parents)[:2]):
        path.chmod(0o755)
    (tmp / "cache").mkdir()
    if NOBODY:
        os.chown(tree, 65534, 65534)
        os.chown(tmp / "cache", 65534, 65534)
    (tmp / "home").chmod(0o555)
    refused(make(tree, "test", NOBODY), f"{tmp}/home/.cache: .*home is not a writable directory; set TDX_CACHE=dir")
    refused(make(tree, "test", TDX_CACHE=f"{tmp}/cache" if NOBODY else "/"), "TDX_CACHE=.*(belongs to|not a writable)")


def test_what_the_machine_lacks(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(tree.parent / "bin", "df", "echo; echo tmpfs 65536 0 65536 0% /dev/shm\n")
    refused(make(tree, "bench"), "/dev/shm has less than 2.2 GB free.*as root: mount")
    assert [make(tree, words).returncode for words in ("test", "bench WHAT=size")] == [0, 0]
    stub(tree.parent / "bin", "uname", "echo 0.0-none\n")
    refused(make(tree, "modules"), "KDIR is not set, and the headers of the running Linux 0.0-none are not installed")
    shutil.rmtree(tree / ".git")
    refused(make(tree, "check"), f"make check: {tree} is not a git repository")
    monkeypatch.setenv("PATH", "")
    assert common.commit(TOP) == "no commit"


def test_kvm_is_the_clock_of_time(tree: Path) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    common.replace({tree.parent / f"home/.cache/tdx-pa-array/kvm-{boot}": "yes"})
    for words, engine in (("bench", "qemu"), ("bench ENGINE=uml", "uml"), ("bench WHAT=fragmentation", "uml")):
        assert f"ENGINE={engine}" in make(tree, words).stdout.splitlines()


def test_targets_that_need_linux_7_3_refuse_another(tree: Path) -> None:
    kernel = tree.parent / "kernel"
    replace({kernel / "Kbuild": "", kernel / "Makefile": "kernelversion:\n\t@echo 6.12.9\n"})
    for words in ("check", "bench WHAT=size", "series", "series WHAT=intree", "series WHAT=random"):
        refused(make(tree, f"{words} KSRC={kernel}"), f"KSRC={kernel}: is Linux 6.12.9; pass Linux 7.3 or newer")
    assert make(tree, f"test KSRC={kernel}").returncode == 0


def test_checkpatch_leaves_no_file_in_the_sources(tmp_path: Path) -> None:
    script = f"src=/ C= BUILD={tmp_path}; files() {{ echo a.c; }}; perl() {{ pwd; }}; "
    run = subprocess.run(["bash", "-c", script + functions("tests/check.sh", "checkpatch") + "\ncheckpatch"],
                         cwd=TOP, capture_output=True, text=True)
    assert run.stdout == f"{tmp_path}\n"


def test_designs_have_the_same_shape() -> None:
    folders = [path for path in (TOP / "benchmarks/designs").iterdir() if path.is_dir()]
    assert len(folders) > 10 and all((path / "design.c").exists() for path in folders)
