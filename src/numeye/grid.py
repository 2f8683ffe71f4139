"""The cells of a table or a sudoku on a photograph: from its lines to the corners of every cell.

What is darker than the paper around it is ink. The outline of connected ink gives four corners, and these a straight
picture. There, long even strokes across and down are lines, whatever is written between them; their outline may give
better corners. The sides are followed where curled paper bends them, and all between is bent back. Now lines show as
rows that are dark nearly everywhere. They are followed and bent straight in turn, and where they meet are the corners.
Nine even rows and columns are likelier than any others, so faint lines of a sudoku are believed to be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import MissingExtra, PictureError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, UInt8

    from numeye.results import Box

    Picture = UInt8[np.ndarray, "height width"]
    Map = Float32[np.ndarray, "height width"]
    Corners = Float64[np.ndarray, "down across 2"]
    Quad = Float64[np.ndarray, "4 2"]  # x, y of four corners, clockwise from the upper left one
    View = Float64[np.ndarray, "3 3"]  # a homography

SUDOKU = 9  # rows and columns
EVEN = 0.12  # of its mean, that the width of each column differs at most where all are taken to be the same

LONG = 1200  # pixels: the longer side of the picture that is searched
WIDEST = 25  # pixels of it that a line is wide, at most
DARK = 20  # grey that paper has at least
BLOCK = 8  # pixels: the side of the blocks whose noise is measured
LEVELS = (((51, 3), (20, 3)), ((10, 5), (20, 41)))  # of ink that is connected, over gaps of so many pixels; in 2 goes
PIECES = 3  # of ink that are tried for each level
LEAST = 0.15  # of the longer side of the picture, that a grid is wide and high, at least
LEAN, TAPER = 0.5, 0.5  # cosine of the corners of a grid, at most; ratio of opposite sides, at least
SAME = 20  # pixels between the corners of two pieces that are tried only once

FLAT = 720  # pixels: the longer side of a straightened picture
MARGIN, AROUND = 44, 90  # pixels around it; and where its corners are not sure yet
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
LOOKS, CUT = 4, 0.8  # at a straightened picture; what is left of its worth if a part of it was no grid
GOOD, CLEAR, BETTER = 0.75, 0.9, 1.1  # of the lines, seen at least; enough to stop; area that may yet win


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows and columns of cells.

    Attributes:
        corners: (rows + 1, columns + 1, 2) x and y of every crossing in pixels of the picture, from the upper left
            corner of its first pixel; inside the picture.
    """

    corners: Corners

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.corners) - 1

    @property
    def columns(self) -> int:
        """How many."""
        return int(self.corners.shape[1]) - 1

    def cell(self, row: int, column: int) -> Quad:
        """The corners of a cell in pixels of the picture, (4, 2), clockwise from the upper left one."""
        return self.corners[[row, row, row + 1, row + 1], [column, column + 1, column + 1, column]]

    def box(self, row: int, column: int) -> Box:
        """The smallest upright box of whole pixels around a cell."""
        cell = self.cell(row, column)
        left, top = (int(side) for side in np.floor(cell.min(axis=0)))
        right, bottom = (int(side) for side in np.ceil(cell.max(axis=0)))
        return left, top, right - left, bottom - top

    def straightened(self, grey: UInt8[np.ndarray, "height width"], side: int) -> UInt8[np.ndarray, "H W"]:
        """The grid as a straight picture, each cell stretched from its own corners.

        Args:
            grey: (height, width) uint8, the picture in which the grid was found.
            side: pixels that each row is high; columns are as wide in proportion, those of a sudoku the same.

        Raises:
            MissingExtra: the extra [forms] is not installed.
        """
        cv2 = _opencv()
        across, down = self.edges(side)
        places = np.stack(np.meshgrid(np.arange(across[-1]), np.arange(down[-1])), axis=-1) + 0.5
        maps = (self._places(places, side) - 0.5).astype(np.float32)
        straight: np.ndarray = cv2.remap(grey, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return straight

    def back(self, boxes: Float64[np.ndarray, "n 4"], side: int) -> Float64[np.ndarray, "n 4"]:
        """Boxes on the straightened picture as upright boxes on the photograph.

        Args:
            boxes: (n, 4) left, top, right, bottom in pixels of what `straightened` gives for the same `side`.
            side: see there.
        """
        corners = self._places(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]], side)  # (n, 4, 2)
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def edges(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Where columns and rows begin and end on the straightened picture."""
        widths = np.maximum(1, np.round(side * self._widths())).astype(int)
        return np.concatenate([[0], np.cumsum(widths)]), side * np.arange(self.rows + 1)

    def _widths(self) -> Float64[np.ndarray, " columns"]:
        """Of the columns, for rows of height 1, as they are without perspective."""
        wide, high = (np.linalg.norm(np.diff(self.corners, axis=axis), axis=-1).mean() for axis in (1, 0))
        view = _view(_frame(self.corners), np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
        widths: np.ndarray = np.diff(_through(view, self.corners)[..., 0].mean(axis=0)) * self.columns
        if np.abs(widths - 1).max() < EVEN:
            widths = np.ones(self.columns)
            wide = high if self.rows == self.columns == SUDOKU else wide
        shares: np.ndarray = widths * wide / high
        return shares

    def _places(self, places: Float64[np.ndarray, "*many 2"], side: int) -> Float64[np.ndarray, "*many 2"]:
        """From the straightened picture to the photograph: bilinear within each cell."""
        across, down = self.edges(side)
        column = np.clip(np.searchsorted(across, places[..., 0], side="right") - 1, 0, self.columns - 1)
        row = np.clip(np.searchsorted(down, places[..., 1], side="right") - 1, 0, self.rows - 1)
        u = ((places[..., 0] - across[column]) / np.diff(across)[column])[..., None]
        v = (places[..., 1] / side - row)[..., None]
        top = (1 - u) * self.corners[row, column] + u * self.corners[row, column + 1]
        bottom = (1 - u) * self.corners[row + 1, column] + u * self.corners[row + 1, column + 1]
        moved: np.ndarray = (1 - v) * top + v * bottom
        return moved


def find(grey: UInt8[np.ndarray, "height width"]) -> Grid:
    """The largest grid of a picture, of at least two rows and two columns.

    Args:
        grey: (height, width) uint8, dark lines on lighter paper, upright or nearly so.

    Raises:
        PictureError: there is none.
        MissingExtra: the extra [forms] is not installed.
    """
    cv2 = _opencv()
    height, width = grey.shape
    scale = LONG / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ink = _ink(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
    corners, quality = _best(ink)
    if quality < GOOD:
        raise PictureError("no grid found: expected the lines of a table or sudoku; a closer, sharper picture helps")
    return Grid(np.clip((corners + 0.5) * [width / size[0], height / size[1]], 0, [width, height]))


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("finding a grid", "forms") from error
    return cv2


def _ink(grey: Picture) -> Picture:
    """How much of the light of the paper around is missing at each pixel, of 255, less what noise takes away."""
    cv2 = _opencv()
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    paper = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((WIDEST, WIDEST)))
    missing = cv2.divide(cv2.subtract(paper, smooth), cv2.max(paper, DARK), scale=255)
    few = cv2.resize(missing, [side // BLOCK + 1 for side in grey.shape[::-1]], interpolation=cv2.INTER_AREA)
    calm = cv2.morphologyEx(few, cv2.MORPH_OPEN, np.ones((3, 3)))  # as in the blocks without ink
    ink: Picture = cv2.subtract(missing, cv2.resize(calm, grey.shape[::-1], interpolation=cv2.INTER_LINEAR))
    return ink


def _best(ink: Picture) -> tuple[Corners, float]:
    """The crossings of the largest grid, and how much of its lines is seen, 0 to 1."""
    best, seen, most = np.zeros((1, 1, 2)), 0.0, 0.0
    for levels in LEVELS:
        for quad in _candidates(ink, levels):
            if _area(quad) < BETTER * most:
                continue
            corners, quality = _crossings(ink, quad)
            worth = _area(_frame(corners)) * quality**2
            if quality >= GOOD and worth > most:
                best, seen, most = corners, quality, worth
        if seen >= CLEAR:
            break
    return best, seen


def _candidates(ink: Picture, levels: tuple[tuple[int, int], ...]) -> Iterator[Quad]:
    """Four corners of each large piece of connected ink, the largest first, and of the long strokes in it."""
    cv2 = _opencv()
    found: list[Quad] = []
    for level, gap in levels:
        joined = cv2.morphologyEx((ink >= level).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap)))
        found += _outlines(joined, LEAST * LONG)[:PIECES]
    different: list[Quad] = []
    for quad in sorted(found, key=_area, reverse=True):
        if all(np.abs(quad - other).max() > SAME for other in different):
            different.append(quad)
            yield quad
            yield from _tight(ink, quad)


def _outlines(mask: Picture, least: float) -> list[Quad]:
    """Four corners of each connected piece that is at least so wide and high, the largest first."""
    cv2 = _opencv()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    quads = []
    for label in 1 + np.flatnonzero(stats[1:, 2:4].min(axis=1) >= least):
        x, y, width, height = stats[label, :4]
        piece = labels[y : y + height, x : x + width] == label
        ends = np.append(piece.argmax(axis=1), width - 1 - piece[:, ::-1].argmax(axis=1))
        quads.append(_corners(np.stack([x + ends, y + np.tile(np.arange(height), 2)], axis=1).astype(np.int32)))
    return sorted((quad for quad in quads if _sides(quad).min() >= least), key=_area, reverse=True)


def _corners(points: np.ndarray) -> Quad:
    """The four points with the largest area between them, or if they are no rectangle, those of one around all."""
    cv2 = _opencv()
    hull = cv2.convexHull(points)
    hull = cv2.approxPolyDP(hull, 0.002 * cv2.arcLength(hull, True), True)[:, 0].astype(np.float64)
    chord = hull[None, :] - hull[:, None]  # [a, c]
    beside = chord[:, :, None, 0] * chord[:, None, :, 1] - chord[:, :, None, 1] * chord[:, None, :, 0]  # [a, c, b]
    a, c = np.unravel_index(np.ptp(beside, axis=2).argmax(), beside.shape[:2])
    quad = hull[[a, beside[a, c].argmin(), c, beside[a, c].argmax()]]
    if not _plausible(quad):
        quad = cv2.boxPoints(cv2.minAreaRect(points)).astype(np.float64)
    rightward = (np.roll(quad, -1, axis=0) - quad)[:, 0] / np.maximum(_sides(quad), 1)
    return np.roll(quad, -int(rightward.argmax()), axis=0)


def _plausible(quad: Quad) -> bool:
    """Whether a rectangle may look like that from somewhere."""
    along = (np.roll(quad, -1, axis=0) - quad) / np.maximum(_sides(quad), 1)[:, None]
    lean = np.abs((along * np.roll(along, -1, axis=0)).sum(axis=1)).max()
    ratio = _sides(quad)[:2] / np.maximum(_sides(quad)[2:], 1)
    return bool(lean < LEAN and ratio.min() > TAPER and ratio.max() < 1 / TAPER)


def _sides(quad: Quad) -> Float64[np.ndarray, " 4"]:
    sides: np.ndarray = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    return sides


def _area(quad: Quad) -> float:
    (ax, ay), (bx, by) = quad[2] - quad[0], quad[3] - quad[1]
    return float(abs(ax * by - ay * bx) / 2)


def _frame(corners: Corners) -> Quad:
    return corners[[0, 0, -1, -1], [0, -1, -1, 0]]


def _tight(ink: Picture, quad: Quad) -> list[Quad]:
    """The corners of what is long strokes, in and around four corners; of what these lead to, as long as it grows."""
    cv2 = _opencv()
    area = 0.0
    for _ in range(5):
        flat, back = _straight(ink, quad, AROUND)
        strokes = cv2.dilate(np.maximum(_ruled(flat), _ruled(_turned(flat)).T), np.ones((3, 3)))
        pieces = _outlines((strokes >= FAINT).astype(np.uint8), LEAST * FLAT)
        if not pieces:
            return []
        quad = _through(back, pieces[0])
        if not _plausible(quad):
            return []
        if abs(_area(quad) - area) < 0.02 * area:
            break
        area = _area(quad)
    return [quad]


def _straight(ink: Picture, quad: Quad, margin: int) -> tuple[Picture, View]:
    """What lies between four corners, as a straight picture with a margin, and the view from it back."""
    cv2 = _opencv()
    sides = _sides(quad)
    scale = 2 * FLAT / max(sides[0] + sides[2], sides[1] + sides[3])
    width, height = (max(FLAT // 8, round(scale * (sides[side] + sides[side + 2]) / 2)) for side in (0, 1))
    frame = np.array([[0.0, 0], [width, 0], [width, height], [0, height]]) + margin
    size = (width + 2 * margin + 1, height + 2 * margin + 1)
    return cv2.warpPerspective(ink, _view(quad, frame), size), _view(frame, quad)


def _view(places: Quad, seen: Quad) -> View:
    view: View = _opencv().getPerspectiveTransform(places.astype(np.float32), seen.astype(np.float32))
    return view


def _through(view: View, places: Float64[np.ndarray, "*many 2"]) -> Float64[np.ndarray, "*many 2"]:
    seen = places @ view[:, :2].T + view[:, 2]
    flat: np.ndarray = seen[..., :2] / seen[..., 2:]
    return flat


def _turned(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture.T)


def _ruled(ink: Picture, length: int = STROKE) -> Picture:
    """Ink that goes on evenly to the left and right: lines across, and little of what is written.

    Where it is little darker than above and below, but so on average all along, it is `FAINT`.
    """
    cv2 = _opencv()
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


def _crossings(ink: Picture, quad: Quad) -> tuple[Corners, float]:
    """Those of the grid between four corners, and how much of its lines is seen, 0 to 1."""
    cv2 = _opencv()
    bent, back = _straight(ink, quad, MARGIN)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in bent.shape[::-1]))
    rows, columns = (_followed(_ruled(part, SHORT), _ends(part), REACH) for part in (bent, _turned(bent)))
    worth = 1.0
    for look in range(LOOKS):
        x, y = _rebent(x, y, rows, columns)
        flat = cv2.remap(bent, x, y, cv2.INTER_LINEAR)
        ruled = _ruled(flat), _ruled(_turned(flat))
        rows, columns = (_followed(part, at, NEAR) for part, at in zip(ruled, _levels(*ruled), strict=True))
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
    return _through(back, places.astype(np.float64)), worth * float(seen.mean())


def _followed(ruled: Picture, levels: list[float], reach: int) -> _Lines:
    """The lines near these levels as they bend: the shortest ways along ink, by dynamic programming."""
    level, off = np.array(levels), np.arange(-reach, reach + 1)
    count = (ruled.shape[1] - 2 * MARGIN) // STEP
    ink = ruled[:, MARGIN : MARGIN + count * STEP].reshape(len(ruled), count, STEP).mean(axis=2) / CAP
    ink = _opencv().GaussianBlur(ink, (1, 7), 0)  # so that the middle of a thick line costs least
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
    cv2 = _opencv()
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
    cv2 = _opencv()
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
    return (rows, columns) if (seen + as_well) / 2 >= NINE and more + besides <= MORE else found


def _cover(ruled: Picture, reach: int) -> Float64[np.ndarray, " height"]:
    """The share of each row in which a line is so near."""
    seen = (ruled[:, MARGIN:-MARGIN] >= FAINT).astype(np.uint8)
    cover: np.ndarray = _opencv().dilate(seen, np.ones((2 * reach + 1, 1))).mean(axis=1)
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
