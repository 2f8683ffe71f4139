"""What excites a unit most: training digits, of which it says the most somewhere."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from numeye import mnist, zoom
from numeye.anatomy import Anatomy
from numeye.errors import DataError, ModelError
from numeye.explain import Explainer
from numeye.layers import Layer

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, UInt8

DIGITS = 1_000  # training digits that are shown to it
BEST = 9  # of them are kept for each unit
AT_ONCE = 50
NUMBERS = 4_000_000  # or fewer at once: so many of the largest layer
KEPT = 32  # layers whose digits are remembered


@dataclass(frozen=True, kw_only=True)
class Exciting:
    """A digit that a unit answers strongly to.

    Attributes:
        digit: (28, 28) as MNIST has it, light on dark.
        label: what it is.
        value: the unit's strongest answer.
        at: its row and column in the unit's map; empty for a unit without places.
    """

    digit: UInt8[np.ndarray, "28 28"]
    label: int
    value: float
    at: tuple[int, ...]


class Excitement:
    """What excites the units of one network; each layer is shown the digits once, when it is asked for first."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._one = threading.Lock()
        self._of_layer = lru_cache(KEPT)(self._strongest)

    def of(self, layer: Layer, unit: int) -> list[Exciting]:
        """The digits that excite a unit most, the strongest first.

        Raises:
            DataError: MNIST is not in the cache; nothing is fetched for this.
            ModelError: what the layer makes of some digit is not finite.
        """
        digits, labels = training_digits()
        with self._one:
            which, values, places = self._of_layer(layer)
        return [
            Exciting(
                digit=digits[number],
                label=int(labels[number]),
                value=float(values[unit, rank]),
                at=_place(int(places[unit, rank]), layer.shape[1:]),
            )
            for rank, number in enumerate(which[unit].tolist())
        ]

    def _strongest(
        self, layer: Layer
    ) -> tuple[Int64[np.ndarray, "units best"], Float32[np.ndarray, "units best"], Int64[np.ndarray, "units best"]]:
        """Of each unit: which digits, how much it says of them, and where."""
        values, places = [], []
        for made in shown(self._explainer.anatomy, layer, training_digits()[0]):
            flat = made.reshape(*made.shape[:2], -1)  # (n, units, places)
            places.append(flat.argmax(axis=2))
            values.append(flat.max(axis=2))
        every, where = np.concatenate(values).T, np.concatenate(places).T  # (units, digits)
        if not np.isfinite(every).all():
            raise ModelError(f"{self._explainer.model.name}: what {layer.name} makes of digits is not finite")
        which = np.argsort(-every, axis=1, kind="stable")[:, :BEST]
        return which, np.take_along_axis(every, which, axis=1), np.take_along_axis(where, which, axis=1)


def shown(
    anatomy: Anatomy, layer: Layer, digits: UInt8[np.ndarray, "n 28 28"]
) -> Iterator[Float32[np.ndarray, "_ units ..."]]:
    """What a layer makes of digits, a few at a time: as many as memory bears."""
    network, pixels = anatomy.upto(layer), _as_fed(digits, anatomy.side)
    largest = max(math.prod(one.shape) for one in anatomy.layers)
    few = min(AT_ONCE, max(1, NUMBERS // largest))
    for start in range(0, len(pixels), few):
        yield network(pixels[start : start + few])


@lru_cache(1)
def training_digits() -> tuple[UInt8[np.ndarray, "n 28 28"], Int64[np.ndarray, " n"]]:
    """The first of MNIST's training digits, with their labels.

    Raises:
        DataError: they are not in the cache.
    """
    if any(state != "ok" for name, state in mnist.status().items() if name.startswith("train")):
        raise DataError("MNIST's training digits are not in the cache; numeye data fetches them")
    images, labels = mnist.load("train")
    return images[:DIGITS].copy(), labels[:DIGITS].astype(np.int64)  # not a view, which would keep all 60,000


def _place(number: int, sides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(one) for one in np.unravel_index(number, sides)) if sides else ()


def _as_fed(digits: UInt8[np.ndarray, "n 28 28"], side: int) -> Float32[np.ndarray, "n side side"]:
    """MNIST's frame is what the small networks are fed with, and just as large as the look of the others."""
    if side == digits.shape[1]:
        return digits.astype(np.float32) / 255
    return np.stack([zoom.cut(digit, zoom.Window.whole(*digit.shape), side) for digit in digits])
