"""Finds cells of a table in which something is written that is no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.results import Box

if TYPE_CHECKING:
    from jaxtyping import UInt8

    Picture = UInt8[np.ndarray, "height width"]

Cell = tuple[int, int]  # row, column


@dataclass(frozen=True, kw_only=True)
class CellInkLimits:
    """What is writing in a cell.

    Attributes:
        margin: left out at each side of a cell, of its smaller side: lines are there.
        min_contrast: of ink with the paper, as a share of the contrast of the numbers.
        min_area: of the ink, in square heights of the numbers.
        min_extent: of the ink, each way or both ways together, in heights of the numbers.
    """

    margin: float = 0.14
    min_contrast: float = 0.45
    min_area: float = 0.05
    min_extent: float = 0.5


LIMITS = CellInkLimits()


def find_written_cells(
    grey: Picture, cells: Mapping[Cell, Box], numbers: Sequence[Box]
) -> dict[Cell, Box]:
    """Return the cells with writing in them, and the box of the writing.

    Args:
        grey: (height, width) uint8, the page.
        cells: the boxes of cells without a number.
        numbers: the boxes of the numbers of the table. Without them it is not known how dark and
            how large writing is, and none is found.
    """
    if not numbers:
        return {}
    contrast = float(np.median([_contrast(_part(grey, box)) for box in numbers]))
    height = float(np.median([box[3] for box in numbers]))
    found = {cell: _writing(grey, box, contrast, height) for cell, box in cells.items()}
    return {cell: box for cell, box in found.items() if box is not None}


def _part(grey: Picture, box: Box) -> Picture:
    x, y, width, height = box
    return grey[max(0, y) : y + height, max(0, x) : x + width]


def _contrast(part: Picture) -> float:
    """Return how much darker than its paper the ink of a part is; negative for light ink."""
    if not part.size:
        return 0.0
    darkest, paper, lightest = (float(level) for level in np.quantile(part, (0.05, 0.6, 0.98)))
    return paper - darkest if paper - darkest >= lightest - paper else paper - lightest


def _writing(grey: Picture, box: Box, contrast: float, height: float) -> Box | None:
    """Return the box around the ink inside a cell; None if there is too little."""
    margin = round(LIMITS.margin * min(box[2:])) + 1
    left, top = max(0, box[0] + margin), max(0, box[1] + margin)
    part = grey[top : box[1] + box[3] - margin, left : box[0] + box[2] - margin].astype(np.int16)
    if not part.size:
        return None
    darker = (np.median(part) - part) * np.sign(contrast)
    is_ink = darker > LIMITS.min_contrast * abs(contrast)
    if is_ink.sum() < LIMITS.min_area * height**2:
        return None
    rows, columns = np.flatnonzero(is_ink.any(axis=1)), np.flatnonzero(is_ink.any(axis=0))
    high, wide = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    if high + wide < 2 * LIMITS.min_extent * height:
        return None
    return left + int(columns[0]), top + int(rows[0]), wide, high
