"""Where the digits of a page are: from maps to boxes, at the right size."""

from __future__ import annotations

import numpy as np
import pytest

from numeye import locate
from numeye.locate import STRIDE, Spots, again, distinct, find, look, overlaps, peaks

Placed = tuple[float, float, float, float, int, float]  # left, top, right, bottom, digit, logit


def maps_of(height: int, width: int, digits: list[Placed]) -> np.ndarray:
    """What a perfect network says of these boxes."""
    maps = np.zeros((15, height // STRIDE, width // STRIDE), np.float32)
    maps[0] = -9
    for left, top, right, bottom, digit, logit in digits:
        x, y = (left + right) / 2, (top + bottom) / 2
        row, column = int(y / STRIDE), int(x / STRIDE)
        maps[0, row, column] = logit
        maps[1 + digit, row, column] = 7
        maps[11, row, column] = (x - (column + 0.5) * STRIDE) / 8
        maps[12, row, column] = (y - (row + 0.5) * STRIDE) / 8
        maps[13:, row, column] = np.log([(right - left) / 16, (bottom - top) / 16])
    return maps


def seer(shapes: list[tuple[int, ...]] | None = None) -> locate.Network:
    """A network that finds dark squares on white."""

    def network(pixels: np.ndarray) -> np.ndarray:
        if shapes is not None:
            shapes.append(pixels.shape)
        dark = pixels[0, 0] < 0.5
        columns, rows = np.flatnonzero(dark.any(axis=0)), np.flatnonzero(dark.any(axis=1))
        digits: list[Placed] = []
        if len(columns):
            digits = [(columns[0], rows[0], columns[-1] + 1.0, rows[-1] + 1.0, 3, 5.0)]
        return maps_of(*dark.shape, digits)[None]

    return network


def page(height: int, width: int, left: int, top: int, side: int) -> np.ndarray:
    grey = np.full((height, width), 240, np.uint8)
    grey[top : top + side, left : left + side] = 20
    return grey


def test_a_peak_is_a_digit_with_its_box() -> None:
    spots = peaks(maps_of(96, 128, [(10, 20, 30, 60, 7, 4.0), (50, 20, 61, 55, 1, 6.0)]))
    assert spots.boxes == pytest.approx(np.array([[50, 20, 61, 55], [10, 20, 30, 60]]), abs=1e-3)
    assert spots.which.argmax(axis=1).tolist() == [1, 7]
    assert spots.there.tolist() == [6.0, 4.0]


def test_what_is_less_likely_than_is_asked_is_none() -> None:
    assert len(peaks(maps_of(64, 64, [(10, 10, 30, 30, 7, locate._logit(locate.LIKELY) - 0.01)]))) == 0


def test_of_two_boxes_of_one_digit_the_likelier_stays() -> None:
    spots = peaks(maps_of(96, 128, [(10, 20, 30, 60, 7, 4.0), (10, 28, 31, 68, 2, 3.0), (40, 20, 60, 60, 5, 2.0)]))
    assert distinct(spots).which.argmax(axis=1).tolist() == [7, 5]


def test_digits_that_overlap_a_little_stay_both() -> None:
    spots = peaks(maps_of(96, 128, [(10, 20, 34, 60, 7, 4.0), (28, 20, 52, 60, 2, 3.0)]))
    assert len(distinct(spots)) == 2


def test_the_share_of_two_boxes() -> None:
    found = overlaps(np.array([0.0, 0, 10, 10]), np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]]))
    assert found == pytest.approx([1, 1 / 3, 0])


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((64, 300), (40, 10, 40)),
        ((1400, 1000), (300, 900, 45)),
        ((3000, 4000), (1000, 600, 150)),
        ((40, 90), (30, 5, 28)),
    ],
)
def test_a_digit_is_found_where_it_is_whatever_the_size_of_the_page(
    shape: tuple[int, int], place: tuple[int, int, int]
) -> None:
    left, top, side = place
    spots = find(page(*shape, *place), seer())
    shown = max(1.0, max(shape) / locate.LONG)  # pixels of the page in one that is shown
    assert spots.boxes == pytest.approx(np.array([[left, top, left + side, top + side]]), abs=2 * shown)


def test_digits_smaller_than_they_are_read_well_are_looked_at_once_more() -> None:
    shapes: list[tuple[int, ...]] = []
    spots = find(page(400, 500, 50, 50, 12), seer(shapes))
    assert len(shapes) == len(locate.LEVELS) + 1
    assert spots.boxes == pytest.approx(np.array([[50, 50, 62, 62]]), abs=1.2)
    assert shapes[-1][2] / shapes[0][2] == pytest.approx(locate.BEST / 12, rel=0.2)


@pytest.mark.parametrize("side", [100, 200, 300, 390])
def test_digits_larger_than_was_taught_are_seen_on_a_smaller_picture_of_the_page(side: int) -> None:
    shapes: list[tuple[int, ...]] = []
    spots = find(page(400, 500, 5, 5, side), seer(shapes))
    assert len(shapes) == len(locate.LEVELS)
    assert spots.boxes == pytest.approx(np.array([[5, 5, 5 + side, 5 + side]]), abs=10)


def test_of_a_digit_and_what_lies_in_it_the_likelier_stays() -> None:
    whole, part = (10, 10, 60, 90, 8, 4.0), (12, 12, 30, 40, 0, 3.0)
    assert distinct(peaks(maps_of(96, 128, [whole, part]))).which.argmax(axis=1).tolist() == [8]
    assert distinct(peaks(maps_of(96, 128, [(*whole[:5], 2.0), part]))).which.argmax(axis=1).tolist() == [0]


def test_digits_too_small_to_be_seen_on_a_large_page_are_looked_for_at_its_own_size() -> None:
    shapes: list[tuple[int, ...]] = []

    def network(pixels: np.ndarray) -> np.ndarray:
        maps = seer(shapes)(pixels)
        maps[:, 0, ...] = np.where(pixels.shape[2] > 1600, maps[:, 0], -9)
        return maps

    assert len(find(page(1700, 1700, 500, 500, 20), network)) == 1
    assert len(shapes) == len(locate.LEVELS) + 1


def test_a_spot_that_is_hardly_a_digit_does_not_keep_a_large_page_from_being_looked_at_closely() -> None:
    def network(pixels: np.ndarray) -> np.ndarray:
        maps = maps_of(*pixels.shape[2:], [(40, 40, 70, 80, 1, -0.8)])[None]
        return maps if pixels.shape[2] <= 1600 else np.maximum(maps, seer()(pixels))

    spots = find(page(1700, 1700, 500, 500, 20), network)
    assert spots.boxes[0] == pytest.approx([500, 500, 520, 520], abs=2)


def test_small_digits_beside_many_large_ones_are_looked_at_once_more() -> None:
    shapes: list[tuple[int, ...]] = []

    def network(pixels: np.ndarray) -> np.ndarray:
        shapes.append(pixels.shape)
        scale = pixels.shape[3] / 800
        corners = [(60 * n + 10, 20, 40) for n in range(6)] + [(60 * n + 10, 200, 14) for n in range(3)]
        boxes = scale * np.array([(x, y, x + side, y + side) for x, y, side in corners])
        return maps_of(*pixels.shape[2:], [(*box, 5, 4.0) for box in boxes.tolist()])[None]

    spots = find(np.full((608, 800), 240, np.uint8), network)
    assert shapes[-1][3] > 1.5 * 800
    assert len(spots) == 9


def test_what_is_shown_has_sides_that_the_network_takes_and_is_never_more_than_it_can() -> None:
    shapes: list[tuple[int, ...]] = []
    for shape in ((1, 1), (17, 5000), (9000, 3), (333, 777)):
        find(page(*shape, 0, 0, 1), seer(shapes))
    assert all(height % 16 == 0 and width % 16 == 0 for _, _, height, width in shapes)
    assert max(height * width for _, _, height, width in shapes) <= 1.1 * locate.PIXELS


def test_an_empty_page_has_no_digit() -> None:
    spots = look(np.full((50, 200), 255, np.uint8), 1.0, seer())
    assert isinstance(spots, Spots)
    assert len(spots) == 0


@pytest.fixture
def one_more_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "AGAIN", (0.8,))


@pytest.mark.usefixtures("one_more_size")
def test_a_second_opinion_is_the_mean_of_both_sizes() -> None:
    """The middle digit is seen at one size only, and the left one's logit depends on the size."""

    def network(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[2:]
        scale = {112: 1.0, 80: 0.8}[height]  # of a strip of 100 pixels, padded
        size = 20 * scale
        digits: list[Placed] = [(30 * scale, 30 * scale, 30 * scale + size, 30 * scale + size, 4, 3.0 * scale)]
        if height == 112:
            left = 150 * scale
            digits.append((left, 30 * scale, left + size, 30 * scale + size, 7, 3.0))
        return maps_of(height, width, digits)[None]

    grey = np.full((100, 300), 240, np.uint8)
    first = look(grey, 1.0, network)
    assert len(first) == 2
    spots = again(grey, first, network)
    assert spots.which.argmax(axis=1).tolist() == [4, 7]
    assert spots.there[1] == pytest.approx((3.0 + locate.UNSEEN) / 2)
    assert spots.there[0] == pytest.approx((3.0 + 2.4) / 2)
    assert spots.boxes[0] == pytest.approx([30, 30, 50, 50], abs=5)
    assert (
        len(again(grey, first.take(np.array([], np.int64)), lambda pixels: maps_of(*pixels.shape[2:], [])[None])) == 0
    )


def test_a_second_opinion_on_digits_that_fill_a_strip_is_asked_at_a_size_at_which_they_are_read_well() -> None:
    strip = page(150, 400, 100, 12, 126)  # too high for what was taught, but for the smaller picture
    first = find(strip, seer())
    spots = again(strip, first, seer())
    assert spots.there == pytest.approx(first.there)
    assert spots.boxes == pytest.approx(np.array([[100, 12, 226, 138]]), abs=8)


def test_a_second_opinion_of_a_bare_1_that_is_seen_a_little_beside_is_of_the_same() -> None:
    def network(pixels: np.ndarray) -> np.ndarray:
        scale, off = pixels.shape[3] / 320, 0 if pixels.shape[3] == 320 else 3
        one = ((20 + off) * scale, 20 * scale, (26 + off) * scale, 60 * scale, 1, 3.0)
        return maps_of(*pixels.shape[2:], [one])[None]

    grey = np.full((96, 320), 240, np.uint8)
    assert again(grey, look(grey, 1.0, network), network).there == pytest.approx([3.0])


@pytest.mark.usefixtures("one_more_size")
def test_a_second_opinion_does_not_miss_what_is_too_small_for_it() -> None:
    def network(pixels: np.ndarray) -> np.ndarray:
        scale = pixels.shape[3] / 304
        small = [] if scale < 0.9 else [(100.0, 30.0, 112.0, 43.0, 7, 2.0)]
        large = (20 * scale, 20 * scale, 50 * scale, 60 * scale, 4, 3.0)
        return maps_of(*pixels.shape[2:], [large, *small])[None]

    grey = np.full((96, 304), 240, np.uint8)
    spots = again(grey, look(grey, 1.0, network), network)
    assert sorted(spots.there.tolist()) == pytest.approx([2.0, 3.0])


def test_the_thinnest_strip_is_not_shown_larger_than_can_be() -> None:
    shapes: list[tuple[int, ...]] = []
    find(np.full((1, 2_000_000), 255, np.uint8), seer(shapes))
    assert max(shape[2] * shape[3] for shape in shapes) <= 1.1 * locate.PIXELS


@pytest.mark.usefixtures("one_more_size")
def test_a_second_opinion_of_a_long_strip_is_asked_at_the_size_at_which_it_was_read() -> None:
    shapes: list[tuple[int, ...]] = []
    strip = page(60, 3_000, 1_500, 20, 25)  # shown whole, its digits would have 12 pixels
    first = find(strip, seer(shapes))
    read_at = max(shape[3] for shape in shapes)
    shapes.clear()
    again(strip, first, seer(shapes))
    assert [shape[3] for shape in shapes] == [pytest.approx(0.8 * read_at, rel=0.05)]
