"""Detects the characters of a page.

The network takes a grey picture of any size and returns a map with 33 numbers for each 4x4 pixels:
whether the centre of a character lies there, which character it is, and its box. The peaks of the
map are characters.

The network was trained on digits of 12 to 90 pixels. So it runs on a page at several scales, each
three times smaller than the one before (an image pyramid, Adelson et al. 1984), and once more where
the digits turn out to be too small to be read well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from numeye.models.characters import NO_CHARACTER
from numeye.recognition.boxes import (
    SAME_CHARACTER_IOU,
    Detections,
    iou,
    non_maximum_suppression,
    widen_small,
)

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int64, UInt8


# Channels of the maps: objectness, class logits, x and y of the centre, width and height.
BOX_CHANNELS = 4
UNKNOWN_CLASS_LOGIT = -30.0  # of a character that a network does not know
STRIDE_PX = 4  # pixels of the picture in one place of the maps, each way
INPUT_MULTIPLE_PX = 16  # the sides of what the network receives are multiples of it
UNIT_PX = 8  # the network returns distances in units of so many pixels

# (1, 1, H, W) grey, 0 black to 1 white, in; (1, 33, H/4, W/4) maps out.
Network = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class DetectorLimits:
    """The scales at which the detector runs, and what counts as a digit.

    Attributes:
        max_side_px: larger pages are shrunk to this at first.
        min_height_px: lower pictures are enlarged to this at first.
        levels: how many times smaller than at first the levels of the pyramid are.
        level_digit_px: of each level, smaller digits are left to the larger level and larger digits
            to the smaller level.
        max_input_pixels: most pixels that the network receives at once.
        max_enlargement: largest scale.
        readable_px: where a quarter of the digits are lower than this, the detector runs again on a
            larger picture.
        best_digit_px: height that the digits have on that picture.
        large_digit_px: where half of the digits are higher than this, `refine` runs on a smaller
            picture.
        trained_digit_px: heights at which the detector must find a digit, if it is one.
        refinement_scales: scales at which `refine` runs, relative to the first one.
        sign_heights: height of a digit beside a small sign, in longer sides of the sign.
        missing_logit: objectness of a digit at a scale at which it was not found.
        min_probability: of a peak that may be a digit.
        max_detections: on one picture.
    """

    max_side_px: int = 1400
    min_height_px: int = 56
    levels: tuple[int, ...] = (1, 3, 9)
    level_digit_px: tuple[float, float] = (22.0, 90.0)
    max_input_pixels: int = 3_000_000
    max_enlargement: float = 4.0
    readable_px: float = 18.0
    best_digit_px: float = 34.0
    large_digit_px: float = 60.0
    trained_digit_px: tuple[float, float] = (12.0, 90.0)
    refinement_scales: tuple[float, ...] = (0.6, 0.72, 0.85)
    sign_heights: float = 4.0
    missing_logit: float = -1.0
    min_probability: float = 0.25
    max_detections: int = 3000


LIMITS = DetectorLimits()


def detect(grey: UInt8[np.ndarray, "height width"], network: Network) -> Detections:
    """Detect the digits of a picture of any size and polarity.

    Args:
        grey: (height, width) uint8.
        network: runs the detector on one picture; see `Network`.
    """
    scale = _initial_scale(grey.shape)
    detections = _detect_pyramid(grey, scale, network)
    full_scale = _clamp_scale(max(1.0, scale), grey.shape)
    # Shrunk to the first scale, the digits may have become too small to be found.
    if full_scale > 1.1 * scale and not (detections.objectness >= 0).any():
        enlarged = detect_at_scale(grey, full_scale, network)
        detections = non_maximum_suppression(_merge([enlarged, detections]))
        scale = full_scale
    if not len(detections):
        return detections
    reading_scale = _reading_scale(detections, scale, grey.shape)
    if reading_scale == scale:
        return detections
    large = _letter_heights(detections) * scale >= LIMITS.readable_px
    enlarged = detect_at_scale(grey, reading_scale, network)
    return non_maximum_suppression(_merge([enlarged, detections.select(large)]))


def refine(
    grey: UInt8[np.ndarray, "height width"], first: Detections, network: Network
) -> Detections:
    """Average the detections of a picture over more scales.

    Args:
        grey: (height, width) uint8.
        first: what `detect` returned for it.
        network: runs the detector on one picture; see `Network`.
    """
    scales = _refinement_scales(grey.shape, first)
    runs = [first, *(detect_at_scale(grey, scale, network) for scale in scales)]
    merged, run_of = _merge(runs), _runs_in_order(runs)
    typical_px = float(np.median(first.digit_heights)) if len(first) else 0.0
    widened, left = widen_small(merged.boxes, typical_px), np.ones(len(merged), bool)
    is_sign = merged.is_small_sign
    averages = []
    for index, box in enumerate(merged.boxes):
        if not left[index]:
            continue
        same = np.flatnonzero(left & (iou(widened[index], widened) >= SAME_CHARACTER_IOU))
        left[same] = False
        best_of_runs = same[np.unique(run_of[same], return_index=True)[1]]
        height_px = typical_px if is_sign[index] else box[3] - box[1]
        expected = _runs_that_see(height_px, scales) | set(run_of[best_of_runs].tolist())
        averages.append(_average(merged, best_of_runs, len(expected)))
    if not averages:
        return first
    boxes, objectness, class_logits = (np.stack(part) for part in zip(*averages, strict=True))
    order = np.argsort(-objectness, kind="stable")
    return non_maximum_suppression(Detections(boxes, objectness, class_logits).select(order))


def detect_at_scale(
    grey: UInt8[np.ndarray, "height width"], scale: float, network: Network
) -> Detections:
    """Detect the digits of a picture at one scale.

    Args:
        grey: (height, width) uint8.
        scale: pixels that the network receives for each pixel of the picture, each way.
        network: runs the detector on one picture; see `Network`.
    """
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    resized = np.asarray(
        Image.fromarray(grey).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    )
    maps = network(_pad(resized)[None, None])[0]  # (33, H/4, W/4)
    detections = non_maximum_suppression(decode_maps(maps))
    boxes = np.clip(detections.boxes, 0, [width, height, width, height])
    factors = np.array([grey.shape[1] / width, grey.shape[0] / height] * 2)
    inside = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) > 0
    scaled = Detections(boxes * factors, detections.objectness, detections.class_logits)
    return scaled.select(inside)


def decode_maps(maps: Float32[np.ndarray, "channels rows columns"]) -> Detections:
    """Turn the peaks of the maps into detections, the most likely one first.

    A peak is at least as high as the eight places around it.

    Args:
        maps: what the network returned: objectness, logits of the first `CHARACTERS`, and
            `BOX_CHANNELS`.

    Returns:
        Detections whose boxes are in pixels of what the network received.
    """
    heat = maps[0]
    # only few places are likely, so their neighbours are compared one by one
    row, column = np.nonzero(heat > _logit(LIMITS.min_probability))
    around = np.pad(heat, 1, constant_values=-np.inf)
    neighbours = [around[row + y, column + x] for y in range(3) for x in range(3)]
    is_peak = np.all([heat[row, column] >= neighbour for neighbour in neighbours], axis=0)
    row, column = row[is_peak], column[is_peak]
    values = maps[:, row, column].T.astype(np.float64)  # (n, channels)
    order = np.argsort(-values[:, 0], kind="stable")[: LIMITS.max_detections]
    values, row, column = values[order], row[order], column[order]
    centre = (np.stack([column, row], axis=1) + 0.5) * STRIDE_PX + UNIT_PX * values[:, -4:-2]
    half = UNIT_PX * np.exp(np.clip(values[:, -2:], -4, 4))
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    known = values[:, 1:-BOX_CHANNELS]
    unknown = ((0, 0), (0, NO_CHARACTER - known.shape[1]))
    class_logits = np.pad(known, unknown, constant_values=UNKNOWN_CLASS_LOGIT)
    return Detections(boxes, values[:, 0], class_logits)


def input_pixels(shape: tuple[int, ...]) -> float:
    """Return how many pixels the network receives at first for a picture of this shape."""
    return shape[0] * shape[1] * _initial_scale(shape) ** 2


# --- scales


def _initial_scale(shape: tuple[int, ...]) -> float:
    height, width = shape
    low = height < LIMITS.min_height_px
    scale = LIMITS.min_height_px / height if low else LIMITS.max_side_px / max(height, width)
    return _clamp_scale(scale if low else min(1.0, scale), shape)


def _reading_scale(detections: Detections, scale: float, shape: tuple[int, ...]) -> float:
    """Return the scale at which the digits are read well; the same one if they are not small."""
    certain = detections.objectness >= 0
    likely = detections.select(certain) if certain.any() else detections
    small_px = float(np.quantile(likely.digit_heights, 0.25)) * scale
    better = _clamp_scale(scale * LIMITS.best_digit_px / small_px, shape)
    return scale if small_px >= LIMITS.readable_px or better <= 1.25 * scale else better


def _refinement_scales(shape: tuple[int, ...], first: Detections) -> list[float]:
    scale = _initial_scale(shape)
    if len(first):
        scale = _reading_scale(first, scale, shape)
        typical_px = float(np.median(first.digit_heights)) * scale
        scale *= LIMITS.best_digit_px / typical_px if typical_px > LIMITS.large_digit_px else 1.0
    return [_clamp_scale(scale * factor, shape) for factor in LIMITS.refinement_scales]


def _clamp_scale(scale: float, shape: tuple[int, ...]) -> float:
    """Limit a scale so that the network receives no more pixels than it may.

    Even the thinnest strip is padded to `INPUT_MULTIPLE_PX`.
    """
    return min(
        scale,
        LIMITS.max_enlargement,
        math.sqrt(LIMITS.max_input_pixels / (shape[0] * shape[1])),
        LIMITS.max_input_pixels / (INPUT_MULTIPLE_PX * max(shape)),
    )


def _detect_pyramid(
    grey: UInt8[np.ndarray, "height width"], scale: float, network: Network
) -> Detections:
    """Detect at each level what is neither too small nor too large for it."""
    smallest_px, largest_px = LIMITS.level_digit_px
    # a smaller level is of use only if a digit that is left to it fits on it
    levels = [
        level
        for level in LIMITS.levels
        if level == 1 or grey.shape[0] * scale / level >= smallest_px
    ]
    runs = []
    for level in levels:
        detections = detect_at_scale(grey, scale / level, network)
        heights = _letter_heights(detections) * scale / level
        low = smallest_px if level > 1 else 0.0
        high = largest_px if level < levels[-1] else np.inf
        runs.append(detections.select((heights >= low) & (heights <= high)))
    return non_maximum_suppression(_merge(runs))


def _letter_heights(detections: Detections) -> Float64[np.ndarray, " n"]:
    """Return the heights in pixels; of a small sign, that of a digit beside it."""
    longer = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1)
    sign_px = LIMITS.sign_heights * longer
    heights: np.ndarray = np.where(detections.is_small_sign, sign_px, detections.heights)
    return heights


# --- several runs


def _merge(runs: list[Detections]) -> Detections:
    """Return the detections of several runs, the most likely one first."""
    boxes = np.concatenate([run.boxes for run in runs])
    objectness = np.concatenate([run.objectness for run in runs])
    merged = Detections(boxes, objectness, np.concatenate([run.class_logits for run in runs]))
    return merged.select(np.argsort(-objectness, kind="stable"))


def _runs_in_order(runs: list[Detections]) -> Int64[np.ndarray, " n"]:
    """Return the index of its run for each detection that `_merge` returns."""
    run_of = np.concatenate([np.full(len(run), index) for index, run in enumerate(runs)])
    objectness = np.concatenate([run.objectness for run in runs])
    ordered: np.ndarray = run_of[np.argsort(-objectness, kind="stable")]
    return ordered


def _runs_that_see(height: float, scales: list[float]) -> set[int]:
    """Return the runs in which a digit of this height must be found; the first one always."""
    low, high = LIMITS.trained_digit_px
    return {0, *(n for n, scale in enumerate(scales, start=1) if low <= height * scale <= high)}


def _average(
    merged: Detections, chosen: Int64[np.ndarray, " m"], expected: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average one digit over the runs that must see it.

    Args:
        merged: the detections of all runs.
        chosen: the detection of this digit in each run that found it.
        expected: number of runs that must see it; in the others its objectness is low.

    Returns:
        Its box, objectness and class logits.
    """
    missing = LIMITS.missing_logit * (expected - len(chosen))
    objectness = merged.objectness[chosen].sum() + missing
    return (
        merged.boxes[chosen].mean(axis=0),
        np.asarray(objectness / expected),
        merged.class_logits[chosen].mean(axis=0),
    )


def _pad(resized: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "H W"]:
    """Scale to 0 to 1 and repeat the last row and column up to sides that the network takes."""
    height, width = resized.shape
    padding = ((0, -height % INPUT_MULTIPLE_PX), (0, -width % INPUT_MULTIPLE_PX))
    values: np.ndarray = np.divide(
        np.pad(resized, padding, mode="edge"), np.float32(255), dtype=np.float32
    )
    return values


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
