"""Views of crops: what the network is shown of a picture.

It reads as people do: a glance at the whole finds the digit, a closer look reads it. Both are the same network, so it
learns from both kinds of views, cut anew from the pool in every epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from numeye.training.batches import Batches
from numeye.training.paper.crop import NO_DIGIT
from numeye.training.paper.pool import Pool

if TYPE_CHECKING:
    from jaxtyping import Float32

SIDE = 40  # pixels a side of a view
LOOK = 1.4  # side of the window of a look, of the longer side of the digit's box
LOOKS = 0.62  # share of the views of digits that are looks
NEAR = 12  # pixels of the crop that the longer side of a digit needs to be looked at from close by
STRETCHED, STRETCH = 0.4, 0.3  # share of the views that are stretched, and how far: the logarithm of the aspect


class Views(Batches[Pool]):
    """Batches of views (B, 1, 40, 40) of 0 to 1, and targets (B, 5): the label, and centre x, y, width, height.

    Boxes are fractions of the view.
    """

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cut them anew."""
        views = np.empty((len(numbers), 1, SIDE, SIDE), np.uint8)
        targets = np.empty((len(numbers), 5), np.float32)
        chance = random.random((len(numbers), 8))  # drawn at once: it is quicker
        for row, number in enumerate(numbers.tolist()):
            label, box = int(self.dataset.labels[number]), self.dataset.boxes[number]
            picture = self.dataset.picture(number)
            window = _window(box, label, len(picture), chance[row])
            views[row, 0] = _cut(picture, window, chance[row])
            targets[row] = label, *_seen(box, window)
        return torch.from_numpy(views).float() / 255, torch.from_numpy(targets)


Window = tuple[float, float, float, float]  # centre x and y, width and height, in pixels of the crop


def _window(box: Float32[np.ndarray, " 4"], label: int, size: int, chance: np.ndarray) -> Window:
    """What to cut out: a square, or one stretched a little, as some pictures are."""
    x, y, side = _square(box, label, size, chance)
    aspect = np.exp(STRETCH * (2 * chance[7] / STRETCHED - 1)) if chance[7] < STRETCHED else 1.0
    return x, y, side * aspect**0.5, side * aspect**-0.5


def _square(box: Float32[np.ndarray, " 4"], label: int, size: int, chance: np.ndarray) -> tuple[float, float, float]:
    """Centre x, y and side."""
    left, top, right, bottom = box.tolist()
    longer = max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    middle = size / 2
    if label == NO_DIGIT:  # anything is no digit, seen from anywhere, if most of it is seen
        side = size * (0.75 + 0.4 * chance[1])
        return middle + size * 0.1 * (chance[2] - 0.5), middle + size * 0.1 * (chance[3] - 0.5), side
    if longer < NEAR:  # of so few pixels only that it is there can be seen
        return middle, middle, size * (1 + 0.1 * chance[1])
    if chance[0] < LOOKS:  # a box found a little wrong, as it will be
        side = longer * LOOK * np.exp(0.36 * (chance[1] - 0.5) + 0.24 * (chance[4] - 0.5))
        return x + 0.2 * longer * (chance[2] - 0.5), y + 0.2 * longer * (chance[3] - 0.5), side
    share = chance[1]  # between the whole crop and the digit alone
    side = (1 - share) * size * 1.06 + share * longer * 1.05
    slack = max(side - longer, 0.0) / 2 * (1 - 0.5 * (1 - share))
    return (
        (1 - share) * middle + share * (x + 2 * slack * (chance[2] - 0.5)),
        (1 - share) * middle + share * (y + 2 * slack * (chance[3] - 0.5)),
        side,
    )


def _cut(picture: np.ndarray, window: Window, chance: np.ndarray) -> np.ndarray:
    """The window as 40x40 pixels; what lies beyond the picture is paper, or its border drawn out."""
    x, y, across, down = window[0], window[1], window[2] / SIDE, window[3] / SIDE
    corner = x - 0.5 - across * (SIDE - 1) / 2, y - 0.5 - down * (SIDE - 1) / 2
    matrix = np.array([[across, 0, corner[0]], [0, down, corner[1]]], np.float32)
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    paper = int(np.partition(border, len(border) // 2)[len(border) // 2])  # the median, quickly
    mode = cv2.BORDER_CONSTANT if chance[5] < 0.8 else cv2.BORDER_REPLICATE
    cut: np.ndarray = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=mode, borderValue=paper
    )
    return cut if chance[6] < 0.7 else 255 - cut


def _seen(box: Float32[np.ndarray, " 4"], window: Window) -> tuple[float, float, float, float]:
    """Centre x, y, width and height of the box, as fractions of the view."""
    left, top, right, bottom = box.tolist()
    x, y, width, height = window
    return (
        ((left + right) / 2 - x) / width + 0.5,
        ((top + bottom) / 2 - y) / height + 0.5,
        (right - left) / width,
        (bottom - top) / height,
    )
