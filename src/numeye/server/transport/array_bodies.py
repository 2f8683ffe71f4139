"""Parses pictures in JSON row by row, so that no step holds up the event loop for long.

The JSON module holds Python's lock until it has finished, and so does numpy with lists in lists:
four megabytes of `[0],[0],...` would stop the event loop for seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

INNERMOST_LIST = re.compile(r'\[[^\[\]{}"]*\]')  # a list without lists, objects and strings


@dataclass(frozen=True)
class JsonLimits:
    """Limits of JSON with pictures.

    Attributes:
        lists: Most lists, which are the rows of a picture, or the points of one in colours.
        strings: Most strings: one for each picture and each key.
        row_bytes: Most bytes of a row.
        depth: Most levels of lists in lists; a picture in colours has three.
    """

    lists: int = 100_000
    strings: int = 1_000
    row_bytes: int = 400_000
    depth: int = 8


LIMITS = JsonLimits()


class JsonError(Exception):
    """The body is not JSON with pictures, or parsing it would take too long."""


def parse(body: bytes) -> Any:
    """Parse JSON, with numpy arrays instead of the innermost lists of numbers.

    Raises:
        JsonError: The body has too many parts, or other parts than pictures have.
        ValueError, RecursionError: The body is not JSON.
    """
    text = body.decode("utf-8-sig")
    lists, quotes = text.count("["), text.count('"')
    if lists > LIMITS.lists or quotes > 2 * LIMITS.strings or text.count("{") > 1:
        raise JsonError(
            f"{lists:,} lists and {quotes // 2:,} strings; expected at most {LIMITS.lists:,} and"
            f" {LIMITS.strings:,}, in one object"
        )
    rows: list[Any] = []

    def extract_row(match: re.Match[str]) -> str:
        rows.append(_parse_row(match[0]))
        return " true "

    outline = INNERMOST_LIST.sub(extract_row, text)
    if outline.count(",") > LIMITS.lists + 2 * LIMITS.strings:
        raise JsonError("a list contains numbers and lists")
    remaining = iter(rows)
    document = _restore_rows(json.loads(outline), remaining, LIMITS.depth)
    if next(remaining, None) is not None:
        raise JsonError("a list where none is expected, or a key twice")
    return document


def _parse_row(row: str) -> Any:
    if len(row) > LIMITS.row_bytes:
        raise JsonError(f"a row of more than {LIMITS.row_bytes:,} bytes")
    numbers = json.loads(row)
    try:
        return np.array(numbers, np.float64) if numbers else []
    except OverflowError as error:
        raise JsonError(f"a number in an array is too large: {error}") from error


def _restore_rows(node: Any, rows: Iterator[Any], depth: int) -> Any:
    """Return a document with the rows back in their places, in order."""
    if node is True:
        return next(rows, True)
    if not depth:
        return node
    if isinstance(node, dict):
        return {key: _restore_rows(value, rows, depth - 1) for key, value in node.items()}
    if isinstance(node, list):
        return [_restore_rows(child, rows, depth - 1) for child in node]
    return node


def to_array(node: Any) -> np.ndarray:
    """Return an array of rows, or of rows of points.

    Raises:
        ValueError: The rows have different lengths.
        TypeError: Something is not a number.
    """
    if isinstance(node, np.ndarray):
        return node
    if not isinstance(node, list):
        raise TypeError(f"a {type(node).__name__} among numbers")
    if not node:
        return np.zeros(0)
    return np.stack([to_array(child) for child in node])
