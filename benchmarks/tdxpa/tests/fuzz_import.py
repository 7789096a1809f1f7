#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""fuzz_import.py [SEED [FILES]]: give mutated files to the importer.

The importer must reject a file in one plain line or make its tables.  Anything else is
an error: the file is kept and its number is printed.  The same seed makes the same files.
"""
import json
import random
import re
import sys
import time
from pathlib import Path

from tdxpa import host     
from tdxpa import hostfile 
from tdxpa.tests import test_host

FILES = 12000
# Upper limit for one file, in seconds
SLOW = 2
# Text of tables, without links and mentions
TABLES = re.compile(r"(?!.*(://|www\.|@[A-Za-z0-9_-]|~~|__))[A-Za-z0-9 .,:()@+=/_~|#*%;`'\[\]\n-]*", re.S)
VALUES = (None, True, False, 0, 1, -1, 1 << 31, 1 << 63, 1 << 64, 10**30, 0.5, float("nan"), float("inf"), "", "flat", "v2",
          "wbinvd", "samples", "\x00", "\u202e", "\u0661", "é", "|", "<b>", "https://x.y", "@me", "__a__", "../..", "x" * 1000,
          [], {}, [[]], [[[]]] * 3, [1], {"kind": "samples"})


def places(value, found):
    """Every container of a file."""
    if isinstance(value, (dict, list)):
        found.append(value)
        for inner in value.values() if isinstance(value, dict) else value:
            places(inner, found)
    return found


def mutate_value(rng, data):
    """Change one field, element, name or list."""
    place = rng.choice(places(data, []))
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    if not keys:
        return
    key = rng.choice(keys)
    what = rng.randrange(7)
    if what == 0:
        place[key] = rng.choice(VALUES)
    elif what == 1:
        del place[key]
    elif what == 2 and isinstance(place, dict):
        place[rng.choice(("kind", "ns", "x", "pages", "op", ""))] = place.pop(key)
    elif what == 3 and isinstance(place, list):
        place.insert(rng.randrange(len(place) + 1), place[key])
    elif what == 4 and type(place[key]) is int:
        place[key] += rng.choice((-1, 1, -(1 << 20), 1 << 20, 1 << 40))
    elif what == 5 and isinstance(place[key], str):
        i = rng.randrange(len(place[key]) + 1)
        place[key] = place[key][:i] + chr(rng.choice((rng.randrange(128), rng.randrange(0xd800)))) + place[key][i:]
    elif what == 6 and isinstance(place[key], list) and place[key]:
        place[key] = place[key] * rng.choice((2, 50, 1000))


def mutate_bytes(rng, raw):
    """Change, drop, double or move some bytes."""
    raw = bytearray(raw)
    i, j = sorted(rng.randrange(len(raw)) for _ in range(2))
    what = rng.randrange(6)
    if what == 0:
        raw[i] = rng.randrange(256)
    elif what == 1:
        raw[i] ^= 1 << rng.randrange(8)
    elif what == 2:
        del raw[i:min(j, i + rng.randrange(1, 40))]
    elif what == 3:
        raw[i:i] = raw[i:min(j, i + rng.randrange(1, 40))]
    elif what == 4:
        raw[i:i] = rng.choice((b"[", b"{", b'"', b"\\", b"-", b"e9", b"1" * 30, b"null,", b"\xc3\xa9", b"\\ud800"))
    else:
        del raw[i:]
    return bytes(raw)


def mutated(rng, sources):
    """One file."""
    raw = rng.choice(sources)
    if rng.random() < 0.7:
        data = json.loads(raw)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            mutate_value(rng, data)
        raw = json.dumps(data, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass")
        if rng.random() < 0.6:
            return raw
    for _ in range(rng.choice((1, 1, 2, 5))):
        raw = mutate_bytes(rng, raw) if len(raw) > 1 else raw
    return raw


def classify(raw):
    """(error or None, "taken", "refused" or "failed")"""
    start = time.monotonic()
    try:
        tables = host.section(hostfile.parse(raw))
        end = "taken"
        if not TABLES.fullmatch(tables):
            return "tables with other than plain text", end
    except hostfile.Bad as e:
        end, said = "refused", str(e)
        if not (said.isascii() and said.isprintable() and 0 < len(said) < 300):
            return f"not a plain line: {said!r}", end
    except Exception as e:                  # pylint: disable=broad-except
        return f"{type(e).__name__}: {e}", "failed"
    seconds = time.monotonic() - start
    return (f"took {seconds:.1f} s" if seconds > SLOW else None), end


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 32)
    nr_files = int(sys.argv[2]) if len(sys.argv) > 2 else FILES
    simulated = test_host.small_file()
    simulated["simulated_wbinvd_ns"] = 5
    simulated["run"]["command"] = "make bench ENGINE=host SIMULATE=5 CLAIM=0x1000:20 DONATE=512"
    sources = [hostfile.dumps(d).encode() for d in (test_host.small_file(), simulated)]
    ends = {"taken": 0, "refused": 0, "failed": 0}
    wrong = 0
    for n in range(nr_files):
        raw = mutated(random.Random(f"{seed} {n}"), sources)
        complaint, end = classify(raw)
        ends[end] += 1
        if complaint:
            wrong += 1
            path = Path("build") / f"fuzz-import-{seed}-{n}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(raw)
            print(f"file {n} of seed {seed}: {complaint}; kept as {path}")
    print(f"importer: {nr_files} files of seed {seed}: {ends['refused']} refused, {ends['taken']} taken, {wrong} wrong")
    # A run in which all files are taken, or all refused, tests little.
    if wrong or not ends["taken"] or not ends["refused"]:
        print(f"0 passed, {max(wrong, 1)} failed")
        return 1
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
