"""How the answers of two networks become one: that which finds digits on a page, and that which looks at each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import ModelError
from numeye.locate import Spots
from numeye.metrics import softmax
from numeye.weights import Model

if TYPE_CHECKING:
    from jaxtyping import Float64

NO_DIGIT = 10  # its place among the answers of a look


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """How the answers of both networks become one.

    Attributes:
        spotter: weight of the spotter's logits of the ten digits.
        reader: weight of the logarithms of the ten digits' probabilities in the look.
        there: of the log-odds that there is a digit: a constant, the weight of the spotter's and that of the look's.
        number: of the log-odds that a number is right: a constant, and the weight of what its digits say together.
    """

    spotter: float = 1.0
    reader: float = 0.5
    there: tuple[float, float, float] = (0.0, 1.0, 0.0)
    number: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def of(cls, model: Model) -> Weighing:
        """What a spotter's card says; the usual one where it says nothing.

        Raises:
            ModelError: what it says is none.
        """
        stated = model.card.get("weighing", {})
        sizes = {"spotter": 0, "reader": 0, "there": 3, "number": 2}
        known = {field.name for field in fields(cls)}
        if not isinstance(stated, dict) or not set(stated) <= known:
            raise ModelError(f"{model.name}: the card's weighing is {stated!r}; expected some of {sorted(known)}")
        for name, value in stated.items():
            numbers = np.array(value if isinstance(value, list) else [value], dtype=object)
            plain = all(isinstance(one, int | float) and np.isfinite(one) for one in numbers)
            if not plain or len(numbers) != max(1, sizes[name]) or isinstance(value, list) != bool(sizes[name]):
                raise ModelError(f"{model.name}: the card's weighing has {name} = {value!r}; expected finite numbers")
        told: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stated.items()}
        return cls(**told)

    def weigh(self, spots: Spots, looks: Float64[np.ndarray, "n 11"]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities that there is a digit (n,), and of the ten digits, if there is one (n, 10).

        Args:
            spots: what the spotter said.
            looks: logarithms of the probabilities of the ten digits and of none, in the looks.
        """
        which = softmax(self.spotter * spots.which + self.reader * looks[:, :NO_DIGIT])
        odds = log_odds_of_a_digit(looks)
        constant, of_spotter, of_look = self.there
        return sigmoid(constant + of_spotter * spots.there + of_look * odds), which

    def number_right(self, likely: float) -> float:
        """The probability that a number is right, from the product of its digits'."""
        likely = min(max(likely, 1e-9), 1 - 1e-9)
        constant, weight = self.number
        return float(sigmoid(np.array(constant + weight * (np.log(likely) - np.log1p(-likely)))))


def log_odds_of_a_digit(looks: Float64[np.ndarray, "n 11"]) -> Float64[np.ndarray, " n"]:
    """That there is one against that there is none, from logarithms of probabilities; held within 20."""
    none = np.clip(looks[:, NO_DIGIT], -20, -2e-9)
    odds: np.ndarray = np.log(-np.expm1(none)) - none
    return odds


def sigmoid(logits: Float64[np.ndarray, ...]) -> Float64[np.ndarray, ...]:
    """Probabilities from log-odds."""
    probabilities: np.ndarray = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities
