"""Looks at the digits of lines: what the reader is shown of a number, one digit after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.training.paper.crop import NO_DIGIT
from numeye.training.paper.page import SIZE, Tile
from numeye.training.windows import LOOK, Window, about

if TYPE_CHECKING:
    from jaxtyping import Float32

NOTHING = 0.25  # share of the looks at a place without a digit: a gap, a sign, a letter, the paper
BESIDE = 0.8  # and of those, at a place as high up as a digit of the tile
LEAST = 8.0  # pixels: the longer side of a digit that is looked at
APART = 0.3  # of a digit's size, how far from its middle is beside it
TRIES = 8  # places that are tried
SIDES = (15.0, 64.0)  # pixels: of what is looked at where there is no digit to go by

Seen = tuple[Window, int, "Float32[np.ndarray, ' 4']"]


def look(tile: Tile, random: np.random.Generator) -> Seen:
    """Where to look, the digit there, or `NO_DIGIT`, and its box; that of nothing is the tile's.

    Args:
        tile: with its digits, of which those that the border cut are neither looked at nor taken for none.
        random: decides where, and how wrong the box is that is gone by.
    """
    longer = (tile.boxes[:, 2:] - tile.boxes[:, :2]).max(axis=1, initial=0)
    digits = np.flatnonzero((tile.labels < NO_DIGIT) & (longer >= LEAST))
    if len(digits) and random.random() >= NOTHING:
        one = int(digits[random.integers(len(digits))])
        return about(tile.boxes[one], random.random(4)), int(tile.labels[one]), tile.boxes[one]
    return about(_nothing(tile.boxes, longer, random), random.random(4)), NO_DIGIT, _whole()


def _nothing(
    boxes: Float32[np.ndarray, "n 4"], longer: Float32[np.ndarray, " n"], random: np.random.Generator
) -> Float32[np.ndarray, " 4"]:
    """The box of what might be taken for a digit; the whole tile where there is no room for one."""
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    for _ in range(TRIES):
        side, place = float(np.exp(random.uniform(*np.log(SIDES)))), random.uniform(0, SIZE, 2)
        if len(boxes):
            near = int(random.integers(len(boxes)))
            side = max(float(longer[near]) * float(np.exp(random.normal(0, 0.2))), LEAST)
            if random.random() < BESIDE:
                place[1] = middles[near, 1] + random.normal(0, 0.15) * side
        room = APART * np.maximum(sides, side)
        if not (np.abs(middles - place) < room).all(axis=1).any() and not _alone(boxes, place, side * LOOK / 2):
            return np.concatenate([place - side / 2, place + side / 2]).astype(np.float32)
    return _whole()


def _alone(boxes: Float32[np.ndarray, "n 4"], place: np.ndarray, half: float) -> bool:
    """Whether all that a look sees is one whole digit, if not in its middle: that is no place without one."""
    low, high = place - half, place + half
    touched = ((boxes[:, :2] < high) & (boxes[:, 2:] > low)).all(axis=1)
    inside = ((boxes[:, :2] >= low) & (boxes[:, 2:] <= high)).all(axis=1)
    return bool(touched.sum() == 1 and inside.any())


def _whole() -> Float32[np.ndarray, " 4"]:
    return np.array([0, 0, SIZE, SIZE], np.float32)
