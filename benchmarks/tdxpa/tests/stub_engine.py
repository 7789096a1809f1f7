# SPDX-License-Identifier: GPL-2.0
"""A copy of the sources whose kernel is a shell function."""
import os
import subprocess
from pathlib import Path

from tdxpa.tests.test_start import copy_tree

STUBS = {
    "setup.sh": "",
    "source.sh": 'mkdir -p "$(dirname "$0")/../../build"',
    "kernel.sh": """kernel_build() { KOBJ=$BUILD/kernel KVERSION=7.3 KSOURCE=$BUILD/kernel VARIANT=${2:-}; }
kernel_modules() { TREE=$BUILD/tree; mkdir -p "$KOBJ"; echo 'modules:;@:' > "$KOBJ/Makefile"; }
""",
}
# A console without complaints
LOG = """guest: log begins
[ 0.0] Linux version 7.3
[ 0.1] tdx_seam: loading out-of-tree module taints kernel
guest: log ends
"""


def copy(path: Path, boot: str) -> Path:
    """boot is the body of engine_boot LOG SECONDS MEM MODE [ARGS]."""
    copy_tree(path)
    for name, text in {**STUBS, "uml.sh": f"ENGINE_ARCH=um\nengine_boot()\n{{\n{boot}\n}}\n"}.items():
        (path / "benchmarks/kernels" / name).write_text(text)
    return path


def make(tree: Path, *words: str) -> subprocess.CompletedProcess:
    env = {"PATH": os.environ["PATH"], "TDX_CACHE": str(tree / "cache")}
    return subprocess.run(["make", "-s", *words], cwd=tree, capture_output=True, text=True, env=env)
