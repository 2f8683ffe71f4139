"""Finds tables without lines: rows whose numbers stand below each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.reading_order import Row
from numeye.layout.tables.columns import assign_columns
from numeye.layout.tables.table_layout import TableLayout

if TYPE_CHECKING:
    from jaxtyping import Float64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class AlignedTableLimits:
    """What is a table without lines.

    Attributes:
        min_rows: rows that a table has.
        min_columns: columns that it has.
        max_pitch: between two of its rows, in typical distances of its rows.
        min_fill: share of its cells that hold a number, where a table is expected.
        tolerance: by which numbers are widened, to see what they stand below, in heights of the
            text,
        gap_share: and of the narrowest gap between two numbers of a row.
    """

    min_rows: int = 3
    min_columns: int = 2
    max_pitch: float = 2.5
    min_fill: float = 0.5
    tolerance: float = 0.25
    gap_share: float = 0.3


LIMITS = AlignedTableLimits()


@dataclass(frozen=True)
class AlignedTable:
    """A table without lines.

    Attributes:
        first: index of its first row among the rows of the page.
        columns: the column of each number, row by row.
        layout: where it is.
    """

    first: int
    columns: tuple[tuple[int, ...], ...]
    layout: TableLayout


def find_aligned_tables(
    boxes: Boxes, rows: list[Row], *, may_be_incomplete: bool
) -> list[AlignedTable]:
    """Find tables without lines among the rows of a page.

    Args:
        boxes: left, top, right and bottom of each character in pixels.
        rows: of numbers, from top to bottom.
        may_be_incomplete: whether cells may be empty.
    """
    numbers = [np.array([_around(boxes, number) for number in row]).reshape(-1, 4) for row in rows]
    tables = []
    for first, last in _blocks(numbers):
        table = _table(first, numbers[first:last], may_be_incomplete=may_be_incomplete)
        if table is not None:
            tables.append(table)
    return tables


def _around(boxes: Boxes, number: list[int]) -> Float64[np.ndarray, " 4"]:
    around: np.ndarray = np.append(boxes[number, :2].min(axis=0), boxes[number, 2:].max(axis=0))
    return around


def _blocks(rows: list[Boxes]) -> Iterator[tuple[int, int]]:
    """Yield first and last (exclusive) index of rows of several numbers at even distances."""
    levels = [float((row[:, 1] + row[:, 3]).mean()) / 2 for row in rows]
    first = 0
    while first < len(rows):
        last = first + 1
        while last < len(rows) and len(rows[first]) > 1 and len(rows[last]) > 1:
            pitch = float(np.median(np.diff(levels[first : last + 1])))
            if levels[last] - levels[last - 1] > LIMITS.max_pitch * pitch:
                break
            last += 1
        if last - first >= LIMITS.min_rows:
            yield first, last
        first = last


def _table(first: int, rows: list[Boxes], *, may_be_incomplete: bool) -> AlignedTable | None:
    """Return the table that rows make; None if they make none."""
    boxes = np.concatenate(rows)
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    gap = min(float((row[1:, 0] - row[:-1, 2]).min()) for row in rows)
    margin = max(LIMITS.tolerance * height, LIMITS.gap_share * gap)
    wider = np.add(boxes, [-margin, 0, margin, 0])
    columns = assign_columns(wider, [index for index, row in enumerate(rows) for _ in row])
    if columns is None or None in columns:
        return None
    placed = [column for column in columns if column is not None]
    count = max(placed) + 1
    fill = len(placed) / (count * len(rows))
    if count < LIMITS.min_columns or fill < (LIMITS.min_fill if may_be_incomplete else 1.0):
        return None
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    box = round(left), round(top), round(right - left), round(bottom - top)
    ends = np.cumsum([len(row) for row in rows]).tolist()
    per_row = tuple(
        tuple(placed[end - len(row) : end]) for row, end in zip(rows, ends, strict=True)
    )
    return AlignedTable(first, per_row, TableLayout(box=box, shape=(len(rows), count)))
