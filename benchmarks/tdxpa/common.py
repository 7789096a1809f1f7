# SPDX-License-Identifier: GPL-2.0
"""Functions for all reports: records in logs, what was measured, and tables in Markdown."""
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def read_records(path: str | Path, prefix: str) -> Iterator[dict]:
    """Yield the JSON objects in a log, one a line, each behind the prefix."""
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            _, found, text = line.partition(prefix)
            # The last line of an interrupted run may be incomplete.
            if found and text.startswith("{") and text.rstrip().endswith("}"):
                yield json.loads(text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Aligned text that is also Markdown."""
    width = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) if i < left else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(cells, width))) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i < left else "-" * (w + 1) + ":"
                          for i, w in enumerate(width)) + "|"
    return "\n".join([line(header), rule] + [line(row) for row in rows])


def render(template: str, **values: Any) -> str:
    # Few reports need it.
    import jinja2
    places = [Path(__file__).parent / "templates", Path(__file__).parents[1] / "series"]
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(places), keep_trailing_newline=True,
                             undefined=jinja2.StrictUndefined)
    return env.get_template(template).render(values)


def git(top: str | Path, *args: str) -> str:
    """The output of git, or nothing if it fails or is not installed."""
    if not shutil.which("git"):
        return ""
    out = subprocess.run(["git", "-C", str(top), *args], capture_output=True, text=True)
    return out.stdout.strip() if out.returncode == 0 else ""


def commit(top: str | Path) -> str:
    """The last commit of the code, and whether files were changed since."""
    paths = ["arch", "benchmarks", ":!benchmarks/results"]
    name = git(top, "log", "-1", "--format=%h", "--", *paths) or "no commit"
    return name + (" with changes" if git(top, "status", "--porcelain", "--", *paths) else "")


def compiler() -> str:
    out = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    return f"gcc {out.stdout.strip()}"


def cpu(name: str = "model name") -> str:
    found = re.search(rf"(?m)^{name}\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1].strip() if found else "unknown"


def machine() -> dict[str, str]:
    """What measured times depend on.  benchmarks/start.sh read the load before anything was built."""
    return {"cpu": cpu(), **{name: cpu(name) for name in ("cpu family", "model", "stepping", "microcode")},
            "hypervisor": subprocess.getoutput("systemd-detect-virt --vm 2> /dev/null") or
            ("unknown" if "hypervisor" in cpu("flags") else "none"), "host kernel": os.uname().release,
            "linker": subprocess.getoutput("ld --version | head -n 1"), "load": os.environ.get("LOAD", "unknown")}


def excerpt(readme: str, name: str, text: str) -> str:
    """README.md with @text between the two lines that mark the place for @name."""
    place = rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->\n)"
    if not re.search(place, readme, re.S):
        sys.exit(f"error: README.md has no place for the table of {name}")
    return re.sub(place, lambda m: f"{m[1]}\n{text}\n\n{m[2]}", readme, flags=re.S)


def replace(files: Mapping[Path, str | bytes]) -> None:
    """Write all files, or none if the disk is full.  Each has its old or its new text, whatever happens."""
    new = {path: path.with_name(f".{path.name}.new") for path in files}
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(new[path], "wb") as f:
                f.write(text.encode() if isinstance(text, str) else text)
                f.flush()
                os.fsync(f.fileno())
        for path in files:
            os.replace(new[path], path)
    except OSError as e:
        sys.exit(f"error: {path} is not written and stays as it was: {e.strerror}")
    finally:
        for temporary in new.values():
            temporary.unlink(missing_ok=True)
