"""Views of tiles: what the network that finds digits is shown of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from numeye.training.batches import Batches
from numeye.training.paper.page import SIZE
from numeye.training.paper.pool import Tiles
from numeye.training.paper.sheet import CUT, VISIBLE

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

SIDE = 128  # pixels a side of a view
WINDOW = (96.0, SIZE)  # side of what is cut out of a tile: so it comes larger or smaller
ASPECT = 1.2  # and wider or narrower, by up to this
NONE = -1  # the label of a place in which there is no digit
SMALL = 5.0  # pixels; what is less high in a view is not asked for


class TileViews(Batches[Tiles]):
    """Batches of views (B, 1, 128, 128) of 0 to 1, and targets (B, K, 5): label, centre x, y, width, height.

    Boxes are in pixels of the view. A label is 0 to 9, `CUT` for a digit that may be found or not, or `NONE`.
    """

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cut them anew."""
        views = np.empty((len(numbers), 1, SIDE, SIDE), np.uint8)
        found = []
        for row, number in enumerate(numbers.tolist()):
            tile = self.dataset.tile(number)
            matrix = self._matrix(random)
            view = _cut(tile.picture, matrix)
            views[row, 0] = 255 - view if self.generator is not None and random.random() < 0.3 else view
            found.append(_seen(tile.labels, tile.boxes, matrix))
        targets = np.full((len(numbers), max(1, *map(len, found)), 5), NONE, np.float32)
        for row, digits in enumerate(found):
            targets[row, : len(digits)] = digits
        return torch.from_numpy(views).float() / 255, torch.from_numpy(targets)

    def _matrix(self, random: np.random.Generator) -> Float32[np.ndarray, "2 3"]:
        """From places on the view to places on the tile; the middle of it, as it is, where nothing is random."""
        if self.generator is None:
            corner = (SIZE - SIDE) / 2
            return np.array([[1, 0, corner], [0, 1, corner]], np.float32)
        side = float(np.exp(random.uniform(*np.log(WINDOW))))
        aspect = ASPECT ** random.uniform(-0.5, 0.5)
        across, down = min(side * aspect, SIZE), min(side / aspect, SIZE)
        left, top = random.uniform(0, SIZE - across), random.uniform(0, SIZE - down)
        return np.array([[across / SIDE, 0, left], [0, down / SIDE, top]], np.float32)


def _cut(picture: UInt8[np.ndarray, "size size"], matrix: Float32[np.ndarray, "2 3"]) -> UInt8[np.ndarray, "128 128"]:
    """What a view shows of a tile. Its first pixel lies half a pixel within its border, and so does the tile's."""
    matrix = matrix.copy()
    matrix[:, 2] += (matrix[[0, 1], [0, 1]] - 1) / 2
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view: np.ndarray = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return view


def _seen(labels: np.ndarray, boxes: np.ndarray, matrix: np.ndarray) -> Float32[np.ndarray, "n 5"]:
    """The digits of a tile as a view has them; those outside are left out, those at the border cut."""
    scale, shift = matrix[[0, 1], [0, 1]], matrix[:, 2]
    corners = (boxes.reshape(-1, 2, 2) - shift) / scale  # (n, 2, 2)
    inside = np.clip(corners, 0, SIDE)
    whole, left = np.prod(corners[:, 1] - corners[:, 0], axis=1), np.prod(inside[:, 1] - inside[:, 0], axis=1)
    labels = np.where(left < VISIBLE * whole, CUT, labels)
    middles, sides = inside.mean(axis=1), inside[:, 1] - inside[:, 0]
    labels = np.where(sides[:, 1] < SMALL, CUT, labels)
    digits = np.concatenate([labels[:, None], middles, sides], axis=1)
    seen: np.ndarray = digits[(sides > 0).all(axis=1)].astype(np.float32)
    return seen
