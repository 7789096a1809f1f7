# SPDX-License-Identifier: GPL-2.0
"""coverage.py TOP JSON: print lines and branches that were not executed.  Status 1 if they are not EXCEPTIONS."""
import json
import sys
from pathlib import Path

EXCEPTIONS = "benchmarks/tests/coverage-exceptions.list"
SOURCES = "arch/x86/virt/vmx/tdx"


def main(top: Path, report: dict) -> int:
    # "file | text of the line | reason"; the text * is the whole file.
    exceptions = {line.rsplit(" | ", 1)[0] for line in (top / EXCEPTIONS).read_text().splitlines()
                  if line.strip() and not line.startswith("#")}
    passed, errors, used = 0, [], set()
    for file in report["files"]:
        text = (top / file["file"]).read_text().splitlines()
        for line in (line for line in file["lines"] if not line["gcovr/noncode"]):
            counts = [line["count"], *(branch["count"] for branch in line["branches"])]
            passed += sum(count > 0 for count in counts)
            code = text[line["line_number"] - 1].strip()
            excuses = exceptions & {f"{file['file']} | {code}", f"{file['file']} | *"}
            if not min(counts):
                used |= excuses
                if not excuses:
                    errors.append(f"{file['file']}:{line['line_number']}: line executed {counts[0]} times, branches "
                                  f"{counts[1:]}: {code}")
    errors += [f"{EXCEPTIONS}: excuses nothing: {e}" for e in sorted(exceptions - used)]
    measured = {file["file"] for file in report["files"] if any(line["count"] for line in file["lines"])}
    errors += [f"{SOURCES}/{path.name}: was not executed" for path in sorted((top / SOURCES).glob("*.c"))
               if f"{SOURCES}/{path.name}" not in measured]
    print(*errors, f"{passed} passed, {len(errors)} failed", sep="\n")
    return 1 if errors or not passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
