"""A square canvas for characters and lines, which remembers where the characters are.

A *drawing* is an array of 0 (nothing is drawn) to 1 (as dark as the pen can be). Paper, light and
camera come later (`numeye.training.synthetic.camera`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.models.characters import NO_CHARACTER

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64

    Grey = Float32[np.ndarray, "height width"]

Bounds = tuple[float, float, float, float]  # left, top, right and bottom, pixels
PixelBounds = tuple[int, int, int, int]

# Label of a character that nobody can read: cut by the border, covered, or lost in the photograph.
UNREADABLE = NO_CHARACTER
MIN_VISIBLE_SHARE = 0.8  # share of a character's box on the canvas that makes it readable
MAX_COVERED_SHARE = 0.4  # share of its pixels that may belong to another drawing, too
MIN_DRAWN = 0.4  # from this darkness on, a pixel belongs to a character
MAX_CHARACTERS = 160  # on one canvas
SUBPIXEL_BITS = 4  # OpenCV draws at a sixteenth of a pixel: coordinates are multiplied by 2**4


class Canvas:
    """A square drawing and the characters on it.

    Args:
        size: pixels a side.

    Attributes:
        drawing: (size, size), 0 to 1.
        labels: of the characters, in the order in which they were drawn: places in `CHARACTERS`,
            or `UNREADABLE`.
        boxes: left, top, right and bottom of each character, as far as it is on the canvas.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.drawing = np.zeros((size, size), np.float32)
        self.labels: list[int] = []
        self.boxes: list[PixelBounds] = []
        self._masks: list[np.ndarray] = []  # for each character, which pixels of its box it covers

    def paste(self, drawing: Grey, left: int, top: int, label: int | None = None) -> None:
        """Draw something over the canvas. What lies beyond the border is lost.

        Args:
            drawing: (height, width), 0 to 1.
            left: column of its first pixel.
            top: row of its first pixel.
            label: which character it is, a place in `CHARACTERS`; None for anything else.
        """
        height, width = drawing.shape
        box = max(left, 0), max(top, 0), min(left + width, self.size), min(top + height, self.size)
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        part = drawing[box[1] - top : box[3] - top, box[0] - left : box[2] - left]  # (h, w)
        under = self.drawing[box[1] : box[3], box[0] : box[2]]  # (h, w), a view of the canvas
        before = under.copy()
        np.maximum(under, part, out=under)
        if label is not None:
            visible = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
            covered = self._update_covered(box, part > MIN_DRAWN, before > MIN_DRAWN)
            readable = visible >= MIN_VISIBLE_SHARE and not covered
            self.labels.append(label if readable else UNREADABLE)
            self.boxes.append(box)
            self._masks.append(part > MIN_DRAWN)

    def _update_covered(
        self,
        box: PixelBounds,
        mask: Bool[np.ndarray, "h w"],
        before: Bool[np.ndarray, "h w"],
    ) -> bool:
        """Return whether a new character lies mostly over what was drawn before.

        Characters that the new one covers become unreadable.
        """
        for number, other in enumerate(self.boxes):
            left, top, right, bottom = (
                *map(max, box[:2], other[:2]),
                *map(min, box[2:], other[2:]),
            )
            if left < right and top < bottom:  # the boxes overlap
                new = mask[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
                old = self._masks[number][
                    top - other[1] : bottom - other[1], left - other[0] : right - other[0]
                ]
                if (new & old).sum() > MAX_COVERED_SHARE * self._masks[number].sum():
                    self.labels[number] = UNREADABLE
        return bool((mask & before).sum() > MAX_COVERED_SHARE * mask.sum())

    @property
    def is_full(self) -> bool:
        """Whether there are as many characters as a row of the disk cache can store."""
        return len(self.labels) >= MAX_CHARACTERS

    def has_room(self, left: float, top: float, drawing: Grey, min_gap: float = 0.0) -> bool:
        """Return whether a drawing would touch no character.

        Args:
            left: column of its first pixel.
            top: row of its first pixel.
            drawing: what is to be drawn.
            min_gap: pixels that must stay free between it and characters on its left and right.
        """
        height, width = drawing.shape
        return self.is_free(left - min_gap, top, left + width + min_gap, top + height)

    def is_free(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Return whether a rectangle touches no digit."""
        return not any(
            left < box[2] and box[0] < right and top < box[3] and box[1] < bottom
            for box in self.boxes
        )

    def cover(self, drawing: Grey) -> None:
        """Draw something over the whole canvas. Digits that it covers become unreadable.

        Args:
            drawing: (size, size), 0 to 1.
        """
        self.drawing = np.maximum(self.drawing, drawing)
        for number, (box, mask) in enumerate(zip(self.boxes, self._masks, strict=True)):
            part = drawing[box[1] : box[3], box[0] : box[2]] > MIN_DRAWN  # (h, w)
            if (part & mask).sum() > MAX_COVERED_SHARE * mask.sum():
                self.labels[number] = UNREADABLE

    def draw_line(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        rng: np.random.Generator,
        *,
        width: int | None = None,
    ) -> None:
        """Draw a straight line of random darkness, one or two pixels wide if `width` is None."""
        layer = np.zeros((self.size, self.size), np.uint8)
        width = width or int(rng.integers(1, 3))
        draw_segment(layer, np.array([left, top]), np.array([right, bottom]), width)
        self._add_layer(layer, rng.uniform(0.3, 0.95))

    def draw_stroke(
        self, points: Float64[np.ndarray, "n 2"], width: float, darkness: float
    ) -> None:
        """Draw a line through points (x, y), `width` pixels wide."""
        layer = np.zeros((self.size, self.size), np.uint8)
        corners = [to_fixed_point(points)]
        cv2.polylines(layer, corners, False, 255, max(1, round(width)), cv2.LINE_AA, SUBPIXEL_BITS)
        self._add_layer(layer, darkness)

    def draw_frame(
        self, left: float, top: float, right: float, bottom: float, rng: np.random.Generator
    ) -> None:
        """Draw the four sides of a cell."""
        self.draw_line(left, top, right, top, rng)
        self.draw_line(left, bottom, right, bottom, rng)
        self.draw_line(left, top, left, bottom, rng)
        self.draw_line(right, top, right, bottom, rng)

    def _add_layer(self, layer: np.ndarray, darkness: float) -> None:
        scaled = layer.astype(np.float32) * np.float32(darkness / 255)  # (size, size)
        self.drawing = np.maximum(self.drawing, scaled)

    def labelled_boxes(self) -> tuple[Int64[np.ndarray, " n"], Float32[np.ndarray, "n 4"]]:
        """Return the labels and the boxes of all characters."""
        return np.array(self.labels, np.int64), np.array(self.boxes, np.float32).reshape(-1, 4)


def to_fixed_point(points: Float[np.ndarray, "*n 2"]) -> Int32[np.ndarray, "*n 2"]:
    """Return points in the fixed-point format that OpenCV draws with."""
    fixed: np.ndarray = np.rint(points * 2**SUBPIXEL_BITS).astype(np.int32)
    return fixed


def draw_segment(
    layer: np.ndarray, start: Float[np.ndarray, " 2"], end: Float[np.ndarray, " 2"], width: int
) -> None:
    """Draw a line at full level on an array of bytes."""
    first, last = to_fixed_point(start).tolist(), to_fixed_point(end).tolist()
    cv2.line(layer, first, last, 255, width, cv2.LINE_AA, SUBPIXEL_BITS)


def draw_polylines(
    lines: Sequence[Float64[np.ndarray, "_ 2"]], width: float, darkness: float
) -> tuple[Grey, int, int]:
    """Draw lines through points on a drawing that is just large enough.

    Args:
        lines: points x, y of each line, pixels of the canvas.
        width: of the lines, pixels.
        darkness: 0 to 1.

    Returns:
        The drawing, and its first column and row on the canvas.
    """
    points = np.concatenate(lines)
    margin = width / 2 + 1
    left, top = np.floor(points.min(axis=0) - margin).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int).tolist()
    layer = np.zeros((bottom - top, right - left), np.uint8)
    for line in lines:
        corners = [to_fixed_point(line - np.array([left, top]))]
        cv2.polylines(layer, corners, False, 255, max(1, round(width)), cv2.LINE_AA, SUBPIXEL_BITS)
    return layer.astype(np.float32) * np.float32(darkness / 255), left, top


def content_bounds(drawing: Grey) -> PixelBounds | None:
    """Return left, top, right and bottom of what is drawn; None where nothing is."""
    mask = drawing > max(0.35 * float(drawing.max()), 0.1)  # (height, width)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def crop_to_content(drawing: Grey) -> Grey | None:
    """Return a drawing without the empty rows and columns around it; None where nothing is."""
    bounds = content_bounds(drawing)
    if bounds is None:
        return None
    left, top, right, bottom = bounds
    return drawing[top:bottom, left:right]
