"""Crops: a region of a picture, and how it becomes the 40x40 pixels of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

CROP_SIDE_PX = 40
CLOSE_CROP_SCALE = 1.4  # side of a close crop, relative to the longer side of the digit's box
STRETCH_SHARE = 0.4  # of the crops are stretched
MAX_LOG_ASPECT = 0.3  # of a stretched crop: logarithm of width / height
PAPER_BORDER_SHARE = 0.8  # of the crops continue with paper beyond the picture
DARK_ON_LIGHT_SHARE = 0.7  # of the crops keep their polarity

# centre x and y, width and height, in pixels of the picture
CropRegion = tuple[float, float, float, float]


def region_around(box: Float32[np.ndarray, " 4"], chance: Float64[np.ndarray, " 4"]) -> CropRegion:
    """Return the square of a close crop, with the errors that a localizer's box has.

    Args:
        box: left, top, right and bottom of the digit.
        chance: random numbers of 0 to 1: size, x, y, size again.
    """
    left, top, right, bottom = box.tolist()
    longer = max(right - left, bottom - top)
    scale = float(np.exp(0.36 * (chance[0] - 0.5) + 0.24 * (chance[3] - 0.5)))
    side = longer * CLOSE_CROP_SCALE * scale
    x = (left + right) / 2 + 0.2 * longer * (chance[1] - 0.5)
    y = (top + bottom) / 2 + 0.2 * longer * (chance[2] - 0.5)
    return x, y, side, side


def stretch_region(region: CropRegion, chance: float) -> CropRegion:
    """Return a region with another aspect, for a share of the random numbers `chance`."""
    x, y, width, height = region
    aspect = 1.0
    if chance < STRETCH_SHARE:
        aspect = float(np.exp(MAX_LOG_ASPECT * (2 * chance / STRETCH_SHARE - 1)))
    return x, y, width * aspect**0.5, height * aspect**-0.5


def cut_region(
    picture: np.ndarray, region: CropRegion, chance: Float64[np.ndarray, " 2"]
) -> np.ndarray:
    """Return a region as 40x40 pixels.

    Beyond the picture there is paper, or the picture's border is repeated.

    Args:
        picture: (H, W) of uint8.
        region: to cut out.
        chance: random numbers of 0 to 1 that decide the border and the polarity.
    """
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    paper = int(np.partition(border, len(border) // 2)[len(border) // 2])  # the median, quickly
    mode = cv2.BORDER_CONSTANT if chance[0] < PAPER_BORDER_SHARE else cv2.BORDER_REPLICATE
    picture, (x, y, across, down) = _downscale(picture, region)
    across, down = across / CROP_SIDE_PX, down / CROP_SIDE_PX
    corner_x = x - 0.5 - across * (CROP_SIDE_PX - 1) / 2
    corner_y = y - 0.5 - down * (CROP_SIDE_PX - 1) / 2
    matrix = np.array([[across, 0, corner_x], [0, down, corner_y]], np.float32)
    crop: np.ndarray = cv2.warpAffine(
        picture,
        matrix,
        (CROP_SIDE_PX, CROP_SIDE_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=mode,
        borderValue=paper,
    )
    return crop if chance[1] < DARK_ON_LIGHT_SHARE else 255 - crop


def _downscale(picture: np.ndarray, region: CropRegion) -> tuple[np.ndarray, CropRegion]:
    """Average pixels first if several become one, as the reader does."""
    factor = round(max(region[2:]) / CROP_SIDE_PX)
    if factor < 2:
        return picture, region
    height, width = (max(1, round(side / factor)) for side in picture.shape)
    across, down = width / picture.shape[1], height / picture.shape[0]
    small: np.ndarray = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return small, (region[0] * across, region[1] * down, region[2] * across, region[3] * down)


def box_in_region(
    box: Float32[np.ndarray, " 4"], region: CropRegion
) -> tuple[float, float, float, float]:
    """Return centre x, centre y, width and height of a box, as shares of the region."""
    left, top, right, bottom = box.tolist()
    x, y, width, height = region
    return (
        ((left + right) / 2 - x) / width + 0.5,
        ((top + bottom) / 2 - y) / height + 0.5,
        (right - left) / width,
        (bottom - top) / height,
    )
