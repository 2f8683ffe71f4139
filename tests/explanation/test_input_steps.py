"""The steps from a picture to the input of a network, and where on the picture it lies."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from numeye.errors import UsageError
from numeye.explanation.explainer import Explainer
from numeye.explanation.input_steps import OPTIONAL_STEPS, NetworkInput
from numeye.io import images
from numeye.models import registry
from numeye.recognition import crops, localizer, preprocessing
from numeye.recognition.preprocessing import STEPS, frame

FEW = settings(max_examples=60)
NUMBERS = st.integers(0, 59_999)
SEVEN = Path(__file__).parents[2] / "examples" / "digits" / "7-turned.jpg"
EXPLAINERS = {name: Explainer(registry.load(name)) for name in ("classic", "recognizer")}


def sheet(
    digit: np.ndarray, top: int, left: int, factor: int = 1, dark: bool = True, side: int = 200
) -> np.ndarray:
    """A digit somewhere on paper."""
    large = np.kron(digit, np.ones((factor, factor), np.uint8))
    grey = np.zeros((side, side + 30), np.uint8)
    grey[top : top + len(large), left : left + len(large)] = large[: side - top, : side + 30 - left]
    return 255 - grey if dark else grey


def middle(ink: np.ndarray) -> tuple[float, float]:
    """Its centre of mass, across and down."""
    ink = ink.astype(np.float64)
    down, across = (np.arange(side) + 0.5 for side in ink.shape)
    return float(ink.sum(axis=0) @ across / ink.sum()), float(ink.sum(axis=1) @ down / ink.sum())


def cut_out(
    grey: np.ndarray, crop: tuple[float, float, float, float], side: int, paper: int
) -> np.ndarray:
    """A crop of a picture in so many pixels, paper beyond its edges; 0 to 1."""
    x, y, width, height = crop
    around = 4 * max(grey.shape)
    large = np.pad(grey, around, constant_values=paper)
    box = (x + around, y + around, x + width + around, y + height + around)
    return (
        np.asarray(
            Image.fromarray(large).resize((side, side), Image.Resampling.BILINEAR, box=box),
            np.float32,
        )
        / 255
    )


# --- MNIST's frame


@FEW
@given(
    number=NUMBERS,
    top=st.integers(0, 110),
    left=st.integers(0, 140),
    factor=st.integers(1, 3),
    dark=st.booleans(),
)
def test_the_crop_is_the_part_of_the_picture_that_the_pixels_show(
    number: int, top: int, left: int, factor: int, dark: bool, train_images: np.ndarray
) -> None:
    grey = sheet(train_images[number], top, left, factor, dark)
    framing = frame(grey)
    assert framing.crop is not None
    again = cut_out(255 - grey if dark else grey, framing.crop, 28, paper=0)
    # Specks that were cut off are in the crop as well; and a thin stroke is made whiter.
    assert float(np.abs(again / max(again.max(), 1e-6) - framing.pixels).mean()) < 0.05
    x, y, width, height = framing.crop
    across, down = middle(framing.pixels)
    on_picture = (x + across / 28 * width, y + down / 28 * height)
    inside = frame(grey, {"centre"}).pixels  # the same ink, so that specks do not count
    assert inside.sum() == pytest.approx(framing.pixels.sum(), rel=1e-5)
    assert np.abs(np.subtract(on_picture, middle(255 - grey if dark else grey))).max() < 1.5 * max(
        1, width / 28
    )


@FEW
@given(number=NUMBERS, factor=st.integers(15, 40))
def test_the_crop_is_in_pixels_of_the_original_picture(
    number: int, factor: int, train_images: np.ndarray
) -> None:
    """The picture is shrunk before its digit is localized."""
    digit = train_images[number]
    small, large = (
        frame(digit).crop,
        frame(np.kron(digit, np.ones((factor, factor), np.uint8))).crop,
    )
    assert small is not None
    assert large is not None
    assert np.abs(np.divide(large, factor) - small).max() <= 3


@FEW
@given(number=NUMBERS, without=st.sets(st.sampled_from(sorted(STEPS))))
def test_nothing_left_out_is_as_before_and_all_else_is_sound(
    number: int, without: set[str], train_images: np.ndarray
) -> None:
    grey = sheet(train_images[number], 30, 40)
    framing = frame(grey, without)
    assert framing.pixels.shape == (28, 28)
    assert 0 <= framing.pixels.min() <= framing.pixels.max() <= 1
    assert (framing.crop is None) == (framing.box is None)
    if not without:
        assert np.array_equal(framing.pixels, frame(grey).pixels)
    if without.isdisjoint({"polarity", "light"}):
        assert framing.dark_on_light


def test_each_step_that_is_left_out_changes_what_it_does(train_images: np.ndarray) -> None:
    grey = sheet(train_images[0], 60, 70, 2)
    complete = frame(grey)
    slope = np.linspace(0, 80, grey.shape[1])[None]
    lit = np.clip(grey * 0.5 + 40 + slope, 0, 255).astype(np.uint8)
    assert (
        np.ptp(np.median(frame(lit).grey, axis=0))
        < 8
        < 60
        < np.ptp(np.median(frame(lit, {"light"}).grey, axis=0))
    )
    assert np.array_equal(frame(lit, {"light"}).grey, lit)
    assert (complete.dark_on_light, frame(grey, {"polarity"}).dark_on_light) == (True, False)
    pale = (120 + grey * (60 / 255)).astype(np.uint8)
    assert np.median(frame(pale).foreground) == 0
    assert np.array_equal(
        frame(pale, {"ink"}).foreground, np.float32(1) - pale.astype(np.float32) / 255
    )
    squeezed, uncentred = frame(grey, {"size"}), frame(grey, {"centre"})
    assert squeezed.crop is not None
    assert squeezed.crop[2] > grey.shape[1]
    assert squeezed.pixels.sum() < complete.pixels.sum() / 4
    rows, columns = (np.flatnonzero(uncentred.pixels.any(axis=axis)) for axis in (1, 0))
    for edges in (rows, columns):
        assert abs((edges[0] + edges[-1]) / 2 - 13.5) <= 1
    shifts = [(y, x) for y in range(-4, 5) for x in range(-4, 5)]
    shifted = [np.roll(uncentred.pixels, shift, (0, 1)) for shift in shifts]
    assert any(np.array_equal(pixels, complete.pixels) for pixels in shifted)


def test_its_steps_are_those_of_framing_each_with_its_own_picture(train_images: np.ndarray) -> None:
    grey = sheet(train_images[0], 60, 70, 2)
    network_input = EXPLAINERS["classic"].prepare_input(grey)
    pictures = {step.key: step.picture for step in network_input.steps}
    assert list(pictures) == list(STEPS)
    assert all(step.applied and not step.required for step in network_input.steps)
    framing, fitted = frame(grey), frame(grey, {"centre"})
    assert np.array_equal(network_input.pixels, framing.pixels)
    assert network_input.crop_box == framing.crop
    assert np.array_equal(pictures["light"], framing.grey)
    assert np.array_equal(pictures["polarity"], 255 - framing.grey)
    for key, values in (
        ("ink", framing.foreground),
        ("size", fitted.pixels),
        ("centre", framing.pixels),
    ):
        assert np.array_equal(pictures[key], np.rint(values * 255).astype(np.uint8)), key


@pytest.mark.parametrize("key", STEPS)
def test_a_step_that_is_left_out_is_marked_and_changes_nothing(
    key: str, train_images: np.ndarray
) -> None:
    grey = sheet(train_images[0], 60, 70, 2)
    network_input = EXPLAINERS["classic"].prepare_input(grey, [key])
    assert [step.key for step in network_input.steps if not step.applied] == [key]
    pictures = {step.key: step.picture for step in network_input.steps}
    before = {
        "light": grey,
        "polarity": pictures["light"],
        "ink": pictures["polarity"],
        "centre": pictures["size"],
    }
    if key in before:
        assert np.array_equal(pictures[key], before[key])
    assert np.array_equal(network_input.pixels, frame(grey, {key}).pixels)


# --- context and crops


def prepare_small_digit(
    without: Collection[str] = (), top: int = 150, left: int = 20
) -> NetworkInput:
    """A small digit on a large sheet, which takes several crops."""
    seven = np.asarray(images.only_page(SEVEN).grey)
    small = np.asarray(Image.fromarray(seven).resize((28, 28), Image.Resampling.BOX))
    return EXPLAINERS["recognizer"].prepare_input(sheet(255 - small, top, left, side=300), without)


def test_the_input_is_the_crop_that_the_answer_comes_from() -> None:
    grey = images.only_page(SEVEN).grey
    explainer = EXPLAINERS["recognizer"]
    network_input, localization = (
        explainer.prepare_input(grey),
        localizer.localize([grey], explainer.network.localize)[0],
    )
    assert localization is not None
    assert np.array_equal(network_input.pixels, localization.answer_crop.pixels)
    assert [step.key for step in network_input.steps] == [
        crop.name for crop in localization.crops if crop.name in ("context", *OPTIONAL_STEPS)
    ]
    assert [step.required for step in network_input.steps] == [True] + [False] * (
        len(network_input.steps) - 1
    )
    square = localization.answer_crop.square
    assert network_input.crop_box == (
        square.x - square.side / 2,
        square.y - square.side / 2,
        square.side,
        square.side,
    )


def test_without_crops_the_input_is_the_last_context_that_is_left() -> None:
    network_input = prepare_small_digit()
    assert [step.key for step in network_input.steps][:2] == ["context", "closer context"]
    last = prepare_small_digit(["crop", "second crop"])
    assert [step.key for step in last.steps if step.applied][-1] == "closer context"
    only = prepare_small_digit(OPTIONAL_STEPS)
    assert [step.applied for step in only.steps] == [True] + [False] * (len(only.steps) - 1)
    assert only.crop_box == (0.0, -15.0, 330.0, 330.0)
    widths = [
        prepared.crop_box[2]
        for prepared in (only, last, network_input)
        if prepared.crop_box is not None
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 330 > 2 * widths[1]
    for prepared in (only, last, network_input):
        applied = [step for step in prepared.steps if step.applied]
        assert np.array_equal(applied[-1].picture, np.rint(prepared.pixels * 255).astype(np.uint8))


@settings(max_examples=25)
@given(top=st.integers(0, 250), left=st.integers(0, 280))
def test_the_pixels_are_those_of_the_crop_box(top: int, left: int) -> None:
    seven = np.asarray(images.only_page(SEVEN).grey)
    small = np.asarray(Image.fromarray(seven).resize((40, 40), Image.Resampling.BOX))
    grey = sheet(255 - small, top, left, side=300)
    network_input = EXPLAINERS["recognizer"].prepare_input(grey)
    assert network_input.crop_box is not None
    assert (
        float(
            np.abs(
                cut_out(grey, network_input.crop_box, 40, paper=255) - network_input.pixels
            ).mean()
        )
        < 0.02
    )


# --- both


@pytest.mark.parametrize(
    ("name", "steps", "level"), [("classic", 5, 0.0), ("recognizer", 0, 200 / 255)]
)
def test_on_a_blank_page_there_is_nothing(name: str, steps: int, level: float) -> None:
    explainer = EXPLAINERS[name]
    network_input = explainer.prepare_input(np.full((50, 70), 200, np.uint8))
    assert (network_input.rejected, network_input.crop_box, len(network_input.steps)) == (
        "blank",
        None,
        steps,
    )
    assert network_input.pixels.shape == (explainer.inspector.side,) * 2
    np.testing.assert_allclose(network_input.pixels, level, atol=1e-6)
    framing = explainer.explain(
        np.full((50, 70), 200, np.uint8), occlusion_map=True, ablation_cam=True
    )
    assert framing.rejected == "blank"


@pytest.mark.parametrize(
    ("name", "unknown"),
    [("classic", "crop"), ("recognizer", "ink"), ("recognizer", "context"), ("classic", "")],
)
def test_unknown_and_required_steps_are_errors(name: str, unknown: str) -> None:
    known = ", ".join(STEPS if name == "classic" else OPTIONAL_STEPS)
    with pytest.raises(
        UsageError, match=f"{name}: no step '{unknown}' that can be left out; there are {known}"
    ):
        EXPLAINERS[name].prepare_input(np.full((9, 9), 255, np.uint8), [unknown])


def test_the_optional_steps_are_those_of_the_localizer() -> None:
    assert preprocessing.FRAME_PX != crops.CROP_PX
    assert {crop.key for crop in prepare_small_digit().steps} <= {"context", *OPTIONAL_STEPS}
