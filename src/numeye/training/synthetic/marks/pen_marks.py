"""Marks of a pen on a number: rings, boxes and lines around it, and strokes that cross it out.

A mark is a list of curves, each (n, 2) of x and y in pixels of the canvas. The functions that
shape them take the bounds of the number, the height of its line and the random generator. What is
marked keeps its labels, as long as it can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import strokes
from numeye.training.synthetic.canvas import SUBPIXEL_BITS, Bounds, Canvas, to_fixed_point

if TYPE_CHECKING:
    from jaxtyping import Float64

    Curve = Float64[np.ndarray, "n 2"]
    Shape = Callable[[Bounds, float, np.random.Generator], list[Curve]]

RING_POINTS = 40  # of a whole turn
DIAGONAL_SHARE = 0.25  # of the height, by which a diagonal goes on beyond the number


def surround(
    canvas: Canvas, boxes: Sequence[Bounds], height: float, width: float, rng: np.random.Generator
) -> None:
    """Draw a ring, a box or underlines around characters.

    Args:
        canvas: canvas to draw on.
        boxes: left, top, right and bottom of each character of one number; none for no mark.
        height: height of the line, pixels.
        width: usual width of its strokes, pixels.
        rng: decides which mark.
    """
    shapes: tuple[tuple[float, Shape], ...] = (
        (0.5, shape_ring),
        (0.7, shape_box),
        (1.0, shape_underlines),
    )
    draw_shape(canvas, boxes, height, width, _choose(shapes, rng), rng)


def strike_out(
    canvas: Canvas, boxes: Sequence[Bounds], height: float, width: float, rng: np.random.Generator
) -> None:
    """Draw lines, a cross or a zigzag through characters; those that vanish are unreadable.

    The arguments are those of `surround`.
    """
    shapes: tuple[tuple[float, Shape], ...] = (
        (0.55, shape_strikes),
        (0.75, shape_cross),
        (1.0, shape_zigzag),
    )
    draw_shape(canvas, boxes, height, width, _choose(shapes, rng), rng)


# --- around a number


def shape_ring(bounds: Bounds, height: float, rng: np.random.Generator) -> list[Curve]:
    """Return an uneven ring that may stay open, overlap itself or touch the number."""
    left, top, right, bottom = bounds
    power = rng.uniform(2.0, 3.5)  # 2 is an ellipse; rings around long numbers have flatter sides
    fit = 2 ** (1 / power) * rng.uniform(0.88, 1.1)  # 1 touches the corners of the bounds
    radii = fit * (np.array([right - left, bottom - top]) / 2 + height * rng.uniform(0.03, 0.4, 2))
    turn = 2 * np.pi * rng.uniform(0.85, 1.25) * rng.choice([-1, 1])
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, turn, RING_POINTS)  # (n,)
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (n, 2)
    ring = np.sign(unit) * np.abs(unit) ** (2 / power)
    wobble = 1 + rng.uniform(-0.12, 0.12) * np.linspace(-0.5, 0.5, RING_POINTS)
    for waves in (2, 3):
        wobble += rng.normal(0, 0.025) * np.cos(waves * angles + rng.uniform(0, 6))
    centre = np.array([left + right, top + bottom]) / 2 + rng.normal(0, 0.06, 2) * height
    return [centre + ring * wobble[:, None] * radii @ _rotation(rng.normal(0, 0.08)).T]


def shape_box(bounds: Bounds, height: float, rng: np.random.Generator) -> list[Curve]:
    """Return the four sides of a box, whose corners stay open or cross."""
    gaps = height * rng.uniform(0.05, 0.5, 4)
    left, top, right, bottom = np.array(bounds) + gaps * np.array([-1, -1, 1, 1])
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])  # (4, 2)
    corners = corners + rng.normal(0, 0.05, (4, 2)) * height
    if rng.random() < 0.4:  # in one stroke
        return [np.concatenate([corners, corners[:1] + rng.normal(0, 0.08, 2) * height])]
    sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return [_bent_line(start, end, height, rng, rng.uniform(-0.08, 0.25)) for start, end in sides]


def shape_underlines(bounds: Bounds, height: float, rng: np.random.Generator) -> list[Curve]:
    """Return one or two lines under a number, straight or wavy."""
    left, _, right, bottom = bounds
    y, curves = bottom + height * rng.uniform(0.02, 0.35), []
    for _ in range(int(rng.integers(1, 3))):
        ends = height * rng.uniform(-0.1, 0.7, 2)
        x = np.linspace(left - ends[0], right + ends[1], 24)  # (24,)
        wave = height * rng.choice([0.0, 0.0, rng.uniform(0.02, 0.08)])
        heights = y + wave * np.sin(np.arange(24) * rng.uniform(0.8, 1.6))
        curves.append(np.stack([x, heights + rng.normal(0, 0.03) * (x - left)], axis=1))
        y += height * rng.uniform(0.1, 0.3)
    return curves


# --- through a number


def shape_strikes(bounds: Bounds, height: float, rng: np.random.Generator) -> list[Curve]:
    """Return one to three long lines through a number, about level."""
    left, top, right, bottom = bounds
    tilt, curves = rng.normal(0, 0.12) * (bottom - top), []
    first, step = rng.uniform(0.3, 0.65), rng.uniform(0.12, 0.25)
    for number in range(int(rng.choice([1, 1, 1, 2, 2, 3]))):
        share = np.clip(first + step * number * rng.choice([-1, 1]), 0.2, 0.8)
        y = top + (bottom - top) * share
        ends = height * rng.uniform(0.05, 0.6, 2)
        start, end = np.array([left - ends[0], y - tilt]), np.array([right + ends[1], y + tilt])
        curves.append(_bent_line(start, end, height, rng, 0.0))
    return curves


def shape_cross(bounds: Bounds, height: float, rng: np.random.Generator) -> list[Curve]:
    """Return one diagonal through a number, or two that cross."""
    left, top, right, bottom = bounds
    rising = np.array([(left, bottom), (right, top)]), np.array([(left, top), (right, bottom)])
    count = int(rng.choice([1, 2, 2]))
    chosen = rising[:count] if rng.random() < 0.7 else rising[::-1][:count]
    curves = []
    for start, end in chosen:
        jitter = rng.normal(0, 0.12, (2, 2)) * height
        reach = rng.uniform(0.0, 2 * DIAGONAL_SHARE)
        curves.append(_bent_line(start + jitter[0], end + jitter[1], height, rng, reach))
    return curves


def shape_zigzag(bounds: Bounds, height: float, rng: np.random.Generator) -> list[Curve]:
    """Return a zigzag or a wave from one end of a number to the other."""
    left, top, right, bottom = bounds
    reach = height * rng.uniform(0.0, 0.3, 2)
    teeth = max(3, int((right - left + reach.sum()) / (height * rng.uniform(0.12, 0.4))))
    x = np.linspace(left - reach[0], right + reach[1], teeth)  # (teeth,)
    middle, swing = (top + bottom) / 2, (bottom - top) * rng.uniform(0.2, 0.55)
    y = middle + swing * np.where(np.arange(teeth) % 2, 1, -1)
    points = np.stack([x, y], axis=1) + rng.normal(0, 0.06, (teeth, 2)) * height
    return [strokes.smooth_curve(points) if rng.random() < 0.5 else points]


# --- drawing


def draw_shape(
    canvas: Canvas,
    boxes: Sequence[Bounds],
    height: float,
    width: float,
    shape: Shape,
    rng: np.random.Generator,
) -> None:
    """Draw a mark with one pen, which is not always that of the number.

    The arguments are those of `surround`, and one of the functions that shape curves.
    """
    if not boxes:
        return
    sides = list(zip(*boxes, strict=True))
    bounds = min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])
    curves = shape(bounds, height, rng)
    pen_px = max(1, round(width * rng.uniform(0.5, 1.4)))
    layer = np.zeros((canvas.size, canvas.size), np.uint8)
    corners = [to_fixed_point(curve) for curve in curves]
    cv2.polylines(layer, corners, False, 255, pen_px, cv2.LINE_AA, SUBPIXEL_BITS)
    canvas.cover(layer.astype(np.float32) * np.float32(rng.uniform(0.45, 1.0) / 255))


def _choose(shapes: tuple[tuple[float, Shape], ...], rng: np.random.Generator) -> Shape:
    """Return one of the shapes; each number is the sum of the shares up to it."""
    chance = rng.random()
    return next(shape for share, shape in shapes if chance < share)


def _bent_line(
    start: Curve, end: Curve, height: float, rng: np.random.Generator, reach: float
) -> Curve:
    """Return a slightly bent line that goes on by `reach` heights at both ends."""
    along = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
    first, last = start - along * reach * height, end + along * reach * height
    normal = np.array([-along[1], along[0]])
    middle = (first + last) / 2 + normal * rng.normal(0, 0.05) * height
    return strokes.smooth_curve(np.array([first, middle, last]))


def _rotation(angle: float) -> Float64[np.ndarray, "2 2"]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
