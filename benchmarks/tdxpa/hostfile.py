# SPDX-License-Identifier: GPL-2.0
"""The file of a run on a TDX host.

It may come by mail, so all of it is checked before any of it is used: every field is
known, has the right type and is within its bounds, text has only harmless characters,
and the records that the tables need are present.
"""
import hashlib
import json
import re

FORMAT = "tdx-pa-array host run 2"
MAX_BYTES = 16 << 20
MAX_RECORDS = 2000
MAX_PAGES_FLUSHED = 4096
# Rounds of a cell, and rows of cells: intervals take time to compute.
MAX_ROUNDS = 200
MAX_ROWS = 100
MAX_NS = 10**13
MAX_PAGES = 1 << 20

OPERATIONS = ("create", "hand-over", "release", "release-flushed", "cycle", "life-control", "life-blob",
              "life-memory")
DESIGNS = ("v2", "v2-noclflush", "v2-blocks", "descriptor", "bare-list", "flat-v2alloc", "flat", "floor")
WHATS = ("wbinvd", "wbinvd-key0", "clflush", "enter", "clock")
LINES = ("flushed", "clean", "dirty")
WHERES = ("same", "other")
BEHIND = ("software", "module")

# Markdown links, mentions and emphasis
MARKUP = r"://|www\.|@(?=[A-Za-z0-9_-])|~~|__"
TEXT = re.compile(rf"(?!.*(?:{MARKUP}))[A-Za-z0-9 .,:()@+=/_~-]{{1,120}}")


class Bad(Exception):
    """An error of a file, in one line."""


def printable(text):
    """@text without the characters that a file may not contain."""
    return re.sub(rf"[^A-Za-z0-9 .,:()@+=/_~-]+|{MARKUP}", " ", text)[:120].strip() or "unknown"


def show(value):
    """A value as an error message may show it."""
    # Not their contents, which may be deep.
    text = {list: "a list", dict: "an object"}.get(type(value)) or ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


# Fields: a function each that takes a value and its place, and raises Bad.

def number(least, most):
    def check(value, where):
        if type(value) is not int or not least <= value <= most:
            raise Bad(f"{where} is {show(value)}, not a whole number from {least} to {most}")
    return check


def one_of(*values):
    def check(value, where):
        if not isinstance(value, str) or value not in values:
            raise Bad(f"{where} is {show(value)}, not one of: {', '.join(values)}")
    return check


def text(pattern=TEXT, what="a short text of plain characters"):
    def check(value, where):
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Bad(f"{where} is {show(value)}, not {what}")
    return check


def truth(value, where):
    if not isinstance(value, bool):
        raise Bad(f"{where} is {show(value)}, not true or false")


def numbers(least, most, longest):
    one = number(least, most)

    def check(value, where):
        if not isinstance(value, list) or not 1 <= len(value) <= longest:
            raise Bad(f"{where} is not a list of 1 to {longest} numbers")
        for i, x in enumerate(value):
            one(x, f"{where}[{i}]")
    return check


def fields(value, where, wanted):
    """An object with exactly these fields."""
    if not isinstance(value, dict):
        raise Bad(f"{where} is {show(value)}, not an object")
    for name in wanted:
        if name not in value:
            raise Bad(f"{where} has no {name}")
    for name in value:
        if name not in wanted:
            raise Bad(f"{where} has an unknown field {show(name)}")
    for name, check_field in wanted.items():
        check_field(value[name], f"{where}.{name}")


HEX = re.compile(r"0x[0-9a-f]{1,16}")
RUN = {
    "date": text(re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]"), "a date"),
    "command": text(re.compile(r"make bench ENGINE=host( QUICK=1)?( SIMULATE=[0-9]{1,7})?"
                               r"( CLAIM=0x[0-9a-f]{1,8}:[0-9]{1,3})?( DONATE=[0-9]{1,7})?"), "the command of a run"),
    "commit": text(), "kernel": text(), "compiler": text(), "cpu": text(), "microcode": text(),
    "packages": number(1, 64), "cpus": number(1, 65536),
    "module": text(re.compile(r"[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}"), "a version"),
    "features0": text(HEX, "a hexadecimal number"), "erratum": truth,
}
RECORDS = {
    "samples": {"op": one_of(*OPERATIONS), "design": one_of(*DESIGNS), "pages": number(1, MAX_PAGES),
                "operations": number(1, 1 << 32), "ns": numbers(1, MAX_NS, MAX_ROUNDS)},
    "metadata": {"design": one_of(*DESIGNS), "pages": number(1, MAX_PAGES), "bytes": number(0, 1 << 32)},
    "absent": {"op": one_of(*OPERATIONS), "design": one_of(*DESIGNS), "pages": number(1, MAX_PAGES),
               "errno": number(1, 4095)},
    "lines": {"what": one_of(*WHATS), "lines": one_of(*LINES), "where": one_of(*WHERES),
              "ns": numbers(0, MAX_NS, MAX_PAGES_FLUSHED)},
    "donated": {"pages": number(1, MAX_PAGES), "held": number(0, MAX_PAGES), "ns": number(0, MAX_NS)},
    "started": {"ns": number(0, MAX_NS)},
}


def check_record(r, where):
    if not isinstance(r, dict):
        raise Bad(f"{where} is {show(r)}, not an object")
    kind = r.get("kind")
    if not isinstance(kind, str) or kind not in RECORDS:
        raise Bad(f"{where}.kind is {show(kind)}, not one of: {', '.join(RECORDS)}")
    fields(r, where, {"kind": one_of(kind), "behind": one_of(*BEHIND), **RECORDS[kind]})


def check_whole(records):
    """Check that cells are unique, rows are complete, and the tables have their records."""
    seen, rounds = set(), {}
    for i, r in enumerate(records):
        # The phases with the TDX module repeat records of other kinds.
        if r["kind"] not in ("samples", "metadata"):
            continue
        cell = (r["kind"], r["behind"], r.get("op"), r["pages"], r["design"])
        if cell in seen and r["kind"] == "samples":
            raise Bad(f"records[{i}] is a second one for {' '.join(map(str, cell[1:]))}")
        seen.add(cell)
        if r["kind"] == "samples":
            row = cell[1:4]
            if rounds.setdefault(row, len(r["ns"])) != len(r["ns"]):
                raise Bad(f"records[{i}] has {len(r['ns'])} rounds, others of its row have {rounds[row]}")
    if len(rounds) > MAX_ROWS:
        raise Bad(f"there are samples for {len(rounds)} rows of tables, not {MAX_ROWS} at most")
    for cell in (("samples", "software", "cycle", 1, "flat"), ("samples", "module", "release-flushed", 1, "flat"),
                 ("samples", "module", "release-flushed", 1, "v2")):
        if cell not in seen:
            raise Bad(f"there is no record for {' '.join(map(str, cell[1:]))}")
    if not any(r["kind"] == "lines" and r["what"] == "wbinvd" for r in records):
        raise Bad("there is no record for a WBINVD of one page")


def check(data):
    """Raise Bad if anything in @data is wrong."""
    simulated = data.get("simulated_wbinvd_ns") if isinstance(data, dict) else None
    fields(data, "the file", {
        "format": one_of(FORMAT),
        "simulated_wbinvd_ns": number(0, 1000000) if simulated is not None else lambda value, where: None,
        "run": lambda value, where: fields(value, where, RUN),
        "records": lambda value, where: None})
    records = data["records"]
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        raise Bad(f"records is not a list of 1 to {MAX_RECORDS} records")
    for i, r in enumerate(records):
        check_record(r, f"records[{i}]")
    check_whole(records)
    said = re.search(r" SIMULATE=(\d+)", data["run"]["command"])
    if simulated != (int(said.group(1)) if said else None):
        raise Bad("simulated_wbinvd_ns and the command contradict each other")
    for option, kinds in (("DONATE", {"donated", "started"}), ("CLAIM", {"life-control"})):
        made = any(r["behind"] == "module" and not kinds.isdisjoint((r["kind"], r.get("op"))) for r in records)
        if made != (f" {option}=" in data["run"]["command"]):
            raise Bad(f"the records and the command contradict each other about {option}")


def once(pairs):
    """An object without repeated fields."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Bad("a field comes twice in one object")
    return found


def no_fraction(literal):
    raise Bad(f"{show(literal)} is not a whole number")


def whole(literal):
    if len(literal) > 20:
        raise Bad(f"{show(literal)} is not a number of a run")
    return int(literal)


def parse(raw):
    """The checked data of a file's bytes."""
    if len(raw) > MAX_BYTES:
        raise Bad(f"it has more than {MAX_BYTES >> 20} MiB")
    try:
        data = json.loads(raw.decode("ascii"), object_pairs_hook=once, parse_float=no_fraction,
                          parse_constant=no_fraction, parse_int=whole)
    except UnicodeDecodeError as e:
        raise Bad(f"byte {e.start} is not ASCII") from None
    except json.JSONDecodeError as e:
        raise Bad(f"not JSON: {e.msg} in line {e.lineno}, column {e.colno}") from None
    except RecursionError:
        raise Bad("it is nested too deeply") from None
    check(data)
    return data


def load(path):
    """The checked data of a file."""
    if not path.is_file():
        raise Bad("no such file, or not a plain one")
    with open(path, "rb") as f:
        return parse(f.read(MAX_BYTES + 1))


def dumps(data):
    """The bytes of a file; equal data give equal bytes."""
    lines = ",\n".join(json.dumps(r, sort_keys=True) for r in data["records"])
    head = {k: v for k, v in data.items() if k != "records"}
    return f"{json.dumps(head, sort_keys=True)[:-1]},\n\"records\": [\n{lines}\n]}}\n"


def name(data):
    """The file's name: the CPU, and a digest of the file."""
    digest = hashlib.sha256(dumps(data).encode("ascii")).hexdigest()[:8]
    cpu = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)|cpu|@.*", "", data["run"]["cpu"].lower())).strip("-")
    simulated = "SIMULATED-" if data["simulated_wbinvd_ns"] is not None else ""
    return f"host-{simulated}{cpu[:40].strip('-') or 'cpu'}-{digest}.json"


def write(data, folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name(data)
    path.write_text(dumps(data), encoding="ascii")
    return path
