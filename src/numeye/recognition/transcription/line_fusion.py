"""Combines the probabilities of a number's strings by both ways of reading it.

Detector and recognizer read it character by character, the network for transcription as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from numeye.errors import ModelError
from numeye.models.card import Model
from numeye.models.probabilities import sigmoid, softmax

if TYPE_CHECKING:
    from jaxtyping import Float64

MAX_LOG_ODDS = 20.0
NUMBER_WEIGHTS = 4


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a number may be.

    Attributes:
        texts: n different strings of `CHARACTERS`.
        log_parts: log probability of each by detector and recognizer.
        log_lines: log probability of each by the network for transcription.
    """

    texts: tuple[str, ...]
    log_parts: Float64[np.ndarray, " n"]
    log_lines: Float64[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class LineFusion:
    """The weights of the fusion, as the card of a network for transcription states them.

    Attributes:
        weight: of a string's log probability by the network, beside that by detector and
            recognizer; 0 or more.
        below: numbers that are less confident are read again as a whole, 0 to 1.
        inserted: log probability of a character that the detector did not find, below 0.
        number: how the log-odds of "the whole number is right" are made: a constant, and the
            weights of the log-odds of the best string among the candidates, of its log probability
            by detector and recognizer, and of that by the network.
    """

    weight: float = 0.5
    below: float = 0.95
    inserted: float = -4.0
    number: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)

    @classmethod
    def from_card(cls, model: Model) -> LineFusion:
        """Return the weights that a card states; the defaults where it states none.

        Raises:
            ModelError: the card states something else than such weights.
        """
        stored = model.card.get("fusion", {})
        names = [field.name for field in fields(cls)]
        is_valid = isinstance(stored, dict) and set(stored) <= set(names)
        if is_valid and all(_is_valid(name, value) for name, value in stored.items()):
            number = stored.get("number")
            return cls(**stored | ({} if number is None else {"number": tuple(number)}))
        raise ModelError(
            f"{model.name}: the card's fusion is {str(stored)[:80]}; expected some of"
            f" {', '.join(names)}, as numeye train writes them"
        )

    def to_card(self) -> dict[str, Any]:
        """Return the weights under the keys of a card."""
        return {**vars(self), "number": list(self.number)}

    def shares(self, candidates: Candidates) -> Float64[np.ndarray, " n"]:
        """Return the probability of each candidate if the number is one of them; they sum to 1."""
        scores = candidates.log_parts
        if self.weight:
            scores = scores + self.weight * candidates.log_lines
        # Where all are impossible, none is better than the others.
        scores = np.maximum(scores, np.finfo(np.float64).min / 2)
        shares: np.ndarray = softmax(scores[None])[0]
        return shares

    def confidence(self, candidates: Candidates, best: int) -> float:
        """Return the probability that the whole number is right, 0 to 1.

        Args:
            candidates: what it may be.
            best: index of the best one.
        """
        evidence = np.array(self.features(candidates, best))
        return float(sigmoid(np.array(np.dot(self.number, evidence))))

    def features(self, candidates: Candidates, best: int) -> list[float]:
        """Return what the confidence of the best candidate follows from; see `number`."""
        share = float(self.shares(candidates)[best])
        rest = float(np.delete(self.shares(candidates), best).sum())
        odds = math.log(max(share, 1e-12)) - math.log(max(rest, 1e-12))
        return [
            1.0,
            min(max(odds, -MAX_LOG_ODDS), MAX_LOG_ODDS),
            max(float(candidates.log_parts[best]), -MAX_LOG_ODDS),
            max(float(candidates.log_lines[best]), -MAX_LOG_ODDS),
        ]


def _is_valid(name: str, value: object) -> bool:
    """Tell whether a card's weight is possible."""
    if name == "number":
        return (
            isinstance(value, list)
            and len(value) == NUMBER_WEIGHTS
            and all(_is_finite(weight) for weight in value)
        )
    least, most = {"weight": (0, math.inf), "below": (0, 1), "inserted": (-math.inf, 0)}[name]
    return _is_finite(value) and least <= value <= most


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
