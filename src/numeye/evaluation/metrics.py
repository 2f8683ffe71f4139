"""Metrics of answers: accuracy with its interval, confusion and calibration.

Written by hand, because the base install has numpy only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int64


Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


def accuracy(correct: int, total: int) -> float:
    """Return the correct answers in percent: correct / total * 100."""
    return correct / total * 100


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy, in percent (Wilson 1927).

    It also holds near 100 % and for few pictures.
    """
    share = correct / total
    spread = Z95 * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    middle, scale = share + Z95**2 / (2 * total), 1 + Z95**2 / total
    return max(0.0, (middle - spread) / scale) * 100, min(1.0, (middle + spread) / scale) * 100


# The 97.5 % points of Student's t for 1, 2, ... degrees of freedom
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


def _student_t95(freedom: int) -> float:
    """Return the 97.5 % point of Student's t for so many degrees of freedom, to four digits.

    From a table up to 9, then by the expansion of Cornish and Fisher.
    """
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    z = Z95
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def mean_interval(values: list[float]) -> tuple[float, float]:
    """Return the mean of some runs and half the width of its 95 % interval (Student's t).

    The half width is nan for one run.
    """
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, math.nan
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean, _student_t95(len(values) - 1) * deviation / math.sqrt(len(values))


def confusion_matrix(
    labels: Int64[np.ndarray, " n"], answers: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, "10 11"]:
    """Count how often each digit (row) got each answer (column; the last for none, -1)."""
    counts = np.zeros((10, 11), np.int64)
    np.add.at(counts, (labels, np.where(answers < 0, 10, answers)), 1)
    return counts


def calibration_error(
    confidences: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int = 15
) -> float:
    """Return the expected calibration error in percent.

    It is the mean gap between confidence and accuracy, over bins of equal width (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599).
    """
    if not len(confidences):
        return 0.0
    bin_of = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    surplus = np.bincount(bin_of, weights=confidences - correct, minlength=bins)
    return float(np.abs(surplus).sum() / len(confidences) * 100)


def max_calibration_error(
    confidences: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int = 15
) -> float:
    """Return the maximum calibration error in percent.

    It is the largest gap between confidence and accuracy, over bins with the same number of
    answers, so that each bin has enough of them (Nixon et al. 2019,
    https://arxiv.org/abs/1904.01685). The expected error hides a few answers of low confidence
    among many of high confidence; this one does not.
    """
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return max(
        (abs(float((confidences[part] - correct[part]).mean())) * 100 for part in parts),
        default=0.0,
    )


def reliability(
    confidences: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int = 10
) -> list[dict[str, float | int | None]]:
    """Return confidence and accuracy in bins of equal width, lowest confidence first.

    Returns:
        For each bin: its bounds `low` and `high`, the number of answers `n`, their mean
        `confidence` and their `accuracy`. All but `n` in percent; the last two are None for an
        empty bin.
    """
    bin_of = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    rows: list[dict[str, float | int | None]] = []
    for number in range(bins):
        inside = bin_of == number
        n = int(inside.sum())
        row: dict[str, float | int | None] = {
            "low": 100 * number / bins,
            "high": 100 * (number + 1) / bins,
            "n": n,
        }
        row["confidence"] = float(confidences[inside].mean() * 100) if n else None
        row["accuracy"] = accuracy(int(correct[inside].sum()), n) if n else None
        rows.append(row)
    return rows


def calibration(
    confidences: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"]
) -> dict[str, Any]:
    """Return how well confidence and accuracy agree, as in `numeye evaluate --json`.

    The keys are `ece`, `mce` and `reliability`.
    """
    return {
        "ece": calibration_error(confidences, correct),
        "mce": max_calibration_error(confidences, correct),
        "reliability": reliability(confidences, correct),
    }


def calibration_lines(figures: dict[str, Any], indent: int) -> list[str]:
    """Return lines of text for the figures of `calibration`.

    Args:
        figures: what `calibration` returned, or a larger dictionary with its keys.
        indent: width of the first column, in characters.
    """
    head = (
        f"{'calibration':<{indent}}{figures['ece']:.2f} % expected calibration error,"
        f" {figures['mce']:.2f} % maximum"
    )
    rows = [
        f"{'':<{indent}}{row['low']:>3.0f} to {row['high']:>3.0f} % sure: {row['confidence']:6.2f}"
        f" % on the mean, {row['accuracy']:6.2f} % right (n {row['n']:,})"
        for row in figures["reliability"]
        if row["n"]
    ]
    return [head, *rows]


def fit_temperature(
    logits: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]
) -> float:
    """Return the temperature, 0.05 to 20, that makes the labels most likely.

    Logits divided by this temperature give calibrated probabilities; the best answers stay the
    same (temperature scaling, Guo et al. 2017).
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        top = scaled.max(axis=1)
        return float(
            (top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[rows, labels]).mean()
        )

    low, high = math.log(0.05), math.log(20.0)
    golden = (math.sqrt(5) - 1) / 2
    while high - low > 1e-4:  # the loss has one valley, so a golden-section search finds it
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return math.exp((low + high) / 2)
