"""Calibration of probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from numeye.errors import ModelError
from numeye.models import card
from numeye.models.calibration import NoDigitScaling, Scaling
from numeye.models.probabilities import log_softmax
from numeye.training.calibration import calibrate_digits

NO_DIGIT_SCALING = NoDigitScaling(constant=0.7, weight=0.9, fitted=0.25, share=0.02)
SCALING = Scaling(temperature=1.5, no_digit=NO_DIGIT_SCALING)
LOGITS = arrays.arrays(np.float64, (4, 11), elements=st.floats(-60, 60))


@settings(max_examples=100)
@given(LOGITS)
def test_rows_sum_to_one_and_digits_keep_their_order(logits: np.ndarray) -> None:
    probabilities, digits = SCALING.probabilities(logits), SCALING.digits(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(digits.sum(axis=1), 1)
    np.testing.assert_allclose(probabilities[:, :10], (1 - probabilities[:, 10:]) * digits)
    best, places = logits[:, :10].max(axis=1), digits.argmax(axis=1)
    np.testing.assert_allclose(logits[np.arange(4), places], best, atol=1e-6)


@settings(max_examples=100)
@given(LOGITS)
def test_logits_and_logarithms_of_probabilities_give_the_same(logits: np.ndarray) -> None:
    for scaling in (SCALING, Scaling(temperature=1.5)):
        from_logits, from_logarithms = (
            scaling.probabilities(logits),
            scaling.probabilities(log_softmax(logits)),
        )
        np.testing.assert_allclose(from_logits, from_logarithms, atol=1e-9)


def test_without_its_own_fit_no_digit_is_a_class_like_the_others() -> None:
    logits = np.array([[0.0] * 9 + [6.0, 3.0]])
    expected = np.exp([3.0, 1.5])
    probabilities = Scaling(temperature=2.0).probabilities(logits)[0, 9:]
    assert probabilities == pytest.approx(expected / (expected.sum() + 9))
    assert Scaling(temperature=2.0).probabilities(logits[:, :10])[0, 9] == pytest.approx(
        np.exp(3) / (np.exp(3) + 9)
    )


def test_a_smaller_share_without_a_digit_lowers_probabilities_and_keeps_their_order() -> None:
    odds = np.linspace(-9, 9, 50)
    few, many = (
        NO_DIGIT_SCALING.probabilities(odds),
        replace(NO_DIGIT_SCALING, share=NO_DIGIT_SCALING.fitted).probabilities(odds),
    )
    assert (few < many).all()
    assert (np.diff(few) > 0).all()
    assert SCALING.at_fitted_share().no_digit == replace(
        NO_DIGIT_SCALING, share=NO_DIGIT_SCALING.fitted
    )
    for most in (0.0, 1e-6, 0.3, 0.99, 1.0):
        assert ((few <= NO_DIGIT_SCALING.to_read_share(most)) == (many <= most)).all()
    plain = Scaling(temperature=2.0)
    assert plain.at_fitted_share() is plain


def draw_logarithms(share: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logarithms of overconfident probabilities, and the labels.

    Args:
        share: share of the pictures without a digit.
        n: number of pictures.
        seed: random seed.
    """
    random = np.random.default_rng(seed)
    none = random.random(n) < share
    # of no digit; their log-odds are 1 * odds + log-odds of share
    odds = random.normal(np.where(none, 2.0, -2.0), 2.0)
    digits = np.log(random.dirichlet(np.full(10, 0.15), n) + 1e-9)
    labels = (random.random((n, 1)) > np.exp(log_softmax(digits)).cumsum(axis=1)).sum(axis=1)
    logits = np.append(log_softmax(2 * digits), 1.7 * odds[:, None] - 1, axis=1)
    return log_softmax(logits), np.where(none, 10, labels)


def test_a_fit_with_many_pictures_without_a_digit_is_calibrated_where_there_are_few() -> None:
    scaling = calibrate_digits.fit_scaling(*draw_logarithms(0.25, 6_000, 0))
    assert scaling.temperature == pytest.approx(2, rel=0.1)
    scaling = replace(scaling, no_digit=replace(scaling.no_digit, share=0.02))
    logs, labels = draw_logarithms(0.02, 12_000, 1)
    probabilities = scaling.probabilities(logs)
    confidences, right = calibrate_digits.best_digits(probabilities, labels)
    for row in calibrate_digits.metrics.reliability(confidences, right):
        if row["n"] >= 200:
            assert row["confidence"] == pytest.approx(row["accuracy"], abs=8)
    assert probabilities[:, 10].mean() == pytest.approx(0.02, abs=0.006)


@pytest.mark.parametrize(
    "changes",
    [
        {"constant": "0"},
        {"weight": 0},
        {"weight": float("inf")},
        {"fitted": 0},
        {"fitted": 1},
        {"share": 1.5},
    ],
)
def test_an_impossible_no_digit_on_a_card_is_an_error(changes: dict[str, Any]) -> None:
    sane = {"constant": 0.7, "weight": 0.9, "fitted": 0.25, "share": 0.02}
    model = card.Model(name="own", onnx=b"", card={"temperature": 1.5, "no_digit": sane})
    assert model.scaling == SCALING
    for value in ({**sane, **changes}, {"constant": 1.0}, [1.0], 5):
        with pytest.raises(ModelError, match="the card's no_digit is .*; expected"):
            _ = replace(model, card={**model.card, "no_digit": value}).scaling
