"""Distractors: drawings of what is no digit, such as silhouettes, surfaces, clouds and noise.

Each function takes the side in pixels and the random generator of the crop, and returns a drawing
(size, size) of 0 to 1. No real picture is in them. Silhouettes are filled, surfaces have no edge
and noise has no shape: none of them is a line that somebody drew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import camera
from numeye.training.synthetic.canvas import SUBPIXEL_BITS, to_fixed_point

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "size size"]


def draw_distractor(size: int, rng: np.random.Generator) -> Grey:
    """Return a distractor of any kind."""
    kinds: tuple[tuple[float, Callable[[int, np.random.Generator], Grey]], ...] = (
        (0.22, draw_polygons),
        (0.5, draw_silhouette),
        (0.6, draw_surface),
        (0.72, draw_cloud),
        (0.9, draw_noise),
        (1.0, draw_scene),
    )
    chance = rng.random()
    return next(draw for share, draw in kinds if chance < share)(size, rng)


def draw_polygons(size: int, rng: np.random.Generator) -> Grey:
    """Return one to three filled polygons of 3 to 8 corners, sharp or soft."""
    layer = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.integers(3, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        reach = size * rng.uniform(0.1, 0.5) * rng.uniform(0.4, 1, count)
        middle = rng.uniform(0.3, 0.7, 2) * size
        corners = middle + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        _fill_polygon(layer, corners, int(rng.integers(90, 256)))
    drawing = _to_drawing(layer)
    if rng.random() < 0.3:
        drawing = cv2.GaussianBlur(drawing, (0, 0), rng.uniform(1, size / 8))
    return _shade(drawing, rng) if rng.random() < 0.4 else drawing


def draw_silhouette(size: int, rng: np.random.Generator) -> Grey:
    """Return the silhouette of an object, such as a vase, a coat, a shoe or a bag.

    Two in three are symmetric. It stands upright, lies or leans.
    """
    layer = np.zeros((size, size), np.uint8)
    rows = np.linspace(-0.5, 0.5, 12) * size * rng.uniform(0.5, 0.95)
    profile = rng.uniform(0.25, 0.5) + 0.1 * np.cumsum(rng.normal(0, 1, 12))
    half_widths = size * np.clip(profile, 0.08, 0.48)  # (12,)
    right, left = np.stack([half_widths, rows], axis=1), np.stack([-half_widths, rows], axis=1)
    outline = np.concatenate([right, left[::-1]])  # (24, 2): x, y from the middle
    if rng.random() < 0.35:  # straight on one side: not symmetric
        outline[12:, 0] = -size * rng.uniform(0.1, 0.4)
    turn = rng.choice([0.0, np.pi / 2, rng.uniform(-0.5, 0.5)])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = size / 2 + rng.normal(0, 0.04, 2) * size
    _fill_polygon(layer, outline @ rotation.T + middle, int(rng.integers(120, 256)))
    if rng.random() < 0.4:  # cut a wedge out: between legs, inside a handle, above a sole
        low, high = np.sort(rng.uniform(-0.5, 0.5, 2))
        width = size * rng.uniform(0.03, 0.14)
        x = size * rng.uniform(-0.12, 0.12)
        wedge = np.array([[x - width, low * size], [x + width, low * size], [x, high * size]])
        _fill_polygon(layer, wedge @ rotation.T + middle, int(rng.integers(0, 90)))
    return _shade(_to_drawing(layer), rng)


def draw_surface(size: int, rng: np.random.Generator) -> Grey:
    """Return a pattern over the whole picture, as cloth, wood or a wall has it."""
    plain = np.full((size, size), np.float32(rng.uniform(0.3, 1.0)))
    return _shade(plain, rng, pattern_share=1.0)


def draw_cloud(size: int, rng: np.random.Generator) -> Grey:
    """Return soft noise of one scale or of several."""
    scales = 2 ** np.arange(1, int(rng.integers(3, 6)))
    weights = scales ** -rng.uniform(0.0, 1.5)
    if rng.random() < 0.5:
        scales, weights = scales[-1:] + int(rng.integers(0, 6)), np.ones(1)
    parts = [
        np.float32(weight) * camera.smooth_noise(size, int(cells), rng)
        for cells, weight in zip(scales, weights, strict=True)
    ]
    total: np.ndarray = np.sum(parts, axis=0) / np.float32(weights.sum())
    contrast, level = np.float32(rng.uniform(0.3, 2)), np.float32(rng.uniform(0, 0.5))
    drawing: np.ndarray = np.clip(total * contrast + level, 0, 1)
    return drawing


def draw_noise(size: int, rng: np.random.Generator) -> Grey:
    """Return noise without any shape: uniform, Gaussian, black and white, or a few dots.

    40 % of it is coarser than the pixels.
    """
    side = size if rng.random() < 0.6 else int(rng.integers(size // 4, size))
    kind = int(rng.integers(4))
    drawing = rng.random((side, side), np.float32)
    if kind == 1:
        drawing = np.clip(0.5 + 0.2 * rng.standard_normal((side, side), np.float32), 0, 1)
    elif kind == 2:
        drawing = (drawing < rng.uniform(0.2, 0.8)).astype(np.float32)
    elif kind == 3:
        drawing = (drawing < rng.uniform(0.005, 0.12)).astype(np.float32)
    method = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(drawing, (size, size), interpolation=method), np.float32)


def draw_scene(size: int, rng: np.random.Generator) -> Grey:
    """Return two to six shaded planes that cut one another, as a camera sees a room."""
    line = np.linspace(-0.5, 0.5, size, dtype=np.float32)  # (size,)
    drawing = np.full((size, size), np.float32(rng.random()))
    for _ in range(int(rng.integers(2, 7))):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
        distance = (
            np.float32(np.cos(angle)) * line
            + np.float32(np.sin(angle)) * line[:, None]
            - np.float32(offset)
        )  # (size, size), from the edge of the plane
        plane = np.float32(rng.random()) + np.float32(rng.normal(0, 0.5)) * distance
        drawing = np.where(distance > 0, plane, drawing)
    surface = camera.smooth_noise(size, 6, rng)
    shaded: np.ndarray = np.clip(drawing + np.float32(0.1) * surface, 0, 1)
    return shaded


def _shade(drawing: Grey, rng: np.random.Generator, pattern_share: float = 0.5) -> Grey:
    """Return a drawing with light and shade on it, and a share of them with stripes."""
    size = len(drawing)
    depth = np.float32(rng.uniform(0, 0.35))
    shade = 1 + depth * camera.smooth_noise(size, int(rng.integers(3, 12)), rng)
    shaded = drawing * np.clip(shade, 0.1, 1)
    if rng.random() < pattern_share:
        period, angle = rng.uniform(3, 14), rng.uniform(0, np.pi)
        line = np.arange(size, dtype=np.float32)  # (size,)
        along = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
        wave = np.sin(along * np.float32(2 * np.pi / period))  # (size, size), -1 to 1
        if rng.random() < 0.5:
            wave = np.sign(wave)
        shaded = shaded * (1 - np.float32(rng.uniform(0.1, 0.9) / 2) * (1 + wave))
    return np.asarray(shaded, np.float32)


def _fill_polygon(layer: np.ndarray, corners: np.ndarray, level: int) -> None:
    cv2.fillPoly(layer, [to_fixed_point(corners)], level, cv2.LINE_AA, SUBPIXEL_BITS)


def _to_drawing(layer: np.ndarray) -> Grey:
    """Return an array of bytes as a drawing of 0 to 1."""
    return layer.astype(np.float32) / np.float32(255)
