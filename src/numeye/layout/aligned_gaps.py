"""Finds gaps that several rows of a page have at one place: between the columns of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.tables.ruled_lines import text_height

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels

Gap = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class AlignedGapLimits:
    """When a gap of several rows separates columns. Lengths are in heights of a character.

    Attributes:
        min_rows: rows that make columns.
        max_row_distance: between the middles of two rows of one block.
        min_gap: width that the gaps of all rows have in common.
        min_own_gap: of a row that is split there.
        many_rows: rows whose gaps may be narrower: `min_gap_of_many`, `min_own_gap_of_many`.
        narrow_share: share of the gaps of a block that are narrow, inside its numbers.
        min_difference: between the narrow gaps and one that separates, if it is narrower than
            `min_own_gap`. So the digits of evenly spaced codes stay together.
        min_sides: share of the rows that have characters on both sides.
        exceptions: one of so many rows may have a character in the gap.
    """

    min_rows: int = 3
    max_row_distance: float = 4.0
    min_gap: float = 0.8
    min_own_gap: float = 0.6
    many_rows: int = 5
    min_gap_of_many: float = 0.35
    min_own_gap_of_many: float = 0.35
    narrow_share: float = 0.35
    min_difference: float = 0.25
    min_sides: float = 0.6
    exceptions: int = 4


LIMITS = AlignedGapLimits()


def find_aligned_gaps(
    boxes: Boxes, rows: Sequence[Sequence[int]], slope: float
) -> Bool[np.ndarray, " n"]:
    """Tell which characters begin a column: there is a gap before them, as in other rows.

    Args:
        boxes: left, top, right and bottom of each character in pixels.
        rows: the characters of each row from left to right, the rows from top to bottom.
        slope: of the rows, in pixels down for each pixel to the right.
    """
    begins = np.zeros(len(boxes), bool)
    if len(rows) < LIMITS.min_rows:
        return begins
    shift = slope * (boxes[:, 1] + boxes[:, 3]) / 2  # columns lean as rows slope
    left, right = boxes[:, 0] + shift, boxes[:, 2] + shift
    for block in _blocks(boxes, rows):
        digits = [digit for row in block for digit in row]
        height = text_height(boxes[digits])
        before, after = np.array([pair for row in block for pair in pairwise(row)]).T
        own = (left[after] - right[before]) / height
        for start, stop in _common_gaps(left, right, block, height):
            shares = np.minimum(left[after], stop) > np.maximum(right[before], start)
            is_wide = own >= _least_own_gap(own, (stop - start) / height)
            begins[after[is_wide & shares]] = True
    return begins


def _least_own_gap(own: Float64[np.ndarray, " gaps"], common: float) -> float:
    """Return how wide a gap must be that separates; see `AlignedGapLimits`."""
    if common >= LIMITS.min_gap:
        return LIMITS.min_own_gap
    narrow = max(float(np.quantile(own, LIMITS.narrow_share)), 0.0)
    return max(LIMITS.min_own_gap_of_many, narrow + LIMITS.min_difference)


def _blocks(boxes: Boxes, rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Yield rows that follow each other closely, without those that have no gap."""
    block: list[Sequence[int]] = []
    level = 0.0
    for row in rows:
        if len(row) < 2:
            continue
        sides = boxes[list(row)]
        centre = float((sides[:, 1] + sides[:, 3]).mean()) / 2
        reach = LIMITS.max_row_distance * text_height(sides)
        if block and centre - level > reach:
            yield from [block] if len(block) >= LIMITS.min_rows else []
            block = []
        block, level = [*block, row], centre
    if len(block) >= LIMITS.min_rows:
        yield block


def _common_gaps(
    left: Float64[np.ndarray, " n"],
    right: Float64[np.ndarray, " n"],
    block: list[Sequence[int]],
    height: float,
) -> list[Gap]:
    """Return the wide stretches that hardly any row has a character in."""
    digits = [digit for row in block for digit in row]
    starts, stops = np.sort(left[digits]), np.sort(right[digits])
    places = np.unique(np.concatenate([starts, stops]))
    covering = np.searchsorted(starts, places, "right") - np.searchsorted(stops, places, "right")
    is_free = covering[:-1] <= len(block) // LIMITS.exceptions
    gaps: list[Gap] = []
    for start, stop, free in zip(places[:-1].tolist(), places[1:].tolist(), is_free, strict=True):
        if not free:
            continue
        if gaps and gaps[-1][1] == start:
            gaps[-1] = gaps[-1][0], stop
        else:
            gaps.append((start, stop))
    return [gap for gap in gaps if _separates(gap, left, right, block, height)]


def _separates(
    gap: Gap,
    left: Float64[np.ndarray, " n"],
    right: Float64[np.ndarray, " n"],
    block: list[Sequence[int]],
    height: float,
) -> bool:
    """Tell whether a gap is wide, and most rows have characters on both sides of it."""
    has_many = len(block) >= LIMITS.many_rows
    if gap[1] - gap[0] < (LIMITS.min_gap_of_many if has_many else LIMITS.min_gap) * height:
        return False
    middle = (gap[0] + gap[1]) / 2
    both = sum(bool(left[row[0]] < middle < right[row[-1]]) for row in block)
    return both >= max(LIMITS.min_rows, LIMITS.min_sides * len(block))
