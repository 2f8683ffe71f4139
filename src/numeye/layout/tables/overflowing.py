"""Finds digits that are written over the line between two columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.tables.ruled_grids import RuledGrid

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Places = Int64[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class OverflowLimits:
    """When a character on a line belongs to the other column.

    Attributes:
        margin: share of its width that is on each side of the line at least.
        min_shared_height: of the lower of two characters, that both share in one row.
        min_difference: by how much it must be nearer to its neighbour beyond the line, in heights
            of the text.
    """

    margin: float = 0.25
    min_shared_height: float = 0.4
    min_difference: float = 0.3


LIMITS = OverflowLimits()


def pull_back(grid: RuledGrid, flat: Boxes, column: Places, height: float) -> Places:
    """Return the column of each character, that of its nearer neighbour if it lies on a line.

    Args:
        grid: in which the characters are.
        flat: their boxes on the straightened page.
        column: in which the centre of each is.
        height: of the text.
    """
    moved = column.copy()
    levels = (flat[:, 1] + flat[:, 3]) / 2
    for index, edge in enumerate(grid.column_edges[1:-1], start=1):
        x = np.interp(levels, edge.line.along, edge.line.across)
        margin = LIMITS.margin * (flat[:, 2] - flat[:, 0])
        is_crossed = (flat[:, 0] + margin < x) & (x < flat[:, 2] - margin)
        is_crossed &= (column == index) | (column == index - 1)
        for place in np.flatnonzero(is_crossed).tolist():
            left, right = _gaps(flat, place)
            if abs(left - right) > LIMITS.min_difference * height:
                moved[place] = index - 1 if left < right else index
    return moved


def _gaps(flat: Boxes, place: int) -> tuple[float, float]:
    """Return the distances to the next character of the row on the left and on the right."""
    box = flat[place]
    heights = np.minimum(flat[:, 3] - flat[:, 1], box[3] - box[1])
    shared = np.minimum(flat[:, 3], box[3]) - np.maximum(flat[:, 1], box[1])
    in_row: Bool[np.ndarray, " n"] = shared >= LIMITS.min_shared_height * heights
    in_row[place] = False
    centres, centre = flat[:, 0] + flat[:, 2], box[0] + box[2]
    to_left = box[0] - flat[in_row & (centres < centre), 2]
    to_right = flat[in_row & (centres >= centre), 0] - box[2]
    return float(to_left.min(initial=np.inf)), float(to_right.min(initial=np.inf))
