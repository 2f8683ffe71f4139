"""The rows, columns and merged cells between the ruled lines of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.tables.line_pieces import RuledLine
from numeye.layout.tables.page_frame import PageFrame

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Places = Int64[np.ndarray, " n"]

    from numeye.results import Box

Interval = tuple[float, float]


# Share of a side of a cell that must be ruled, or the cell is merged with the next one.
MIN_EDGE_COVER = 0.4


@dataclass(frozen=True, eq=False)
class Edge:
    """A border between two rows or two columns, on the straightened page.

    Attributes:
        line: where it is.
        ruled: the stretches where it is ruled; None for an edge that is known from characters, and
            separates everywhere.
    """

    line: RuledLine
    ruled: tuple[Interval, ...] | None = None

    @classmethod
    def straight(cls, level: float) -> Edge:
        """Return an edge that is not ruled."""
        return cls(RuledLine(np.array([0.0]), np.array([level])))

    @cached_property
    def level(self) -> float:
        """Where the edge is on average."""
        return float(self.line.across.mean())

    def cover(self, start: float, stop: float) -> float:
        """Return the share of a stretch in which the edge is ruled, 0 to 1."""
        if self.ruled is None:
            return 1.0
        parts = (min(stop, end) - max(start, begin) for begin, end in self.ruled)
        return min(1.0, sum(max(0.0, part) for part in parts) / max(stop - start, 1e-9))


@dataclass(frozen=True, eq=False)
class RuledGrid:
    """Rows and columns between edges.

    Attributes:
        frame: of the page.
        row_edges: from top to bottom, one more than there are rows.
        column_edges: from left to right, one more than there are columns.
        is_comb: whether the cells of its only row hold the characters of one number.
    """

    frame: PageFrame
    row_edges: tuple[Edge, ...]
    column_edges: tuple[Edge, ...]
    is_comb: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.row_edges) - 1, len(self.column_edges) - 1

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom on the straightened page."""
        rows, columns = self.row_edges, self.column_edges
        return columns[0].level, rows[0].level, columns[-1].level, rows[-1].level

    @property
    def area(self) -> float:
        """Area on the straightened page in square pixels."""
        left, top, right, bottom = self.bounds
        return (right - left) * (bottom - top)

    def locate(self, flat: Boxes) -> tuple[Places, Places]:
        """Return row and column of boxes on the straightened page; -1 for both outside."""
        x, y = ((flat[:, :2] + flat[:, 2:]) / 2).T
        row = count_passed(self.row_edges, x, y)
        column = count_passed(self.column_edges, y, x)
        rows, columns = self.shape
        is_inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        return np.where(is_inside, row, -1), np.where(is_inside, column, -1)

    def box(self, row: int, column: int, height: int = 1, width: int = 1) -> Box:
        """Return the box of a cell, or of several, in pixels of the page: x, y, width, height."""
        corners = self._corners[row : row + height + 1, column : column + width + 1].reshape(-1, 2)
        left, top = (max(0, round(side)) for side in corners.min(axis=0).tolist())
        right, bottom = (round(side) for side in corners.max(axis=0).tolist())
        return left, top, max(1, right - left), max(1, bottom - top)

    @cached_property
    def _corners(self) -> Float64[np.ndarray, "down across 2"]:
        """Return where the corners of the cells are on the page."""
        x = [edge.level for edge in self.column_edges]
        y = [edge.level for edge in self.row_edges]
        points = np.stack(np.meshgrid(x, y), axis=-1)
        return self.frame.restore(points.reshape(-1, 2)).reshape(points.shape)

    def merged_cells(self, flat: Boxes) -> Int64[np.ndarray, "rows columns"]:
        """Return for each cell which one it is part of: the index of its first cell, row by row.

        Cells are merged where no line is between them, if no characters on both sides show that
        there is one, and if together they are a rectangle.

        Args:
            flat: boxes of the characters on the straightened page.
        """
        rows, columns = self.shape
        row, column = self.locate(flat)
        filled = np.zeros((rows, columns), bool)
        filled[row[row >= 0], column[row >= 0]] = True
        open_pairs = [
            ((r, c), other)
            for r, c in np.ndindex(rows, columns)
            for other in ((r, c + 1), (r + 1, c))
            if other[0] < rows and other[1] < columns and self._is_open((r, c), other)
            if not (filled[r, c] and filled[other])
        ]
        cell = np.arange(rows * columns).reshape(rows, columns)
        changed = True
        while changed:  # two merged cells may make a rectangle with two others
            changed = False
            for one, other in open_pairs:
                changed |= _unite(cell, one, other)
        return cell

    def _is_open(self, cell: tuple[int, int], other: tuple[int, int]) -> bool:
        """Tell whether hardly any line is between two neighbours."""
        (row, column), (next_row, next_column) = cell, other
        sides = [self.row_edges[row : row + 2], self.column_edges[column : column + 2]]
        if any(edge.ruled is None for side in sides for edge in side):
            return False  # characters show this row or column
        if next_row == row:
            edge = self.column_edges[next_column]
            start, stop = self.row_edges[row].level, self.row_edges[row + 1].level
        else:
            edge = self.row_edges[next_row]
            start, stop = self.column_edges[column].level, self.column_edges[column + 1].level
        return edge.cover(start, stop) < MIN_EDGE_COVER


def count_passed(
    edges: Sequence[Edge], along: Float64[np.ndarray, " n"], across: Float64[np.ndarray, " n"]
) -> Places:
    """Return between which edges each point is, from 0; -1 before the first one."""
    passed = [across >= np.interp(along, edge.line.along, edge.line.across) for edge in edges]
    counts: np.ndarray = np.sum(passed, axis=0) - 1
    return counts


def _unite(
    cell: Int64[np.ndarray, "rows columns"], one: tuple[int, int], other: tuple[int, int]
) -> bool:
    """Merge two cells in place, if together they are a rectangle; tell whether it was done."""
    if cell[one] == cell[other]:
        return False
    both = (cell == cell[one]) | (cell == cell[other])
    row, column = np.nonzero(both)
    is_rectangle = bool((np.ptp(row) + 1) * (np.ptp(column) + 1) == both.sum())
    if is_rectangle:
        cell[both] = min(cell[one], cell[other])
    return is_rectangle
