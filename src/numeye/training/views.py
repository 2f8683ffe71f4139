"""Views of crops: what the network is shown of a picture.

It reads as people do: a glance at the whole finds the digit, a closer look reads it. Both are the same network, so it
learns from both kinds of views, cut anew from the pool in every epoch; and from looks at the digits of lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from numeye.training import lines
from numeye.training.batches import Batches
from numeye.training.paper.crop import NO_DIGIT
from numeye.training.paper.pool import Pool, Tiles
from numeye.training.windows import SIDE, Window, about, cut, seen, stretched

if TYPE_CHECKING:
    from jaxtyping import Float32

LOOKS = 0.62  # share of the views of digits that are looks
NEAR = 12  # pixels of the crop that the longer side of a digit needs to be looked at from close by
LINES = 0.35  # share of all views that are of lines, where there are any

Row = tuple[np.ndarray, tuple[float, ...]]  # a view, and what is to be said of it


class Views(Batches[Pool]):
    """Batches of views (B, 1, 40, 40) of 0 to 1, and targets (B, 5): the label, centre x, y, width, height.

    Boxes are fractions of the view.

    Args:
        pool: of crops.
        batch_size: views a step.
        generator: see `Batches`.
        tiles: with lines, of which some of the views are, in place of crops.
    """

    def __init__(
        self, pool: Pool, batch_size: int, generator: torch.Generator | None = None, tiles: Tiles | None = None
    ) -> None:
        super().__init__(pool, batch_size, generator)
        self.tiles = tiles

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cut them anew."""
        views = np.empty((len(numbers), 1, SIDE, SIDE), np.uint8)
        targets = np.empty((len(numbers), 5), np.float32)
        chance = random.random((len(numbers), 8))  # drawn at once: it is quicker
        for row, number in enumerate(numbers.tolist()):
            if self.tiles is not None and random.random() < LINES:
                views[row, 0], targets[row] = _line(self.tiles, random)
            else:
                views[row, 0], targets[row] = self._crop(number, chance[row])
        return torch.from_numpy(views).float() / 255, torch.from_numpy(targets)

    def _crop(self, number: int, chance: np.ndarray) -> Row:
        label, box, picture = int(self.dataset.labels[number]), self.dataset.boxes[number], self.dataset.picture(number)
        window = stretched(_square(box, label, len(picture), chance), chance[7])
        return cut(picture, window, chance[5:7]), (label, *seen(box, window))


def _line(tiles: Tiles, random: np.random.Generator) -> Row:
    """A look at some place of some tile."""
    tile = tiles.tile(int(random.integers(len(tiles))))
    square, label, box = lines.look(tile, random)
    window = stretched(square, random.random())
    return cut(tile.picture, window, random.random(2)), (label, *seen(box, window))


def _square(box: Float32[np.ndarray, " 4"], label: int, size: int, chance: np.ndarray) -> Window:
    """What to cut out of a crop, before it is stretched."""
    left, top, right, bottom = box.tolist()
    longer = max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    middle = size / 2
    if label == NO_DIGIT:  # anything is no digit, seen from anywhere, if most of it is seen
        side = size * (0.75 + 0.4 * chance[1])
        return middle + size * 0.1 * (chance[2] - 0.5), middle + size * 0.1 * (chance[3] - 0.5), side, side
    if longer < NEAR:  # of so few pixels only that it is there can be seen
        side = size * (1 + 0.1 * chance[1])
        return middle, middle, side, side
    if chance[0] < LOOKS:
        return about(box, chance[1:5])
    share = chance[1]  # between the whole crop and the digit alone
    side = (1 - share) * size * 1.06 + share * longer * 1.05
    slack = max(side - longer, 0.0) / 2 * (1 - 0.5 * (1 - share))
    return (
        (1 - share) * middle + share * (x + 2 * slack * (chance[2] - 0.5)),
        (1 - share) * middle + share * (y + 2 * slack * (chance[3] - 0.5)),
        side,
        side,
    )
