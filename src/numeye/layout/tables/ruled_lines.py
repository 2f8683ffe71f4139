"""Finds the ruled lines of a page: of tables, forms and comb fields.

A line is a chain of places that are darker than the paper above and below, each close to the next.
So lines may slope, bend and be faint, but writing makes no long chains. Ink inside the boxes of
characters says nothing about lines: a column of ones is none. Lines continue behind characters and
over short breaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from numeye.layout.tables.line_pieces import RuledLine, follow_links, join_pieces

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64, UInt8, UInt16

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Picture = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class RuledLineLimits:
    """What counts as a ruled line. Lengths without a unit are in heights of the text.

    Attributes:
        searched_text_px: larger text is shrunk to about this height before the search.
        squeeze: over which length the page is averaged along the lines.
        reach: across a line, between its middle and the paper beside it.
        half_width: across a line, over which it is smoothed.
        min_contrast: that the middle of a line is darker than the paper beside it, in grey levels.
        noise_factor: and at least so many times the noise of the averaged page.
        min_evenness: contrast of the fainter of two places of a chain, of that of the other.
        steps: how far across two places of a chain may differ, by the columns between them.
        min_piece: length of a chain.
        min_length: of a line; a shorter one must reach from one line to another.
        end_tolerance: between the end of a line and the line that it reaches.
        min_cover: share of a chain that is visible.
    """

    searched_text_px: float = 20.0
    squeeze: float = 0.15
    reach: float = 0.22
    half_width: float = 0.1
    min_contrast: int = 5
    noise_factor: float = 3.0
    min_evenness: float = 0.3
    steps: tuple[int, ...] = (1, 2, 2)
    min_piece: float = 0.7
    min_length: float = 1.5
    end_tolerance: float = 0.35
    min_cover: float = 0.7


LIMITS = RuledLineLimits()


@dataclass(frozen=True)
class RuledLines:
    """The ruled lines of a page, in its pixels.

    Attributes:
        horizontal: lines across the page.
        vertical: lines down the page.
        text_height: typical height of a character.
    """

    horizontal: tuple[RuledLine, ...] = ()
    vertical: tuple[RuledLine, ...] = ()
    text_height: float = 0.0


def find_ruled_lines(grey: Picture, boxes: Boxes) -> RuledLines:
    """Find the ruled lines of a page that is upright, or turned by a few degrees.

    Args:
        grey: (height, width) uint8, of either polarity.
        boxes: left, top, right and bottom of each character that was found, in pixels. Without
            characters there is no measure of what a line is, and none is found.
    """
    if not len(boxes):
        return RuledLines()
    height = max(1.0, text_height(boxes))
    factor = max(1, int(height // LIMITS.searched_text_px))
    dark_ink = grey if _is_ink_dark(grey, boxes) else 255 - grey
    page = Image.fromarray(dark_ink)
    page = page.reduce(factor) if factor > 1 else page
    upright, lying = page, page.transpose(Image.Transpose.TRANSPOSE)
    horizontal, vertical = (
        tuple(
            RuledLine(line.along * factor, line.across * factor)
            for line in _find_horizontal(part, part_boxes / factor, height / factor)
        )
        for part, part_boxes in ((upright, boxes), (lying, boxes[:, [1, 0, 3, 2]]))
    )
    return RuledLines(
        _drop_strokes(horizontal, vertical, height),
        _drop_strokes(vertical, horizontal, height),
        height,
    )


def text_height(boxes: Boxes) -> float:
    """Return the typical height of the characters, at least one, in pixels.

    Points and strokes are lower than digits, so it is a little above the median.
    """
    return float(np.quantile(boxes[:, 3] - boxes[:, 1], 0.6))


def _is_ink_dark(grey: Picture, boxes: Boxes) -> bool:
    """Tell whether the characters are darker than the paper around them."""
    votes = 0
    for left, top, right, bottom in boxes[:100].astype(int).tolist():
        part = grey[max(0, top) : bottom + 1, max(0, left) : right + 1]
        if part.size:
            mean = float(part.mean())
            votes += 1 if mean - float(part.min()) >= float(part.max()) - mean else -1
    return votes >= 0


def _drop_strokes(
    lines: tuple[RuledLine, ...], others: tuple[RuledLine, ...], height: float
) -> tuple[RuledLine, ...]:
    """Drop short lines that do not reach from one line of the other direction to another."""
    long_px, tolerance = LIMITS.min_length * height, LIMITS.end_tolerance * height
    crossing = [line for line in others if line.length >= long_px]

    def is_reached(along: float, across: float) -> bool:
        return any(
            abs(other.at(across) - along) <= tolerance
            and other.start - tolerance <= across <= other.stop + tolerance
            for other in crossing
        )

    return tuple(
        line
        for line in lines
        if line.length >= long_px
        or (
            is_reached(line.start, float(line.across[0]))
            and is_reached(line.stop, float(line.across[-1]))
        )
    )


# --- places that may belong to a horizontal line


def _find_horizontal(page: Image.Image, boxes: Boxes, height: float) -> list[RuledLine]:
    squeeze = max(1, round(LIMITS.squeeze * height))
    profile = np.asarray(page.reduce((squeeze, 1)))
    places = _find_places(profile, boxes / [squeeze, 1, squeeze, 1], height)
    column, row, _ = places
    least = max(3, math.ceil(LIMITS.min_cover * LIMITS.min_piece * height / squeeze))
    pieces = [
        RuledLine((column[chain] + 0.5) * squeeze, row[chain] + 0.5)
        for chain in _link_places(*places, least)
        if (column[chain[-1]] - column[chain[0]] + 1) * squeeze >= LIMITS.min_piece * height
    ]
    return join_pieces(pieces, boxes, height, squeeze)


def _find_places(
    profile: Picture, boxes: Boxes, height: float
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Return where the page is darker than above and below: columns, rows and contrasts.

    They are sorted by columns.
    """
    reach = max(2, round(LIMITS.reach * height))
    brightest = _running_maximum(np.pad(profile, ((reach, reach), (0, 0)), mode="edge"), reach)
    count = len(profile)
    beside = np.minimum(brightest[:count], brightest[reach + 1 : reach + 1 + count])
    contrast = np.maximum(beside, profile) - profile
    steps = np.abs(np.diff(profile[:: max(1, count // 400)].astype(np.int16), axis=1))
    noise = 1.05 * float(np.median(steps)) if steps.size else 0.0  # of one place
    least = max(LIMITS.min_contrast, LIMITS.noise_factor * noise)
    for left, top, right, bottom in np.round(boxes).astype(int).tolist():
        contrast[max(0, top - 1) : bottom + 1, max(0, left) : max(right, left + 1)] = 0
    smooth = _smooth(contrast, max(1, round(LIMITS.half_width * height)))
    padded = np.pad(smooth, ((1, 1), (0, 0)))
    is_peak = (smooth >= padded[:-2]) & (smooth > padded[2:])
    is_peak &= contrast >= least
    column, row = np.nonzero(is_peak.T)
    return column, row, contrast[row, column].astype(np.int64)


def _smooth(values: Picture, half_width: int) -> UInt16[np.ndarray, "height width"]:
    """Return triangular sums over the rows, so that a wide line has one middle."""
    total = np.zeros(values.shape, np.uint16)
    for offset in range(-half_width, half_width + 1):
        weight = np.uint16(half_width + 1 - abs(offset))
        part = values[max(0, -offset) : len(values) - max(0, offset)]
        total[max(0, offset) : len(values) - max(0, -offset)] += weight * part
    return total


def _running_maximum(values: Picture, length: int) -> Picture:
    """Return the maximum of each `length` rows, from each row on."""
    done = 1
    while done < length:
        step = min(done, length - done)
        values = np.maximum(values[:-step], values[step:])
        done += step
    return values


# --- chains of places


def _link_places(
    column: Int64[np.ndarray, " n"],
    row: Int64[np.ndarray, " n"],
    contrast: Int64[np.ndarray, " n"],
    least: int,
) -> list[Int64[np.ndarray, " chain"]]:
    """Link each place with the nearest one in the next columns; return chains of `least`."""
    count = len(column)
    if not count:
        return []
    following = np.full(count, -1)
    taken = np.zeros(count, bool)
    stride = int(row.max()) + 8
    keys = column * stride + row  # increasing
    for distance, most in enumerate(LIMITS.steps, start=1):
        target = keys + distance * stride
        place = np.searchsorted(keys, target)
        options = np.stack([np.clip(place - 1, 0, count - 1), np.clip(place, 0, count - 1)])
        off = np.abs(keys[options] - target)
        nearest = options[off.argmin(axis=0), np.arange(count)]
        off = off.min(axis=0)
        lower = np.minimum(contrast, contrast[nearest])
        is_even = lower >= LIMITS.min_evenness * np.maximum(contrast, contrast[nearest])
        free = np.flatnonzero((off <= most) & is_even & (following < 0) & ~taken[nearest])
        by_distance = free[np.argsort(off[free], kind="stable")]
        _, first = np.unique(nearest[by_distance], return_index=True)
        chosen = by_distance[first]
        following[chosen] = nearest[chosen]
        taken[nearest[chosen]] = True
    return follow_links(following, least)
