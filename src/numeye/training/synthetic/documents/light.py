"""Light on whole pages: gradients, strong vignettes, shadows from the side, folds.

Each function takes the height and the width of a picture and the random generator, and returns a
map (height, width) by which the picture is multiplied, 0 to about 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]

MIN_LIGHT = 0.12  # of the full light, in the darkest place


def smooth_surface(height: int, width: int, cells: int, rng: np.random.Generator) -> Grey:
    """Return noise that changes slowly, about -2 to 2: `cells` random values on each side."""
    coarse = rng.standard_normal((cells, cells), np.float32)
    surface: np.ndarray = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return surface


def sample_light(height: int, width: int, strength: float, rng: np.random.Generator) -> Grey:
    """Return the light of a photograph: some of the effects below, one over the other.

    Args:
        height: pixels.
        width: pixels.
        strength: 0 for even light to 1 for the worst.
        rng: decides which effects.
    """
    light = np.ones((height, width), np.float32)
    shares = (0.7, 0.35, 0.4, 0.5)
    effects = (gradient, vignette, shadow, blotches)
    for share, effect in zip(shares, effects, strict=True):
        if rng.random() < share * min(1.0, 0.5 + strength):
            light *= effect(height, width, strength, rng)
    return np.maximum(light, np.float32(MIN_LIGHT))


def gradient(height: int, width: int, strength: float, rng: np.random.Generator) -> Grey:
    """Return light that falls off to one side."""
    x, y = _coordinates(height, width)
    angle, depth = rng.uniform(0, 2 * np.pi), 0.05 + strength * rng.uniform(0.05, 0.6)
    slope = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y  # -0.7 to 0.7
    result: np.ndarray = 1 - np.float32(depth) * (slope + np.float32(0.5))
    return result


def vignette(height: int, width: int, strength: float, rng: np.random.Generator) -> Grey:
    """Return dark corners, or a dark half where the middle of the light is not the picture's."""
    x, y = _coordinates(height, width)
    centre = rng.normal(0, 0.15, 2).astype(np.float32)
    distance = 2 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)  # 1 in a corner
    depth = np.float32(0.1 + strength * rng.uniform(0.1, 0.75))
    result: np.ndarray = 1 - depth * np.minimum(distance, np.float32(1.1))
    return result


def shadow(height: int, width: int, strength: float, rng: np.random.Generator) -> Grey:
    """Return the shadow of a hand, a phone or a shelf on one side, with a hard or a soft edge."""
    x, y = _coordinates(height, width)
    angle, depth = rng.uniform(0, 2 * np.pi), 0.1 + strength * rng.uniform(0.1, 0.6)
    softness = float(np.exp(rng.uniform(np.log(0.004), np.log(0.35))))
    bent = y + np.float32(rng.uniform(-0.6, 0.6)) * x * x
    distance = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * bent
    edge = (distance - np.float32(rng.uniform(-0.35, 0.35))) / np.float32(softness)
    result: np.ndarray = 1 - np.float32(depth) * np.clip(edge + np.float32(0.5), 0, 1)
    return result


def blotches(height: int, width: int, strength: float, rng: np.random.Generator) -> Grey:
    """Return light through leaves or from several lamps; waves of a page that is not flat."""
    surface = smooth_surface(height, width, int(rng.integers(3, 8)), rng)
    result: np.ndarray = 1 + np.float32(0.02 + 0.06 * strength) * surface
    return result


def fold(height: int, width: int, rng: np.random.Generator) -> Grey:
    """Return the light on a page that was folded across: one side darker, the crease darkest."""
    x, y = _coordinates(height, width)
    along, place = (x if rng.random() < 0.4 else y), np.float32(rng.uniform(-0.3, 0.3))
    along = along + np.float32(rng.normal(0, 0.01)) * (x if along is y else y)
    crease = np.exp(-np.abs(along - place) / np.float32(rng.uniform(0.001, 0.006)))
    side = np.float32(rng.uniform(0, 0.12)) * (along > place)
    result: np.ndarray = 1 - side - np.float32(rng.uniform(0.05, 0.3)) * crease
    return result.astype(np.float32)


def _coordinates(height: int, width: int) -> tuple[Grey, Grey]:
    """Return x and y of the pixels, -0.5 to 0.5: (1, width) and (height, 1)."""
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    return x, y
