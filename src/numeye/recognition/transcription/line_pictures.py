"""Cuts numbers out of a picture as a network for transcription receives them.

Training cuts its lines with the same functions, so that both see the same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    Grey = UInt8[np.ndarray, "height width"]

LINE_HEIGHT_PX = 32
LINE_WIDTHS_PX = (16, 448)  # smallest and largest width; longer numbers are squeezed
COLUMN_PX = 4  # pixels across for each column of the network's output
# Paper around a number, in heights of its box: on the left and right, above and below.
MARGIN_X, MARGIN_Y = 0.25, 0.12
MIN_SIDE_PX = 1.0  # of a part that is cut out

Box = tuple[float, float, float, float]  # left, top, right and bottom in pixels


def add_margins(box: Box) -> Box:
    """Return the box of a number with the paper around it that the network is to see."""
    left, top, right, bottom = box
    height = max(bottom - top, MIN_SIDE_PX)
    across, down = MARGIN_X * height, MARGIN_Y * height
    return left - across, top - down, right + across, bottom + down


def cut_line(grey: Grey, box: Box) -> UInt8[np.ndarray, "32 width"]:
    """Cut a part out of a picture and scale it to the height of the network's input.

    Its width keeps its proportion to the height, up to the largest one. Beyond the border, the
    pixels of the edge go on.

    Args:
        grey: (height, width) uint8, at least one pixel.
        box: left, top, right and bottom, as `add_margins` returns it.
    """
    part, (left, top, right, bottom) = _padded_part(grey, box)
    width = LINE_HEIGHT_PX * (right - left) / (bottom - top)
    columns = round(min(max(width, LINE_WIDTHS_PX[0]), LINE_WIDTHS_PX[1]) / COLUMN_PX)
    size = columns * COLUMN_PX, LINE_HEIGHT_PX
    # In Pillow, this averages over several pixels where they become one.
    picture = Image.fromarray(part).resize(
        size, Image.Resampling.BILINEAR, box=(left, top, right, bottom)
    )
    return np.asarray(picture, np.uint8)


def stack_lines(lines: Sequence[UInt8[np.ndarray, "32 _"]]) -> Float32[np.ndarray, "n 32 width"]:
    """Return lines of 0 to 1 as one batch; the last column of shorter ones is repeated.

    Args:
        lines: at least one.
    """
    widest = max(line.shape[1] for line in lines)
    padded = [np.pad(line, ((0, 0), (0, widest - line.shape[1])), mode="edge") for line in lines]
    batch: np.ndarray = np.stack(padded).astype(np.float32) / np.float32(255)
    return batch


def _padded_part(grey: Grey, box: Box) -> tuple[Grey, Box]:
    """Return whole pixels around a box, and the box in them; the edge is repeated beyond it."""
    height, width = grey.shape
    left, top, right, bottom = box
    right, bottom = max(right, left + MIN_SIDE_PX), max(bottom, top + MIN_SIDE_PX)
    first_x, first_y = int(np.floor(left)), int(np.floor(top))
    end_x, end_y = int(np.ceil(right)), int(np.ceil(bottom))
    columns = np.clip(np.arange(first_x, end_x), 0, width - 1)
    rows = np.clip(np.arange(first_y, end_y), 0, height - 1)
    part = np.ascontiguousarray(grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    part = part[np.ix_(rows - rows[0], columns - columns[0])]
    return part, (left - first_x, top - first_y, right - first_x, bottom - first_y)
