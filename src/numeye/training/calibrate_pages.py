"""How the spotter and the reader are weighed, and how sure a number is, from strips that neither learned from.

The strips are numbers on synthetic paper, of the digits and fonts held back. A third fits the weights, the others count
errors, so that neither flatters the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor
from torch.nn import functional

from numeye import locate, weights
from numeye.eyes import Network, ZoomEyes
from numeye.image import Page
from numeye.locate import Spots
from numeye.scan import PageEyes
from numeye.training.calibrate import LEVEL, error_curve
from numeye.training.paper.page import Pages, Tile
from numeye.weighing import NO_DIGIT, Weighing, log_odds_of_a_digit

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

STRIPS, SERIES = 12_000, 1  # how many, and the seed of the series that they are of
FITTED = 3  # one of so many fits the weights, the others count errors
UNSURE_AT = 0.5  # a number that is more likely wrong than right is set aside
SAME = 0.4  # intersection over union of a box that was found and the one that is there


def calibrate(graph: bytes, pages: Pages) -> dict[str, Any]:
    """What the card says of certainty: `weighing`, `rejection`, `calibration`, and `reader`, which it was weighed with.

    Args:
        graph: the spotter as ONNX.
        pages: of digits and fonts held back.
    """
    reader = weights.load()
    network = Network(reader, 0)
    find, look, alone = finder(graph), network.look, ZoomEyes(network, reader, None)
    strips = [pages.strip(SERIES, number) for number in range(STRIPS)]
    fitted = strips[::FITTED]
    counted = [strip for number, strip in enumerate(strips) if number % FITTED]
    eyes = PageEyes(find, look, Weighing())
    weighing = fit_weighing(eyes, fitted)
    weighing = replace(weighing, number=_fit_number(PageEyes(find, look, weighing), fitted))
    # As it is read in the end: where no number is found, one digit may be looked for, which may be wrong.
    confidences, right = _read(PageEyes(find, look, weighing, alone=alone), counted)
    return {
        "weighing": asdict(weighing),
        "rejection": {"no_digit": 0.5, "unsure": UNSURE_AT},
        "reader": {"name": reader.name, "sha256": reader.card.get("sha256")},
        "calibration": {
            "data": "numbers of 1 to 8 digits on synthetic paper, of validation digits and held-out fonts",
            "n": len(right),
            "level": LEVEL,
            "curve": error_curve(confidences, right),
        },
    }


def finder(graph: bytes) -> locate.Network:
    """The spotter in ONNX Runtime."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return lambda pixels: np.asarray(session.run(None, {"images": pixels})[0])


def fit_weighing(eyes: PageEyes, strips: Sequence[Tile]) -> Weighing:
    """The weights under which what is on the strips is most likely."""
    seen = [(*eyes.see(strip.picture), strip) for strip in strips]
    labels = np.concatenate([match(spots, strip) for spots, _, strip in seen])
    there = np.concatenate([spots.there for spots, _, _ in seen])
    which = np.concatenate([spots.which for spots, _, _ in seen])
    looks = np.concatenate([look for _, look, _ in seen])
    digit = torch.from_numpy(labels < NO_DIGIT)
    features = torch.from_numpy(np.stack([np.ones_like(there), there, log_odds_of_a_digit(looks)], axis=1))
    both = torch.from_numpy(np.stack([which, looks[:, :NO_DIGIT]], axis=2))[digit]  # (m, 10, 2)
    truth = torch.from_numpy(labels)[digit]
    of_which = _least(lambda w: functional.cross_entropy(both @ w, truth), (1.0, 0.5))
    constant, spotter, look = _logistic(features, digit, (0.0, 1.0, 0.0))
    return Weighing(spotter=of_which[0], reader=of_which[1], there=(constant, spotter, look))


def match(spots: Spots, strip: Tile) -> Int64[np.ndarray, " n"]:
    """Which digit each spot is; `NO_DIGIT` for one that is none, or that a likelier one was before it."""
    labels = np.full(len(spots), NO_DIGIT, np.int64)
    left = list(range(len(strip.labels)))
    for number in np.argsort(-spots.there, kind="stable").tolist():
        if left:
            shares = locate.overlaps(spots.boxes[number], strip.boxes[left].astype(np.float64))
            if shares.max() >= SAME:
                labels[number] = strip.labels[left.pop(int(shares.argmax()))]
    return labels


def _fit_number(eyes: PageEyes, strips: Sequence[Tile]) -> tuple[float, float]:
    confidences, right = _read(eyes, strips)
    odds = torch.logit(torch.from_numpy(confidences), eps=1e-9)
    features = torch.stack([torch.ones_like(odds), odds], dim=1)
    constant, weight = _logistic(features, torch.from_numpy(right), (0.0, 1.0))
    return constant, weight


def _read(eyes: PageEyes, strips: Sequence[Tile]) -> tuple[Float64[np.ndarray, " n"], np.ndarray]:
    """How sure each strip's number was, and whether all of it was right; a sign may have parted it."""
    readings = eyes.read([Page(name="", index=0, grey=np.ascontiguousarray(strip.picture)) for strip in strips])
    said = ["".join(str(digit.digit) for digit in reading.digits) for reading in readings]
    right = np.array([text == strip.text for text, strip in zip(said, strips, strict=True)])
    return np.array([reading.confidence for reading in readings]), right


def _logistic(features: Tensor, wanted: Tensor, start: tuple[float, ...]) -> list[float]:
    """Weights of log-odds."""
    return _least(lambda w: functional.binary_cross_entropy_with_logits(features @ w, wanted.double()), start)


def _least(loss: Callable[[Tensor], Tensor], start: tuple[float, ...]) -> list[float]:
    """Where a smooth loss is least (L-BFGS)."""
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(weights)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found: list[float] = weights.detach().tolist()
    return found
