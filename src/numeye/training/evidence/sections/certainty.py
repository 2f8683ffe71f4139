"""What the networks' certainty is worth: reliability, and accuracy where the doubtful are set aside."""

from __future__ import annotations

import numpy as np

from numeye import metrics
from numeye.training.evidence import digits, figures
from numeye.training.evidence.document import Figure, Finding, Measure, Table, verdict
from numeye.training.evidence.failures import READER
from numeye.training.evidence.study import Study
from numeye.training.evidence.traditional import CNN, result_name

BINS = 10
Told = dict[str, dict[str, float]]


def measures(study: Study) -> tuple[dict[str, np.ndarray], Told]:
    """Probabilities of test digits by each network, and what they are worth."""
    labels = digits.test(study).labels
    said = _probabilities(study)
    told = {}
    for name, chances in said.items():
        sure, right = chances.max(axis=1), chances.argmax(axis=1) == labels
        order = np.argsort(-sure, kind="stable")
        told[name] = {
            "accuracy": float(right.mean() * 100),
            "ece": metrics.calibration_error(sure, right),
            "brier": metrics.brier(chances, labels),
            "nll": metrics.log_loss(chances, labels),
            "surest_95": float(right[order[: int(0.95 * len(order))]].mean() * 100),
        }
    return said, told


def _probabilities(study: Study) -> dict[str, np.ndarray]:
    found = study[result_name(CNN, study.seeds[0])].arrays
    held = digits.validation(study)
    temperature = metrics.fit_temperature(found["validation.logits"], held.labels)
    logits = found["logits"].astype(np.float64)
    ten = study[READER].arrays["told"][:, :10]
    # Where nothing was seen at all, any digit is as likely.
    reader = np.where(ten.sum(axis=1, keepdims=True) > 0, ten, 0.1)
    return {
        "CNN, classic": metrics.softmax(logits),
        f"CNN, temperature {temperature:.2f}": metrics.softmax(logits / temperature),
        "packaged reader": reader / reader.sum(axis=1, keepdims=True),
    }


def finding(said: dict[str, np.ndarray], told: Told, study: Study) -> Finding:
    """Whether it can be taken at its word where it is unsure: among sure answers any would do."""
    labels = digits.test(study).labels
    doubtful = {name: _doubtful(chances, labels) for name, chances in said.items()}
    honest = [name for name, (sure, right) in doubtful.items() if right.low <= sure <= right.high]
    least = "; ".join(f"{name}: {sure:.1f} % sure, right {right}" for name, (sure, right) in doubtful.items())
    errors = ", ".join(f"{name} {one['ece']:.2f} %" for name, one in told.items())
    return Finding(
        claim="It says how sure it is, and is as often right",
        verdict=verdict(len(honest), len(said)),
        text=(
            f"Of the twentieth of the test digits of which each is least sure: {least}. The claim asks that what it "
            f"says lies in the interval of what is so. Expected calibration error over all digits: {errors}."
        ),
    )


def _doubtful(chances: np.ndarray, labels: np.ndarray) -> tuple[float, Measure]:
    """Of the twentieth that is least sure, how sure it is on average and how often right, in percent."""
    sure = chances.max(axis=1)
    least = np.argsort(sure, kind="stable")[: len(sure) // 20]
    return float(sure[least].mean() * 100), Measure.of_share(chances.argmax(axis=1)[least] == labels[least])


def table(told: Told, study: Study) -> Table:
    """All of the measures."""
    return Table(
        caption=f"{study.scale.test:,} MNIST test digits; ECE over 15 bins; surest: the 95 % of which each is surest.",
        head=["network", "accuracy", "ECE", "Brier", "NLL", "surest 95 %"],
        rows=[
            [name, f"{one['accuracy']:.2f} %", f"{one['ece']:.2f} %", f"{one['brier']:.4f}", f"{one['nll']:.4f}",
             f"{one['surest_95']:.2f} %"]
            for name, one in told.items()
        ],
    )  # fmt: skip


def figure(said: dict[str, np.ndarray], study: Study) -> Figure:
    """Reliability, and risk by coverage."""
    labels = digits.test(study).labels
    drawing, (left, right) = figures.canvas(1, 2, height=3.4)
    left.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
    for number, (name, chances) in enumerate(said.items()):
        sure, correct = chances.max(axis=1), chances.argmax(axis=1) == labels
        left.plot(*_reliability(sure, correct), marker=figures.MARKS[number], color=figures.COLOURS[number], label=name)
        order = np.argsort(-sure, kind="stable")
        wrong = np.cumsum(~correct[order]) / np.arange(1, len(order) + 1) * 100
        right.plot(np.arange(1, len(order) + 1) / len(order) * 100, wrong, color=figures.COLOURS[number], label=name)
    left.set(xlabel="how sure", ylabel="how often right")
    right.set(xlabel="answered, the surest first (%)", ylabel="wrong among them (%)")
    left.legend(frameon=False)
    return Figure(
        name="certainty",
        svg=figures.to_svg(drawing),
        alt=(
            "Left: how often answers are right against how sure they are, beside the diagonal. Right: errors by "
            "coverage."
        ),
        caption=(
            "Reliability in ten bins of equal width (those with fewer than five answers left out), and risk by "
            "coverage."
        ),
    )


def _reliability(sure: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean certainty and accuracy of bins of equal width; those with fewer than five answers are left out."""
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    kept = [number for number in range(BINS) if (bins == number).sum() >= 5]
    return (
        np.array([sure[bins == number].mean() for number in kept]),
        np.array([correct[bins == number].mean() for number in kept]),
    )
