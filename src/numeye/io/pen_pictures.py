"""Pen trajectories as plain pictures, to measure readers on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from numeye.io import pendigits
from numeye.io.pendigits import Trajectory

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8

PICTURE_PX = 64  # side of a picture ...
DIGIT_PX = 44  # ... the longer side of its digit ...
STROKE_PX = 4  # ... and the width of the strokes
OVERSAMPLING = 4  # pictures are drawn so much larger, for smooth edges


def open_test_digits(
    cache: str | Path | None = None,
) -> tuple[UInt8[np.ndarray, "n 64 64"], Int64[np.ndarray, " n"]]:
    """Return a picture of each trajectory of the part "test", black on white, and their digits.

    No network learns from these 14 writers.

    Raises:
        DataError: the trajectories are neither in the cache nor available.
    """
    pendigits.fetch(cache)
    trajectories = pendigits.load("test", cache)
    pictures = np.stack([draw_picture(trajectory) for trajectory in trajectories])
    return pictures, np.array([trajectory.digit for trajectory in trajectories], np.int64)


def draw_picture(trajectory: Trajectory) -> UInt8[np.ndarray, "64 64"]:
    """Return a picture with the digit in its middle, 0 black to 255 white."""
    points = np.concatenate(trajectory.strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = DIGIT_PX / max(float((high - low).max()), 1.0)
    side, width = PICTURE_PX * OVERSAMPLING, STROKE_PX * OVERSAMPLING
    image = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(image)
    for stroke in trajectory.strokes:
        places = ((stroke - (low + high) / 2) * scale + PICTURE_PX / 2) * OVERSAMPLING
        pen.line([tuple(place) for place in places.tolist()], fill=0, width=width, joint="curve")
        for x, y in places[[0, -1]].tolist():  # round ends
            pen.circle((x, y), width / 2, fill=0)
    small = image.resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BOX)
    return np.asarray(small)
