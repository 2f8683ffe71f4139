from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from numeye.recognition import preprocessing
from numeye.recognition.preprocessing import Framing, frame

FEW = settings(max_examples=80)
DIGITS = st.integers(0, 59_999)


def distance(pixels: np.ndarray, others: np.ndarray) -> float:
    """Mean absolute difference, where the centre may have been rounded to the pixel beside it."""
    return min(
        float(np.abs(pixels - np.roll(others, (down, right), (0, 1))).mean())
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    )


def some(images: np.ndarray, count: int = 300) -> np.ndarray:
    return images[:: len(images) // count][:count]


def assert_sound(found: Framing, grey: np.ndarray) -> None:
    assert found.pixels.shape == (28, 28)
    assert found.pixels.dtype == np.float32
    assert found.grey.shape == found.foreground.shape
    for values in (found.pixels, found.foreground):
        assert np.isfinite(values).all()
        assert 0 <= values.min() <= values.max() <= 1
    if found.rejected is None:
        assert found.box is not None
        assert found.pixels.max() > 0.5
    if found.rejected == "blank":
        assert found.box is None
    if found.box is None:
        assert not found.pixels.any()
    else:
        x, y, width, height = found.box
        assert 0 <= x < x + width <= grey.shape[1]
        assert 0 <= y < y + height <= grey.shape[0]


def test_mnist_digits_framed_again_stay_as_they_are(train_images: np.ndarray) -> None:
    apart = np.array(
        [np.abs(frame(digit).pixels - digit / 255.0).mean() for digit in some(train_images)]
    )
    assert apart.mean() < 0.01
    assert np.quantile(apart, 0.9) < 0.01


def test_the_centre_of_mass_lies_where_mnist_has_it(train_images: np.ndarray) -> None:
    def centre_of_mass(pixels: np.ndarray) -> np.ndarray:
        middles = np.arange(28) + 0.5
        return np.array([pixels.sum(axis=1) @ middles, pixels.sum(axis=0) @ middles]) / pixels.sum()

    digits = some(train_images)
    raw = np.array([centre_of_mass(digit / 255.0) for digit in digits])
    framed = np.array([centre_of_mass(frame(np.pad(digit, 30)).pixels) for digit in digits])
    assert np.abs(framed - 14).max() <= 1.01
    assert np.abs(framed.mean(axis=0) - raw.mean(axis=0)).max() < 0.1


def test_a_digit_at_the_frames_edge_is_clipped_into_it() -> None:
    heavy_below = np.zeros((20, 3), np.float32)
    heavy_below[-1] = 1
    framed = preprocessing.centre(heavy_below)
    assert np.flatnonzero(framed.any(axis=1)).tolist() == [19]
    assert preprocessing.centre(np.ones((28, 28), np.float32)).all()


@FEW
@given(number=DIGITS)
def test_the_negative_is_framed_as_the_picture(number: int, train_images: np.ndarray) -> None:
    digit = train_images[number]
    light, dark = frame(digit), frame(255 - digit)
    assert (light.dark_on_light, dark.dark_on_light) == (False, True)
    assert light.box == dark.box
    assert np.allclose(light.pixels, dark.pixels, atol=1e-6)


@FEW
@given(
    number=DIGITS,
    top=st.integers(0, 170),
    left=st.integers(0, 170),
    below=st.integers(0, 170),
    dark=st.booleans(),
)
def test_it_does_not_matter_where_on_the_paper_a_digit_stands(
    number: int, top: int, left: int, below: int, dark: bool, train_images: np.ndarray
) -> None:
    digit = train_images[number]
    paper = np.pad(digit, ((top, below), (left, 170 - left)))
    alone, placed = frame(digit), frame(255 - paper if dark else paper)
    assert placed.rejected is None
    assert distance(placed.pixels, alone.pixels) < 0.05
    assert placed.box is not None
    assert alone.box is not None
    x, y, width, height = alone.box
    assert np.abs(np.subtract(placed.box, (x + left, y + top, width, height))).max() <= 2


@FEW
@given(number=DIGITS, factor=st.integers(2, 10))
def test_it_does_not_matter_how_large_a_digit_is(
    number: int, factor: int, train_images: np.ndarray
) -> None:
    digit = train_images[number]
    large = frame(np.kron(digit, np.ones((factor, factor), np.uint8)))
    assert large.rejected is None
    assert distance(large.pixels, frame(digit).pixels) < 0.035


@FEW
@given(number=DIGITS, paper=st.integers(0, 150), share=st.floats(0.25, 1), dark=st.booleans())
def test_it_does_not_matter_how_bright_and_how_strong_a_picture_is(
    number: int, paper: int, share: float, dark: bool, train_images: np.ndarray
) -> None:
    digit = train_images[number]
    pale = (paper + digit * (share * (255 - paper) / 255)).astype(np.uint8)
    found = frame(255 - pale if dark else pale)
    assert found.rejected is None
    assert distance(found.pixels, frame(digit).pixels) < 0.05


def test_on_average_next_to_nothing_is_lost(train_images: np.ndarray) -> None:
    digits = some(train_images)
    plain = [frame(digit).pixels for digit in digits]
    changes = {
        "placed": (lambda digit: np.pad(digit, ((11, 40), (3, 29))), 0.001),
        "pale": (lambda digit: (60 + digit * 0.4).astype(np.uint8), 0.002),
        "large": (lambda digit: np.kron(digit, np.ones((7, 7), np.uint8)), 0.022),
    }
    lost = {
        name: np.mean(
            [
                distance(frame(change(digit)).pixels, before)
                for digit, before in zip(digits, plain, strict=True)
            ]
        )
        for name, (change, _) in changes.items()
    }
    assert {name: loss for name, loss in lost.items() if loss > changes[name][1]} == {}


def test_light_that_falls_from_one_side_does_not_hide_the_digit(train_images: np.ndarray) -> None:
    slope = np.linspace(0, 90, 84)[None, :]
    for digit in some(train_images, 50):
        large = np.kron(digit, np.ones((3, 3), np.uint8))
        lit = np.clip(255 - slope - large * 0.5, 0, 255).astype(np.uint8)
        found = frame(lit)
        assert (found.dark_on_light, found.rejected) == (True, None)
        assert distance(found.pixels, frame(digit).pixels) < 0.05


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (2, 2), (28, 28), (3, 500), (1_000, 700)]
)
def test_an_even_picture_is_blank(level: int, shape: tuple[int, int]) -> None:
    grey = np.full(shape, level, np.uint8)
    found = frame(grey)
    assert found.rejected == "blank"
    assert_sound(found, grey)


@FEW
@given(
    seed=st.integers(0, 10_000),
    paper=st.integers(20, 235),
    strength=st.floats(0.5, 4),
    side=st.integers(20, 450),
)
def test_faint_noise_is_blank(seed: int, paper: int, strength: float, side: int) -> None:
    noise = np.random.default_rng(seed).normal(paper, strength, (side, side // 2 + 5))
    assert frame(np.clip(noise, 0, 255).astype(np.uint8)).rejected == "blank"


@FEW
@given(seed=st.integers(0, 10_000), height=st.integers(40, 500), width=st.integers(40, 500))
def test_noise_is_not_a_digit(seed: int, height: int, width: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assert frame(noise).rejected == "not a digit"


@pytest.mark.parametrize("shape", [(1, 5_000), (5_000, 1), (2, 300)])
def test_a_strip_of_noise_is_not_a_digit(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert frame(noise).rejected == "not a digit"


@pytest.mark.parametrize("spacing", [3, 5, 9])
def test_a_dotted_line_without_a_box_is_rejected(spacing: int) -> None:
    dots = np.full((50 * spacing, 50 * spacing), 255, np.uint8)
    at = np.arange(0, len(dots), spacing)
    dots[at, at] = dots[at + 1, at] = dots[at, at + 1] = 0
    assert_sound(frame(dots), dots)


SIZES = [
    (28, 28),
    (401, 399),
    (1_500, 2_000),
    (2_000, 1_500),
    (1_501, 1_999),
    (4_321, 1_234),
    (300, 4_000),
    (3_000, 70),
]


@pytest.mark.parametrize("shape", SIZES)
def test_the_box_encloses_the_ink_on_the_picture_as_it_was_given(shape: tuple[int, int]) -> None:
    height, width = shape
    grey = np.full(shape, 250, np.uint8)
    top, bottom, left, right = (
        int(0.3 * height),
        int(0.9 * height),
        int(0.6 * width),
        int(0.9 * width),
    )
    grey[top:bottom, left:right] = 10
    found = frame(grey)
    assert found.box is not None
    x, y, box_width, box_height = found.box
    assert_sound(found, grey)
    coarse = (
        int(np.ceil(max(shape) / preprocessing.MAX_SIDE_PX))
        if max(shape) > preprocessing.MAX_SIDE_PX
        else 0
    )
    assert (
        np.abs(np.subtract((x, y, x + box_width, y + box_height), (left, top, right, bottom))).max()
        <= coarse
    )


def test_specks_at_the_edge_are_left_out() -> None:
    grey = np.full((100, 100), 255, np.uint8)
    grey[30:80, 40:60] = 0
    grey[2, 2] = grey[97, 95] = 0
    assert frame(grey).box == (40, 30, 20, 50)


@FEW
@given(grey=arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=200)))
def test_any_picture_is_framed_or_rejected(grey: np.ndarray) -> None:
    found = frame(grey)
    assert_sound(found, grey)
    assert [step.shape for _, step in found.steps()] == [grey.shape] * 3 + [(28, 28)]


@FEW
@given(
    grey=arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=60),
        elements=st.sampled_from([0, 90, 255]),
    )
)
def test_any_picture_of_few_levels_is_framed_or_rejected(grey: np.ndarray) -> None:
    assert_sound(frame(grey), grey)


def test_each_step_has_a_name_and_a_picture(train_images: np.ndarray) -> None:
    grey = np.kron(255 - train_images[0], np.ones((20, 20), np.uint8))
    found = frame(grey)
    names, pictures = zip(*found.steps(), strict=True)
    assert names == (
        "dark ink on light paper",
        "ink",
        f"strokes: ink above {found.threshold:.2f}",
        "in its frame",
    )
    assert [picture.shape for picture in pictures] == [(400, 400)] * 3 + [(28, 28)]
    assert {picture.dtype for picture in pictures} == {np.dtype(np.uint8)}
    assert set(np.unique(pictures[2])) == {0, 255}
    assert frame(train_images[0]).steps()[0][0] == "light ink on dark paper"
    assert frame(np.zeros((9, 9), np.uint8)).steps()[-1][0] == "blank"
