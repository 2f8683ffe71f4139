"""Finds the grids that ruled lines make: lines that cross belong to one grid.

Where an outer line is missing, the lines that lead to it show that there is one more row or column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.tables.line_pieces import RuledLine, chain_pieces
from numeye.layout.tables.page_frame import PageFrame, flatten_line
from numeye.layout.tables.ruled_grids import Edge, Interval, RuledGrid
from numeye.layout.tables.ruled_lines import RuledLines

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class GridFindingLimits:
    """What is a grid. Lengths are in heights of the text.

    Attributes:
        crossing_tolerance: between the end of a line and one that it should reach.
        min_free: length of a line that need not cross another one or reach from one to the next.
        same_edge: lines closer than this are one edge, such as a double line.
        empty_edge: the same where no character is between them.
        open_side: that lines reach over the outer line where a row or column is open.
        empty_side: the same in typical rows or columns, where no character is.
        reach_over: of characters over the ends of the lines of an open side.
        short_line: lines that are shorter may be strokes of digits that were not found,
        min_short_cover: where they are a smaller share of a column of several cells.
        min_cover: share of a column, or row, in which an edge is ruled at least.
        paper_cell: cells that are smaller both ways may be those of squared paper,
        paper_fill: if no larger share of them has a character,
        paper_cells: and if there are at least so many.
        max_straddling: share of the characters that may lie on a line of the grid.
        max_straddling_of_words: the same if lines also divide words,
        max_divided: that is a larger share of the characters that are close to each other.
        word_gap: between characters that are close to each other.
        straddling_core: share of a character's width and height, in its middle, that may not.
        comb_cell: widest cell of a comb field,
        comb_pair: and if it has only two cells.
        comb_difference: of the cells of a comb field, from their typical width.
    """

    crossing_tolerance: float = 0.5
    min_free: float = 4.0
    same_edge: float = 0.45
    empty_edge: float = 0.7
    open_side: float = 0.6
    empty_side: float = 0.6
    reach_over: float = 0.6
    short_line: float = 2.2
    min_short_cover: float = 0.35
    min_cover: float = 0.15
    paper_cell: float = 1.7
    paper_fill: float = 0.35
    paper_cells: int = 30
    max_straddling: float = 0.25
    max_straddling_of_words: float = 0.08
    max_divided: float = 0.12
    word_gap: float = 0.35
    straddling_core: float = 0.4
    comb_cell: float = 3.5
    comb_pair: float = 2.2
    comb_difference: float = 0.3


LIMITS = GridFindingLimits()
MAX_EDGE_PLACES = 64  # at which an edge is known, for speed


def find_ruled_grids(lines: RuledLines, frame: PageFrame, boxes: Boxes) -> tuple[RuledGrid, ...]:
    """Return the grids of a page of at least two cells, from top to bottom.

    Args:
        lines: the ruled lines of the page.
        frame: in which they are straight; see `page_frame.fit_frame`.
        boxes: left, top, right and bottom of each character, in pixels of the page.
    """
    flat = frame.flatten_boxes(boxes)
    height = lines.text_height
    across = [flatten_line(line, frame, is_across=True) for line in lines.horizontal]
    down = [flatten_line(line, frame, is_across=False) for line in lines.vertical]
    grids = []
    across, down = _drop_words(across, down, height), _drop_words(down, across, height)
    for row_lines, column_lines in _crossing_groups(across, down, height):
        rows = _edges(row_lines, flat[:, [0, 1, 2, 3]], height)
        columns = _edges(column_lines, flat[:, [1, 0, 3, 2]], height)
        rows = _drop_digits(rows, columns, height)
        columns = _drop_digits(columns, rows, height)
        rows = _open_sides(rows, column_lines, flat, columns, height)
        columns = _open_sides(columns, row_lines, flat[:, [1, 0, 3, 2]], rows, height)
        if len(rows) < 2 or len(columns) < 2 or len(rows) + len(columns) < 5:
            continue
        grid = RuledGrid(frame, rows, columns)
        if not _is_background(grid, flat, height):
            grids.append(replace(grid, is_comb=_is_comb(grid, flat, height)))
    return tuple(sorted(grids, key=lambda grid: grid.bounds[1]))


def find_bars(lines: RuledLines) -> tuple[RuledLine, ...]:
    """Return the lines down the page that no line across meets."""
    if not lines.horizontal or not lines.vertical:
        return lines.vertical
    tolerance = LIMITS.crossing_tolerance * lines.text_height
    crosses = _crossings(lines.horizontal, lines.vertical, tolerance)
    return tuple(line for index, line in enumerate(lines.vertical) if not crosses[:, index].any())


def _drop_words(
    lines: Sequence[RuledLine], others: Sequence[RuledLine], height: float
) -> list[RuledLine]:
    """Drop short lines that neither cross another one nor reach from one to the next.

    These are strokes of printed words.
    """
    tolerance = LIMITS.crossing_tolerance * height

    def is_part(line: RuledLine) -> bool:
        level = float(line.across.mean())
        places = [
            float(np.interp(level, other.along, other.across))
            for other in others
            if other.start - tolerance <= level <= other.stop + tolerance
        ]
        is_crossed = any(line.start + tolerance < x < line.stop - tolerance for x in places)
        middle = (line.start + line.stop) / 2
        begins = any(abs(x - line.start) <= tolerance and x < middle for x in places)
        ends = any(abs(x - line.stop) <= tolerance and x > middle for x in places)
        return is_crossed or (begins and ends)

    return [line for line in lines if line.length >= LIMITS.min_free * height or is_part(line)]


def _crossing_groups(
    across: Sequence[RuledLine], down: Sequence[RuledLine], height: float
) -> list[tuple[list[RuledLine], list[RuledLine]]]:
    """Return lines across and lines down that are connected by crossings."""
    if not across or not down:
        return []
    crosses = _crossings(across, down, LIMITS.crossing_tolerance * height)
    group_across, group_down = np.arange(len(across)), np.full(len(down), len(across))
    while True:
        group_down = np.where(crosses, group_across[:, None], len(across)).min(axis=0)
        least = np.where(crosses, group_down, len(across)).min(axis=1)
        least = np.minimum(least, group_across)
        if (least == group_across).all():
            break
        group_across = least
    return [
        (
            [across[index] for index in np.flatnonzero(group_across == group).tolist()],
            [down[index] for index in np.flatnonzero(group_down == group).tolist()],
        )
        for group in np.unique(group_across).tolist()
        if (group_down == group).any()
    ]


def _crossings(
    across: Sequence[RuledLine], down: Sequence[RuledLine], tolerance: float
) -> Bool[np.ndarray, "across down"]:
    levels = np.array([line.across.mean() for line in across])
    sides = np.array([line.across.mean() for line in down])
    x = np.stack([np.interp(levels, line.along, line.across) for line in down], axis=1)
    y = np.stack([np.interp(sides, line.along, line.across) for line in across])
    starts, stops = (
        [np.array([getattr(line, end) for line in lines]) for lines in (across, down)]
        for end in ("start", "stop")
    )
    crosses: np.ndarray = (
        (starts[0][:, None] - tolerance <= x)
        & (x <= stops[0][:, None] + tolerance)
        & (starts[1] - tolerance <= y)
        & (y <= stops[1] + tolerance)
    )
    return crosses


def _edges(lines: list[RuledLine], flat: Boxes, height: float) -> tuple[Edge, ...]:
    """Join lines at one level to edges; `flat` has the direction along the lines first."""
    levels = (flat[:, 1] + flat[:, 3]) / 2
    broken = chain_pieces(lines, flat, height, np.inf)
    edges = [_edge([lines[index] for index in chain]) for chain in broken]
    edges.sort(key=lambda edge: edge.level)
    joined = edges[:1]
    for edge in edges[1:]:
        before = joined[-1]
        low, high = before.level, edge.level
        start = min(before.line.start, edge.line.start)
        stop = max(before.line.stop, edge.line.stop)
        is_between = (levels > low) & (levels < high) & (flat[:, 0] < stop) & (flat[:, 2] > start)
        limit = LIMITS.same_edge if is_between.any() else LIMITS.empty_edge
        if high - low < limit * height:
            joined[-1] = _unite_edges(before, edge)
        else:
            joined.append(edge)
    return tuple(joined)


def _unite_edges(one: Edge, other: Edge) -> Edge:
    """Return both edges as one, such as the two lines of a double line."""
    along = np.concatenate([one.line.along, other.line.along])
    across = np.concatenate([one.line.across, other.line.across])
    return Edge(
        _average(along, across), _unite_intervals([*(one.ruled or ()), *(other.ruled or ())])
    )


def _edge(lines: list[RuledLine]) -> Edge:
    along = np.concatenate([line.along for line in lines])
    across = np.concatenate([line.across for line in lines])
    intervals = [(line.start, line.stop) for line in lines]
    return Edge(_average(along, across), _unite_intervals(intervals))


def _average(along: Float64[np.ndarray, " n"], across: Float64[np.ndarray, " n"]) -> RuledLine:
    """Return the line through places in any order; where there are several, through their mean."""
    places, index = np.unique(along, return_inverse=True)
    levels = np.bincount(index, across) / np.bincount(index)
    kept = np.unique(np.linspace(0, len(places) - 1, MAX_EDGE_PLACES).round().astype(int))
    return RuledLine(places[kept], levels[kept])


def _unite_intervals(intervals: list[Interval]) -> tuple[Interval, ...]:
    """Return the stretches that at least one interval covers."""
    united: list[Interval] = []
    for start, stop in sorted(intervals):
        if united and start <= united[-1][1]:
            united[-1] = united[-1][0], max(united[-1][1], stop)
        else:
            united.append((start, stop))
    return tuple(united)


def _drop_digits(
    edges: tuple[Edge, ...], others: tuple[Edge, ...], height: float
) -> tuple[Edge, ...]:
    """Drop inner edges that are no more than a stroke in one of several cells."""
    start, stop = others[0].level, others[-1].level
    if stop - start < LIMITS.short_line * height:
        return edges

    def is_stroke(edge: Edge) -> bool:
        lengths = [end - begin for begin, end in edge.ruled or ()]
        is_short = max(lengths) < LIMITS.short_line * height
        least = LIMITS.min_short_cover if is_short else LIMITS.min_cover
        return edge.cover(start, stop) < least

    return (edges[0], *(edge for edge in edges[1:-1] if not is_stroke(edge)), *edges[1:][-1:])


def _open_sides(
    edges: tuple[Edge, ...],
    crossing: list[RuledLine],
    flat: Boxes,
    others: tuple[Edge, ...],
    height: float,
) -> tuple[Edge, ...]:
    """Add an edge where the crossing lines lead beyond the first or the last edge.

    Args:
        edges: in one direction.
        crossing: the lines of the other direction.
        flat: boxes, along the edges first.
        others: the edges of the other direction.
        height: of the text.
    """
    rank = min(1, len(crossing) - 2) if len(crossing) > 2 else 0
    first = sorted(line.start for line in crossing)[rank]
    last = sorted((line.stop for line in crossing), reverse=True)[rank]
    centre = (flat[:, 1] + flat[:, 3]) / 2
    along = (flat[:, 0] + flat[:, 2]) / 2
    reach = LIMITS.reach_over * height
    pitch = (
        float(np.median(np.diff([edge.level for edge in edges]))) if len(edges) > 1 else 2 * height
    )
    is_near = (along > others[0].level - 4 * height) & (along < others[-1].level + 4 * height)
    for limit, side in ((first, -1), (last, 1)):
        outer = edges[0 if side < 0 else -1].level
        beyond = side * (centre - outer) > 0
        beyond &= is_near & (side * (centre - limit) < reach)
        over = side * (limit - outer)
        if over > LIMITS.open_side * height and (beyond.any() or over > LIMITS.empty_side * pitch):
            outside = flat[beyond, 1] if side < 0 else flat[beyond, 3]
            level = side * max([side * limit, *(side * outside).tolist()]) + side
            new = Edge.straight(level)
            edges = (new, *edges) if side < 0 else (*edges, new)
    return edges


def _is_background(grid: RuledGrid, flat: Boxes, height: float) -> bool:
    """Tell whether the lines are those of squared paper, or characters are written over them."""
    row, column = grid.locate(flat)
    inside = flat[row >= 0]
    if not len(inside):
        return False
    widths, heights = (
        np.diff([edge.level for edge in edges]) for edges in (grid.column_edges, grid.row_edges)
    )
    cells = len(widths) * len(heights)
    filled = len({*zip(row[row >= 0].tolist(), column[row >= 0].tolist(), strict=True)})
    largest = max(float(np.median(widths)), float(np.median(heights)))
    is_paper = (
        largest < LIMITS.paper_cell * height
        and cells >= LIMITS.paper_cells
        and filled < LIMITS.paper_fill * cells
    )
    straddling = _straddling_share(grid, inside)
    divides_words = (
        straddling > LIMITS.max_straddling_of_words
        and _divided_share(inside, column[row >= 0], height) > LIMITS.max_divided
    )
    return is_paper or straddling > LIMITS.max_straddling or divides_words


def _divided_share(inside: Boxes, column: Int64[np.ndarray, " n"], height: float) -> float:
    """Return the share of neighbours close to each other that are in different columns."""
    order = np.lexsort([inside[:, 0], np.round((inside[:, 1] + inside[:, 3]) / (2 * height))])
    boxes, column = inside[order], column[order]
    gaps = boxes[1:, 0] - boxes[:-1, 2]
    shared = np.minimum(boxes[1:, 3], boxes[:-1, 3]) - np.maximum(boxes[1:, 1], boxes[:-1, 1])
    is_close = (np.abs(gaps) < LIMITS.word_gap * height) & (shared > height / 3)
    return float((column[1:] != column[:-1])[is_close].mean()) if is_close.any() else 0.0


def _straddling_share(grid: RuledGrid, inside: Boxes) -> float:
    """Return the share of characters through whose middle an edge goes."""
    margin = (1 - LIMITS.straddling_core) / 2
    sizes = inside[:, 2:] - inside[:, :2]
    core = np.concatenate([inside[:, :2] + margin * sizes, inside[:, 2:] - margin * sizes], axis=1)
    straddles = np.zeros(len(core), bool)
    for edges, axis in ((grid.column_edges, 0), (grid.row_edges, 1)):
        for edge in edges[1:-1]:
            level = np.interp(core[:, 1 - axis], edge.line.along, edge.line.across)
            straddles |= (core[:, axis] < level) & (level < core[:, axis + 2])
    return float(straddles.mean())


def _is_comb(grid: RuledGrid, flat: Boxes, height: float) -> bool:
    """Tell whether the cells of a single row are as wide as each other, for one digit each.

    Of a few cells, the line between them may not have been found; they are twice as wide.
    """
    rows, columns = grid.shape
    if rows != 1:
        return False
    _, column = grid.locate(flat)
    counts = np.bincount(column[column >= 0], minlength=columns)
    widths = np.diff([edge.level for edge in grid.column_edges])
    typical = float(np.median(widths))
    parts = np.maximum(np.rint(widths / typical), 1)  # cells without lines between them
    widest = LIMITS.comb_cell if columns > 2 else LIMITS.comb_pair
    return bool(
        counts.any()
        and (counts <= parts).all()
        and (parts == 1).mean() > 0.5
        and typical < widest * height
        and (np.abs(widths - parts * typical) < LIMITS.comb_difference * typical).all()
    )
