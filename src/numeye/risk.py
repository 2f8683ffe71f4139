"""A promise about errors: from a share of mistakes that is still fine to the confidence that must be asked for.

On pictures that the network never learned from, it was counted how many answers are at least so sure, and how many of
those are wrong (`Calibration`). `promise` picks the lowest of these confidences at which the share of wrong answers
among the accepted ones is, with 95 % certainty, no larger than asked. It steps down from the highest confidence and
stops at the first that fails: tried in such a fixed sequence, many thresholds cost no more certainty than one. This is
Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei 2021, https://arxiv.org/abs/2110.01052) with the exact
binomial bound of Clopper and Pearson (1934).

What it assumes: the pictures to be read are exchangeable with those of the calibration, that is, drawn from the same
source. On another kind of paper, pen or camera the promise is a hint, not a guarantee; and it is a statement about many
pictures, never about one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Float64

Point = tuple[float, int, int]  # threshold; answers at least so sure; how many of these are wrong


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was counted on pictures that the network never learned from.

    Attributes:
        data: which pictures these were, for people.
        n: how many.
        level: how certain a promise is to be, 0 to 1.
        curve: thresholds from high to low, each with the answers at least so sure and the wrong ones among them.
    """

    data: str
    n: int
    level: float
    curve: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Promise:
    """At most so many wrong among what is accepted.

    Attributes:
        max_error: the share of wrong answers that is not exceeded, 0 to 1.
        threshold: the least confidence that is accepted.
        coverage: share of the calibration pictures that were accepted, 0 to 1.
    """

    max_error: float
    threshold: float
    coverage: float

    def __str__(self) -> str:
        return (
            f"at most {_percent(self.max_error)} wrong among what is accepted: {self.coverage * 100:.1f} % of the "
            f"calibration pictures were (threshold {self.threshold:.4g})"
        )


def parse(text: str) -> float:
    """A share as people write it, `0.5%` or `0.005`, as a number between 0 and 1.

    Raises:
        UsageError: it is none.
    """
    bare = text.strip()
    try:
        value = float(bare.removesuffix("%")) / (100 if bare.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise UsageError(f"--max-error {text}: expected a share between 0 and 100 %, such as 0.5% or 0.005")
    return value


def promise(name: str, calibration: Calibration, max_error: float, *, lowest: float = 0.0, bearing: int = 0) -> Promise:
    """The lowest threshold at which at most `max_error` of the accepted answers are wrong.

    Args:
        name: of the model, for the message.
        calibration: what was counted for it.
        max_error: between 0 and 1.
        lowest: thresholds below it are not tried.
        bearing: mistakes that the first threshold tried could bear. With more, one mistake among the surest does not
            end the sequence where it has hardly begun; how many are accepted tells nothing of how many are wrong.

    Raises:
        UsageError: `max_error` is no such share, or the calibration cannot promise it; says what it can.
    """
    if not 0 < max_error < 1:
        raise UsageError(f"max_error {max_error}: expected a number between 0 and 1, such as 0.005")
    curve = [point for point in calibration.curve if point[0] >= lowest]
    held = list(_held(curve, max_error, calibration.level, bearing))
    if held:
        threshold, accepted, _ = held[-1]
        return Promise(max_error=max_error, threshold=threshold, coverage=accepted / calibration.n)
    least = _least(curve, max_error, calibration.level, bearing)
    can = "none at all" if least is None else f"{_percent(least, up=True)} at the least"
    raise UsageError(
        f"{name}: at most {_percent(max_error)} wrong is more than its calibration on {calibration.n:,} pictures can "
        f"promise; it can promise {can}"
    )


def upper_bound(wrong: int, accepted: int, level: float = 0.95) -> float:
    """The largest error rate that `wrong` of `accepted` still leave believable (Clopper and Pearson, one-sided).

    Args:
        wrong: how many were wrong.
        accepted: of how many.
        level: how certain it is that the true rate is no larger, 0 to 1.
    """
    if wrong >= accepted:
        return 1.0
    logs = _log_choose(accepted, wrong)
    low, high = wrong / accepted, 1.0
    for _ in range(60):  # the tail falls as the rate grows, so bisection finds where it is 1 - level
        rate = (low + high) / 2
        low, high = (rate, high) if _tail(logs, accepted, rate) > 1 - level else (low, rate)
    return high


def _held(curve: list[Point], max_error: float, level: float, bearing: int) -> Iterator[Point]:
    """The points from the start of the sequence down to the one before the first that fails."""
    for threshold, accepted, wrong in curve:
        # With too few accepted, even no mistake proves nothing. How many there are tells nothing of how many are
        # wrong, so the sequence may start where there are enough.
        if upper_bound(bearing, accepted, level) > max_error:
            continue
        if upper_bound(wrong, accepted, level) > max_error:
            return
        yield threshold, accepted, wrong


def _least(curve: list[Point], max_error: float, level: float, bearing: int) -> float | None:
    """The least share from `max_error` on that can be promised: that of a point at which the sequence may start."""
    found, before = [], math.inf
    for _, accepted, wrong in curve:
        starts = upper_bound(bearing, accepted, level)
        share = max(upper_bound(wrong, accepted, level), starts, max_error)
        if share < min(before, 1.0):  # from `before` on, the sequence starts at an earlier point
            found.append(share)
        before = starts
    return min(found, default=None)


def _log_choose(n: int, most: int) -> Float64[np.ndarray, " some"]:
    """Logarithms of the binomial coefficients of n over 0, 1, ... `most`."""
    return np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(most + 1)])


def _tail(logs: Float64[np.ndarray, " some"], n: int, rate: float) -> float:
    """How likely it is to see no more than these few mistakes among n."""
    k = np.arange(len(logs))
    return float(np.exp(logs + k * math.log(rate) + (n - k) * math.log1p(-rate)).sum())


def _percent(share: float, *, up: bool = False) -> str:
    """A share as people write it: three digits, rounded up where less would be too little."""
    value = share * 100
    if up:
        step = 10.0 ** (math.floor(math.log10(value)) - 2)
        value = math.ceil(value * (1 + 1e-9) / step) * step  # never less than what was found
    return f"{value:.3g} %"
