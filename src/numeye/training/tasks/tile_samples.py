"""Samples for detection: parts of synthetic pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from numeye.models.characters import CHARACTERS, DIGITS, OTHER
from numeye.training.batching import Batches
from numeye.training.synthetic.canvas import MIN_VISIBLE_SHARE, UNREADABLE
from numeye.training.synthetic.disk_cache import Tiles
from numeye.training.synthetic.page_tiles import TILE_PX

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

SAMPLE_SIDE_PX = 128
SOURCE_SIDE_RANGE_PX = (
    96.0,
    TILE_PX,
)  # of the part of a tile, so that digits are enlarged or shrunk
MAX_ASPECT = 1.2  # of the part
INVERTED_SHARE = 0.3  # of the training samples are light on dark
NO_TARGET = -1  # label of a row of the targets that holds no character
MIN_HEIGHT_PX = 6.0  # in a sample; a lower digit or letter may be found or not
MIN_SIGN_PX = 1.5  # likewise, of the longer side of a sign


class TileSamples(Batches[Tiles]):
    """Batches of samples (B, 1, 128, 128) of 0 to 1, and targets (B, K, 5).

    A target is a label, then centre x, centre y, width and height in pixels of the sample. The
    label is a place in `CHARACTERS`, `UNREADABLE` for a character that may be found or not, or
    `NO_TARGET`.
    """

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cut samples out of some tiles of the pool."""
        samples = np.empty((len(numbers), 1, SAMPLE_SIDE_PX, SAMPLE_SIDE_PX), np.uint8)
        visible = []
        for row, number in enumerate(numbers.tolist()):
            tile = self.dataset.tile(number)
            matrix = self._matrix(random)
            sample = _warp(tile.picture, matrix)
            invert = self.generator is not None and random.random() < INVERTED_SHARE
            samples[row, 0] = 255 - sample if invert else sample
            visible.append(_visible_characters(tile.labels, tile.boxes, matrix))
        targets = np.full((len(numbers), max(1, *map(len, visible)), 5), NO_TARGET, np.float32)
        for row, characters in enumerate(visible):
            targets[row, : len(characters)] = characters
        return torch.from_numpy(samples).float() / 255, torch.from_numpy(targets)

    def _matrix(self, random: np.random.Generator) -> Float32[np.ndarray, "2 3"]:
        """Return the map from the sample's pixels to the tile's: the middle, if not random."""
        if self.generator is None:
            corner = (TILE_PX - SAMPLE_SIDE_PX) / 2
            return np.array([[1, 0, corner], [0, 1, corner]], np.float32)
        side = float(np.exp(random.uniform(*np.log(SOURCE_SIDE_RANGE_PX))))
        aspect = MAX_ASPECT ** random.uniform(-0.5, 0.5)
        width, height = min(side * aspect, TILE_PX), min(side / aspect, TILE_PX)
        left, top = random.uniform(0, TILE_PX - width), random.uniform(0, TILE_PX - height)
        across, down = width / SAMPLE_SIDE_PX, height / SAMPLE_SIDE_PX
        return np.array([[across, 0, left], [0, down, top]], np.float32)


def _warp(
    picture: UInt8[np.ndarray, "size size"], matrix: Float32[np.ndarray, "2 3"]
) -> UInt8[np.ndarray, "128 128"]:
    """Return the sample that a matrix cuts out of a tile.

    The first pixels of sample and tile both lie half a pixel within the border.
    """
    matrix = matrix.copy()
    matrix[:, 2] += (matrix[[0, 1], [0, 1]] - 1) / 2
    sample: np.ndarray = cv2.warpAffine(
        picture,
        matrix,
        (SAMPLE_SIDE_PX, SAMPLE_SIDE_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return sample


def _visible_characters(
    labels: np.ndarray, boxes: np.ndarray, matrix: np.ndarray
) -> Float32[np.ndarray, "n 5"]:
    """Return a tile's characters as targets of a sample; those outside are left out.

    A character that the border cuts off, or that is too small, gets the label `UNREADABLE`.
    """
    scale, shift = matrix[[0, 1], [0, 1]], matrix[:, 2]
    corners = (boxes.reshape(-1, 2, 2) - shift) / scale  # (n, 2, 2)
    inside = np.clip(corners, 0, SAMPLE_SIDE_PX)
    area = np.prod(corners[:, 1] - corners[:, 0], axis=1)
    visible_area = np.prod(inside[:, 1] - inside[:, 0], axis=1)
    labels = np.where(visible_area < MIN_VISIBLE_SHARE * area, UNREADABLE, labels)
    centres, sides = inside.mean(axis=1), inside[:, 1] - inside[:, 0]
    is_sign = (labels >= len(DIGITS)) & (labels < CHARACTERS.index(OTHER))
    too_small = np.where(is_sign, sides.max(axis=1) < MIN_SIGN_PX, sides[:, 1] < MIN_HEIGHT_PX)
    labels = np.where(too_small, UNREADABLE, labels)
    characters = np.concatenate([labels[:, None], centres, sides], axis=1)
    visible: np.ndarray = characters[(sides > 0).all(axis=1)].astype(np.float32)
    return visible
