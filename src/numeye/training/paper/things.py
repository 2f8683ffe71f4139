"""Pictures of things that are no digit: silhouettes, surfaces, clouds and noise. No real picture is in them.

Each maker takes the side in pixels and the crop's own random generator and returns (size, size) of 0 to 1. Things are
filled, surfaces have no edge and noise no form: none of it is a line that someone drew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.paper import optics

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "size size"]

SHIFT = 4  # corners lie at a sixteenth of a pixel


def thing(size: int, random: np.random.Generator) -> Grey:
    """Any of them."""
    kinds: tuple[tuple[float, Callable[[int, np.random.Generator], Grey]], ...] = (
        (0.22, polygons),
        (0.5, silhouette),
        (0.6, surface),
        (0.72, cloud),
        (0.9, static),
        (1.0, scene),
    )
    chance = random.random()
    return next(make for share, make in kinds if chance < share)(size, random)


def polygons(size: int, random: np.random.Generator) -> Grey:
    """One to three filled shapes of 3 to 8 corners, sharp or soft."""
    canvas = np.zeros((size, size), np.uint8)
    for _ in range(int(random.integers(1, 4))):
        count = int(random.integers(3, 9))
        angles = np.sort(random.uniform(0, 2 * np.pi, count))
        reach = size * random.uniform(0.1, 0.5) * random.uniform(0.4, 1, count)
        middle = random.uniform(0.3, 0.7, 2) * size
        corners = middle + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        _fill(canvas, corners, int(random.integers(90, 256)))
    ink = _ink(canvas)
    if random.random() < 0.3:
        ink = cv2.GaussianBlur(ink, (0, 0), random.uniform(1, size / 8))
    return _covered(ink, random) if random.random() < 0.4 else ink


def silhouette(size: int, random: np.random.Generator) -> Grey:
    """A solid thing, often alike on both sides, upright, lying or aslant: a vase, a coat, a shoe, a bag."""
    canvas = np.zeros((size, size), np.uint8)
    rows = np.linspace(-0.5, 0.5, 12) * size * random.uniform(0.5, 0.95)
    profile = random.uniform(0.25, 0.5) + 0.1 * np.cumsum(random.normal(0, 1, 12))
    half = size * np.clip(profile, 0.08, 0.48)
    outline = np.concatenate([np.stack([half, rows], axis=1), np.stack([-half, rows], axis=1)[::-1]])
    if random.random() < 0.35:  # one side only: not alike on both
        outline[12:, 0] = -size * random.uniform(0.1, 0.4)
    turn = random.choice([0.0, np.pi / 2, random.uniform(-0.5, 0.5)])
    around = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = size / 2 + random.normal(0, 0.04, 2) * size
    _fill(canvas, outline @ around.T + middle, int(random.integers(120, 256)))
    if random.random() < 0.4:  # something is cut out: legs, a handle, a sole
        low, high = np.sort(random.uniform(-0.5, 0.5, 2))
        width = size * random.uniform(0.03, 0.14)
        across = size * random.uniform(-0.12, 0.12)
        gap = np.array([[across - width, low * size], [across + width, low * size], [across, high * size]])
        _fill(canvas, gap @ around.T + middle, int(random.integers(0, 90)))
    return _covered(_ink(canvas), random)


def surface(size: int, random: np.random.Generator) -> Grey:
    """Cloth, wood, a wall: a pattern over everything."""
    return _covered(np.full((size, size), np.float32(random.uniform(0.3, 1.0))), random, pattern=1.0)


def cloud(size: int, random: np.random.Generator) -> Grey:
    """Soft noise of one scale or of many."""
    scales = 2 ** np.arange(1, int(random.integers(3, 6)))
    weights = scales ** -random.uniform(0.0, 1.5)
    if random.random() < 0.5:
        scales, weights = scales[-1:] + int(random.integers(0, 6)), np.ones(1)
    parts = [np.float32(w) * optics.smooth_noise(size, int(n), random) for n, w in zip(scales, weights, strict=True)]
    total: np.ndarray = np.sum(parts, axis=0) / np.float32(weights.sum())
    ink: np.ndarray = np.clip(total * np.float32(random.uniform(0.3, 2)) + np.float32(random.uniform(0, 0.5)), 0, 1)
    return ink


def static(size: int, random: np.random.Generator) -> Grey:
    """Noise without any form: even, Gaussian, black and white or of few dots; fine or in squares."""
    side = size if random.random() < 0.6 else int(random.integers(size // 4, size))
    kind = int(random.integers(4))
    ink = random.random((side, side), np.float32)
    if kind == 1:
        ink = np.clip(0.5 + 0.2 * random.standard_normal((side, side), np.float32), 0, 1)
    elif kind == 2:
        ink = (ink < random.uniform(0.2, 0.8)).astype(np.float32)
    elif kind == 3:
        ink = (ink < random.uniform(0.005, 0.12)).astype(np.float32)
    back = cv2.INTER_NEAREST if random.random() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ink, (size, size), interpolation=back), np.float32)


def scene(size: int, random: np.random.Generator) -> Grey:
    """What a camera sees when it points anywhere: planes of several greys that cut one another, with their shading."""
    line = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    ink = np.full((size, size), np.float32(random.random()))
    for _ in range(int(random.integers(2, 7))):
        angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4)
        away = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None] - np.float32(offset)
        plane = np.float32(random.random()) + np.float32(random.normal(0, 0.5)) * away
        ink = np.where(away > 0, plane, ink)
    shaded: np.ndarray = np.clip(ink + np.float32(0.1) * optics.smooth_noise(size, 6, random), 0, 1)
    return shaded


def _covered(ink: Grey, random: np.random.Generator, pattern: float = 0.5) -> Grey:
    """With light and shade on it, and a share of them with stripes or a grain."""
    size = len(ink)
    shade = 1 + np.float32(random.uniform(0, 0.35)) * optics.smooth_noise(size, int(random.integers(3, 12)), random)
    covered = ink * np.clip(shade, 0.1, 1)
    if random.random() < pattern:
        period, angle = random.uniform(3, 14), random.uniform(0, np.pi)
        line = np.arange(size, dtype=np.float32)
        along = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
        wave = np.sin(along * np.float32(2 * np.pi / period))
        if random.random() < 0.5:
            wave = np.sign(wave)
        covered = covered * (1 - np.float32(random.uniform(0.1, 0.9) / 2) * (1 + wave))
    return np.asarray(covered, np.float32)


def _fill(canvas: np.ndarray, corners: np.ndarray, level: int) -> None:
    cv2.fillPoly(canvas, [np.rint(corners * 2**SHIFT).astype(np.int32)], level, cv2.LINE_AA, SHIFT)


def _ink(canvas: np.ndarray) -> Grey:
    return canvas.astype(np.float32) / np.float32(255)
