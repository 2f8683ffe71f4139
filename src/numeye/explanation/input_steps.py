"""The steps that turn a picture into the input of a network; most of them can be left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import UsageError
from numeye.models.card import Model
from numeye.models.runtime import Network
from numeye.models.task import CLASSIFICATION, TASKS, reads_one_digit
from numeye.recognition import crops, localizer, preprocessing
from numeye.results import BLANK

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8


# Steps of `numeye.recognition.localizer` that can be left out, if a picture needs them at all. The
# first one, the context, is always necessary.
OPTIONAL_STEPS = ("closer context", "crop", "second crop")


@dataclass(frozen=True, kw_only=True)
class InputStep:
    """One step from the picture to the input of the network.

    Attributes:
        key: name by which the step is left out.
        description: what the step does, for people.
        picture: the picture after this step, 0 black to 255 white.
        applied: False if the step was left out.
        required: True if the step cannot be left out.
    """

    key: str
    description: str
    picture: UInt8[np.ndarray, "_ _"]
    applied: bool = True
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """The input of a network, and how it was made.

    Attributes:
        pixels: (side, side) 0 to 1; all black or all the mean grey if no digit was found.
        steps: the steps from the picture to these pixels.
        crop_box: x, y, width and height of the part of the picture that the pixels show, in pixels
            of the picture; None if no digit was found.
        rejected: why there is no digit, or None.
    """

    pixels: Float32[np.ndarray, "side side"]
    steps: tuple[InputStep, ...]
    crop_box: tuple[float, float, float, float] | None
    rejected: str | None


def prepare_input(
    grey: UInt8[np.ndarray, "height width"],
    network: Network,
    model: Model,
    without: Collection[str] = (),
) -> NetworkInput:
    """Turn a picture into the input of a network.

    Args:
        grey: (height, width) uint8, of any size and polarity.
        network: the network.
        model: its model, for the task.
        without: keys of the steps to leave out.

    Raises:
        UsageError: the network is for numbers on pages, or a step is unknown or required.
    """
    task = model.task or network.task
    if not reads_one_digit(task):
        raise UsageError(
            f"{model.name}: {TASKS[task].purpose}; expected a model that reads one, such as "
            "recognizer or classic"
        )
    is_framed = task == CLASSIFICATION.name
    known = tuple(preprocessing.STEPS) if is_framed else OPTIONAL_STEPS
    if unknown := sorted(set(without).difference(known)):
        raise UsageError(
            f"{model.name}: no step {unknown[0]!r} that can be left out; there are"
            f" {', '.join(known)}"
        )
    if is_framed:
        return _frame_input(grey, without)
    return _localize_input(grey, network, without)


def _frame_input(grey: np.ndarray, without: Collection[str]) -> NetworkInput:
    """Apply the framing of MNIST, with the picture after each step."""
    framing = preprocessing.frame(grey, without)
    uncentred = framing if "centre" in without else preprocessing.frame(grey, {*without, "centre"})
    pictures = {
        "light": framing.grey,
        "polarity": 255 - framing.grey if framing.dark_on_light else framing.grey,
        "ink": _to_grey(framing.foreground),
        "size": _to_grey(uncentred.pixels),
        "centre": _to_grey(framing.pixels),
    }
    steps = [
        InputStep(
            key=key, description=description, picture=pictures[key], applied=key not in without
        )
        for key, description in preprocessing.STEPS.items()
    ]
    return NetworkInput(
        pixels=framing.pixels,
        steps=tuple(steps),
        crop_box=framing.crop,
        rejected=framing.rejected,
    )


def _localize_input(grey: np.ndarray, network: Network, without: Collection[str]) -> NetworkInput:
    """Localize the digit, and return the crop for the answer, or the last that is not left out."""
    localization = localizer.localize([grey], network.localize)[0]
    if localization is None:
        blank = np.full((crops.CROP_PX, crops.CROP_PX), grey.mean() / 255, np.float32)
        return NetworkInput(pixels=blank, steps=(), crop_box=None, rejected=BLANK)
    taken = localization.crops[: localization.crops.index(localization.answer_crop) + 1]
    kept = [crop for number, crop in enumerate(taken) if number == 0 or crop.name not in without]
    steps = [
        InputStep(
            key=crop.name,
            description=f"{crop.name}: a square of {crop.square.side:.0f} pixels",
            picture=_to_grey(crop.pixels),
            applied=crop in kept,
            required=number == 0,
        )
        for number, crop in enumerate(taken)
    ]
    square = kept[-1].square  # x and y are its centre
    side = square.side
    return NetworkInput(
        pixels=kept[-1].pixels,
        steps=tuple(steps),
        crop_box=(square.x - side / 2, square.y - side / 2, side, side),
        rejected=None,
    )


def _to_grey(values: np.ndarray) -> UInt8[np.ndarray, "_ _"]:
    grey: np.ndarray = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return grey
