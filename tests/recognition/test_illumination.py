"""Uneven light on paper, and single digits that are read in spite of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

import numeye
from numeye.recognition.illumination import LIMITS, flatten_light

SIDE_PX = 240


def draw_seven(width_px: int = 3) -> np.ndarray:
    """Return a sheet of paper, 0 to 1, with a small 7 in thin strokes."""
    sheet = Image.new("L", (SIDE_PX, SIDE_PX), 230)
    corners = [(96, 80), (146, 78), (112, 160)]
    ImageDraw.Draw(sheet).line(corners, 130, width_px, joint="curve")
    return np.asarray(sheet, np.float32) / 255


def vignette(depth: float) -> np.ndarray:
    """Return light that falls off towards the corners."""
    line = np.linspace(-1, 1, SIDE_PX, dtype=np.float32)
    return 1 - depth * (line**2 + line[:, None] ** 2) / 2


def shadow(depth: float) -> np.ndarray:
    """Return light that falls off to the right side."""
    line = np.linspace(-1, 1, SIDE_PX, dtype=np.float32)
    return np.broadcast_to(1 - depth / (1 + np.exp(-6 * line)), (SIDE_PX, SIDE_PX))


def to_grey(picture: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("light", [vignette(0.8), shadow(0.7)])
@pytest.mark.parametrize("inverted", [False, True])
def test_paper_becomes_even_and_strokes_dark(light: np.ndarray, inverted: bool) -> None:
    picture = draw_seven() * light
    flat = flatten_light(to_grey(1 - picture if inverted else picture))
    strokes = draw_seven() < 0.6
    inside = np.zeros_like(strokes)
    inside[20:-20, 20:-20] = True
    paper = flat[~strokes & inside & (draw_seven() > 0.89)]
    assert np.quantile(paper, [0.02, 0.98]) == pytest.approx(LIMITS.paper_level, rel=0.12)
    assert np.median(flat[strokes]) < 0.75 * LIMITS.paper_level


@pytest.mark.parametrize("brightness", [0.4, 1.0])
def test_a_picture_in_even_light_needs_no_flattening(brightness: float) -> None:
    grey = to_grey(draw_seven() * brightness)
    assert flatten_light(grey) is grey
    inverted = 255 - grey
    assert flatten_light(inverted) is inverted


def test_brightness_makes_no_difference() -> None:
    bright, dark = (flatten_light(to_grey(draw_seven() * vignette(0.8) * b)) for b in (1.0, 0.5))
    assert np.abs(bright.astype(int) - dark).mean() < 4


@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 50), st.integers(1, 50)), elements=st.integers(0, 255)
    )
)
def test_any_picture_keeps_its_shape(grey: np.ndarray) -> None:
    flat = flatten_light(grey)
    assert flat.shape == grey.shape


@pytest.mark.parametrize("light", [vignette(0.9), shadow(0.8)])
def test_a_thin_digit_in_uneven_light_is_read_where_it_is(light: np.ndarray) -> None:
    grey = to_grey(draw_seven(width_px=1) * light)
    reading = numeye.Reader(single=True).read(grey)
    assert reading.text == "7"
    x, y, width, height = reading.digits[0].box
    assert (x, y) == pytest.approx((96, 78), abs=12)
    assert (width, height) == pytest.approx((50, 82), abs=16)
    assert reading.picture is not None
    assert (reading.picture == grey).all()


@pytest.mark.parametrize("light", [vignette(0.9), shadow(0.8)])
def test_blank_paper_in_uneven_light_is_blank(light: np.ndarray) -> None:
    grain = np.random.default_rng(0).normal(0, 0.01, (SIDE_PX, SIDE_PX))
    reading = numeye.Reader(single=True).read(to_grey(0.9 * light + grain))
    assert reading.text == ""
    assert reading.rejected in ("blank", "not a digit")
