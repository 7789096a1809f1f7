# SPDX-License-Identifier: GPL-2.0
"""make bench V2_MBOX=: the array is taken from a thread of mails as it is at its end, or refused."""
import gzip
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tdxpa import compare, extract

V2 = Path(__file__).resolve().parents[2] / "designs" / "v2"
HEAD = b"From Thu Jan  1 00:00:00 1970\n"
# A made-up series, which make bench V2_MBOX= also takes
MAILS = Path(__file__).with_name("series.mbox").read_bytes().split(HEAD)[1:]


def mbox(mails: list[bytes]) -> bytes:
    return b"".join(HEAD + mail for mail in mails)


def taken(data: bytes, tmp_path: Path) -> tuple[dict[str, str], dict[str, bool], int]:
    path = tmp_path / "thread.mbox"
    path.write_bytes(data)
    return extract.extract(str(path), extract.pick(str(path)))


def test_the_array_is_taken_as_it_is_at_the_end(tmp_path: Path) -> None:
    texts, functions, left = taken(mbox(MAILS), tmp_path)
    for name, code in re.findall(r"^\w[^\n;]*?(\w+)(\([^;{]*\)\n\{.*?^\})", (V2 / "page_array.c").read_text(), re.M | re.S):
        # The fill loop is the posted one, and patch 06 adds the contiguous array.
        assert name == "tdx_page_array_populate" or (name + code in texts["c"]) != name.endswith("_contig")
    assert "array->root[i] |= compound_nr(array->pages[offset + i]);" in texts["c"]
    assert "put_page(array" in texts["c"] and "__free_page(array" not in texts["c"]
    assert "#define HPA_PFN" in texts["c"]
    # Hazard H7: one WBINVD for each entry
    assert texts["c"].count("wbinvd_") == texts["c"].count("page_to_pfn(array->pages[i]))") == 1
    assert "struct tdx_page_array {" in texts["h"] and "void tdx_page_array_free(struct tdx_page_array *" in texts["h"]
    assert functions["tdx_page_array_populate"] and not functions["tdx_page_array_free"]
    assert set(extract.NEEDED) <= functions.keys() and "tdx_page_array_alloc_contig" not in functions
    # Nothing else
    assert not re.search(r"tdx_other|of_the_tree|enable|array\) \{ \}|int x;", texts["c"] + texts["h"]) and left >= 2


def test_a_function_is_taken_if_its_end_is_a_line_of_the_kernel() -> None:
    added = {7: "}", 8: "", 9: "int added(void)", 10: "{", 15: "\tif (1) {", 20: "void a(void);",
             21: "DEFINE_FREE(a, int, a())", 23: "int changed(void)"}
    other = {11: "\treturn 1;", 12: "}", 13: "int before(void)", 14: "{", 16: "\t}", 22: "int b;"}
    lines: list[extract.Line] = [(added.get(n, other.get(n)), n in added) for n in range(24)]
    assert [p for p in extract.parts_of(lines) if extract.is_whole(p)] == [
        "int added(void)\n{\n\treturn 1;\n}", "void a(void);\nDEFINE_FREE(a, int, a())"]


REPLY = b"From: E <e@example.org>\nSubject: Re: [PATCH v2 03/06] x86\nMessage-ID: <r@e>\n\n> diff --git a/x b/x\nGood\n"


@pytest.mark.parametrize("change", [
    gzip.compress, lambda data: data.replace(b"\n", b"\r\n"), lambda data: data + data,
    lambda data: mbox([REPLY]) + data + mbox([REPLY]),
    lambda data: data + data.replace(b"[PATCH v2 ", b"[PATCH v1 ").replace(b"put_page", b"get_page")])
def test_the_form_of_the_thread_does_not_matter(change: Callable, tmp_path: Path) -> None:
    assert taken(change(mbox(MAILS)), tmp_path) == taken(mbox(MAILS), tmp_path)


@pytest.mark.parametrize("data, message", [
    (b"<html>", "patch 03, 04, 05 of v2 is missing"),
    (b"\x1f\x8bx", "cannot be read"),
    (mbox([m.replace(b"[PATCH v2 ", b"[PATCH v3 ") for m in MAILS]), "patch 03, 04, 05 of v2 is missing"),
    (mbox(MAILS[:4] + MAILS[5:]), "patch 04 of v2 is missing"),
    (mbox([m.replace(b"struct tdx_page_array {", b"struct other {") for m in MAILS]), "do not define struct tdx_page_array;"),
    (mbox([*MAILS, MAILS[3].replace(b"kcalloc(", b"kzalloc(")]), "has different patches 03"),
    (mbox([re.sub(rb"\n\+[^\n]*kcalloc[^\n]*", b"", m) for m in MAILS]), "patch 03 is damaged"),
    (mbox([*MAILS[:5], MAILS[5].replace(b"-\t\t__free_page(", b"-\t\tother("), *MAILS[6:]]), "does not fit")],
    ids=lambda value: value if isinstance(value, str) else "")
def test_other_threads_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"^error: V2_MBOX={tmp_path}/thread.mbox: .*{message}"):
        taken(data, tmp_path)


@pytest.mark.parametrize("ns, size, icount, message", [
    (102, 8, True, ""), (104, 8, False, ""), (104, 8, True, "create, 1 (1.04)"),
    (100, 9, False, "1 pages (9 and 8 bytes)"), (96, 9, True, "create, 1 (0.960); 1 pages (9 and 8 bytes)")])
def test_a_difference_of_rival_and_posted_code_fails(ns: int, size: int, icount: bool, message: str) -> None:
    run = [{"pages": 1, "design": design, **record} for design, t, n in (("v2", ns, size), ("v2-posted", 100, 8))
           for record in ({"kind": "samples", "op": "create", "operations": 1, "ns": [t]},
                          {"kind": "metadata", "bytes": n})]
    assert compare.report(run, icount)[1] == message
    with pytest.raises(SystemExit, match="no samples of v2-posted"):
        compare.report(run[:2], icount)


@pytest.mark.parametrize("file,status", [("v2_posted/posted/page_array.c", 0), ("v2_posted/own.c", 1), ("printk.h", 1)])
def test_only_warnings_of_posted_code_are_no_errors(file: str, status: int, tmp_path: Path) -> None:
    script = '. "$1/common.sh"; external_modules "$2" echo "$3: warning: text"'
    command = ["bash", "-c", script, "bash", str(V2.parents[1] / "kernels"), str(tmp_path / "tree"), f"/x/{file}:1:2"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == status
