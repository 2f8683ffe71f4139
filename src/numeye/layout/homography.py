"""Finds four corners of a shape, and the homography between two sets of four corners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import MissingExtra

if TYPE_CHECKING:
    from jaxtyping import Float64

    Corners = Float64[np.ndarray, "down across 2"]
    Quad = Float64[np.ndarray, "4 2"]  # x, y of four corners, clockwise from the upper left one
    Homography = Float64[np.ndarray, "3 3"]

# Limits of what may be a rectangle in perspective.
MAX_CORNER_COSINE = 0.5
MIN_SIDE_RATIO = 0.5  # of opposite sides

HULL_TOLERANCE = 0.002  # of its length, by which a hull is simplified


def import_opencv() -> Any:
    """Return the module cv2, which only the extra [forms] needs.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("finding a grid", "forms") from error
    return cv2


def find_corners(points: np.ndarray) -> Quad:
    """Return the four points that enclose the largest area.

    If these cannot be a rectangle in perspective, return the corners of the smallest rectangle
    around all points.

    Args:
        points: (n, 2) x and y, int32.
    """
    cv2 = import_opencv()
    hull = cv2.convexHull(points)
    hull = cv2.approxPolyDP(hull, HULL_TOLERANCE * cv2.arcLength(hull, True), True)
    hull = hull[:, 0].astype(np.float64)
    chord = hull[None, :] - hull[:, None]  # [a, c]
    # twice the area of each triangle, signed by the side of the chord  # [a, c, b]
    area_beside = (
        chord[:, :, None, 0] * chord[:, None, :, 1] - chord[:, :, None, 1] * chord[:, None, :, 0]
    )
    a, c = np.unravel_index(np.ptp(area_beside, axis=2).argmax(), area_beside.shape[:2])
    quad = hull[[a, area_beside[a, c].argmin(), c, area_beside[a, c].argmax()]]
    if not is_plausible(quad):
        quad = cv2.boxPoints(cv2.minAreaRect(points)).astype(np.float64)
    rightward = (np.roll(quad, -1, axis=0) - quad)[:, 0] / np.maximum(side_lengths(quad), 1)
    return np.roll(quad, -int(rightward.argmax()), axis=0)


def is_plausible(quad: Quad) -> bool:
    """Tell whether four corners may be a rectangle in perspective."""
    lengths = side_lengths(quad)
    directions = (np.roll(quad, -1, axis=0) - quad) / np.maximum(lengths, 1)[:, None]
    cosine = np.abs((directions * np.roll(directions, -1, axis=0)).sum(axis=1)).max()
    ratio = lengths[:2] / np.maximum(lengths[2:], 1)
    return bool(
        cosine < MAX_CORNER_COSINE
        and ratio.min() > MIN_SIDE_RATIO
        and ratio.max() < 1 / MIN_SIDE_RATIO
    )


def side_lengths(quad: Quad) -> Float64[np.ndarray, " 4"]:
    """Return the lengths of the upper, the right, the lower and the left side."""
    lengths: np.ndarray = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    return lengths


def area(quad: Quad) -> float:
    """Return the area between four corners, in square pixels."""
    (ax, ay), (bx, by) = quad[2] - quad[0], quad[3] - quad[1]
    return float(abs(ax * by - ay * bx) / 2)


def outer_corners(corners: Corners) -> Quad:
    """Return the four outermost corners of a grid."""
    return corners[[0, 0, -1, -1], [0, -1, -1, 0]]


def compute_homography(source: Quad, target: Quad) -> Homography:
    """Return the homography that maps four points to four others."""
    homography: Homography = import_opencv().getPerspectiveTransform(
        source.astype(np.float32), target.astype(np.float32)
    )
    return homography


def project(
    homography: Homography, points: Float64[np.ndarray, "*many 2"]
) -> Float64[np.ndarray, "*many 2"]:
    """Map points (x, y) by a homography."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    projected: np.ndarray = mapped[..., :2] / mapped[..., 2:]
    return projected
