"""Adds to a ruled grid the rows and columns that are not ruled.

Inside a cell there may be several lines of text or columns of numbers, if only every few rows are
ruled. Beyond the outer lines there may be headings, totals and row labels that stand in line with
the cells. Characters show where these are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.tables.ruled_grids import Edge, RuledGrid, count_passed

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels

TRANSPOSED = [1, 0, 3, 2]  # of left, top, right, bottom

Edges = tuple[Edge, ...]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class TableEdgeLimits:
    """When characters show a further row or column. Lengths are in heights of the text.

    Attributes:
        min_split_height: of a ruled row that may hold several lines of text.
        min_column_gap: between two columns that no line separates.
        min_rows: that have a gap there.
        min_places: columns that a table must have for further rows, or rows for further columns.
        min_share: of the rows or columns that must have characters in a new column or row.
        reach: beyond the outer line, in typical rows or columns,
        min_reach: and at least,
        max_reach: and at most.
        column_gap: between characters of two different columns beyond the outer line.
        row_gap: between two lines of text beyond it.
        word_gap: between two words.
        margin: between the characters and the edge that they show.
        total_reach: of a single total below the last row, in typical rows.
        max_outside: characters in line with a new row, but beside the table, for each in it.
    """

    min_split_height: float = 1.8
    min_column_gap: float = 1.0
    min_rows: int = 2
    min_places: int = 3
    min_share: float = 0.5
    reach: float = 1.4
    min_reach: float = 2.0
    max_reach: float = 6.0
    column_gap: float = 1.0
    row_gap: float = 0.2
    word_gap: float = 0.6
    margin: float = 0.3
    total_reach: float = 1.0
    max_outside: float = 0.5


LIMITS = TableEdgeLimits()


def split_grid(grid: RuledGrid, flat: Boxes, height: float) -> RuledGrid:
    """Return a grid with the rows and columns that only characters within the lines show.

    Args:
        grid: as it is ruled.
        flat: boxes of the characters on the straightened page.
        height: of the text.
    """
    return _split_columns(_split_rows(grid, flat, height), flat, height)


def extend_grid(
    grid: RuledGrid, flat: Boxes, is_free: Bool[np.ndarray, " n"], height: float
) -> RuledGrid:
    """Return a grid with the rows and columns that characters beyond its outer lines show.

    Args:
        grid: rows and columns within the lines.
        flat: boxes of the characters on the straightened page.
        is_free: whether each character is in no grid.
        height: of the text.
    """
    turned = flat[:, TRANSPOSED]
    rows, columns = grid.row_edges, grid.column_edges
    for side in (-1, 1):
        rows = _extend(rows, columns, flat, is_free, height, side, LIMITS.row_gap, LIMITS.word_gap)
    rows = _add_total(rows, columns, flat, is_free, height)
    for side in (-1, 1):
        columns = _extend(columns, rows, turned, is_free, height, side, LIMITS.column_gap, 0.0)
    return replace(grid, row_edges=rows, column_edges=columns)


# --- within the lines


def _split_rows(grid: RuledGrid, flat: Boxes, height: float) -> RuledGrid:
    """Split ruled rows where most columns hold several lines of text."""
    row, column = grid.locate(flat)
    edges: list[Edge] = [grid.row_edges[0]]
    for index, edge in enumerate(grid.row_edges[1:]):
        if edge.level - edges[-1].level > LIMITS.min_split_height * height:
            inside = row == index
            levels = _text_gaps(flat[inside], column[inside])
            edges += [Edge.straight(level) for level in levels]
        edges.append(edge)
    return replace(grid, row_edges=tuple(edges))


def _text_gaps(flat: Boxes, column: Int64[np.ndarray, " n"]) -> list[float]:
    """Return the levels between the lines of text that most columns have."""
    gaps = _gaps(flat[:, [1, 3]], 0.0)
    if not gaps:
        return []
    levels = [(low + high) / 2 for low, high in gaps]
    line = np.searchsorted(levels, (flat[:, 1] + flat[:, 3]) / 2)
    lines_of = {int(place): set(line[column == place].tolist()) for place in np.unique(column)}
    several = sum(len(lines) > 1 for lines in lines_of.values())
    enough = several >= max(2, LIMITS.min_share * len(lines_of))
    return levels if enough else []


def _split_columns(grid: RuledGrid, flat: Boxes, height: float) -> RuledGrid:
    """Split ruled columns where most rows have a gap at one place."""
    row, column = grid.locate(flat)
    edges: list[Edge] = [grid.column_edges[0]]
    for index, edge in enumerate(grid.column_edges[1:]):
        inside = column == index
        edges += [Edge.straight(level) for level in _column_gaps(flat[inside], row[inside], height)]
        edges.append(edge)
    return replace(grid, column_edges=tuple(edges))


def _column_gaps(flat: Boxes, row: Int64[np.ndarray, " n"], height: float) -> list[float]:
    levels = []
    rows = np.unique(row).tolist()
    for low, high in _gaps(flat[:, [0, 2]], LIMITS.min_column_gap * height):
        middle = (low + high) / 2
        centre = (flat[:, 0] + flat[:, 2]) / 2
        both = [
            bool((centre[row == place] < middle).any() and (centre[row == place] > middle).any())
            for place in rows
        ]
        if sum(both) >= max(LIMITS.min_rows, LIMITS.min_share * len(rows)):
            levels.append(middle)
    return levels


def _gaps(intervals: Float64[np.ndarray, "n 2"], least: float) -> list[Interval]:
    """Return the gaps between intervals that are wider than `least`."""
    gaps: list[Interval] = []
    reached = np.inf
    for start, stop in intervals[np.argsort(intervals[:, 0])].tolist():
        if start - reached > least:
            gaps.append((reached, start))
        reached = stop if reached == np.inf else max(reached, stop)
    return gaps


# --- beyond the lines


def _extend(
    edges: Edges,
    others: Edges,
    flat: Boxes,
    is_free: Bool[np.ndarray, " n"],
    height: float,
    side: int,
    gap: float,
    word: float,
) -> Edges:
    """Add rows of free characters that stand in line with the cells.

    Args:
        edges: of the rows.
        others: of the columns.
        flat: boxes, along the rows first.
        is_free: whether each character is in no grid.
        height: of the text.
        side: -1 before the first row, 1 behind the last one.
        gap: between characters of two rows, in heights of the text.
        word: the same between two words, so that a line of text is no row of cells.
    """
    count = len(others) - 1
    if count < LIMITS.min_places:
        return edges  # any two words may stand above two columns
    least = max(2, LIMITS.min_share * count)
    x, y = (flat[:, 0] + flat[:, 2]) / 2, (flat[:, 1] + flat[:, 3]) / 2
    place = count_passed(others, y, x)
    is_inside = (place >= 0) & (place < count)
    while True:
        outer = edges[0 if side < 0 else -1].level
        distance = side * (y - outer)
        is_near = is_free & (distance > 0) & (distance < _reach(edges, height))
        nearest = _nearest_line(flat, np.flatnonzero(is_near & is_inside), side, gap * height)
        filled = len(np.unique(place[nearest]))
        if not len(nearest) or filled < least:
            return edges
        low, high = flat[nearest, 1].min(), flat[nearest, 3].max()
        beside = is_free & ~is_inside & (y > low) & (y < high)
        if beside.sum() > LIMITS.max_outside * len(nearest):
            return edges
        if _has_word_over_edge(flat[nearest], place[nearest], word * height):
            return edges
        level = float(low if side < 0 else high) + side * LIMITS.margin * height
        edges = (Edge.straight(level), *edges) if side < 0 else (*edges, Edge.straight(level))


def _has_word_over_edge(flat: Boxes, place: Int64[np.ndarray, " n"], gap: float) -> bool:
    """Tell whether characters close to each other are in different columns: a line of text."""
    order = np.argsort(flat[:, 0])
    left, right, place = flat[order, 0], flat[order, 2], place[order]
    is_close = (left[1:] - right[:-1] < gap) & (gap > 0)
    return bool((is_close & (place[1:] != place[:-1])).any())


def _add_total(
    rows: Edges, columns: Edges, flat: Boxes, is_free: Bool[np.ndarray, " n"], height: float
) -> Edges:
    """Add a last row for a single total that stands right below one of the columns."""
    pitches = np.diff([edge.level for edge in rows])
    bottom = rows[-1].level
    reach = min(LIMITS.total_reach * float(np.median(pitches)), LIMITS.max_reach * height)
    x, y = (flat[:, 0] + flat[:, 2]) / 2, (flat[:, 1] + flat[:, 3]) / 2
    place = count_passed(columns, y, x)
    is_inside = (place >= 0) & (place < len(columns) - 1)
    below = is_free & (y > bottom) & (y < bottom + reach)
    if (below & ~is_inside).any() or len(np.unique(place[below])) != 1:
        return rows
    level = float(flat[below, 3].max()) + LIMITS.margin * height
    return (*rows, Edge.straight(level))


def _reach(edges: Edges, height: float) -> float:
    pitch = float(np.median(np.diff([edge.level for edge in edges])))
    low, high = LIMITS.min_reach * height, LIMITS.max_reach * height
    return min(max(LIMITS.reach * pitch, low), high)


def _nearest_line(
    flat: Boxes, candidates: Int64[np.ndarray, " m"], side: int, gap: float
) -> Int64[np.ndarray, " k"]:
    """Return the candidates up to the first gap, from the table on."""
    if not len(candidates):
        return candidates
    begin, end = flat[candidates, 1], flat[candidates, 3]
    if side < 0:
        begin, end = -end, -begin
    gaps = _gaps(np.stack([begin, end], axis=1), gap)
    nearest: np.ndarray = candidates[begin < gaps[0][1]] if gaps else candidates
    return nearest
