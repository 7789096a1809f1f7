#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""test_compare.py TOP [NAME...]: tests of make compare, with a made-up series.

Shapes: an mbox may come in many forms, and the same is extracted.  Refusals: what is wrong
gets one line that says what to do.  Runs: the whole command.  The last line is "N
passed, N failed".
"""
import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from tdxpa.tests import made_up
from tdxpa.tests.made_up import encoded, mbox, reply

from tdxpa.tests import told     # noqa: E402

TOP = Path()
WORK = Path()
V2 = made_up.Series

# What somebody may have in mind when he starts this, and the tests have not.
OTHERS = ("ENGINE", "ICOUNT", "CPUS", "SUITE", "SAN", "QUICK", "V2_MBOX")


def make(*args, seconds=300):
    """make compare, as a user calls it."""
    env = {k: v for k, v in os.environ.items() if k not in OTHERS}
    command = ["make", "-s", "compare", *args]
    with subprocess.Popen(command, cwd=TOP, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, start_new_session=True) as ran:
        try:
            out, err = ran.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # With the guest that it may have.
            os.killpg(ran.pid, signal.SIGTERM)
            raise
    return subprocess.CompletedProcess(command, ran.returncode, out, err)


def work_tree():
    """All but what git is told to ignore."""
    return subprocess.run(["git", "-C", str(TOP), "status", "--porcelain"], check=True,
                          capture_output=True, text=True).stdout


def state(directory):
    """{file: hash}"""
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(directory.rglob("*")) if p.is_file()}


class WithSeries(unittest.TestCase):
    """The series is made once, and its patches are what a shape or a refusal starts from."""

    @classmethod
    def setUpClass(cls):
        cls.v2 = V2(WORK / cls.__name__)
        cls.raw = cls.v2.raw
        cls.all = [cls.raw[n] for n in sorted(cls.raw)]

    def file(self, data, name="series.mbox"):
        path = WORK / f"{self.id().rpartition('.')[2]}-{name}"
        path.write_bytes(data)
        return path

    def without(self, *numbers):
        return [self.raw[n] for n in sorted(self.raw) if n not in numbers]

    def changed(self, number, old, new):
        """All messages, one of them changed."""
        self.assertIn(old, self.raw[number])
        return [raw.replace(old, new, 1) if n == number else raw for n, raw in sorted(self.raw.items())]

    def versioned(self, version, change=lambda raw: raw):
        """The same patches as another version."""
        return [change(raw.replace(b"[PATCH v2 ", b"[PATCH v%d " % version if version > 1 else b"[PATCH ", 1))
                for raw in self.all]


class Shapes(WithSeries):
    """Whatever the form, the same comes out."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        out = subprocess.run(["git", "-C", str(WORK / cls.__name__), "format-patch", "-q", "-v2", "--stdout",
                              f"HEAD~{made_up.NR_PATCHES}"], check=True, capture_output=True).stdout
        path = WORK / "plain.mbox"
        path.write_bytes(out)
        cls.expected, cls.said = cls.extract(path)

    @classmethod
    def extract(cls, path):
        out = WORK / "out" / "posted"
        shutil.rmtree(out, ignore_errors=True)
        ran = subprocess.run([sys.executable, "-B", str(TOP / "benchmarks/tdxpa/extract.py"), "--out", str(out), str(path)],
                             capture_output=True, text=True, timeout=60)
        if ran.returncode:
            raise AssertionError(ran.stderr)
        return {p.name: p.read_bytes().decode("utf-8") for p in out.iterdir()}, ran.stdout

    def same(self, data, name="series.mbox"):
        found, _ = self.extract(self.file(data, name))
        self.assertEqual(found, self.expected)

    def test_all_of_the_array_is_taken_as_it_is_in_the_end(self):
        for step, text in made_up.source_parts(made_up.USUAL):
            for part in text.split("EXPORT_SYMBOL")[:1]:
                self.assertEqual(part.strip() in self.expected["page_array.c"], step <= 5, part)
        for step, text in made_up.header_parts(made_up.USUAL):
            self.assertEqual(text.strip() in self.expected["page_array.h"], step <= 5, text)

    def test_nothing_else_is_taken(self):
        for text in self.expected.values():
            self.assertNotRegex(text, r"unrelated|tdx_small|tdx_renamed|again|tdx_enable|tdx_quirk|other_|return NULL;\n}\n\n#endif|_of_the_tree")

    def test_what_is_left_out_is_told(self):
        self.assertIn("left out: 7 lines within what the kernel had before (arch/x86/virt/vmx/tdx/tdx.c)", self.said)
        self.assertIn('left out: #include "tdx_of_the_tree.h"', self.said)
        self.assertIn("left out: what a kernel without TDX has in its place", self.said)
        self.assertIn("left out: drivers/virt/other.c", self.said)
        self.assertIn("the project's own: wrappers and callers, tdx_page_array_alloc_contig\n", self.said)

    def test_who_is_static_is_known(self):
        self.assertEqual(set(re.findall(r"POSTED_\w+", self.expected["names.h"])), {
            "POSTED_STATIC_tdx_page_array_populate", "POSTED_LACKS_tdx_page_array_alloc_contig",
            "POSTED_STATIC_hpa_list_info_assign_raw", "POSTED_STATIC_hpa_array_t_assign_raw",
            "POSTED_STATIC_hpa_array_t_release_raw"})

    def test_lore_thread(self):
        """With replies that quote patches, a bot's mail, and all in the order of arrival."""
        bot = reply(self.raw[4], "Tested.\n", "[tip: x86/tdx] x86/virt/tdx: Arrays for an IOMMU")
        thread = [*reversed(self.all), *(reply(self.raw[n]) for n in range(6)), bot,
                  reply(self.raw[3], self.raw[3].decode("utf-8").replace("kfree", "kvfree"),
                        "Re: [PATCH v2 03/31] Rather so")]
        self.same(mbox(thread))

    def test_twice_the_same(self):
        """By another list, which adds a footer."""
        self.same(mbox(self.all + [raw + b"_______________\nlinux-list mailing list\n" for raw in self.all]))

    def test_other_versions_beside_it(self):
        spoiled = self.versioned(1, lambda raw: raw.replace(b"kfree", b"k1free"))
        later = self.versioned(3, lambda raw: raw.replace(b"kfree", b"k3free"))
        self.same(mbox(spoiled + self.all + later))

    def test_another_series_of_version_2_beside_it(self):
        other = [raw.replace(b"/31]", b"/07]", 1).replace(b"tdx_page_array", b"tdx_other") for raw in self.all[:8]]
        self.same(mbox(other + self.all))

    def test_b4_am(self):
        """Only the patches, with trailers, the tag in another order."""
        am = [raw.replace(b"[PATCH v2 ", b"[PATCH RFC v2 ", 1).replace(b"\n---\n", b"\nReviewed-by: Else <else@example.org>\n---\n", 1)
              for raw in self.all[1:]]
        self.same(mbox(am, b"From git@z Thu Jan  1 00:00:00 1970\n"))

    def test_prefixes(self):
        for old, new in ((b"[PATCH v2 ", b"[RFC PATCH v2 "), (b"[PATCH v2 ", b"[linux-coco] [RESEND PATCHv2 ")):
            self.same(mbox([raw.replace(old, new, 1) for raw in self.all]))

    def test_folded_subjects(self):
        self.assertIn(b"\n ", re.search(rb"(?s)\nSubject: .*?\n(?! )", self.raw[3])[0][9:-1])
        self.same(mbox([raw.replace(b"[PATCH v2 ", b"[PATCH\n v2\n ", 1) for raw in self.all]))

    def test_gzip(self):
        self.same(gzip.compress(mbox(self.all)), "t.mbox.gz")

    def test_crlf(self):
        self.same(mbox(self.all).replace(b"\n", b"\r\n"))

    def test_base64(self):
        self.same(mbox([encoded(raw, "base64") for raw in self.all]))

    def test_quoted_printable(self):
        self.same(mbox([encoded(raw, "quoted-printable") for raw in self.all]))

    def test_blanks_at_the_end_of_lines_are_gone(self):
        self.same(mbox([re.sub(rb"(?m)^ $", b"", raw) for raw in self.all]))


class Refusals(WithSeries):
    """One line, not status 0, and nothing is changed."""

    def refused(self, path, *words):
        posted = TOP / "build/compare"
        before = state(posted)
        ran = make(*([f"V2_MBOX={path}"] if path is not None else []))
        errors = [line for line in ran.stderr.splitlines() if not line.startswith("make")]
        self.assertNotEqual(ran.returncode, 0)
        self.assertEqual(len(errors), 1, ran.stderr)
        self.assertTrue(errors[0].startswith("error: "), errors[0])
        for word in words:
            self.assertIn(word, errors[0])
        self.assertEqual(ran.stdout, "")
        self.assertEqual(state(posted), before)

    def test_not_given(self):
        self.refused(None, "V2_MBOX is not given", "make compare V2_MBOX=file", "t.mbox.gz")

    def test_no_such_file(self):
        self.refused(WORK / "nowhere.mbox", "no such file", "b4 mbox")

    def test_unreadable(self):
        self.refused(WORK, "cannot be read", "Is a directory")
        self.refused(self.file(gzip.compress(mbox(self.all))[:-2000]), "cannot be read", "get it again")

    def test_not_an_mbox(self):
        self.refused(self.file(b"<!DOCTYPE html>\n<html>\n"), "is not an mbox", "raw file")
        self.refused(self.file(b""), "is not an mbox")

    def test_no_patches(self):
        self.refused(self.file(mbox([self.raw[0], reply(self.raw[3]), reply(self.raw[4])])),
                     "no patches in it (3 messages", "whole thread")

    def test_missing_patches(self):
        self.refused(self.file(mbox(self.without(4))), "patch 04/31 of v2 is missing")
        self.refused(self.file(mbox(self.without(3, 5) + [reply(self.raw[3])])), "patches 03/31, 05/31 of v2 are missing")

    def test_other_versions_only(self):
        self.refused(self.file(mbox(self.versioned(1))), "this is v1 of a series, not v2")
        self.refused(self.file(mbox(self.versioned(1) + self.versioned(3))), "this is v1, v3 of a series, not v2")

    def test_another_series(self):
        other = [raw.replace(b"tdx_page_array", b"tdx_other") for raw in self.all]
        self.refused(self.file(mbox(other)), "another series", "03/31, 04/31, 05/31", "struct tdx_page_array")

    def test_not_the_same_twice(self):
        self.refused(self.file(mbox(self.all + [self.raw[5].replace(b"+\treturn true;", b"+\treturn !0;", 1)])),
                     "patch 05/31 is in it more than once")

    def test_damaged(self):
        self.refused(self.file(mbox(self.changed(4, b"+\tunsigned int iq_order = ", b"+\tunsigned int\niq_order = "))),
                     "patch 04/31 is damaged, hunk ", "of arch/x86/virt/vmx/tdx/tdx.c", "not as many")
        self.refused(self.file(mbox(self.changed(3, b"+\tif (!nr_pages)\n", b""))),
                     "patch 03/31 is damaged, hunk 2 of arch/x86/virt/vmx/tdx/tdx.c")
        self.refused(self.file(mbox(self.changed(3, b"\n-- \n", b"\n+\n-- \n"))),
                     "patch 03/31 is damaged, hunk 1 of drivers/virt/other.c", "more than")
        # Where git's name for itself, "-- ", could be a line that goes away.
        self.refused(self.file(mbox(self.changed(3, b"@@ -1,2 +1,3 @@\n int other_0;", b"@@ -1,3 +1,3 @@\n int other_0;"))),
                     "patch 03/31 is damaged, hunk 1 of drivers/virt/other.c", "not as many")
        head = re.search(rb"\n@@ -(\d+),\d+ \+\d+", self.raw[4])
        self.refused(self.file(mbox(self.changed(4, head[0], head[0].replace(head[1], b"%d" % (int(head[1]) + 1), 1)))),
                     "patch 04/31 is damaged, hunk 1 of arch/x86/include/asm/tdx.h", "line numbers")
        cut = self.raw[5][:self.raw[5].index(b"+\treturn true;")]
        self.refused(self.file(mbox([*self.without(5), cut])), "patch 05/31 is damaged", "not as many")

    def test_not_of_one_series(self):
        self.refused(self.file(mbox(self.changed(3, b"+\tu64 entry = page_to_phys(page);", b"+\tu64 entry = page_to_phys(page + 1);"))),
                     "patch 04/31, hunk ", "does not fit")

    def test_functions_that_are_not_there(self):
        other = [raw.replace(b"tdx_page_array_ctrl_leak", b"tdx_page_array_forget") for raw in self.all]
        self.refused(self.file(mbox(other)), "do not define tdx_page_array_ctrl_leak, which the callers need")


class Runs(unittest.TestCase):
    """The whole command, in user-mode Linux."""

    def run_with(self, *plant, whole=False):
        series = V2(WORK / self.id().rpartition(".")[2], shape=made_up.Shape(plant, whole))
        path = WORK / f"{self.id().rpartition('.')[2]}.mbox"
        path.write_bytes(mbox([series.raw[n] for n in sorted(series.raw)]))
        return make(f"V2_MBOX={path}", "QUICK=1")

    def failed_cases(self, ran):
        return set(re.findall(r"\[FAILED\] ([\w-]+)", ran.stdout))

    def test_the_same_code_passes_and_is_measured(self):
        ran = self.run_with()
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertEqual(len(re.findall(r"\[PASSED\] v2-posted", ran.stdout)), 14)
        self.assertRegex(ran.stdout.splitlines()[-1], r"^[1-9]\d* passed, 0 failed$")
        self.assertRegex(ran.stdout, r"\| operation +\| +pages \| +v2 ns \| +v2-posted ns \| +flat ns \|")
        self.assertRegex(ran.stdout, r"\| create +\| +512 \| +[\d,]+ \| +[\d,]+ \| +[\d,]+ \| +[\d.]+ \[")
        # Exact, and of the same code.
        self.assertIn("Metadata: the same bytes at 4 of 4 numbers of pages.", ran.stdout)
        self.assertEqual(set((TOP / "build/compare").iterdir()), {TOP / "build/compare/posted"})

    def test_a_release_without_flush_is_red(self):
        ran = self.run_with(("tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, array->pages[i])", "0"))
        self.assertNotEqual(ran.returncode, 0)
        self.assertLessEqual({"v2-posted", "spdm_life", "ide_life", "tdx_lifecycle"}, self.failed_cases(ran))
        self.assertNotIn("flat", self.failed_cases(ran))
        self.assertNotIn("v2", self.failed_cases(ran))
        self.assertRegex(ran.stdout.splitlines()[-1], r"^\d+ passed, [1-9]\d* failed$")

    def test_nothing_of_the_project_is_taken_if_all_is_there(self):
        """Whatever is exported, and with the WBINVD of today's kernels."""
        ran = self.run_with(("tdx_global_keyid, array->pages[i]", "tdx_global_keyid, page_to_pfn(array->pages[i])"), whole=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("the project's own: wrappers and callers\n", ran.stdout)
        self.assertEqual(len(re.findall(r"\[PASSED\] v2-posted", ran.stdout)), 14)

    def test_metadata_that_differs_is_told(self):
        """Twice the pointers: no flow shows it.  12,800 pages are had by the project's own."""
        ran = self.run_with(("kcalloc(nr_pages, ", "kcalloc(2 * nr_pages, "))
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stdout, r"Metadata: the same bytes at 1 of 4 numbers of pages; not at 1 page \(v2 [\d,]+, v2-posted")

    def test_what_does_not_build_is_told(self):
        ran = self.run_with(("put_page(array->pages[i])", "put_page_of_the_tree(array->pages[i])"))
        self.assertNotEqual(ran.returncode, 0)
        self.assertRegex(ran.stderr, r"error: the posted code does not build outside of the kernel tree: .*put_page_of_the_tree.*\(log: ")
        self.assertIn("benchmarks/designs/v2_posted/prelude.h", ran.stderr)


def main():
    global TOP, WORK
    TOP, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    WORK = TOP / "build" / "compare-test"
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    before = work_tree()
    run, failed = told.run(names or ["Shapes", "Refusals", "Runs"], sys.modules[__name__])
    if work_tree() == before:
        print("ok nothing is left in the work tree")
    else:
        print(f"not ok nothing is left in the work tree:\n{work_tree()}")
        failed += 1
    print(f"{run + 1 - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not run else 0


if __name__ == "__main__":
    sys.exit(main())
