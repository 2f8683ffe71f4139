"""Takes uneven light out of a picture: a shadow from one side, or corners that are dark.

The light is estimated as the paper without its strokes: a median over a neighbourhood that is much
wider than any stroke, on a small copy. The picture is divided by it, since light on paper
multiplies (Land and McCann 1971, "Lightness and retinex theory").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from jaxtyping import Float32, Num, UInt8


@dataclass(frozen=True, kw_only=True)
class IlluminationLimits:
    """How the light of a picture is estimated, and what is even.

    Attributes:
        small_px: longer side of the small copy on which the paper is estimated.
        median_px: side of the median's neighbourhood on that copy; odd.
        min_contrast: difference of grey levels below which nothing is on a picture.
        min_change: light that changes by less than this share of the brightest is even.
        paper_share: share of the paper that is left out at both ends of its levels.
        stroke_share: share of the pixels that are surely strokes in every picture of a digit: the
            ones that differ most from the paper.
        paper_level: grey level that all paper gets, 0 to 255.
        min_light: light is taken to be at least this bright, 0 to 255, so that noise in the dark
            is not enlarged without limit.
        sample_pixels: levels are compared on about this many pixels.
    """

    small_px: int = 32
    median_px: int = 9
    min_contrast: int = 4
    min_change: float = 0.25
    paper_share: float = 0.02
    stroke_share: float = 0.005
    paper_level: float = 215.0
    min_light: float = 12.0
    sample_pixels: int = 10_000


LIMITS = IlluminationLimits()
BLOCK_ROWS = 256  # of a picture that are divided at once


def flatten_light(grey: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Return a picture as if the same light fell on all of its paper; the same array where it does.

    The strokes of a new picture are dark on light.

    Args:
        grey: (height, width) uint8, of any size and polarity.
    """
    if np.ptp(grey) < LIMITS.min_contrast:
        return grey
    paper = _estimate_paper(grey)  # (rows, columns), of a small copy
    step = max(1, int((grey.size / LIMITS.sample_pixels) ** 0.5))
    sample = grey[::step, ::step].astype(np.float32)
    sample_paper = np.concatenate(
        [_sample(paper, grey.shape, rows, step) for rows in _blocks(grey)]
    )
    is_light_on_dark = _strokes_are_light(sample, sample_paper)
    darkest, brightest = _ends(
        255 - sample_paper if is_light_on_dark else sample_paper, LIMITS.paper_share
    )
    if brightest - darkest < LIMITS.min_change * max(brightest, 1.0):
        return grey
    return _divide(grey, paper, is_light_on_dark)


def _divide(
    grey: UInt8[np.ndarray, "height width"],
    paper: Float32[np.ndarray, "rows columns"],
    is_light_on_dark: bool,
) -> UInt8[np.ndarray, "height width"]:
    """Divide a picture by its paper, a few rows at a time to save memory."""
    flat = np.empty_like(grey)
    for rows in _blocks(grey):
        levels, light = grey[rows].astype(np.float32), _enlarge(paper, grey.shape, rows)
        if is_light_on_dark:
            levels, light = 255 - levels, 255 - light
        levels *= LIMITS.paper_level / np.maximum(light, LIMITS.min_light)
        flat[rows] = np.minimum(levels, 255, out=levels).astype(np.uint8)
    return flat


def _strokes_are_light(
    levels: Float32[np.ndarray, "height width"], paper: Float32[np.ndarray, "height width"]
) -> bool:
    darker, lighter = _ends(levels - paper, LIMITS.stroke_share)
    return lighter > -darker


def _ends(levels: Num[np.ndarray, "height width"], share: float) -> tuple[float, float]:
    """Return the lowest and the highest level, after a share of the pixels at both ends."""
    low, high = np.quantile(levels, [share, 1 - share]).tolist()
    return low, high


def _estimate_paper(
    grey: UInt8[np.ndarray, "height width"],
) -> Float32[np.ndarray, "rows columns"]:
    """Return the grey level that the paper has, or would have, at each pixel of a small copy."""
    height, width = grey.shape
    factor, half = min(1.0, LIMITS.small_px / max(grey.shape)), LIMITS.median_px // 2
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    padded = Image.fromarray(np.pad(small, half, mode="edge"))
    medians = np.asarray(padded.filter(ImageFilter.MedianFilter(LIMITS.median_px)), np.float32)
    return np.ascontiguousarray(medians[half : half + size[1], half : half + size[0]])


def _blocks(grey: UInt8[np.ndarray, "height width"]) -> list[slice]:
    """Return the rows of a picture in blocks, so that no more than these are in memory."""
    starts = range(0, len(grey), BLOCK_ROWS)
    return [slice(start, min(start + BLOCK_ROWS, len(grey))) for start in starts]


def _sample(
    paper: Float32[np.ndarray, "rows columns"], shape: tuple[int, ...], rows: slice, step: int
) -> Float32[np.ndarray, "m n"]:
    """Return the paper at each `step`-th pixel of some rows; a copy, so that no block is kept."""
    return _enlarge(paper, shape, rows)[-rows.start % step :: step, ::step].copy()


def _enlarge(
    paper: Float32[np.ndarray, "rows columns"], shape: tuple[int, ...], rows: slice
) -> Float32[np.ndarray, "height width"]:
    """Return the paper of some rows of a picture of this shape."""
    scale = len(paper) / shape[0]
    box = (0, rows.start * scale, paper.shape[1], min(rows.stop * scale, len(paper)))
    size = shape[1], rows.stop - rows.start
    return np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.BILINEAR, box))
