"""Labels that may be wrong, and what the models say."""

from __future__ import annotations

from typing import Any

import numpy as np

from numeye.training.evidence import digits, figures
from numeye.training.evidence.document import Figure, Finding
from numeye.training.evidence.doubts import DOUBTFUL, FOUND
from numeye.training.evidence.failures import READER
from numeye.training.evidence.study import Study
from numeye.training.evidence.traditional import CNN, result_name


def finding(study: Study) -> Finding:
    """How many labels are in doubt."""
    said, kept = _said(study), _numbers(study)
    labels = digits.test(study).labels[kept]
    against = {name: int((answers != labels).sum()) for name, answers in said.items()}
    found = study[FOUND].facts
    share = len(kept) / 2
    return Finding(
        claim="Networks contradict the labels that people doubted",
        verdict=(
            "shown" if min(against.values()) > share else "in part" if max(against.values()) > share else "not shown"
        ),
        text=(
            f"Of {len(kept)} test digits that people doubted after networks had contradicted their labels, the CNN "
            f"contradicts {against['CNN']}, the reader {against['reader']}; the claim asks for more than half. In "
            f"train, cleanlab doubts {found['issues']:,} of {found['of']:,} labels "
            f"({found['issues'] / found['of'] * 100:.2f} %)."
        ),
    )


def known(study: Study) -> Figure:
    """The doubtful test digits."""
    kept, said = _numbers(study), _said(study)
    test = digits.test(study)
    lines = [f"{n}: {test.labels[n]}\nCNN {said['CNN'][i]}, r. {said['reader'][i]}" for i, n in enumerate(kept)]
    return Figure(
        name="doubtful-test",
        svg=_sheet(test.pixels[kept], lines, columns=8),
        alt=f"{len(kept)} digits that are hard to tell, each with its number, its label and what two networks say.",
        caption="Test digits with doubtful labels: number, label, and what CNN and packaged reader (r.) say.",
    )


def found(study: Study) -> Figure:
    """The most doubtful labels of train."""
    seen = study[FOUND].arrays
    lines = [
        f"{label}, said {said}\n{sure * 100:.0f} %"
        for label, said, sure in zip(seen["labels"], seen["said"], seen["sure"], strict=True)
    ]
    return Figure(
        name="doubtful-train",
        svg=_sheet(seen["pixels"], lines, columns=8),
        alt=f"{len(lines)} digits of train with their labels and what networks say that had not seen them.",
        caption=(
            "The most doubtful labels of train: label, what a network says that had not learnt the digit, and how "
            "surely."
        ),
    )


def numbers(study: Study) -> dict[str, Any]:
    """For JSON."""
    kept, said = _numbers(study), _said(study)
    test = digits.test(study)
    return {
        "doubtful_test": {
            str(n): {"label": int(test.labels[n]), **{name: int(a[i]) for name, a in said.items()}}
            for i, n in enumerate(kept)
        },
        "doubtful_train": study[FOUND].facts,
    }


def _numbers(study: Study) -> list[int]:
    """Those that are among the test digits of this scale."""
    return [number for number in DOUBTFUL if number < study.scale.test]


def _said(study: Study) -> dict[str, np.ndarray]:
    kept = _numbers(study)
    return {
        "CNN": study[result_name(CNN, study.seeds[0])].arrays["test"][kept],
        "reader": study[READER].arrays["test"][kept],
    }


def _sheet(pictures: np.ndarray, lines: list[str], *, columns: int) -> str:
    rows = max(1, -(-len(pictures) // columns))
    drawing, panels = figures.canvas(rows, columns, height=1.45 * rows)
    for axes in np.ravel(panels):
        axes.set_axis_off()
    for axes, picture, line in zip(np.ravel(panels), pictures, lines, strict=False):
        axes.imshow(picture, cmap="gray_r", interpolation="nearest")
        axes.set_title(line, size=8)
    return figures.to_svg(drawing)
