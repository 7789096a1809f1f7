# SPDX-License-Identifier: GPL-2.0
"""A made-up series of the shape of v2, for tests.

Its array is the project's own v2, read when it is made; all else is invented here.  Patches
03 to 05 bring the array in three steps; the second and the third change what those
before them brought, and functions that were there before, in their lines and heads.
"""
import email
import email.policy
import os
import re
import subprocess
from pathlib import Path

V2 = Path(__file__).resolve().parents[2] / "designs" / "v2"

NR_PATCHES = 31
SOURCE, HEADER, OTHER = "arch/x86/virt/vmx/tdx/tdx.c", "arch/x86/include/asm/tdx.h", "drivers/virt/other.c"

STEPS = {
    3: ("tdx_page_array_entry", "tdx_page_array_populate", "tdx_page_array_alloc",
        "tdx_alloc_pages_bulk", "tdx_page_array_create", "tdx_page_array_free"),
    4: ("tdx_alloc_pages_iommu_mt", "tdx_page_array_create_iommu_mt", "tdx_page_array_ctrl_leak"),
    5: ("HPA_PFN", "tdx_page_array_validate_release", "tdx_page_array_ctrl_flush",
        "tdx_page_array_ctrl_release", "hpa_list_info_assign_raw", "hpa_array_t_assign_raw",
        "hpa_array_t_release_raw"),
    10: ("tdx_alloc_pages_contig", "tdx_page_array_alloc_contig"),
}
STATIC = ("tdx_page_array_populate", "tdx_page_array_alloc", "tdx_page_array_ctrl_flush",
          "hpa_list_info_assign_raw", "hpa_array_t_assign_raw", "hpa_array_t_release_raw")

# (until which patch, in place of what, what): drafts that a later patch changes.
DRAFTS = (
    (4, "\tif (compound_nr(page) > 1)\n\t\tentry |= compound_nr(page);\n\n", ""),
    (5, "put_page(array->pages[i])", "__free_page(array->pages[i])"),
    (4, " * @root: the list page, refilled for each window\n", " * @root: the list page\n"),
)

UNRELATED = """static int tdx_unrelated_{0}(int x)
{{
	int y = x + {0};

	/* Strings with a brace, "{{", and a comment's ends. */
	if (y > 7) {{
		pr_err("unrelated {{ /* %d\\n", y);
		goto out;
	}}

	y *= {0};
out:
	return y;
}}
"""


DEFINES = [re.compile(p) for p in (
    r"^#define (\w+)",
    r"^struct (\w+) \{",
    r"^[a-z][\w ]*?\*?(\w+)\(",
)]


def parts(text):
    """Split a file at blank lines, but not within a function."""
    part, inside = [], False
    for line in text.splitlines(keepends=True):
        if line == "\n" and not inside:
            if part:
                yield "".join(part)
            part = []
            continue
        part.append(line)
        inside = (inside or line.startswith("{")) and not line.startswith("}")
    if part:
        yield "".join(part)


def defined(part):
    """The name that a part defines, or None."""
    code = re.sub(r"/\*.*?\*/\n?", "", part, flags=re.S)
    for line in code.splitlines():
        for pattern in DEFINES:
            found = pattern.match(line)
            if found:
                return found[1]
    return None


def replaced(text, old, new):
    assert old in text, old
    return text.replace(old, new)


def unrelated(first, last):
    return "\n".join(UNRELATED.format(i) for i in range(first, last))


class Shape:
    """How the array of a series differs from what it usually is in tests: its @plant are
    pairs of texts, one in place of the other; @whole has all of it in patches 03 to 05, and
    nothing that is static but should not be."""

    def __init__(self, plant=(), whole=False):
        self.plant, self.whole = plant, whole
        self.static = () if whole else STATIC

    def step_of(self, name):
        step = next((step for step, names in STEPS.items() if name in names), None)
        return 5 if step and self.whole and step > 5 else step


USUAL = Shape()


def source_parts(shape):
    """[(patch, text)] of the array, as it is in the end."""
    text = (V2 / "page_array.c").read_text(encoding="utf-8")
    # The kernel's function took a page when the series was posted.
    text = replaced(text, "tdh_phymem_page_wbinvd_hkid(tdx_global_keyid,\n\t\t\t\t\t\t    page_to_pfn(array->pages[i]))",
                    "tdh_phymem_page_wbinvd_hkid(tdx_global_keyid, array->pages[i])")
    text = replaced(text, "not match: %u pages", "not match: { /* %u pages")
    for old, new in shape.plant:
        text = replaced(text, old, new)
    found = []
    for part in parts(text):
        name = defined(part)
        step = shape.step_of(name)
        if not step:
            continue
        if name in shape.static:
            part = re.sub(r"(?m)^(?=(u64|int|struct) )", "static ", part, count=1)
        elif name.startswith("tdx_page_array_") and "\nstatic" not in f"\n{part}":
            part += f'EXPORT_SYMBOL_FOR_MODULES({name}, "tdx-host");\n' if "iommu" in name else \
                    f"EXPORT_SYMBOL_GPL({name});\n"
        found.append((step, part))
    return found


def header_parts(shape):
    """[(patch, text)] of its declarations."""
    text = (V2 / "page_array.h").read_text(encoding="utf-8")
    found = [(3, re.search(pattern, text)[0]) for pattern in (
        r"#define TDX_PAGE_ARRAY_MAX_NENTS.*\n", r"(?s)/\*\*\n \* struct .*?\n};\n", r"typedef [^;]*;\n")]
    for declaration in re.findall(r"(?ms)^(?:struct|int|void|u64) [^;{]*\);\n", text):
        name = defined(declaration)
        if name not in shape.static and shape.step_of(name):
            found.append((shape.step_of(name), declaration))
    return found


STUB = """static inline struct tdx_page_array *tdx_page_array_create(unsigned int nr_pages)
{
	return NULL;
}
"""


def drafted(text, patch):
    for until, old, new in DRAFTS:
        if patch < until:
            text = text.replace(old, new)
    return text


def tree(patch, shape):
    """{file: text} after so many patches."""
    array = [(n, drafted(text, patch)) for n, text in source_parts(shape) if n <= patch]
    first = [text for n, text in array if n != 5]
    last = [text for n, text in array if n == 5]
    head = "".join(f"/* Before the array, {i}. */\n" for i in range(min(patch, 2)))
    small = f"static int tdx_small({'int x' if patch >= 5 else 'void'})\n{{\n\treturn 0;\n}}\n"
    c = ["// SPDX-License-Identifier: GPL-2.0\n#include <linux/mm.h>\n" +
         ("#include <linux/bitfield.h>\n#include \"tdx_of_the_tree.h\"\n" if patch >= 3 else "") + head,
         unrelated(1, 5), *first, unrelated(5, 12), small, *last, unrelated(12, 15)]
    source = "\n".join(c)
    if patch >= 4:
        source = replaced(source, "	int y = x + 3;\n", "	int y = x + 3;\n	int z = y;\n")
        # Next to the array.
        source = replaced(source, "	y *= 4;\n", "	y *= 5;\nagain:\n	y--;\n")
        source = replaced(source, "tdx_unrelated_8(int x)", "tdx_unrelated_8(int x, int y)")
        source = replaced(source, "tdx_unrelated_10(int x)", "tdx_renamed(int x)")

    declared = [drafted(text, patch) for n, text in header_parts(shape) if n <= patch]
    h = ["#ifndef _ASM_X86_TDX_H\n#define _ASM_X86_TDX_H\n\n#ifdef CONFIG_INTEL_TDX_HOST\n",
         "int tdx_enable(void);\nconst char *tdx_dump(u32 level);\n", *declared,
         "void tdx_quirk(unsigned long base);\n", "#else\n", *([STUB] if patch >= 3 else []),
         "static inline int tdx_enable(void) { return -ENODEV; }\n", "#endif\n\n#endif\n"]
    other = "".join(f"int other_{i};\n" for i in range(patch))
    return {SOURCE: source, HEADER: "\n".join(h), OTHER: other or "\n"}


class Series:
    """Messages of the series, as git writes them: number to message, 0 is the cover."""

    def __init__(self, repository, version=2, shape=USUAL):
        self.version = version
        self.repository = repository
        repository.mkdir(parents=True)
        self.git("init", "-q")
        for patch in range(NR_PATCHES + 1):
            for name, text in tree(patch, shape).items():
                path = repository / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            self.git("add", ".")
            subject = {3: "x86/virt/tdx: Add an array of pages to hand to the module, which has quite a long subject",
                       4: "x86/virt/tdx: Arrays for an IOMMU"}.get(patch, f"x86/virt/tdx: Step {patch}")
            self.git("commit", "-q", "-m", f"{subject}\n\nFrom here on, it is there: café.\n")
        self.git("format-patch", "-q", f"-v{version}", "--cover-letter", "--thread=shallow", "-o", "out",
                 f"HEAD~{NR_PATCHES}")
        self.raw = {}
        for path in sorted((repository / "out").iterdir()):
            number = int(re.match(r"v\d+-(\d+)", path.name)[1])
            self.raw[number] = path.read_bytes().partition(b"\n")[2]

    def git(self, *args):
        env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        for who in ("AUTHOR", "COMMITTER"):
            env.update({f"GIT_{who}_NAME": "Somebody", f"GIT_{who}_EMAIL": "somebody@example.org",
                        f"GIT_{who}_DATE": "2026-03-28T00:00:00Z"})
        subprocess.run(["git", "-C", str(self.repository), *args], check=True, env=env)

    def message(self, number):
        return email.message_from_bytes(self.raw[number], policy=email.policy.default)


def mbox(raws, separator=b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"):
    """Messages as mboxrd."""
    return b"".join(separator + re.sub(rb"(?m)^(>*From )", rb">\1", raw) + b"\n" for raw in raws)


def encoded(raw, cte):
    """The same message in another transfer encoding."""
    old = email.message_from_bytes(raw, policy=email.policy.default)
    new = email.message.EmailMessage(policy=email.policy.SMTP)
    for name in ("From", "Subject", "Date", "Message-Id"):
        new[name] = " ".join(str(old[name]).split())
    new.set_content(old.get_payload(decode=True).decode("utf-8"), charset="utf-8", cte=cte)
    return new.as_bytes()


def reply(raw, text="Looks good.\n", subject=None):
    """Somebody's answer, with all of it quoted."""
    old = email.message_from_bytes(raw, policy=email.policy.default)
    quoted = "".join(f"> {line}\n" for line in old.get_payload(decode=True).decode("utf-8").splitlines())
    subject = subject or "Re: " + " ".join(str(old["Subject"]).split())
    return (f"From: Else <else@example.org>\nSubject: {subject}\nMessage-ID: <{abs(hash(subject))}@else>\n"
            f"In-Reply-To: {old['Message-Id']}\n\n{quoted}\n{text}").encode()
