"""TOML and JSON files from anyone: their values, or one line that says why not.

A file that costs much for a few bytes is rejected first: many bytes, deep nesting, keys with
thousands of parts. So are values that parsers accept and other code fails on: numbers that are not
finite or have hundreds of digits, the same key twice, halves of characters.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numeye.io import file_limits

MAX_TOML_BYTES = 64_000  # as many as a form with a thousand regions has
MAX_JSON_BYTES = 5_000_000  # a model card holds curves, a study all its numbers
MAX_DEPTH = 40  # of objects and lists within each other
MAX_KEY_PARTS = 16  # of a key such as a.b.c; each part costs as much as all before it
MAX_INTEGER = 2**64

_TOO_DEEP_MESSAGE = f"nested more than {MAX_DEPTH} deep"
# The parts of TOML without keys: strings of four kinds, and comments. A string without an end ends
# with its line.
_STRINGS_AND_COMMENTS = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"""|\Z)'
    r"|'''.*?(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
# Lone surrogates, except those that Python uses for bytes of a file name.
_LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_LONG_KEY = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){16}")  # `MAX_KEY_PARTS` of them


class StructuredFileError(ValueError):
    """A file is no TOML or JSON, or holds a value that nobody can mean.

    The message leaves out the name of the file.
    """


def load_toml(path: str | Path, limit: int = MAX_TOML_BYTES) -> dict[str, Any]:
    """Load a TOML file of UTF-8, with or without a byte order mark.

    Args:
        path: of the file.
        limit: the most bytes that it may have.

    Raises:
        StructuredFileError: it is no TOML, or nested too deeply.
        OSError: it cannot be read, or is too large.
    """
    text = _decode(file_limits.read(path, limit)).replace("\r\n", "\n")
    keys_only = _STRINGS_AND_COMMENTS.sub("x", text)
    if _LONG_KEY.search(keys_only):
        raise StructuredFileError(f"a key of more than {MAX_KEY_PARTS} parts")
    if _bracket_depth(keys_only) > MAX_DEPTH:
        raise StructuredFileError(_TOO_DEEP_MESSAGE)
    # Code that knows the key decides whether a number may be infinite.
    return _parse(text, tomllib.loads, finite=False)  # type: ignore[no-any-return]


def load_json(path: str | Path, limit: int = MAX_JSON_BYTES, *, finite: bool = True) -> Any:
    """Load a JSON file of UTF-8, with or without a byte order mark.

    Args:
        path: of the file.
        limit: the most bytes that it may have.
        finite: whether to reject numbers that are not finite.

    Raises:
        StructuredFileError: it is no JSON, or nested too deeply.
        OSError: it cannot be read, or is too large.
    """
    return parse_json(file_limits.read(path, limit), finite=finite)


def parse_json(content: bytes | str, *, finite: bool = True) -> Any:
    """Return the value of a JSON text; see `load_json`.

    Raises:
        StructuredFileError: it is no JSON, or nested too deeply.
    """
    text = content if isinstance(content, str) else _decode(content)
    return _parse(text, _load_unique_keys, finite)


def load_json_lines(
    path: str | Path,
    limit: int = file_limits.MAX_TABLE_BYTES,
    *,
    drop_unfinished_line: bool = False,
) -> list[Any]:
    """Load a file with one JSON value per line.

    Args:
        path: of the file.
        limit: the most bytes that it may have.
        drop_unfinished_line: leave out text after the last line end, which may be half a line.

    Raises:
        StructuredFileError: a line is no JSON; the message names the line.
        OSError: it cannot be read, or is too large.
    """
    text = _decode(file_limits.read(path, limit))
    lines = (text.rpartition("\n")[0] if drop_unfinished_line else text).splitlines()
    values = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(parse_json(line))
        except StructuredFileError as error:
            raise StructuredFileError(f"line {number}: {error}") from error
    return values


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = content[error.start]
        raise StructuredFileError(f"not UTF-8: byte {error.start:,} is 0x{byte:02x}") from error


def _parse(text: str, parse: Callable[[str], Any], finite: bool = True) -> Any:
    """Return a parsed and checked value; all errors become a `StructuredFileError`."""
    try:
        value = parse(text)
    except RecursionError as error:
        raise StructuredFileError(_TOO_DEEP_MESSAGE) from error
    except StructuredFileError:
        raise
    except ValueError as error:  # also of a number with thousands of digits
        is_long_number = "integer string" in str(error)
        reason = "a number of too many digits" if is_long_number else str(error)
        raise StructuredFileError(reason) from error
    _check_values(value, finite)
    return value


def _load_unique_keys(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object_from_pairs)


def _object_from_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise StructuredFileError(f"the key {names.most_common(1)[0][0]!r} appears twice")
    return values


def _check_values(root: Any, finite: bool) -> None:
    """Check every value; a loop, since a call per level would exhaust Python's stack."""
    pending = [(root, 1)]  # values and their depths
    while pending:
        value, depth = pending.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise StructuredFileError(_TOO_DEEP_MESSAGE)
            children = [*value, *value.values()] if isinstance(value, dict) else value
            pending += [(child, depth + 1) for child in children]
        elif isinstance(value, str):
            _check_string(value)
        elif isinstance(value, float) and finite and not math.isfinite(value):
            raise StructuredFileError(f"{value} is no finite number")
        elif isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise StructuredFileError("a whole number of more than 64 bits")


def _check_string(text: str) -> None:
    """Check that a text has no half of a character; bytes of file names may stay."""
    if not text.isascii() and _LONE_SURROGATE.search(text):
        raise StructuredFileError("half of a character (a lone surrogate)")


def _bracket_depth(keys_only: str) -> int:
    """Return how deep brackets are nested, in TOML without strings and comments."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", keys_only):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
