"""Close crops of text lines: what the localizer sees of a number, one digit after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.models.probabilities import NO_DIGIT
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.page_tiles import TILE_PX, Tile
from numeye.training.tasks.cropping import CLOSE_CROP_SCALE, CropRegion, region_around

if TYPE_CHECKING:
    from jaxtyping import Float32

NO_DIGIT_SHARE = 0.25  # of the crops show no digit but a gap, a sign, a letter or paper
OTHER_SHARE = 0.4  # of those show a sign or a letter in their middle, where there is one
SAME_LINE_SHARE = 0.8  # of those are as high up as a digit of the tile
MIN_DIGIT_PX = 8.0  # longer side of a digit that is sampled
MIN_DISTANCE = 0.3  # from a digit's centre to a place without one, relative to the digit's size
MAX_TRIES = 8  # to find a place without a digit
EMPTY_SIDE_RANGE_PX = (15.0, 64.0)  # of a place on a tile without digits

# the region, the label, and the box of the digit (left, top, right, bottom)
LineSample = tuple[CropRegion, int, "Float32[np.ndarray, ' 4']"]


def sample_region(tile: Tile, random: np.random.Generator) -> LineSample:
    """Return a random region of a tile, the label in it, and the box of the digit.

    Without a digit the label is `NO_DIGIT`, and the box is the whole tile.

    Args:
        tile: digits at its border that are cut off are neither sampled nor taken for "no digit".
        random: decides about place and size.
    """
    longer = (tile.boxes[:, 2:] - tile.boxes[:, :2]).max(axis=1, initial=0)
    is_digit = tile.labels < NO_DIGIT
    digits = np.flatnonzero(is_digit & (longer >= MIN_DIGIT_PX))
    if len(digits) and random.random() >= NO_DIGIT_SHARE:
        number = int(digits[random.integers(len(digits))])
        box = tile.boxes[number]
        return region_around(box, random.random(4)), int(tile.labels[number]), box
    others = np.flatnonzero(~is_digit & (tile.labels != UNREADABLE) & (longer >= MIN_DIGIT_PX))
    if len(others) and random.random() < OTHER_SHARE:
        box = tile.boxes[int(others[random.integers(len(others))])]
        return region_around(box, random.random(4)), NO_DIGIT, _tile_box()
    may_be_digit = is_digit | (tile.labels == UNREADABLE)
    empty = _box_without_digit(tile.boxes[may_be_digit], longer[may_be_digit], random)
    return region_around(empty, random.random(4)), NO_DIGIT, _tile_box()


def _box_without_digit(
    boxes: Float32[np.ndarray, "n 4"],
    longer: Float32[np.ndarray, " n"],
    random: np.random.Generator,
) -> Float32[np.ndarray, " 4"]:
    """Return a box that holds no digit; the whole tile if there is no room for one."""
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    for _ in range(MAX_TRIES):
        side = float(np.exp(random.uniform(*np.log(EMPTY_SIDE_RANGE_PX))))
        place = random.uniform(0, TILE_PX, 2)
        if len(boxes):
            near = int(random.integers(len(boxes)))
            scale = float(np.exp(random.normal(0, 0.2)))
            side = max(float(longer[near]) * scale, MIN_DIGIT_PX)
            if random.random() < SAME_LINE_SHARE:
                place[1] = centres[near, 1] + random.normal(0, 0.15) * side
        distance = MIN_DISTANCE * np.maximum(sides, side)
        on_digit = (np.abs(centres - place) < distance).all(axis=1).any()
        if not on_digit and not _holds_one_digit(boxes, place, side * CLOSE_CROP_SCALE / 2):
            return np.concatenate([place - side / 2, place + side / 2]).astype(np.float32)
    return _tile_box()


def _holds_one_digit(boxes: Float32[np.ndarray, "n 4"], place: np.ndarray, half: float) -> bool:
    """Return whether a region shows exactly one complete digit, which may be off its centre."""
    low, high = place - half, place + half
    touched = ((boxes[:, :2] < high) & (boxes[:, 2:] > low)).all(axis=1)
    inside = ((boxes[:, :2] >= low) & (boxes[:, 2:] <= high)).all(axis=1)
    return bool(touched.sum() == 1 and inside.any())


def _tile_box() -> Float32[np.ndarray, " 4"]:
    return np.array([0, 0, TILE_PX, TILE_PX], np.float32)
