"""Augmentations by paper, light and camera.

Each function takes a grey picture (height, width) of 0 black to 1 white, float32, and the random
generator of its crop, and returns a picture of the same shape. The picture is square.

Functions that lose detail also take `legible_px`: the longer side of the digit that must stay
legible, in pixels. Left out, it is the whole side of the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]


MIN_LEGIBLE_PX = 10.0  # the longer side that a digit keeps when resolution is lost


def smooth_noise(side: int, cells: int, rng: np.random.Generator) -> Grey:
    """Return noise that changes slowly, about -2 to 2.

    It is a smooth surface through `cells` x `cells` random values.
    """
    coarse = rng.standard_normal((cells, cells), np.float32)  # (cells, cells)
    surface: np.ndarray = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return surface  # (side, side)


# --- light on the paper


def add_gradient(picture: Grey, rng: np.random.Generator) -> Grey:
    """Darken one side of the picture, by 5 to 45 % from side to side."""
    side = len(picture)
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.45)
    line = np.linspace(-0.5, 0.5, side, dtype=np.float32)  # (side,)
    slope = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
    result: np.ndarray = picture * (1 + np.float32(depth) * slope - np.float32(depth / 2))
    return result


def add_shadow(picture: Grey, rng: np.random.Generator) -> Grey:
    """Darken a half plane by 15 to 65 %, as the shadow of a hand or a phone does.

    The edge of the shadow is hard or soft, and slightly bent.
    """
    side = len(picture)
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.65)
    softness, offset = rng.choice([0.5, 2.0, 6.0, 12.0]), rng.uniform(-0.45, 0.45) * side
    line = np.arange(side, dtype=np.float32) - side / 2  # (side,)
    bend = rng.uniform(-0.6, 0.6) / side
    distance = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
    distance = distance + np.float32(bend) * (line * line)[:, None] - np.float32(offset)
    shade = np.clip(distance / np.float32(softness) + np.float32(0.5), 0, 1)  # (side, side)
    result: np.ndarray = picture * (1 - np.float32(depth) * shade)
    return result


def add_texture(picture: Grey, rng: np.random.Generator) -> Grey:
    """Add blotches and grain of the paper, 1 to 8 % deep."""
    depth, cells = rng.uniform(0.01, 0.08), int(rng.integers(6, len(picture) // 2))
    surface = smooth_noise(len(picture), cells, rng)
    result: np.ndarray = picture * (1 + np.float32(depth) * surface)
    return result


def add_security_pattern(picture: Grey, rng: np.random.Generator) -> Grey:
    """Add the printed waves of cheques and certificates, 3 to 18 % deep."""
    line = np.arange(len(picture), dtype=np.float32)  # (side,)
    angle, period = rng.uniform(0, np.pi), rng.uniform(2.5, 9)
    bend = rng.uniform(0, 4) * np.sin(line / rng.uniform(3, 10)).astype(np.float32)
    along = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * (line + bend)[:, None]
    wave = np.sin(along * np.float32(2 * np.pi / period))  # (side, side), -1 to 1
    if rng.random() < 0.5:
        wave = np.sign(wave)
    result: np.ndarray = picture * (1 - np.float32(rng.uniform(0.03, 0.18) / 2) * (1 + wave))
    return result


# --- the camera


def blur(picture: Grey, rng: np.random.Generator, legible_px: float | None = None) -> Grey:
    """Blur the picture as a lens out of focus does.

    The standard deviation of the Gaussian is 0.3 pixels to 3.8 % of `legible_px`.
    """
    most = max(0.038 * (legible_px or len(picture)), 0.4)
    result: np.ndarray = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, most))
    return result


def blur_by_motion(
    picture: Grey, rng: np.random.Generator, legible_px: float | None = None
) -> Grey:
    """Blur the picture along a line in any direction, as a shaken camera does.

    The line is 2 to 5 pixels long where all 48 pixels of a crop must stay legible.
    """
    most = max(0.052 * (legible_px or len(picture)), 0.6)
    length, angle = rng.uniform(0.4, 1.0) * most, rng.uniform(0, np.pi)
    kernel = np.zeros((7, 7), np.float32)
    x, y = np.rint(np.array([np.cos(angle), np.sin(angle)]) * length).astype(int).tolist()
    cv2.line(kernel, (3 - x, 3 - y), (3 + x, 3 + y), 1.0, 1)
    result: np.ndarray = cv2.filter2D(picture, -1, kernel / kernel.sum())
    return result


def reduce_resolution(
    picture: Grey, rng: np.random.Generator, legible_px: float | None = None
) -> Grey:
    """Shrink the picture to 14 to 36 pixels a side and enlarge it again, smoothly or in squares.

    It keeps more pixels where the digit needs them to stay legible.
    """
    side = len(picture)
    small_px = max(int(rng.integers(14, 37)), _min_side_px(side, legible_px))
    small = cv2.resize(picture, (small_px, small_px), interpolation=cv2.INTER_AREA)
    method = rng.choice([cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST])
    result: np.ndarray = cv2.resize(small, (side, side), interpolation=int(method))
    return result


def compress_jpeg(picture: Grey, rng: np.random.Generator) -> Grey:
    """Compress the picture as a JPEG of quality 15 to 79, and decode it."""
    levels = np.clip(picture * 255, 0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))]
    _, encoded = cv2.imencode(".jpg", levels, options)
    decoded: np.ndarray = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.float32)
    return decoded / np.float32(255)


def add_noise(picture: Grey, rng: np.random.Generator) -> Grey:
    """Add the noise of a dark room: Gaussian, 1 to 12 % of the picture's own contrast.

    15 % of the pictures also have salt and pepper: 1 % black and 1 % white pixels.
    """
    depth = rng.uniform(0.01, 0.12) * float(picture.max() - picture.min())
    gaussian = rng.standard_normal(picture.shape, np.float32)
    result: np.ndarray = picture + np.float32(depth) * gaussian
    if rng.random() < 0.15:
        specks = rng.random(picture.shape, np.float32)
        result[specks < 0.01] = 0
        result[specks > 0.99] = 1
    return result


def add_vignette(picture: Grey, rng: np.random.Generator) -> Grey:
    """Darken the corners by 10 to 50 %."""
    line = np.linspace(-1, 1, len(picture), dtype=np.float32) ** 2  # (side,)
    depth = np.float32(rng.uniform(0.05, 0.25))
    result: np.ndarray = picture * (1 - depth * (line + line[:, None]))
    return result


def apply_gamma(picture: Grey, rng: np.random.Generator) -> Grey:
    """Apply a camera's tone curve: a power of 0.5 to 2."""
    result: np.ndarray = np.clip(picture, 0, 1) ** np.float32(2 ** rng.uniform(-1, 1))
    return result


def reduce_contrast(picture: Grey, rng: np.random.Generator) -> Grey:
    """Squeeze all greys to 15 to 60 % of their range, as a faded copy does."""
    share = rng.uniform(0.15, 0.6)
    result: np.ndarray = picture * np.float32(share) + np.float32(rng.uniform(0, 1 - share))
    return result


def binarise(picture: Grey, rng: np.random.Generator, legible_px: float | None = None) -> Grey:
    """Make the picture black and white, as a fax machine does.

    The threshold lies between the darkest and the lightest greys. 70 % of the pictures first lose
    resolution, to that of a coarse scanner.
    """
    side = small_px = len(picture)
    if rng.random() < 0.7:
        small_px = max(int(rng.integers(14, 40)), _min_side_px(side, legible_px))
    small = picture
    if small_px < side:
        small = cv2.resize(picture, (small_px, small_px), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small, [3, 97])
    white = (small > low + (high - low) * rng.uniform(0.35, 0.65)).astype(np.float32)
    method = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
    result: np.ndarray = cv2.resize(white, (side, side), interpolation=method)
    return result


def _min_side_px(side: int, legible_px: float | None) -> int:
    """Return how many pixels a side the picture needs so that the digit stays legible."""
    return min(side, int(np.ceil(MIN_LEGIBLE_PX * side / (legible_px or side))))
