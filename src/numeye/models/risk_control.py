"""Risk control: from the highest error rate that is acceptable to a threshold of confidence.

The card of a model counts, on pictures that the network has not learned from, how many answers are
accepted at each threshold and how many of them are wrong (`Calibration`). `find_risk_threshold`
picks the lowest threshold at which the share of wrong answers among the accepted ones is at most
the requested one, with 95 % certainty. It tries thresholds in a fixed sequence, from a start
downwards, and stops at the first one that fails. In such a sequence many thresholds cost no more
certainty than one. This is Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei 2021,
https://arxiv.org/abs/2110.01052) with the exact binomial bound of Clopper and Pearson (1934).

The sequence is the same for every error rate. A threshold that holds for one rate also holds for
every higher rate, so a higher rate never rejects more. The sequence ends at the threshold that the
model has without an error rate.

The assumption: the pictures to read are exchangeable with those of the calibration, that is, drawn
from the same source. On another kind of paper, pen or camera the rate is a hint, not a guarantee.
It is a statement about many pictures, never about a single one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Float64

# Threshold, answers with at least this confidence, wrong ones among them.
CurvePoint = tuple[float, int, int]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Counts of accepted and wrong answers on pictures that the network has not learned from.

    Attributes:
        data: which pictures these were, for people.
        n: how many pictures.
        level: certainty of the error rate, 0 to 1.
        curve: points with thresholds from high to low.
        start: the first threshold that is tried, 0 to 1; it was chosen on other pictures. If it is
            None, it is the first one that accepts half as many answers as the last one. How many
            answers are accepted does not depend on how many are wrong, so this choice costs no
            certainty.
    """

    data: str
    n: int
    level: float
    curve: tuple[CurvePoint, ...]
    start: float | None = None

    def sequence(self, lowest: float) -> list[CurvePoint]:
        """Return the points in the order in which they are tried, down to threshold `lowest`."""
        points = [point for point in self.curve if point[0] >= lowest]
        if self.start is not None:
            return [point for point in points if point[0] <= self.start]
        return [point for point in points if 2 * point[1] >= points[-1][1]]


@dataclass(frozen=True, kw_only=True)
class RiskThreshold:
    """A threshold of confidence that keeps an error rate.

    Attributes:
        max_error: the highest share of wrong answers among the accepted ones, 0 to 1.
        threshold: the lowest confidence that is accepted, 0 to 1.
        coverage: share of the calibration pictures that it accepts, 0 to 1.
    """

    max_error: float
    threshold: float
    coverage: float

    def __str__(self) -> str:
        return (
            f"at most {_format_percent(self.max_error)} of the accepted answers are wrong; the"
            f" threshold {self.threshold:.4g} accepted {self.coverage * 100:.1f} % of the"
            " calibration pictures"
        )


def parse_share(text: str) -> float:
    """Return a share such as `0.5%` or `0.005` as a number between 0 and 1.

    Raises:
        UsageError: the text is not a share.
    """
    number = text.strip()
    try:
        value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise UsageError(
            f"--max-error {text}: expected a share between 0 and 100 %, such as 0.5% or 0.005"
        )
    return value


def find_risk_threshold(
    name: str, calibration: Calibration, max_error: float, *, lowest: float = 0.0
) -> RiskThreshold:
    """Find the lowest threshold at which at most `max_error` of the accepted answers are wrong.

    Args:
        name: of the model, for the message.
        calibration: the counts of this model.
        max_error: between 0 and 1.
        lowest: the threshold without an error rate, 0 to 1; lower ones are not tried.

    Raises:
        UsageError: `max_error` is not between 0 and 1, or the counts cannot guarantee it. The
            message says what they can.
    """
    if not 0 < max_error < 1:
        raise UsageError(f"max_error {max_error}: expected a number between 0 and 1, such as 0.005")
    sequence = calibration.sequence(lowest)
    accepted_point: CurvePoint | None = None
    for point in sequence:
        if not _keeps_error_rate(point, max_error, calibration.level):
            break
        accepted_point = point
    if accepted_point is None:
        raise UsageError(_impossible_message(name, calibration, max_error, sequence))
    threshold, accepted, _ = accepted_point
    return RiskThreshold(
        max_error=max_error, threshold=threshold, coverage=accepted / calibration.n
    )


def upper_bound(wrong: int, accepted: int, level: float = 0.95) -> float:
    """Return the largest error rate that is still plausible (Clopper and Pearson, one-sided).

    Args:
        wrong: number of wrong answers.
        accepted: number of answers.
        level: certainty that the true rate is not larger, 0 to 1.
    """
    if wrong >= accepted:
        return 1.0
    logs = _log_binomials(accepted, wrong)
    low, high = wrong / accepted, 1.0
    # The tail falls as the rate grows, so bisection finds where it is 1 - level.
    for _ in range(60):
        rate = (low + high) / 2
        low, high = (rate, high) if _lower_tail(logs, accepted, rate) > 1 - level else (low, rate)
    return high


def _keeps_error_rate(point: CurvePoint, max_error: float, level: float) -> bool:
    """Return whether `upper_bound` is at most `max_error`, 60 times as fast."""
    _, accepted, wrong = point
    if wrong >= accepted:
        return False
    return _lower_tail(_log_binomials(accepted, wrong), accepted, max_error) <= 1 - level


def _impossible_message(
    name: str, calibration: Calibration, max_error: float, sequence: list[CurvePoint]
) -> str:
    """Return the message for an error rate that is too low for the calibration."""
    # The sequence begins at the same point for every rate: its bound is the lowest possible rate.
    least = upper_bound(sequence[0][2], sequence[0][1], calibration.level) if sequence else 1.0
    hint = (
        "no error rate is possible with this model"
        if least >= 1
        else f"the lowest possible error rate is {_format_percent(least, round_up=True)}"
    )
    return (
        f"{name}: its calibration on {calibration.n:,} pictures cannot guarantee an error rate of"
        f" at most {_format_percent(max_error)}; {hint}"
    )


def _log_binomials(n: int, most: int) -> Float64[np.ndarray, " some"]:
    """Return logarithms of the binomial coefficients of n over 0, 1, ... `most`."""
    return np.array(
        [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(most + 1)]
    )


def _lower_tail(logs: Float64[np.ndarray, " some"], n: int, rate: float) -> float:
    """Return the probability of at most `len(logs) - 1` wrong answers among n, 0 to 1."""
    k = np.arange(len(logs))
    return float(np.exp(logs + k * math.log(rate) + (n - k) * math.log1p(-rate)).sum())


def _format_percent(share: float, *, round_up: bool = False) -> str:
    """Return a share as percent with three digits; rounded up if a lower one would be wrong."""
    value = share * 100
    if round_up:
        step = 10.0 ** (math.floor(math.log10(value)) - 2)
        value = math.ceil(value * (1 + 1e-9) / step) * step
    return f"{value:.3g} %"
