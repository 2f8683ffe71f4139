"""Straightens what lies between four corners, and finds long even strokes on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout import homography

if TYPE_CHECKING:
    from jaxtyping import UInt8

    from numeye.layout.homography import Homography, Quad

    Picture = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class StrokeLimits:
    """The size of a straightened picture, and what counts as a stroke on it.

    Levels are darknesses, of 255. Pixels are those of the straightened picture.

    Attributes:
        straight_px: longer side of a straightened picture.
        margin_px: around it.
        stroke_px: length over which lines are straight, and writing seldom is.
        side_stroke_px: the same for the sides, before they are bent back.
        dark: darker pixels count as this.
        faint: that a line has at least.
        evenness: of its mean, that a stroke has everywhere.
        hint_dark: darker pixels count as this when hardly visible lines are searched for.
        hint_contrast: by how much, in eighths, such a line must be darker than beside it.
        hint_distance_px: how far beside it.
    """

    straight_px: int = 720
    margin_px: int = 44
    stroke_px: int = 36
    side_stroke_px: int = 24
    dark: int = 96
    faint: int = 6
    evenness: float = 0.5
    hint_dark: int = 24
    hint_contrast: int = 9
    hint_distance_px: int = 5


STROKES = StrokeLimits()


def straighten(darkness: Picture, quad: Quad, margin: int) -> tuple[Picture, Homography]:
    """Return what lies between four corners as a straight picture with a margin.

    Returns:
        The picture, and the homography from it back.
    """
    cv2 = homography.import_opencv()
    sides = homography.side_lengths(quad)
    scale = 2 * STROKES.straight_px / max(sides[0] + sides[2], sides[1] + sides[3])
    width, height = (
        max(STROKES.straight_px // 8, round(scale * (sides[side] + sides[side + 2]) / 2))
        for side in (0, 1)
    )
    frame = np.array([[0.0, 0], [width, 0], [width, height], [0, height]]) + margin
    size = (width + 2 * margin + 1, height + 2 * margin + 1)
    to_straight = homography.compute_homography(quad, frame)
    to_picture = homography.compute_homography(frame, quad)
    return cv2.warpPerspective(darkness, to_straight, size), to_picture


def transpose(picture: Picture) -> Picture:
    """Return a picture with rows and columns exchanged."""
    return np.ascontiguousarray(picture.T)


def find_strokes(darkness: Picture, length: int = STROKES.stroke_px) -> Picture:
    """Return how dark each pixel is as part of an even stroke across; 0 for most of writing.

    Pixels that are little darker than above and below, but evenly so along a line, become `faint`.

    Args:
        darkness: how much darker than the paper each pixel is, of 255.
        length: of a stroke, in pixels.
    """
    cv2 = homography.import_opencv()
    line = np.ones((1, length))
    capped = cv2.dilate(np.minimum(darkness, STROKES.dark), np.ones((3, 1)))
    least, mean = cv2.erode(capped, line), cv2.blur(capped, (length, 1))
    is_even = least > cv2.multiply(mean, STROKES.evenness)
    strokes = cv2.dilate(np.where(is_even, least, 0).astype(np.uint8), line)
    hints = _find_hints(darkness, length)
    both: Picture = np.maximum(strokes, hints * np.uint8(STROKES.faint))
    return both


def _find_hints(darkness: Picture, length: int) -> Picture:
    """Return 1 for each pixel of a hardly visible even line across, else 0."""
    cv2 = homography.import_opencv()
    line = np.ones((1, length))
    eighths = np.minimum(darkness, STROKES.hint_dark) * np.uint8(8)
    near, mean = cv2.blur(eighths, (5, 3)), cv2.blur(eighths, (length, 3))
    above, below = (
        np.roll(mean, offset, axis=0)
        for offset in (STROKES.hint_distance_px, -STROKES.hint_distance_px)
    )
    contrast = cv2.subtract(mean, np.maximum(above, below))
    is_near = (near > cv2.multiply(mean, STROKES.evenness)).astype(np.uint8) * 255
    is_even = cv2.blur(is_near, (length, 1)) > 0.8 * 255
    hints = cv2.erode((is_even & (contrast > STROKES.hint_contrast)).astype(np.uint8), line)
    # the mean reaches half a length past the ends of a line, so only the other half is added
    dilated: Picture = cv2.dilate(hints, line[:, ::2])
    return dilated
