"""Calibration of a localization model: probabilities, thresholds and counts of errors.

It uses crops of synthetic paper, made of validation digits and held-out fonts, which the model
never learned from. They are read as any picture is read, with every crop that
`numeye.recognition.localizer` takes. One half of them fits the calibration. The other half counts
errors, so that the counts are not too optimistic. Counted are the answers that
`numeye.recognition.digit_readers` accepts at each threshold, with its rule for "no digit".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from numeye.evaluation import metrics
from numeye.io.datasets import DataSet
from numeye.models import card
from numeye.models.calibration import NoDigitScaling, Scaling
from numeye.models.probabilities import NO_DIGIT, log_odds
from numeye.models.risk_control import upper_bound
from numeye.models.runtime import Network
from numeye.recognition import localizer
from numeye.training.calibration.likelihood_fits import fit_logistic
from numeye.training.synthetic.disk_cache import Pool

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Probabilities = Float64[np.ndarray, "n 11"]  # or their logarithms
    Labels = Int64[np.ndarray, " n"]
    Confidences = Float64[np.ndarray, " n"]
    Correct = Bool[np.ndarray, " n"]

BATCH_SIZE = 250
CONFIDENCE_LEVEL = 0.95  # of the bounds on the share of errors
MAX_CURVE_POINTS = 400
MIN_DIGIT_PX = 12  # smaller digits of the crops are there to be found, not to be read
MIN_CONFIDENCE = 0.5  # of an accepted answer
# Share of pictures without a digit that calibrated confidences assume, where one digit a picture is
# expected. Of the crops one in four has none, so that there is enough to learn from.
NO_DIGIT_SHARE = 0.02
# "No digit" is the answer above a probability that only this share of MNIST's validation digits
# exceeds. The threshold stays within bounds on the probability at the crops' own share.
MAX_REJECTED_SHARE, NO_DIGIT_BOUNDS = 0.002, (0.05, 0.5)


def calibrate(graph: bytes, pool: Pool, plain: DataSet) -> dict[str, Any]:
    """Return the card's entries about confidence.

    They are `temperature`, `no_digit`, `rejection`, `calibration` and `reliability`.

    Args:
        graph: the model as ONNX.
        pool: crops of validation digits; an accepted answer counts as wrong if there is no digit.
        plain: validation digits as they are, which set the threshold of "no digit".
    """
    logs, labels = read_crops(graph, pool)
    plain_logs, _ = read_pictures(graph, list(np.asarray(plain.pictures)), plain.digits())
    is_fit = np.arange(len(labels)) % 2 == 0
    scaling = fit_scaling(logs[is_fit], labels[is_fit])
    threshold = _no_digit_threshold(scaling, plain_logs)
    fit_answers = _accepted_answers(scaling, threshold, logs[is_fit], labels[is_fit])
    logs, labels = logs[~is_fit], labels[~is_fit]
    counted_answers = _accepted_answers(scaling, threshold, logs, labels)
    no_digit_share = float((labels == NO_DIGIT).mean())
    return {
        "temperature": scaling.temperature,
        "no_digit": asdict(scaling.no_digit) if scaling.no_digit else None,
        "rejection": {"no_digit": threshold, "unsure": MIN_CONFIDENCE},
        "calibration": {
            "data": (
                "synthetic paper of validation digits and held-out fonts, digits of 12 pixels and"
                f" more, {no_digit_share:.0%} of it no digit"
            ),
            "n": len(labels),
            "level": CONFIDENCE_LEVEL,
            "start": starting_threshold(*fit_answers, MIN_CONFIDENCE),
            "curve": error_curve(*counted_answers, MIN_CONFIDENCE),
        },
        "reliability": _reliability(scaling, logs, labels),
    }


def fit_scaling(logs: Probabilities, labels: Labels) -> Scaling:
    """Fit the temperature on the crops with a digit, and the odds of "no digit" on all crops.

    `numeye.models.calibration` explains both.

    Args:
        logs: logarithms of probabilities.
        labels: 0 to 9, or `NO_DIGIT`.
    """
    has_digit = labels < NO_DIGIT
    temperature = metrics.fit_temperature(logs[has_digit, :NO_DIGIT], labels[has_digit])
    odds = torch.from_numpy(log_odds(logs))
    features = torch.stack([torch.ones_like(odds), odds], dim=1)
    constant, weight = fit_logistic(features, torch.from_numpy(~has_digit), (0.0, 1.0))
    fitted_share = (int((~has_digit).sum()) + 1) / (len(labels) + 2)  # never 0 or 1
    no_digit = NoDigitScaling(
        constant=constant, weight=max(weight, 1e-3), fitted=fitted_share, share=NO_DIGIT_SHARE
    )
    return Scaling(temperature=temperature, no_digit=no_digit)


def read_crops(graph: bytes, pool: Pool) -> tuple[Probabilities, Labels]:
    """Read the crops of a pool whose digits are large enough; see `read_pictures`."""
    legible = [number for number in range(len(pool)) if is_legible(pool, number)]
    pictures = [np.asarray(pool.picture(number)) for number in legible]
    return read_pictures(graph, pictures, pool.labels[legible])


def is_legible(pool: Pool, number: int) -> bool:
    """Return whether a crop's digit is large enough to be read; also True without a digit."""
    left, top, right, bottom = pool.boxes[number].tolist()
    return bool(max(right - left, bottom - top) >= MIN_DIGIT_PX)


def read_pictures(
    graph: bytes, pictures: Sequence[np.ndarray], labels: Labels
) -> tuple[Probabilities, Labels]:
    """Return the logarithms of uncalibrated probabilities, and the labels.

    Pictures without contrast are left out: the reader rejects them as blank before it asks the
    network.

    Args:
        graph: the model as ONNX.
        pictures: grey levels (H, W).
        labels: of the pictures.
    """
    network = Network(card.Model(name="calibration", onnx=graph, card={}), 0)
    logs: list[np.ndarray] = []
    kept: list[int] = []
    for start in range(0, len(pictures), BATCH_SIZE):
        batch = list(pictures[start : start + BATCH_SIZE])
        for number, localized in enumerate(localizer.localize(batch, network.localize), start):
            if localized:
                logs.append(localized.log_probabilities)
                kept.append(number)
    return np.stack(logs), labels[kept]


def _no_digit_threshold(scaling: Scaling, logs: Probabilities) -> float:
    """Return the probability of "no digit" that only few of these digits exceed."""
    if scaling.no_digit is None:
        raise ValueError("expected a scaling with no_digit")
    probabilities = scaling.probabilities(logs)[:, NO_DIGIT]
    low, high = map(scaling.no_digit.to_read_share, NO_DIGIT_BOUNDS)
    return float(f"{np.clip(np.quantile(probabilities, 1 - MAX_REJECTED_SHARE), low, high):.3g}")


def _accepted_answers(
    scaling: Scaling, no_digit: float, logs: Probabilities, labels: Labels
) -> tuple[Confidences, Correct]:
    """Return the highest threshold that accepts each answer, and whether it is correct.

    Answers that no threshold accepts are left out. As in `numeye.recognition.digit_readers`, the
    confidence must reach the threshold, and so must the probability of a digit at the crops' own
    share of "no digit".
    """
    probabilities = scaling.probabilities(logs)
    has_digit = 1 - scaling.at_fitted_share().probabilities(logs)[:, NO_DIGIT]
    accepted = probabilities[:, NO_DIGIT] <= no_digit
    confidences, correct = best_digits(probabilities[accepted], labels[accepted])
    return np.minimum(confidences, has_digit[accepted]), correct


def best_digits(probabilities: Probabilities, labels: Labels) -> tuple[Confidences, Correct]:
    """Return the confidence of the best digits, and whether each is correct.

    Without a digit no answer is correct.
    """
    digits = probabilities[:, :NO_DIGIT]
    return digits.max(axis=1), digits.argmax(axis=1) == labels


def _reliability(scaling: Scaling, logs: Probabilities, labels: Labels) -> dict[str, Any]:
    """Compare confidence and accuracy on crops with a digit, rejected answers included."""
    has_digit = labels < NO_DIGIT
    confidences, correct = best_digits(scaling.probabilities(logs[has_digit]), labels[has_digit])
    return {
        "data": "the crops of the calibration that hold a digit",
        "n": int(has_digit.sum()),
        **metrics.calibration(confidences, correct),
    }


def error_curve(
    confidences: Confidences, correct: Correct, lowest: float = 0.0
) -> list[list[float | int]]:
    """Return thresholds from high to low: threshold, number of answers, number of wrong ones.

    Args:
        confidences: (N,), 0 to 1.
        correct: (N,).
        lowest: the lowest threshold, 0 to 1, which is always the last point.
    """
    kept = confidences >= lowest
    order = np.argsort(-confidences[kept], kind="stable")
    ranked, wrong = confidences[kept][order], np.cumsum(~correct[kept][order])
    # the last of those with equal confidence
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True)[: len(ranked)])
    if len(ends):
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MAX_CURVE_POINTS).astype(int))]
    curve: list[list[float | int]] = [[float(ranked[i]), int(i) + 1, int(wrong[i])] for i in ends]
    if lowest > 0 and curve and curve[-1][0] > lowest:
        curve.append([lowest, *curve[-1][1:]])
    return curve


def starting_threshold(confidences: Confidences, correct: Correct, lowest: float) -> float:
    """Return the threshold with the smallest bound on the share of errors.

    The tests of `numeye.models.risk_control` start there.

    Args:
        confidences: (N,), 0 to 1, of other answers than those that the curve counts.
        correct: (N,).
        lowest: the lowest threshold to consider.
    """
    curve = error_curve(confidences, correct, lowest)
    if not curve:
        return lowest

    def bound(point: list[float | int]) -> float:
        return upper_bound(int(point[2]), int(point[1]), CONFIDENCE_LEVEL)

    return float(min(curve, key=bound)[0])
