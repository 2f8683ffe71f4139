"""What stands around digits and is none: ruled lines, grids, frames, underlines, dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "size size"]

Box = tuple[float, float, float, float]  # left, top, right, bottom
SHIFT = 4  # lines are drawn at a sixteenth of a pixel


def lines(size: int, box: Box, random: np.random.Generator) -> Grey:
    """One kind of marks around a digit, 0 to 1: drawn in one tone and turned a little."""
    kinds = (ruled, ruled, grid, frame, frame, underline, dots, border)
    canvas = np.zeros((size, size), np.uint8)
    kinds[int(random.integers(len(kinds)))](canvas, box, random)
    ink: np.ndarray = canvas.astype(np.float32) * np.float32(random.uniform(0.12, 0.95) / 255)
    return ink


def ruled(canvas: np.ndarray, box: Box, random: np.random.Generator) -> None:
    """Parallel lines, 0.35 to 1.4 digits apart, across or down."""
    _parallel(canvas, box, random, down=random.random() < 0.2)


def grid(canvas: np.ndarray, box: Box, random: np.random.Generator) -> None:
    """Squared paper."""
    state = random.uniform(-0.05, 0.05)
    step = max(box[3] - box[1], 10) * random.uniform(0.3, 1.3)
    for down in (False, True):
        _parallel(canvas, box, random, down=down, slope=-state if down else state, step=step)


def frame(canvas: np.ndarray, box: Box, random: np.random.Generator) -> None:
    """The four sides of a cell, from touching the digit to half a digit away; a side may be missing."""
    left, top, right, bottom = box
    apart = random.uniform(-0.03, 0.45, 4) * max(right - left, bottom - top)
    corners = [(left - apart[0], top - apart[1]), (right + apart[2], top - apart[1])]
    corners += [(right + apart[2], bottom + apart[3]), (left - apart[0], bottom + apart[3])]
    width = int(random.integers(1, 4))
    for number in range(4):
        if random.random() < 0.88:
            start, end = (np.array(corners[i % 4]) + random.normal(0, 0.6, 2) for i in (number, number + 1))
            if random.random() < 0.5:  # lines of a table go on
                start, end = start - (end - start), end + (end - start)
            _draw(canvas, start, end, width)


def underline(canvas: np.ndarray, box: Box, random: np.random.Generator) -> None:
    """A line under the digit, or through its foot."""
    left, top, right, bottom = box
    at = bottom + (bottom - top) * random.uniform(-0.04, 0.3)
    tilt = random.normal(0, 0.04) * (right - left)
    reach = (right - left) * random.uniform(0.1, 2)
    _draw(canvas, np.array([left - reach, at - tilt]), np.array([right + reach, at + tilt]), int(random.integers(1, 4)))


def dots(canvas: np.ndarray, _: Box, random: np.random.Generator) -> None:
    """Specks of dirt, points and commas."""
    for _dot in range(int(random.integers(1, 6))):
        at = random.uniform(0, len(canvas), 2)
        radius = random.uniform(0.5, 2.2) * len(canvas) / 48
        cv2.circle(canvas, _fixed(at), round(radius * 2**SHIFT), 255, -1, cv2.LINE_AA, SHIFT)


def border(canvas: np.ndarray, _: Box, random: np.random.Generator) -> None:
    """The dark margin of a scan or the thick line of a box along some sides of the picture."""
    size, width = len(canvas), int(random.integers(1, max(2, len(canvas) // 9)))
    sides = random.random(4) < 0.5
    if sides[0]:
        canvas[:width] = 255
    if sides[1]:
        canvas[size - width :] = 255
    if sides[2]:
        canvas[:, :width] = 255
    if sides[3]:
        canvas[:, size - width :] = 255


def guilloche(size: int, random: np.random.Generator) -> Grey:
    """Fine waves that cross, as cheques and certificates have them under what is written; 0 to 1."""
    canvas = np.zeros((size, size), np.uint8)
    along = np.arange(-4, size + 8, 4, dtype=np.float64)
    for _ in range(int(random.integers(1, 4))):
        step, deep, long = random.uniform(3, 14), random.uniform(0, 14), random.uniform(8, 60)
        turned, drift = random.random() < 0.5, random.uniform(0, 1.5)
        for number in range(int(size / step) + 6):
            wave = (number - 3) * step + deep * np.sin(along / long + drift * number) + random.normal(0, 0.3)
            points = np.stack([wave, along] if turned else [along, wave], axis=1)
            cv2.polylines(canvas, [np.rint(points * 2**SHIFT).astype(np.int32)], False, 255, 1, cv2.LINE_AA, SHIFT)
    ink: np.ndarray = canvas.astype(np.float32) / np.float32(255)
    return ink


def _parallel(
    canvas: np.ndarray,
    box: Box,
    random: np.random.Generator,
    *,
    down: bool,
    slope: float | None = None,
    step: float | None = None,
) -> None:
    size = len(canvas)
    step = step or max(box[3] - box[1], 10) * random.uniform(0.35, 1.4)
    slope = random.normal(0, 0.04) if slope is None else slope
    width, start = int(random.integers(1, 3)), random.uniform(0, step)
    for number in range(-1, int(size / step) + 2):
        at = start + number * step
        start_point, end_point = np.array([[-2.0, at], [size + 2.0, at + slope * size]])[:, :: -1 if down else 1]
        _draw(canvas, start_point, end_point, width)


def _draw(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, width: int) -> None:
    cv2.line(canvas, _fixed(start), _fixed(end), 255, width, cv2.LINE_AA, SHIFT)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    x, y = np.rint(np.asarray(point) * 2**SHIFT).astype(int).tolist()
    return x, y
