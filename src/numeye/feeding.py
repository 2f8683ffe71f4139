"""What a network is fed with: the way of a picture to its pixels, step by step, each of which can be left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye import framing, zoom
from numeye.errors import UsageError
from numeye.eyes import Network
from numeye.results import BLANK
from numeye.weights import Model

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8


# Of `numeye.zoom`, as far as the answer is made from them; which of them a picture needs hangs on the picture.
# The first glance cannot be left out: there would be nothing to look at.
LATER = ("nearer glance", "look", "second look")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step on the way.

    Attributes:
        key: by which it is left out.
        about: what it does, for people.
        picture: what came of it, 0 black to 255 white.
        done: False where it was left out.
        needed: True where it cannot be left out.
    """

    key: str
    about: str
    picture: UInt8[np.ndarray, "_ _"]
    done: bool = True
    needed: bool = False


@dataclass(frozen=True, kw_only=True)
class Fed:
    """What the network receives.

    Attributes:
        pixels: (side, side) 0 to 1; empty where nothing was found: black, or the mean grey.
        steps: how they came to be.
        window: x, y, width, height of what they show, in pixels of the picture; None where nothing was found.
        rejected: why there is no digit, or None.
    """

    pixels: Float32[np.ndarray, "side side"]
    steps: tuple[Step, ...]
    window: tuple[float, float, float, float] | None
    rejected: str | None


def feed(grey: UInt8[np.ndarray, "height width"], network: Network, model: Model, without: Collection[str] = ()) -> Fed:
    """The way of a picture to what a network receives.

    Args:
        grey: (height, width) uint8, of any size and polarity.
        network: that is to receive it.
        model: its card.
        without: steps to leave out, by their keys.

    Raises:
        UsageError: it is a network that finds digits on pages, or there is no such step to leave out.
    """
    kind = model.framing or network.framing
    if kind == "pages":
        raise UsageError(
            f"{model.name}: finds digits on pages; expected a model that reads one, such as reader or classic"
        )
    known = tuple(framing.STEPS) if kind == "mnist" else LATER
    if unknown := sorted(set(without).difference(known)):
        raise UsageError(f"{model.name}: no step {unknown[0]!r} that can be left out; there are {', '.join(known)}")
    return _framed(grey, without) if kind == "mnist" else _looked_at(grey, network, without)


def _framed(grey: np.ndarray, without: Collection[str]) -> Fed:
    """MNIST's frame. Of each step its effect is shown on what came out of those before it."""
    found = framing.frame(grey, without)
    fitted = found if "centre" in without else framing.frame(grey, {*without, "centre"})
    pictures = {
        "light": found.grey,
        "polarity": 255 - found.grey if found.dark_ink else found.grey,
        "ink": _levels(found.ink),
        "size": _levels(fitted.pixels),
        "centre": _levels(found.pixels),
    }
    steps = [
        Step(key=key, about=about, picture=pictures[key], done=key not in without)
        for key, about in framing.STEPS.items()
    ]
    return Fed(pixels=found.pixels, steps=tuple(steps), window=found.window, rejected=found.rejected)


def _looked_at(grey: np.ndarray, network: Network, without: Collection[str]) -> Fed:
    """Glances and looks. The network receives the look that the answer is made from, or the last that is left."""
    sight = zoom.see([grey], network.look)[0]
    if sight is None:
        blank = np.full((zoom.SIZE, zoom.SIZE), grey.mean() / 255, np.float32)
        return Fed(pixels=blank, steps=(), window=None, rejected=BLANK)
    views = sight.views[: sight.views.index(sight.look) + 1]
    left = [view for number, view in enumerate(views) if number == 0 or view.name not in without]
    steps = [
        Step(
            key=view.name,
            about=f"{view.name}: a window of {view.window.side:.0f} pixels",
            picture=_levels(view.pixels),
            done=view in left,
            needed=number == 0,
        )
        for number, view in enumerate(views)
    ]
    x, y, side = left[-1].window.x, left[-1].window.y, left[-1].window.side
    window = (x - side / 2, y - side / 2, side, side)
    return Fed(pixels=left[-1].pixels, steps=tuple(steps), window=window, rejected=None)


def _levels(values: np.ndarray) -> np.ndarray:
    levels: np.ndarray = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return levels
