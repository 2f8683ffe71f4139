from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from numeye.errors import UsageError
from numeye.risk import Calibration, Promise, parse, promise, upper_bound


def calibration(*curve: tuple[float, int, int], n: int = 10_000) -> Calibration:
    return Calibration(data="made up", n=n, level=0.95, curve=curve)


# One-sided 95 % bounds; those without a mistake are 1 - 0.05 ** (1 / n), the others from tables (scipy's beta.ppf).
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


CURVE = calibration((0.99, 100, 0), (0.95, 4_000, 2), (0.9, 8_000, 12), (0.7, 9_000, 60), (0.5, 9_900, 61))


@pytest.mark.parametrize(
    ("asked", "threshold", "coverage"),
    [
        (0.002, 0.95, 0.4),  # the first 100 prove nothing either way; 12 of 8,000 are too many
        (0.003, 0.9, 0.8),
        (0.0079, 0.9, 0.8),  # 0.5 would hold again, but 0.7 does not: the sequence has stopped
        (0.009, 0.5, 0.99),
        (0.5, 0.5, 0.99),
    ],
)
def test_the_lowest_threshold_before_the_first_that_fails(asked: float, threshold: float, coverage: float) -> None:
    held = promise("reader", CURVE, asked)
    assert (held.max_error, held.threshold, held.coverage) == (asked, threshold, coverage)


def test_thresholds_below_the_lowest_are_not_tried() -> None:
    assert promise("reader", CURVE, 0.5, lowest=0.8).threshold == 0.9


def test_a_promise_reads_as_a_sentence() -> None:
    assert str(Promise(max_error=0.005, threshold=0.93, coverage=0.9731)) == (
        "at most 0.5 % wrong among what is accepted: 97.3 % of the calibration pictures were (threshold 0.93)"
    )


def test_what_cannot_be_promised_names_what_can() -> None:
    with pytest.raises(UsageError) as raised:
        promise("reader", CURVE, 0.0001)
    said = str(raised.value)
    assert said == (
        "reader: at most 0.01 % wrong is more than its calibration on 10,000 pictures can promise; "
        "it can promise 0.158 % at the least"
    )
    assert promise("reader", CURVE, 0.00158).threshold == 0.95
    with pytest.raises(UsageError, match="it can promise none at all"):
        promise("reader", calibration((0.9, 5, 5), (0.5, 50, 50)), 0.01)


def test_one_mistake_among_the_surest_raises_the_least_promise_from_there() -> None:
    curve = calibration((0.99, 100, 3), (0.9, 5_000, 3))
    assert promise("reader", curve, 0.005).threshold == 0.9  # here the 100 are too few to start with
    with pytest.raises(UsageError, match=r"7\.\d+ % at the least"):
        promise("reader", curve, 0.04)  # here they are enough, and fail


def test_the_least_promise_is_one_at_which_the_sequence_may_start() -> None:
    curve = calibration((0.99, 6_453, 0), (0.95, 8_078, 3), n=10_000)  # 6,453 could not bear three mistakes
    with pytest.raises(UsageError, match=r"it can promise 0\.096 % at the least"):
        promise("reader", curve, 0.0001, bearing=3)
    assert promise("reader", curve, 0.00097, bearing=3).threshold == 0.95


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6)), min_size=1, max_size=12), st.floats(1e-4, 0.9))
def test_the_least_promise_that_is_named_holds(steps: list[tuple[int, int]], asked: float) -> None:
    curve, accepted, wrong = [], 0, 0
    for number, (more, mistakes) in enumerate(steps):
        accepted, wrong = accepted + more + mistakes, wrong + mistakes
        curve.append((0.99 - number / 100, accepted, wrong))
    made = calibration(*curve, n=max(accepted, 1))
    try:
        held = promise("reader", made, asked)
    except UsageError as error:
        said = str(error).partition("it can promise ")[2]
        if said != "none at all":
            promise("reader", made, min(float(said.split(" %")[0]) / 100, 0.9999))
        return
    _, accepted, wrong = next(point for point in curve if point[0] == held.threshold)
    assert upper_bound(wrong, accepted) <= asked


@pytest.mark.slow
def test_the_promise_is_kept_19_times_of_20() -> None:
    """The true share of wrong answers among the accepted is known here; it may exceed the promise once in 20 times."""
    random, asked, made, broken, tries = np.random.default_rng(0), 0.01, 0, 0, 300
    thresholds = np.linspace(0.99, 0.5, 50)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        confidence = random.beta(8, 1, n)
        return confidence, random.random(n) > 1 - 0.4 * (1 - confidence) ** 1.5

    truth, wrong_truth = drawn(400_000)
    for _ in range(tries):
        confidence, wrong = drawn(2_000)
        curve = [(float(t), int((confidence >= t).sum()), int(wrong[confidence >= t].sum())) for t in thresholds]
        try:
            held = promise("reader", calibration(*curve, n=2_000), asked)
        except UsageError:
            continue
        made += 1
        broken += bool(wrong_truth[truth >= held.threshold].mean() > asked)
    assert made > tries / 2
    assert broken / tries < 0.05 + 3 * math.sqrt(0.05 * 0.95 / tries)


@pytest.mark.parametrize(
    ("text", "share"), [("0.5%", 0.005), ("0.005", 0.005), (" 2 % ", 0.02), ("99%", 0.99), ("1e-3", 0.001)]
)
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    assert parse(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "5", "100%", "0", "0%", "-1%", "nan", "inf%", "half", "0,5%", "5%%", "½"])
def test_what_is_no_share_is_said_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected a share between 0 and 100 %, such as 0.5% or 0.005"):
        parse(text)


@pytest.mark.parametrize("asked", [0.0, 1.0, -0.1, 5.0, math.nan])
def test_a_number_that_is_no_share_is_refused(asked: float) -> None:
    with pytest.raises(UsageError, match="expected a number between 0 and 1, such as 0.005"):
        promise("reader", CURVE, asked)
