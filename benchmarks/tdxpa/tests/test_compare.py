# SPDX-License-Identifier: GPL-2.0
"""make bench V2_MBOX=: the array is taken from a thread of mails as it is at its end, or refused.

The series is made up: its array is the project's own v2 with the posted fill loop, in three steps with
drafts that later patches change, between invented code.  At the end is a command that writes its mbox.
"""
import functools
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tdxpa import compare, extract, series

V2 = Path(__file__).resolve().parents[2] / "designs" / "v2"
SOURCE, HEADER = "arch/x86/virt/vmx/tdx/tdx.c", "arch/x86/include/asm/tdx.h"
# The patch in which a function comes (others come in patch 03), and functions that are static there
STEPS, STATIC = map(json.loads(Path(__file__).with_suffix(".json").read_text()).get, ("steps", "static"))
# Code between the array, two functions that gcc warns of, and a loop of the project with the posted one.
# In user-mode Linux, virt_to_phys() has another type.  The second function also lacks a prototype.
# Both loops take 17 instructions a page.
_, OTHER, *WARNINGS, OWN_LOOP, LOOP = (
    text.strip("\n") + "\n" for text in Path(__file__).with_name("posted.example").read_text().split("\n\n"))


def parts(text: str) -> list[str]:
    """A file, split at the empty lines outside of functions"""
    return [p.strip("\n") + "\n" for p in re.split(r"\n\n(?=\S)(?!\w+:\n)", text)]


def step_of(part: str) -> int:
    code = re.sub(r"/\*.*?\*/", "", part, flags=re.S)
    return max((step for name, step in STEPS.items() if re.search(rf"^\w.*\b{name}\(", code, re.M)), default=3)


def tree(patch: int) -> dict[str, str]:
    """{file: text} after this many patches"""
    source = [p for p in (*parts((V2 / "page_array.c").read_text().replace(OWN_LOOP, LOOP)), WARNINGS[1])
              if re.search(r"\)\n\{|^#define", p, re.M) and patch >= step_of(p)]
    declared = re.findall(r"^#define TDX_PAGE.*?\n|^/\*\*\n \* struct .*?\n\};\n|^typedef [^;]*;\n|"
                          r"^(?:struct|int|void|u64) [^;{]*\);\n", (V2 / "page_array.h").read_text(), re.M | re.S)
    text = "\n".join([*(OTHER.replace("NUMBER", str(n)) for n in range(3)), *(p for p in source if step_of(p) != 5),
                      *(OTHER.replace("NUMBER", str(n)) for n in range(3, 6)), *(p for p in source if step_of(p) == 5)])
    for name in STATIC:
        text = re.sub(rf"^(?=(?:u64|int) {name}\()", "static ", text, flags=re.M)
    if patch < 5:
        text = text.replace("put_page(array->pages[i])", "__free_page(array->pages[i])")
    if patch >= 4:
        text = text.replace("tdx_other_1(int x)", "tdx_other_1(int x, int y)").replace("if (x > 4) {", "if (x > 5) {")
    text = "#include <linux/mm.h>\n" + ('#include "tdx_of_the_tree.h"\n' if patch >= 3 else "") + "\n" + text
    shown = [d for d in (*declared, WARNINGS[0]) if patch >= step_of(d) and not any(f"{name}(" in d for name in STATIC)]
    stub = "static inline void tdx_page_array_free(struct tdx_page_array *array) { }\n" if patch >= 3 else ""
    return {SOURCE: text, "drivers/other.c": "int x;\n" * patch,
            HEADER: "\n".join(["#ifdef CONFIG_INTEL_TDX_HOST\nint tdx_enable(void);\n", *shown,
                               "#else\nstatic inline int tdx_enable(void) { return 1; }\n", stub, "#endif\n"])}


def make_series(repository: Path) -> list[bytes]:
    """The mails of the series, as git writes them: the first is the cover letter"""
    git = functools.partial(series.run, "git", "-c", "user.name=A", "-c", "user.email=a@example.org", cwd=repository)
    repository.mkdir(parents=True)
    git("init", "-q")
    for patch in range(7):
        for name, text in tree(patch).items():
            series.write(repository / name, text)
        git("add", ".")
        git("commit", "-q", "-m", f"x86/virt/tdx: Step {patch} with a subject longer than a line of a mail\n\ncafé")
    git("format-patch", "-q", "-v2", "--cover-letter", "--thread", "-o", "out", "HEAD~6")
    return [path.read_bytes().partition(b"\n")[2] for path in sorted((repository / "out").iterdir())]


def mbox(mails: list[bytes]) -> bytes:
    return b"".join(b"From Thu Jan  1 00:00:00 1970\n" + re.sub(rb"(?m)^(>*From )", rb">\1", m) + b"\n" for m in mails)


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return make_series(tmp_path_factory.mktemp("series") / "repository")


def taken(data: bytes, tmp_path: Path) -> tuple[dict[str, str], dict[str, bool], int]:
    path = tmp_path / "thread.mbox"
    path.write_bytes(data)
    return extract.extract(extract.pick(str(path)))


def test_the_array_is_taken_as_it_is_at_the_end(mails: list[bytes], tmp_path: Path) -> None:
    texts, functions, left = taken(mbox(mails), tmp_path)
    end = tree(5)
    for part in parts(end[SOURCE]):
        if re.search(r"\b(tdx_page_array|hpa_|tdx_alloc)\w*\(", part.split("{")[0]):
            assert part.strip() in texts["c"]
    assert "put_page(array" in texts["c"] and "__free_page(array" not in texts["c"]
    assert "#define HPA_PFN" in texts["c"]
    # Hazard H7: one WBINVD for each entry
    assert LOOP in texts["c"] and texts["c"].count("wbinvd_") == texts["c"].count("page_to_pfn(array->pages[i]))") == 1
    assert "struct tdx_page_array {" in texts["h"] and "void tdx_page_array_free(struct tdx_page_array *" in texts["h"]
    assert functions["tdx_page_array_populate"] and not functions["tdx_page_array_free"]
    assert set(extract.NEEDED) <= functions.keys() and "tdx_page_array_alloc_contig" not in functions
    # Nothing else
    assert not re.search(r"tdx_other|of_the_tree|enable|array\) \{ \}|int x;", texts["c"] + texts["h"]) and left >= 2


def test_a_function_is_taken_if_its_end_is_a_line_of_the_kernel() -> None:
    added = {7: "}", 8: "", 9: "int added(void)", 10: "{", 15: "\tif (1) {", 20: "void a(void);",
             21: "DEFINE_FREE(a, int, a())", 23: "int changed(void)"}
    other = {11: "\treturn 1;", 12: "}", 13: "int before(void)", 14: "{", 16: "\t}", 22: "int b;"}
    lines = {n: (text, True) for n, text in added.items()} | {n: (text, False) for n, text in other.items()}
    assert [p for p in extract.parts_of(lines) if extract.is_whole(p)] == [
        "int added(void)\n{\n\treturn 1;\n}", "void a(void);\nDEFINE_FREE(a, int, a())"]


REPLY = b"From: E <e@example.org>\nSubject: Re: [PATCH v2 03/06] x86\nMessage-ID: <r@e>\n\n> diff --git a/x b/x\nGood\n"


@pytest.mark.parametrize("change", [
    gzip.compress,
    lambda data: data.replace(b"\n", b"\r\n"),
    lambda data: mbox([REPLY]) + data + mbox([REPLY]),
    lambda data: data + data.replace(b"[PATCH v2 ", b"[PATCH v1 ").replace(b"put_page", b"get_page"),
    lambda data: data + data,
])
def test_the_form_of_the_thread_does_not_matter(change: Callable, mails: list[bytes], tmp_path: Path) -> None:
    assert taken(change(mbox(mails)), tmp_path) == taken(mbox(mails), tmp_path)


def changed(old: bytes, new: bytes) -> Callable[[list[bytes]], bytes]:
    return lambda mails: mbox([m.replace(old, new) for m in mails])


@pytest.mark.parametrize("data, message", [
    (lambda mails: b"<html>", "patch 03, 04, 05 of v2 is missing"),
    (lambda mails: b"\x1f\x8bx", "cannot be read"),
    (changed(b"[PATCH v2 ", b"[PATCH v3 "), "patch 03, 04, 05 of v2 is missing"),
    (lambda mails: mbox(mails[:4] + mails[5:]), "patch 04 of v2 is missing"),
    (changed(b"struct tdx_page_array {", b"struct other {"), "do not define struct tdx_page_array;"),
    (lambda mails: mbox([*mails, mails[3].replace(b"kcalloc(", b"kzalloc(")]), "has different patches 03"),
    (lambda mails: mbox([re.sub(rb"\n\+[^\n]*kcalloc[^\n]*", b"", m) for m in mails]), "patch 03 is damaged"),
    (lambda mails: mbox([m.replace(b"-\t\t__free_page(", b"-\t\tother(") if i == 5 else m
                         for i, m in enumerate(mails)]), "does not fit"),
])
def test_other_threads_are_refused(data: Callable, message: str, mails: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=message):
        taken(data(mails), tmp_path)


@pytest.mark.parametrize("ns, size, icount, message", [
    (102, 8, True, ""), (104, 8, False, ""), (104, 8, True, "create, 1 (1.04)"),
    (100, 9, False, "1 pages (9 and 8 bytes)"), (96, 9, True, "create, 1 (0.960); 1 pages (9 and 8 bytes)")])
def test_a_difference_of_rival_and_posted_code_fails(ns: int, size: int, icount: bool, message: str) -> None:
    run = [{"pages": 1, "design": design, **record} for design, t, n in (("v2", ns, size), ("v2-posted", 100, 8))
           for record in ({"kind": "samples", "op": "create", "operations": 1, "ns": [t]},
                          {"kind": "metadata", "bytes": n})]
    assert compare.report(run, icount) == (message and f"error: v2 differs from v2-posted: {message}")
    with pytest.raises(SystemExit, match="no samples of v2-posted"):
        compare.report(run[:2], icount)


@pytest.mark.parametrize("file,status", [("v2_posted/posted/page_array.c", 0), ("v2_posted/own.c", 1), ("printk.h", 1)])
def test_only_warnings_of_posted_code_are_no_errors(file: str, status: int, tmp_path: Path) -> None:
    script = '. "$1/common.sh"; external_modules "$2" echo "$3: warning: text"'
    command = ["bash", "-c", script, "bash", str(V2.parents[1] / "kernels"), str(tmp_path / "tree"), f"/x/{file}:1:2"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == status


if __name__ == "__main__":
    # python3 -m tdxpa.tests.test_compare DIR: write DIR/series.mbox, for make bench V2_MBOX=
    written = mbox(make_series(Path(sys.argv[1], "repository")))
    Path(sys.argv[1], "series.mbox").write_bytes(written)
