# SPDX-License-Identifier: GPL-2.0
"""What runs on a TDX host, without its kernel: checks of the machine, options, files of runs."""
import copy
import functools
import json
import operator
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdxpa import host, host_checks, hostfile, results
from tdxpa.common import replace
from tdxpa.host_checks import NO, OK, SIGNED, UNKNOWN, Check, Machine

# The files of a machine with Linux 7.3, whose module tdx_host reports the version; changes (null: no such
# file) that make other machines; cases
DATA = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def checks(root: Path, changes: dict[str, Any], simulated: bool = False, **facts: Any) -> dict[str, Check]:
    """The checks of the good machine with some files changed, or (None) without them."""
    files = {root / path: text for path, text in {**DATA["good machine"], **changes}.items() if text is not None}
    replace(files)
    facts = {"uid": 0, "arch": "x86_64", "release": "7.3.0-test", **facts}
    return host_checks.all_checks(Machine(str(root), **facts), simulated)


def test_a_good_machine_passes_and_a_simulation_needs_no_tdx(tmp_path: Path) -> None:
    assert {c.state for c in checks(tmp_path, {}).values()} == {OK}
    assert NO not in {c.state for c in checks(tmp_path, DATA["machines"]["TDX is off"], simulated=True).values()}


@pytest.mark.parametrize("name, state, words, machine, changes, facts", DATA["faults"])
def test_each_check_finds_its_fault(tmp_path: Path, name: str, state: str, words: str, machine: str,
                                    changes: dict[str, Any], facts: dict[str, Any]) -> None:
    found = checks(tmp_path, {**DATA["machines"][machine], **changes}, **facts)[name]
    assert found.state == state and words in "; ".join(found)


@pytest.mark.parametrize("changes", [{"sys/module/module/parameters/sig_enforce": "Y\n"},
                                     {"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}])
def test_enforced_signatures_require_signed_modules(tmp_path: Path, changes: dict[str, str]) -> None:
    unsigned, signed = tmp_path / "a.ko", tmp_path / "b.ko"
    unsigned.write_bytes(b"\x7fELF")
    signed.write_bytes(b"\x7fELF" + SIGNED)
    for modules, state in (({}, UNKNOWN), ({"b": signed}, OK), ({"a": unsigned, "b": signed}, NO)):
        found = checks(tmp_path, changes, modules=modules)["module loading"]
        assert found.state == state
    assert f"below {tmp_path}" in found.todo


# Files of runs

def small_file(simulate: int | None = None) -> Any:
    """A file with records of each kind"""
    option = "" if simulate is None else f" SIMULATE={simulate}"
    return {"format": hostfile.FORMAT, "records": copy.deepcopy(DATA["records"]),
            "run": {**DATA["run"], "command": f"make host WHAT=run{option}"}}


def refused(raw: bytes) -> str:
    with pytest.raises(hostfile.BadFile) as caught:
        hostfile.parse(raw)
    error = str(caught.value)
    assert error.isascii() and error.isprintable() and len(error) < 300
    return error


def test_a_good_file_is_accepted_and_a_malformed_one_refused() -> None:
    raw = hostfile.dumps(small_file()).encode()
    assert hostfile.parse(raw) == small_file()
    numbers = [raw.replace(b"384", number) for number in (b"NaN", b"1e999", b"0.5", b"9" * 5000)]
    for bad in (b"", b"\xff\xfe", b"null", b"[" * 100000, raw[:-3], b" " * hostfile.MAX_BYTES + raw, *numbers):
        refused(bad)


# A path to a value, the wrong value (null: none), words of the error
@pytest.mark.parametrize("path, value, words", [
    *DATA["wrong values"], (["run", "cpu"], "x" * 121, "run.cpu"), (["records", 0, "ns"], [1] * 201, "records.0.ns")])
def test_a_wrong_field_or_record_is_named(path: list, value: Any, words: str) -> None:
    data = small_file()
    place = functools.reduce(operator.getitem, path[:-1], data)
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert words in refused(hostfile.dumps(data).encode())


WORDS = st.sampled_from(["flat", "v2", "wbinvd", "|", "<b>", "\n", "\u202e", "https://x.y"])
VALUES = st.recursive(st.none() | st.booleans() | st.integers(-1, 1 << 64) | st.floats() | st.text() | WORDS,
                      lambda v: st.lists(v) | st.dictionaries(WORDS, v), max_leaves=5)
TABLES = re.compile(r"(?!.*(://|www\.|@[A-Za-z0-9_-]|~~|__))[A-Za-z0-9 .,:()@+=/_~|#*%;`'\[\]\n-]*", re.S)


@settings(deadline=None)
@given(WORDS | st.text())
def test_text_that_was_made_printable_is_accepted(text: str) -> None:
    data = small_file()
    data["run"]["cpu"] = hostfile.printable(text)
    hostfile.parse(hostfile.dumps(data).encode())


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of each value in a container, at any depth"""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def change_value(draw: Callable[[Any], Any], data: Any) -> None:
    """Replace, remove, repeat or edit one value."""
    place, key = draw(st.sampled_from(places(data)))
    how = draw(st.sampled_from(["edit", "edit", "edit", "replace", "repeat", "remove"]))
    if how == "edit" and type(place[key]) is int:
        place[key] += draw(st.sampled_from([-1, 1, 1 << 20, 1 << 40]))
    elif how == "edit" and isinstance(place[key], str):
        place[key] += draw(WORDS | st.characters(max_codepoint=0x7f))
    elif how == "repeat" and isinstance(place, list):
        place.insert(key, copy.deepcopy(place[key]))
    elif how == "remove":
        del place[key]
    else:
        place[key] = draw(VALUES)


def test_the_importer_refuses_a_file_in_one_line_or_makes_its_tables() -> None:
    """--hypothesis-seed=N (make host WHAT=test SEED=N) repeats the files."""
    ends: Counter[str] = Counter()

    @settings(max_examples=500, deadline=10000, database=None, print_blob=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def import_one(data: st.DataObject) -> None:
        file = small_file(data.draw(st.sampled_from([None, 5])))
        change_value(data.draw, file)
        raw = json.dumps(file).encode()
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
        if data.draw(st.integers(0, 3)) == 0:
            raw = raw[:start] + data.draw(st.binary(max_size=20)) + raw[end:]
        try:
            tables = host.section(hostfile.parse(raw))
        except hostfile.BadFile as e:
            ends["refused"] += 1
            assert str(e).isascii() and str(e).isprintable() and len(str(e)) < 300
        else:
            ends["accepted"] += 1
            assert TABLES.fullmatch(tables)

    import_one()
    assert min(ends["refused"], ends["accepted"]) > 20


def test_an_import_keeps_a_file_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / results.KEPT
    monkeypatch.setattr(results, "keep", lambda top, new: replace({folder / name: new[name] for name in new}))
    file = tmp_path / "mail.json"
    (emulated := small_file())["run"]["cpu"] = "QEMU TCG CPU version 2.5+"
    for data in (small_file(), small_file(2000), emulated):
        file.write_text(hostfile.dumps(data), encoding="ascii")
        host.import_file(file, tmp_path)
        assert re.fullmatch(r"host-[A-Za-z0-9-]+\.json", hostfile.name(data))
        assert hostfile.load(folder / hostfile.name(data)) == data
    assert [host.results(tmp_path).count(f"| {mark} ") for mark in ("SIMULATED", "EMULATED")] == [3, 3]

    kept = set(folder.iterdir())
    file.write_text("{}", encoding="ascii")
    with pytest.raises(SystemExit, match=rf"^error: FILE={file}: the file does not fit "):
        host.import_file(file, tmp_path)
    assert set(folder.iterdir()) == kept
