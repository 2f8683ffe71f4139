"""Lines around digits that are no digits: ruled lines, grids, frames, underlines, dots, waves.

Most functions draw at full level on `layer`, an array of bytes (size, size), around `box`: left,
top, right and bottom of a digit. `draw_lines` picks one of them and gives it a random darkness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic.canvas import (
    SUBPIXEL_BITS,
    Bounds,
    draw_segment,
    to_fixed_point,
)

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "size size"]


def draw_lines(size: int, box: Bounds, rng: np.random.Generator) -> Grey:
    """Return a drawing of one kind of lines around a digit, 0 to 1, of one darkness."""
    kinds = (
        draw_ruled_lines,
        draw_ruled_lines,
        draw_grid,
        draw_frame,
        draw_frame,
        draw_underline,
        draw_dots,
        draw_border,
    )
    layer = np.zeros((size, size), np.uint8)
    kinds[int(rng.integers(len(kinds)))](layer, box, rng)
    drawing: np.ndarray = layer.astype(np.float32) * np.float32(rng.uniform(0.12, 0.95) / 255)
    return drawing  # (size, size)


def draw_ruled_lines(layer: np.ndarray, box: Bounds, rng: np.random.Generator) -> None:
    """Draw parallel lines across or down, 0.35 to 1.4 digits apart."""
    _draw_parallel_lines(layer, box, rng, down=rng.random() < 0.2)


def draw_grid(layer: np.ndarray, box: Bounds, rng: np.random.Generator) -> None:
    """Draw squared paper."""
    slope = rng.uniform(-0.05, 0.05)
    step = max(box[3] - box[1], 10) * rng.uniform(0.3, 1.3)
    for down in (False, True):
        _draw_parallel_lines(layer, box, rng, down=down, slope=-slope if down else slope, step=step)


def draw_frame(layer: np.ndarray, box: Bounds, rng: np.random.Generator) -> None:
    """Draw the sides of a cell, from touching the digit to half a digit away.

    Each side is missing in 12 % of the frames.
    """
    left, top, right, bottom = box
    gaps = rng.uniform(-0.03, 0.45, 4) * max(right - left, bottom - top)
    corners = [(left - gaps[0], top - gaps[1]), (right + gaps[2], top - gaps[1])]
    corners += [(right + gaps[2], bottom + gaps[3]), (left - gaps[0], bottom + gaps[3])]
    width = int(rng.integers(1, 4))
    for number in range(4):
        if rng.random() < 0.88:
            start, end = (
                np.array(corners[i % 4]) + rng.normal(0, 0.6, 2) for i in (number, number + 1)
            )
            if rng.random() < 0.5:  # the lines of a table go on beyond the cell
                start, end = start - (end - start), end + (end - start)
            draw_segment(layer, start, end, width)


def draw_underline(layer: np.ndarray, box: Bounds, rng: np.random.Generator) -> None:
    """Draw a line under the digit, or through its foot."""
    left, top, right, bottom = box
    y = bottom + (bottom - top) * rng.uniform(-0.04, 0.3)
    tilt = rng.normal(0, 0.04) * (right - left)
    reach = (right - left) * rng.uniform(0.1, 2)
    start, end = np.array([left - reach, y - tilt]), np.array([right + reach, y + tilt])
    draw_segment(layer, start, end, int(rng.integers(1, 4)))


def draw_dots(layer: np.ndarray, _: Bounds, rng: np.random.Generator) -> None:
    """Draw one to five dots, as specks of dirt are, anywhere."""
    for _dot in range(int(rng.integers(1, 6))):
        centre = to_fixed_point(rng.uniform(0, len(layer), 2)).tolist()
        radius = rng.uniform(0.5, 2.2) * len(layer) / 48
        cv2.circle(
            layer, centre, round(radius * 2**SUBPIXEL_BITS), 255, -1, cv2.LINE_AA, SUBPIXEL_BITS
        )


def draw_border(layer: np.ndarray, _: Bounds, rng: np.random.Generator) -> None:
    """Fill some sides of the picture: the dark margin of a scan, or the thick line of a box."""
    size, width = len(layer), int(rng.integers(1, max(2, len(layer) // 9)))
    sides = rng.random(4) < 0.5
    if sides[0]:
        layer[:width] = 255
    if sides[1]:
        layer[size - width :] = 255
    if sides[2]:
        layer[:, :width] = 255
    if sides[3]:
        layer[:, size - width :] = 255


def draw_guilloche(size: int, rng: np.random.Generator) -> Grey:
    """Return a drawing of fine waves that cross, as cheques and certificates have them, 0 to 1."""
    layer = np.zeros((size, size), np.uint8)
    along = np.arange(-4, size + 8, 4, dtype=np.float64)  # (n,)
    for _ in range(int(rng.integers(1, 4))):
        step, amplitude, period = rng.uniform(3, 14), rng.uniform(0, 14), rng.uniform(8, 60)
        down, drift = rng.random() < 0.5, rng.uniform(0, 1.5)
        for number in range(int(size / step) + 6):
            wave = amplitude * np.sin(along / period + drift * number)
            wave = (number - 3) * step + wave + rng.normal(0, 0.3)  # (n,)
            points = np.stack([wave, along] if down else [along, wave], axis=1)  # (n, 2)
            corners = [to_fixed_point(points)]
            cv2.polylines(layer, corners, False, 255, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    drawing: np.ndarray = layer.astype(np.float32) / np.float32(255)
    return drawing  # (size, size)


def _draw_parallel_lines(
    layer: np.ndarray,
    box: Bounds,
    rng: np.random.Generator,
    *,
    down: bool,
    slope: float | None = None,
    step: float | None = None,
) -> None:
    """Draw parallel lines over everything. Slope and distance are random where they are None."""
    size = len(layer)
    step = step or max(box[3] - box[1], 10) * rng.uniform(0.35, 1.4)
    slope = rng.normal(0, 0.04) if slope is None else slope
    width, first = int(rng.integers(1, 3)), rng.uniform(0, step)
    for number in range(-1, int(size / step) + 2):
        y = first + number * step
        ends = np.array([[-2.0, y], [size + 2.0, y + slope * size]])  # (2, 2): x, y
        if down:
            ends = ends[:, ::-1]
        draw_segment(layer, ends[0], ends[1], width)
