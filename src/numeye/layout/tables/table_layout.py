"""Where a table is on a page, and where its cells are."""

from __future__ import annotations

from dataclasses import dataclass, field

from numeye.layout.tables.ruled_grids import RuledGrid
from numeye.results import Box

Span = tuple[int, int, int, int]  # row, column, height, width of a merged cell, in cells


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """A table on a page.

    Attributes:
        box: x, y, width, height in pixels of the page.
        shape: number of rows and of columns.
        spans: the merged cells.
        cell_boxes: the box of each cell by row and column, of a merged one by its first row and
            column; empty for a table without lines.
    """

    box: Box
    shape: tuple[int, int]
    spans: tuple[Span, ...] = ()
    cell_boxes: dict[tuple[int, int], Box] = field(default_factory=dict)


def lay_out(grid: RuledGrid, spans: tuple[Span, ...]) -> TableLayout:
    """Return the layout of a grid with its merged cells."""
    rows, columns = grid.shape
    covered = {
        (row + down, column + across)
        for row, column, height, width in spans
        for down in range(height)
        for across in range(width)
    }
    boxes = {
        (row, column): grid.box(row, column)
        for row in range(rows)
        for column in range(columns)
        if (row, column) not in covered
    }
    boxes |= {(row, column): grid.box(row, column, *size) for row, column, *size in spans}
    return TableLayout(
        box=grid.box(0, 0, rows, columns), shape=grid.shape, spans=spans, cell_boxes=boxes
    )
