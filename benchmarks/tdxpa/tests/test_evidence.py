#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""test_evidence.py TOP [NAME...]: break each rule of evidence.py once.

Rules: evidence.py must print exactly this error, in a copy of the tree with a history of its
own.  Code: what a C file defines.  Prose: the rules of prose.py.  The last line is "N passed, N failed".
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tdxpa import evidence
from tdxpa import csource
from tdxpa import prose
from tdxpa.tests import told

TOP = Path()
PAGE = evidence.PAGE
OTHER_PAGE = "Documentation/design.rst"
ARRAY = "arch/x86/virt/vmx/tdx/pa_array.c"
DRIVER = "benchmarks/host/driver/tdx_connect.c"
# Not measured
MADE_UP, SUITE = "benchmarks/host/trace/made_up.c", "benchmarks/bench/made_up_kunit.c"
NOWHERE = "0123abc"

ME = {"GIT_CONFIG_GLOBAL": os.devnull, **{f"GIT_{who}_{what}": "nobody" for who in ("AUTHOR", "COMMITTER")
                                          for what in ("NAME", "EMAIL")}}


def git(top, *args):
    return subprocess.run(["git", "-C", str(top), *args], check=True, capture_output=True, text=True,
                          env={**os.environ, **ME}).stdout


def commit(tree):
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "--allow-empty", "-m", "made up")
    return git(tree, "log", "-1", "--format=%h").strip()


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Errors of the tree itself are left out: make check prints them."""
        tmp = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, tmp)
        cls.tree, cls.clone = tmp / "tree", tmp / "clone"
        for path in git(TOP, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
            if (TOP / path).is_file():
                (cls.tree / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(TOP / path, cls.tree / path)
        git(cls.tree, "init", "-q")
        cls.before, cls.commit = commit(cls.tree), commit(cls.tree)
        cls.runs = {}
        for kept in sorted((cls.tree / "benchmarks" / "results").glob("*.json")):
            if kept.name.startswith("host-"):
                continue
            data = json.loads(kept.read_text(encoding="utf-8"))
            cls.runs[f"benchmarks/results/{kept.name}"] = data["run"]["command"]
            data["run"]["commit"] = cls.before
            kept.write_text(json.dumps(data), encoding="utf-8")
        # No test changes a figure, and intervals take time.
        figures = mock.patch.object(evidence, "Figures", return_value=evidence.Figures(cls.tree))
        figures.start()
        cls.addClassCleanup(figures.stop)
        cls.always = set(evidence.check(cls.tree))

    def edit(self, path, change):
        """Until the test ends."""
        file = self.tree / path
        was = file.read_text(encoding="utf-8") if file.exists() else None
        self.addCleanup(file.unlink if was is None else lambda: file.write_text(was, encoding="utf-8"))
        file.write_text(change(was or ""), encoding="utf-8")
        self.assertNotEqual(file.read_text(encoding="utf-8"), was)

    def append(self, path, text):
        self.edit(path, lambda was: was + text)

    def sub(self, path, pattern, text):
        self.edit(path, lambda was: re.sub(pattern, text, was, count=1, flags=re.M | re.S))

    def item(self, text):
        """Replace the first evidence of the first answer."""
        self.sub(PAGE, r"(\n1\. .+?\n\n\* )[^\n]+", rf"\1{text}")

    def expect(self, *wrong):
        self.assertEqual(sorted(set(evidence.check(self.tree)) - self.always), sorted(wrong))

    # Answers

    def test_an_answer_is_short(self):
        self.sub(PAGE, r"^(1\. [^\n]+\n-+\n\n).+?(?=^\* )", r"\1" + "word " * 61 + "\n\n")
        self.expect(f"{PAGE}, 1: the answer has 61 words, the limit is 60")

    def test_an_answer_is_not_empty(self):
        self.sub(PAGE, r"^(1\. [^\n]+\n-+\n\n).+?(?=^\* )", r"\1")
        self.expect(f"{PAGE}, 1: the answer has 0 words, the limit is 60")

    def test_an_answer_in_the_table_is_short(self):
        self.sub(PAGE, r"^(   \* - 2\n(?:     - [^\n]+\n){2}     - )[^\n]+", r"\1" + "word " * 11)
        self.expect(f"{PAGE}, 2: the answer in the table has 11 words, the limit is 10")

    def test_each_question_is_in_the_table(self):
        self.sub(PAGE, r"^   \* - 2$", "   * - 3")
        self.expect(f"{PAGE}: the table does not have the questions 1 to {evidence.NR_QUESTIONS}")

    def test_each_question_is_answered(self):
        self.sub(PAGE, r"^2\. ", "3. ")
        self.expect(f"{PAGE}: the sections are not the questions 1 to {evidence.NR_QUESTIONS}")

    def test_each_answer_has_evidence(self):
        self.sub(PAGE, r"(\n1\. .+?\n\n)\* [^\n]+\n", r"\1")
        self.expect(f"{PAGE}, 1: 1 items of evidence instead of 2")

    def test_evidence_is_of_a_known_kind(self):
        self.item("hope")
        self.expect(f"{PAGE}, 1: neither test, code nor figure: * hope")

    # Tests

    def suite(self, cases):
        self.append(SUITE, "static void made_up_case(struct kunit *test)\n{\n}\n\n"
                           f"static struct kunit_case cases[] = {{\n{cases}\n\t{{}}\n}};\n\n"
                           'static struct kunit_suite suite = {\n\t.name = "tdx_made_up",\n};\n')
        self.item("test ``tdx_made_up.made_up_case``: x")

    def expect_no_case(self):
        self.expect(*(f"{page}: there is no test tdx_made_up.made_up_case" for page in (PAGE, f"{PAGE}, 1")))

    def test_a_case_is_found(self):
        self.suite("\tKUNIT_CASE_PARAM(made_up_case, gen_params),")
        self.expect()

    def test_a_case_that_is_not_there(self):
        self.suite("\tKUNIT_CASE(another_case),")
        self.expect_no_case()

    def test_a_case_in_a_comment_is_none(self):
        self.suite("\t/* KUNIT_CASE(made_up_case), */")
        self.expect_no_case()

    def test_a_case_has_a_function(self):
        self.suite("\tKUNIT_CASE(made_up_case),")
        self.sub(SUITE, r"\{\n\}", ";")
        self.expect_no_case()

    # Code

    def test_code_is_in_a_file(self):
        self.item(f"code ``{MADE_UP}:made_up``: x")
        self.expect(f"{PAGE}, 1: there is no file {MADE_UP}")

    def test_code_is_defined(self):
        self.append(MADE_UP, "int made_up(void)\n{\n\treturn 1;\n}\n")
        self.item(f"code ``{MADE_UP}:made_up``: x")
        self.expect()

    def test_code_that_is_only_called_and_declared(self):
        self.append(MADE_UP, "/* made_up() */\nint made_up(void);\n\n"
                             "int other(void)\n{\n\treturn made_up();\n}\n")
        self.item(f"code ``{MADE_UP}:made_up``: x")
        self.expect(f"{PAGE}, 1: {MADE_UP} does not define made_up")

    def test_definitions_in_other_languages(self):
        for suffix, text in (("py", "class Other:\n    def made_up(self):\n        pass\n"), ("py", "made_up = 1\n"),
                             ("sh", "made_up()\n{\n\t:\n}\n"), ("sh", "made_up=1\n"), ("bt", "#define made_up 1\n")):
            with self.subTest(suffix=suffix, text=text):
                path = f"benchmarks/host/trace/made_up.{suffix}"
                self.edit(path, lambda was, text=text: text)
                self.item(f"code ``{path}:made_up``: x")
                self.expect()
                self.edit(path, lambda was: "# made_up\n")
                self.expect(f"{PAGE}, 1: {path} does not define made_up")
                self.doCleanups()

    # Figures

    def test_a_figure_is_the_one_that_is_kept(self):
        self.item("``make faults``: rows: UNSAFE, flat = 1")
        self.expect(f"{PAGE}, 1: rows: UNSAFE, flat is 0, not 1: make plots updates it")

    def test_a_figure_is_one_of_the_run(self):
        self.item("``make faults``: rows: perfect, flat = 1")
        self.expect(f"{PAGE}, 1: make faults has no figure rows: perfect, flat")

    def test_a_figure_has_a_value_for_each_design(self):
        self.item("``make size``: flat / flat, lines = 1 / 1")
        size = json.loads((self.tree / "benchmarks/results/size.json").read_text(encoding="utf-8"))
        lines = f"{size['designs']['flat']['lines']:,}"
        self.expect(f"{PAGE}, 1: flat / flat, lines is {lines} / {lines}, not 1 / 1: make plots updates it")

    # Kept runs

    def expect_stale(self, *paths):
        self.expect(*(f"{run} was made at {self.before}, before a change of {', '.join(paths)}: "
                      f"repeat {command}" for run, command in self.runs.items()))

    def test_the_code_of_a_run_stands(self):
        measured = (evidence.ARRAY_HEADER, ARRAY, "benchmarks/designs/design.h",
                    "benchmarks/designs/v2/flows.c")
        for path in measured:
            self.append(path, "static int made_up;\n")
        self.expect_stale(*measured)

    def test_what_has_measured_stands(self):
        changed = {}
        for target, where in evidence.MEASURES.items():
            changed[target] = str(min((self.tree / where).glob("*.c")).relative_to(self.tree))
            self.append(changed[target], "static int made_up;\n")
        self.expect(*(f"{run} was made at {self.before}, before a change of {changed[command.split()[1]]}: "
                      f"repeat {command}" for run, command in self.runs.items() if command.split()[1] in changed))

    def test_the_files_of_a_run_stand(self):
        self.sub("arch/x86/virt/vmx/tdx/pa_trace.h", ".+", "")
        self.append("benchmarks/designs/v2/made_up.c", "int made_up;\n")
        self.expect_stale("arch/x86/virt/vmx/tdx/pa_trace.h", "benchmarks/designs/v2/made_up.c")

    def test_comments_space_and_tests_are_not_measured(self):
        self.sub(ARRAY, "^{\n", "{\n\n\n\t/* made up */\n")
        for path in ("arch/x86/virt/vmx/tdx/tests/model.c", "benchmarks/designs/lifecycle_kunit.c",
                     "benchmarks/designs/v2_posted/design.c", DRIVER):
            self.append(path, "static int made_up;\n")
        self.expect()

    def other_commit(self, name):
        run = "benchmarks/results/uml.json"
        self.sub(run, f'"commit": "{self.before}"', f'"commit": "{name}"')
        return f"{run} was made at {name}", self.runs[run]

    def test_the_commit_of_a_run_is_in_the_history(self):
        made, command = self.other_commit(NOWHERE)
        self.expect(f"{made}, which is not in the history: repeat {command}")

    def test_a_run_is_of_a_commit(self):
        made, command = self.other_commit(f"{self.before} with changes")
        self.expect(f"{made}, which is not a commit: commit, then {command}")

    def test_a_run_on_a_host_is_left_alone(self):
        self.append("benchmarks/results/host-made-up.json", json.dumps({"run": {"commit": NOWHERE}}))
        self.expect()

    def test_a_shallow_clone_does_not_know_commits(self):
        git(self.tree, "clone", "-q", "--depth", "1", f"file://{self.tree}", self.clone)
        with open(self.clone / OTHER_PAGE, "a", encoding="utf-8") as page:
            page.write(f"At commit {NOWHERE}.\n")
        self.assertEqual(set(evidence.check(self.clone)) - self.always, set())

    # The driver

    def test_a_driver_reads_no_field(self):
        first = len((self.tree / DRIVER).read_text(encoding="utf-8").splitlines()) + 1
        lines = [f"static int f(struct tdx_pa_array *a) {{ return {body}; }}"
                 for body in ("a->flush", "tc->iommus[0].mt->nr", "(*a).nr", "mine[1]->nr")]
        self.append(DRIVER, "\n".join(lines) + "\nstatic struct tdx_pa_array *mine[2];\n")
        self.expect(*(f"the driver reads a field of an array: {DRIVER}:{n}: {line}"
                      for n, line in enumerate(lines, first)))

    def test_a_driver_has_numbers_of_its_own(self):
        self.append(DRIVER, "/* a->nr */ int made_up(struct tdx_connect *tc) { return tc->nr; }\n")
        self.expect()

    # Names on pages

    def test_names_on_pages(self):
        named = {"``make nothing QUICK=1``": "make nothing",
                 "``benchmarks/made_up.c``": "benchmarks/made_up.c",
                 "``made_up.sh -v``": "file made_up.sh",
                 "(made_up.rst)": "file made_up.rst",
                 "``tdx_tdh.made_up``": "test tdx_tdh.made_up",
                 "tdx_made_up()": "tdx_made_up()",
                 "``tdh_made_up(mem)``": "tdh_made_up()",
                 "in commit\n0123456": "commit 0123456 in the history",
                 f"at {NOWHERE}": f"commit {NOWHERE} in the history"}
        for page in (OTHER_PAGE, "README.md", "RESULTS.md"):
            text = "\n" + ", ".join(named) + "\n"
            self.append(page, text if page.endswith(".rst") else text.replace("``", "`"))
        self.expect(*(f"{page}: there is no {what}" for page in (OTHER_PAGE, "README.md", "RESULTS.md")
                      for what in named.values()))

    def test_names_that_are_there(self):
        self.append(MADE_UP, "int tdx_made_up(void)\n{\n}\n")
        self.append(OTHER_PAGE, f"\n``make bench``, ``{MADE_UP}``, ``made_up.c``, tdx_made_up(),\n"
                                f"``kunit.py run``, at 1048576 pages, at commit {self.commit}\n")
        self.expect()

    def test_a_function_in_a_comment_is_none(self):
        self.append(MADE_UP, "/* tdx_made_up() */\n")
        self.append(OTHER_PAGE, "\ntdx_made_up()\n")
        self.expect(f"{OTHER_PAGE}: there is no tdx_made_up()")


def defines_f(text):
    return "f" in csource.definitions(csource.code_of(text))


class Code(unittest.TestCase):
    DEFINED = (
        "int f(int a,\n      int b)\n{\n\treturn 0;\n}\n",
        "static struct g *\nf(void (*done)(int))\n{\n\tif (g(1)) {\n\t\th();\n\t}\n}\n",
        "static __printf(1, 2) int f(const char *text, ...)\n{\n}\n",
        "static inline int f(void) { return 0; }\n",
        "#define f 1\n", "#define f(x) \\\n\tg(x)\n",
        "struct f {\n\tint a;\n};\n", "union f {\n\tint a;\n};\n", "enum f { A };\n",
        "enum {\n\tA = 1,\n\tf = BIT(2),\n};\n", "enum { A, f };\n",
        "struct g {\n\tu64 *f;\n};\n", "struct g {\n\tu32 f : 29;\n};\n", "struct g {\n\tint e, f;\n};\n",
        "struct g {\n\tstruct h f[] __counted_by(nr);\n};\n", "struct g {\n\tint (*f)(int a);\n};\n",
        "struct g {\n\tstruct {\n\t\tint a;\n\t} f;\n};\n", "struct g {\n\tstruct {\n\t\tint f;\n\t};\n};\n",
        "static int f;\n", "const struct g f = {\n\t.a = 1,\n};\n",
        "static struct g {\n\tint a;\n} f[] = {\n\t{ 1 },\n};\n",
        "static int f[N] = { 1 };\n", "static int f __ro_after_init;\n", "typedef int f;\n",
        "#if 0\n#else\nint f;\n#endif\n",
        '#define g "/*"\nint f;\n', 'int g(void)\n{\n\th(":(");\n}\nint f(void)\n{\n}\n',
    )
    NOT_DEFINED = (
        "/* f */\n", "// f\n", "/*\n * int f(void)\n * {\n * }\n */\n", 'char *g = "; int f, ";\n',
        "int f(int a);\n", "int f(int a,\n      int b);\n", "extern int f;\n", "struct f;\n",
        "struct f *g(struct f *a);\n",
        "int g(void)\n{\n\treturn f(1);\n}\n", "int g(void)\n{\n\tint f = 1;\n\n\treturn f;\n}\n",
        "int g(void)\n{\n\tf(a) {\n\t\th();\n\t}\n}\n", "int g(int f)\n{\n\treturn 0;\n}\n",
        "struct g h = {\n\t.f = 1,\n};\n", "static int g[] = { f };\n", "static int g = f;\n",
        "EXPORT_SYMBOL_GPL(f);\n",
        "struct g {\n\tint a[f];\n};\n", "struct g {\n\tstruct f *a;\n};\n", "enum { A = f };\n",
        "#if 0\nint f(void)\n{\n}\n#endif\n", "#ifdef f\n#endif\n", "#define g f\n",
    )

    def test_what_is_defined(self):
        self.assertEqual([text for text in self.DEFINED if not defines_f(text)], [])

    def test_what_is_not_defined(self):
        self.assertEqual([text for text in self.NOT_DEFINED if defines_f(text)], [])

    def test_lines_keep_their_numbers(self):
        text = "/* 1\n2 */\n#if 0\n4\n#endif\nint f; // 6\n7\n"
        self.assertEqual(csource.code_of(text).split("\n")[5:], ["int f; ", "7", ""])


def errors_of(text, paragraphs):
    return [error for _, error in prose.check(text, paragraphs)]


class Prose(unittest.TestCase):
    LONG, SHORT = "word " * 31 + "end.", "word " * 28 + "end."
    LIMIT = f"32 words in a sentence, the limit is {prose.MAX_WORDS}: {LONG[:50]}..."

    def test_long_sentences(self):
        for text in (self.LONG, f"* {self.LONG}", f"   * - {self.LONG}", f"Short.\n{self.LONG}"):
            self.assertEqual(errors_of(text, prose.paragraphs_of_page), [self.LIMIT])
        for text in (f"/* {self.LONG} */", f"// {self.LONG}", f"/**\n * f - {self.SHORT}\n *\n * {self.LONG}\n */"):
            self.assertEqual(len(errors_of(text, prose.paragraphs_of_code)), 1)

    def test_short_sentences(self):
        table = "== ==\na  b\n== ==\n" + "c  d\n" * 20 + "== ==\n"
        for text in (f"{self.SHORT} {self.SHORT}", f"term\n  {self.SHORT}\nterm\n", f"* {self.SHORT}\n* {self.SHORT}", f"::\n\n\t{self.LONG}\n", table,
                     f".. code::\n\n   {self.LONG}\n", f"```\n{self.LONG}\n```\n", f"    {self.LONG}\n"):
            self.assertEqual(errors_of(text, prose.paragraphs_of_page), [])
        for text in (f"int f; /* {self.SHORT} */\n{self.LONG}", f"/*\n * @a: {self.SHORT}\n * @b: {self.SHORT}\n */"):
            self.assertEqual(errors_of(text, prose.paragraphs_of_code), [])

    def test_phrases(self):
        for phrase in prose.PHRASES:
            self.assertEqual(errors_of(f"It {phrase} it.", prose.paragraphs_of_page), [f'"{phrase}"'])
        self.assertEqual(errors_of("It is not, amended, ``told``.", prose.paragraphs_of_page), [])

    def test_lines(self):
        self.assertEqual(list(prose.check("One.\n\nIt tells.\n", prose.paragraphs_of_page)), [(3, '"tells"')])
        self.assertEqual(list(prose.check("int f;\n/*\n * One.\n *\n * It tells.\n */\n", prose.paragraphs_of_code)),
                         [(5, '"tells"')])


def main():
    global TOP
    TOP, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    ran, failed = told.run(names or ["Rules", "Code", "Prose"], sys.modules[__name__])
    print(f"{ran - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
