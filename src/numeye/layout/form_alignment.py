"""Aligns a photograph of a filled form with its blank.

Features of the print are matched at any turn and size of the photograph (SIFT: Lowe, IJCV 2004;
their square roots: Arandjelović and Zisserman, CVPR 2012). A homography is fitted to those that
agree (MAGSAC++: Barath and others, CVPR 2020). The photograph is warped with it, and corners of the
print are tracked to fractions of a pixel (Lucas and Kanade, IJCAI 1981). What was written on the
form has no match on the blank, and does no harm.
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


@dataclass(frozen=True, kw_only=True)
class AlignmentLimits:
    """The size at which pictures are compared, and when a form is recognised.

    Attributes:
        compared_px: longer side at which pictures are compared; the next pixels are of that size.
        light_sigma_px: around each place, from which its light and contrast are measured.
        max_features: of a picture.
        match_ratio: the best match must be nearer than the second best by this factor.
        min_matches: that must agree.
        match_tolerance_px: within which matches agree.
        max_corners: of the print, that are tracked.
        tracking_window_px: side of the window around each.
        max_refinements: how often they are tracked, at most.
        tracking_tolerance_px: that a corner may be off when it is tracked there and back.
        refined_tolerance_px: that it may be off from the homography.
        blur_sigma_px: against grain and paper that is not quite flat, before print is compared.
        patch_px: side of the patch of print that is compared.
        min_print_deviation: standard deviation of the blurred levels around a corner of print.
        same_print_correlation: from which on print is the same.
        min_same_print: share of the corners where it must be the same.
        max_scale: how much larger than the blank the photograph is straightened.
        max_pixels: of the straightened photograph.
        min_area_share: of the photograph, that the form covers.
    """

    compared_px: int = 1200
    light_sigma_px: float = 12.0
    max_features: int = 5000
    match_ratio: float = 0.8
    min_matches: int = 10
    match_tolerance_px: float = 3.0
    max_corners: int = 800
    tracking_window_px: int = 31
    max_refinements: int = 3
    tracking_tolerance_px: float = 0.5
    refined_tolerance_px: float = 2.0
    blur_sigma_px: float = 1.5
    patch_px: int = 15
    min_print_deviation: float = 8.0
    same_print_correlation: float = 0.8
    min_same_print: float = 0.65
    max_scale: int = 4
    max_pixels: int = 80_000_000
    min_area_share: float = 0.01


LIMITS = AlignmentLimits()

TOO_LITTLE_PRINT = (
    "the blank form has too little print to be recognised by; expected lines, boxes and words"
)
ADVICE = "photograph all of it, flat and sharp"


@dataclass(frozen=True, eq=False, kw_only=True)
class Alignment:
    """How a photograph of a form lies relative to its blank.

    Attributes:
        matrix: (3, 3) homography from pixels of the blank to pixels of the photograph; coordinates
            are those of the pixels' centres.
        blank_size: width and height of the blank in pixels.
        photo_size: width and height of the photograph in pixels.
    """

    matrix: Matrix
    blank_size: tuple[int, int]
    photo_size: tuple[int, int]

    @property
    def scale(self) -> int:
        """How many times as large as the blank the straightened photograph is, 1 to 4.

        It is larger where the photograph has more pixels than the blank.
        """
        blank_pixels = self.blank_size[0] * self.blank_size[1]
        finer = math.sqrt(_projected_area(self.matrix, self.blank_size) / blank_pixels)
        # up to an eighth of the photograph's pixels may be lost
        wanted = min(math.ceil(finer - 0.125), LIMITS.max_scale)
        return max(min(wanted, math.isqrt(LIMITS.max_pixels // blank_pixels)), 1)

    def straighten(self, photo: Grey) -> UInt8[np.ndarray, "high wide"]:
        """Return the photograph as the blank lies, `scale` times as large.

        Beyond its edges it has its median grey.
        """
        size = self.blank_size[0] * self.scale, self.blank_size[1] * self.scale
        matrix = self.matrix @ _scaling(1 / self.scale, 1 / self.scale)
        return _warp(photo, matrix, size, int(np.median(photo)))

    def to_photo(self, box: Box) -> Box:
        """Return the smallest upright box on the photograph that holds a box.

        Args:
            box: x, y, width and height on the straightened photograph, in pixels.
        """
        x, y, width, height = box
        edges = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        corners = np.round(_project(self.matrix, edges / self.scale - 0.5) + 0.5, 6)
        first = np.clip(np.floor(corners.min(axis=0)), 0, np.array(self.photo_size) - 1)
        left, top = first.astype(int).tolist()
        end = np.clip(np.ceil(corners.max(axis=0)), (left + 1, top + 1), self.photo_size)
        right, bottom = end.astype(int).tolist()
        return left, top, right - left, bottom - top


def align_form(blank: Grey, photo: UInt8[np.ndarray, "photo_height photo_width"]) -> Alignment:
    """Find a form on a photograph of it.

    It may be turned by any angle, be half to twice as large, lie in shadow and be written on. The
    paper is taken to be flat; where it is bent, places are off by as much.

    Args:
        blank: (height, width) the empty form and nothing else, 0 black to 255 white.
        photo: (height, width) of any size.

    Raises:
        PictureError: the form is not recognised, or the blank has too little print.
        MissingExtra: the extra [forms] is not installed.
    """
    try:
        import cv2  # noqa: F401 - only to say so here if it is missing
    except ImportError as error:
        raise MissingExtra("finding a form by its blank", "forms") from error
    (form, form_scaling), (seen, seen_scaling) = _normalize_light(blank), _normalize_light(photo)
    rough = _match(form, seen)
    matrix = seen_scaling @ _refine(form, seen, rough) @ np.linalg.inv(form_scaling)
    matrix /= matrix[2, 2]
    return Alignment(matrix=matrix, blank_size=blank.shape[::-1], photo_size=photo.shape[::-1])


# --- pictures


def _normalize_light(grey: Grey) -> tuple[UInt8[np.ndarray, "h w"], Matrix]:
    """Reduce a picture and remove shadows: the mean becomes 128 everywhere, the contrast 50.

    Returns:
        The reduced picture, and the matrix from its pixels to those of the original.
    """
    import cv2

    height, width = grey.shape
    share = min(LIMITS.compared_px / max(height, width), 1.0)
    size = max(round(width * share), 1), max(round(height * share), 1)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    light = cv2.GaussianBlur(small, (0, 0), LIMITS.light_sigma_px)
    contrast = np.sqrt(cv2.GaussianBlur((small - light) ** 2, (0, 0), LIMITS.light_sigma_px))
    # the floor keeps empty paper empty
    even = 128 + 50 * (small - light) / np.maximum(contrast, 0.05 * light + 2)
    normalized = np.clip(np.rint(even), 0, 255).astype(np.uint8)
    return normalized, _scaling(width / size[0], height / size[1])


def _warp(
    photo: Grey, matrix: Matrix, size: tuple[int, ...], beyond: int = 128
) -> UInt8[np.ndarray, "high wide"]:
    """Return a photograph as the blank lies, of this width and height."""
    import cv2

    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped: np.ndarray = cv2.warpPerspective(photo, matrix, size, flags=flags, borderValue=beyond)
    return warped


# --- homographies


def _scaling(across: float, down: float) -> Matrix:
    """Return the matrix to a picture that is so many times as large."""
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])


def _project(matrix: Matrix, points: Points) -> Points:
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    projected: np.ndarray = homogeneous[:, :2] / homogeneous[:, 2:]
    return projected


def _projected_area(matrix: Matrix, size: tuple[int, ...]) -> float:
    """Return how many pixels a sheet of this width and height covers.

    0 where no camera can see it like that: folded or mirrored.
    """
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * np.array(size, np.float64)
    depths = np.column_stack([corners, np.ones(4)]) @ matrix[2]
    if (depths < 0.1).any():  # behind the camera, or nearly
        return 0.0
    projected = _project(matrix, corners)
    sides = np.roll(projected, -1, axis=0) - projected
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    return float(turns[::2].sum() / 2) if turns.min() > 0 else 0.0


def _fit_homography(source: Points, target: Points, tolerance_px: float) -> Matrix | None:
    """Fit the homography from most of the points to their partners; None if too few agree.

    It is the least squares fit of the points that agree within the tolerance.
    """
    import cv2

    if len(source) < LIMITS.min_matches:
        return None
    _, agree = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, tolerance_px, maxIters=5000, confidence=0.9999
    )
    kept = np.flatnonzero(agree)  # empty also for None, which a failure returns
    if len(kept) < LIMITS.min_matches:
        return None
    matrix: np.ndarray = cv2.findHomography(source[kept], target[kept])[0]
    return matrix if np.shape(matrix) == (3, 3) else None


# --- matching


def _match(form: Grey, seen: UInt8[np.ndarray, "y x"]) -> Matrix:
    """Return the homography through features that are alike, and like no others."""
    import cv2

    (form_points, form_features), (seen_points, seen_features) = _features(form), _features(seen)
    if len(form_points) < LIMITS.min_matches:
        raise PictureError(TOO_LITTLE_PRINT)
    matcher = cv2.BFMatcher()
    pairs = matcher.knnMatch(form_features, seen_features, k=2) if len(seen_points) > 1 else []
    matches = [
        best for best, second in pairs if best.distance < LIMITS.match_ratio * second.distance
    ]
    matrix = _fit_homography(
        form_points[[match.queryIdx for match in matches]],
        seen_points[[match.trainIdx for match in matches]],
        LIMITS.match_tolerance_px,
    )
    smallest = LIMITS.min_area_share * seen.size
    if matrix is None or _projected_area(matrix, form.shape[::-1]) < smallest:
        raise PictureError(
            f"the form is not recognised: fewer than {LIMITS.min_matches} details match its blank;"
            f" {ADVICE}"
        )
    return matrix


def _features(grey: Grey) -> tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 128"]]:
    """Return the places and the square roots of SIFT features.

    In square roots, a few strong edges count less.
    """
    import cv2

    sift = cv2.SIFT.create(nfeatures=LIMITS.max_features)
    points, features = sift.detectAndCompute(grey, None)
    if not points:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    roots = np.sqrt(features / np.maximum(features.sum(axis=1, keepdims=True), 1))
    return np.array([point.pt for point in points], np.float32), roots


# --- refinement


def _refine(form: Grey, seen: UInt8[np.ndarray, "y x"], matrix: Matrix) -> Matrix:
    """Track corners of the print from where a rough homography has them, while it gets better."""
    corners = _print_corners(form)
    warped = _warp(seen, matrix, form.shape[::-1])
    correlations = _correlate(form, warped, corners)
    for _ in range(LIMITS.max_refinements):
        step = _track(form, warped, corners)
        if step is None:
            break
        refined = matrix @ step
        warped = _warp(seen, refined, form.shape[::-1])
        refined_correlations = _correlate(form, warped, corners)
        if refined_correlations.mean() < correlations.mean():
            break
        matrix, correlations = refined, refined_correlations
    same = float((correlations > LIMITS.same_print_correlation).mean())
    if same < LIMITS.min_same_print:  # another form with the same letterhead comes as far as this
        raise PictureError(
            f"the form is not recognised: {same:.0%} of its print matches the blank, expected"
            f" {LIMITS.min_same_print:.0%}; {ADVICE}"
        )
    return matrix


def _print_corners(form: Grey) -> Float32[np.ndarray, "n 2"]:
    """Return corners of the print; the grain of empty paper has corners too, but not when blurred.

    Raises:
        PictureError: there are too few.
    """
    import cv2

    patch = (LIMITS.patch_px, LIMITS.patch_px)
    blurred = cv2.GaussianBlur(form.astype(np.float32) - 128, (0, 0), LIMITS.blur_sigma_px)
    mean, square = (cv2.boxFilter(level, -1, patch) for level in (blurred, blurred * blurred))
    is_print = square - mean * mean > LIMITS.min_print_deviation * LIMITS.min_print_deviation
    corners = cv2.goodFeaturesToTrack(
        form, LIMITS.max_corners, 0.02, 8, mask=is_print.astype(np.uint8)
    )
    if corners is None or len(corners) < LIMITS.min_matches:
        raise PictureError(TOO_LITTLE_PRINT)
    points: np.ndarray = corners[:, 0]
    return points


def _track(form: Grey, warped: Grey, corners: Float32[np.ndarray, "n 2"]) -> Matrix | None:
    """Return the homography from corners on the blank to the same corners on the photograph."""
    import cv2

    window = (LIMITS.tracking_window_px, LIMITS.tracking_window_px)
    forth, found, _ = cv2.calcOpticalFlowPyrLK(
        form, warped, corners, corners.copy(), winSize=window
    )
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(
        warped, form, forth, forth.copy(), winSize=window
    )
    returns = np.hypot(*(back - corners).T) < LIMITS.tracking_tolerance_px
    is_steady = found.ravel().astype(bool) & found_back.ravel().astype(bool) & returns
    return _fit_homography(corners[is_steady], forth[is_steady], LIMITS.refined_tolerance_px)


def _correlate(
    form: Grey, warped: Grey, corners: Float32[np.ndarray, "n 2"]
) -> Float32[np.ndarray, " n"]:
    """Return the correlation of two pictures around each corner, -1 to 1."""
    import cv2

    patch = (LIMITS.patch_px, LIMITS.patch_px)
    f, w = (
        cv2.GaussianBlur(picture.astype(np.float32) - 128, (0, 0), LIMITS.blur_sigma_px)
        for picture in (form, warped)
    )
    x, y = np.rint(corners).astype(int).T
    means = (cv2.boxFilter(part, -1, patch)[y, x] for part in (f, w, f * f, w * w, f * w))
    mean_f, mean_w, mean_ff, mean_ww, mean_fw = means
    variances = (mean_ff - mean_f * mean_f) * (mean_ww - mean_w * mean_w)
    correlations: np.ndarray = (mean_fw - mean_f * mean_w) / np.sqrt(np.maximum(variances, 1.0))
    return correlations
