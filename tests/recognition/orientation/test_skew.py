"""The slope of the lines of a page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from numeye.recognition.orientation.skew import NO_SKEW, skew_of_digits, skew_of_strokes
from tests.recognition.marks import draw_marks, lay

HALF_PX = np.array([10.0, 14.0])  # half the width and height of a digit
ANGLES = [-44.0, -30.0, -12.5, -3.0, 0.0, 1.0, 7.0, 21.0, 43.0]


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("inverted", [False, True])
def test_lines_of_strokes_are_straightened(degrees: float, inverted: bool) -> None:
    grey = lay(draw_marks(8, 14), degrees)
    grey = 255 - grey if inverted else grey
    skew = skew_of_strokes(grey)
    assert skew.degrees == pytest.approx(degrees, abs=0.8)
    assert skew.is_clear


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_lines_that_stand_are_as_straight_as_lines_that_lie(quarters: int) -> None:
    grey = np.ascontiguousarray(np.rot90(lay(draw_marks(8, 14), 10.0), quarters))
    assert skew_of_strokes(grey).degrees == pytest.approx(10, abs=0.8)


@settings(max_examples=20)
@given(st.floats(-44, 44))
def test_ruled_lines_tell_the_skew(degrees: float) -> None:
    image = Image.new("L", (400, 400), 240)
    draw = ImageDraw.Draw(image)
    for y in range(-600, 1000, 50):
        draw.line((-200, y, 600, y + 800 * np.tan(np.deg2rad(degrees))), fill=90, width=3)
    assert skew_of_strokes(np.asarray(image)).degrees == pytest.approx(degrees, abs=0.8)


def test_pages_without_strokes_have_no_skew() -> None:
    grey = np.full((300, 400), 200, np.uint8)
    assert skew_of_strokes(grey) == NO_SKEW
    grey[10, 10] = 0
    assert not skew_of_strokes(grey).is_clear
    assert skew_of_strokes(np.full((1, 1), 7, np.uint8)) == NO_SKEW


def test_noise_has_no_clear_skew() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 500)).astype(np.uint8)
    assert not skew_of_strokes(noise).is_clear


def digits(degrees: float, jitter: float = 0.0) -> np.ndarray:
    """Boxes of three columns of numbers with four digits each, on a page that is turned."""
    places = [(x * 200 + d * 22, y * 45) for y in range(6) for x in range(3) for d in range(4)]
    moves = np.random.default_rng(1).normal(0, jitter, (len(places), 2))
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centres = (np.array(places) + moves) @ turn.T
    return np.hstack([centres - HALF_PX, centres + HALF_PX])


@given(st.floats(-44, 44), st.floats(0, 2), st.integers(0, 3))
def test_digits_point_along_their_numbers(degrees: float, jitter: float, quarters: int) -> None:
    boxes = digits(degrees + 90 * quarters, jitter)
    assert abs((skew_of_digits(boxes) - degrees + 45) % 90 - 45) < 2


def test_hardly_any_digits_tell_nothing() -> None:
    assert skew_of_digits(digits(20)[:2]) == 0
    assert skew_of_digits(np.zeros((0, 4))) == 0
    far_apart = np.array([[0.0, 0, 20, 20], [300, 90, 320, 110], [600, 300, 620, 320]])
    assert skew_of_digits(far_apart) == 0
    centres = np.random.default_rng(0).uniform(0, 200, (80, 2))
    assert skew_of_digits(np.hstack([centres - HALF_PX, centres + HALF_PX])) == 0
