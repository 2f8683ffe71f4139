from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.evaluation.metrics import (
    accuracy,
    calibration,
    calibration_error,
    calibration_lines,
    confusion_matrix,
    fit_temperature,
    max_calibration_error,
    mean_interval,
    reliability,
    wilson_interval,
)
from numeye.models.probabilities import softmax

FEW = settings(max_examples=150)
TOTALS = st.integers(1, 100_000).flatmap(
    lambda total: st.tuples(st.integers(0, total), st.just(total))
)

# The first four are of Newcombe 1998 (Statistics in Medicine 17), table I, method 3; the others
# follow by the formula.
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
    assert (accuracy(9_904, 10_000), accuracy(0, 3), accuracy(3, 3)) == (
        9_904 / 10_000 * 100,
        0.0,
        100.0,
    )


@pytest.mark.parametrize(("correct", "total", "low", "high"), WILSON)
def test_wilson_intervals_are_those_of_the_literature(
    correct: int, total: int, low: float, high: float
) -> None:
    places = 0.0006 if total == 10_000 else 0.006
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=places)


@FEW
@given(counts=TOTALS)
def test_a_wilson_interval_contains_the_share_and_lies_within_0_and_100(
    counts: tuple[int, int],
) -> None:
    low, high = wilson_interval(*counts)
    assert 0 <= low < high <= 100
    assert low - 1e-9 <= accuracy(*counts) <= high + 1e-9
    wrong_low, wrong_high = wilson_interval(counts[1] - counts[0], counts[1])
    assert (100 - wrong_high, 100 - wrong_low) == pytest.approx((low, high), abs=1e-9)


@FEW
@given(counts=TOTALS, times=st.integers(2, 50))
def test_a_wilson_interval_shrinks_with_more_pictures(counts: tuple[int, int], times: int) -> None:
    (low, high), (less_low, less_high) = (
        wilson_interval(*counts),
        wilson_interval(counts[0] * times, counts[1] * times),
    )
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
def test_the_mean_of_runs_has_students_interval(
    values: list[float], mean: float, half: float
) -> None:
    assert mean_interval(values) == pytest.approx((mean, half), abs=2e-4)


def test_one_run_has_a_mean_and_no_interval() -> None:
    mean, half = mean_interval([98.7])
    assert mean == 98.7
    assert math.isnan(half)


def test_confusion_counts_each_answer_and_in_the_last_column_those_without() -> None:
    counts = confusion_matrix(np.array([0, 0, 3, 3, 9, 9]), np.array([0, 1, 3, 3, -1, 9]))
    assert (counts.shape, counts.dtype, counts.sum()) == ((10, 11), np.int64, 6)
    assert {
        (int(row), int(column)): int(counts[row, column]) for row, column in np.argwhere(counts)
    } == {
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
    "two bins do not make up for each other": (
        [0.95, 0.95, 0.55, 0.55],
        [True, False, True, True],
        15,
        45.0,
    ),
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


@FEW
@given(
    rows=st.lists(
        st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3), min_size=1, max_size=5
    )
)
def test_softmax_gives_probabilities_in_the_order_of_the_logits(rows: list[list[float]]) -> None:
    logits = np.array(rows, np.float32)
    before = logits.copy()
    probabilities = softmax(logits)
    assert np.array_equal(logits, before)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert probabilities.min() >= 0
    assert (
        probabilities[np.arange(len(rows)), logits.argmax(axis=1)] == probabilities.max(axis=1)
    ).all()


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
    assert (
        calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels) < 1.5
    )


@pytest.mark.parametrize(("right", "limit"), [(True, 0.05), (False, 20.0)])
def test_the_temperature_stays_within_its_limits(right: bool, limit: float) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, 10)).astype(np.float32)
    labels = logits.argmax(axis=1) if right else logits.argmin(axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(limit, rel=1e-3)


@FEW
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_reliability_puts_each_answer_into_one_bin(answers: list[tuple[float, bool]]) -> None:
    confidences = np.array([sure for sure, _ in answers], float)
    right = np.array([flag for _, flag in answers], bool)
    rows = reliability(confidences, right)
    assert sum(row["n"] for row in rows) == len(answers)
    assert [(row["low"], row["high"]) for row in rows] == [(10 * n, 10 * n + 10) for n in range(10)]
    filled = [row for row in rows if row["n"]]
    assert sum(row["n"] * row["accuracy"] for row in filled) == pytest.approx(100 * right.sum())
    assert sum(row["n"] * row["confidence"] for row in filled) == pytest.approx(
        100 * confidences.sum()
    )
    assert all(row["low"] - 1e-9 <= row["confidence"] <= row["high"] + 1e-9 for row in filled)
    assert all(
        row["confidence"] is None and row["accuracy"] is None for row in rows if not row["n"]
    )


def test_the_largest_gap_shows_what_the_mean_hides() -> None:
    """Of 1,500 answers 100 are much too unsure.

    Which the expected error hides behind the others.
    """
    confidences = np.append(np.full(1_400, 0.99), np.full(100, 0.32))
    right = np.append(np.arange(1_400) >= 14, np.arange(100) < 73)
    figures = calibration(confidences, right)
    assert figures["ece"] == pytest.approx(41 / 15)
    assert figures["mce"] == max_calibration_error(confidences, right) == pytest.approx(41)
    head, *rows = calibration_lines(figures, 14)
    assert head == "calibration   2.73 % expected calibration error, 41.00 % maximum"
    assert rows == [
        "               30 to  40 % sure:  32.00 % on the mean,  73.00 % right (n 100)",
        "               90 to 100 % sure:  99.00 % on the mean,  99.00 % right (n 1,400)",
    ]


def test_nothing_that_was_answered_has_no_gap() -> None:
    assert max_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0
    assert calibration(np.zeros(0), np.zeros(0, bool))["ece"] == 0
