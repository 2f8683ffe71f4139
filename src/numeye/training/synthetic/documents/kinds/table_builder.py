"""Builds tables from columns: what each holds, how wide it is and who writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from numeye.training.synthetic.documents.annotations import ANNOTATIONS
from numeye.training.synthetic.documents.kinds.tables import Cell, Table, spread
from numeye.training.synthetic.documents.writers import Align, Writer

if TYPE_CHECKING:
    import numpy as np

    from numeye.training.synthetic.documents.kinds.table_lines import LineStyle

ABSENT_SHARE = 0.12  # share of the tables with a row whose last cells are one
SAMPLES = 8  # texts that tell how wide a column must be

CellText = Callable[["np.random.Generator"], str]


def room_for(text: CellText, height: float, rng: np.random.Generator) -> float:
    """Return a width in which such texts have room, with digits `height` pixels high."""
    longest = max(len(text(rng)) for _ in range(SAMPLES))
    return height * (0.72 * longest + rng.uniform(0.9, 2.0))


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        head: text in the header row.
        text: writes the text of a cell.
        width: pixels.
        writer: who writes it.
        height: height of its digits, pixels.
        align: where texts are from left to right.
        empty: share of the cells that stay empty.
        changed: share of the cells in which a number was struck out and replaced.
        annotated: share of the cells with something drawn round the number.
    """

    head: str
    text: CellText
    width: float
    writer: Writer
    height: float
    align: Align = "middle"
    empty: float = 0.0
    changed: float = 0.0
    annotated: float = 0.0

    def sample_cell(self, rng: np.random.Generator) -> Cell:
        """Return a cell of the column."""
        text = "" if rng.random() < self.empty else self.text(rng)
        changes, annotates = rng.random(2) < (self.changed, self.annotated)
        kind = str(rng.choice(ANNOTATIONS)) if annotates and not changes else ""
        return Cell(
            text=text,
            writer=self.writer,
            height=self.height,
            align=self.align,
            struck_out=self.text(rng) if changes and text else "",
            annotation=kind,
        )


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """A table by its columns.

    Attributes:
        columns: from left to right.
        row_height: pixels.
        row_count: rows below the header.
        lines: how its lines are drawn.
        header: who writes the header row; None for a table without one.
        header_height: height of the digits in the header, pixels.
        merged_header: first and end of columns below one common head, and that head.
        header_line: the line under the header is so many times as wide as others.
    """

    columns: Sequence[Column]
    row_height: float
    row_count: int
    lines: LineStyle
    header: Writer | None = None
    header_height: float = 14.0
    merged_header: tuple[int, int, str] | None = None
    header_line: float = 1.0

    @property
    def width(self) -> float:
        """Width of the table, pixels."""
        return sum(column.width for column in self.columns)

    def build(self, left: float, top: float, rng: np.random.Generator) -> Table:
        """Return the table with its upper left corner here."""
        rows = [[column.sample_cell(rng) for column in self.columns] for _ in range(self.row_count)]
        if rng.random() < ABSENT_SHARE and len(self.columns) > 3:
            self._merge_row(rows[int(rng.integers(len(rows)))], rng)
        if self.header is not None:
            rows.insert(0, self._make_header(self.header))
            if self.merged_header is not None:
                rows.insert(0, self._make_common_header(self.header, self.merged_header))
        heights = [self.row_height * rng.uniform(0.97, 1.03) for _ in rows]
        return Table(
            columns=spread(left, [column.width for column in self.columns]),
            rows=spread(top, heights),
            cells=rows,
            lines=self.lines,
            header_line=self.header_line,
        )

    def _merge_row(self, cells: list[Cell], rng: np.random.Generator) -> None:
        """Make the cells of a row from some column on one cell, with a word or a number."""
        first = int(rng.integers(1, len(cells) - 1))
        text = str(rng.choice(("absent", "ill", "see above", "0", "withdrawn", "moved to 12")))
        merged = replace(cells[first], text=text, struck_out="", annotation="", align="middle")
        cells[first] = replace(merged, columns=len(cells) - first)
        cells[first + 1 :] = [replace(cell, text="") for cell in cells[first + 1 :]]

    def _make_header(self, writer: Writer) -> list[Cell]:
        return [
            Cell(text=column.head, writer=writer, height=self.header_height)
            for column in self.columns
        ]

    def _make_common_header(self, writer: Writer, merged: tuple[int, int, str]) -> list[Cell]:
        first, end, head = merged
        cells = [Cell(text="", writer=writer, height=self.header_height) for _ in self.columns]
        cells[first] = replace(cells[first], text=head, columns=end - first)
        return cells
