"""Puts small signs into the rows of the characters beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class SignLimits:
    """How far a sign may be from its neighbour. Lengths are in heights of the neighbour.

    Attributes:
        max_gap: between the two, from side to side.
        max_above: of the sign's middle above the top of the neighbour.
        max_below: of the sign's middle below the foot of the neighbour.
        level_weight: weight of the distance from where the sign stands in a row, against that of
            the gap. So a comma that hangs down is not taken into the row below.
    """

    max_gap: float = 1.2
    max_above: float = 0.2
    max_below: float = 0.35
    level_weight: float = 0.5


LIMITS = SignLimits()


def add_signs(
    boxes: Boxes,
    rows: Sequence[Sequence[int]],
    signs: Int64[np.ndarray, " signs"],
    levels: Float64[np.ndarray, " n"],
) -> list[list[int]]:
    """Return the rows with each sign in the row of its nearest neighbour, in any order.

    A sign without a neighbour is left out.

    Args:
        boxes: left, top, right and bottom of all characters in pixels.
        rows: the places of the other characters.
        signs: the places of the signs.
        levels: where the middle of each character is, from the top (0) to the foot (1) of its row.
    """
    extended = [list(row) for row in rows]
    bodies = np.array([place for row in rows for place in row], np.int64)
    row_of = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    if not len(bodies):
        return extended
    for sign in signs.tolist():
        distances = _distances(boxes[sign], float(levels[sign]), boxes[bodies])
        nearest = int(distances.argmin())
        if np.isfinite(distances[nearest]):
            extended[row_of[nearest]].append(sign)
    return extended


def _distances(
    sign: Float64[np.ndarray, " 4"], level: float, boxes: Float64[np.ndarray, "m 4"]
) -> Float64[np.ndarray, " m"]:
    """Return the distances of a sign from other characters, infinite where they are too far."""
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-9)
    gap = np.maximum(np.maximum(boxes[:, 0] - sign[2], sign[0] - boxes[:, 2]), 0) / height
    middle = (sign[1] + sign[3]) / 2
    is_beside = (
        (gap <= LIMITS.max_gap)
        & (middle >= boxes[:, 1] - LIMITS.max_above * height)
        & (middle <= boxes[:, 3] + LIMITS.max_below * height)
    )
    off = np.abs((middle - boxes[:, 1]) / height - level)
    distances: np.ndarray = np.where(is_beside, gap + LIMITS.level_weight * off, np.inf)
    return distances
