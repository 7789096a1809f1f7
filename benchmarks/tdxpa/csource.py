# SPDX-License-Identifier: GPL-2.0
"""C as text: what of it is code, and what that defines.  It knows no more than kernel style."""
import re

STRING = r'"(?:\\.|[^"\\\n])*"'


def emptied(text):
    """As many lines, and nothing in them."""
    return "\n" * text.count("\n")


def without_comments(text):
    return re.sub(rf"{STRING}|/\*.*?\*/|//[^\n]*",
                  lambda m: m[0] if m[0].startswith('"') else emptied(m[0]), text, flags=re.S)


def code_of(text):
    """Neither comments nor what is in #if 0, up to the first #else or #endif; lines keep their numbers."""
    return re.sub(r"^#if 0\b.*?(?=^#e(?:lse|ndif))", lambda m: emptied(m[0]), without_comments(text),
                  flags=re.M | re.S)


def declared(block):
    """Members or variables of declarations; nothing that is only announced."""
    for one in block.split(";"):
        # What may stand around a name: sizes, bits, attributes, a value.
        one = re.sub(r"\[[^]]*\]|:\s*\d+|\b__\w*@?|=.*", " ", one, flags=re.S).strip()
        if not re.match(r"extern\b|(?:struct|union|enum) \w+$", one):
            yield from re.findall(r"[\s*](\w+)\s*(?:,|$)", one)


def function(name):
    """Pattern of the definition or of the prototype of a function, in text without comments."""
    return re.compile(rf"^\w[^;{{}}#]*?\b{name}\([^;{{}}]*\)(?:;|\n\{{.*?^\}})\n", re.M | re.S)


def definitions(code):
    """Functions with a body, macros, types, their members, constants, and global variables."""
    code = re.sub(STRING, '""', code)
    found = set(re.findall(r"^#define (\w+)", code, re.M))
    code = re.sub(r"^#(?:.*\\\n)*.*", "", code, flags=re.M)
    # A pointer to a function is named like anything else.
    code = re.sub(r"\(\*(\w+)\)\(", r"\1 __(", code)

    def block(m):
        """Take the names of a block that has no other in it."""
        head, body = m.groups()
        kind = re.search(r"\b(struct|union|enum)(?: (\w+))?\s*$", head)
        if kind:
            found.update(filter(None, [kind[2]]))
            found.update(re.findall(r"(?:^|,)\s*(\w+)", body) if kind[1] == "enum" else declared(body))
            return head[:kind.start()] + "_"
        found.update(re.findall(r"^\w[\w\s*@]*\b(\w+)@\s*\Z", head, re.M))
        return head + ";"

    # From the inside: parentheses become @, blocks a semicolon or the name of a type.
    for pattern, put in ((r"\([^()]*\)", "@"), (r"([^;{}]*)\{([^{}]*)\}", block)):
        nr = 1
        while nr:
            code, nr = re.subn(pattern, put, code)
    return found | set(declared(code))
