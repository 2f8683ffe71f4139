"""Text from elsewhere, such as names of files, made safe to show to people.

A name can hold a line end, which looks like another line of output, or a sequence that moves the
cursor of a terminal or changes its colours.
"""

from __future__ import annotations

import re

# Control characters, line and paragraph separators, and marks that change the text direction.
_CONTROL_CHARACTER = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    r"""Return a text on one line, with control characters escaped: `\n`, `\x1b`, `\u202e`.

    All other characters stay as they are, also a backslash: most names are shown exactly.
    """
    return _CONTROL_CHARACTER.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return _SHORT_ESCAPES.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
