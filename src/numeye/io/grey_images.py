"""Converts pictures and arrays of any type to upright grey pictures: uint8, 0 black, 255 white."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageStat

from numeye.errors import PictureError
from numeye.io.image_limits import MAX_PIXELS, check_size

if TYPE_CHECKING:
    from jaxtyping import UInt8

BLOCK_VALUES = 1 << 20  # values of an array that are converted at a time
# White of pictures in 0 to 1, of scikit-learn's digits, and of 8, 12 and 16 bits.
WHITE_LEVELS = (1.0, 16.0, 255.0, 4095.0, 65535.0)
MAX_WHITE = WHITE_LEVELS[-1]
TOLERANCE = 1.1  # by which a number with a fraction may exceed white, as after resizing


def from_array(
    array: np.ndarray, *, max_pixels: int = MAX_PIXELS
) -> UInt8[np.ndarray, "height width"]:
    """Convert an array of any dtype to a grey picture.

    White is 255 for uint8. For other types, and for uint8 masks of 0 and 1, it is the smallest of
    `WHITE_LEVELS` that no value exceeds. Numbers with a fraction may exceed it by a tenth, as
    after resizing, and are cut to it. An array with values below 0 or above 65535 is stretched
    from its lowest value to its highest.

    Args:
        array: (height, width), (height, width, 1 to 4 channels) or (1, height, width).
        max_pixels: a larger array is rejected.

    Raises:
        PictureError: the array is empty, too large, not finite or of a shape that is no picture.
    """
    shape = "x".join(map(str, array.shape))
    if array.ndim == 3 and array.shape[0] == 1:  # one channel first, as in torch
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] > 4):
        raise PictureError(
            f"an array of shape {shape} is no picture; expected height x width (x 1 to 4 channels)"
        )
    check_size("the array", (array.shape[1], array.shape[0]), max_pixels)
    if array.dtype.kind not in "buif":
        raise PictureError(f"an array of {array.dtype} is no picture; expected numbers")
    levels = _to_uint8(array)
    # Never the array itself: its owner may change it before it is read.
    if levels.ndim == 2:
        return levels.copy() if np.may_share_memory(levels, array) else levels
    mode = {2: "LA", 3: "RGB", 4: "RGBA"}[levels.shape[2]]
    return to_grey(Image.fromarray(np.ascontiguousarray(levels)).convert(mode))


def _to_uint8(array: np.ndarray) -> np.ndarray:
    """Convert an array of any shape and numeric dtype to levels of grey."""
    if array.dtype == np.uint8 and array.max() > 1:
        return array
    float_type: type[np.floating] = np.float32 if array.itemsize < 4 else np.float64
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise PictureError(
            "the array holds values that are not finite; expected numbers such as 0 to 255"
        )
    levels = np.empty(array.shape, np.uint8)
    # Block by block, so that few floating point numbers are in memory.
    tolerance = TOLERANCE if array.dtype.kind == "f" else 1.0
    rows = max(1, BLOCK_VALUES * len(array) // array.size)
    for start in range(0, len(array), rows):
        block = array[start : start + rows].astype(float_type)
        levels[start : start + rows] = _to_levels(block, low, high, tolerance)
    return levels


def _to_levels(values: np.ndarray, low: float, high: float, tolerance: float) -> np.ndarray:
    """Convert values to levels of grey; `low` and `high` are those of the whole array."""
    if low < 0 or high > MAX_WHITE:
        # Divided first, since high - low may overflow.
        largest = max(abs(low), abs(high))
        return _scale(values / largest, low / largest, high / largest)
    return _scale(values, 0.0, min(white for white in WHITE_LEVELS if white * tolerance >= high))


def _scale(values: np.ndarray, black: float, white: float) -> np.ndarray:
    unit = (values - black) / max(white - black, 1e-30)
    levels: np.ndarray = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    return levels


def to_grey(image: Image.Image) -> np.ndarray:
    """Return a picture upright as EXIF says, without transparency, as (height, width) uint8.

    Raises:
        ValueError: its values are no picture.
    """
    image.load()  # finds damaged pixels; some formats have EXIF behind them
    if exif_orientation(image) != 1:  # otherwise it would be copied for nothing
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        try:
            # Its size is checked already.
            return from_array(np.asarray(image), max_pixels=image.width * image.height)
        except PictureError as error:  # the caller knows the name of the picture
            raise ValueError(str(error)) from error
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return np.array(_flatten(image if image.mode == "RGBA" else image.convert("RGBA")))
    if image.mode not in ("L", "1", "RGB"):
        image = image.convert("RGB")
    return np.array(image.convert("L"))


def exif_orientation(image: Image.Image) -> int:
    """Return the orientation in EXIF, 1 to 8; 1 (upright) where EXIF is missing or damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - Pillow raises anything on a damaged header
        return 1


def _flatten(image: Image.Image) -> Image.Image:
    """Put a transparent picture on white, or on black if the drawing on it is light.

    Returns:
        A grey picture. Every step takes one byte per pixel, since a photograph has tens of
        millions of pixels.
    """
    grey, alpha = image.convert("L"), image.getchannel("A")
    mean_drawn_level = ImageStat.Stat(ImageChops.multiply(grey, alpha)).sum[0] / max(
        ImageStat.Stat(alpha).sum[0] / 255, 1.0
    )
    paper = Image.new("L", image.size, "black" if mean_drawn_level > 127 else "white")
    return Image.composite(grey, paper, alpha)
