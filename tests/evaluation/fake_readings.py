"""Readings of pages, made from the texts of their numbers, and a reader that returns them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from numeye import Reader
from numeye.models import registry
from numeye.models.characters import CHARACTERS
from numeye.results import Character, Number, Reading, Table, Unreadable

PICTURE = np.full((28, 28), 255, np.uint8)
SIDE_PX = 10


def number(text: str, *, row: int = 0, confidence: float = 0.9, **values: Any) -> Number:
    """A number as written; `_` is a space within it, and a text in `[]` is struck out."""
    written = text.strip("[]").replace("_", "")
    spaces = tuple(place for place, sign in enumerate(text) if sign == "_")
    characters = tuple(
        Character(
            text=sign,
            confidence=confidence,
            box=(SIDE_PX * place, 20 * row, SIDE_PX, SIDE_PX),
            probabilities=(1 / len(CHARACTERS),) * len(CHARACTERS),
        )
        for place, sign in enumerate(written)
    )
    return Number(
        characters=characters,
        confidence=confidence,
        row=row,
        spaces=spaces,
        struck_out=text.startswith("["),
        **values,
    )


def page(*rows: str, rejected: str = "", tables: Sequence[Sequence[str]] = ()) -> Reading:
    """A page with rows of numbers, of which some are rejected, and tables behind them.

    A table is rows of cells, with spaces between them; `.` is an empty cell.
    """
    numbers = [
        number(text, row=row, rejected="unsure" if text in rejected.split() else None)
        for row, texts in enumerate(rows)
        for text in texts.split()
    ]
    for place, table in enumerate(tables):
        numbers += [
            number(text, row=row, column=column, table=place)
            for row, texts in enumerate(table)
            for column, text in enumerate(texts.split())
            if text != "."
        ]
    return Reading(
        image="a.png",
        digits=tuple(digit for each in numbers for digit in each.digits),
        numbers=tuple(numbers),
        rejected=None if numbers else "blank",
        tables=tuple(
            Table(
                box=(0, 1000 * (place + 1), 90, 90),
                rows=tuple(tuple(row.replace(".", "").split(" ")) for row in table),
            )
            for place, table in enumerate(tables)
        ),
        picture=PICTURE,
    )


class FakeReader(Reader):
    """Returns these readings, whatever the pictures are; it loads no network."""

    def __init__(self, *readings: Reading | Unreadable) -> None:
        self.model, self.detector = registry.load("recognizer"), registry.load("detector")
        self.line_model = None
        self.readings = readings

    def read_each(self, pictures: Any, **_: Any) -> Iterator[Reading | Unreadable]:
        yield from self.readings[: len(list(pictures))]
