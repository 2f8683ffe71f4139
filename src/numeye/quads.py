"""Four corners on a picture, and what a rectangle between them looks like when it is seen straight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import MissingExtra

if TYPE_CHECKING:
    from jaxtyping import Float64

    Corners = Float64[np.ndarray, "down across 2"]
    Quad = Float64[np.ndarray, "4 2"]  # x, y of four corners, clockwise from the upper left one
    View = Float64[np.ndarray, "3 3"]  # a homography

LEAN, TAPER = 0.5, 0.5  # cosine of the corners of a grid, at most; ratio of opposite sides, at least


def opencv() -> Any:
    """OpenCV, which only the extra [forms] needs.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("finding a grid", "forms") from error
    return cv2


def corners_of(points: np.ndarray) -> Quad:
    """The four points with the largest area between them, or if they are no rectangle, those of one around all."""
    cv2 = opencv()
    hull = cv2.convexHull(points)
    hull = cv2.approxPolyDP(hull, 0.002 * cv2.arcLength(hull, True), True)[:, 0].astype(np.float64)
    chord = hull[None, :] - hull[:, None]  # [a, c]
    beside = chord[:, :, None, 0] * chord[:, None, :, 1] - chord[:, :, None, 1] * chord[:, None, :, 0]  # [a, c, b]
    a, c = np.unravel_index(np.ptp(beside, axis=2).argmax(), beside.shape[:2])
    quad = hull[[a, beside[a, c].argmin(), c, beside[a, c].argmax()]]
    if not plausible(quad):
        quad = cv2.boxPoints(cv2.minAreaRect(points)).astype(np.float64)
    rightward = (np.roll(quad, -1, axis=0) - quad)[:, 0] / np.maximum(sides(quad), 1)
    return np.roll(quad, -int(rightward.argmax()), axis=0)


def plausible(quad: Quad) -> bool:
    """Whether a rectangle may look like that from somewhere."""
    along = (np.roll(quad, -1, axis=0) - quad) / np.maximum(sides(quad), 1)[:, None]
    lean = np.abs((along * np.roll(along, -1, axis=0)).sum(axis=1)).max()
    ratio = sides(quad)[:2] / np.maximum(sides(quad)[2:], 1)
    return bool(lean < LEAN and ratio.min() > TAPER and ratio.max() < 1 / TAPER)


def sides(quad: Quad) -> Float64[np.ndarray, " 4"]:
    """How long they are: the upper, the right, the lower and the left one."""
    long: np.ndarray = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    return long


def area(quad: Quad) -> float:
    """What lies between them, square pixels."""
    (ax, ay), (bx, by) = quad[2] - quad[0], quad[3] - quad[1]
    return float(abs(ax * by - ay * bx) / 2)


def frame(corners: Corners) -> Quad:
    """The outermost corners of a grid."""
    return corners[[0, 0, -1, -1], [0, -1, -1, 0]]


def view(places: Quad, seen: Quad) -> View:
    """The homography under which four places are seen at four others."""
    found: View = opencv().getPerspectiveTransform(places.astype(np.float32), seen.astype(np.float32))
    return found


def through(view: View, places: Float64[np.ndarray, "*many 2"]) -> Float64[np.ndarray, "*many 2"]:
    """Where places (x, y) are seen."""
    seen = places @ view[:, :2].T + view[:, 2]
    flat: np.ndarray = seen[..., :2] / seen[..., 2:]
    return flat
