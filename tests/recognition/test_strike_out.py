"""Strokes that strike numbers out, and strokes that do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

from numeye.recognition.strike_out import find_struck_out

PAGE = (400, 120)  # width and height, pixels
TOP_PX, HEIGHT_PX, WIDTH_PX, PITCH_PX, LEFT_PX = 40, 40, 24, 34, 120

# Corners of each digit in shares of its box; x, y.
DIGITS = {
    "4": [[(0.7, 1), (0.7, 0), (0, 0.66), (1, 0.66)]],
    "7": [[(0, 0), (1, 0), (0.3, 1)], [(0.2, 0.5), (0.9, 0.5)]],
    "8": [[(0.5, 0.45), (0, 0.2), (0.5, 0), (1, 0.2), (0, 0.75), (0.5, 1), (1, 0.75), (0.5, 0.45)]],
    "0": [[(0.5, 0), (0, 0.5), (0.5, 1), (1, 0.5), (0.5, 0)]],
    "1": [[(0.1, 0.3), (0.6, 0), (0.6, 1)]],
    "2": [[(0, 0.2), (0.5, 0), (1, 0.25), (0, 1), (1, 1)]],
}

Lines = list[list[tuple[float, float]]]


def draw(
    number: str, lines: Lines, width: int = 4, pitch: float = PITCH_PX
) -> tuple[np.ndarray, np.ndarray]:
    """Return a page with a number and more lines, and the boxes of its digits."""
    page, boxes = Image.new("L", PAGE, 235), []
    pen = ImageDraw.Draw(page)
    for place, digit in enumerate(number):
        left = LEFT_PX + place * pitch
        for stroke in DIGITS[digit]:
            points = [(left + x * WIDTH_PX, TOP_PX + y * HEIGHT_PX) for x, y in stroke]
            pen.line(points, 40, width, joint="curve")
        boxes.append((left, TOP_PX, left + WIDTH_PX, TOP_PX + HEIGHT_PX))
    for line in lines:
        pen.line(line, 60, width, joint="curve")
    return np.asarray(page), np.array(boxes, np.float64)


def right_of(number: str) -> float:
    return LEFT_PX + (len(number) - 1) * PITCH_PX + WIDTH_PX


def level_line(number: str, y: float, reach: float = 10.0, fall: float = 0.0) -> Lines:
    return [[(LEFT_PX - reach, y - fall), (right_of(number) + reach, y + fall)]]


def cross(number: str) -> Lines:
    left, right, foot = LEFT_PX - 6, right_of(number) + 6, TOP_PX + HEIGHT_PX
    return [[(left, TOP_PX - 4), (right, foot + 4)], [(left, foot + 4), (right, TOP_PX - 4)]]


def zigzag(number: str) -> Lines:
    count = int((right_of(number) - LEFT_PX) / 4)
    foot = TOP_PX + HEIGHT_PX - 4
    return [[(LEFT_PX - 4 + 4.5 * n, foot if n % 2 else TOP_PX + 4) for n in range(count)]]


NUMBERS = ("482", "71", "10847", "44", "77", "8")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("fall", [0.0, 6.0])
def test_a_line_through_a_number_strikes_it_out(number: str, fall: float) -> None:
    grey, boxes = draw(number, level_line(number, TOP_PX + 22, fall=fall))
    assert find_struck_out(grey, boxes)
    assert find_struck_out(255 - grey, boxes)


@pytest.mark.parametrize("number", ["482", "71", "10847"])
@pytest.mark.parametrize("shape", [cross, zigzag])
def test_a_cross_or_a_zigzag_strikes_a_number_out(number: str, shape: type) -> None:
    assert find_struck_out(*draw(number, shape(number)))


@pytest.mark.parametrize("number", [*NUMBERS, "2", "0", "4", "7", "1"])
@pytest.mark.parametrize("width", [2, 4, 7])
def test_a_number_alone_is_not_struck_out(number: str, width: int) -> None:
    assert not find_struck_out(*draw(number, [], width))


@pytest.mark.parametrize("number", ["44", "444", "22", "242", "7744"])
@pytest.mark.parametrize("pitch", [20, 22, 24, 26])
@pytest.mark.parametrize("width", [3, 5])
def test_bars_of_touching_digits_strike_nothing_out(number: str, pitch: int, width: int) -> None:
    assert not find_struck_out(*draw(number, [], width, pitch))


@pytest.mark.parametrize("number", ["482", "71", "10847", "7"])
def test_ruled_lines_underlines_and_signs_strike_nothing_out(number: str) -> None:
    right, middle = right_of(number), TOP_PX + 22
    for lines in (
        [[(0, middle), (PAGE[0], middle + 3)]],  # a ruled line
        level_line(number, TOP_PX + HEIGHT_PX + 5),  # an underline
        level_line(number, TOP_PX - 6),
        [[(LEFT_PX - 30, middle), (LEFT_PX - 10, middle)]],  # a minus
        [[(right + 8, middle), (right + 60, middle)]],  # a line that closes an amount
        [[(right + 4, TOP_PX + HEIGHT_PX), (right + 16, TOP_PX)]],  # a slash
    ):
        assert not find_struck_out(*draw(number, lines)), lines


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_size_makes_no_difference(factor: float) -> None:
    for lines, expected in ((level_line("482", TOP_PX + 20), True), ([], False)):
        grey, boxes = draw("482", lines)
        size = tuple(round(side * factor) for side in PAGE)
        scaled = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))
        assert find_struck_out(scaled, boxes * factor) is expected


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))),
    arrays.arrays(np.float64, st.tuples(st.integers(0, 4), st.just(4)), elements=st.floats(0, 60)),
)
def test_any_picture_and_any_boxes_give_an_answer(grey: np.ndarray, boxes: np.ndarray) -> None:
    corners = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    assert find_struck_out(grey, corners) in (True, False)
