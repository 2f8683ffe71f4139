"""Rings and boxes around numbers, and what is neither."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

import numeye
from numeye.recognition.rings import erase_rings

PAGE = (320, 200)  # width and height, pixels
PAPER, INK = 235, 40
Draw = Callable[[ImageDraw.ImageDraw], None]


def page(*drawings: Draw, size: tuple[int, int] = PAGE) -> np.ndarray:
    image = Image.new("L", size, PAPER)
    pen = ImageDraw.Draw(image)
    for draw in drawings:
        draw(pen)
    return np.asarray(image)


def seven(left: float = 150, top: float = 80, height: float = 40) -> Draw:
    corners = [(left, top), (left + 0.6 * height, top), (left + 0.25 * height, top + height)]
    return lambda pen: pen.line(corners, INK, 4)


def ring(bounds: tuple[int, int, int, int], width: int = 4, end: int = 360) -> Draw:
    return lambda pen: pen.arc(bounds, 0, end, INK, width)


def box(bounds: tuple[int, int, int, int], width: int = 3) -> Draw:
    return lambda pen: pen.rectangle(bounds, outline=INK, width=width)


AROUND = (120, 60, 205, 145)


@pytest.mark.parametrize(
    "around", [ring(AROUND), ring(AROUND, width=9), ring(AROUND, end=320), box(AROUND)]
)
@pytest.mark.parametrize("inverted", [False, True])
def test_a_ring_is_erased_and_the_number_stays(around: Draw, inverted: bool) -> None:
    both, number = page(seven(), around), page(seven())
    if inverted:
        both, number = 255 - both, 255 - number
    erased = erase_rings(both)
    assert np.abs(erased.astype(int) - number).max() < 40
    assert (both != number).any()


def test_two_numbers_in_one_ring_and_another_in_its_own() -> None:
    first = page(
        seven(60), seven(100), seven(230), ring((40, 55, 145, 145)), ring((210, 60, 280, 145))
    )
    assert (
        np.abs(erase_rings(first).astype(int) - page(seven(60), seven(100), seven(230))).max() < 40
    )


def test_a_digit_that_touches_its_ring_stays() -> None:
    touching = page(seven(131, 80, 44), seven(170), ring((130, 55, 220, 145)))
    erased = erase_rings(touching)
    stroke = page(seven(131, 80, 44)) < PAPER
    kept = (erased < 120) & stroke
    assert kept.sum() > 0.7 * stroke.sum()
    assert (erased[55:62] > 200).all()


@pytest.mark.parametrize(
    "drawings",
    [
        (seven(),),
        (ring((140, 70, 180, 130)),),  # a 0
        (ring((140, 60, 180, 100)), ring((138, 97, 182, 145))),  # an 8
        (ring((130, 60, 190, 140)), lambda pen: pen.line([(138, 128), (182, 72)], INK, 4)),
        (ring((140, 70, 180, 130)), lambda pen: pen.ellipse((157, 98, 161, 102), INK)),  # a dot
        (seven(), ring(AROUND, end=200)),  # half a ring
        (seven(), lambda pen: pen.line([(100, 130), (220, 130)], INK, 3)),  # an underline
    ],
)
def test_a_page_without_a_ring_stays_as_it_is(drawings: tuple[Draw, ...]) -> None:
    grey = page(*drawings)
    assert erase_rings(grey) is grey


def test_the_lines_of_a_table_stay() -> None:
    cells = [
        box((20 + 60 * column, 20 + 50 * row, 80 + 60 * column, 70 + 50 * row))
        for row in range(3)
        for column in range(4)
    ]
    digits = [seven(40 + 60 * column, 30 + 50 * row, 30) for row in range(3) for column in range(4)]
    grey = page(*cells, *digits)
    assert erase_rings(grey) is grey


def test_a_large_page_is_erased_as_a_small_one() -> None:
    small = page(seven(), ring(AROUND))
    large = np.asarray(Image.fromarray(small).resize((PAGE[0] * 7, PAGE[1] * 7)))
    expected = np.asarray(Image.fromarray(page(seven())).resize((PAGE[0] * 7, PAGE[1] * 7)))
    assert np.quantile(np.abs(erase_rings(large).astype(int) - expected), 0.999) < 60


@pytest.mark.parametrize("around", [ring(AROUND), box(AROUND)])
def test_a_single_digit_in_a_ring_is_read(around: Draw) -> None:
    grey = page(seven(), around)[40:165, 100:225]
    reading = numeye.Reader(single=True).read(grey)
    assert reading.text == "7"
    assert reading.picture is not None
    assert (reading.picture == grey).all()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))))
def test_any_picture_keeps_its_shape(grey: np.ndarray) -> None:
    before = grey.copy()
    erased = erase_rings(grey)
    assert erased.shape == grey.shape
    assert (grey == before).all()
