"""How sure a model may be: temperature, thresholds and error counts from crops that it never learned from.

The crops are synthetic paper of the digits and fonts held back, read as any picture is read: with every glance and
look of `numeye.zoom`. One half fits the temperature, the other half counts errors, so that neither flatters the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import weights, zoom
from numeye.eyes import Network
from numeye.metrics import fit_temperature
from numeye.training.paper import NO_DIGIT
from numeye.training.pool import Pool

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

BATCH = 250
LEVEL = 0.95
POINTS = 400  # of the curve
SMALLEST = 12  # pixels of the crop; smaller digits are there to be found, not to be read
# Chosen on MNIST's 5,000 validation digits, of which 0.28 % are set aside at 0.15; at 0.5 none is, but twelve times as
# much noise and five times as much empty paper is taken for a digit (benchmarks/rejection.py).
NO_DIGIT_AT, UNSURE_AT = 0.15, 0.5


def calibrate(graph: bytes, pool: Pool) -> dict[str, Any]:
    """What the card says of certainty: `temperature`, `rejection` and `calibration`.

    Args:
        graph: the model as ONNX.
        pool: crops held back; an accepted answer to one that is no digit counts as wrong.
    """
    logs, labels = read_pool(graph, pool)
    first = np.arange(len(labels)) % 2 == 0
    temperature = fit_temperature(logs[first], labels[first])
    told = np.exp(zoom.log_softmax(logs[~first] / temperature))
    digits = told[:, :NO_DIGIT]
    confidences, right = digits.max(axis=1), digits.argmax(axis=1) == labels[~first]
    there = labels[~first] < NO_DIGIT
    return {
        "temperature": temperature,
        "rejection": {"no_digit": NO_DIGIT_AT, "unsure": UNSURE_AT},
        "calibration": {
            "data": "synthetic paper of validation digits and held-out fonts, digits of 12 pixels and more, "
            f"{1 - there.mean():.0%} of it no digit",
            "n": len(right),
            "level": LEVEL,
            "curve": error_curve(confidences, right),
        },
    }


def read_pool(graph: bytes, pool: Pool) -> tuple[Float64[np.ndarray, "n 11"], Int64[np.ndarray, " n"]]:
    """Logarithms of the probabilities that coarse-to-fine reading gives each crop, not calibrated, and the labels.

    Crops without any contrast are left out, which are rejected as blank before the network is asked, and digits of a
    few pixels.
    """
    network = Network(weights.Model(name="calibration", onnx=graph, card={}), 0)
    logs, kept = [], []

    def look(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, boxes = network(pixels)
        return logits, boxes

    for start in range(0, len(pool), BATCH):
        numbers = range(start, min(start + BATCH, len(pool)))
        sights = zoom.see([np.asarray(pool.picture(number)) for number in numbers], look)
        for number, sight in zip(numbers, sights, strict=True):
            if sight is not None and _legible(pool, number):
                logs.append(sight.log_probabilities)
                kept.append(number)
    return np.stack(logs), pool.labels[kept]


def _legible(pool: Pool, number: int) -> bool:
    left, top, right, bottom = pool.boxes[number].tolist()
    return bool(max(right - left, bottom - top) >= SMALLEST)


def error_curve(confidences: Float64[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> list[list[float | int]]:
    """Thresholds from high to low, each with how many answers are at least so sure and how many of them are wrong."""
    order = np.argsort(-confidences, kind="stable")
    ranked, wrong = confidences[order], np.cumsum(~right[order])
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))  # the last of those that are equally sure
    chosen = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).astype(int))]
    return [[float(ranked[i]), int(i) + 1, int(wrong[i])] for i in chosen]
