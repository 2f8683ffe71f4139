"""Follows the lines of a grid between four corners, as they bend.

The sides are followed where curled paper bends them, and everything between them is bent back. Then
lines show as rows that are dark nearly everywhere. They are followed and straightened in turn, and
where they meet are the corners of the cells. Nine even rows and columns are more likely than any
others, so the faint lines of a sudoku are assumed to be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout import homography
from numeye.layout.tables.grid_strokes import STROKES, find_strokes, straighten, transpose

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, UInt8

    from numeye.layout.homography import Corners, Quad

    Picture = UInt8[np.ndarray, "height width"]
    Map = Float32[np.ndarray, "height width"]

SUDOKU = 9  # rows and columns


@dataclass(frozen=True, kw_only=True)
class LineLimits:
    """What counts as a line on a straightened picture, and how far lines may bend.

    Pixels are those of the straightened picture.

    Attributes:
        side_reach_px: that a side may be off.
        line_reach_px: that a line may be off.
        step_px: between two places of a line.
        max_rise_px: that a line rises or falls between two places.
        rise_cost: of one pixel of it, in missing darkness, divided by the reach.
        offset_cost: of one pixel that a line is off, in missing darkness.
        min_line: of its length, that must be visible of a line.
        min_outer_line: the same of the outer lines.
        min_crossing: of the lines that cross a row, that must be visible on average.
        min_outer_crossing: the same of the two outer ones; one of both is enough.
        unsteady_px: that a line may be off when rows are searched for lines.
        min_distance_px: between two lines.
        min_sudoku: of the lines of a sudoku, that must be visible on average.
        min_sudoku_each: the same of the lines in each direction; a table with nine rows has fewer
            columns.
        max_sudoku_others: other lines that may be visible on a sudoku.
        max_rounds: how often lines are followed and straightened.
        cut_factor: of what is visible, if a part of the picture was no grid.
    """

    side_reach_px: int = 36
    line_reach_px: int = 12
    step_px: int = 12
    max_rise_px: int = 2
    rise_cost: float = 3.6
    offset_cost: float = 0.004
    min_line: float = 0.5
    min_outer_line: float = 0.7
    min_crossing: float = 0.35
    min_outer_crossing: float = 0.8
    unsteady_px: int = 4
    min_distance_px: int = 12
    min_sudoku: float = 0.6
    min_sudoku_each: float = 0.4
    max_sudoku_others: int = 2
    max_rounds: int = 4
    cut_factor: float = 0.8


LIMITS = LineLimits()
MARGIN_PX = STROKES.margin_px


@dataclass(frozen=True, eq=False)
class _Lines:
    """Lines across a straightened picture.

    Attributes:
        level: where each would be if it were straight, in pixels from the top.
        path: where each is, in pixels from the top, for each column.
        seen: whether each is visible there, without the margins.
    """

    level: Float64[np.ndarray, " n"]
    path: Float64[np.ndarray, "n width"]
    seen: Bool[np.ndarray, "n inside"]

    def select(self, chosen: slice) -> _Lines:
        return _Lines(self.level[chosen], self.path[chosen], self.seen[chosen])


def find_crossings(darkness: Picture, quad: Quad) -> tuple[Corners, float]:
    """Return the crossings of the grid between four corners.

    Args:
        darkness: how much darker than the paper each pixel is, of 255.
        quad: the corners, in pixels of that picture.

    Returns:
        The crossings in pixels of the picture, and how much of the lines is visible, 0 to 1.
    """
    cv2 = homography.import_opencv()
    bent, to_picture = straighten(darkness, quad, MARGIN_PX)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in bent.shape[::-1]))
    rows, columns = (_follow_sides(part) for part in (bent, transpose(bent)))
    weight = 1.0
    for round_number in range(LIMITS.max_rounds):
        x, y = _straighten_lines(x, y, rows, columns)
        flat = cv2.remap(bent, x, y, cv2.INTER_LINEAR)
        strokes = find_strokes(flat), find_strokes(transpose(flat))
        rows, columns = (
            _follow(part, levels, LIMITS.line_reach_px)
            for part, levels in zip(strokes, _find_levels(*strokes), strict=True)
        )
        found = len(rows.level), len(columns.level)
        row_part, column_part = _grid_part(rows, columns), _grid_part(columns, rows)
        rows, columns = rows.select(row_part), columns.select(column_part)
        kept = len(rows.level), len(columns.level)
        if min(kept) < 3:
            return np.zeros((1, 1, 2)), 0.0
        weight = weight if kept == found else LIMITS.cut_factor
        if kept == found and round_number:
            break
    across = columns.path[:, np.round(rows.level).astype(int)].T.astype(np.float32)
    down = rows.path[:, np.round(columns.level).astype(int)].astype(np.float32)
    places = np.stack([cv2.remap(part, across, down, cv2.INTER_LINEAR) for part in (x, y)], axis=-1)
    seen = np.concatenate([lines.seen.mean(axis=1) for lines in (rows, columns)])
    crossings = homography.project(to_picture, places.astype(np.float64))
    return crossings, weight * float(seen.mean())


# --- following lines


def _follow_sides(bent: Picture) -> _Lines:
    strokes = find_strokes(bent, STROKES.side_stroke_px)
    return _follow(strokes, _side_levels(bent), LIMITS.side_reach_px)


def _follow(strokes: Picture, levels: list[float], reach: int) -> _Lines:
    """Follow the lines near these levels as they bend.

    A line is the cheapest way along dark strokes, found by dynamic programming.

    Args:
        strokes: see `find_strokes`.
        levels: where lines are, in pixels from the top.
        reach: how many pixels a line may be off.
    """
    level, off = np.array(levels), np.arange(-reach, reach + 1)
    means = _column_means(strokes)
    # (n, off, count)
    near = means[np.clip(np.round(level)[:, None].astype(int) + off, 0, len(means) - 1)]
    cost = 1 - np.sqrt(near) + LIMITS.offset_cost * np.abs(off)[:, None]
    best = _cheapest_offsets(cost, LIMITS.rise_cost / reach)  # (n, count)
    path = _interpolate(level[:, None] + off[best], strokes.shape[1])
    return _Lines(level, path, _is_seen(strokes, path))


def _column_means(strokes: Picture) -> Float64[np.ndarray, "height count"]:
    """Return the mean darkness of every `step_px` columns between the margins, 0 to 1."""
    step = LIMITS.step_px
    count = (strokes.shape[1] - 2 * MARGIN_PX) // step
    inside = strokes[:, MARGIN_PX : MARGIN_PX + count * step]
    means = inside.reshape(len(strokes), count, step).mean(axis=2) / STROKES.dark
    # blurred, the middle of a thick line costs least
    blurred: np.ndarray = homography.import_opencv().GaussianBlur(means, (1, 7), 0)
    return blurred


def _cheapest_offsets(cost: Float64[np.ndarray, "n offsets count"], rise_cost: float) -> np.ndarray:
    """Return the index of the offset of each line at each place, (n, count)."""
    rise = LIMITS.max_rise_px
    offsets = cost.shape[1]
    total, steps = cost[..., 0], []
    for place in np.moveaxis(cost, 2, 0)[1:]:
        padded = np.pad(total, ((0, 0), (rise, rise)), constant_values=np.inf)
        ways = np.stack(
            [
                padded[:, rise + move : rise + move + offsets] + rise_cost * abs(move)
                for move in range(-rise, rise + 1)
            ]
        )
        steps.append(ways.argmin(axis=0) - rise)
        total = place + ways.min(axis=0)
    chosen = [total.argmin(axis=1)]
    for step in reversed(steps):
        chosen.append(chosen[-1] + step[np.arange(len(cost)), chosen[-1]])
    return np.stack(chosen[::-1], axis=1)


def _interpolate(
    places: Float64[np.ndarray, "n count"], width: int
) -> Float64[np.ndarray, "n width"]:
    """Smooth a path with a place every `step_px` pixels, and return it for every pixel."""
    cv2 = homography.import_opencv()
    smooth = cv2.blur(places, (5, 1), borderType=cv2.BORDER_REPLICATE)
    centres = MARGIN_PX + LIMITS.step_px * (np.arange(places.shape[1]) + 0.5)
    return np.stack([np.interp(np.arange(width), centres, line) for line in smooth])


def _is_seen(
    strokes: Picture, path: Float64[np.ndarray, "n width"]
) -> Bool[np.ndarray, "n inside"]:
    columns = np.arange(MARGIN_PX, strokes.shape[1] - MARGIN_PX)
    rows = np.round(path[:, columns]).astype(int)
    near = [strokes[np.clip(rows + off, 0, len(strokes) - 1), columns] for off in (-2, 0, 2)]
    is_seen: np.ndarray = np.max(near, axis=0) >= STROKES.faint
    return is_seen


# --- straightening lines


def _straighten_lines(x: Map, y: Map, rows: _Lines, columns: _Lines) -> tuple[Map, Map]:
    """Return where each pixel comes from, so that the lines are straight and the outer ones sides.

    Between lines, pixels move as both of them do: a Coons patch.
    """
    cv2 = homography.import_opencv()
    axes = []
    for lines in (columns, rows):
        first, last = lines.level[0], lines.level[-1]
        step = (last - first) / round(last - first)
        axes.append(np.arange(first - MARGIN_PX * step, last + MARGIN_PX * step + 0.5, step))
    across, down = axes
    from_x = (across + _offsets_at(columns, across, down).T).astype(np.float32)
    from_y = (down[:, None] + _offsets_at(rows, down, across)).astype(np.float32)
    return tuple(
        cv2.remap(part, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part in (x, y)
    )


def _offsets_at(
    lines: _Lines, levels: np.ndarray, along: np.ndarray
) -> Float64[np.ndarray, "levels along"]:
    """Return how many pixels lines at these levels are lower, at these places along them."""
    off = lines.path - lines.level[:, None]
    off = np.stack([np.interp(along, np.arange(off.shape[1]), line) for line in off])
    return np.stack([np.interp(levels, lines.level, place) for place in off.T], axis=1)


# --- where the lines are


def _side_levels(strokes: Picture) -> list[float]:
    return [float(MARGIN_PX), float(len(strokes) - 1 - MARGIN_PX)]


def _find_levels(across: Picture, down: Picture) -> tuple[list[float], list[float]]:
    """Return how high the lines across are, and how far to the right the lines down."""
    found = _visible_levels(across), _visible_levels(down)
    rows, row_share, row_others = _sudoku_levels(across, found[0])
    columns, column_share, column_others = _sudoku_levels(down, found[1])
    is_sudoku = (
        (row_share + column_share) / 2 >= LIMITS.min_sudoku
        and min(row_share, column_share) >= LIMITS.min_sudoku_each
        and row_others + column_others <= LIMITS.max_sudoku_others
    )
    return (rows, columns) if is_sudoku else found


def _cover(strokes: Picture, reach: int) -> Float64[np.ndarray, " height"]:
    """Return the share of each row that has a line at most so many pixels away."""
    is_line = (strokes[:, MARGIN_PX:-MARGIN_PX] >= STROKES.faint).astype(np.uint8)
    near = homography.import_opencv().dilate(is_line, np.ones((2 * reach + 1, 1)))
    cover: np.ndarray = near.mean(axis=1)
    return cover


def _visible_levels(strokes: Picture) -> list[float]:
    """Return where rows are lines nearly everywhere, and the sides."""
    cover = _cover(strokes, LIMITS.unsteady_px)
    first, last = _side_levels(strokes)
    levels = [first, last]
    turns = np.flatnonzero(np.diff(np.pad((cover > LIMITS.min_line / 2).astype(int), 1)))
    for start, stop in zip(turns[::2], turns[1::2], strict=True):
        weights = cover[start:stop] ** 4
        level = float(np.average(np.arange(start, stop), weights=weights))
        is_inside = min(level - first, last - level) > LIMITS.min_distance_px
        if cover[start:stop].max() >= LIMITS.min_line and is_inside:
            levels.append(level)
    return sorted(levels)


def _sudoku_levels(strokes: Picture, levels: list[float]) -> tuple[list[float], float, int]:
    """Return the lines of nine even rows, whether they are visible or not.

    Args:
        strokes: see `find_strokes`.
        levels: of the visible lines.

    Returns:
        Their levels, how much of the inner ones is visible, and how many visible lines are others.
    """
    even = np.linspace(levels[0], levels[-1], SUDOKU + 1)
    cell = even[1] - even[0]
    off = np.array([min((level - place for level in levels), key=abs) for place in even])
    inner = 1 + np.flatnonzero(np.abs(off[1:-1]) < 0.2 * cell)
    if len(inner) >= 5:  # enough to tell whether the sides belong to the grid
        expected = np.polyval(np.polyfit(even[inner], off[inner], 1), even[[0, -1]])
        off[[0, -1]] = np.where(np.abs(expected) > 0.1 * cell, expected, 0)
    known = [0, *inner, SUDOKU]
    fitted = even + np.interp(even, even[known], off[known])
    places = np.clip(np.round(fitted).astype(int), 0, len(strokes) - 1)
    cover = _cover(strokes, round(0.06 * cell))[places]
    others = sum(bool(np.abs(fitted - level).min() > 0.2 * cell) for level in levels)
    return fitted.tolist(), float(cover[1:-1].mean()), others


def _grid_part(lines: _Lines, crossing: _Lines) -> slice:
    """Return the first to the last line of the widest part that is a grid.

    Its outer lines are visible, and between its lines the crossing ones are.
    """
    if len(lines.level) == len(crossing.level) == SUDOKU + 1:
        return slice(0, SUDOKU + 1)
    quarters = np.round(np.diff(lines.level) / 4).astype(int)
    starts = np.round(lines.level[:-1]).astype(int) - MARGIN_PX + quarters
    parts = [
        crossing.seen[:, start : start + 2 * quarter + 1]
        for start, quarter in zip(starts, quarters, strict=True)
    ]
    share = np.stack([part.mean(axis=1) for part in parts])  # (gaps, crossing lines)
    inner = share[:, 1:-1] if share.shape[1] > 2 else share
    is_crossed = inner.mean(axis=1) > LIMITS.min_crossing
    is_crossed |= share[:, [0, -1]].mean(axis=1) > LIMITS.min_outer_crossing
    is_seen = lines.seen.mean(axis=1) > LIMITS.min_outer_line
    best, start = (0.0, 0, 0), 0
    for gap, crossed in enumerate([*is_crossed, False]):
        if not crossed:
            visible = start + np.flatnonzero(is_seen[start : gap + 1])
            if len(visible):
                first, last = int(visible[0]), int(visible[-1])
                best = max(best, (lines.level[last] - lines.level[first], first, last))
            start = gap + 1
    return slice(best[1], best[2] + 1)
