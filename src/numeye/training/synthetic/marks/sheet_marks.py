"""Marks on a sheet that are no characters: ticks, boxes to tick, holes, bubbles, stamps, the back.

Sizes are relative to the height of the digits. Marks keep away from characters that are already on
the canvas, except for stamps and what shows through from the back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import camera, strokes
from numeye.training.synthetic.canvas import SUBPIXEL_BITS, Canvas, draw_segment, to_fixed_point

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

    Grey = Float32[np.ndarray, "size size"]
    Layer = UInt8[np.ndarray, "size size"]
    Point = Float64[np.ndarray, " 2"]

TICK = np.array([(0.0, 0.55), (0.14, 0.72), (0.33, 1.0), (0.62, 0.45), (1.0, 0.0)])  # x, y
MAX_TRIES = 8  # places that are tried for a mark; then it is left out
STAMP_TONES = (0.12, 0.5)  # lightest and darkest stamp
BACK_TONES = (0.04, 0.28)  # faintest and darkest print of the back


def draw_marks(canvas: Canvas, height: float, rng: np.random.Generator) -> None:
    """Draw one to three marks of one kind where there is room.

    Args:
        canvas: canvas to draw on.
        height: height of the digits, pixels.
        rng: decides which marks.
    """
    chance = rng.random()
    if chance < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            draw_tick(canvas, height * rng.uniform(0.6, 2.2), rng)
    elif chance < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            draw_tick_box(canvas, height * rng.uniform(0.5, 1.2), rng)
    elif chance < 0.7:
        draw_hole(canvas, height * rng.uniform(0.5, 1.6), rng)
    else:
        draw_bubbles(canvas, height * rng.uniform(0.35, 0.9), rng)


def draw_tick(canvas: Canvas, side: float, rng: np.random.Generator) -> None:
    """Draw a tick, about `side` pixels wide and high."""
    corner = _find_room(canvas, side, side, rng)
    if corner is None:
        return
    shape = side * np.array([rng.uniform(0.6, 1.2), 1.0])
    points = corner + (TICK + rng.normal(0, 0.04, TICK.shape)) * shape
    curve = strokes.smooth_curve(points) if rng.random() < 0.7 else points[[0, 2, 4]]
    canvas.draw_stroke(curve, side * rng.uniform(0.04, 0.12), rng.uniform(0.5, 1.0))


def draw_tick_box(canvas: Canvas, side: float, rng: np.random.Generator) -> None:
    """Draw a printed box with a tick, a cross or nothing in it."""
    corner = _find_room(canvas, side, side, rng)
    if corner is None:
        return
    right, bottom = (corner + side).tolist()
    canvas.draw_frame(float(corner[0]), float(corner[1]), right, bottom, rng)
    kind, width = int(rng.integers(3)), side * rng.uniform(0.06, 0.14)
    curves = [TICK] if kind == 0 else [np.eye(2), np.array([(0.0, 0.0), (1.0, 1.0)])]
    for curve in curves if kind < 2 else ():
        points = (curve - 0.5) * rng.uniform(0.6, 1.3) + 0.5 + rng.normal(0, 0.05, curve.shape)
        canvas.draw_stroke(corner + points * side, width, rng.uniform(0.5, 1.0))


def draw_hole(canvas: Canvas, diameter: float, rng: np.random.Generator) -> None:
    """Draw a punched hole: a dark disc, or only the shadow on one side of it."""
    corner = _find_room(canvas, diameter, diameter, rng)
    if corner is None:
        return
    layer = np.zeros((canvas.size, canvas.size), np.uint8)
    centre = corner + diameter / 2
    _fill_disc(layer, centre, diameter / 2, 255)
    if rng.random() < 0.4:  # the paper below is as light as the sheet
        _fill_disc(layer, centre + rng.normal(0, 0.08, 2) * diameter, diameter * 0.47, 0)
    _paste_layer(canvas, layer, rng.uniform(0.25, 1.0))


def draw_bubbles(canvas: Canvas, diameter: float, rng: np.random.Generator) -> None:
    """Draw a row or a column of bubbles, as answer sheets have them, some of them filled."""
    count, pitch = int(rng.integers(3, 9)), diameter * rng.uniform(1.3, 2.4)
    step = np.array([pitch, 0.0]) if rng.random() < 0.6 else np.array([0.0, pitch])
    width, height = step * (count - 1) + diameter
    start = _find_room(canvas, float(width), float(height), rng)
    if start is None:
        return
    outlines = np.zeros((canvas.size, canvas.size), np.uint8)
    fillings = outlines.copy()
    axes = (diameter / 2 * np.array([1.0, rng.choice([1.0, 0.6])])).tolist()
    for number in range(count):
        centre = start + step * number + diameter / 2
        _draw_ellipse(outlines, centre, axes, 1)
        if number == 0 or rng.random() < 0.25:
            offset = rng.normal(0, 0.05, 2) * diameter
            reach = rng.uniform(0.7, 1.15)
            _draw_ellipse(fillings, centre + offset, [reach * axis for axis in axes], -1)
    _paste_layer(canvas, outlines, rng.uniform(0.3, 0.9))
    _paste_layer(canvas, fillings, rng.uniform(0.5, 1.0))


def draw_stamp(canvas: Canvas, letters: Grey, rng: np.random.Generator) -> None:
    """Draw a turned stamp of uneven ink anywhere, over characters as well.

    Args:
        canvas: canvas to draw on.
        letters: (size, size), what is written on the sheet from which the stamp is cut out.
        rng: decides on its place, size and shape.
    """
    size = canvas.size
    layer, mask = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    axes = size * rng.uniform(0.15, 0.4) * np.array([1.0, rng.uniform(0.4, 1.0)])
    middle = np.full(2, size / 2)
    if rng.random() < 0.5:
        for share in (1.0, rng.uniform(0.75, 0.95)):
            _draw_ellipse(layer, middle, (axes * share).tolist(), int(rng.integers(1, 4)))
        _draw_ellipse(mask, middle, (axes * 0.9).tolist(), -1)
    else:
        corners = middle + axes * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        width = int(rng.integers(1, 4))
        for start, end in zip(corners, np.roll(corners, 1, axis=0), strict=True):
            draw_segment(layer, start, end, width)
        cv2.fillPoly(mask, [to_fixed_point(corners)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    drawing = np.maximum(_to_drawing(layer), letters * _to_drawing(mask))
    ink = np.clip(camera.smooth_noise(size, int(rng.integers(8, 30)), rng) + np.float32(1), 0, 1)
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal(0, 20), 1.0)
    turned = cv2.warpAffine(drawing * ink, turn, (size, size))
    left, top = rng.uniform(-0.4, 0.4, 2) * size
    canvas.paste(turned * np.float32(rng.uniform(*STAMP_TONES)), int(left), int(top))


def show_through(back: Grey, rng: np.random.Generator) -> Grey:
    """Return what is drawn on the back of a sheet as the front shows it: mirrored, soft, faint."""
    mirrored = np.ascontiguousarray(back[:, ::-1])
    soft = cv2.GaussianBlur(mirrored, (0, 0), rng.uniform(0.6, 2.2))
    faint: np.ndarray = soft * np.float32(rng.uniform(*BACK_TONES))
    return faint  # (size, size)


def _find_room(
    canvas: Canvas, width: float, height: float, rng: np.random.Generator
) -> Point | None:
    """Return left and top of a free place, part of which may lie beyond the border, or None."""
    for _ in range(MAX_TRIES):
        left, top = rng.uniform(-0.3, 1.0, 2) * canvas.size
        if canvas.is_free(left, top, left + width, top + height):
            return np.array([left, top])
    return None


def _fill_disc(layer: Layer, centre: Point, radius: float, level: int) -> None:
    x, y = to_fixed_point(centre).tolist()
    cv2.circle(
        layer, (x, y), round(radius * 2**SUBPIXEL_BITS), level, -1, cv2.LINE_AA, SUBPIXEL_BITS
    )


def _draw_ellipse(layer: Layer, centre: Point, axes: list[float], width: int) -> None:
    """Draw an ellipse `width` pixels wide, or a filled one for a width of -1."""
    x, y = to_fixed_point(centre).tolist()
    across, down = (max(1, round(axis * 2**SUBPIXEL_BITS)) for axis in axes)
    cv2.ellipse(layer, (x, y), (across, down), 0, 0, 360, 255, width, cv2.LINE_AA, SUBPIXEL_BITS)


def _paste_layer(canvas: Canvas, layer: Layer, darkness: float) -> None:
    canvas.paste(_to_drawing(layer) * np.float32(darkness), 0, 0)


def _to_drawing(layer: Layer) -> Grey:
    """Return an array of bytes as a drawing of 0 to 1."""
    return layer.astype(np.float32) / np.float32(255)
