"""Builds the tables of a reading from the numbers in their cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Final

import numpy as np

from numeye.layout.page_layout import PageLayout
from numeye.layout.tables.table_layout import TableLayout
from numeye.models.characters import CHARACTERS, OTHER
from numeye.recognition.cell_ink import find_written_cells
from numeye.results import REJECTED_NUMBER, Box, Character, Number, Table

if TYPE_CHECKING:
    from jaxtyping import UInt8

    Picture = UInt8[np.ndarray, "height width"]

TEXT: Final = "text"  # the kind of what is written in a cell and is no number


def add_text_cells(grey: Picture, layout: PageLayout, numbers: Sequence[Number]) -> list[Number]:
    """Return the numbers, and one of the kind `text` for each cell that holds only other writing.

    Args:
        grey: (height, width) uint8, the page.
        layout: where its tables are.
        numbers: that were read, those of a table one after the other.
    """
    added: list[Number] = []
    for index, group in groupby(numbers, key=lambda number: number.table):
        part = list(group)
        if index is not None:
            part += _text_cells(grey, layout.tables[index], index, part)
            part.sort(key=lambda number: (number.row, number.column))
        added += part
    return added


def build_tables(layouts: Sequence[TableLayout], numbers: Sequence[Number]) -> tuple[Table, ...]:
    """Return the tables with the texts of their cells.

    Args:
        layouts: where the tables are.
        numbers: all numbers of the page with their tables, rows and columns; also text cells.
    """
    return tuple(_table(layout, numbers, index) for index, layout in enumerate(layouts))


def _table(layout: TableLayout, numbers: Sequence[Number], index: int) -> Table:
    rows, columns = layout.shape
    texts = [[list[str]() for _ in range(columns)] for _ in range(rows)]
    has_text = [False] * rows
    for number in numbers:
        if number.table != index or number.column is None or number.struck_out:
            continue
        if number.kind == TEXT:
            has_text[number.row] = True
        else:
            texts[number.row][number.column].append(number.text or REJECTED_NUMBER)
    headings = takewhile(lambda row: has_text[row] and not any(texts[row]), range(rows))
    header_rows = len(list(headings))
    return Table(
        box=layout.box,
        rows=tuple(tuple(" ".join(cell) for cell in row) for row in texts),
        header_rows=header_rows if header_rows < rows else 0,
        spans=layout.spans,
    )


def _text_cells(
    grey: Picture, layout: TableLayout, index: int, numbers: Sequence[Number]
) -> list[Number]:
    filled = {(number.row, number.column) for number in numbers}
    empty = {cell: box for cell, box in layout.cell_boxes.items() if cell not in filled}
    written = find_written_cells(grey, empty, [number.box for number in numbers])
    return [_text(box, index, cell) for cell, box in written.items()]


def _text(box: Box, table: int, cell: tuple[int, int]) -> Number:
    """Return what is written in a cell: one unknown character."""
    probabilities = tuple(float(character == OTHER) for character in CHARACTERS)
    character = Character(text=OTHER, confidence=1.0, box=box, probabilities=probabilities)
    return Number(
        characters=(character,),
        confidence=1.0,
        kind=TEXT,
        row=cell[0],
        column=cell[1],
        table=table,
    )
