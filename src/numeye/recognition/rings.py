"""Removes rings and boxes that were drawn around numbers, so that the networks see the numbers.

A ring is a connected stroke that goes round some other strokes. It is told from a 0 by what is in
it, and from the lines of a table by how few times a line across it meets it. Connected strokes are
found by the runs of each row, which are united where they touch (Rosenfeld and Pfaltz 1966,
"Sequential operations in digital picture processing").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from jaxtyping import Bool, Int64, UInt8

    Grey = UInt8[np.ndarray, "height width"]
    Mask = Bool[np.ndarray, "rows columns"]


@dataclass(frozen=True, kw_only=True)
class RingLimits:
    """What is a ring. Heights and widths are shares of those of the ring.

    Attributes:
        max_side_px: strokes are sought on a copy with at most this longer side.
        blur_px: strokes are darker or lighter than the mean of so many pixels around them.
        contrast: by this share of the strongest contrast, ...
        min_contrast: ... and at least by so many grey levels.
        min_side_px: the sides of a ring have at least so many pixels on the copy.
        max_filled: share of a ring's box that it fills, at most.
        content_height: lowest and greatest height of the strokes in it.
        min_part: lower strokes in it, such as a decimal point, do not count for that height.
        max_parts: a ring goes round at most so many strokes.
        off_centre: how far the middle of the strokes in it may lie from its own middle.
        max_crossings: how many times a line across a ring meets it, on average.
        outline_strokes: a ring may be so many times wider than its stroke is on average.
        outline_share: share of a side in which the outline is sought from that side.
        middle_radius: strokes that touch the ring and come nearer to its middle than this are of
            the number.
        directions: from the middle, so many directions are looked at ...
        min_closed: ... and a ring is met in at least this share of them.
    """

    max_side_px: int = 700
    blur_px: int = 12
    contrast: float = 0.3
    min_contrast: float = 14.0
    min_side_px: int = 12
    max_filled: float = 0.5
    content_height: tuple[float, float] = (0.25, 0.9)
    min_part: float = 0.2
    max_parts: int = 16
    off_centre: float = 0.25
    max_crossings: float = 2.6
    outline_strokes: float = 1.5
    outline_share: float = 0.35
    middle_radius: float = 0.3
    directions: int = 24
    min_closed: float = 0.8


LIMITS = RingLimits()


def erase_rings(grey: Grey) -> Grey:
    """Return a picture without the rings and boxes around numbers; the same array without any.

    Args:
        grey: (height, width) uint8, of any size and polarity.
    """
    factor = max(1, -(-max(grey.shape) // LIMITS.max_side_px))
    small = np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey
    if min(small.shape) < LIMITS.min_side_px or np.ptp(small) < LIMITS.min_contrast:
        return grey
    strokes = _find_strokes(small)
    rings = _find_rings(strokes)
    if not rings:
        return grey
    erased = grey.copy()
    for left, top, ring in rings:
        _erase(erased, small, strokes, left, top, ring, factor)
    return erased


def _find_strokes(small: Grey) -> Mask:
    """Return what is clearly darker, or lighter, than its surroundings."""
    blurred = Image.fromarray(small).filter(ImageFilter.BoxBlur(LIMITS.blur_px))
    difference = small.astype(np.int16) - np.asarray(blurred, np.int16)
    darkest, lightest = -int(difference.min()), int(difference.max())
    # strokes are few: their contrast with the mean around them is stronger than that of the paper
    if lightest > darkest:
        difference, darkest = -difference, lightest
    strokes: np.ndarray = difference < -max(LIMITS.contrast * darkest, LIMITS.min_contrast)
    return strokes


# --- connected strokes


@dataclass(frozen=True, eq=False)
class _Strokes:
    """The connected strokes of a picture.

    Attributes:
        runs: (r, 3) row, first column and one past the last column of each run.
        owner: (r,) index of the stroke to which each run belongs.
        boxes: (n, 4) left, top, right and bottom of each stroke.
        pixels: (n,) number of its pixels.
    """

    runs: Int64[np.ndarray, "r 3"]
    owner: Int64[np.ndarray, " r"]
    boxes: Int64[np.ndarray, "n 4"]
    pixels: Int64[np.ndarray, " n"]

    def mask(self, index: int) -> Mask:
        """Return the pixels of a stroke in its box."""
        left, top, right, bottom = self.boxes[index].tolist()
        mask = np.zeros((bottom - top, right - left), bool)
        for row, first, end in self.runs[self.owner == index].tolist():
            mask[row - top, first - left : end - left] = True
        return mask


def _connect(strokes: Mask) -> _Strokes:
    """Find the connected strokes; pixels that touch at a corner are connected."""
    runs = _find_runs(strokes)
    upper, lower = _touching(runs, strokes.shape[1])
    labels = np.arange(len(runs))
    while True:  # each run takes the smallest label around it, and then the label of that run
        least = np.minimum(labels[upper], labels[lower])
        before = labels.copy()
        np.minimum.at(labels, upper, least)
        np.minimum.at(labels, lower, least)
        np.minimum.at(labels, before[upper], least)
        np.minimum.at(labels, before[lower], least)
        labels = labels[labels]
        if np.array_equal(labels, before):
            break
    _, owner = np.unique(labels, return_inverse=True)
    count = int(owner.max()) + 1 if len(owner) else 0
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = max(strokes.shape)
    np.minimum.at(boxes[:, 0], owner, runs[:, 1])
    np.minimum.at(boxes[:, 1], owner, runs[:, 0])
    np.maximum.at(boxes[:, 2], owner, runs[:, 2])
    np.maximum.at(boxes[:, 3], owner, runs[:, 0] + 1)
    pixels = np.bincount(owner, weights=runs[:, 2] - runs[:, 1], minlength=count)
    return _Strokes(runs, owner.astype(np.int64), boxes, pixels.astype(np.int64))


def _find_runs(strokes: Mask) -> Int64[np.ndarray, "r 3"]:
    padded = np.zeros((strokes.shape[0], strokes.shape[1] + 2), np.int8)
    padded[:, 1:-1] = strokes
    changes = np.diff(padded, axis=1)
    rows, firsts = np.nonzero(changes == 1)
    _, ends = np.nonzero(changes == -1)
    return np.stack([rows, firsts, ends], axis=1)


def _touching(
    runs: Int64[np.ndarray, "r 3"], width: int
) -> tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"]]:
    """Return pairs of runs that touch: one, and another in the row below it."""
    row, first, end = runs.T
    stride = width + 2
    starts, ends = row * stride + first, row * stride + end
    # runs of the next row that end at or behind the first column, and begin at or before the end
    low = np.searchsorted(ends, starts + stride, "left")
    high = np.searchsorted(starts, ends + stride, "right")
    counts = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    lower = np.repeat(low, counts) + offsets
    return upper, lower


# --- rings


def _find_rings(strokes: Mask) -> list[tuple[int, int, Mask]]:
    """Return left, top and mask of each ring."""
    found = _connect(strokes)
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    filled = found.pixels / np.maximum(sides.prod(axis=1), 1)
    is_large = (sides.min(axis=1) >= LIMITS.min_side_px) & (filled <= LIMITS.max_filled)
    rings = []
    for index in np.flatnonzero(is_large):
        if _holds_a_number(found, int(index)):
            mask = found.mask(int(index))
            if _is_ring(mask):
                left, top = found.boxes[index, :2].tolist()
                rings.append((left, top, _without_content(mask)))
    return rings


def _holds_a_number(found: _Strokes, index: int) -> bool:
    """Tell whether a few strokes of a fair size lie in the middle of a stroke's box."""
    left, top, right, bottom = found.boxes[index].tolist()
    width, height = right - left, bottom - top
    boxes = found.boxes
    inside = (boxes[:, 0] > left) & (boxes[:, 2] < right)
    inside &= (boxes[:, 1] > top) & (boxes[:, 3] < bottom)
    inside &= boxes[:, 3] - boxes[:, 1] >= LIMITS.min_part * height
    parts = boxes[inside]
    if not 0 < len(parts) <= LIMITS.max_parts:
        return False
    low, high = parts[:, :2].min(axis=0), parts[:, 2:].max(axis=0)
    offset = np.abs((low + high) / 2 - np.array([left + right, top + bottom]) / 2)
    share = float(high[1] - low[1]) / height
    is_centred = (offset <= LIMITS.off_centre * np.array([width, height])).all()
    return bool(is_centred and LIMITS.content_height[0] <= share <= LIMITS.content_height[1])


def _is_ring(mask: Mask) -> bool:
    """Tell whether a stroke goes round the middle of its box, and nowhere else."""
    padded = np.pad(mask, 1)
    for axis in (0, 1):
        starts = np.count_nonzero(np.diff(padded.astype(np.int8), axis=axis) == 1)
        if starts > LIMITS.max_crossings * mask.shape[1 - axis]:
            return False
    y, x = np.nonzero(mask)
    height, width = mask.shape
    angles = np.arctan2((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5)
    places = ((angles / (2 * np.pi) + 0.5) * LIMITS.directions).astype(np.int64)
    met = np.unique(places % LIMITS.directions)
    return len(met) >= LIMITS.min_closed * LIMITS.directions


def _without_content(ring: Mask) -> Mask:
    """Return a ring without the strokes in it that touch it and reach its middle."""
    rest = ring & ~_outline(ring)
    connected = _connect(rest)
    y, x = connected.runs[:, 0], connected.runs[:, 1:].mean(axis=1)
    height, width = ring.shape
    radius = np.hypot((y + 0.5) / height - 0.5, x / width - 0.5)
    content = np.unique(connected.owner[radius < LIMITS.middle_radius])
    outer = ring.copy()
    for row, first, end in connected.runs[np.isin(connected.owner, content)].tolist():
        outer[row, first:end] = False
    return outer


def _outline(ring: Mask) -> Mask:
    """Return what is no deeper in a ring than its stroke is wide, seen from all four sides."""
    height, width = ring.shape
    stroke_px = ring.sum() / (np.pi / 2 * (height + width))
    depth_px = int(np.ceil(LIMITS.outline_strokes * stroke_px)) + 1
    outline = np.zeros_like(ring)
    for turns in range(4):
        turned, part = np.rot90(ring, turns), np.rot90(outline, turns)  # views
        first = turned.argmax(axis=1)[:, None]  # of each row, from the left
        along = np.arange(turned.shape[1])
        is_near = first < LIMITS.outline_share * turned.shape[1]  # else the ring is open here
        part |= turned & is_near & (along < first + depth_px)
    return outline


def _erase(
    erased: Grey, small: Grey, strokes: Mask, left: int, top: int, ring: Mask, factor: int
) -> None:
    """Paint paper over a ring, one pixel of the small copy wider than it is."""
    height, width = ring.shape
    wide = np.asarray(Image.fromarray(np.pad(ring, 1)).filter(ImageFilter.MaxFilter(3)), bool)
    rows = slice(max(top - 1, 0), min(top + height + 1, small.shape[0]))
    columns = slice(max(left - 1, 0), min(left + width + 1, small.shape[1]))
    wide = wide[rows.start - top + 1 :, columns.start - left + 1 :]
    wide = wide[: rows.stop - rows.start, : columns.stop - columns.start]
    paper = small[rows, columns][~strokes[rows, columns]]
    level = int(np.median(paper)) if len(paper) else int(np.median(small))
    large = np.repeat(np.repeat(wide, factor, axis=0), factor, axis=1)
    part = erased[rows.start * factor : rows.stop * factor, columns.start * factor :]
    part = part[: large.shape[0], : large.shape[1]]
    part[large[: part.shape[0], : part.shape[1]]] = level
