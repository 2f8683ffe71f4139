"""What paper, light and camera do to a picture: small effects on grey pictures of 0 to 1, each with its range.

Every effect takes a picture (H, W) float32 and the crop's own random generator and returns a picture of the same shape.
Those that lose detail are told the longer side of what must stay legible, in pixels; the whole side where left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]


LEGIBLE = 10.0  # pixels that the longer side of a digit keeps


def smooth_noise(side: int, cells: int, random: np.random.Generator) -> Grey:
    """Noise that changes slowly: `cells` random values a side, between them a smooth surface; about -2 to 2."""
    coarse = random.standard_normal((cells, cells), np.float32)
    surface: np.ndarray = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return surface


# --- light on the paper ------------------------------------------------------------------------------------------


def gradient(picture: Grey, random: np.random.Generator) -> Grey:
    """Light that falls off to one side, by up to 45 % across the picture."""
    side = len(picture)
    angle, depth = random.uniform(0, 2 * np.pi), random.uniform(0.05, 0.45)
    line = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    slope = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
    result: np.ndarray = picture * (1 + np.float32(depth) * slope - np.float32(depth / 2))
    return result


def shadow(picture: Grey, random: np.random.Generator) -> Grey:
    """The shadow of a hand or a phone: a half plane darker by 15 to 65 %, its edge hard or soft."""
    side = len(picture)
    angle, depth = random.uniform(0, 2 * np.pi), random.uniform(0.15, 0.65)
    softness, offset = random.choice([0.5, 2.0, 6.0, 12.0]), random.uniform(-0.45, 0.45) * side
    line = np.arange(side, dtype=np.float32) - side / 2
    bend = random.uniform(-0.6, 0.6) / side
    away = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
    away = away + np.float32(bend) * (line * line)[:, None] - np.float32(offset)
    lit = np.clip(away / np.float32(softness) + np.float32(0.5), 0, 1)
    result: np.ndarray = picture * (1 - np.float32(depth) * lit)
    return result


def texture(picture: Grey, random: np.random.Generator) -> Grey:
    """Blotches and grain of the paper, up to 8 % deep."""
    depth, cells = random.uniform(0.01, 0.08), int(random.integers(6, len(picture) // 2))
    result: np.ndarray = picture * (1 + np.float32(depth) * smooth_noise(len(picture), cells, random))
    return result


def security_pattern(picture: Grey, random: np.random.Generator) -> Grey:
    """The waves of cheques and certificates, 3 to 18 % deep."""
    line = np.arange(len(picture), dtype=np.float32)
    angle, period = random.uniform(0, np.pi), random.uniform(2.5, 9)
    bend = random.uniform(0, 4) * np.sin(line / random.uniform(3, 10)).astype(np.float32)
    along = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * (line + bend)[:, None]
    wave = np.sin(along * np.float32(2 * np.pi / period))
    if random.random() < 0.5:
        wave = np.sign(wave)
    result: np.ndarray = picture * (1 - np.float32(random.uniform(0.03, 0.18) / 2) * (1 + wave))
    return result


# --- the camera --------------------------------------------------------------------------------------------------


def blur(picture: Grey, random: np.random.Generator, longer: float | None = None) -> Grey:
    """Out of focus: a Gaussian of a third of a pixel to 3.8 % of what must stay legible."""
    most = max(0.038 * (longer or len(picture)), 0.4)
    result: np.ndarray = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, most))
    return result


def motion_blur(picture: Grey, random: np.random.Generator, longer: float | None = None) -> Grey:
    """A shaken camera: a line in any direction, of 2 to 5 pixels where all of 48 are to be read."""
    most = max(0.052 * (longer or len(picture)), 0.6)
    length, angle = random.uniform(0.4, 1.0) * most, random.uniform(0, np.pi)
    kernel = np.zeros((7, 7), np.float32)
    tip = np.rint(np.array([np.cos(angle), np.sin(angle)]) * length).astype(int)
    cv2.line(kernel, (3 - int(tip[0]), 3 - int(tip[1])), (3 + int(tip[0]), 3 + int(tip[1])), 1.0, 1)
    result: np.ndarray = cv2.filter2D(picture, -1, kernel / kernel.sum())
    return result


def low_resolution(picture: Grey, random: np.random.Generator, longer: float | None = None) -> Grey:
    """Few pixels: 14 to 36 a side, or as many as are needed, and back up smoothly or in squares."""
    side = len(picture)
    few = max(int(random.integers(14, 37)), _needed(side, longer))
    small = cv2.resize(picture, (few, few), interpolation=cv2.INTER_AREA)
    back = random.choice([cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST])
    result: np.ndarray = cv2.resize(small, (side, side), interpolation=int(back))
    return result


def jpeg(picture: Grey, random: np.random.Generator) -> Grey:
    """JPEG of quality 15 to 80."""
    levels = np.clip(picture * 255, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 80))])
    unpacked: np.ndarray = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.float32)
    return unpacked / np.float32(255)


def noise(picture: Grey, random: np.random.Generator) -> Grey:
    """A dark room: Gaussian noise of 1 to 12 % of the picture's own contrast, sometimes salt and pepper."""
    depth = random.uniform(0.01, 0.12) * float(picture.max() - picture.min())
    result: np.ndarray = picture + np.float32(depth) * random.standard_normal(picture.shape, np.float32)
    if random.random() < 0.15:
        specks = random.random(picture.shape, np.float32)
        result[specks < 0.01] = 0
        result[specks > 0.99] = 1
    return result


def vignette(picture: Grey, random: np.random.Generator) -> Grey:
    """Darker corners, by 10 to 50 %."""
    line = np.linspace(-1, 1, len(picture), dtype=np.float32) ** 2
    result: np.ndarray = picture * (1 - np.float32(random.uniform(0.05, 0.25)) * (line + line[:, None]))
    return result


def gamma(picture: Grey, random: np.random.Generator) -> Grey:
    """A camera's curve: powers of 0.5 to 2."""
    result: np.ndarray = np.clip(picture, 0, 1) ** np.float32(2 ** random.uniform(-1, 1))
    return result


def low_contrast(picture: Grey, random: np.random.Generator) -> Grey:
    """A faded copy: all greys squeezed to 15 to 60 % of their range."""
    share = random.uniform(0.15, 0.6)
    result: np.ndarray = picture * np.float32(share) + np.float32(random.uniform(0, 1 - share))
    return result


def binarise(picture: Grey, random: np.random.Generator, longer: float | None = None) -> Grey:
    """A fax: black or white, by a threshold in the middle of the ink and paper, at the resolution of a scanner."""
    side = len(picture)
    few = max(int(random.integers(14, 40)), _needed(side, longer)) if random.random() < 0.7 else side
    small = cv2.resize(picture, (few, few), interpolation=cv2.INTER_AREA) if few < side else picture
    low, high = np.percentile(small, [3, 97])
    black = (small > low + (high - low) * random.uniform(0.35, 0.65)).astype(np.float32)
    back = cv2.INTER_NEAREST if random.random() < 0.5 else cv2.INTER_LINEAR
    result: np.ndarray = cv2.resize(black, (side, side), interpolation=back)
    return result


def _needed(side: int, longer: float | None) -> int:
    """How many pixels a side the picture needs for a digit of that size to keep ten."""
    return min(side, int(np.ceil(LEGIBLE * side / (longer or side))))
