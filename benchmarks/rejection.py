"""How well the reader tells digits from what is none: area under the ROC curve, and how often "a digit" is claimed.

Usage: python benchmarks/rejection.py [MODEL] [--fashion FILE]   (a minute or two on 2 cores; needs numeye[train])

Digits are MNIST's validation digits. What is none: letters and signs of held-out fonts (those that look like digits
apart), blank pages, noise, paper without writing, and Fashion-MNIST where its images file (IDX) is named.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from numeye import metrics, mnist, open_data, weights, zoom
from numeye.eyes import Network
from numeye.training import fonts
from numeye.training.paper import Paper
from numeye.training.pool import PoolSpec, make_paper

COUNT = 2_000
BATCH = 250


def digit_scores(model: weights.Model, pictures: list[np.ndarray]) -> np.ndarray:
    """The probability that there is a digit, for each picture; 0 for a blank one."""
    network = Network(model, 0)
    sights: list[zoom.Sight | None] = []
    for start in range(0, len(pictures), BATCH):
        sights += zoom.see(pictures[start : start + BATCH], lambda pixels: tuple(network(pixels)))
    return np.array([0.0 if sight is None else 1 - _no_digit(sight, model.temperature) for sight in sights])


def _no_digit(sight: zoom.Sight, temperature: float) -> float:
    return float(np.exp(zoom.log_softmax(sight.log_probabilities[None] / temperature))[0, 10])


def letters(lookalike: bool) -> list[np.ndarray]:
    """Dark on light, as printed, of held-out fonts."""
    glyphs = fonts.load_glyphs("held-out")
    chosen = [
        mask
        for mask, character in zip(glyphs.masks, glyphs.characters, strict=True)
        if character not in fonts.DIGITS and (character in fonts.LOOKALIKES) == lookalike
    ]
    return [255 - mask for mask in chosen]


def papers(paper: Paper) -> list[np.ndarray]:
    """Paper, its light, its lines and the camera, with nothing written on it."""
    empty = np.zeros((paper.size, paper.size), np.float32)
    whole = (0.0, 0.0, float(paper.size), float(paper.size))
    found = []
    for number in range(COUNT):
        random = np.random.default_rng([7, number])
        picture = paper._photograph(paper._surround(empty, whole, 10, random), whole, random)
        found.append(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return found


def main() -> None:
    """Print a line for each kind of pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--fashion", type=Path)
    asked = parser.parse_args()
    model = weights.load(asked.model)
    fonts.fetch()
    random = np.random.default_rng(0)
    digits = digit_scores(model, list(np.asarray(open_data("mnist:validation").pictures)[:COUNT]))
    kinds = {
        "letters, held-out fonts": letters(lookalike=False),
        "letters that look like digits": letters(lookalike=True),
        "blank": [np.full((40, 60), int(random.integers(256)), np.uint8) for _ in range(COUNT)],
        "noise": [random.integers(0, 256, (40, 40), np.uint8) for _ in range(COUNT)],
        "paper without writing": papers(make_paper(PoolSpec(split="validation"))),
    }
    if asked.fashion:
        kinds["Fashion-MNIST"] = list(mnist.read_idx(asked.fashion)[:COUNT])
    print(f"{model.name}: {np.mean(digits < 0.5) * 100:.2f} % of {len(digits):,} MNIST validation digits set aside")
    print(f"{'no digits':<32}{'n':>7}{'AUROC':>9}{'claimed %':>11}")
    for kind, pictures in kinds.items():
        scores = digit_scores(model, pictures)
        area = metrics.auroc(digits, scores)
        print(f"{kind:<32}{len(pictures):>7,}{area:>9.4f}{np.mean(scores >= 0.5) * 100:>11.2f}")


if __name__ == "__main__":
    main()
