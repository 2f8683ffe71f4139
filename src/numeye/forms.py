"""A filled form and its blank: where each place of the blank lies on a photograph.

Features of the print are matched, whatever turn and size the photograph has (SIFT: Lowe, IJCV 2004; their roots:
Arandjelović and Zisserman, CVPR 2012), and a homography is drawn through those that fit together (MAGSAC++: Barath
and others, CVPR 2020). With it the photograph is laid over the blank, and there corners of the print are followed to
fractions of a pixel (Lucas and Kanade, IJCAI 1981). What was written in has no match on the blank, and does no harm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import MissingExtra, PictureError
from numeye.results import Box

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, UInt8

    Grey = UInt8[np.ndarray, "height width"]
    Matrix = Float64[np.ndarray, "3 3"]
    Points = Float[np.ndarray, "n 2"]  # x and y

SIDE = 1200  # pixels of the longer side at which pictures are compared
AROUND = 12.0  # of those pixels, from which the light and the contrast about a place are taken
FEATURES, RATIO = 5000, 0.8  # of a picture at most; how much nearer the best match must be than the second
FEW, NEAR = 10, 3.0  # matches that must fit, to so many pixels
SPOTS, WINDOW, ROUNDS = 800, 31, 3  # corners that are followed, pixels about each that are looked at, and how often
STEADY, CLOSE = 0.5, 2.0  # pixels that a corner may be off: followed there and back, and from the homography
SOFT, PATCH = 1.5, 15  # pixels of blur, against grain and paper that is not quite flat, and of what is compared then
ALIKE, HOLD = 0.8, 0.65  # correlation from which on print is the same, and the share of corners where it must be
SCALES, PIXELS = 4, 80_000_000  # how much larger than the blank a photograph is laid, and its pixels then, at most
PRINT = 8.0  # deviation of the blurred levels about a corner of print, at least
LITTLE = "the blank form has too little print to be recognised by; expected lines, boxes and words"
ADVICE = "photograph all of it, flat and sharp"


@dataclass(frozen=True, eq=False, kw_only=True)
class Alignment:
    """How a photograph of a form lies to its blank.

    Attributes:
        matrix: (3, 3) homography from pixels of the blank to pixels of the photograph, both counted at their middles.
        blank: width and height of the blank in pixels.
        photo: width and height of the photograph in pixels.
    """

    matrix: Matrix
    blank: tuple[int, int]
    photo: tuple[int, int]

    @property
    def scale(self) -> int:
        """How many times as large as the blank the straightened picture is: 1 to 4, as the photograph is finer."""
        whole = self.blank[0] * self.blank[1]
        finer = math.sqrt(_area(self.matrix, self.blank) / whole)
        return max(min(math.ceil(finer - 0.125), SCALES, math.isqrt(PIXELS // whole)), 1)  # an eighth is let go

    def straightened(self, photo: Grey) -> UInt8[np.ndarray, "high wide"]:
        """The photograph as the blank lies, `scale` times as large; its median grey where it shows nothing."""
        size = self.blank[0] * self.scale, self.blank[1] * self.scale
        return _laid(photo, self.matrix @ _sizing(1 / self.scale, 1 / self.scale), size, int(np.median(photo)))

    def back(self, box: Box) -> Box:
        """A box on the straightened picture, as the smallest upright box that holds it on the photograph."""
        x, y, width, height = box
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]]) / self.scale - 0.5
        found = np.round(_mapped(self.matrix, corners) + 0.5, 6)
        left, top = np.clip(np.floor(found.min(axis=0)), 0, np.array(self.photo) - 1).astype(int).tolist()
        right, bottom = np.clip(np.ceil(found.max(axis=0)), (left + 1, top + 1), self.photo).astype(int).tolist()
        return left, top, right - left, bottom - top


def align(blank: Grey, photo: UInt8[np.ndarray, "photo_height photo_width"]) -> Alignment:
    """Find a form on a photograph of it: turned by any angle, half to twice as large, in shadow, written on.

    The paper is taken to be flat; where it is bent, places are off by as much.

    Args:
        blank: (height, width) the empty form and nothing else, 0 black to 255 white.
        photo: (height, width) of any size.

    Raises:
        PictureError: the form is not recognised, or the blank has too little print.
        MissingExtra: the extra [forms] is not installed.
    """
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        raise MissingExtra("finding a form by its blank", "forms") from error
    (form, form_size), (seen, seen_size) = _evened(blank), _evened(photo)
    small = _refined(form, seen, _matched(form, seen))
    matrix = seen_size @ small @ np.linalg.inv(form_size)
    matrix /= matrix[2, 2]
    return Alignment(matrix=matrix, blank=blank.shape[::-1], photo=photo.shape[::-1])


def _evened(grey: Grey) -> tuple[UInt8[np.ndarray, "h w"], Matrix]:
    """Small, and without shadows: 128 and around it contrast of 50; and the matrix from its pixels to the picture's."""
    import cv2

    height, width = grey.shape
    share = min(SIDE / max(height, width), 1.0)
    size = max(round(width * share), 1), max(round(height * share), 1)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    light = cv2.GaussianBlur(small, (0, 0), AROUND)
    contrast = np.sqrt(cv2.GaussianBlur((small - light) ** 2, (0, 0), AROUND))
    even = 128 + 50 * (small - light) / np.maximum(contrast, 0.05 * light + 2)  # bare paper stays bare
    return np.clip(np.rint(even), 0, 255).astype(np.uint8), _sizing(width / size[0], height / size[1])


def _sizing(across: float, down: float) -> Matrix:
    """From pixels of a picture to those of one that is so many times as large."""
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])


def _mapped(matrix: Matrix, points: Points) -> Points:
    lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    mapped: np.ndarray = lifted[:, :2] / lifted[:, 2:]
    return mapped


def _matched(form: Grey, seen: UInt8[np.ndarray, "y x"]) -> Matrix:
    """The homography through features that look alike, and like no others."""
    import cv2

    (here, form_looks), (there, seen_looks) = _features(form), _features(seen)
    if len(here) < FEW:
        raise PictureError(LITTLE)
    pairs = cv2.BFMatcher().knnMatch(form_looks, seen_looks, k=2) if len(there) > 1 else []
    sure = [best for best, second in pairs if best.distance < RATIO * second.distance]
    matrix = _homography(here[[match.queryIdx for match in sure]], there[[match.trainIdx for match in sure]], NEAR)
    if matrix is None or _area(matrix, form.shape[::-1]) < 0.01 * seen.size:
        raise PictureError(f"the form is not recognised: fewer than {FEW} details fit its blank; {ADVICE}")
    return matrix


def _features(even: Grey) -> tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 128"]]:
    """Places, and what they look like: roots, by which few strong edges count for less."""
    import cv2

    points, looks = cv2.SIFT.create(nfeatures=FEATURES).detectAndCompute(even, None)
    if not points:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    roots = np.sqrt(looks / np.maximum(looks.sum(axis=1, keepdims=True), 1))
    return np.array([point.pt for point in points], np.float32), roots


def _homography(here: Points, there: Points, near: float) -> Matrix | None:
    """From most of one to the other, by least squares of those that it maps to within `near` pixels."""
    import cv2

    if len(here) < FEW:
        return None
    _, fits = cv2.findHomography(here, there, cv2.USAC_MAGSAC, near, maxIters=5000, confidence=0.9999)
    kept = np.flatnonzero(fits)  # none of None, too, which is what a failure gives
    if len(kept) < FEW:
        return None
    found: np.ndarray = cv2.findHomography(here[kept], there[kept])[0]
    return found if np.shape(found) == (3, 3) else None


def _area(matrix: Matrix, size: tuple[int, ...]) -> float:
    """How many pixels a sheet of that width and height covers; 0 where no camera sees it so, folded or mirrored."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * np.array(size, np.float64)
    if (np.column_stack([corners, np.ones(4)]) @ matrix[2] < 0.1).any():  # behind the camera, or nearly in it
        return 0.0
    found = _mapped(matrix, corners)
    sides = np.roll(found, -1, axis=0) - found
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    return float(turns[::2].sum() / 2) if turns.min() > 0 else 0.0


def _refined(form: Grey, seen: UInt8[np.ndarray, "y x"], matrix: Matrix) -> Matrix:
    """The homography through corners of the print, followed from where the rough one has them, while it gets better."""
    spots = _corners(form)
    laid = _laid(seen, matrix, form.shape[::-1])
    alike = _alike(form, laid, spots)
    for _ in range(ROUNDS):
        step = _followed(form, laid, spots)
        if step is None:
            break
        finer = matrix @ step
        laid = _laid(seen, finer, form.shape[::-1])
        now = _alike(form, laid, spots)
        if now.mean() < alike.mean():
            break
        matrix, alike = finer, now
    held = float((alike > ALIKE).mean())
    if held < HOLD:  # another form with the same letterhead comes as far as this
        raise PictureError(f"the form is not recognised: {held:.0%} of its print is, expected {HOLD:.0%}; {ADVICE}")
    return matrix


def _corners(form: Grey) -> Float32[np.ndarray, "n 2"]:
    """Corners of the print; the grain of bare paper has corners, too, but blurred nothing is left of it.

    Raises:
        PictureError: there are too few.
    """
    import cv2

    soft = cv2.GaussianBlur(form.astype(np.float32) - 128, (0, 0), SOFT)
    mean, square = (cv2.boxFilter(level, -1, (PATCH, PATCH)) for level in (soft, soft * soft))
    printed = (square - mean * mean > PRINT * PRINT).astype(np.uint8)
    spots = cv2.goodFeaturesToTrack(form, SPOTS, 0.02, 8, mask=printed)
    if spots is None or len(spots) < FEW:
        raise PictureError(LITTLE)
    found: np.ndarray = spots[:, 0]
    return found


def _laid(photo: Grey, matrix: Matrix, size: tuple[int, ...], beyond: int = 128) -> UInt8[np.ndarray, "high wide"]:
    """A photograph as the blank lies, of that width and height."""
    import cv2

    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    laid: np.ndarray = cv2.warpPerspective(photo, matrix, size, flags=flags, borderValue=beyond)
    return laid


def _followed(form: Grey, laid: Grey, spots: Float32[np.ndarray, "n 2"]) -> Matrix | None:
    """From where corners are on the blank to where they are on the photograph laid over it."""
    import cv2

    there, found, _ = cv2.calcOpticalFlowPyrLK(form, laid, spots, spots.copy(), winSize=(WINDOW, WINDOW))
    again, back, _ = cv2.calcOpticalFlowPyrLK(laid, form, there, there.copy(), winSize=(WINDOW, WINDOW))
    steady = found.ravel().astype(bool) & back.ravel().astype(bool) & (np.hypot(*(again - spots).T) < STEADY)
    return _homography(spots[steady], there[steady], CLOSE)


def _alike(form: Grey, laid: Grey, spots: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, " n"]:
    """How the two correlate about each corner, -1 to 1."""
    import cv2

    one, other = (cv2.GaussianBlur(picture.astype(np.float32) - 128, (0, 0), SOFT) for picture in (form, laid))
    x, y = np.rint(spots).astype(int).T
    products = (one, other, one * one, other * other, one * other)
    a, b, aa, bb, ab = (cv2.boxFilter(product, -1, (PATCH, PATCH))[y, x] for product in products)
    alike: np.ndarray = (ab - a * b) / np.sqrt(np.maximum((aa - a * a) * (bb - b * b), 1.0))
    return alike
