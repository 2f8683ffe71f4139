from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.evaluation.metrics import wilson_interval
from numeye.study.measures import (
    Measure,
    auroc,
    bootstrap_interval,
    holm,
    mcnemar,
    paired_difference,
)
from numeye.study.sections import certainty

FEW = settings(max_examples=150)

AUROC = {
    "separated": ([0.9, 0.8], [0.1, 0.2, 0.3], 1.0),
    "the wrong way round": ([0.1], [0.2, 0.3], 0.0),
    "all the same": ([0.5, 0.5], [0.5, 0.5, 0.5], 0.5),
    "one pair of four the wrong way": ([0.8, 0.4], [0.6, 0.2], 0.75),
    "a tie is half a pair": ([0.8, 0.6], [0.6, 0.2], 0.875),
}


@pytest.mark.parametrize("case", AUROC)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_auroc_golden(case: str, dtype: type) -> None:
    inside, outside, area = AUROC[case]
    assert auroc(np.array(inside, dtype), np.array(outside, dtype)) == pytest.approx(area)


SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30).map(np.array)


@FEW
@given(inside=SCORES, outside=SCORES)
def test_auroc_is_the_share_of_pairs_in_the_right_order(
    inside: np.ndarray, outside: np.ndarray
) -> None:
    apart = inside[:, None] - outside[None]
    assert auroc(inside, outside) == pytest.approx(((apart > 0) + (apart == 0) / 2).mean())
    assert auroc(inside, outside) + auroc(outside, inside) == pytest.approx(1)
    assert auroc(np.exp(inside), np.exp(outside)) == auroc(inside, outside)


def test_auroc_of_an_empty_group_is_no_number() -> None:
    assert math.isnan(auroc(np.zeros(0), np.ones(3)))
    assert math.isnan(auroc(np.ones(3), np.zeros(0)))


def test_auroc_takes_infinite_scores() -> None:
    assert auroc(np.array([0.0, -np.inf]), np.array([-np.inf])) == 0.75


def right_answers(both: int, alone: int, other_alone: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which answers of two models are right, from counts."""
    counts = [both, alone, other_alone]
    return np.repeat([True, True, False], counts), np.repeat([True, False, True], counts)


# p values of the exact binomial test: twice the tail of a fair coin, at most 1.
MCNEMAR = [
    (0, 0, 1.0),
    (3, 3, 1.0),
    (1, 0, 1.0),
    (8, 2, 2 * (1 + 10 + 45) / 2**10),
    (0, 50, 2 / 2**50),
    (3_000, 2_000, 2 * sum(math.comb(5_000, k) for k in range(2_001)) / 2**5_000),
]


@pytest.mark.parametrize(("alone", "other_alone", "p"), MCNEMAR)
def test_mcnemar_is_the_exact_binomial_test(alone: int, other_alone: int, p: float) -> None:
    result = mcnemar(*right_answers(90, alone, other_alone))
    assert result == (alone, other_alone, pytest.approx(p, rel=1e-12))


def test_holm_corrects_the_smallest_most_and_keeps_the_order() -> None:
    # The example of Holm's method: 0.01, 0.04, 0.03, 0.005 of four tests.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-12)
    assert holm([0.9]) == [0.9]
    assert holm([0.01, 0.01, 0.03]) == pytest.approx([0.03, 0.03, 0.03], abs=1e-12)


@FEW
@given(st.integers(500, 5_000), st.floats(0.05, 0.95))
def test_the_bootstrap_agrees_with_wilson_where_there_are_many(total: int, share: float) -> None:
    right = np.arange(total) < share * total
    bootstrap, wilson = bootstrap_interval(right), wilson_interval(int(right.sum()), total)
    np.testing.assert_allclose(bootstrap, wilson, atol=45 / math.sqrt(total))


def test_the_bootstrap_of_values_is_that_of_percentiles() -> None:
    values = np.random.default_rng(7).normal(size=200)
    drawn = np.random.default_rng(0).integers(0, 200, (2_000, 200))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    measure = Measure.of_values(values)
    expected = (values.mean(), low, high)
    assert (measure.value, measure.low, measure.high) == pytest.approx(expected, abs=1e-12)


def test_a_measure_of_one_training_has_no_interval() -> None:
    measure = Measure.of_seeds([98.7])
    assert str(measure) == "98.70"
    assert measure.to_json() == {"value": 98.7, "low": None, "high": None}
    assert str(paired_difference([2.0, 4.0], [1.0, 2.0])) == "1.50 ± 6.35"


def test_scores_of_probabilities_are_those_of_the_formulas() -> None:
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.full(10, 0.05), size=200)
    labels = random.integers(0, 9, 200)  # no 9, so that a class without a label is covered
    scores = certainty.score(probabilities, labels)
    rows = np.arange(200)
    squares = (probabilities - np.eye(10)[labels]) ** 2
    log_loss = -np.log(np.maximum(probabilities[rows, labels], 1e-12)).mean()
    assert scores["brier"] == pytest.approx(squares.sum(axis=1).mean(), abs=1e-12)
    assert scores["nll"] == pytest.approx(log_loss, abs=1e-12)
