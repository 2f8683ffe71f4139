from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from numeye.models import probabilities
from numeye.recognition import localizer
from numeye.recognition.crops import CROP_PX, Square, cut, edge_width
from numeye.recognition.localizer import Localization, localize

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Box = tuple[int, int, int, int]
CONFIDENT, UNSURE = [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0]


def make_network(
    logits: list[float] | None = None, batch_sizes: list[int] | None = None
) -> Network:
    """Return a network that finds whatever differs from the corner of its crop.

    Its logits are always the same.
    """

    def network(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if batch_sizes is not None:
            batch_sizes.append(len(pixels))
        ink = np.abs(pixels - pixels[:, :1, :1]) > 0.25
        sides, index = [], np.arange(CROP_PX)
        for profile in (ink.any(axis=1), ink.any(axis=2)):  # columns, rows
            first, last = (
                CROP_PX - (profile * (CROP_PX - index)).max(axis=1),
                (profile * (index + 1)).max(axis=1),
            )
            sides.append(((first + last) / 2 / CROP_PX, (last - first) / CROP_PX))
        (x, width), (y, height) = sides
        rows = np.tile(
            np.array(CONFIDENT if logits is None else logits, np.float32), (len(pixels), 1)
        )
        return rows, np.stack([x, y, width, height], axis=1).astype(np.float32)

    return network


def make_constant_network(logits: list[float], box: list[float]) -> Network:
    return lambda pixels: (
        np.tile(np.array(logits, np.float32), (len(pixels), 1)),
        np.tile(np.array(box, np.float32), (len(pixels), 1)),
    )


def page(height: int, width: int, box: Box, paper: int = 240, ink: int = 30) -> np.ndarray:
    grey = np.full((height, width), paper, np.uint8)
    x, y, w, h = box
    grey[y : y + h, x : x + w] = ink
    return grey


def localize_one(grey: np.ndarray, network: Network) -> Localization:
    localization = localize([grey], network)[0]
    assert localization is not None
    return localization


def stage_names(localization: Localization) -> list[str]:
    return [name for name, _ in localization.stages]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((28, 28), (6, 4, 16, 20)),
        ((300, 200), (60, 80, 60, 100)),
        ((200, 900), (700, 60, 40, 90)),
        ((1500, 1000), (500, 700, 30, 45)),
        ((4000, 3000), (800, 900, 900, 1500)),
        ((5000, 4000), (3000, 4000, 150, 230)),
    ],
)
@pytest.mark.parametrize("levels", [(240, 30), (10, 200)])
def test_digits_of_any_size_and_polarity_are_localized(
    shape: tuple[int, int], box: Box, levels: tuple[int, int]
) -> None:
    localization = localize_one(page(*shape, box, *levels), make_network())
    near = 1 + max(box[2:]) / (CROP_PX / localizer.CONTEXT)  # a pixel of the crop
    assert localization.box == pytest.approx(box, abs=2 * near)
    assert localization.square.side == pytest.approx(localizer.CONTEXT * max(box[2:]), rel=0.2)
    x, y, width, height = localization.box
    assert 0 <= x < x + width <= shape[1]
    assert 0 <= y < y + height <= shape[0]
    assert localization.log_probabilities.argmax() == 3
    assert np.exp(localization.log_probabilities).sum() == pytest.approx(1)


def test_a_large_digit_needs_one_coarse_and_one_fine_crop() -> None:
    batch_sizes: list[int] = []
    localization = localize_one(page(28, 28, (6, 4, 16, 20)), make_network(batch_sizes=batch_sizes))
    assert stage_names(localization) == ["context", "crop"]
    assert localization.averaged_crops == (localization.answer_crop, localization.crops[0])
    assert batch_sizes == [1, 1]


def test_a_small_digit_gets_at_most_two_more_coarse_crops() -> None:
    assert stage_names(localize_one(page(400, 400, (100, 200, 40, 60)), make_network())) == [
        "context",
        "closer context",
        "crop",
    ]
    tiny = localize_one(
        page(900, 900, (400, 400, 40, 40)), make_constant_network(CONFIDENT, [0.5, 0.5, 0.1, 0.1])
    )
    assert stage_names(tiny) == [
        "context",
        "closer context",
        "closer context",
        "crop",
        "second crop",
    ]


@pytest.mark.parametrize(
    ("box", "cropped_again"),
    [
        ([0.5, 0.5, 0.4, 0.7], False),
        ([0.5, 0.5, 0.7, 0.54], False),
        ([0.5, 0.5, 0.3, 0.54], True),
        ([0.5, 0.5, 0.3, 0.91], True),
        ([0.61, 0.39, 0.3, 0.7], False),
        ([0.63, 0.5, 0.3, 0.7], True),
    ],
)
def test_a_badly_framed_digit_is_cropped_once_more(box: list[float], cropped_again: bool) -> None:
    assert (
        "second crop"
        in stage_names(
            localize_one(page(60, 60, (20, 20, 20, 20)), make_constant_network(CONFIDENT, box))
        )
    ) is cropped_again


def make_network_in_turn(answers: list[int], box: list[float], strength: float) -> Network:
    """Return a network that gives these answers in turn, then always the last, in one box."""
    rows = iter(np.eye(11, dtype=np.float32)[answers + answers[-1:] * 9] * strength)
    return lambda pixels: (
        np.stack([next(rows) for _ in pixels]),
        np.tile(np.array(box, np.float32), (len(pixels), 1)),
    )


def test_a_confident_crop_decides_the_digit_and_both_crops_its_presence() -> None:
    localization = localize_one(
        page(60, 60, (20, 20, 20, 20)), make_network_in_turn([10, 1], [0.5, 0.5, 0.3, 0.7], 12)
    )
    assert [crop.name for crop in localization.averaged_crops] == ["crop", "context"]
    assert np.exp(localization.log_probabilities[10]) == pytest.approx(
        0.5, abs=0.01
    )  # both are equally confident
    digits = localization.answer_crop.log_probabilities[:10]
    assert np.exp(localization.log_probabilities).sum() == pytest.approx(1)
    assert localization.log_probabilities[:10] - localization.log_probabilities[1] == pytest.approx(
        digits - digits[1]
    )


def test_an_unsure_answer_is_averaged_over_more_crops() -> None:
    answers = [3, 3, 8, 3]  # context, crop, closer crop, wider crop
    localization = localize_one(
        page(100, 100, (30, 20, 30, 60)), make_network_in_turn(answers, [0.5, 0.5, 0.4, 0.714], 1.5)
    )
    assert stage_names(localization) == ["context", "crop", "closer crop", "wider crop"]
    assert [crop.name for crop in localization.averaged_crops] == [
        "crop",
        "closer crop",
        "wider crop",
        "context",
    ]
    mean = np.mean([crop.log_probabilities for crop in localization.averaged_crops], axis=0)
    assert localization.log_probabilities[:10] - localization.log_probabilities[3] == pytest.approx(
        mean[:10] - mean[3]
    )
    fine, closer, wider, _ = (crop.square.side for crop in localization.averaged_crops)
    assert (closer / fine, wider / fine) == pytest.approx((1.25 * 0.714, 1.65 * 0.714))


def test_a_coarse_crop_with_a_small_digit_does_not_count() -> None:
    localization = localize_one(
        page(600, 600, (270, 270, 60, 60)), make_network_in_turn([10, 1], [0.5, 0.5, 0.3, 0.35], 12)
    )
    assert [crop.name for crop in localization.averaged_crops] == ["second crop"]
    assert localization.log_probabilities.argmax() == 1


def test_the_first_crop_counts_for_a_tiny_digit() -> None:
    localization = localize_one(
        page(28, 28, (9, 9, 10, 10)), make_network_in_turn([10, 1], [0.5, 0.5, 0.3, 0.35], 12)
    )
    assert (
        localization.answer_crop.digit_side * localization.answer_crop.square.side
        < localizer.TINY_DIGIT_PX
    )
    assert [crop.name for crop in localization.averaged_crops] == ["second crop", "context"]
    assert localization.averaged_crops[1] is localization.crops[0]


def test_a_batch_runs_each_stage_once_and_answers_as_one_by_one() -> None:
    pages = [
        page(28, 28, (6, 4, 16, 20)),
        np.full((50, 50), 9, np.uint8),
        page(400, 400, (100, 200, 40, 60)),
    ] * 5
    batch_sizes: list[int] = []
    together = localize(pages, make_network(batch_sizes=batch_sizes))
    assert batch_sizes == [10, 5, 10]
    for grey, localization in zip(pages, together, strict=True):
        alone = localize([grey], make_network())[0]
        assert (localization is None) == (alone is None)
        if localization is not None and alone is not None:
            assert (localization.box, localization.stages) == (alone.box, alone.stages)
    assert localize([], make_network()) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_pictures_do_not_reach_the_network(level: int) -> None:
    def never(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError("asked")

    specks = np.full((300, 300), level, np.uint8)
    specks[150, 150] = 255 - level
    faint = (
        np.random.default_rng(0)
        .integers(level * 248 // 255, level * 248 // 255 + 8, (300, 400))
        .astype(np.uint8)
    )
    pages = [
        np.full(shape, level, np.uint8) for shape in ((1, 1), (28, 28), (3000, 10), (1200, 900))
    ]
    assert localize([*pages, specks, faint], never) == [None] * 6


@pytest.mark.parametrize("side", [28, 100, 1000, 3000])
def test_a_thin_digit_on_a_clean_page_is_not_blank(side: int) -> None:
    length = max(8, side // 30)
    stroke = page(side, side, (side // 2, side // 2, max(1, length // 10), length))
    assert localize([stroke], make_network())[0] is not None


@pytest.mark.parametrize(
    "box",
    [
        [math.nan] * 4,
        [0.5, math.inf, 0.1, 0.1],
        [9e30, -9e30, 9e30, 9e30],
        [0.5, 0.5, 0.0, 0.0],
        [0.5, 0.5, -1.0, -2.0],
        [-3.0, 4.0, 0.0, 50.0],
    ],
)
@pytest.mark.parametrize("shape", [(1, 2), (3, 400), (60, 60), (700, 3)])
def test_any_box_gives_an_answer_inside_the_picture(
    box: list[float], shape: tuple[int, int]
) -> None:
    grey = np.zeros(shape, np.uint8)
    grey.flat[: grey.size // 2] = 200
    localization = localize_one(grey, make_constant_network(UNSURE, box))
    x, y, width, height = localization.box
    assert 0 <= x < x + width <= shape[1]
    assert 0 <= y < y + height <= shape[0]
    for _, square in localization.stages:
        assert square == square.clamped(shape[1], shape[0])


def test_a_photograph_of_40_megapixels_takes_a_moment_and_little_memory() -> None:
    grey = page(5000, 8000, (3000, 2000, 1500, 2500))
    tracemalloc.start()
    start = time.perf_counter()
    localize([grey], make_constant_network(UNSURE, [0.5, 0.5, 2.0, 2.0]))
    assert time.perf_counter() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


pictures = st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1)).map(
    lambda made: np.random.default_rng(made[2]).integers(0, 256, made[:2], dtype=np.uint8)
)
numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
squares = st.builds(Square, numbers, numbers, numbers)
near_squares = st.builds(Square, st.floats(-9, 79), st.floats(-9, 79), st.floats(1, 200))


@settings(max_examples=200)
@given(pictures, squares | near_squares)
def test_any_square_of_any_picture_can_be_cut(grey: np.ndarray, square: Square) -> None:
    pixels = cut(grey, square)
    assert pixels.shape == (CROP_PX, CROP_PX)
    paper = int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    low, high = min(int(grey.min()), paper), max(int(grey.max()), paper)
    assert low - 1e-4 <= pixels.min() * 255
    assert pixels.max() * 255 <= high + 1e-4


@settings(max_examples=100)
@given(pictures, near_squares)
def test_a_clamped_square_stays_as_it_is(grey: np.ndarray, square: Square) -> None:
    height, width = grey.shape
    clamped = square.clamped(width, height)
    assert clamped == clamped.clamped(width, height)
    assert 0 <= clamped.x <= width
    assert 0 <= clamped.y <= height
    assert 4 <= clamped.side <= max(4, 3 * max(height, width))
    assert np.array_equal(cut(grey, square), cut(grey, clamped))


@settings(max_examples=60)
@given(st.floats(60, 240), st.floats(60, 240), st.floats(20, 110))
def test_a_crop_shows_its_square(x: float, y: float, side: float) -> None:
    slope = np.tile(np.linspace(0, 255, 300), (300, 1)).round().astype(np.uint8)
    across, down = cut(slope, Square(x, y, side)), cut(slope.T.copy(), Square(x, y, side))
    centres = (np.arange(CROP_PX) + 0.5) / CROP_PX - 0.5
    inner = slice(2, -2)
    expected = ((x + centres * side) - 0.5) / 299
    assert across.mean(axis=0)[inner] == pytest.approx(expected[inner], abs=1.5 / 255)
    expected = ((y + centres * side) - 0.5) / 299
    assert down.mean(axis=1)[inner] == pytest.approx(expected[inner], abs=1.5 / 255)


def test_a_picture_of_the_input_size_is_cut_as_it_is() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (CROP_PX, CROP_PX), dtype=np.uint8)
    assert np.array_equal(
        cut(grey, Square.covering(CROP_PX, CROP_PX)), grey.astype(np.float32) / 255
    )


def test_a_wide_picture_is_letterboxed_on_its_paper() -> None:
    grey = page(100, 200, (80, 30, 40, 40))
    pixels = cut(grey, Square.covering(200, 100))
    assert np.allclose(pixels[:9], 240 / 255)
    assert np.allclose(pixels[-9:], 240 / 255)
    assert pixels[18:22, 18:22].max() < 0.2


@pytest.mark.parametrize("factor", [3, 10, 40])
def test_large_squares_are_averaged_not_sampled(factor: int) -> None:
    checks = np.indices((CROP_PX * factor, CROP_PX * factor)).sum(axis=0) % 2 * 255
    assert cut(checks.astype(np.uint8), Square.covering(*checks.shape)) == pytest.approx(
        0.5, abs=0.1
    )


def test_a_mirrored_picture_gives_a_mirrored_crop() -> None:
    grey = page(2400, 1700, (900, 500, 300, 900))
    direct = cut(grey, Square.covering(1700, 2400))
    flipped = cut(grey[:, ::-1], Square.covering(1700, 2400))
    assert direct == pytest.approx(flipped[:, ::-1], abs=0.05)


def blurred(sigma: float, stroke: int, noise: float = 0.0) -> np.ndarray:
    sheet = np.full((CROP_PX, CROP_PX), 230, np.uint8)
    sheet[6:34, 20 - stroke // 2 : 20 - stroke // 2 + stroke] = 40
    soft = (
        np.asarray(Image.fromarray(sheet).filter(ImageFilter.GaussianBlur(sigma)), np.float32) / 255
    )
    return cast(
        np.ndarray,
        (soft + np.random.default_rng(0).normal(0, noise, soft.shape)).astype(np.float32),
    )


@pytest.mark.parametrize("stroke", [2, 4, 6])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_edges_widen_with_blur_whatever_the_contrast(stroke: int, noise: float) -> None:
    widths = [edge_width(blurred(sigma, stroke, noise)) for sigma in (0, 1, 2, 3, 4)]
    assert widths == sorted(widths)
    assert widths[1] < 5
    faint = blurred(2, stroke, noise) * np.float32(0.2)
    assert edge_width(faint) == pytest.approx(widths[2], rel=0.01)


@pytest.mark.parametrize("sigma", [2.0, 3.0, 4.0])
def test_the_width_of_a_single_edge_is_exact(sigma: float) -> None:
    edge = [0.5 * (1 + math.erf((x - 19.5) / sigma / math.sqrt(2))) for x in range(CROP_PX)]
    assert edge_width(np.tile(np.array(edge, np.float32), (CROP_PX, 1))) == pytest.approx(
        2.563 * math.hypot(sigma, 0.82), rel=0.1
    )  # 0.82: of the smoothing


def test_an_empty_crop_has_no_edge() -> None:
    assert edge_width(np.full((CROP_PX, CROP_PX), 0.5, np.float32)) == math.inf


@settings(max_examples=50)
@given(st.lists(st.floats(-80, 80), min_size=11, max_size=11))
def test_log_softmax_sums_to_one(row: list[float]) -> None:
    assert np.exp(probabilities.log_softmax(np.array([row]))).sum() == pytest.approx(1)
