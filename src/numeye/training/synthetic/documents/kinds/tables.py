"""Tables: cells with texts by one or several writers, and the lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from numeye.training.synthetic.documents.annotations import annotate, strike_out
from numeye.training.synthetic.documents.hands import Hand
from numeye.training.synthetic.documents.kinds.table_lines import LineStyle, draw_table_lines
from numeye.training.synthetic.documents.page import Box, Page, Written
from numeye.training.synthetic.documents.writers import Align, Writer, write_in_box
from numeye.training.synthetic.documents.written_text import numbers_of


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what stands in it; empty for nothing.
        writer: who writes it.
        height: height of its digits, pixels.
        align: where the text is from left to right.
        struck_out: a number that was written first and struck out.
        annotation: what is drawn round the text (`annotations.ANNOTATIONS`), or nothing.
        columns: how many columns it covers. The cells that it covers are empty.
    """

    text: str
    writer: Writer
    height: float
    align: Align = "middle"
    struck_out: str = ""
    annotation: str = ""
    columns: int = 1


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table before it is drawn.

    Attributes:
        columns: x of the c + 1 edges of its columns, pixels.
        rows: y of the r + 1 edges of its rows, pixels.
        cells: r rows of c cells.
        lines: how its lines are drawn.
        header_line: the line under the first row is so many times as wide as others.
    """

    columns: Sequence[float]
    rows: Sequence[float]
    cells: Sequence[Sequence[Cell]]
    lines: LineStyle
    header_line: float = 1.0

    @property
    def bottom(self) -> float:
        """Lower edge of the table."""
        return self.rows[-1]

    def draw(self, page: Page, rng: np.random.Generator) -> None:
        """Draw the table, and note its numbers and its cells."""
        merged = {
            (row, column + covered)
            for row, cells in enumerate(self.cells)
            for column, cell in enumerate(cells)
            for covered in range(1, cell.columns)
        }
        draw_table_lines(
            page,
            self.columns,
            self.rows,
            self.lines,
            rng,
            merged=frozenset(merged),
            header_line=self.header_line,
        )
        for (top, bottom), cells in zip(pairwise(self.rows), self.cells, strict=True):
            page.start_row()
            for column, cell in enumerate(cells):
                box = self.columns[column], top, self.columns[column + cell.columns], bottom
                write_cell(page, cell, box, rng)
        page.start_row()
        page.add_table([[cell.text for cell in cells] for cells in self.cells])


def write_cell(page: Page, cell: Cell, box: Box, rng: np.random.Generator) -> Written | None:
    """Write a cell's text, with what was struck out before it; None where it is empty."""
    if not cell.text:
        return None
    if cell.struck_out and isinstance(cell.writer, Hand):
        box = _write_struck_out(page, cell.struck_out, cell.writer, cell.height, box, rng)
    written = write_in_box(page, cell.writer, cell.text, box, cell.height, rng, align=cell.align)
    if cell.annotation and isinstance(cell.writer, Hand):
        annotate(page, written, cell.annotation, cell.writer, rng)
    return written


def _write_struck_out(
    page: Page, text: str, hand: Hand, height: float, box: Box, rng: np.random.Generator
) -> Box:
    """Write a number, strike it out, and return the room for what replaces it."""
    left, top, right, bottom = box
    middle = left + (right - left) * 0.5
    written = write_in_box(
        page, hand, text, (left, top, middle, bottom), height, rng, align="left", counts=False
    )
    strike_out(page, written, hand, rng)
    page.struck_out += numbers_of(text)
    return max(middle, written.box[2] + 0.4 * height), top, right, bottom


def spread(start: float, widths: Sequence[float]) -> list[float]:
    """Return the edges of columns or rows of these widths."""
    return [start, *(start + np.cumsum(widths)).tolist()]
