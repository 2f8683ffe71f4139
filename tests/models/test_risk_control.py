from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from numeye.errors import UsageError
from numeye.models.risk_control import (
    Calibration,
    RiskThreshold,
    find_risk_threshold,
    parse_share,
    upper_bound,
)


def calibration(
    *curve: tuple[float, int, int], n: int = 10_000, start: float | None = None
) -> Calibration:
    return Calibration(data="made up", n=n, level=0.95, curve=curve, start=start)


# One-sided 95 % bounds; those without a mistake are 1 - 0.05 ** (1 / n), the others from tables
# (scipy's beta.ppf).
@pytest.mark.parametrize(
    ("wrong", "accepted", "bound"),
    [
        (0, 1, 0.95),
        (0, 10, 1 - 0.05**0.1),
        (0, 3_000, 1 - 0.05 ** (1 / 3_000)),
        (1, 10, 0.3941633),
        (5, 100, 0.1022534),
        (50, 10_000, 0.0063245),
        (10, 10, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_bound_of_clopper_and_pearson(wrong: int, accepted: int, bound: float) -> None:
    assert upper_bound(wrong, accepted) == pytest.approx(bound, abs=1e-6)


@settings(max_examples=100)
@given(st.integers(1, 20_000), st.integers(0, 400), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_bound_is_scipys(accepted: int, wrong: int, level: float) -> None:
    assume(wrong < accepted)
    expected = stats.beta.ppf(level, wrong + 1, accepted - wrong)
    assert upper_bound(wrong, accepted, level) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60)
@given(st.integers(2, 5_000), st.integers(0, 100))
def test_the_bound_grows_with_mistakes_and_shrinks_with_proof(accepted: int, wrong: int) -> None:
    assume(wrong < accepted - 1)
    bound = upper_bound(wrong, accepted)
    assert wrong / accepted < bound <= upper_bound(wrong + 1, accepted)
    assert upper_bound(wrong, accepted + 100) <= bound


STEPS = ((0.99, 100, 0), (0.95, 4_000, 2), (0.9, 8_000, 12), (0.7, 9_000, 60), (0.5, 9_900, 61))
CURVE = calibration(*STEPS, start=0.95)


@pytest.mark.parametrize(
    ("max_error", "expected", "coverage"),
    [
        (0.002, 0.95, 0.4),  # the first 100 come before the start; 12 of 8,000 are too many
        (0.003, 0.9, 0.8),
        (0.0079, 0.9, 0.8),  # 0.5 would hold again, but 0.7 does not: the sequence has stopped
        (0.009, 0.5, 0.99),
        (0.5, 0.5, 0.99),
    ],
)
def test_the_lowest_threshold_before_the_first_that_fails(
    max_error: float, expected: float, coverage: float
) -> None:
    threshold = find_risk_threshold("recognizer", CURVE, max_error)
    assert (threshold.max_error, threshold.threshold, threshold.coverage) == (
        max_error,
        expected,
        coverage,
    )


def test_thresholds_below_the_lowest_are_not_tried() -> None:
    assert find_risk_threshold("recognizer", CURVE, 0.5, lowest=0.8).threshold == 0.9


def test_a_threshold_reads_as_a_sentence() -> None:
    assert (
        str(RiskThreshold(max_error=0.005, threshold=0.93, coverage=0.9731))
        == "at most 0.5 % of the accepted answers are wrong; the threshold 0.93 accepted 97.3 % of"
        " the calibration pictures"
    )


def test_an_impossible_max_error_names_the_lowest_possible() -> None:
    with pytest.raises(UsageError) as raised:
        find_risk_threshold("recognizer", CURVE, 0.0001)
    message = str(raised.value)
    assert (
        message
        == "recognizer: its calibration on 10,000 pictures cannot guarantee an error rate of at"
        " most 0.01 %; the lowest possible error rate is 0.158 %"
    )
    assert find_risk_threshold("recognizer", CURVE, 0.00158).threshold == 0.95
    for none in (calibration((0.9, 5, 5), (0.5, 50, 50)), calibration((0.9, 500, 0), start=0.8)):
        with pytest.raises(UsageError, match="no error rate is possible with this model"):
            find_risk_threshold("recognizer", none, 0.01)


def test_without_a_start_the_sequence_begins_where_half_of_the_answers_are_accepted() -> None:
    assert calibration(*STEPS).sequence(0.0) == list(STEPS[2:])
    assert calibration(*STEPS).sequence(0.8) == list(STEPS[1:3])
    assert find_risk_threshold("recognizer", calibration(*STEPS), 0.003).threshold == 0.9


CURVES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6)), min_size=1, max_size=12)
SHARES = st.floats(1e-4, 0.9)


def curve_of(steps: list[tuple[int, int]], start: int | None) -> Calibration:
    curve, accepted, wrong = [], 0, 0
    for number, (more, mistakes) in enumerate(steps):
        accepted, wrong = accepted + more + mistakes, wrong + mistakes
        curve.append((0.99 - number / 100, accepted, wrong))
    first = None if start is None else 0.99 - start / 100
    return calibration(*curve, n=max(accepted, 1), start=first)


@settings(max_examples=60)
@given(CURVES, st.none() | st.integers(0, 12), SHARES)
def test_the_lowest_possible_max_error_that_is_named_is_possible(
    steps: list[tuple[int, int]], start: int | None, max_error: float
) -> None:
    curve = curve_of(steps, start)
    try:
        threshold = find_risk_threshold("recognizer", curve, max_error)
    except UsageError as error:
        lowest = str(error).partition("the lowest possible error rate is ")[2]
        if lowest:
            find_risk_threshold(
                "recognizer", curve, min(float(lowest.removesuffix(" %")) / 100, 0.9999)
            )
        return
    _, accepted, wrong = next(point for point in curve.curve if point[0] == threshold.threshold)
    assert upper_bound(wrong, accepted) <= max_error + 1e-9


@settings(max_examples=60)
@given(CURVES, st.none() | st.integers(0, 12), SHARES, SHARES)
def test_a_higher_max_error_never_rejects_more(
    steps: list[tuple[int, int]], start: int | None, first: float, second: float
) -> None:
    curve, (strict, lax) = curve_of(steps, start), sorted((first, second))
    try:
        threshold = find_risk_threshold("recognizer", curve, strict)
    except UsageError:
        return
    assert find_risk_threshold("recognizer", curve, lax).threshold <= threshold.threshold


@pytest.mark.slow
def test_max_error_is_kept_19_times_of_20() -> None:
    """Compare with the true share of wrong answers, which may exceed max_error once in 20 times."""
    random, max_error, possible, exceeded, tries = np.random.default_rng(0), 0.01, 0, 0, 300
    thresholds = np.linspace(0.99, 0.5, 50)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        confidence = random.beta(8, 1, n)
        return confidence, random.random(n) > 1 - 0.4 * (1 - confidence) ** 1.5

    truth, wrong_truth = draw(400_000)
    for _ in range(tries):
        confidence, wrong = draw(2_000)
        curve = [
            (float(t), int((confidence >= t).sum()), int(wrong[confidence >= t].sum()))
            for t in thresholds
        ]
        try:
            threshold = find_risk_threshold("recognizer", calibration(*curve, n=2_000), max_error)
        except UsageError:
            continue
        possible += 1
        exceeded += bool(wrong_truth[truth >= threshold.threshold].mean() > max_error)
    assert possible > tries / 2
    assert exceeded / tries < 0.05 + 3 * math.sqrt(0.05 * 0.95 / tries)


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.5%", 0.005), ("0.005", 0.005), (" 2 % ", 0.02), ("99%", 0.99), ("1e-3", 0.001)],
)
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    "text", ["", "%", "5", "100%", "0", "0%", "-1%", "nan", "inf%", "half", "0,5%", "5%%", "½"]
)
def test_a_text_that_is_no_share_is_an_error(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"expected a share between 0 and 100 %, such as 0.5% or 0.005"
    ):
        parse_share(text)


@pytest.mark.parametrize("max_error", [0.0, 1.0, -0.1, 5.0, math.nan])
def test_a_max_error_that_is_no_share_is_an_error(max_error: float) -> None:
    with pytest.raises(UsageError, match="expected a number between 0 and 1, such as 0.005"):
        find_risk_threshold("recognizer", CURVE, max_error)
