"""Measure how well the reader distinguishes digits from other pictures.

Usage: python benchmarks/rejection.py [MODEL] [--fashion FILE]

Needs numeye[train]; takes one or two minutes on 2 cores. Digits are MNIST's validation digits. The
other pictures are letters and signs of held-out fonts (those that look like digits on a line of
their own), blank pages, noise, paper, ruled paper, and Fashion-MNIST if its images file (IDX) is
named. Printed are the area under the ROC curve and how often a digit is read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from numeye import open_data
from numeye.errors import NumeyeError
from numeye.io import mnist
from numeye.io.datasets import validation_name
from numeye.models import card, registry
from numeye.models.runtime import Network
from numeye.recognition import localizer
from numeye.recognition.digit_readers import DEFAULT_REJECTION
from numeye.study import measures
from numeye.training.synthetic import fonts
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.generators import make_crop_generator
from numeye.training.synthetic.marks import ruled_lines
from numeye.training.synthetic.specs import PoolSpec
from numeye.training.synthetic.validation_sets import LETTER_VARIANTS, draw_letters

COUNT = 2_000
# Scores that are compared: 1 - P(no digit), which the reader uses; the probability of the best
# digit; the entropy over all eleven classes; the energy of the ten digits' logits (Liu et al. 2020)
SCORES = ("no digit", "best digit", "entropy", "energy")
STRICT_SHARE = 0.01  # of the digits that the stricter threshold rejects
BLANK_SCORES = (0.0, 0.0, -np.inf, -np.inf)
BATCH = 250


class Scorer:
    """Scores how much pictures look like digits, in several ways.

    Args:
        model: a model that localizes single digits.
    """

    def __init__(self, model: card.Model) -> None:
        self.model = model
        self.network = Network(model, 0)

    def scores(self, pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the scores of each picture: higher for digits, the lowest for blank pictures."""
        batches = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
        localizations = [
            localization
            for batch in batches
            for localization in localizer.localize(batch, self.network.localize)
        ]
        rows = [
            BLANK_SCORES if localization is None else self._scores(localization)
            for localization in localizations
        ]
        return dict(zip(SCORES, np.array(rows).T, strict=True))

    def read_percent(self, scores: dict[str, np.ndarray], no_digit: float | None = None) -> float:
        """Return how many pictures are read as a digit, in percent.

        Args:
            scores: scores of the pictures.
            no_digit: threshold for the probability of no digit (default: the card's).
        """
        least = self.model.rejection or DEFAULT_REJECTION
        digit = 1 - (least.no_digit if no_digit is None else no_digit)
        return float(
            np.mean((scores["no digit"] >= digit) & (scores["best digit"] >= least.unsure)) * 100
        )

    def _scores(self, localization: localizer.Localization) -> tuple[float, ...]:
        probabilities = self.model.scaling.probabilities(localization.log_probabilities[None])[0]
        entropy = float((probabilities * np.log(probabilities + 1e-12)).sum())
        logits = self.network.localize(localization.answer_crop.pixels[None])[0][0, :10].astype(
            np.float64
        )
        energy = float(logits.max() + np.log(np.exp(logits - logits.max()).sum()))
        return 1 - probabilities[10], float(probabilities[:10].max()), entropy, energy


def letters(lookalike: bool) -> list[np.ndarray]:
    """Return letters and signs of held-out fonts as they are, dark on light."""
    pictures = draw_letters(lookalike=lookalike).pictures
    return list(pictures[: len(pictures) // LETTER_VARIANTS])


def papers(paper: CropGenerator, *, ruled: bool) -> list[np.ndarray]:
    """Return photographs of empty or ruled synthetic paper."""
    empty = np.zeros((paper.size, paper.size), np.float32)
    whole = (0.0, 0.0, float(paper.size), float(paper.size))
    found = []
    for number in range(COUNT):
        random = np.random.default_rng([7, number])
        drawn = ruled_lines.draw_lines(paper.size, whole, random) if ruled else empty
        levels = np.clip(paper.photograph(drawn, whole, random), 0, 1) * 255
        found.append(np.rint(levels).astype(np.uint8))
    return found


def fashion(path: Path) -> list[np.ndarray]:
    """Return pictures of Fashion-MNIST.

    Raises:
        SystemExit: the file cannot be read.
    """
    try:
        return list(mnist.read_idx(path)[:COUNT])
    except NumeyeError as error:
        raise SystemExit(f"rejection.py: {error}") from error


def main() -> None:
    """Print a line for each kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--fashion", type=Path)
    options = parser.parse_args()
    clothes = fashion(options.fashion) if options.fashion else []
    model = registry.load(options.model)
    fonts.fetch()
    scorer = Scorer(model)
    random = np.random.default_rng(0)
    writers = model.splits_writers
    paper = make_crop_generator(PoolSpec(split="validation", writers=writers))
    plain = open_data(validation_name(writers=writers))
    digits = scorer.scores(list(np.asarray(plain.pictures)))
    kinds = {
        "letters, held-out fonts": letters(lookalike=False),
        "letters that look like digits": letters(lookalike=True),
        "blank": [np.full((40, 60), int(random.integers(256)), np.uint8) for _ in range(COUNT)],
        "noise": [random.integers(0, 256, (40, 40), np.uint8) for _ in range(COUNT)],
        "paper": papers(paper, ruled=False),
        "ruled paper, nothing written": papers(paper, ruled=True),
    }
    if clothes:
        kinds["Fashion-MNIST"] = clothes
    strict = 1 - float(np.quantile(digits["no digit"], STRICT_SHARE))
    print(
        "area under the ROC curve of each score; share of pictures that are read as a digit, at the"
        " card's"
    )
    print(
        f"threshold and at a stricter one, {strict:.3f}, which rejects {STRICT_SHARE:.0%} of the"
        " digits"
    )
    print(
        f"{'':<32}{'n':>7}"
        + "".join(f"{name:>12}" for name in SCORES)
        + f"{'claimed %':>11}{'strictly %':>12}"
    )
    name = f"{model.name}: validation digits"
    print(
        f"{name:<32}{len(digits['no digit']):>7,}{'':>{12 * len(SCORES)}}"
        f"{scorer.read_percent(digits):>11.2f}{scorer.read_percent(digits, strict):>12.2f}"
    )
    for kind, pictures in kinds.items():
        scores = scorer.scores(pictures)
        areas = "".join(f"{measures.auroc(digits[name], scores[name]):>12.4f}" for name in SCORES)
        print(
            f"{kind:<32}{len(pictures):>7,}{areas}"
            f"{scorer.read_percent(scores):>11.2f}{scorer.read_percent(scores, strict):>12.2f}"
        )


if __name__ == "__main__":
    main()
