"""Combines the scores of the detector and of the recognizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import ModelError
from numeye.models.card import Model
from numeye.models.characters import DIGITS
from numeye.models.probabilities import NO_DIGIT, sigmoid, softmax
from numeye.recognition.boxes import Detections

if TYPE_CHECKING:
    from jaxtyping import Float64

MAX_LOG_ODDS = 20.0
MIN_PROBABILITY = 1e-9  # products of probabilities are clipped to this and 1 minus this
MIN_JOINT = 1e-12  # smallest probability of one character

# Length of each list of weights on the card; 0 for a single number.
CARD_WEIGHTS = {"detector": 0, "recognizer": 0, "objectness": 3, "number": 2}


@dataclass(frozen=True, kw_only=True)
class ScoreFusion:
    """The weights that combine the scores of both networks.

    Attributes:
        detector: weight of the detector's logits of the ten digits.
        recognizer: weight of the recognizer's log probabilities of the ten digits.
        objectness: how the log-odds of "there is a digit" are made: a constant, the weight of the
            detector's log-odds and the weight of the recognizer's log-odds.
        number: how the log-odds of "the whole number is right" are made: a constant, and the weight
            of the log-odds of the product of its digits' probabilities.
    """

    detector: float = 1.0
    recognizer: float = 0.5
    objectness: tuple[float, float, float] = (0.0, 1.0, 0.0)
    number: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def from_card(cls, model: Model) -> ScoreFusion:
        """Return the weights that a detector's card states; the defaults where it states none.

        Raises:
            ModelError: the card states something else than such weights.
        """
        stored = model.card.get("fusion", {})
        if not isinstance(stored, dict) or not set(stored) <= set(CARD_WEIGHTS):
            raise ModelError(
                f"{model.name}: the card's fusion is {stored!r}; expected some of"
                f" {sorted(CARD_WEIGHTS)}"
            )
        weights: dict[str, Any] = {}
        for key, length in CARD_WEIGHTS.items():
            if key not in stored:
                continue
            value = stored[key]
            if not _is_finite(value, length):
                raise ModelError(
                    f"{model.name}: the card's fusion has {key} = {value!r}; expected finite"
                    " numbers"
                )
            weights[key] = tuple(value) if length else value
        return cls(**weights)

    def to_card(self) -> dict[str, Any]:
        """Return the weights under the keys of a card."""
        return {key: getattr(self, key) for key in CARD_WEIGHTS}

    def fuse(
        self, detections: Detections, class_logs: Float64[np.ndarray, "n 11"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n 28"]]:
        """Combine the scores of both networks for each detection.

        The detector tells digits from other characters, and which other character it is. Whether
        there is a digit, and which, both networks tell.

        Args:
            detections: n detections of the detector.
            class_logs: log probabilities of the ten digits and of "no digit", by the recognizer.

        Returns:
            The probabilities that there is a character, and those of `CHARACTERS` if there is one.
        """
        digit, which = self.fuse_digits(detections, class_logs)
        by_detector = softmax(detections.class_logits)  # (n, 28)
        share = by_detector[:, : len(DIGITS)].sum(axis=1)
        joint = by_detector * sigmoid(detections.objectness)[:, None]
        joint[:, : len(DIGITS)] = which * (share * digit)[:, None]
        joint = np.maximum(joint, MIN_JOINT)
        objectness = joint.sum(axis=1)
        return objectness, joint / objectness[:, None]

    def fuse_digits(
        self, detections: Detections, class_logs: Float64[np.ndarray, "n 11"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n 10"]]:
        """Combine the scores of detections that are no other character than a digit.

        Arguments are those of `fuse`.

        Returns:
            The probabilities that there is a digit, and those of the ten digits if there is one.
        """
        class_probabilities = softmax(
            self.detector * detections.class_logits[:, : len(DIGITS)]
            + self.recognizer * class_logs[:, :NO_DIGIT]
        )
        odds = digit_log_odds(class_logs)
        constant, detector_weight, recognizer_weight = self.objectness
        objectness = sigmoid(
            constant + detector_weight * detections.objectness + recognizer_weight * odds
        )
        return objectness, class_probabilities

    def number_confidence(self, product: float) -> float:
        """Return the probability that a number is right.

        Args:
            product: of the probabilities of its digits, 0 to 1.
        """
        product = min(max(product, MIN_PROBABILITY), 1 - MIN_PROBABILITY)
        constant, weight = self.number
        return float(sigmoid(np.array(constant + weight * (np.log(product) - np.log1p(-product)))))


def digit_log_odds(class_logs: Float64[np.ndarray, "n 11"]) -> Float64[np.ndarray, " n"]:
    """Return the log-odds of "there is a digit", at most `MAX_LOG_ODDS` either way.

    Args:
        class_logs: log probabilities of the ten digits and of "no digit".
    """
    no_digit = np.clip(class_logs[:, NO_DIGIT], -MAX_LOG_ODDS, -2e-9)
    odds: np.ndarray = np.log(-np.expm1(no_digit)) - no_digit
    return odds


def _is_finite(value: object, length: int) -> bool:
    """Tell whether a card's value is a finite number, or a list of so many of them."""
    if isinstance(value, list) != bool(length):
        return False
    numbers = value if isinstance(value, list) else [value]
    return len(numbers) == max(1, length) and all(
        isinstance(number, int | float) and np.isfinite(number) for number in numbers
    )
