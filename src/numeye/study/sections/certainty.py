"""How good the networks' confidence is: reliability, and risk by coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import brier_score_loss, log_loss

from numeye.evaluation import metrics
from numeye.models.probabilities import softmax
from numeye.study import figures
from numeye.study.experiments import digits
from numeye.study.experiments.failures import PACKAGED_STEP
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.measures import Measure
from numeye.study.report_elements import Figure, Finding, Table, verdict_of
from numeye.study.steps import Study

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

    Probabilities = Float64[np.ndarray, "n 10"]
    Labels = Int64[np.ndarray, " n"]

RELIABILITY_BINS = 10
MIN_BIN_ANSWERS = 5
SUREST_SHARE = 0.95  # the share of which the accuracy is reported, the surest answers first
DOUBTFUL_ONE_IN = 20  # the claim is about the least sure one of so many answers
MIN_PROBABILITY = 1e-12  # for the log loss of a probability of 0
Scores = dict[str, dict[str, float]]


def measure_certainty(study: Study) -> tuple[dict[str, Probabilities], Scores]:
    """Return each network's probabilities of the test digits, and scores of these."""
    labels = digits.load_test(study).labels
    predictions = _predictions(study)
    return predictions, {name: score(p, labels) for name, p in predictions.items()}


def score(probabilities: Probabilities, labels: Labels) -> dict[str, float]:
    """Return accuracy, calibration error (both in percent), Brier score and log loss."""
    confidences = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    surest = np.argsort(-confidences, kind="stable")[: int(SUREST_SHARE * len(labels))]
    classes = range(10)
    return {
        "accuracy": float(is_right.mean() * 100),
        "ece": metrics.calibration_error(confidences, is_right),
        "brier": float(
            brier_score_loss(labels, probabilities, labels=classes, scale_by_half=False)
        ),
        "nll": float(log_loss(labels, probabilities.clip(min=MIN_PROBABILITY), labels=classes)),
        "surest_95": float(is_right[surest].mean() * 100),
    }


def _predictions(study: Study) -> dict[str, Probabilities]:
    """Return the probabilities of the CNN, with and without calibration, and of the reader."""
    arrays = study[training_step(CNN, study.seeds[0])].arrays
    validation = digits.load_validation(study)
    temperature = metrics.fit_temperature(arrays["validation.logits"], validation.labels)
    logits = arrays["logits"].astype(np.float64)
    of_digits = study[PACKAGED_STEP].arrays["told"][:, :10]
    # Where no digit was located, all digits are equally likely.
    packaged = np.where(of_digits.sum(axis=1, keepdims=True) > 0, of_digits, 0.1)
    return {
        "CNN, classic": softmax(logits),
        f"CNN, temperature {temperature:.2f}": softmax(logits / temperature),
        "packaged reader": packaged / packaged.sum(axis=1, keepdims=True),
    }


def finding(predictions: dict[str, Probabilities], scores: Scores, study: Study) -> Finding:
    """Return whether confidence agrees with accuracy on the least sure answers.

    Among all answers, the many sure ones would hide the others.
    """
    labels = digits.load_test(study).labels
    doubtful = {name: _doubtful(p, labels) for name, p in predictions.items()}
    calibrated = [
        name
        for name, (confidence, right) in doubtful.items()
        if right.low <= confidence <= right.high
    ]
    measured = "; ".join(
        f"{name}: {confidence:.1f} % sure, right {right}"
        for name, (confidence, right) in doubtful.items()
    )
    errors = ", ".join(f"{name} {row['ece']:.2f} %" for name, row in scores.items())
    return Finding(
        claim="It says how sure it is, and is as often right",
        verdict=verdict_of(len(calibrated), len(predictions)),
        text=(
            f"Of the twentieth of the test digits of which each is least sure: {measured}. The"
            " claim asks that what it says lies in the interval of what is so. Expected"
            f" calibration error over all digits: {errors}."
        ),
    )


def _doubtful(probabilities: Probabilities, labels: Labels) -> tuple[float, Measure]:
    """Return mean confidence and accuracy of the least sure answers, in percent."""
    confidences = probabilities.max(axis=1)
    least_sure = np.argsort(confidences, kind="stable")[: len(labels) // DOUBTFUL_ONE_IN]
    is_right = probabilities.argmax(axis=1)[least_sure] == labels[least_sure]
    return float(confidences[least_sure].mean() * 100), Measure.of_share(is_right)


def table(scores: Scores, study: Study) -> Table:
    """Return the scores of each network."""
    return Table(
        caption=(
            f"{study.scale.test:,} MNIST test digits; ECE over 15 bins; surest: the 95 % of which"
            " each is surest."
        ),
        head=["network", "accuracy", "ECE", "Brier", "NLL", "surest 95 %"],
        rows=[
            [
                name,
                f"{row['accuracy']:.2f} %",
                f"{row['ece']:.2f} %",
                f"{row['brier']:.4f}",
                f"{row['nll']:.4f}",
                f"{row['surest_95']:.2f} %",
            ]
            for name, row in scores.items()
        ],
    )


def figure(predictions: dict[str, Probabilities], study: Study) -> Figure:
    """Return reliability diagrams, and risk by coverage."""
    labels = digits.load_test(study).labels
    drawing, (left, right) = figures.new_figure(1, 2, height=3.4)
    left.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
    for number, (name, probabilities) in enumerate(predictions.items()):
        colour = figures.COLOURS[number]
        confidences = probabilities.max(axis=1)
        is_right = probabilities.argmax(axis=1) == labels
        rows = metrics.reliability(confidences, is_right, RELIABILITY_BINS)
        bins = [row for row in rows if (row["n"] or 0) >= MIN_BIN_ANSWERS]
        left.plot(
            [(row["confidence"] or 0) / 100 for row in bins],
            [(row["accuracy"] or 0) / 100 for row in bins],
            marker=figures.MARKERS[number],
            color=colour,
            label=name,
        )
        order = np.argsort(-confidences, kind="stable")
        answered = np.arange(1, len(order) + 1)
        risk = np.cumsum(~is_right[order]) / answered * 100
        right.plot(answered / len(order) * 100, risk, color=colour, label=name)
    left.set(xlabel="how sure", ylabel="how often right")
    right.set(xlabel="answered, the surest first (%)", ylabel="wrong among them (%)")
    left.legend(frameon=False)
    return Figure(
        name="certainty",
        svg=figures.to_svg(drawing),
        alt=(
            "Left: how often answers are right against how sure they are, beside the diagonal."
            " Right: errors by coverage."
        ),
        caption=(
            "Reliability in ten bins of equal width (those with fewer than five answers left out),"
            " and risk by coverage."
        ),
    )
