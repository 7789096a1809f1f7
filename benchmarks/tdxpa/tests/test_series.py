# SPDX-License-Identifier: GPL-2.0
"""make series: after the last patch, each file is equal to the file of this repository."""
import functools
import json
import subprocess
from pathlib import Path

import pytest

from tdxpa import series
from tdxpa.common import replace
from tdxpa.tests.test_start import TOP, functions

CASES = json.loads(Path(__file__).with_suffix(".json").read_text())
# A source, and the texts of two patches
_, CODE, FIRST, SECOND = Path(__file__).with_name("series.example").read_text(encoding="utf-8").split("=====\n")


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two patches, and a kernel"""
    replace({tmp_path / name: text for name, text in {
                       "arch/a.c": CODE % 1, "arch/tests/t.c": "t\n", "Documentation/p": "p\n",
                       "series/01.txt": "SPDX\n" + FIRST, "series/02.txt": "SPDX\n" + SECOND,
                       "kernel/Makefile": "obj-y :=\n", "repo/.keep": ""}.items()})
    monkeypatch.setattr(series, "TOP", tmp_path)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")
    return tmp_path


def make(top: Path) -> series.Git:
    git = functools.partial(series.run, "git", cwd=top / "repo")
    series.make([series.Patch(path) for path in sorted((top / "series").iterdir())], top / "kernel", top / "repo", git)
    return git


def test_each_patch_adds_its_items_and_the_last_state_is_that_of_the_repository(top: Path) -> None:
    git = make(top)
    first = (CODE % 0).partition("int second")[0].replace("#include <b.h>\n", "").rstrip("\n") + "\n"
    assert git("show", "series~1:arch/a.c") == first
    assert git("diff", "--name-only", "base", "series~1").split() == ["Documentation/x86/p", "Makefile", "arch/a.c"]
    assert git("show", "series:arch/a.c") == CODE % 1 and git("show", "series:Makefile") == "obj-y :=\nobj-y += a.o\n"
    assert git("log", "-1", "--format=%b", "series~1").strip() == "Body\n\nSigned-off-by: A <a@example.org>"
    assert series.added_lines(git) == [
        {"patch": 1, "subject": "x86: Add first", "production": 9, "tests": 0, "documentation": 1},
        {"patch": 2, "subject": "x86: Add second", "production": 7, "tests": 1, "documentation": 0}]


@pytest.mark.parametrize("author, is_person", CASES["authors"])
def test_an_author_who_is_not_a_person_is_a_warning(author: tuple[str, str], is_person: bool) -> None:
    assert bool(series.identity(*author)) != is_person


def test_a_long_letter_is_an_error() -> None:
    rows = [{"patch": 1, "subject": "x86: Add", "production": 1, "tests": 0, "documentation": 0}] * 40
    assert series.letter(rows[:6], "7.3").count("\n") < 70
    with pytest.raises(SystemExit, match="over 70 lines"):
        series.letter(rows, "7.3")


@pytest.mark.parametrize("name, old, new, message", CASES["items"])
def test_an_item_without_effect_is_an_error(name: str, old: str, new: str, message: str, top: Path) -> None:
    path = top / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SystemExit, match=message):
        make(top)


@pytest.mark.parametrize("seed, last, status", [("", "0 passed, 1 failed", 1), ("3", "1 passed, 0 failed, 1 skipped", 0)])
def test_a_build_without_the_series_is_skipped_with_a_random_configuration(tmp_path: Path, seed: str, last: str,
                                                                           status: int) -> None:
    # make configures a kernel without INTEL_TDX_HOST.
    run = subprocess.run(["bash", "-c", f"""work={tmp_path} logs={tmp_path} tree={TOP} dir=arch/x86/virt/vmx/tdx
        passed=0 failed=0 skipped=0; say() {{ :; }}; make() {{ echo "$@" > $work/random-gcc/.config; }}
        {functions("series/intree.sh", "check|finish|configured")}
        [ -z "{seed}" ] || check other true; check random configured gcc {seed}; finish"""], capture_output=True, text=True)
    assert (run.stdout, run.returncode) == (last + "\n", status)
