"""The lines of a grid between four corners: followed as they bend, and believed where nine even ones are likeliest.

The sides are followed where curled paper bends them, and all between is bent back. Then lines show as rows that are
dark nearly everywhere. They are followed and bent straight in turn, and where they meet are the corners of the cells.
Nine even rows and columns are likelier than any others, so faint lines of a sudoku are believed to be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye import quads

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, UInt8

    from numeye.quads import Corners, Quad, View

    Picture = UInt8[np.ndarray, "height width"]
    Map = Float32[np.ndarray, "height width"]

SUDOKU = 9  # rows and columns

FLAT = 720  # pixels: the longer side of a straightened picture
MARGIN = 44  # pixels around it
SHORT = 24
STROKE = 36  # pixels that lines go straight on, and writing seldom does
CAP, FAINT = 96, 6  # ink, of 255, that tells no more than less does; and that a line has at least
EVENLY = 0.5  # of its mean, that a stroke has everywhere
HINT, HINTED, ASIDE = 24, 9, 5  # a cap for lines that are hardly seen; how much more ink, in eighths, than 5 pixels off

REACH, NEAR = 36, 12  # pixels that sides and lines are off, at most
STEP, SLOPE = 12, 2  # pixels from place to place of a line; how many it rises or falls between two of them, at most
BEND, TIE = 3.6, 0.004  # what a pixel of slope and a pixel off cost, in missing ink; the one divided by the reach

SURE, FRAME, OPEN, SHUT = 0.5, 0.7, 0.35, 0.8  # of its length, that a line is seen; an outer one; one across a row
SMEAR, CLOSE = 4, 12  # pixels that lines are unsteady, and that two of them are apart at least
NINE, MORE = 0.6, 2  # of the lines of a sudoku, that is seen, and how many others there may be
EITHER = 0.4  # of those across, and of those down: a table of nine rows has fewer columns
LOOKS, CUT = 4, 0.8  # at a straightened picture; what is left of its worth if a part of it was no grid


def straight(ink: Picture, quad: Quad, margin: int) -> tuple[Picture, View]:
    """What lies between four corners, as a straight picture with a margin, and the view from it back."""
    cv2 = quads.opencv()
    sides = quads.sides(quad)
    scale = 2 * FLAT / max(sides[0] + sides[2], sides[1] + sides[3])
    width, height = (max(FLAT // 8, round(scale * (sides[side] + sides[side + 2]) / 2)) for side in (0, 1))
    frame = np.array([[0.0, 0], [width, 0], [width, height], [0, height]]) + margin
    size = (width + 2 * margin + 1, height + 2 * margin + 1)
    return cv2.warpPerspective(ink, quads.view(quad, frame), size), quads.view(frame, quad)


def turned(picture: Picture) -> Picture:
    """Rows as columns."""
    return np.ascontiguousarray(picture.T)


def ruled(ink: Picture, length: int = STROKE) -> Picture:
    """Ink that goes on evenly to the left and right: lines across, and little of what is written.

    Where it is little darker than above and below, but so on average all along, it is `FAINT`.
    """
    cv2 = quads.opencv()
    line, capped = np.ones((1, length)), cv2.dilate(np.minimum(ink, CAP), np.ones((3, 1)))
    least, mean = cv2.erode(capped, line), cv2.blur(capped, (length, 1))
    strokes = cv2.dilate(np.where(least > cv2.multiply(mean, EVENLY), least, 0).astype(np.uint8), line)
    faint = np.minimum(ink, HINT) * np.uint8(8)
    near, mean = cv2.blur(faint, (5, 3)), cv2.blur(faint, (length, 3))
    beside = np.maximum(np.roll(mean, ASIDE, axis=0), np.roll(mean, -ASIDE, axis=0))
    even = cv2.blur((near > cv2.multiply(mean, EVENLY)).astype(np.uint8) * 255, (length, 1)) > 0.8 * 255
    hints = cv2.erode((even & (cv2.subtract(mean, beside) > HINTED)).astype(np.uint8), line)
    hints = cv2.dilate(hints, line[:, ::2])  # the mean reaches past the ends of lines by the other half
    ruled: Picture = np.maximum(strokes, hints * np.uint8(FAINT))
    return ruled


@dataclass(frozen=True, eq=False)
class _Lines:
    """Lines across a straight picture: how high they would be, how high they are, and whether they are seen there."""

    level: Float64[np.ndarray, " n"]
    path: Float64[np.ndarray, "n width"]
    seen: Bool[np.ndarray, "n inside"]  # without the margins

    def some(self, chosen: slice) -> _Lines:
        return _Lines(self.level[chosen], self.path[chosen], self.seen[chosen])


def crossings(ink: Picture, quad: Quad) -> tuple[Corners, float]:
    """Those of the grid between four corners, and how much of its lines is seen, 0 to 1."""
    cv2 = quads.opencv()
    bent, back = straight(ink, quad, MARGIN)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in bent.shape[::-1]))
    rows, columns = (_followed(ruled(part, SHORT), _ends(part), REACH) for part in (bent, turned(bent)))
    worth = 1.0
    for look in range(LOOKS):
        x, y = _rebent(x, y, rows, columns)
        flat = cv2.remap(bent, x, y, cv2.INTER_LINEAR)
        both = ruled(flat), ruled(turned(flat))
        rows, columns = (_followed(part, at, NEAR) for part, at in zip(both, _levels(*both), strict=True))
        found = len(rows.level), len(columns.level)
        rows, columns = rows.some(_kept(rows, columns)), columns.some(_kept(columns, rows))
        kept = len(rows.level), len(columns.level)
        if min(kept) < 3:
            return np.zeros((1, 1, 2)), 0.0
        worth = worth if kept == found else CUT
        if kept == found and look:
            break
    across = columns.path[:, np.round(rows.level).astype(int)].T.astype(np.float32)
    down = rows.path[:, np.round(columns.level).astype(int)].astype(np.float32)
    places = np.stack([cv2.remap(part, across, down, cv2.INTER_LINEAR) for part in (x, y)], axis=-1)
    seen = np.concatenate([lines.seen.mean(axis=1) for lines in (rows, columns)])
    return quads.through(back, places.astype(np.float64)), worth * float(seen.mean())


def _followed(ruled: Picture, levels: list[float], reach: int) -> _Lines:
    """The lines near these levels as they bend: the shortest ways along ink, by dynamic programming."""
    level, off = np.array(levels), np.arange(-reach, reach + 1)
    count = (ruled.shape[1] - 2 * MARGIN) // STEP
    ink = ruled[:, MARGIN : MARGIN + count * STEP].reshape(len(ruled), count, STEP).mean(axis=2) / CAP
    ink = quads.opencv().GaussianBlur(ink, (1, 7), 0)  # so that the middle of a thick line costs least
    near = ink[np.clip(np.round(level)[:, None].astype(int) + off, 0, len(ink) - 1)]  # (n, off, count)
    cost = 1 - np.sqrt(near) + TIE * np.abs(off)[:, None]
    total, came = cost[..., 0], []
    for now in np.moveaxis(cost, 2, 0)[1:]:
        padded = np.pad(total, ((0, 0), (SLOPE, SLOPE)), constant_values=np.inf)
        moves = range(-SLOPE, SLOPE + 1)
        ways = np.stack([padded[:, SLOPE + k : SLOPE + k + len(off)] + BEND / reach * abs(k) for k in moves])
        came.append(ways.argmin(axis=0) - SLOPE)
        total = now + ways.min(axis=0)
    at = [total.argmin(axis=1)]
    for step in reversed(came):
        at.append(at[-1] + step[np.arange(len(level)), at[-1]])
    path = _spread(level[:, None] + off[np.stack(at[::-1], axis=1)], ruled.shape[1])
    return _Lines(level, path, _seen(ruled, path))


def _spread(places: Float64[np.ndarray, "n count"], width: int) -> Float64[np.ndarray, "n width"]:
    """From every `STEP` pixels to every pixel, smoothed."""
    cv2 = quads.opencv()
    smooth = cv2.blur(places, (5, 1), borderType=cv2.BORDER_REPLICATE)
    middles = MARGIN + STEP * (np.arange(places.shape[1]) + 0.5)
    return np.stack([np.interp(np.arange(width), middles, line) for line in smooth])


def _seen(ruled: Picture, path: Float64[np.ndarray, "n width"]) -> Bool[np.ndarray, "n inside"]:
    columns = np.arange(MARGIN, ruled.shape[1] - MARGIN)
    rows = np.round(path[:, columns]).astype(int)
    near = [ruled[np.clip(rows + off, 0, len(ruled) - 1), columns] for off in (-2, 0, 2)]
    seen: np.ndarray = np.max(near, axis=0) >= FAINT
    return seen


def _rebent(x: Map, y: Map, rows: _Lines, columns: _Lines) -> tuple[Map, Map]:
    """From where each pixel is to be taken for these lines to become straight, and the outer ones to be the sides.

    Between lines, pixels move as both of them do: a Coons patch.
    """
    cv2 = quads.opencv()
    steps = []
    for lines in (columns, rows):
        first, last = lines.level[0], lines.level[-1]
        step = (last - first) / round(last - first)
        steps.append(np.arange(first - MARGIN * step, last + MARGIN * step + 0.5, step))
    across, down = steps
    from_x = (across + _between(columns, across, down).T).astype(np.float32)
    from_y = (down[:, None] + _between(rows, down, across)).astype(np.float32)
    return tuple(cv2.remap(part, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in (x, y))


def _between(lines: _Lines, levels: np.ndarray, along: np.ndarray) -> Float64[np.ndarray, "levels along"]:
    """How far lines at these levels are lower at these places along them."""
    off = lines.path - lines.level[:, None]
    off = np.stack([np.interp(along, np.arange(off.shape[1]), line) for line in off])
    return np.stack([np.interp(levels, lines.level, place) for place in off.T], axis=1)


def _ends(ruled: Picture) -> list[float]:
    return [float(MARGIN), float(len(ruled) - 1 - MARGIN)]


def _levels(across: Picture, down: Picture) -> tuple[list[float], list[float]]:
    """How high the lines across are, and how far to the right the lines down."""
    found = _peaks(across), _peaks(down)
    (rows, seen, more), (columns, as_well, besides) = _spaced(across, found[0]), _spaced(down, found[1])
    nine = (seen + as_well) / 2 >= NINE and min(seen, as_well) >= EITHER and more + besides <= MORE
    return (rows, columns) if nine else found


def _cover(ruled: Picture, reach: int) -> Float64[np.ndarray, " height"]:
    """The share of each row in which a line is so near."""
    seen = (ruled[:, MARGIN:-MARGIN] >= FAINT).astype(np.uint8)
    cover: np.ndarray = quads.opencv().dilate(seen, np.ones((2 * reach + 1, 1))).mean(axis=1)
    return cover


def _peaks(ruled: Picture) -> list[float]:
    """Where rows are lines nearly all along; with the sides."""
    cover = _cover(ruled, SMEAR)
    first, last = _ends(ruled)
    lines = [first, last]
    turns = np.flatnonzero(np.diff(np.pad((cover > SURE / 2).astype(int), 1)))
    for start, stop in zip(turns[::2], turns[1::2], strict=True):
        weight = cover[start:stop] ** 4
        row = float(np.average(np.arange(start, stop), weights=weight))
        if cover[start:stop].max() >= SURE and min(row - first, last - row) > CLOSE:
            lines.append(row)
    return sorted(lines)


def _spaced(ruled: Picture, lines: list[float]) -> tuple[list[float], float, int]:
    """The lines of nine even rows, how much of the inner ones is seen, and how many lines they do not explain."""
    even = np.linspace(lines[0], lines[-1], SUDOKU + 1)
    cell = even[1] - even[0]
    off = np.array([min((line - place for line in lines), key=abs) for place in even])
    inner = 1 + np.flatnonzero(np.abs(off[1:-1]) < 0.2 * cell)
    if len(inner) >= 5:  # then they tell whether the sides are its own
        ought = np.polyval(np.polyfit(even[inner], off[inner], 1), even[[0, -1]])
        off[[0, -1]] = np.where(np.abs(ought) > 0.1 * cell, ought, 0)
    known = [0, *inner, SUDOKU]
    levels = even + np.interp(even, even[known], off[known])
    cover = _cover(ruled, round(0.06 * cell))[np.clip(np.round(levels).astype(int), 0, len(ruled) - 1)]
    more = sum(bool(np.abs(levels - line).min() > 0.2 * cell) for line in lines)
    return levels.tolist(), float(cover[1:-1].mean()), more


def _kept(lines: _Lines, posts: _Lines) -> slice:
    """The first and the last line of the widest part that is a grid: seen, and with posts from line to line."""
    if len(lines.level) == len(posts.level) == SUDOKU + 1:
        return slice(0, SUDOKU + 1)
    quarters = np.round(np.diff(lines.level) / 4).astype(int)
    starts = np.round(lines.level[:-1]).astype(int) - MARGIN + quarters
    parts = [posts.seen[:, at : at + 2 * by + 1] for at, by in zip(starts, quarters, strict=True)]
    share = np.stack([part.mean(axis=1) for part in parts])  # (gaps, posts)
    filled = (share[:, 1:-1] if share.shape[1] > 2 else share).mean(axis=1) > OPEN
    filled |= share[:, [0, -1]].mean(axis=1) > SHUT
    seen = lines.seen.mean(axis=1) > FRAME
    best, start = (0.0, 0, 0), 0
    for gap, full in enumerate([*filled, False]):
        if not full:
            inside = start + np.flatnonzero(seen[start : gap + 1])
            if len(inside):
                best = max(best, (lines.level[inside[-1]] - lines.level[inside[0]], int(inside[0]), int(inside[-1])))
            start = gap + 1
    return slice(best[1], best[2] + 1)
