"""How well the reader tells digits from what is none: area under the ROC curve, and how often "a digit" is claimed.

Usage: python benchmarks/rejection.py [MODEL] [--fashion FILE]   (a minute or two on 2 cores; needs numeye[train])

Digits are MNIST's validation digits. What is none: letters and signs of held-out fonts (those that look like digits
apart), blank pages, noise, paper, ruled paper, and Fashion-MNIST where its images file (IDX) is named.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from numeye import metrics, mnist, open_data, weights, zoom
from numeye.errors import NumeyeError
from numeye.eyes import USUAL, Network
from numeye.training.paper import fonts, marks
from numeye.training.paper.crop import Paper
from numeye.training.paper.pool import PoolSpec, make_paper

COUNT = 2_000
# What is compared: 1 - P(no digit), which the reader goes by; the probability of the best digit; the entropy over all
# eleven answers; and the energy of the ten digits' logits in the look (Liu et al. 2020).
SCORES = ("no digit", "best digit", "entropy", "energy")
STRICT = 0.01  # share of the digits; twice what may be rejected
BLANK = (0.0, 0.0, -np.inf, -np.inf)
BATCH = 250


class Judge:
    """Says of pictures how much they look like digits, in several ways.

    Args:
        model: to judge with.
    """

    def __init__(self, model: weights.Model) -> None:
        self.model = model
        self.network = Network(model, 0)

    def scores(self, pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Each score of each picture, higher for digits; the lowest of all for a blank one."""
        batches = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
        sights = [sight for batch in batches for sight in zoom.see(batch, self.network.look)]
        rows = [BLANK if sight is None else self._scores(sight) for sight in sights]
        return dict(zip(SCORES, np.array(rows).T, strict=True))

    def claimed(self, scores: dict[str, np.ndarray], no_digit: float | None = None) -> float:
        """Percent of pictures of which the reader says which digit there is, at the card's threshold or another."""
        least = self.model.rejection or USUAL
        digit = 1 - (least.no_digit if no_digit is None else no_digit)
        return float(np.mean((scores["no digit"] >= digit) & (scores["best digit"] >= least.unsure)) * 100)

    def _scores(self, sight: zoom.Sight) -> tuple[float, ...]:
        told = np.exp(zoom.log_softmax(sight.log_probabilities[None] / self.model.temperature))[0]
        entropy = float((told * np.log(told + 1e-12)).sum())
        ten = self.network.look(sight.look.pixels[None])[0][0, :10].astype(np.float64)
        energy = float(ten.max() + np.log(np.exp(ten - ten.max()).sum()))
        return 1 - told[10], float(told[:10].max()), entropy, energy


def letters(lookalike: bool) -> list[np.ndarray]:
    """Dark on light, as printed, of held-out fonts."""
    glyphs = fonts.load_glyphs("held-out")
    chosen = [
        mask
        for mask, character in zip(glyphs.masks, glyphs.characters, strict=True)
        if character not in fonts.DIGITS and (character in fonts.LOOKALIKES) == lookalike
    ]
    return [255 - mask for mask in chosen]


def papers(paper: Paper, *, ruled: bool) -> list[np.ndarray]:
    """Paper, its light and the camera, with nothing written on it, or nothing but lines."""
    empty = np.zeros((paper.size, paper.size), np.float32)
    whole = (0.0, 0.0, float(paper.size), float(paper.size))
    found = []
    for number in range(COUNT):
        random = np.random.default_rng([7, number])
        drawn = marks.lines(paper.size, whole, random) if ruled else empty
        levels = np.clip(paper.photograph(drawn, whole, random), 0, 1) * 255
        found.append(np.rint(levels).astype(np.uint8))
    return found


def fashion(path: Path) -> list[np.ndarray]:
    """Pictures of clothes.

    Raises:
        SystemExit: it is no file of such pictures.
    """
    try:
        return list(mnist.read_idx(path)[:COUNT])
    except NumeyeError as error:
        raise SystemExit(f"rejection.py: {error}") from error


def main() -> None:
    """Print a line for each kind of pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--fashion", type=Path)
    asked = parser.parse_args()
    clothes = fashion(asked.fashion) if asked.fashion else []
    model = weights.load(asked.model)
    fonts.fetch()
    judge = Judge(model)
    random = np.random.default_rng(0)
    paper = make_paper(PoolSpec(split="validation"))
    digits = judge.scores(list(np.asarray(open_data("mnist:validation").pictures)))
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
    strict = 1 - float(np.quantile(digits["no digit"], STRICT))
    print("area under the ROC curve by each score; share of pictures in which a digit is claimed, at the card's")
    print(f"threshold and at a stricter one, {strict:.3f}, that calls {STRICT:.0%} of the digits no digit")
    print(f"{'':<32}{'n':>7}" + "".join(f"{name:>12}" for name in SCORES) + f"{'claimed %':>11}{'strictly %':>12}")
    claims = f"{judge.claimed(digits):>11.2f}{judge.claimed(digits, strict):>12.2f}"
    print(f"{model.name + ': validation digits':<32}{len(digits['no digit']):>7,}{'':>{12 * len(SCORES)}}{claims}")
    for kind, pictures in kinds.items():
        found = judge.scores(pictures)
        areas = "".join(f"{metrics.auroc(digits[name], found[name]):>12.4f}" for name in SCORES)
        print(f"{kind:<32}{len(pictures):>7,}{areas}{judge.claimed(found):>11.2f}{judge.claimed(found, strict):>12.2f}")


if __name__ == "__main__":
    main()
