"""What a list of answers is worth: accuracy with its interval, confusion, calibration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int64

Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


def accuracy(correct: int, total: int) -> float:
    """Right answers in percent: correct / total * 100."""
    return correct / total * 100


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """95 % interval of an accuracy, in percent (Wilson 1927); sound also near 100 % and for few pictures."""
    share = correct / total
    spread = Z95 * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    middle, scale = share + Z95**2 / (2 * total), 1 + Z95**2 / total
    return max(0.0, (middle - spread) / scale) * 100, min(1.0, (middle + spread) / scale) * 100


# The 97.5 % points of Student's t for 1, 2, ... degrees of freedom: seeds are few.
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


def _student(freedom: int) -> float:
    """Exact for up to 9 degrees of freedom, then by the expansion of Cornish and Fisher, right to four digits."""
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    z = Z95
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def mean_interval(values: list[float]) -> tuple[float, float]:
    """Mean of some runs and half the width of its 95 % interval (Student's t); nan for one run."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, math.nan
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean, _student(len(values) - 1) * deviation / math.sqrt(len(values))


def bootstrap_interval(right: Bool[np.ndarray, " n"], seed: int = 0) -> tuple[float, float]:
    """95 % interval of an accuracy, in percent, by drawing the same pictures again 10,000 times (Efron 1979).

    Of right and wrong answers such a draw holds as many right ones as a binomial one.
    """
    drawn = np.random.default_rng(seed).binomial(len(right), right.mean(), 10_000) / len(right) * 100
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def mcnemar(right: Bool[np.ndarray, " n"], other: Bool[np.ndarray, " n"]) -> tuple[int, int, float]:
    """On the same pictures, who is right where the other is not: both counts, and the p value of the exact test.

    McNemar 1947: were both equally good, either would be right alone as often as a fair coin falls.
    """
    alone, other_alone = int((right & ~other).sum()), int((other & ~right).sum())
    fewer, n = min(alone, other_alone), alone + other_alone
    # The binomial's tail, in logarithms: the counts may go into thousands.
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(fewer + 1)]
    p = 2 * sum(math.exp(log - n * math.log(2)) for log in logs)
    return alone, other_alone, min(1.0, p)


def holm(ps: list[float]) -> list[float]:
    """The p values of several tests, corrected: at 0.05 any of them errs in one of twenty such studies (Holm 1979)."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = least
    return adjusted


def brier(probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> float:
    """Squared distance of probabilities from what is so, 0 (right and sure) to 2 (wrong and sure) (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def log_loss(probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> float:
    """Negative logarithm of the probability that was given to what is so, on average; 0 where it was always 1."""
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, 1e-12)).mean())


def confusion_matrix(labels: Int64[np.ndarray, " n"], answers: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "10 11"]:
    """How often each digit (row) got each answer (column); the last column counts those without one (-1)."""
    counts = np.zeros((10, 11), np.int64)
    np.add.at(counts, (labels, np.where(answers < 0, 10, answers)), 1)
    return counts


def calibration_error(confidences: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"], bins: int = 15) -> float:
    """Expected calibration error in percent: how far confidence and accuracy are apart, over equal bins.

    Guo et al. 2017, "On Calibration of Modern Neural Networks" (https://arxiv.org/abs/1706.04599).
    """
    if not len(confidences):
        return 0.0
    bin_of = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    surplus = np.bincount(bin_of, weights=confidences - right, minlength=bins)
    return float(np.abs(surplus).sum() / len(confidences) * 100)


def auroc(inside: Float[np.ndarray, " n"], outside: Float[np.ndarray, " m"]) -> float:
    """How well a score tells two groups apart: the area under the ROC curve, 0 to 1; nan where a group is empty.

    It is the share of all pairs in which `inside` scores higher, a tie being half a pair (Mann and Whitney 1947): 1
    where every score of `inside` is the higher one, 0.5 where the score says nothing.
    """
    n, m = len(inside), len(outside)
    if not n or not m:
        return math.nan
    _, level, counts = np.unique(np.concatenate([inside, outside]), return_inverse=True, return_counts=True)
    ranks = counts.cumsum() - (counts - 1) / 2  # of each level; equal scores share the mean of their ranks
    return float((ranks[level[:n]].sum() - n * (n + 1) / 2) / (n * m))


def softmax(logits: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n classes"]:
    """Probabilities from logits, row by row; each row sums to 1."""
    powers: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def fit_temperature(logits: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> float:
    """The temperature, 0.05 to 20, by which logits are divided so that these labels become most likely.

    Temperature scaling, Guo et al. 2017: the ranking of the answers stays, their confidence becomes honest.
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        top = scaled.max(axis=1)
        return float((top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[rows, labels]).mean())

    low, high = math.log(0.05), math.log(20.0)
    golden = (math.sqrt(5) - 1) / 2
    while high - low > 1e-4:  # the loss has one valley, so a golden-section search finds it
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return math.exp((low + high) / 2)
