"""Says which characters of a row are in different cells, and which are in one comb field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    from numeye.layout.tables.line_pieces import RuledLine

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels

FREE = -1  # the cell of a character that is in none

MIN_BAR_COVER = 0.7  # of the height of two characters, that a line between them has
MIN_BAR_HEIGHT = 1.6  # of a line that separates, in such heights; lower ones are in comb fields


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells in which characters are.

    Attributes:
        cell: which cell each character is in; `FREE` for none. A comb field is one cell.
        is_comb: whether that is a comb field.
        bars: lines down the page that belong to no table.
    """

    cell: Int64[np.ndarray, " n"]
    is_comb: Bool[np.ndarray, " n"]
    bars: Sequence[RuledLine] = ()

    def choose(
        self, boxes: Boxes, row: Sequence[int], is_gap: Bool[np.ndarray, " gaps"]
    ) -> Bool[np.ndarray, " gaps"]:
        """Tell which gaps between the characters of a row separate numbers.

        Args:
            boxes: left, top, right and bottom of all characters.
            row: from left to right.
            is_gap: whether each gap separates as far as the other rows say; not in a comb field.
        """
        before, after = np.array(row[:-1], int), np.array(row[1:], int)
        differs = self.cell[before] != self.cell[after]
        in_comb = ~differs & self.is_comb[before]
        separates: np.ndarray = differs | (is_gap & ~in_comb)
        for bar in self.bars:
            separates |= _is_between(bar, boxes[before], boxes[after]) & ~in_comb
        return separates


def _is_between(bar: RuledLine, before: Boxes, after: Boxes) -> Bool[np.ndarray, " gaps"]:
    """Tell whether a line down the page is between two characters, and goes on beyond their row."""
    top = np.minimum(before[:, 1], after[:, 1])
    bottom = np.maximum(before[:, 3], after[:, 3])
    shared = np.minimum(bottom, bar.stop) - np.maximum(top, bar.start)
    x = np.interp((top + bottom) / 2, bar.along, bar.across)
    is_between: np.ndarray = (
        (shared >= MIN_BAR_COVER * (bottom - top))
        & (bar.stop - bar.start >= MIN_BAR_HEIGHT * (bottom - top))
        & (x > (before[:, 0] + before[:, 2]) / 2)
        & (x < (after[:, 0] + after[:, 2]) / 2)
    )
    return is_between
