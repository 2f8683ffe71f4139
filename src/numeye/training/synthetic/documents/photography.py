"""Pictures of pages: scanned or photographed, turned, from the side, in bad light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import camera
from numeye.training.synthetic.documents import light
from numeye.training.synthetic.documents.light import smooth_surface

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

    Grey = Float32[np.ndarray, "height width"]

MAX_SIDE_PX = 1500  # of a picture
SCAN_SHARE = 0.4  # share of the pictures from a scanner; the others are photographs
INVERTED_SHARE = 0.02  # share of the pictures that are light on dark
LEGIBLE_BLUR = 0.035  # largest standard deviation of the blur, in heights of the digits


@dataclass(frozen=True)
class Photograph:
    """A picture of a page.

    Attributes:
        picture: (height, width), 0 black to 255 white.
        ink: what is drawn on the page, as it lies in the picture, 0 to 1.
        matrix: homography from pixels of the page to pixels of the picture.
    """

    picture: UInt8[np.ndarray, "height width"]
    ink: Grey
    matrix: Float64[np.ndarray, "3 3"]


def photograph(
    ink: UInt8[np.ndarray, "height width"],
    turned: float,
    digit_height: float,
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
) -> Photograph:
    """Scan or photograph a page.

    Args:
        ink: what is drawn on the page, 0 to 255.
        turned: how far the page is turned against the clock, degrees.
        digit_height: height of the smallest digits that must stay legible, pixels of the page.
        rng: decides paper, light and camera.
        strength: 0 for a perfect picture to 1 for the worst.
    """
    scanned = rng.random() < SCAN_SHARE
    matrix, (height, width) = _sample_view(ink.shape, turned, scanned, strength, rng)
    flags, size = cv2.INTER_LINEAR, (width, height)
    warped = cv2.warpPerspective(ink, matrix, size, flags=flags).astype(np.float32)
    warped *= np.float32(1 / 255)
    inside = cv2.warpPerspective(np.full(ink.shape, 255, np.uint8), matrix, size, flags=flags)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    develop = _scan if scanned else _expose
    surface = _lay_out(inside.astype(np.float32) / np.float32(255), scanned, rng)
    contrast = np.float32(rng.uniform(0.75, 0.97))
    picture = surface * (1 - contrast * warped)
    picture = develop(picture, scale * digit_height, strength, rng)
    if rng.random() < INVERTED_SHARE:
        picture = 1 - picture
    levels = np.clip(picture * 255, 0, 255).astype(np.uint8)
    return Photograph(levels, warped, matrix)


def _sample_view(
    shape: tuple[int, ...], turned: float, scanned: bool, strength: float, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "3 3"], tuple[int, int]]:
    """Return the homography from the page to the picture, and the picture's height and width."""
    high, wide = shape
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float64)
    angle = np.deg2rad(turned)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = (corners - [wide / 2, high / 2]) @ rotation.T
    if not scanned:  # from the side
        seen += rng.uniform(-1, 1, (4, 2)) * 0.035 * strength * min(high, wide)
    low, top = seen.min(axis=0), seen.max(axis=0)
    # a part of the margin may be cut off, or the table around the page be seen
    margins = rng.uniform(-0.01, 0.01 if scanned else 0.06, 4) * min(high, wide)
    low, top = low - np.maximum(margins[:2], -8), top + np.maximum(margins[2:], -8)
    scale = min(rng.uniform(0.92, 1.08), MAX_SIDE_PX / float((top - low).max()))
    target = ((seen - low) * scale).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    width, height = np.ceil((top - low) * scale).astype(int).tolist()
    return np.asarray(matrix, np.float64), (height, width)


def _lay_out(inside: Grey, scanned: bool, rng: np.random.Generator) -> Grey:
    """Return the brightness of the page and of what is around it."""
    height, width = inside.shape
    paper = np.full((height, width), np.float32(rng.uniform(0.8, 1.0)))
    if not scanned or rng.random() < 0.3:
        depth = np.float32(rng.uniform(0.003, 0.015))
        paper *= 1 + depth * smooth_surface(height, width, int(rng.integers(20, 300)), rng)
    if scanned:
        outside = np.float32(rng.choice([1.0, 0.95, 0.1, float(paper[0, 0])]))
        scan: np.ndarray = outside + (paper - outside) * inside
        return scan
    table = np.float32(rng.uniform(0.08, 0.75))
    grain = smooth_surface(height, width, int(rng.integers(3, 120)), rng)
    if rng.random() < 0.3:  # wood: the same grain all along
        grain = np.broadcast_to(grain[:1], grain.shape)
    surface = table * (1 + np.float32(rng.uniform(0.02, 0.12)) * grain)
    photo: np.ndarray = surface + (paper - surface) * inside
    return photo


def _scan(picture: Grey, digit_px: float, strength: float, rng: np.random.Generator) -> Grey:
    """Return the page as a scanner or a copier sees it."""
    height, width = picture.shape
    if rng.random() < 0.15 * strength:
        picture = picture * light.fold(height, width, rng)
    if rng.random() < 0.25 * strength:  # the lid is not closed
        picture = picture * light.gradient(height, width, 0.4 * strength, rng)
    picture = _blur(picture, digit_px, 0.6, rng)
    if rng.random() < 0.3 * strength:
        picture = (
            camera.add_noise(picture, rng) if rng.random() < 0.3 else _grain(picture, 0.02, rng)
        )
    if rng.random() < 0.12 * strength:  # a fax or an old copier
        return _threshold(picture, rng)
    if rng.random() < 0.15 * strength:
        picture = camera.reduce_contrast(picture, rng)
    return _compress(picture, rng) if rng.random() < 0.5 else picture


def _expose(picture: Grey, digit_px: float, strength: float, rng: np.random.Generator) -> Grey:
    """Return the page as a camera sees it."""
    height, width = picture.shape
    if rng.random() < 0.2 * strength:
        picture = picture * light.fold(height, width, rng)
    picture = picture * light.sample_light(height, width, strength * rng.uniform(0, 1), rng)
    picture = _blur(picture, digit_px, 0.9, rng)
    if rng.random() < 0.1 * strength:
        picture = camera.blur_by_motion(picture, rng, 0.7 * digit_px)
    if rng.random() < 0.6:
        picture = _grain(picture, 0.03 * strength, rng)
    if rng.random() < 0.3:
        picture = camera.apply_gamma(picture, rng)
    return _compress(picture, rng) if rng.random() < 0.8 else picture


def _blur(picture: Grey, digit_px: float, share: float, rng: np.random.Generator) -> Grey:
    """Blur a share of the pictures, so little that digits of this height stay legible."""
    if rng.random() >= share:
        return picture
    sigma = rng.uniform(0.3, max(0.4, LEGIBLE_BLUR * digit_px))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _grain(picture: Grey, depth: float, rng: np.random.Generator) -> Grey:
    noise = rng.standard_normal(picture.shape, np.float32)
    result: np.ndarray = picture + np.float32(depth * rng.uniform(0.1, 1)) * noise
    return result


def _threshold(picture: Grey, rng: np.random.Generator) -> Grey:
    """Make the picture black and white."""
    low, high = np.percentile(picture[::4, ::4], [1, 97])
    limit = np.float32(low + (high - low) * rng.uniform(0.5, 0.75))
    black_and_white: np.ndarray = (picture > limit).astype(np.float32)
    return black_and_white


def _compress(picture: Grey, rng: np.random.Generator) -> Grey:
    """Compress the picture as a JPEG and decode it."""
    levels = np.clip(picture * 255, 0, 255).astype(np.uint8)
    quality = int(rng.integers(30, 95))
    _, encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.float32)
    return decoded / np.float32(255)
