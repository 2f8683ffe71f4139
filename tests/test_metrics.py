from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.metrics import (
    accuracy,
    auroc,
    bootstrap_interval,
    brier,
    calibration_error,
    confusion_matrix,
    fit_temperature,
    holm,
    log_loss,
    mcnemar,
    mean_interval,
    softmax,
    wilson_interval,
)

FEW = settings(max_examples=150)
TOTALS = st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))

# The first four are of Newcombe 1998 (Statistics in Medicine 17), table I, method 3; the others follow by the formula.
WILSON = [
    (81, 263, 25.53, 36.62),
    (15, 148, 6.24, 16.05),
    (0, 20, 0.0, 16.11),
    (1, 29, 0.61, 17.18),
    (29, 29, 88.30, 100.0),
    (9_904, 10_000, 98.829, 99.213),
    (5, 10, 23.66, 76.34),
    (0, 1, 0.0, 79.35),
]


def test_accuracy_is_in_percent() -> None:
    assert (accuracy(9_904, 10_000), accuracy(0, 3), accuracy(3, 3)) == (9_904 / 10_000 * 100, 0.0, 100.0)


@pytest.mark.parametrize(("correct", "total", "low", "high"), WILSON)
def test_wilson_intervals_are_those_of_the_literature(correct: int, total: int, low: float, high: float) -> None:
    places = 0.0006 if total == 10_000 else 0.006
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=places)


@FEW
@given(counts=TOTALS)
def test_a_wilson_interval_contains_the_share_and_lies_within_0_and_100(counts: tuple[int, int]) -> None:
    low, high = wilson_interval(*counts)
    assert 0 <= low < high <= 100
    assert low - 1e-9 <= accuracy(*counts) <= high + 1e-9
    wrong_low, wrong_high = wilson_interval(counts[1] - counts[0], counts[1])
    assert (100 - wrong_high, 100 - wrong_low) == pytest.approx((low, high), abs=1e-9)


@FEW
@given(counts=TOTALS, times=st.integers(2, 50))
def test_a_wilson_interval_shrinks_with_more_pictures(counts: tuple[int, int], times: int) -> None:
    (low, high), (less_low, less_high) = wilson_interval(*counts), wilson_interval(counts[0] * times, counts[1] * times)
    assert less_high - less_low < high - low


@pytest.mark.parametrize(
    ("values", "mean", "half"),
    [
        ([1.0, 3.0], 2.0, 12.7062),
        ([98.0, 99.0, 100.0], 99.0, 2.4841),
        ([98.9, 98.9, 98.9], 98.9, 0.0),
        ([float(n) for n in range(10)], 4.5, 2.1658),
        ([float(n) for n in range(11)], 5.0, 2.2281),
        ([float(n) for n in range(31)], 15.0, 3.3352),
    ],
)
def test_the_mean_of_runs_has_students_interval(values: list[float], mean: float, half: float) -> None:
    assert mean_interval(values) == pytest.approx((mean, half), abs=2e-4)


def test_one_run_has_a_mean_and_no_interval() -> None:
    mean, half = mean_interval([98.7])
    assert mean == 98.7
    assert math.isnan(half)


def test_confusion_counts_each_answer_and_in_the_last_column_those_without() -> None:
    counts = confusion_matrix(np.array([0, 0, 3, 3, 9, 9]), np.array([0, 1, 3, 3, -1, 9]))
    assert (counts.shape, counts.dtype, counts.sum()) == ((10, 11), np.int64, 6)
    assert {(int(row), int(column)): int(counts[row, column]) for row, column in np.argwhere(counts)} == {
        (0, 0): 1,
        (0, 1): 1,
        (3, 3): 2,
        (9, 10): 1,
        (9, 9): 1,
    }
    assert not confusion_matrix(np.zeros(0, np.int64), np.zeros(0, np.int64)).any()


CALIBRATION = {
    "none": ([], [], 15, 0.0),
    "sure and right": ([1.0, 1.0], [True, True], 15, 0.0),
    "sure and wrong": ([1.0, 1.0], [False, False], 15, 100.0),
    "never sure and wrong": ([0.0], [False], 15, 0.0),
    "three of four at 0.9": ([0.9] * 4, [True, True, True, False], 15, 15.0),
    "two bins do not make up for each other": ([0.95, 0.95, 0.55, 0.55], [True, False, True, True], 15, 45.0),
    "in one bin they do": ([0.61, 0.65], [True, False], 15, 13.0),
    "one bin for all": ([0.95, 0.95, 0.55, 0.55], [True, False, True, True], 1, 0.0),
    "bins are weighed by their size": ([0.8, 0.8, 0.8, 0.3], [True, True, True, False], 10, 22.5),
}


@pytest.mark.parametrize("case", CALIBRATION)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calibration_error_is_what_one_computes_by_hand(case: str, dtype: type) -> None:
    confidences, right, bins, percent = CALIBRATION[case]
    error = calibration_error(np.array(confidences, dtype), np.array(right, bool), bins)
    assert error == pytest.approx(percent, abs=1e-4)


AUROC = {
    "told apart": ([0.9, 0.8], [0.1, 0.2, 0.3], 1.0),
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
def test_auroc_is_the_share_of_pairs_in_the_right_order(inside: np.ndarray, outside: np.ndarray) -> None:
    apart = inside[:, None] - outside[None]
    assert auroc(inside, outside) == pytest.approx(((apart > 0) + (apart == 0) / 2).mean())
    assert auroc(inside, outside) + auroc(outside, inside) == pytest.approx(1)
    assert auroc(np.exp(inside), np.exp(outside)) == auroc(inside, outside)


def test_auroc_of_an_empty_group_is_no_number() -> None:
    assert math.isnan(auroc(np.zeros(0), np.ones(3)))
    assert math.isnan(auroc(np.ones(3), np.zeros(0)))


@FEW
@given(rows=st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_softmax_gives_probabilities_in_the_order_of_the_logits(rows: list[list[float]]) -> None:
    logits = np.array(rows, np.float32)
    before = logits.copy()
    probabilities = softmax(logits)
    assert np.array_equal(logits, before)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert probabilities.min() >= 0
    assert (probabilities[np.arange(len(rows)), logits.argmax(axis=1)] == probabilities.max(axis=1)).all()


def test_softmax_golden() -> None:
    assert softmax(np.log([[1.0, 2.0, 5.0]])) == pytest.approx(np.array([[0.125, 0.25, 0.625]]))
    assert softmax(np.array([[1_000.0, 1_000.0]])).tolist() == [[0.5, 0.5]]


def drawn(logits: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """Labels as often as the logits at this temperature say."""
    edges = softmax(logits / temperature).cumsum(axis=1)
    return (rng.random((len(logits), 1)) > edges).sum(axis=1).clip(max=logits.shape[1] - 1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7, 4.0])
def test_a_known_temperature_is_found_again_and_makes_confidence_honest(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20_000, 10))
    labels = drawn(logits, temperature, rng)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.04)
    probabilities = softmax(logits / fit_temperature(logits, labels))
    assert calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels) < 1.5


@pytest.mark.parametrize(("right", "limit"), [(True, 0.05), (False, 20.0)])
def test_the_temperature_stays_within_its_limits(right: bool, limit: float) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, 10)).astype(np.float32)
    labels = logits.argmax(axis=1) if right else logits.argmin(axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(limit, rel=1e-3)


def test_mcnemar_counts_who_is_right_alone_and_tests_it_exactly() -> None:
    def pair(both: int, one: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat([True, True, False], [both, one, other]), np.repeat([True, False, True], [both, one, other])

    assert mcnemar(*pair(50, 0, 0)) == (0, 0, 1.0)
    assert mcnemar(*pair(7, 3, 3))[2] == 1.0
    assert mcnemar(*pair(90, 8, 2)) == (8, 2, pytest.approx(2 * (1 + 10 + 45) / 2**10))
    one, other, p = mcnemar(*pair(0, 3_000, 2_000))
    assert (one, other) == (3_000, 2_000)
    assert 0 <= p < 1e-40


def test_holm_corrects_the_smallest_most_and_keeps_the_order() -> None:
    # The example of Holm's method: 0.01, 0.04, 0.03, 0.005 of four tests.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9]) == [0.9]


@FEW
@given(st.integers(500, 5_000), st.floats(0.05, 0.95))
def test_the_bootstrap_agrees_with_wilson_where_there_are_many(total: int, share: float) -> None:
    right = np.arange(total) < share * total
    found, wilson = bootstrap_interval(right), wilson_interval(int(right.sum()), total)
    np.testing.assert_allclose(found, wilson, atol=45 / math.sqrt(total))


def test_brier_and_log_loss_at_their_ends() -> None:
    labels = np.array([0, 1])
    sure, unsure = np.eye(2), np.full((2, 2), 0.5)
    assert (brier(sure, labels), brier(sure[::-1], labels), brier(unsure, labels)) == (0, 2, 0.5)
    assert log_loss(sure, labels) == 0
    assert log_loss(unsure, labels) == pytest.approx(math.log(2))
