"""A sheet that is written on: its ink, and where on it the digits are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int64

    Grey = Float32[np.ndarray, "height width"]

CUT = 10  # the label of a digit that can be read, or not: cut by the border, written over, or lost in the photograph
VISIBLE = 0.8  # share of a digit's box that must be on the sheet, or in a view of it, for it to be read
MOST = 96  # digits on a sheet
INKED, COVERED = 0.4, 0.4  # strength of ink; share of a digit's that is another's too, if it cannot be read
SHIFT = 4  # lines are drawn at a sixteenth of a pixel


class Sheet:
    """A square of ink, 0 to 1, and the digits on it.

    Args:
        size: pixels a side.

    Attributes:
        ink: (size, size).
        labels: of the digits, in the order in which they were written.
        boxes: left, top, right and bottom of each, as far as it is on the sheet.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.ink = np.zeros((size, size), np.float32)
        self.labels: list[int] = []
        self.boxes: list[tuple[int, int, int, int]] = []
        self._masks: list[np.ndarray] = []  # of each digit's box, where its ink is

    def put(self, ink: Grey, left: int, top: int, digit: int | None = None) -> None:
        """Write something over what is there; what goes past the border is lost."""
        height, width = ink.shape
        box = max(left, 0), max(top, 0), min(left + width, self.size), min(top + height, self.size)
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        part = ink[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
        under = self.ink[box[1] : box[3], box[0] : box[2]]
        before = under.copy()
        np.maximum(under, part, out=under)
        if digit is not None:
            shown = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
            covered = self._cover(box, part > INKED, before > INKED)
            self.labels.append(digit if shown >= VISIBLE and not covered else CUT)
            self.boxes.append(box)
            self._masks.append(part > INKED)

    def _cover(
        self, box: tuple[int, int, int, int], mask: Bool[np.ndarray, "h w"], before: Bool[np.ndarray, "h w"]
    ) -> bool:
        """Whether a digit lies mostly over what is there; those that it covers itself can't be read any more."""
        for number, other in enumerate(self.boxes):
            left, top, right, bottom = (*map(max, box[:2], other[:2]), *map(min, box[2:], other[2:]))
            if left < right and top < bottom:
                new = mask[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
                old = self._masks[number][top - other[1] : bottom - other[1], left - other[0] : right - other[0]]
                if (new & old).sum() > COVERED * self._masks[number].sum():
                    self.labels[number] = CUT
        return bool((mask & before).sum() > COVERED * mask.sum())

    @property
    def full(self) -> bool:
        """True where no more digits can be told of."""
        return len(self.labels) >= MOST

    def free(self, left: float, top: float, ink: Grey, apart: float = 0.0) -> bool:
        """Whether no digit would be written over, or stand less than `apart` pixels away on the left or the right."""
        height, width = ink.shape
        return not any(
            left - apart < box[2] and box[0] < left + width + apart and top < box[3] and box[1] < top + height
            for box in self.boxes
        )

    def line(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        random: np.random.Generator,
        *,
        width: int | None = None,
    ) -> None:
        """A straight line in some tone, one or two pixels wide if not said otherwise."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        start, end = ((round(x * 2**SHIFT), round(y * 2**SHIFT)) for x, y in ((left, top), (right, bottom)))
        cv2.line(canvas, start, end, 255, width or int(random.integers(1, 3)), cv2.LINE_AA, SHIFT)
        self.ink = np.maximum(self.ink, canvas.astype(np.float32) * np.float32(random.uniform(0.3, 0.95) / 255))

    def stroke(self, points: Float64[np.ndarray, "n 2"], width: float, tone: float) -> None:
        """A line of the pen through points (x, y), of a width in pixels."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        fixed = np.rint(points * 2**SHIFT).astype(np.int32)
        cv2.polylines(canvas, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, SHIFT)
        self.ink = np.maximum(self.ink, canvas.astype(np.float32) * np.float32(tone / 255))

    def frame(self, left: float, top: float, right: float, bottom: float, random: np.random.Generator) -> None:
        """A cell around a digit."""
        for ends in ((left, top, right, top), (left, bottom, right, bottom), (left, top, left, bottom)):
            self.line(*ends, random)
        self.line(right, top, right, bottom, random)

    def digits(self) -> tuple[Int64[np.ndarray, " n"], Float32[np.ndarray, "n 4"]]:
        """Labels, and boxes."""
        return np.array(self.labels, np.int64), np.array(self.boxes, np.float32).reshape(-1, 4)
