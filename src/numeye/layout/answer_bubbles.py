"""Finds the bubbles of answer sheets: printed circles to fill in, which look like zeros.

They stand in rows at equal distances, are as high as they are wide, and all have one size. Zeros
differ more: those that people write have many sizes, and printed ones are narrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class BubbleLimits:
    """What a bubble is. Distances are in widths of a bubble.

    Attributes:
        max_aspect: of width and height, the longer one divided by the shorter one.
        max_deviation: standard deviation of the widths, and of the heights, on a page, divided by
            their mean.
        max_level: between the middles of two bubbles of a row, up or down.
        steps: least and greatest distance between the middles of two that stand side by side.
        step_tolerance: by which these distances may differ in a row.
        min_row: bubbles side by side, from which on they are a row.
        min_page: bubbles in rows, from which on there are bubbles on a page.
    """

    max_aspect: float = 1.18
    max_deviation: float = 0.07
    max_level: float = 0.3
    steps: tuple[float, float] = (1.2, 4.0)
    step_tolerance: float = 0.15
    min_row: int = 3
    min_page: int = 8


LIMITS = BubbleLimits()


def find_bubbles(boxes: Boxes, is_zero: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Tell which characters are bubbles.

    Args:
        boxes: left, top, right and bottom of each character in pixels.
        is_zero: which characters look like a zero; the others are none.
    """
    is_bubble = np.zeros(len(boxes), bool)
    sides = boxes[:, 2:] - boxes[:, :2]
    is_round = sides.max(axis=1) <= LIMITS.max_aspect * np.maximum(sides.min(axis=1), 1e-9)
    places = np.flatnonzero(is_zero & is_round)
    if len(places) < LIMITS.min_page:
        return is_bubble
    typical = np.median(sides[places], axis=0)
    alike = (np.abs(sides[places] / typical - 1) <= 3 * LIMITS.max_deviation).all(axis=1)
    in_rows = _in_rows(boxes, places[alike], float(typical[0]))
    if len(in_rows) >= LIMITS.min_page and _have_one_size(sides[in_rows]):
        is_bubble[in_rows] = True
    return is_bubble


def _have_one_size(sides: Float64[np.ndarray, "m 2"]) -> bool:
    return bool((sides.std(axis=0) <= LIMITS.max_deviation * sides.mean(axis=0)).all())


def _in_rows(boxes: Boxes, places: Int64[np.ndarray, " m"], width: float) -> list[int]:
    """Return the places of those that stand in rows at equal distances."""
    middles = (boxes[places, :2] + boxes[places, 2:]) / (2 * width)  # in widths
    found: list[int] = []
    left = set(range(len(places)))
    for first in np.argsort(middles[:, 0], kind="stable").tolist():
        if first not in left:
            continue
        row = _follow(middles, first)
        left -= set(row)
        if len(row) >= LIMITS.min_row:
            found += places[row].tolist()
    return found


def _follow(middles: Float64[np.ndarray, "m 2"], first: int) -> list[int]:
    """Return the places of the circles from one to the right that have its distance."""
    row, step = [first], 0.0
    while True:
        right, down = (middles - middles[row[-1]]).T
        least, most = (
            (step - LIMITS.step_tolerance, step + LIMITS.step_tolerance) if step else LIMITS.steps
        )
        is_next = (right >= least) & (right <= most) & (np.abs(down) <= LIMITS.max_level)
        following = np.flatnonzero(is_next)
        if not len(following):
            return row
        nearest = int(following[right[following].argmin()])
        step = step or float(right[nearest])
        row.append(nearest)
