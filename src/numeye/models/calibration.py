"""Calibration: from a network's raw outputs to probabilities that are right as often as they say.

Two things are fitted, each on pictures that the network has not learned from:

- Which digit it is: the logits of the ten digits are divided by a temperature (Guo et al. 2017,
  https://arxiv.org/abs/1706.04599).
- Whether there is a digit: the log-odds of "no digit" are scaled and shifted (Platt 1999). Then
  they are corrected for the share of pictures without a digit (Saerens, Latinne and Decaestecker
  2002, https://doi.org/10.1162/089976602753284446). One in four pictures of the fit has no digit,
  so that there are enough examples to fit. Pictures that people want to read have a digit much
  more often. Without the correction, unusual digits would get a confidence that is much too low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.probabilities import NO_DIGIT, log_odds, sigmoid, softmax

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 100.0


@dataclass(frozen=True, kw_only=True)
class NoDigitScaling:
    """How log-odds of "no digit" become probabilities.

    Attributes:
        constant: added to the log-odds.
        weight: factor of the network's log-odds, above 0, so that the order of pictures stays.
        fitted: share of the pictures without a digit among those of the fit, between 0 and 1.
        share: the assumed share among the pictures that are read, between 0 and 1.
    """

    constant: float
    weight: float
    fitted: float
    share: float

    def probabilities(self, odds: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return probabilities of no digit from the network's log-odds of it."""
        return sigmoid(self.constant + self.weight * odds + self._shift)

    def to_read_share(self, probability: float) -> float:
        """Convert a probability of no digit from the share of the fit to the share when reading.

        Args:
            probability: what it would be if the share without a digit were `fitted`, 0 to 1.
        """
        if probability in (0.0, 1.0):
            return probability
        odds = math.log(probability) - math.log1p(-probability) + self._shift
        return 1 / (1 + math.exp(-odds))

    @property
    def _shift(self) -> float:
        return math.log(self.share / (1 - self.share)) - math.log(self.fitted / (1 - self.fitted))


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How outputs of a network become probabilities.

    Attributes:
        temperature: divides the logits of the ten digits, 0.01 to 100.
        no_digit: the scaling of "no digit". If it is None, the temperature divides all logits.
    """

    temperature: float = 1.0
    no_digit: NoDigitScaling | None = None

    def probabilities(
        self, logits: Float[np.ndarray, "n classes"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return probabilities of the classes; each row sums to 1.

        Args:
            logits: of the ten digits, and of "no digit" if there are eleven classes; or logarithms
                of probabilities.
        """
        logits = logits.astype(np.float64)
        if self.no_digit is None or logits.shape[1] <= NO_DIGIT:
            return softmax(logits / self.temperature)
        no_digit = self.no_digit.probabilities(log_odds(logits))[:, None]  # (n, 1)
        return np.append((1 - no_digit) * self.digits(logits), no_digit, axis=1)

    def digits(self, logits: Float[np.ndarray, "n classes"]) -> Float64[np.ndarray, "n 10"]:
        """Return probabilities of the ten digits if there is a digit; each row sums to 1."""
        return softmax(logits[:, :NO_DIGIT].astype(np.float64) / self.temperature)

    def at_fitted_share(self) -> Scaling:
        """Return the scaling for pictures of which as many lack a digit as those of the fit."""
        if self.no_digit is None:
            return self
        return replace(self, no_digit=replace(self.no_digit, share=self.no_digit.fitted))
