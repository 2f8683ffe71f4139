"""Straightens coordinates of a page that is turned a little, or seen a little from the side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.tables.line_pieces import RuledLine
from numeye.layout.tables.ruled_lines import RuledLines

if TYPE_CHECKING:
    from jaxtyping import Float64

    Points = Float64[np.ndarray, "n 2"]  # x, y in pixels
    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels

OUTLIER_SLOPE = 0.03  # lines whose slope is farther from the others are left out
ROUNDS = 4  # to find back from straight coordinates; each halves the error at least


@dataclass(frozen=True)
class PageFrame:
    """Where points of a page lie after it is straightened.

    The slope of lines across is linear in y, that of lines down is linear in x.

    Attributes:
        centre: x and y that stay where they are.
        across: slope of lines across at the centre, and its change for each pixel down.
        down: slope of lines down (x for each y) at the centre, and its change for each pixel right.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    across: tuple[float, float] = (0.0, 0.0)
    down: tuple[float, float] = (0.0, 0.0)

    def flatten(self, points: Points) -> Points:
        """Return where points of the page lie on the straightened page."""
        x, y = (points - self.centre).T
        flat_x = x - (self.down[0] + self.down[1] * x) * y
        flat_y = y - (self.across[0] + self.across[1] * y) * x
        flat: np.ndarray = np.stack([flat_x, flat_y], axis=1) + self.centre
        return flat

    def restore(self, points: Points) -> Points:
        """Return where points of the straightened page lie on the page."""
        restored = points
        for _ in range(ROUNDS):
            restored = restored + points - self.flatten(restored)
        return restored

    def flatten_boxes(self, boxes: Boxes) -> Boxes:
        """Return boxes of the same sizes around the flattened centres."""
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        moved = self.flatten(centres) - centres
        flat: np.ndarray = boxes + np.concatenate([moved, moved], axis=1)
        return flat


def fit_frame(lines: RuledLines, shape: tuple[int, ...]) -> PageFrame:
    """Return the frame in which the ruled lines of a page are straight.

    Args:
        lines: of the page.
        shape: height and width of the page.
    """
    centre = (shape[1] / 2, shape[0] / 2)
    across = _fit_slopes(lines.horizontal, centre[1])
    down = _fit_slopes(lines.vertical, centre[0])
    across = across or ((-down[0], 0.0) if down else (0.0, 0.0))
    return PageFrame(centre, across, down or (-across[0], 0.0))


def flatten_line(line: RuledLine, frame: PageFrame, *, is_across: bool) -> RuledLine:
    """Return where a line across, or down, lies on the straightened page."""
    points = np.stack([line.along, line.across], axis=1)
    flat = frame.flatten(points if is_across else points[:, ::-1])
    along, across = flat.T if is_across else flat[:, ::-1].T
    order = np.argsort(along, kind="stable")
    return RuledLine(along[order], across[order])


def _fit_slopes(lines: Sequence[RuledLine], centre: float) -> tuple[float, float] | None:
    """Return the slope of lines at the centre, and its change by where they are across."""
    if not lines:
        return None
    slopes = np.array([line.slope for line in lines])
    places = np.array([float(line.across.mean()) for line in lines]) - centre
    lengths = np.array([line.length for line in lines])
    order = np.argsort(slopes)
    halves = np.cumsum(lengths[order])
    middle = float(slopes[order][np.searchsorted(halves, halves[-1] / 2)])
    near = (np.abs(slopes - middle) < OUTLIER_SLOPE) & (lengths > lengths.max() / 4)
    if near.sum() < 4:
        return middle, 0.0
    change, start = np.polyfit(places[near], slopes[near], 1, w=np.sqrt(lengths[near]))
    return float(start), float(change)
