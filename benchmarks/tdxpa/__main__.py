# SPDX-License-Identifier: GPL-2.0
"""python3 -m tdxpa NAME ARGUMENT...: run main() of the module NAME."""
import importlib
import sys

sys.exit(importlib.import_module(f"tdxpa.{sys.argv.pop(1)}").main() or 0)
