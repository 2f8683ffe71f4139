"""What is cut out of a picture for the reader to see: a window, and how it becomes 40x40 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

SIDE = 40  # pixels a side of a view
LOOK = 1.4  # side of the window of a look, of the longer side of the digit's box
STRETCHED, STRETCH = 0.4, 0.3  # share of the views that are stretched, and how far: the logarithm of the aspect

Window = tuple[float, float, float, float]  # centre x and y, width and height, in pixels of the picture


def about(box: Float32[np.ndarray, " 4"], chance: Float64[np.ndarray, " 4"]) -> Window:
    """The square of a look at a box (left, top, right, bottom) that was found a little wrong, as it will be."""
    left, top, right, bottom = box.tolist()
    longer = max(right - left, bottom - top)
    side = longer * LOOK * float(np.exp(0.36 * (chance[0] - 0.5) + 0.24 * (chance[3] - 0.5)))
    x, y = (left + right) / 2 + 0.2 * longer * (chance[1] - 0.5), (top + bottom) / 2 + 0.2 * longer * (chance[2] - 0.5)
    return x, y, side, side


def stretched(window: Window, chance: float) -> Window:
    """As some pictures are."""
    x, y, width, height = window
    aspect = float(np.exp(STRETCH * (2 * chance / STRETCHED - 1))) if chance < STRETCHED else 1.0
    return x, y, width * aspect**0.5, height * aspect**-0.5


def cut(picture: np.ndarray, window: Window, chance: Float64[np.ndarray, " 2"]) -> np.ndarray:
    """The window as 40x40 pixels; what lies beyond the picture is paper, or its border drawn out."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    paper = int(np.partition(border, len(border) // 2)[len(border) // 2])  # the median, quickly
    mode = cv2.BORDER_CONSTANT if chance[0] < 0.8 else cv2.BORDER_REPLICATE
    picture, (x, y, across, down) = _smaller(picture, window)
    across, down = across / SIDE, down / SIDE
    corner = x - 0.5 - across * (SIDE - 1) / 2, y - 0.5 - down * (SIDE - 1) / 2
    matrix = np.array([[across, 0, corner[0]], [0, down, corner[1]]], np.float32)
    shown: np.ndarray = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=mode, borderValue=paper
    )
    return shown if chance[1] < 0.7 else 255 - shown


def _smaller(picture: np.ndarray, window: Window) -> tuple[np.ndarray, Window]:
    """Where several pixels become one they are averaged first, as they are when a picture is read."""
    times = round(max(window[2:]) / SIDE)
    if times < 2:
        return picture, window
    height, width = (max(1, round(side / times)) for side in picture.shape)
    right, down = width / picture.shape[1], height / picture.shape[0]
    small: np.ndarray = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return small, (window[0] * right, window[1] * down, window[2] * right, window[3] * down)


def seen(box: Float32[np.ndarray, " 4"], window: Window) -> tuple[float, float, float, float]:
    """Centre x, y, width and height of a box, as fractions of the window."""
    left, top, right, bottom = box.tolist()
    x, y, width, height = window
    return (
        ((left + right) / 2 - x) / width + 0.5,
        ((top + bottom) / 2 - y) / height + 0.5,
        (right - left) / width,
        (bottom - top) / height,
    )
