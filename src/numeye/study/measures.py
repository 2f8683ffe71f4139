"""Measures with their intervals, and tests of differences (with scipy and statsmodels).

What the base install needs as well is in `numeye.evaluation.metrics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from numeye.evaluation import metrics

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

RESAMPLES = 2_000  # of a bootstrap over values
BINOMIAL_DRAWS = 10_000  # of a bootstrap over right and wrong answers


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval.

    Attributes:
        value: the number, in percent unless stated otherwise.
        low: lower end of the interval; nan if there is none.
        high: upper end of the interval; nan if there is none.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_seeds(cls, values: list[float]) -> Measure:
        """Return the mean over trainings with different seeds, with Student's t interval."""
        mean, half_width = metrics.mean_interval(values)
        return cls(mean, mean - half_width, mean + half_width)

    @classmethod
    def of_digits(cls, correct: Bool[np.ndarray, " n"]) -> Measure:
        """Return the share of correct answers in percent, with a bootstrap interval over digits.

        For a model whose training is not random.
        """
        return cls(float(correct.mean() * 100), *bootstrap_interval(correct))

    @classmethod
    def of_share(cls, correct: Bool[np.ndarray, " n"]) -> Measure:
        """Return the share of correct answers in percent, with Wilson's interval.

        The interval is also valid if all or none are correct.
        """
        interval = metrics.wilson_interval(int(correct.sum()), len(correct))
        return cls(float(correct.mean() * 100), *interval)

    @classmethod
    def of_values(cls, values: Float[np.ndarray, " n"]) -> Measure:
        """Return the mean of one value a digit, with a bootstrap interval over digits."""
        low, high = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        return cls(float(values.mean()), float(low), float(high))

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        if math.isfinite(self.low):
            return f"{self.value:.2f} ± {self.half_width:.2f}"
        return f"{self.value:.2f}"

    def to_json(self) -> dict[str, float | None]:
        """Return the numbers for JSON; an end that is not finite becomes None."""
        return {
            "value": self.value,
            "low": self.low if math.isfinite(self.low) else None,
            "high": self.high if math.isfinite(self.high) else None,
        }


def paired_difference(values: list[float], baseline: list[float]) -> Measure:
    """Return by how much `values` exceed `baseline`, paired by seed."""
    return Measure.of_seeds([a - b for a, b in zip(values, baseline, strict=True)])


def bootstrap_interval(correct: Bool[np.ndarray, " n"], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of an accuracy, in percent (Efron 1979).

    A resample of right and wrong answers holds as many right ones as a binomial draw, which is much
    faster than drawing pictures.
    """
    random = np.random.default_rng(seed)
    drawn = random.binomial(len(correct), correct.mean(), BINOMIAL_DRAWS) / len(correct) * 100
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def mcnemar(
    correct: Bool[np.ndarray, " n"], other_correct: Bool[np.ndarray, " n"]
) -> tuple[int, int, float]:
    """Compare two models on the same pictures with McNemar's exact test (McNemar 1947).

    Args:
        correct: which answers of the first model are right.
        other_correct: which answers of the second model are right.

    Returns:
        On how many pictures only the first model is right, on how many only the second, and the p
        value of the test that both are equally likely.
    """
    alone = int((correct & ~other_correct).sum())
    other_alone = int((other_correct & ~correct).sum())
    table = [[0, alone], [other_alone, 0]]  # the test does not use the diagonal
    return alone, other_alone, float(contingency_tables.mcnemar(table, exact=True).pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Return the p values of several tests after Holm's correction (Holm 1979)."""
    corrected: list[float] = multipletests(p_values, method="holm")[1].tolist()
    return corrected


def auroc(inside: Float[np.ndarray, " n"], outside: Float[np.ndarray, " m"]) -> float:
    """Return the area under the ROC curve of a score, by ranks (Mann and Whitney 1947).

    scikit-learn's `roc_auc_score` does not take infinite scores.

    Args:
        inside: scores that should be the higher ones.
        outside: scores that should be the lower ones.

    Returns:
        The share of pairs in which `inside` has the higher score; a tie counts half. It is 1 if all
        are higher, 0.5 if the score says nothing, and nan if a group is empty.
    """
    n, m = len(inside), len(outside)
    if not n or not m:
        return math.nan
    ranks = stats.rankdata(np.concatenate([inside, outside]).astype(np.float64))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))
