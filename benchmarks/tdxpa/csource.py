# SPDX-License-Identifier: GPL-2.0
"""C in kernel style, as text"""
import re


def emptied(text: str) -> str:
    """As many lines, without text"""
    return "\n" * text.count("\n")


def without_comments(text: str) -> str:
    """Code.  Lines keep their numbers."""
    return re.sub(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*',
                  lambda m: m[0] if m[0].startswith('"') else emptied(m[0]), text, flags=re.S)


def function(name: str) -> re.Pattern[str]:
    """The definition or the prototype of a function, in text without comments"""
    return re.compile(rf"^\w[^;{{}}#]*?\b{name}\([^;{{}}]*\)(?:;|\n\{{.*?^\}})\n", re.M | re.S)
