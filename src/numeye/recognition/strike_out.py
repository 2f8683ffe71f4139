"""Tells whether a number is struck out, from the geometry of the strokes in its picture.

Two shapes are known, relative to the height of the number's characters:

- *lines*: one that crosses all characters at about half their height, is straight or slightly bent,
  and goes on beyond both ends; or both diagonals of a number. A line that goes on far beyond the
  number is a ruled line of the page.
- a *scribble*: a zigzag or a wave, which fills the number with many more strokes than characters
  have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from numeye.results import Number

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64, UInt8

    Mask = Bool[np.ndarray, "rows columns"]


@dataclass(frozen=True, kw_only=True)
class StrikeLimits:
    """What strikes a number out. Lengths are in heights of its characters.

    Attributes:
        height_px: height that the characters are scaled to.
        beside: what is looked at on the left and the right of the number.
        above: what is looked at above and below it.
        ink: from this share of the strongest contrast on, a pixel belongs to a stroke; a strike may
            be paler than what it strikes out.
        faint: likewise, to a ruled line, which may be paler still.
        middle: where the middle of a line must lie, from the top (0) to the foot (1).
        bows: how far the middle of a bent line lies below its ends.
        covered: share of a line between the ends of the number that must be drawn.
        min_end: how far a line must go on beyond both ends of a number.
        min_single_end: likewise, of a single character.
        inside: a box may hold one end of a line; so far inside the boxes of several characters, the
            line may begin to go on.
        min_inside: how far it must go on there, alone, instead of beyond that end.
        alone: a line goes on alone where no more than this is drawn near it, in a column.
        near: what is near a line, above and below it.
        ruled: a line that goes on so far on both sides, or to the edge of the picture, is ruled.
        dense: least density of a scribble: the number of strokes that a level line crosses in one
            height, and `filled_weight` times the share that is drawn.
        dense_single: likewise, of a single character, which may be an 8 in bold strokes.
        filled_weight: see `dense`.
        columns: share of a scribble's columns in which something is drawn.
    """

    height_px: int = 20
    beside: float = 2.5
    above: float = 0.5
    ink: float = 0.28
    faint: float = 0.17
    middle: tuple[float, float] = (0.22, 0.8)
    bows: tuple[float, ...] = (-0.1, 0.0, 0.1)
    covered: float = 0.95
    min_end: float = 0.1
    min_single_end: float = 0.2
    inside: float = 0.3
    min_inside: float = 0.25
    alone: float = 0.2
    near: float = 0.25
    ruled: float = 2.2
    dense: float = 6.2
    dense_single: float = 7.6
    filled_weight: float = 6.0
    columns: float = 0.95


LIMITS = StrikeLimits()
TOP_ROW = round(LIMITS.above * LIMITS.height_px)  # of the characters, in a part
PART_ROWS = LIMITS.height_px + 2 * TOP_ROW
MIN_WIDTH = 0.7  # of a character with the gap beside it, in heights
LINE_SAMPLES = 32  # points of a line between the ends of a number
END_STEP = 2  # rows between the ends of two lines that are tried
END_PX = 8  # how far the ends of all lines are followed
# A line that falls or rises by less than this, in heights, is level, and by more it is steep.
LEVEL_FALL, STEEP_FALL = 0.35, 0.5
RULED_ROWS = 2  # a line that comes so near to a ruled one is not told from it
TRACK_ROWS = 2  # how many rows a line may drift from one column to the next
MAX_GAP_PX = 2  # columns that a line may skip
TOLERANCE = 1e-9  # of lengths in heights
MIN_NUMBERS = 2  # on a page on which one may be struck out


def find_struck_out(
    grey: UInt8[np.ndarray, "height width"], boxes: Float64[np.ndarray, "n 4"]
) -> bool:
    """Tell whether the number with these characters is struck out.

    Args:
        grey: (height, width) uint8, the page, of any polarity.
        boxes: left, top, right and bottom of the characters of one number, in pixels of the page.
    """
    part = _cut(grey, boxes) if len(boxes) else None
    return part is not None and (_is_scribbled(part) or _has_strike(part))


def mark_struck_out(
    grey: UInt8[np.ndarray, "height width"], numbers: Sequence[Number]
) -> list[Number]:
    """Return the numbers, those that are struck out marked.

    A number alone is never struck out: it would be replaced, and nothing would be left to read.

    Args:
        grey: (height, width) uint8, the page, of any polarity.
        numbers: on it, with boxes in its pixels.
    """
    if len(numbers) < MIN_NUMBERS:
        return list(numbers)
    return [replace(number, struck_out=find_struck_out(grey, _boxes(number))) for number in numbers]


def _boxes(number: Number) -> Float64[np.ndarray, "n 4"]:
    """Return left, top, right and bottom of the characters of a number."""
    boxes = [character.box for character in number.characters if not character.filler]
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]  # from x, y, width, height
    return corners


@dataclass(frozen=True, eq=False)
class _Part:
    """A number and its surroundings, scaled to `StrikeLimits.height_px`.

    Attributes:
        mask: (`PART_ROWS`, columns), what is drawn; the characters begin in row `TOP_ROW`.
        faint: likewise, with what is paler.
        left: first column of the number.
        right: its last column.
        count: number of characters.
    """

    mask: Mask
    faint: Mask
    left: int
    right: int
    count: int


def _cut(
    grey: UInt8[np.ndarray, "height width"], boxes: Float64[np.ndarray, "n 4"]
) -> _Part | None:
    """Cut a number out of a page; None for one without any size."""
    left, right = float(boxes[:, 0].min()), float(boxes[:, 2].max())
    top, bottom = float(np.median(boxes[:, 1])), float(np.median(boxes[:, 3]))
    height = bottom - top
    if height < 1 or right - left < 1:
        return None
    scale, beside, above = LIMITS.height_px / height, LIMITS.beside, LIMITS.above
    x0, x1 = max(0, int(left - beside * height)), min(grey.shape[1], int(right + beside * height))
    y0, y1 = max(0, int(top - above * height)), min(grey.shape[0], int(bottom + above * height))
    columns, rows = round((x1 - x0) * scale), round((y1 - y0) * scale)
    if min(columns, rows) < 2:
        return None
    image = Image.fromarray(np.ascontiguousarray(grey[y0:y1, x0:x1]))
    levels = np.asarray(image.resize((columns, rows), Image.Resampling.BOX))
    first = min(max(round((left - x0) * scale), 0), columns - 1)
    last = min(max(round((right - x0) * scale) - 1, first), columns - 1)
    mask, faint = np.zeros((2, PART_ROWS, columns), bool)
    start = max(TOP_ROW - round((top - y0) * scale), 0)
    rows = min(rows, PART_ROWS - start)
    inside = slice(start, start + rows)
    mask[inside], faint[inside] = _find_ink(levels[:rows], first, last)
    return _Part(mask, faint, first, last, len(boxes))


def _find_ink(
    levels: UInt8[np.ndarray, "rows columns"], left: int, right: int
) -> tuple[Mask, Mask]:
    """Return what is drawn, and that with what is faint: darker or lighter than the paper."""
    paper, number = float(np.median(levels[::2, ::2])), levels[:, left : right + 1]
    darker, lighter = paper - float(number.min()), float(number.max()) - paper
    if darker >= lighter:
        return levels < paper - LIMITS.ink * darker, levels < paper - LIMITS.faint * darker
    return levels > paper + LIMITS.ink * lighter, levels > paper + LIMITS.faint * lighter


# --- scribbles


def _is_scribbled(part: _Part) -> bool:
    """Tell whether strokes are denser in a number than in any row of characters."""
    margin = LIMITS.height_px // 5
    rows = slice(TOP_ROW + margin, TOP_ROW + LIMITS.height_px - margin)
    inner = part.mask[rows, part.left : part.right + 1]
    starts = np.count_nonzero(inner[:, 1:] & ~inner[:, :-1]) + np.count_nonzero(inner[:, 0])
    heights = max(inner.shape[1] / LIMITS.height_px, MIN_WIDTH * part.count)
    filled = np.count_nonzero(inner) / inner.size
    density = starts / len(inner) / heights + LIMITS.filled_weight * filled
    least = LIMITS.dense if part.count > 1 else LIMITS.dense_single
    return bool(density > least and inner.any(axis=0).mean() >= LIMITS.columns)


# --- lines


def _has_strike(part: _Part) -> bool:
    """Tell whether a line crosses all characters and goes on beyond them, but not far beyond.

    A single character needs a level line, or two that cross: a stroke of its own may be slanted.
    """
    if part.mask[:, part.left : part.right + 1].any(axis=0).mean() < LIMITS.covered:
        return False  # there are gaps that no line crosses
    rows, fall = _strike_rows()
    columns = np.rint(np.linspace(part.left, part.right, LINE_SAMPLES)).astype(np.int64)
    thick = _thicken(part.mask)
    drawn = np.take(thick.ravel(), rows * thick.shape[1] + columns)  # (lines, samples)
    lines = np.flatnonzero(np.count_nonzero(drawn, axis=1) >= LIMITS.covered * LINE_SAMPLES)
    if not len(lines):
        return False
    outside, inside = _measure_ends(thick, part, rows[lines])
    least = LIMITS.min_single_end if part.count == 1 else LIMITS.min_end
    goes_beyond = outside >= least - TOLERANCE
    goes_on = (goes_beyond | (inside >= LIMITS.min_inside - TOLERANCE)).all(axis=0)
    goes_on &= goes_beyond.any(axis=0)
    if part.count == 1:
        fall, is_level = fall[lines], np.abs(fall[lines]) < LEVEL_FALL
        if (goes_on & (fall > STEEP_FALL)).any() and (goes_on & (fall < -STEEP_FALL)).any():
            return True
        goes_on &= is_level
    order = np.argsort(-outside.sum(axis=0)[goes_on], kind="stable")
    return _any_ends(part, rows[lines[goes_on]][order])


def _any_ends(part: _Part, rows: Int64[np.ndarray, "n samples"]) -> bool:
    """Tell whether one of some lines ends near the number; the others are ruled."""
    while len(rows):
        before = _track(part.faint, part.left, int(rows[0, 0]), -1)
        behind = _track(part.faint, part.right, int(rows[0, -1]), 1)
        if min(before, behind) < LIMITS.ruled:
            return True
        # what lies near a ruled line is the same line
        distance = np.abs(rows - rows[0]).min(axis=1)
        rows = rows[distance > RULED_ROWS]
    return False


@lru_cache(maxsize=1)
def _strike_rows() -> tuple[Int64[np.ndarray, "lines samples"], Float64[np.ndarray, " lines"]]:
    """Return the rows of all lines that are tried, and how far each falls, in heights."""
    height = LIMITS.height_px
    ends = np.arange(2, PART_ROWS - 1, END_STEP)
    first, last, bow = (grid.ravel() for grid in np.meshgrid(ends, ends, LIMITS.bows))
    low, high = (TOP_ROW + share * height for share in LIMITS.middle)
    middle = (first + last) / 2 + bow * height
    is_middle = (middle >= low) & (middle <= high)
    first, last, bow = first[is_middle], last[is_middle], bow[is_middle]
    share = np.linspace(0, 1, LINE_SAMPLES)
    bend = 4 * share * (1 - share) * height * bow[:, None]
    rows = np.rint(first[:, None] + (last - first)[:, None] * share + bend).astype(np.int64)
    return np.clip(rows, 0, PART_ROWS - 1), (last - first) / height


def _measure_ends(
    thick: Mask, part: _Part, rows: Int64[np.ndarray, "n samples"]
) -> tuple[Float64[np.ndarray, "2 n"], Float64[np.ndarray, "2 n"]]:
    """Return how far lines go on beyond the two ends of a number, and alone inside of them.

    In heights, at most `END_PX`. Inside is nothing at a single character, which may have a bar of
    its own.
    """
    slope = (rows[:, -1] - rows[:, 0]) / max(part.right - part.left, 1)  # (n,)
    most = round(LIMITS.inside * LIMITS.height_px) if part.count > 1 else 0
    is_alone = thick & _has_little_near(part.mask)
    outside, inside = [], []
    for column, row, sign in ((part.left, rows[:, 0], -1), (part.right, rows[:, -1], 1)):
        away = sign * slope
        outside.append(_drawn_steps(thick, column, row, away, sign, np.arange(1, END_PX + 1)))
        inside.append(_drawn_steps(is_alone, column, row, away, sign, -np.arange(most)))
    return np.array(outside) / LIMITS.height_px, np.array(inside) / LIMITS.height_px


def _drawn_steps(
    mask: Mask,
    column: int,
    row: Int64[np.ndarray, " n"],
    slope: Float64[np.ndarray, " n"],
    sign: int,
    steps: Int64[np.ndarray, " k"],
) -> Int64[np.ndarray, " n"]:
    """Return how many steps from the end of a number are drawn, until the first that is not.

    Args:
        mask: what is drawn.
        column: of the end.
        row: of each line there.
        slope: of each line away from the number, in rows a column.
        sign: the direction away from the number, -1 to the left or 1 to the right.
        steps: columns away from the end; negative into the number.
    """
    x = column + sign * steps  # (k,)
    y = np.rint(row[:, None] + slope[:, None] * steps).astype(np.int64)  # (n, k)
    within = (x >= 0) & (x < mask.shape[1])
    drawn = mask[y.clip(0, PART_ROWS - 1), x.clip(0, mask.shape[1] - 1)] & within
    count: np.ndarray = np.logical_and.accumulate(drawn, axis=1).sum(axis=1)
    return count


def _has_little_near(mask: Mask) -> Mask:
    """Tell for each place whether no more than a line is drawn above and below it."""
    near = round(LIMITS.near * LIMITS.height_px)
    padded = np.pad(mask, ((near + 1, near), (0, 0)))
    sums = np.cumsum(padded, axis=0, dtype=np.int64)
    drawn = sums[2 * near + 1 :] - sums[: -2 * near - 1]
    is_little: np.ndarray = drawn <= LIMITS.alone * LIMITS.height_px
    return is_little


def _thicken(mask: Mask) -> Mask:
    """Return a mask with one more row above and below what is drawn."""
    thick = mask.copy()
    thick[1:] |= mask[:-1]
    thick[:-1] |= mask[1:]
    return thick


def _track(mask: Mask, column: int, row: int, step: int) -> float:
    """Follow a line from one end of a number to where it ends. Return how far that is, in heights.

    It is infinite where the line reaches the edge of the picture.
    """
    gap, place = 0, float(row)
    x = column + step
    while 0 <= x < mask.shape[1]:
        low = max(round(place) - TRACK_ROWS, 0)
        near = np.flatnonzero(mask[low : round(place) + TRACK_ROWS + 1, x])
        gap = 0 if len(near) else gap + 1
        if gap > MAX_GAP_PX:
            return (abs(x - column) - gap) / LIMITS.height_px
        if len(near):
            place = 0.5 * place + 0.5 * float(low + near.mean())
        x += step
    return float("inf")
