"""Says in which cell of which ruled grid each character of a page is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.cells import FREE, Cells
from numeye.layout.tables.overflowing import pull_back
from numeye.layout.tables.ruled_grids import RuledGrid
from numeye.layout.tables.table_edges import extend_grid, split_grid
from numeye.layout.tables.table_layout import Span, TableLayout, lay_out

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Places = Int64[np.ndarray, " n"]

# A grid is a frame around text, not a table, if a larger share of its filled cells holds lines one
# below the other, whose levels differ by more heights of the text.
MAX_STACKED_CELLS, STACKED_LEVELS = 0.3, 1.2
# Share of the lines of lined paper that a column beside a margin must use to be one.
MIN_MARGIN_ROWS = 0.25
# Between a sign and the character, or the comb field, that it belongs to, in heights of the text.
MAX_SIGN_GAP = 1.0


@dataclass(frozen=True, eq=False)
class GridCells:
    """The cells of all ruled grids of a page.

    Attributes:
        cells: which characters are in one cell.
        table: which of the tables each character is in; `FREE` for none.
        row: of the table, of the first cell if it is merged.
        column: as `row`.
        tables: grids with several rows and columns that are no frames around text.
    """

    cells: Cells
    table: Places
    row: Places
    column: Places
    tables: tuple[TableLayout, ...]


def place_characters(
    grids: Sequence[RuledGrid],
    flat: Boxes,
    is_likely: Bool[np.ndarray, " n"],
    height: float,
    *,
    min_rows: int = 2,
    is_sign: Bool[np.ndarray, " n"] | None = None,
) -> GridCells:
    """Place the characters of a page in the cells of its ruled grids.

    Args:
        grids: as they are ruled.
        flat: boxes of the characters on the straightened page.
        is_likely: whether each is a character; others are placed, but show no cells.
        height: of the text.
        min_rows: rows, and columns, that a table has.
        is_sign: small signs, which are in the cell of the nearest other character; None for none.
    """
    sure = flat[is_likely]
    is_free = _innermost(grids, sure) == FREE
    split = [grid if grid.is_comb else split_grid(grid, sure, height) for grid in grids]
    is_table = [
        _is_table(whole, sure, height, min_rows) and not (min_rows > 1 and _has_margin(grid, sure))
        for grid, whole in zip(grids, split, strict=True)
    ]
    completed = [
        extend_grid(whole, sure, is_free, height) if table else grid
        for grid, whole, table in zip(grids, split, is_table, strict=True)
    ]
    places = _Places.empty(len(flat))
    member = _innermost(completed, flat)
    sure_member = member[is_likely]
    tables: list[TableLayout] = []
    for index, grid in enumerate(completed):
        merged = grid.merged_cells(sure[sure_member == index])
        places.fill(np.flatnonzero(member == index), grid, merged, flat, height)
        if is_table[index]:
            places.table[member == index] = len(tables)
            tables.append(lay_out(grid, _spans(merged)))
    _join_combs([grid for grid in completed if grid.is_comb], flat, places, height)
    if is_sign is not None:
        places.move_signs(flat, is_sign, height)
    cells = Cells(places.cell, places.is_comb)
    return GridCells(cells, places.table, places.row, places.column, tuple(tables))


@dataclass(eq=False)
class _Places:
    """The cell of each character, as it is filled in grid by grid."""

    cell: Places
    is_comb: Bool[np.ndarray, " n"]
    table: Places
    row: Places
    column: Places
    used: int = 0  # cells so far

    @classmethod
    def empty(cls, count: int) -> _Places:
        cell, table, row, column = (np.full(count, FREE) for _ in range(4))
        return cls(cell, np.zeros(count, bool), table, row, column)

    def fill(
        self,
        inside: Int64[np.ndarray, " m"],
        grid: RuledGrid,
        merged: Int64[np.ndarray, "rows columns"],
        flat: Boxes,
        height: float,
    ) -> None:
        row, column = grid.locate(flat[inside])
        if not grid.is_comb:
            column = pull_back(grid, flat[inside], column, height)
        first = merged[row, column]
        self.cell[inside] = self.used + (0 if grid.is_comb else first)
        self.is_comb[inside] = grid.is_comb
        self.row[inside], self.column[inside] = np.divmod(first, grid.shape[1])
        self.used += merged.size

    def move_signs(self, flat: Boxes, is_sign: Bool[np.ndarray, " n"], height: float) -> None:
        """Put each sign into the cell of the nearest character: a comma hangs over the line."""
        bodies = np.flatnonzero(~is_sign)
        for sign in np.flatnonzero(is_sign).tolist() if len(bodies) else ():
            lower = np.maximum(flat[bodies, :2], flat[sign, :2])
            upper = np.minimum(flat[bodies, 2:], flat[sign, 2:])
            distances = np.clip(lower - upper, 0, None).sum(axis=1)
            nearest = bodies[distances.argmin()]
            if distances.min() < MAX_SIGN_GAP * height:
                for values in (self.cell, self.is_comb, self.table, self.row, self.column):
                    values[sign] = values[nearest]


def _join_combs(combs: Sequence[RuledGrid], flat: Boxes, places: _Places, height: float) -> None:
    """Join two comb fields with a single character between them, such as the slash of a date."""
    reach = MAX_SIGN_GAP * height
    centres = (flat[:, :2] + flat[:, 2:]) / 2
    for one in sorted(combs, key=lambda comb: comb.bounds[0]):
        _, top, end, bottom = one.bounds
        for other in combs:
            begin = other.bounds[0]
            is_beside = min(bottom, other.bounds[3]) - max(top, other.bounds[1]) > height / 2
            if not is_beside or not end < begin < end + 2 * reach:
                continue
            is_between = (centres[:, 0] > end) & (centres[:, 0] < begin)
            is_between &= (centres[:, 1] > top - height / 2) & (centres[:, 1] < bottom + height / 2)
            inside = [comb.locate(flat)[0] >= 0 for comb in (one, other)]
            if is_between.sum() == 1 and inside[0].any() and inside[1].any():
                joined = inside[1] | is_between
                places.cell[joined] = places.cell[inside[0]][0]
                places.is_comb[joined] = True


def _innermost(grids: Sequence[RuledGrid], flat: Boxes) -> Places:
    """Return the index of the smallest grid that each character is in; `FREE` for none."""
    member = np.full(len(flat), FREE)
    for index in sorted(range(len(grids)), key=lambda index: -grids[index].area):
        row, _ = grids[index].locate(flat)
        member[row >= 0] = index
    return member


def _is_table(grid: RuledGrid, flat: Boxes, height: float, min_rows: int) -> bool:
    rows, columns = grid.shape
    if grid.is_comb or rows < min_rows or columns < min_rows:
        return False
    row, column = grid.locate(flat)
    cell = (row * columns + column)[row >= 0]
    if not len(cell):
        return False
    levels = (flat[row >= 0, 1] + flat[row >= 0, 3]) / 2
    stacked = [np.ptp(levels[cell == index]) > STACKED_LEVELS * height for index in np.unique(cell)]
    return float(np.mean(stacked)) <= MAX_STACKED_CELLS


def _has_margin(grid: RuledGrid, flat: Boxes) -> bool:
    """Tell whether the only line down is that of a margin: hardly anything is beside it."""
    if grid.shape[1] != 2:
        return False
    row, column = grid.locate(flat)
    filled = [len(np.unique(row[column == side])) for side in (0, 1)]
    return min(filled) < MIN_MARGIN_ROWS * max(filled)


def _spans(merged: Int64[np.ndarray, "rows columns"]) -> tuple[Span, ...]:
    """Return row, column, height and width of each merged cell."""
    first, counts = np.unique(merged, return_counts=True)
    spans = []
    for index in first[counts > 1].tolist():
        row, column = np.nonzero(merged == index)
        size = int(np.ptp(row)) + 1, int(np.ptp(column)) + 1
        spans.append((int(row.min()), int(column.min()), *size))
    return tuple(spans)
