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

from numeye import zoom
from numeye.zoom import SIZE, Sight, Window, cut, edge_width, see

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Box = tuple[int, int, int, int]
SURE, TORN = [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0]


def finder(logits: list[float] | None = None, seen: list[int] | None = None) -> Network:
    """A network that finds whatever differs from the corner of its window, and always says the same of it."""

    def network(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if seen is not None:
            seen.append(len(pixels))
        ink = np.abs(pixels - pixels[:, :1, :1]) > 0.25
        sides, index = [], np.arange(SIZE)
        for profile in (ink.any(axis=1), ink.any(axis=2)):  # columns, rows
            first, last = SIZE - (profile * (SIZE - index)).max(axis=1), (profile * (index + 1)).max(axis=1)
            sides.append(((first + last) / 2 / SIZE, (last - first) / SIZE))
        (x, width), (y, height) = sides
        rows = np.tile(np.array(SURE if logits is None else logits, np.float32), (len(pixels), 1))
        return rows, np.stack([x, y, width, height], axis=1).astype(np.float32)

    return network


def fixed(logits: list[float], box: list[float]) -> Network:
    return lambda pixels: (
        np.tile(np.array(logits, np.float32), (len(pixels), 1)),
        np.tile(np.array(box, np.float32), (len(pixels), 1)),
    )


def page(height: int, width: int, box: Box, paper: int = 240, ink: int = 30) -> np.ndarray:
    grey = np.full((height, width), paper, np.uint8)
    x, y, w, h = box
    grey[y : y + h, x : x + w] = ink
    return grey


def one(grey: np.ndarray, network: Network) -> Sight:
    sight = see([grey], network)[0]
    assert sight is not None
    return sight


def names(sight: Sight) -> list[str]:
    return [name for name, _ in sight.stages]


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
def test_a_digit_of_any_size_and_polarity_is_found(shape: tuple[int, int], box: Box, levels: tuple[int, int]) -> None:
    sight = one(page(*shape, box, *levels), finder())
    near = 1 + max(box[2:]) / (SIZE / zoom.LOOK)  # a pixel of the look
    assert sight.box == pytest.approx(box, abs=2 * near)
    assert sight.window.side == pytest.approx(zoom.LOOK * max(box[2:]), rel=0.2)
    x, y, width, height = sight.box
    assert 0 <= x < x + width <= shape[1]
    assert 0 <= y < y + height <= shape[0]
    assert sight.log_probabilities.argmax() == 3
    assert np.exp(sight.log_probabilities).sum() == pytest.approx(1)


def test_a_large_digit_takes_a_glance_and_a_look() -> None:
    seen: list[int] = []
    sight = one(page(28, 28, (6, 4, 16, 20)), finder(seen=seen))
    assert names(sight) == ["glance", "look"]
    assert sight.framings == (sight.look, sight.views[0])
    assert seen == [1, 1]


def test_a_small_digit_is_come_nearer_to_at_most_twice() -> None:
    assert names(one(page(400, 400, (100, 200, 40, 60)), finder())) == ["glance", "nearer glance", "look"]
    tiny = one(page(900, 900, (400, 400, 40, 40)), fixed(SURE, [0.5, 0.5, 0.1, 0.1]))
    assert names(tiny) == ["glance", "nearer glance", "nearer glance", "look", "second look"]


@pytest.mark.parametrize(
    ("box", "again"),
    [
        ([0.5, 0.5, 0.4, 0.7], False),
        ([0.5, 0.5, 0.7, 0.54], False),
        ([0.5, 0.5, 0.3, 0.54], True),
        ([0.5, 0.5, 0.3, 0.91], True),
        ([0.61, 0.39, 0.3, 0.7], False),
        ([0.63, 0.5, 0.3, 0.7], True),
    ],
)
def test_a_look_that_missed_is_aimed_once_more(box: list[float], again: bool) -> None:
    assert ("second look" in names(one(page(60, 60, (20, 20, 20, 20)), fixed(SURE, box)))) is again


def in_turn(answers: list[int], box: list[float], strength: float) -> Network:
    """Says these answers one after the other, the last one for ever, and always the same box."""
    rows = iter(np.eye(11, dtype=np.float32)[answers + answers[-1:] * 9] * strength)
    return lambda pixels: (np.stack([next(rows) for _ in pixels]), np.tile(np.array(box, np.float32), (len(pixels), 1)))


def test_a_sure_look_says_which_and_the_glance_has_a_say_in_whether() -> None:
    sight = one(page(60, 60, (20, 20, 20, 20)), in_turn([10, 1], [0.5, 0.5, 0.3, 0.7], 12))
    assert [view.name for view in sight.framings] == ["look", "glance"]
    assert np.exp(sight.log_probabilities[10]) == pytest.approx(0.5, abs=0.01)  # both were as sure
    which = sight.look.log_probabilities[:10]
    assert np.exp(sight.log_probabilities).sum() == pytest.approx(1)
    assert sight.log_probabilities[:10] - sight.log_probabilities[1] == pytest.approx(which - which[1])


def test_an_unsure_look_asks_for_more_framings_and_takes_their_mean() -> None:
    answers = [3, 3, 8, 3]  # glance, look, closer look, wider look
    sight = one(page(100, 100, (30, 20, 30, 60)), in_turn(answers, [0.5, 0.5, 0.4, 0.714], 1.5))
    assert names(sight) == ["glance", "look", "closer look", "wider look"]
    assert [view.name for view in sight.framings] == ["look", "closer look", "wider look", "glance"]
    mean = np.mean([view.log_probabilities for view in sight.framings], axis=0)
    assert sight.log_probabilities[:10] - sight.log_probabilities[3] == pytest.approx(mean[:10] - mean[3])
    look, closer, wider, _ = (view.window.side for view in sight.framings)
    assert (closer / look, wider / look) == pytest.approx((1.25 * 0.714, 1.65 * 0.714))


def test_a_glance_in_which_a_digit_of_many_pixels_is_small_has_no_say() -> None:
    sight = one(page(600, 600, (270, 270, 60, 60)), in_turn([10, 1], [0.5, 0.5, 0.3, 0.35], 12))
    assert [view.name for view in sight.framings] == ["second look"]
    assert sight.log_probabilities.argmax() == 1


def test_the_first_glance_is_heard_too_where_something_is_found_in_a_few_pixels() -> None:
    sight = one(page(28, 28, (9, 9, 10, 10)), in_turn([10, 1], [0.5, 0.5, 0.3, 0.35], 12))
    assert sight.look.longer * sight.look.window.side < zoom.FEW
    assert [view.name for view in sight.framings] == ["second look", "glance"]
    assert sight.framings[1] is sight.views[0]


def test_a_batch_shows_the_network_each_stage_once_and_answers_as_one_by_one() -> None:
    pages = [page(28, 28, (6, 4, 16, 20)), np.full((50, 50), 9, np.uint8), page(400, 400, (100, 200, 40, 60))] * 5
    seen: list[int] = []
    together = see(pages, finder(seen=seen))
    assert seen == [10, 5, 10]
    for grey, sight in zip(pages, together, strict=True):
        alone = see([grey], finder())[0]
        assert (sight is None) == (alone is None)
        if sight is not None and alone is not None:
            assert (sight.box, sight.stages) == (alone.box, alone.stages)
    assert see([], finder()) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_pictures_are_told_without_the_network(level: int) -> None:
    def never(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError("asked")

    specks = np.full((300, 300), level, np.uint8)
    specks[150, 150] = 255 - level
    faint = np.random.default_rng(0).integers(level * 248 // 255, level * 248 // 255 + 8, (300, 400)).astype(np.uint8)
    pages = [np.full(shape, level, np.uint8) for shape in ((1, 1), (28, 28), (3000, 10), (1200, 900))]
    assert see([*pages, specks, faint], never) == [None] * 6


@pytest.mark.parametrize("side", [28, 100, 1000, 3000])
def test_a_thin_digit_on_a_clean_page_is_not_blank(side: int) -> None:
    length = max(8, side // 30)
    stroke = page(side, side, (side // 2, side // 2, max(1, length // 10), length))
    assert see([stroke], finder())[0] is not None


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
def test_whatever_box_comes_back_the_answer_lies_in_the_picture(box: list[float], shape: tuple[int, int]) -> None:
    grey = np.zeros(shape, np.uint8)
    grey.flat[: grey.size // 2] = 200
    sight = one(grey, fixed(TORN, box))
    x, y, width, height = sight.box
    assert 0 <= x < x + width <= shape[1]
    assert 0 <= y < y + height <= shape[0]
    for _, window in sight.stages:
        assert window == window.within(shape[1], shape[0])


def test_a_photograph_of_40_megapixels_takes_a_moment_and_little_memory() -> None:
    grey = page(5000, 8000, (3000, 2000, 1500, 2500))
    tracemalloc.start()
    start = time.perf_counter()
    see([grey], fixed(TORN, [0.5, 0.5, 2.0, 2.0]))
    assert time.perf_counter() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


pictures = st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1)).map(
    lambda made: np.random.default_rng(made[2]).integers(0, 256, made[:2], dtype=np.uint8)
)
numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
windows = st.builds(Window, numbers, numbers, numbers)
near_windows = st.builds(Window, st.floats(-9, 79), st.floats(-9, 79), st.floats(1, 200))


@settings(max_examples=200)
@given(pictures, windows | near_windows)
def test_any_window_of_any_picture_can_be_cut(grey: np.ndarray, window: Window) -> None:
    pixels = cut(grey, window)
    assert pixels.shape == (SIZE, SIZE)
    paper = int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    low, high = min(int(grey.min()), paper), max(int(grey.max()), paper)
    assert low - 1e-4 <= pixels.min() * 255
    assert pixels.max() * 255 <= high + 1e-4


@settings(max_examples=100)
@given(pictures, near_windows)
def test_a_window_is_held_within_and_then_stays(grey: np.ndarray, window: Window) -> None:
    height, width = grey.shape
    held = window.within(width, height)
    assert held == held.within(width, height)
    assert 0 <= held.x <= width
    assert 0 <= held.y <= height
    assert 4 <= held.side <= max(4, 3 * max(height, width))
    assert np.array_equal(cut(grey, window), cut(grey, held))


@settings(max_examples=60)
@given(st.floats(60, 240), st.floats(60, 240), st.floats(20, 110))
def test_what_is_cut_lies_where_the_window_says(x: float, y: float, side: float) -> None:
    slope = np.tile(np.linspace(0, 255, 300), (300, 1)).round().astype(np.uint8)
    across, down = cut(slope, Window(x, y, side)), cut(slope.T.copy(), Window(x, y, side))
    centres = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    inner = slice(2, -2)
    expected = ((x + centres * side) - 0.5) / 299
    assert across.mean(axis=0)[inner] == pytest.approx(expected[inner], abs=1.5 / 255)
    expected = ((y + centres * side) - 0.5) / 299
    assert down.mean(axis=1)[inner] == pytest.approx(expected[inner], abs=1.5 / 255)


def test_a_picture_of_the_input_size_is_cut_as_it_is() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    assert np.array_equal(cut(grey, Window.whole(SIZE, SIZE)), grey.astype(np.float32) / 255)


def test_a_wide_picture_is_letterboxed_on_its_paper() -> None:
    grey = page(100, 200, (80, 30, 40, 40))
    pixels = cut(grey, Window.whole(200, 100))
    assert np.allclose(pixels[:9], 240 / 255)
    assert np.allclose(pixels[-9:], 240 / 255)
    assert pixels[18:22, 18:22].max() < 0.2


@pytest.mark.parametrize("factor", [3, 10, 40])
def test_large_windows_are_averaged_not_sampled(factor: int) -> None:
    checks = np.indices((SIZE * factor, SIZE * factor)).sum(axis=0) % 2 * 255
    assert cut(checks.astype(np.uint8), Window.whole(*checks.shape)) == pytest.approx(0.5, abs=0.1)


def test_a_whole_picture_is_the_same_seen_on_one_side_or_the_other() -> None:
    grey = page(2400, 1700, (900, 500, 300, 900))
    direct = cut(grey, Window.whole(1700, 2400))
    flipped = cut(grey[:, ::-1], Window.whole(1700, 2400))
    assert direct == pytest.approx(flipped[:, ::-1], abs=0.05)


def blurred(sigma: float, stroke: int, noise: float = 0.0) -> np.ndarray:
    sheet = np.full((SIZE, SIZE), 230, np.uint8)
    sheet[6:34, 20 - stroke // 2 : 20 - stroke // 2 + stroke] = 40
    soft = np.asarray(Image.fromarray(sheet).filter(ImageFilter.GaussianBlur(sigma)), np.float32) / 255
    return cast(np.ndarray, (soft + np.random.default_rng(0).normal(0, noise, soft.shape)).astype(np.float32))


@pytest.mark.parametrize("stroke", [2, 4, 6])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_edges_widen_with_blur_whatever_the_contrast(stroke: int, noise: float) -> None:
    widths = [edge_width(blurred(sigma, stroke, noise)) for sigma in (0, 1, 2, 3, 4)]
    assert widths == sorted(widths)
    assert widths[1] < 5
    faint = blurred(2, stroke, noise) * np.float32(0.2)
    assert edge_width(faint) == pytest.approx(widths[2], rel=0.01)


@pytest.mark.parametrize("sigma", [2.0, 3.0, 4.0])
def test_the_width_of_a_lone_edge_is_what_a_ruler_says(sigma: float) -> None:
    edge = [0.5 * (1 + math.erf((x - 19.5) / sigma / math.sqrt(2))) for x in range(SIZE)]
    assert edge_width(np.tile(np.array(edge, np.float32), (SIZE, 1))) == pytest.approx(
        2.563 * math.hypot(sigma, 0.82), rel=0.1
    )  # 0.82: of the smoothing


def test_nothing_has_no_edge() -> None:
    assert edge_width(np.full((SIZE, SIZE), 0.5, np.float32)) == math.inf


@settings(max_examples=50)
@given(st.lists(st.floats(-80, 80), min_size=11, max_size=11))
def test_log_softmax_sums_to_one(row: list[float]) -> None:
    assert np.exp(zoom.log_softmax(np.array([row]))).sum() == pytest.approx(1)
