"""The detector: from maps to boxes, at the right scale."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS
from numeye.recognition import detector
from numeye.recognition.boxes import Detections, iou, non_maximum_suppression
from numeye.recognition.detector import (
    LIMITS,
    STRIDE_PX,
    DetectorLimits,
    decode_maps,
    detect,
    detect_at_scale,
    refine,
)

DigitSpec = tuple[float, float, float, float, int, float]  # left, top, right, bottom, digit, logit


Box = tuple[float, float, float, float]


def maps_of(height: int, width: int, digits: list[DigitSpec]) -> np.ndarray:
    """Return what a perfect network returns for these boxes."""
    maps = np.zeros((15, height // STRIDE_PX, width // STRIDE_PX), np.float32)
    maps[0] = -9
    for left, top, right, bottom, digit, logit in digits:
        x, y = (left + right) / 2, (top + bottom) / 2
        row, column = int(y / STRIDE_PX), int(x / STRIDE_PX)
        maps[0, row, column] = logit
        maps[1 + digit, row, column] = 7
        maps[11, row, column] = (x - (column + 0.5) * STRIDE_PX) / 8
        maps[12, row, column] = (y - (row + 0.5) * STRIDE_PX) / 8
        maps[13:, row, column] = np.log([(right - left) / 16, (bottom - top) / 16])
    return maps


def make_network(shapes: list[tuple[int, ...]] | None = None) -> detector.Network:
    """Return a network that finds a dark square on white, and notes the shapes of its inputs."""

    def network(pixels: np.ndarray) -> np.ndarray:
        if shapes is not None:
            shapes.append(pixels.shape)
        dark = pixels[0, 0] < 0.5
        columns, rows = np.flatnonzero(dark.any(axis=0)), np.flatnonzero(dark.any(axis=1))
        digits: list[DigitSpec] = []
        if len(columns):
            digits = [(columns[0], rows[0], columns[-1] + 1.0, rows[-1] + 1.0, 3, 5.0)]
        return maps_of(*dark.shape, digits)[None]

    return network


def page(height: int, width: int, left: int, top: int, side: int) -> np.ndarray:
    grey = np.full((height, width), 240, np.uint8)
    grey[top : top + side, left : left + side] = 20
    return grey


def test_a_peak_is_a_digit_with_its_box() -> None:
    detections = decode_maps(maps_of(96, 128, [(10, 20, 30, 60, 7, 4.0), (50, 20, 61, 55, 1, 6.0)]))
    assert detections.boxes == pytest.approx(
        np.array([[50, 20, 61, 55], [10, 20, 30, 60]]), abs=1e-3
    )
    assert detections.class_logits.argmax(axis=1).tolist() == [1, 7]
    assert detections.objectness.tolist() == [6.0, 4.0]


def test_peaks_below_the_least_probability_are_ignored() -> None:
    assert (
        len(
            decode_maps(
                maps_of(
                    64, 64, [(10, 10, 30, 30, 7, detector._logit(LIMITS.min_probability) - 0.01)]
                )
            )
        )
        == 0
    )


def test_of_two_boxes_of_one_digit_the_more_likely_one_stays() -> None:
    detections = decode_maps(
        maps_of(
            96, 128, [(10, 20, 30, 60, 7, 4.0), (10, 28, 31, 68, 2, 3.0), (40, 20, 60, 60, 5, 2.0)]
        )
    )
    assert non_maximum_suppression(detections).class_logits.argmax(axis=1).tolist() == [7, 5]


def test_digits_that_overlap_a_little_both_stay() -> None:
    detections = decode_maps(maps_of(96, 128, [(10, 20, 34, 60, 7, 4.0), (28, 20, 52, 60, 2, 3.0)]))
    assert len(non_maximum_suppression(detections)) == 2


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ((",", (10, 40, 16, 52)), (",", (12, 41, 18, 51)), [","]),  # the same comma
        ((":", (10, 20, 16, 44)), (".", (11, 37, 15, 42)), [":"]),  # one of its dots
        ((".", (10, 40, 16, 46)), (".", (14, 40, 20, 46)), [".", "."]),
        (("6", (4, 10, 30, 50)), (".", (10, 36, 16, 42)), ["6", "."]),
    ],
)
def test_a_small_sign_is_kept_once(
    first: tuple[str, Box], second: tuple[str, Box], kept: list[str]
) -> None:
    texts, boxes = zip(first, second, strict=True)
    classes = [CHARACTERS.index(text) for text in texts]
    detections = Detections(
        np.array(boxes, np.float64), np.array([2.0, 1.0]), 9.0 * np.eye(len(CHARACTERS))[classes]
    )
    found = non_maximum_suppression(detections).class_logits.argmax(axis=1)
    assert [CHARACTERS[place] for place in found] == kept


def test_iou_of_two_boxes() -> None:
    shares = iou(
        np.array([0.0, 0, 10, 10]), np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])
    )
    assert shares == pytest.approx([1, 1 / 3, 0])


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((64, 300), (40, 10, 40)),
        ((1400, 1000), (300, 900, 45)),
        ((3000, 4000), (1000, 600, 150)),
        ((40, 90), (30, 5, 28)),
    ],
)
def test_digits_are_detected_on_pages_of_any_size(
    shape: tuple[int, int], place: tuple[int, int, int]
) -> None:
    left, top, side = place
    detections = detect(page(*shape, *place), make_network())
    shown = max(1.0, max(shape) / LIMITS.max_side_px)  # pixels of the page in one that is shown
    assert detections.boxes == pytest.approx(
        np.array([[left, top, left + side, top + side]]), abs=2 * shown
    )


def test_small_digits_are_detected_again_on_a_larger_picture() -> None:
    shapes: list[tuple[int, ...]] = []
    detections = detect(page(400, 500, 50, 50, 12), make_network(shapes))
    assert len(shapes) == len(LIMITS.levels) + 1
    assert detections.boxes == pytest.approx(np.array([[50, 50, 62, 62]]), abs=1.2)
    assert shapes[-1][2] / shapes[0][2] == pytest.approx(LIMITS.best_digit_px / 12, rel=0.2)


@pytest.mark.parametrize("side", [100, 200, 300, 390])
def test_digits_larger_than_in_training_are_detected_on_a_smaller_picture(side: int) -> None:
    shapes: list[tuple[int, ...]] = []
    detections = detect(page(400, 500, 5, 5, side), make_network(shapes))
    assert len(shapes) == len(LIMITS.levels)
    assert detections.boxes == pytest.approx(np.array([[5, 5, 5 + side, 5 + side]]), abs=10)


def test_of_nested_boxes_the_more_likely_one_stays() -> None:
    outer, inner = (10, 10, 60, 90, 8, 4.0), (12, 12, 30, 40, 0, 3.0)
    assert non_maximum_suppression(
        decode_maps(maps_of(96, 128, [outer, inner]))
    ).class_logits.argmax(axis=1).tolist() == [8]
    assert non_maximum_suppression(
        decode_maps(maps_of(96, 128, [(*outer[:5], 2.0), inner]))
    ).class_logits.argmax(axis=1).tolist() == [0]


def test_digits_too_small_on_a_shrunk_page_are_detected_at_full_size() -> None:
    shapes: list[tuple[int, ...]] = []

    def network(pixels: np.ndarray) -> np.ndarray:
        maps = make_network(shapes)(pixels)
        maps[:, 0, ...] = np.where(pixels.shape[2] > 1600, maps[:, 0], -9)
        return maps

    assert len(detect(page(1700, 1700, 500, 500, 20), network)) == 1
    assert len(shapes) == len(LIMITS.levels) + 1


def test_an_unlikely_detection_does_not_prevent_detection_at_full_size() -> None:
    def network(pixels: np.ndarray) -> np.ndarray:
        maps = maps_of(*pixels.shape[2:], [(40, 40, 70, 80, 1, -0.8)])[None]
        return maps if pixels.shape[2] <= 1600 else np.maximum(maps, make_network()(pixels))

    detections = detect(page(1700, 1700, 500, 500, 20), network)
    assert detections.boxes[0] == pytest.approx([500, 500, 520, 520], abs=2)


def test_small_digits_beside_many_large_ones_are_detected_again() -> None:
    shapes: list[tuple[int, ...]] = []

    def network(pixels: np.ndarray) -> np.ndarray:
        shapes.append(pixels.shape)
        scale = pixels.shape[3] / 800
        corners = [(60 * n + 10, 20, 40) for n in range(6)] + [
            (60 * n + 10, 200, 14) for n in range(3)
        ]
        boxes = scale * np.array([(x, y, x + side, y + side) for x, y, side in corners])
        return maps_of(*pixels.shape[2:], [(*box, 5, 4.0) for box in boxes.tolist()])[None]

    detections = detect(np.full((608, 800), 240, np.uint8), network)
    assert shapes[-1][3] > 1.5 * 800
    assert len(detections) == 9


def test_inputs_have_valid_sides_and_a_limited_number_of_pixels() -> None:
    shapes: list[tuple[int, ...]] = []
    for shape in ((1, 1), (17, 5000), (9000, 3), (333, 777)):
        detect(page(*shape, 0, 0, 1), make_network(shapes))
    assert all(height % 16 == 0 and width % 16 == 0 for _, _, height, width in shapes)
    assert max(height * width for _, _, height, width in shapes) <= 1.1 * LIMITS.max_input_pixels


def test_an_empty_page_has_no_digit() -> None:
    detections = detect_at_scale(np.full((50, 200), 255, np.uint8), 1.0, make_network())
    assert isinstance(detections, Detections)
    assert len(detections) == 0


@pytest.fixture
def one_more_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "LIMITS", DetectorLimits(refinement_scales=(0.8,)))


@pytest.mark.usefixtures("one_more_size")
def test_refining_averages_over_scales() -> None:
    """One digit is found at one scale only; the logit of the other depends on the scale."""

    def network(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[2:]
        scale = {112: 1.0, 80: 0.8}[height]  # of a strip of 100 pixels, padded
        size = 20 * scale
        digits: list[DigitSpec] = [
            (30 * scale, 30 * scale, 30 * scale + size, 30 * scale + size, 4, 3.0 * scale)
        ]
        if height == 112:
            left = 150 * scale
            digits.append((left, 30 * scale, left + size, 30 * scale + size, 7, 3.0))
        return maps_of(height, width, digits)[None]

    grey = np.full((100, 300), 240, np.uint8)
    first = detect_at_scale(grey, 1.0, network)
    assert len(first) == 2
    detections = refine(grey, first, network)
    assert detections.class_logits.argmax(axis=1).tolist() == [4, 7]
    assert detections.objectness[1] == pytest.approx((3.0 + LIMITS.missing_logit) / 2)
    assert detections.objectness[0] == pytest.approx((3.0 + 2.4) / 2)
    assert detections.boxes[0] == pytest.approx([30, 30, 50, 50], abs=5)
    assert (
        len(
            refine(
                grey,
                first.select(np.array([], np.int64)),
                lambda pixels: maps_of(*pixels.shape[2:], [])[None],
            )
        )
        == 0
    )


def test_refining_large_digits_uses_a_scale_at_which_they_are_read_well() -> None:
    # higher than in training, except on the smaller picture
    strip = page(150, 400, 100, 12, 126)
    first = detect(strip, make_network())
    detections = refine(strip, first, make_network())
    assert detections.objectness == pytest.approx(first.objectness)
    assert detections.boxes == pytest.approx(np.array([[100, 12, 226, 138]]), abs=8)


def test_refining_joins_slim_digits_whose_boxes_are_a_little_apart() -> None:
    def network(pixels: np.ndarray) -> np.ndarray:
        scale, off = pixels.shape[3] / 320, 0 if pixels.shape[3] == 320 else 3
        one = ((20 + off) * scale, 20 * scale, (26 + off) * scale, 60 * scale, 1, 3.0)
        return maps_of(*pixels.shape[2:], [one])[None]

    grey = np.full((96, 320), 240, np.uint8)
    assert refine(grey, detect_at_scale(grey, 1.0, network), network).objectness == pytest.approx(
        [3.0]
    )


@pytest.mark.usefixtures("one_more_size")
def test_refining_does_not_penalize_digits_too_small_for_a_scale() -> None:
    def network(pixels: np.ndarray) -> np.ndarray:
        scale = pixels.shape[3] / 304
        small = [] if scale < 0.9 else [(100.0, 30.0, 112.0, 43.0, 7, 2.0)]
        large = (20 * scale, 20 * scale, 50 * scale, 60 * scale, 4, 3.0)
        return maps_of(*pixels.shape[2:], [large, *small])[None]

    grey = np.full((96, 304), 240, np.uint8)
    detections = refine(grey, detect_at_scale(grey, 1.0, network), network)
    assert sorted(detections.objectness.tolist()) == pytest.approx([2.0, 3.0])


def test_the_input_for_the_thinnest_strip_is_limited() -> None:
    shapes: list[tuple[int, ...]] = []
    detect(np.full((1, 2_000_000), 255, np.uint8), make_network(shapes))
    assert max(shape[2] * shape[3] for shape in shapes) <= 1.1 * LIMITS.max_input_pixels


@pytest.mark.usefixtures("one_more_size")
def test_refining_a_long_strip_starts_from_the_scale_at_which_it_was_read() -> None:
    shapes: list[tuple[int, ...]] = []
    strip = page(60, 3_000, 1_500, 20, 25)  # shrunk to the first scale, its digits have 12 pixels
    first = detect(strip, make_network(shapes))
    read_at = max(shape[3] for shape in shapes)
    shapes.clear()
    refine(strip, first, make_network(shapes))
    assert [shape[3] for shape in shapes] == [pytest.approx(0.8 * read_at, rel=0.05)]
