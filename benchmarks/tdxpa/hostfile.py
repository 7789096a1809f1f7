# SPDX-License-Identifier: GPL-2.0
"""The file of a run on a TDX host.  It may come by mail, so load() checks all of it."""
import hashlib
import json
import re
from pathlib import Path
from typing import Any, NoReturn

FORMAT = "tdx-pa-array host run 4"
MAX_BYTES = 2 << 20


class BadFile(Exception):
    """An error of a file, in one line."""


def printable(text: str) -> str:
    """@text with only the characters that the schema allows."""
    bad = r"[^A-Za-z0-9 .,:()@+=/_~-]+|://|www\.|@(?=[A-Za-z0-9_-])|~~|__"
    return re.sub(bad, " ", text)[:120].strip() or "unknown"


def reject(literal: str) -> NoReturn:
    raise BadFile(f"{literal[:40]} is not a whole number")


def parse(raw: bytes) -> Any:
    """The checked data of a file's bytes."""
    # Not needed, and perhaps not installed, on a TDX host
    import jsonschema  # type: ignore[import]
    if len(raw) > MAX_BYTES:
        raise BadFile(f"more than {MAX_BYTES >> 20} MiB")
    try:
        data = json.loads(raw.decode("ascii"), parse_float=reject, parse_constant=reject)
    except (ValueError, RecursionError) as e:
        raise BadFile(f"not JSON: {e}") from None
    schema = json.loads(Path(__file__).with_suffix(".schema.json").read_text(encoding="ascii"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(data):
        place = ".".join(map(str, error.absolute_path)) or "the file"
        raise BadFile(f"{place} does not fit {error.validator}: {json.dumps(error.validator_value)[:150]}")

    # What a schema cannot express
    samples = [r for r in data["records"] if r["kind"] == "samples"]
    if len({(r["behind"], r["op"], r["pages"], r["design"]) for r in samples}) < len(samples):
        raise BadFile("several records for a cell")
    rounds = {(r["behind"], r["op"], r["pages"], len(r["ns"])) for r in samples}
    if len({row[:3] for row in rounds}) < len(rounds):
        raise BadFile("the designs of a row differ in their number of samples")
    return data


def load(path: Path) -> Any:
    return parse(path.read_bytes())


def dumps(data: Any) -> str:
    """The text of a file; equal data give equal text."""
    lines = ",\n".join(json.dumps(r, sort_keys=True) for r in data["records"])
    head = {k: v for k, v in data.items() if k != "records"}
    return f"{json.dumps(head, sort_keys=True)[:-1]},\n\"records\": [\n{lines}\n]}}\n"


def mark(data: Any) -> str:
    """What a run was not made on a TDX host with: the software module, or an emulated TDX host, whose CPU is QEMU's"""
    run = data["run"]
    return "SIMULATED " if "SIMULATE" in run["command"] else "EMULATED " if "QEMU" in run["cpu"] else ""


def name(data: Any) -> str:
    """The file's name: the CPU, and a digest of the file."""
    digest = hashlib.sha256(dumps(data).encode("ascii")).hexdigest()[:8]
    cpu = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)|cpu|@.*", "", data["run"]["cpu"].lower())).strip("-")
    return f"host-{mark(data).replace(' ', '-')}{cpu[:40].strip('-') or 'cpu'}-{digest}.json"
