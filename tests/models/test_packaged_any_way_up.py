"""The default model on pages that lie askew, on their side or upside down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import DataSet, Reader, open_data
from tests.recognition.marks import lay

NUMBERS = Path(__file__).parents[2] / "examples" / "numbers"
DIGIT_PX = 40  # of MNIST's frame


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def dense_page(mnist_cache: Path) -> tuple[np.ndarray, list[str]]:
    """Return a page with 30 numbers, dark on white, and the numbers."""
    return draw_page(open_data("mnist:validation", cache=mnist_cache), rows=10, columns=3)


def draw_page(digits: DataSet, rows: int, columns: int) -> tuple[np.ndarray, list[str]]:
    """Return a page of numbers with 3 to 5 digits, dark on white, and the numbers row by row."""
    random = np.random.default_rng(5)
    page = np.zeros((rows * 56 + 60, columns * 230 + 60), np.uint8)
    numbers = []
    for row in range(rows):
        for column in range(columns):
            chosen = random.integers(len(digits), size=int(random.integers(3, 6))).tolist()
            numbers.append("".join(digits.labels[number] for number in chosen))
            for place, number in enumerate(chosen):
                digit = Image.fromarray(np.asarray(digits.pictures[number])).resize((40, 40))
                top, left = 40 + row * 56, 40 + column * 230 + place * 28
                part = page[top : top + DIGIT_PX, left : left + DIGIT_PX]
                np.maximum(part, np.asarray(digit), out=part)
    return 255 - page, numbers


def share_read(text: str, numbers: list[str]) -> float:
    """Return which share of the numbers is read, if they are in the same order."""
    answers = text.split()
    if len(answers) != len(numbers):
        return 0.0
    return float(np.mean([a == b for a, b in zip(answers, numbers, strict=True)]))


@pytest.mark.parametrize("degrees", [90, 180, 270, 12, -30, 45, 80, 100, 170, 215])
def test_a_dense_page_is_read_whichever_way_it_lies(
    degrees: float, reader: Reader, dense_page: tuple[np.ndarray, list[str]]
) -> None:
    upright, numbers = dense_page
    reading = reader.read(lay(upright, degrees))
    assert abs((reading.turned - degrees + 180) % 360 - 180) < 1.5
    assert share_read(reading.text, numbers) >= share_read(reader.read(upright).text, numbers) - 0.1
    assert reading.picture.shape == lay(upright, degrees).shape


def test_an_upright_page_is_not_turned(
    reader: Reader, dense_page: tuple[np.ndarray, list[str]]
) -> None:
    reading = reader.read(dense_page[0])
    assert reading.turned == 0
    assert all(number.quad is None for number in reading.numbers)


@pytest.mark.parametrize("degrees", [90, 180, 33])
def test_boxes_are_in_pixels_of_the_picture_as_stored(degrees: float, reader: Reader) -> None:
    upright = np.asarray(Image.open(NUMBERS / "rows.png").convert("L"))
    lying = lay(upright, degrees)
    reading, expected = reader.read(lying), reader.read(upright)
    assert reading.text == expected.text
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for number, same in zip(reading.numbers, expected.numbers, strict=True):
        x, y, width, height = same.box
        middle = np.array([x + width / 2, y + height / 2]) - np.array(upright.shape[::-1]) / 2
        moved = turn @ middle + np.array(lying.shape[::-1]) / 2
        assert number.quad is not None
        assert np.mean(number.quad, axis=0) == pytest.approx(moved, abs=6)
        left, top, across, down = number.box
        assert (left + across / 2, top + down / 2) == pytest.approx(moved, abs=8)
