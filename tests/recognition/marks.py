"""Marks that have an upper edge, and a detector that finds those that stand upright."""

from __future__ import annotations

import numpy as np
from PIL import Image

from numeye.recognition.detector import STRIDE_PX, UNIT_PX

MARK_PX = 24  # side of a mark
SMALLEST_PX = 200  # shorter side of a picture on which marks are found


def draw_marks(rows: int, columns: int, margin: int = 60) -> np.ndarray:
    """Return a page with rows of marks; they stand closer in a row than the rows do."""
    across, down = round(1.1 * MARK_PX), 2 * MARK_PX
    grey = np.full((2 * margin + down * rows, 2 * margin + across * columns), 255, np.uint8)
    fade = np.linspace(0, 255, MARK_PX).astype(np.uint8)[:, None]  # black above, white below
    for top in range(margin, margin + down * rows, down):
        for left in range(margin, margin + across * columns, across):
            grey[top : top + MARK_PX, left : left + MARK_PX - 4] = fade
    return grey


def lay(grey: np.ndarray, degrees: float) -> np.ndarray:
    """Return a page as it lies that must be turned counter-clockwise by so many degrees."""
    image = Image.fromarray(grey)
    return np.asarray(image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255))


def detect_marks(pixels: np.ndarray) -> np.ndarray:
    """Return the maps of marks that stand upright; of others, it is unsure."""
    levels = pixels[0, 0]
    height, width = (side // STRIDE_PX for side in levels.shape)
    if min(levels.shape) < SMALLEST_PX:  # a smaller picture of the page
        return np.full((1, 15, height, width), -9, np.float32)
    means = levels.reshape(height, STRIDE_PX, width, STRIDE_PX).mean(axis=(1, 3))
    padded = np.pad(means, 3, mode="edge")

    def mean_of(down: tuple[int, ...], across: tuple[int, ...]) -> np.ndarray:
        shifted = [
            padded[3 + y : 3 + y + height, 3 + x : 3 + x + width] for y in down for x in across
        ]
        mean: np.ndarray = np.mean(shifted, axis=0)
        return mean

    edge = mean_of((-3,), (-1, 0, 1)) - mean_of((-1,), (-1, 0, 1))
    fading = mean_of((2,), (-1, 0, 1)) - mean_of((-1,), (-1, 0, 1))
    beside = np.abs(mean_of((0,), (-1,)) - mean_of((0,), (1,)))
    maps = np.zeros((15, height, width), np.float32)
    hint = 1.2 * (1 - mean_of((-1, 0, 1), (-1, 0, 1))) - 1.1  # something dark: perhaps a mark
    maps[0] = np.maximum(12 * (np.minimum(edge, fading) - beside) - 3, hint)
    maps[1] = np.where(maps[0] > 1.5, 20, 0)  # upside down, it is not certainly a 0
    maps[13:] = np.log(MARK_PX / 2 / UNIT_PX)
    return maps[None]
