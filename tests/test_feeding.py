"""What a network is fed with, step by step, and where on the picture that was."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from numeye import framing, image, weights, zoom
from numeye.errors import UsageError
from numeye.explain import Explainer
from numeye.feeding import LATER, Fed
from numeye.framing import STEPS, frame

FEW = settings(max_examples=60)
DIGITS = st.integers(0, 59_999)
SEVEN = Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg"
EXPLAINERS = {name: Explainer(weights.load(name)) for name in ("classic", "reader")}


def sheet(digit: np.ndarray, top: int, left: int, factor: int = 1, dark: bool = True, side: int = 200) -> np.ndarray:
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


def shown(grey: np.ndarray, window: tuple[float, float, float, float], side: int, paper: int) -> np.ndarray:
    """The window of a picture in so many pixels, paper beyond its edges; 0 to 1."""
    x, y, width, height = window
    around = 4 * max(grey.shape)
    large = np.pad(grey, around, constant_values=paper)
    box = (x + around, y + around, x + width + around, y + height + around)
    return np.asarray(Image.fromarray(large).resize((side, side), Image.Resampling.BILINEAR, box=box), np.float32) / 255


# --- MNIST's frame -----------------------------------------------------------------------------------------------


@FEW
@given(number=DIGITS, top=st.integers(0, 110), left=st.integers(0, 140), factor=st.integers(1, 3), dark=st.booleans())
def test_the_window_is_the_part_of_the_picture_that_the_pixels_show(
    number: int, top: int, left: int, factor: int, dark: bool, train_images: np.ndarray
) -> None:
    grey = sheet(train_images[number], top, left, factor, dark)
    found = frame(grey)
    assert found.window is not None
    again = shown(255 - grey if dark else grey, found.window, 28, paper=0)
    # Specks that were cut off are in the window as well; and a thin stroke is made whiter.
    assert float(np.abs(again / max(again.max(), 1e-6) - found.pixels).mean()) < 0.05
    x, y, width, height = found.window
    across, down = middle(found.pixels)
    on_picture = (x + across / 28 * width, y + down / 28 * height)
    inside = frame(grey, {"centre"}).pixels  # the same ink, so that specks do not count
    assert inside.sum() == pytest.approx(found.pixels.sum(), rel=1e-5)
    assert np.abs(np.subtract(on_picture, middle(255 - grey if dark else grey))).max() < 1.5 * max(1, width / 28)


@FEW
@given(number=DIGITS, factor=st.integers(15, 40))
def test_the_window_is_in_pixels_of_the_picture_as_it_was_given(
    number: int, factor: int, train_images: np.ndarray
) -> None:
    """It is shrunk before anything is looked for."""
    digit = train_images[number]
    small, large = frame(digit).window, frame(np.kron(digit, np.ones((factor, factor), np.uint8))).window
    assert small is not None
    assert large is not None
    assert np.abs(np.divide(large, factor) - small).max() <= 2.5


@FEW
@given(number=DIGITS, without=st.sets(st.sampled_from(sorted(STEPS))))
def test_nothing_left_out_is_as_before_and_all_else_is_sound(
    number: int, without: set[str], train_images: np.ndarray
) -> None:
    grey = sheet(train_images[number], 30, 40)
    found = frame(grey, without)
    assert found.pixels.shape == (28, 28)
    assert 0 <= found.pixels.min() <= found.pixels.max() <= 1
    assert (found.window is None) == (found.box is None)
    if not without:
        assert np.array_equal(found.pixels, frame(grey).pixels)
    if without.isdisjoint({"polarity", "light"}):
        assert found.dark_ink


def test_each_step_that_is_left_out_changes_what_it_does(train_images: np.ndarray) -> None:
    grey = sheet(train_images[0], 60, 70, 2)
    whole = frame(grey)
    slope = np.linspace(0, 80, grey.shape[1])[None]
    lit = np.clip(grey * 0.5 + 40 + slope, 0, 255).astype(np.uint8)
    assert np.ptp(np.median(frame(lit).grey, axis=0)) < 8 < 60 < np.ptp(np.median(frame(lit, {"light"}).grey, axis=0))
    assert np.array_equal(frame(lit, {"light"}).grey, lit)
    assert (whole.dark_ink, frame(grey, {"polarity"}).dark_ink) == (True, False)
    pale = (120 + grey * (60 / 255)).astype(np.uint8)
    assert np.median(frame(pale).ink) == 0
    assert np.array_equal(frame(pale, {"ink"}).ink, np.float32(1) - pale.astype(np.float32) / 255)
    squeezed, uncentred = frame(grey, {"size"}), frame(grey, {"centre"})
    assert squeezed.window is not None
    assert squeezed.window[2] > grey.shape[1]
    assert squeezed.pixels.sum() < whole.pixels.sum() / 4
    rows, columns = (np.flatnonzero(uncentred.pixels.any(axis=axis)) for axis in (1, 0))
    for edges in (rows, columns):
        assert abs((edges[0] + edges[-1]) / 2 - 13.5) <= 1
    assert any(np.array_equal(np.roll(uncentred.pixels, (y, x), (0, 1)), whole.pixels)
               for y in range(-4, 5) for x in range(-4, 5))  # fmt: skip


def test_its_steps_are_those_of_framing_each_with_its_own_picture(train_images: np.ndarray) -> None:
    grey = sheet(train_images[0], 60, 70, 2)
    fed = EXPLAINERS["classic"].fed_with(grey)
    pictures = {step.key: step.picture for step in fed.steps}
    assert list(pictures) == list(STEPS)
    assert all(step.done and not step.needed for step in fed.steps)
    found, fitted = frame(grey), frame(grey, {"centre"})
    assert np.array_equal(fed.pixels, found.pixels)
    assert fed.window == found.window
    assert np.array_equal(pictures["light"], found.grey)
    assert np.array_equal(pictures["polarity"], 255 - found.grey)
    for key, values in (("ink", found.ink), ("size", fitted.pixels), ("centre", found.pixels)):
        assert np.array_equal(pictures[key], np.rint(values * 255).astype(np.uint8)), key


@pytest.mark.parametrize("key", STEPS)
def test_a_step_that_is_left_out_is_told_and_hands_on_what_it_got(key: str, train_images: np.ndarray) -> None:
    grey = sheet(train_images[0], 60, 70, 2)
    fed = EXPLAINERS["classic"].fed_with(grey, [key])
    assert [step.key for step in fed.steps if not step.done] == [key]
    pictures = {step.key: step.picture for step in fed.steps}
    before = {"light": grey, "polarity": pictures["light"], "ink": pictures["polarity"], "centre": pictures["size"]}
    if key in before:
        assert np.array_equal(pictures[key], before[key])
    assert np.array_equal(fed.pixels, frame(grey, {key}).pixels)


# --- glances and looks -------------------------------------------------------------------------------------------


def looked(without: Collection[str] = (), top: int = 150, left: int = 20) -> Fed:
    """A small digit on a large sheet, which takes several glances."""
    seven = np.asarray(image.only_page(SEVEN).grey)
    small = np.asarray(Image.fromarray(seven).resize((28, 28), Image.Resampling.BOX))
    return EXPLAINERS["reader"].fed_with(sheet(255 - small, top, left, side=300), without)


def test_the_reader_is_fed_with_the_look_that_its_answer_comes_from() -> None:
    grey = image.only_page(SEVEN).grey
    explainer = EXPLAINERS["reader"]
    fed, sight = explainer.fed_with(grey), zoom.see([grey], explainer.network.look)[0]
    assert sight is not None
    assert np.array_equal(fed.pixels, sight.look.pixels)
    assert [step.key for step in fed.steps] == [view.name for view in sight.views if view.name in ("glance", *LATER)]
    assert [step.needed for step in fed.steps] == [True] + [False] * (len(fed.steps) - 1)
    window = sight.look.window
    assert fed.window == (window.x - window.side / 2, window.y - window.side / 2, window.side, window.side)


def test_without_looks_it_is_fed_with_the_last_glance_that_is_left() -> None:
    fed = looked()
    assert [step.key for step in fed.steps][:2] == ["glance", "nearer glance"]
    last = looked(["look", "second look"])
    assert [step.key for step in last.steps if step.done][-1] == "nearer glance"
    only = looked(LATER)
    assert [step.done for step in only.steps] == [True] + [False] * (len(only.steps) - 1)
    assert only.window == (0.0, -15.0, 330.0, 330.0)
    widths = [one.window[2] for one in (only, last, fed) if one.window is not None]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 330 > 2 * widths[1]
    for one in (only, last, fed):
        done = [step for step in one.steps if step.done]
        assert np.array_equal(done[-1].picture, np.rint(one.pixels * 255).astype(np.uint8))


@settings(max_examples=25)
@given(top=st.integers(0, 250), left=st.integers(0, 280))
def test_the_reader_is_shown_its_window_of_the_picture(top: int, left: int) -> None:
    seven = np.asarray(image.only_page(SEVEN).grey)
    small = np.asarray(Image.fromarray(seven).resize((40, 40), Image.Resampling.BOX))
    grey = sheet(255 - small, top, left, side=300)
    fed = EXPLAINERS["reader"].fed_with(grey)
    assert fed.window is not None
    assert float(np.abs(shown(grey, fed.window, 40, paper=255) - fed.pixels).mean()) < 0.02


# --- both --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "steps", "level"), [("classic", 5, 0.0), ("reader", 0, 200 / 255)])
def test_on_a_blank_page_there_is_nothing(name: str, steps: int, level: float) -> None:
    explainer = EXPLAINERS[name]
    fed = explainer.fed_with(np.full((50, 70), 200, np.uint8))
    assert (fed.rejected, fed.window, len(fed.steps)) == ("blank", None, steps)
    assert fed.pixels.shape == (explainer.anatomy.side,) * 2
    np.testing.assert_allclose(fed.pixels, level, atol=1e-6)
    found = explainer.explain(np.full((50, 70), 200, np.uint8), hidden=True, activation=True)
    assert found.rejected == "blank"


@pytest.mark.parametrize(
    ("name", "unknown"), [("classic", "look"), ("reader", "ink"), ("reader", "glance"), ("classic", "")]
)
def test_steps_that_there_are_not_or_that_are_needed_are_told(name: str, unknown: str) -> None:
    known = ", ".join(STEPS if name == "classic" else LATER)
    with pytest.raises(UsageError, match=f"{name}: no step '{unknown}' that can be left out; there are {known}"):
        EXPLAINERS[name].fed_with(np.full((9, 9), 255, np.uint8), [unknown])


def test_what_may_be_left_out_of_looks_is_what_zoom_takes() -> None:
    assert framing.SIZE != zoom.SIZE
    assert {view.key for view in looked().steps} <= {"glance", *LATER}
