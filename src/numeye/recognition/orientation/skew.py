"""Estimates by which angle the lines of a page slope, from its strokes or from its digits.

Projected along a line of text or a ruled line, strokes pile up in few places, with paper between
them. Along any other direction they spread. So of many angles, the best one is that whose
projection changes most (Postl 1986, https://patents.google.com/patent/US4723297A). Digits that are
found already tell less exactly, and cost next to nothing: most stand nearest to a digit of their
own number (O'Gorman 1993). Rows and columns are the same here: whether the lines of a page lie or
stand is for `numeye.recognition.orientation.orientation` to tell.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

    Angles = Float64[np.ndarray, " angles"]  # radians
    Points = Float64[np.ndarray, "n 2"]  # x, y in pixels
    Profiles = Float64[np.ndarray, "angles bins"]


@dataclass(frozen=True, kw_only=True)
class SkewLimits:
    """How the skew of a page is searched for.

    Attributes:
        max_deg: largest skew; lines that slope more are columns of a page on its side.
        coarse_deg: step between the angles that are tried first.
        fine_deg: step between the angles around the best of them.
        page_px: longer side to which a page is reduced.
        ink_bin_px: width of a bin of the projected strokes; pixels would make a pattern of their
            own in bins that are no whole numbers wide.
        max_points: most pixels of strokes that are projected.
        min_points: fewer tell nothing.
        background_parts: parts of the longer side over which the level of the paper is averaged.
        min_contrast: least difference of a stroke from its paper, in grey levels.
        min_relative_contrast: the same, as a share of the largest difference.
        noise_factor: the same, in medians of all differences.
        full_contrast: a stroke with a larger difference counts as much as with this, in grey
            levels.
        max_neighbour: distance from the centre of a digit to that of the next one in its number,
            in longer sides of a digit.
        min_agreement: length of the mean of the neighbours' directions, 0 to 1, from which on they
            tell something.
        min_digits: fewer digits tell nothing.
        min_clearness: how many times better than the median angle the best one must be.
    """

    max_deg: float = 45.0
    coarse_deg: float = 1.5
    fine_deg: float = 0.2
    page_px: int = 480
    ink_bin_px: float = 2.0
    max_points: int = 4000
    min_points: int = 30
    background_parts: int = 32
    min_contrast: float = 12.0
    min_relative_contrast: float = 0.25
    noise_factor: float = 3.0
    full_contrast: float = 80.0
    max_neighbour: float = 1.6
    min_agreement: float = 0.5
    min_digits: int = 3
    min_clearness: float = 1.55


LIMITS = SkewLimits()

ScoreAngles = Callable[["Angles"], "Float64[np.ndarray, ' angles']"]


class Skew(NamedTuple):
    """The slope of a page's lines.

    Attributes:
        degrees: by which the page must be turned counter-clockwise, -45 to 45.
        clearness: how many times better than the median angle it is.
    """

    degrees: float
    clearness: float

    @property
    def is_clear(self) -> bool:
        """Whether the lines of the page have one direction."""
        return self.clearness >= LIMITS.min_clearness


NO_SKEW = Skew(0.0, 0.0)


def skew_of_strokes(grey: UInt8[np.ndarray, "height width"]) -> Skew:
    """Return the skew of the strokes and ruled lines of a page; `NO_SKEW` without any.

    Args:
        grey: (height, width) uint8, of any polarity.
    """
    points, weights = _stroke_points(grey)
    if len(points) < LIMITS.min_points:
        return NO_SKEW

    def score(angles: Angles) -> Float64[np.ndarray, " angles"]:
        along, across = _project(points / LIMITS.ink_bin_px, weights, angles)
        changes: np.ndarray = _changes(along) + _changes(across)
        return changes

    return _best_angle(score)


def skew_of_digits(boxes: Float64[np.ndarray, "n 4"]) -> float:
    """Return the skew of the rows and columns of digits in degrees; 0 of hardly any digits.

    Each digit points to its nearest neighbour. Angles that differ by a quarter are the same, so the
    mean is taken of four times the angles.

    Args:
        boxes: left, top, right and bottom of each digit in pixels.

    Returns:
        By how many degrees the page must be turned counter-clockwise, -45 to 45.
    """
    if len(boxes) < LIMITS.min_digits:
        return 0.0
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
    distances = np.hypot(*(centres[:, None] - centres).transpose(2, 0, 1))  # (n, n)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    is_near = distances.min(axis=1) < LIMITS.max_neighbour * side
    x, y = (centres[nearest] - centres)[is_near].T
    total = complex(np.exp(4j * np.arctan2(y, x)).sum())
    agree = abs(total) >= LIMITS.min_agreement * len(x)
    return math.degrees(cmath.phase(total)) / 4 if agree and len(x) else 0.0


def _best_angle(score: ScoreAngles) -> Skew:
    """Return the angle with the highest score, searched for in two steps."""
    steps = round(LIMITS.max_deg / LIMITS.coarse_deg)
    coarse = np.arange(-steps, steps + 1) * LIMITS.coarse_deg
    scores = score(np.deg2rad(coarse))
    best = int(scores.argmax())
    fine_steps = round(LIMITS.coarse_deg / LIMITS.fine_deg)
    fine = coarse[best] + np.arange(-fine_steps, fine_steps + 1) * LIMITS.fine_deg
    degrees = float(fine[score(np.deg2rad(fine)).argmax()])
    degrees = min(max(degrees, -LIMITS.max_deg), LIMITS.max_deg)
    return Skew(round(degrees, 1), float(scores[best] / max(float(np.median(scores)), 1e-12)))


def _project(
    points: Points, weights: Float64[np.ndarray, " n"], angles: Angles
) -> tuple[Profiles, Profiles]:
    """Project points along lines of each angle, and across them.

    Args:
        points: x and y in bins.
        weights: of the points.
        angles: of the lines; positive ones fall to the right.
    """
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = points.T
    return _histogram(y * cos - x * sin, weights), _histogram(x * cos + y * sin, weights)


def _changes(profiles: Profiles) -> Float64[np.ndarray, " angles"]:
    """Return how much the values of each profile change from bin to bin."""
    changes: np.ndarray = np.square(np.diff(profiles, axis=1)).sum(axis=1)
    return changes


def _histogram(
    positions: Float64[np.ndarray, "angles n"], weights: Float64[np.ndarray, " n"]
) -> Profiles:
    """Count weighted positions a row; each is shared by the two bins that are nearest to it."""
    positions = positions - positions.min()
    low = positions.astype(np.int64)
    upper_share = positions - low
    rows, bins = len(positions), int(low.max()) + 2
    places = (low + bins * np.arange(rows)[:, None]).ravel()
    upper = (weights * upper_share).ravel()
    lower = (weights * (1 - upper_share)).ravel()
    counts = np.bincount(places, lower, rows * bins) + np.bincount(places + 1, upper, rows * bins)
    return counts.reshape(rows, bins)


def _stroke_points(
    grey: UInt8[np.ndarray, "height width"],
) -> tuple[Points, Float64[np.ndarray, " n"]]:
    """Return pixels that differ from the paper around them, and how much each counts."""
    differences = _contrast_to_paper(grey)
    least = max(
        LIMITS.min_contrast,
        LIMITS.noise_factor * float(np.median(differences)),
        LIMITS.min_relative_contrast * float(differences.max()),
    )
    row, column = np.nonzero(differences > least)
    step = max(1, -(-len(row) // LIMITS.max_points))
    row, column = row[::step], column[::step]
    weights = np.minimum(differences[row, column] / LIMITS.full_contrast, 1).astype(np.float64)
    # moved by less than a pixel, so that the lattice of pixels has no lines of its own
    moves = np.random.Generator(np.random.PCG64(0)).random((len(row), 2))
    return np.stack([column, row], axis=1) + moves, weights


def _contrast_to_paper(grey: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "h w"]:
    """Return how much each pixel of the reduced page differs from the mean around it."""
    factor = max(1, round(max(grey.shape) / LIMITS.page_px))
    image = Image.fromarray(grey)
    image = image.reduce(factor) if factor > 1 else image
    part = max(3, round(max(image.size) / LIMITS.background_parts))
    coarse = (max(1, image.width // part), max(1, image.height // part))
    paper = image.resize(coarse, Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)
    values: np.ndarray = np.abs(np.asarray(image, np.float32) - np.asarray(paper, np.float32))
    return values
