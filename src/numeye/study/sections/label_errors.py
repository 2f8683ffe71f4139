"""Labels that may be wrong, and the answers of the networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.study import figures
from numeye.study.experiments import digits
from numeye.study.experiments.failures import PACKAGED_STEP
from numeye.study.experiments.label_errors import DOUBTFUL_TEST_DIGITS, ISSUES_STEP
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.report_elements import Figure, Finding, verdict_of
from numeye.study.steps import Study

if TYPE_CHECKING:
    from jaxtyping import Float32


def finding(study: Study) -> Finding:
    """Return how many doubtful labels the networks contradict."""
    answers, indices = _answers(study), _test_indices(study)
    labels = digits.load_test(study).labels[indices]
    against = {name: int((digits_read != labels).sum()) for name, digits_read in answers.items()}
    facts = study[ISSUES_STEP].facts
    half = len(indices) / 2
    return Finding(
        claim="Networks contradict the labels that people doubted",
        verdict=verdict_of(sum(count > half for count in against.values()), len(against)),
        text=(
            f"Of {len(indices)} test digits that people doubted after networks had contradicted"
            f" their labels, the CNN contradicts {against['CNN']}, the reader {against['reader']};"
            f" the claim asks for more than half. In train, cleanlab doubts {facts['issues']:,} of"
            f" {facts['of']:,} labels ({facts['issues'] / facts['of'] * 100:.2f} %)."
        ),
    )


def test_figure(study: Study) -> Figure:
    """Return the doubtful test digits."""
    indices, answers = _test_indices(study), _answers(study)
    test = digits.load_test(study)
    lines = [
        f"{index}: {test.labels[index]}\nCNN {answers['CNN'][row]}, r. {answers['reader'][row]}"
        for row, index in enumerate(indices)
    ]
    return Figure(
        name="doubtful-test",
        svg=_sheet(test.pixels[indices], lines, columns=8),
        alt=(
            f"{len(indices)} digits that are hard to tell, each with its number, its label and what"
            " two networks say."
        ),
        caption=(
            "Test digits with doubtful labels: number, label, and what CNN and packaged reader (r.)"
            " say."
        ),
    )


def train_figure(study: Study) -> Figure:
    """Return the most doubtful labels of train."""
    issues = study[ISSUES_STEP].arrays
    lines = [
        f"{label}, said {answer}\n{confidence * 100:.0f} %"
        for label, answer, confidence in zip(
            issues["labels"], issues["said"], issues["sure"], strict=True
        )
    ]
    return Figure(
        name="doubtful-train",
        svg=_sheet(issues["pixels"], lines, columns=8),
        alt=(
            f"{len(lines)} digits of train with their labels and what networks say that had not"
            " seen them."
        ),
        caption=(
            "The most doubtful labels of train: label, what a network says that had not learnt the"
            " digit, and how surely."
        ),
    )


def numbers(study: Study) -> dict[str, Any]:
    """Return the numbers for JSON."""
    indices, answers = _test_indices(study), _answers(study)
    test = digits.load_test(study)
    return {
        "doubtful_test": {
            str(index): {
                "label": int(test.labels[index]),
                **{name: int(digits_read[row]) for name, digits_read in answers.items()},
            }
            for row, index in enumerate(indices)
        },
        "doubtful_train": study[ISSUES_STEP].facts,
    }


def _test_indices(study: Study) -> list[int]:
    """Return the indices of the doubtful digits that the study reads."""
    return [index for index in DOUBTFUL_TEST_DIGITS if index < study.scale.test]


def _answers(study: Study) -> dict[str, np.ndarray]:
    """Return the answers of both networks to the doubtful test digits."""
    indices = _test_indices(study)
    return {
        "CNN": study[training_step(CNN, study.seeds[0])].arrays["test"][indices],
        "reader": study[PACKAGED_STEP].arrays["test"][indices],
    }


def _sheet(pictures: Float32[np.ndarray, "n 28 28"], lines: list[str], *, columns: int) -> str:
    """Return pictures with a text above each, as SVG."""
    rows = max(1, -(-len(pictures) // columns))
    drawing, panels = figures.new_figure(rows, columns, height=1.45 * rows)
    for axes in np.ravel(panels):
        axes.set_axis_off()
    for axes, picture, line in zip(np.ravel(panels), pictures, lines, strict=False):
        axes.imshow(picture, cmap="gray_r", interpolation="nearest")
        axes.set_title(line, size=8)
    return figures.to_svg(drawing)
