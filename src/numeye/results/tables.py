"""Tables on a page: the texts of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numeye.results.characters import Box

Span = tuple[int, int, int, int]  # row, column, height, width: a cell that covers several


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table on a page.

    Attributes:
        box: x, y, width, height in pixels of the picture as stored.
        rows: the texts of the cells, row by row, all of the same length: "" for an empty cell, "?"
            for a rejected number. The text of a merged cell is in its first cell.
        header_rows: how many rows at the top are headings.
        spans: row, column, height and width of each merged cell, in cells.
    """

    box: Box
    rows: tuple[tuple[str, ...], ...]
    header_rows: int = 0
    spans: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON stores it."""
        return {
            "box": list(self.box),
            "rows": [list(row) for row in self.rows],
            "header_rows": self.header_rows,
            "spans": [list(span) for span in self.spans],
        }
