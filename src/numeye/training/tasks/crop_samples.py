"""Samples for localization: crops of synthetic paper.

The reader takes two crops of a picture. A wide one finds the digit, and a close one reads it. The
same network does both, so it learns from both kinds. The crops are cut anew in every epoch. Some
of them show the digits of text lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from numeye.models.probabilities import NO_DIGIT
from numeye.training.batching import Batches
from numeye.training.synthetic.disk_cache import Pool, Tiles
from numeye.training.tasks import line_samples
from numeye.training.tasks.cropping import (
    CROP_SIDE_PX,
    CropRegion,
    box_in_region,
    cut_region,
    region_around,
    stretch_region,
)

if TYPE_CHECKING:
    from jaxtyping import Float32

CLOSE_CROP_SHARE = 0.62  # of the crops of digits are close crops
MIN_CLOSE_DIGIT_PX = 12  # the longer side of a digit that gets close crops
LINE_SHARE = 0.35  # of all samples show text lines, if there are any

Sample = tuple[np.ndarray, tuple[float, ...]]  # a crop and its target


class CropSamples(Batches[Pool]):
    """Batches of crops (B, 1, 40, 40) of 0 to 1, and targets (B, 5).

    A target is the label, then centre x, centre y, width and height of the digit's box, as shares
    of the crop.

    Args:
        pool: of synthetic digits.
        batch_size: crops in a step.
        generator: see `Batches`.
        tiles: with text lines, which some of the samples show; None for none.
    """

    def __init__(
        self,
        pool: Pool,
        batch_size: int,
        generator: torch.Generator | None = None,
        tiles: Tiles | None = None,
    ) -> None:
        super().__init__(pool, batch_size, generator)
        self.tiles = tiles

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cut crops out of some pictures of the pool."""
        crops = np.empty((len(numbers), 1, CROP_SIDE_PX, CROP_SIDE_PX), np.uint8)
        targets = np.empty((len(numbers), 5), np.float32)
        chance = random.random((len(numbers), 8))  # drawn at once, which is faster
        for row, number in enumerate(numbers.tolist()):
            if self.tiles is not None and random.random() < LINE_SHARE:
                crops[row, 0], targets[row] = _line_sample(self.tiles, random)
            else:
                crops[row, 0], targets[row] = self._crop_sample(number, chance[row])
        return torch.from_numpy(crops).float() / 255, torch.from_numpy(targets)

    def _crop_sample(self, number: int, chance: np.ndarray) -> Sample:
        label, box = int(self.dataset.labels[number]), self.dataset.boxes[number]
        picture = self.dataset.picture(number)
        square = _square_region(box, label, len(picture), chance)
        region = stretch_region(square, chance[7])
        return cut_region(picture, region, chance[5:7]), (label, *box_in_region(box, region))


def _line_sample(tiles: Tiles, random: np.random.Generator) -> Sample:
    """Return a close crop of a random place on a random tile."""
    tile = tiles.tile(int(random.integers(len(tiles))))
    square, label, box = line_samples.sample_region(tile, random)
    region = stretch_region(square, random.random())
    crop = cut_region(tile.picture, region, random.random(2))
    return crop, (label, *box_in_region(box, region))


def _square_region(
    box: Float32[np.ndarray, " 4"], label: int, size: int, chance: np.ndarray
) -> CropRegion:
    """Return the square to cut out of a synthetic digit of `size` pixels a side.

    Args:
        box: left, top, right and bottom of the digit.
        label: 0 to 9, or `NO_DIGIT`.
        size: side of the picture, in pixels.
        chance: random numbers of 0 to 1.
    """
    left, top, right, bottom = box.tolist()
    longer = max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    middle = size / 2
    if label == NO_DIGIT:  # anywhere, with most of the picture on it
        side = size * (0.75 + 0.4 * chance[1])
        return (
            middle + size * 0.1 * (chance[2] - 0.5),
            middle + size * 0.1 * (chance[3] - 0.5),
            side,
            side,
        )
    if longer < MIN_CLOSE_DIGIT_PX:  # too few pixels to read it, so it must only be found
        side = size * (1 + 0.1 * chance[1])
        return middle, middle, side, side
    if chance[0] < CLOSE_CROP_SHARE:
        return region_around(box, chance[1:5])
    share = chance[1]  # 0 is the whole picture, 1 the digit alone
    side = (1 - share) * size * 1.06 + share * longer * 1.05
    slack = max(side - longer, 0.0) / 2 * (1 - 0.5 * (1 - share))
    return (
        (1 - share) * middle + share * (x + 2 * slack * (chance[2] - 0.5)),
        (1 - share) * middle + share * (y + 2 * slack * (chance[3] - 0.5)),
        side,
        side,
    )
