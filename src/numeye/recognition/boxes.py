"""Compares the boxes of detections and keeps one box a character (NMS).

There is one convention inside `numeye.recognition` and `numeye.layout`: boxes are float arrays of
shape (n, 4) with left, top, right and bottom in pixels of the picture (xyxy). Only where results
are made, `to_result_box` turns one into x, y, width and height in whole pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, DIGITS
from numeye.models.probabilities import softmax

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    from numeye.results import Box

NMS_BLOCK = 128  # boxes that are compared with all others at once; limits the memory
SAME_CHARACTER_IOU = 0.5  # from this intersection over union on, two boxes are one character
# A box also is the same character as one inside it: with this share of the smaller one in the
# larger one, whose area is at least this many times as large. A small sign may lie in a digit.
NESTED_SHARE, NESTED_AREA_RATIO = 0.75, 2.0
SAME_SIGN_SHARE = 0.5  # two small signs are one if they share so much of the smaller one
# Before boxes of two scales are compared, slim ones are widened to this share of the longer side,
# and small ones to this share of the typical height.
MIN_SIDE_OF_LONGER, MIN_SIDE_OF_HEIGHT = 0.4, 0.25
SMALL_SIGNS = ".,'-:"  # much smaller than the digits beside them
_SMALL = np.array([character in SMALL_SIGNS for character in CHARACTERS])


@dataclass(frozen=True, eq=False)
class Detections:
    """The characters that the detector found, the most likely one first.

    Attributes:
        boxes: left, top, right and bottom in pixels of the picture, inside it.
        objectness: logits that there is a character.
        class_logits: logits of the 28 `CHARACTERS`.
    """

    boxes: Float64[np.ndarray, "n 4"]
    objectness: Float64[np.ndarray, " n"]
    class_logits: Float64[np.ndarray, "n 28"]

    def __len__(self) -> int:
        """Return the number of detections."""
        return len(self.boxes)

    def select(self, index: Int64[np.ndarray, " m"] | Bool[np.ndarray, " n"]) -> Detections:
        """Return the detections at these indices, or where a mask is True."""
        return Detections(self.boxes[index], self.objectness[index], self.class_logits[index])

    @property
    def heights(self) -> Float64[np.ndarray, " n"]:
        """Heights of the boxes in pixels."""
        heights: np.ndarray = self.boxes[:, 3] - self.boxes[:, 1]
        return heights

    @property
    def is_small_sign(self) -> Bool[np.ndarray, " n"]:
        """True for each point, comma, apostrophe, minus and colon."""
        is_small: np.ndarray = _SMALL[self.class_logits.argmax(axis=1)]
        return is_small

    @property
    def digit_shares(self) -> Float64[np.ndarray, " n"]:
        """The probability that each is a digit, given that it is a character."""
        shares: np.ndarray = softmax(self.class_logits)[:, : len(DIGITS)].sum(axis=1)
        return shares

    @property
    def digit_heights(self) -> Float64[np.ndarray, " m"]:
        """Heights of those that are digits; of all where none is."""
        is_digit = self.class_logits.argmax(axis=1) < len(DIGITS)
        return self.heights[is_digit] if is_digit.any() else self.heights


def non_maximum_suppression(detections: Detections) -> Detections:
    """Keep the most likely detection of each character.

    A detection is dropped where a more likely one overlaps it by `SAME_CHARACTER_IOU`, or where one
    of the two lies inside the other and is no small sign. Two small signs hardly overlap: each dot
    of a colon is one, too.

    Args:
        detections: sorted, the most likely one first.
    """
    kept, suppressed = list[int](), np.zeros(len(detections), bool)
    is_sign = detections.is_small_sign
    for start in range(0, len(detections), NMS_BLOCK):
        block = slice(start, start + NMS_BLOCK)
        signs = is_sign[block, None].astype(np.int64) + is_sign  # 0 to 2 of each pair
        same_as_block = _are_one_character(detections.boxes[block], detections.boxes, signs)
        for index, same in enumerate(same_as_block, start):
            if not suppressed[index]:
                kept.append(index)
                suppressed |= same
    return detections.select(np.array(kept, np.int64))


def iou(
    box: Float64[np.ndarray, " 4"], boxes: Float64[np.ndarray, "n 4"]
) -> Float64[np.ndarray, " n"]:
    """Return the intersection over union of a box with each of others, 0 to 1."""
    shared = _intersections(box[None], boxes)[0]
    share: np.ndarray = shared / (_areas(boxes) + _areas(box[None]) - shared)
    return share


def widen_small(boxes: Float64[np.ndarray, "n 4"], height: float) -> Float64[np.ndarray, "n 4"]:
    """Widen slim and small boxes from their centres, so that they can be compared.

    The boxes of a plain 1 at two scales hardly overlap if they are two pixels apart; widened, they
    do.

    Args:
        boxes: left, top, right and bottom in pixels.
        height: typical height of a character in pixels.
    """
    sides = boxes[:, 2:] - boxes[:, :2]  # (n, 2)
    least = np.maximum(
        MIN_SIDE_OF_LONGER * sides.max(axis=1, keepdims=True), MIN_SIDE_OF_HEIGHT * height
    )
    margin = np.maximum(least - sides, 0) / 2
    widened: np.ndarray = boxes + np.concatenate([-margin, margin], axis=1)
    return widened


def to_result_box(box: Float64[np.ndarray, " 4"], shape: tuple[int, ...]) -> Box:
    """Turn a box into x, y, width and height in whole pixels, at least 1x1 and inside the picture.

    Args:
        box: left, top, right and bottom in pixels.
        shape: height and width of the picture.
    """
    height, width = shape
    left, top = (
        min(max(round(side), 0), size - 1)
        for side, size in zip(box[:2], (width, height), strict=True)
    )
    right = min(max(round(box[2]), left + 1), width)
    bottom = min(max(round(box[3]), top + 1), height)
    return left, top, right - left, bottom - top


def _are_one_character(
    some: Float64[np.ndarray, "m 4"],
    boxes: Float64[np.ndarray, "n 4"],
    signs: Int64[np.ndarray, "m n"],
) -> Bool[np.ndarray, "m n"]:
    """Tell which pairs of boxes cannot be two characters; `signs` of each pair are small."""
    shared, areas = _intersections(some, boxes), (_areas(some)[:, None], _areas(boxes))
    smaller, larger = np.minimum(*areas), np.maximum(*areas)
    nested = (shared >= NESTED_SHARE * smaller) & (larger >= NESTED_AREA_RATIO * smaller)
    is_same_sign = (signs == 2) & (shared >= SAME_SIGN_SHARE * smaller)
    same: np.ndarray = (
        is_same_sign
        | ((signs == 0) & nested)
        | (shared / (areas[0] + areas[1] - shared) >= SAME_CHARACTER_IOU)
    )
    return same


def _intersections(
    some: Float64[np.ndarray, "m 4"], boxes: Float64[np.ndarray, "n 4"]
) -> Float64[np.ndarray, "m n"]:
    """Return the area that each pair of boxes shares."""
    lower, upper = some[:, None, :2], some[:, None, 2:]
    sides = np.minimum(upper, boxes[:, 2:]) - np.maximum(lower, boxes[:, :2])
    shared: np.ndarray = np.clip(sides[..., 0], 0, None) * np.clip(sides[..., 1], 0, None)
    return shared


def _areas(boxes: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, " n"]:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
