"""The training digits with the highest activation of a unit."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import DataError, ModelError
from numeye.explanation.activations import NetworkInspector
from numeye.explanation.explainer import Explainer
from numeye.explanation.onnx_graph import Layer
from numeye.io import mnist
from numeye.recognition import crops

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, UInt8

DIGIT_COUNT = 1_000  # training digits that the network reads
TOP_COUNT = 9  # digits that are kept for each unit
BATCH_SIZE = 50
MAX_BATCH_VALUES = 4_000_000  # in the largest layer; else batches are smaller
CACHED_LAYERS = 32


@dataclass(frozen=True, kw_only=True)
class TopActivation:
    """A digit with a high activation of a unit.

    Attributes:
        digit: (28, 28) as in MNIST, light on dark.
        label: the digit on it.
        value: the highest activation of the unit.
        position: row and column of this activation in the unit's map; empty without a map.
    """

    digit: UInt8[np.ndarray, "28 28"]
    label: int
    value: float
    position: tuple[int, ...]


class TopActivations:
    """The digits with the highest activations of each unit of a network.

    Those of a layer are computed when one of its units is first needed; safe for several threads.
    """

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._lock = threading.Lock()
        self._of_layer = lru_cache(CACHED_LAYERS)(self._find_top)

    def of_unit(self, layer: Layer, unit: int) -> list[TopActivation]:
        """Return the digits with the highest activation of a unit, highest first.

        Raises:
            DataError: MNIST is not in the cache; it is not downloaded here.
            ModelError: an activation is not finite.
        """
        digits, labels = load_training_digits()
        with self._lock:
            top, values, places = self._of_layer(layer)
        return [
            TopActivation(
                digit=digits[number],
                label=int(labels[number]),
                value=float(values[unit, rank]),
                position=_position(int(places[unit, rank]), layer.shape[1:]),
            )
            for rank, number in enumerate(top[unit].tolist())
        ]

    def _find_top(
        self, layer: Layer
    ) -> tuple[
        Int64[np.ndarray, "units top"],
        Float32[np.ndarray, "units top"],
        Int64[np.ndarray, "units top"],
    ]:
        """Return for each unit the digits, their highest activations, and where these are."""
        highest, places = [], []
        digits, _ = load_training_digits()
        for activations in compute_in_batches(self._explainer.inspector, layer, digits):
            flat = activations.reshape(*activations.shape[:2], -1)  # (n, units, places)
            places.append(flat.argmax(axis=2))
            highest.append(flat.max(axis=2))
        values, positions = np.concatenate(highest).T, np.concatenate(places).T  # (units, digits)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self._explainer.model.name}: what {layer.name} makes of digits is not finite"
            )
        top = np.argsort(-values, axis=1, kind="stable")[:, :TOP_COUNT]
        return (
            top,
            np.take_along_axis(values, top, axis=1),
            np.take_along_axis(positions, top, axis=1),
        )


def compute_in_batches(
    inspector: NetworkInspector, layer: Layer, digits: UInt8[np.ndarray, "n 28 28"]
) -> Iterator[Float32[np.ndarray, "batch units ..."]]:
    """Yield the activations of a layer for digits, in batches that need little memory."""
    head, inputs = inspector.build_head(layer), _to_inputs(digits, inspector.side)
    largest = max(math.prod(layer.shape) for layer in inspector.layers)
    size = min(BATCH_SIZE, max(1, MAX_BATCH_VALUES // largest))
    for start in range(0, len(inputs), size):
        yield head(inputs[start : start + size])


@lru_cache(1)
def load_training_digits() -> tuple[UInt8[np.ndarray, "n 28 28"], Int64[np.ndarray, " n"]]:
    """Return the first of MNIST's training digits and their labels.

    Raises:
        DataError: they are not in the cache.
    """
    if any(state != "ok" for name, state in mnist.status().items() if name.startswith("train")):
        raise DataError("MNIST's training digits are not in the cache; numeye data fetches them")
    images, labels = mnist.load("train")
    # Copied, because a view would keep all 60,000 in memory.
    return images[:DIGIT_COUNT].copy(), labels[:DIGIT_COUNT].astype(np.int64)


def _position(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(index) for index in np.unravel_index(place, shape)) if shape else ()


def _to_inputs(
    digits: UInt8[np.ndarray, "n 28 28"], side: int
) -> Float32[np.ndarray, "n side side"]:
    """Return digits as inputs of a network: as they are, or as the crop that contains them."""
    if side == digits.shape[1]:
        return digits.astype(np.float32) / 255
    return np.stack(
        [crops.cut(digit, crops.Square.covering(*digit.shape), side) for digit in digits]
    )
