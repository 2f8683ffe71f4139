"""How sure a model may be: temperature, thresholds and error counts from crops that it never learned from.

The crops are synthetic paper of the digits and fonts held back, read as any picture is read: with every glance and
look of `numeye.zoom`. One half fits the temperature, the other half counts errors, so that neither flatters the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import weights, zoom
from numeye.datasets import DataSet
from numeye.eyes import Network
from numeye.metrics import fit_temperature
from numeye.training.paper.crop import NO_DIGIT
from numeye.training.paper.pool import Pool

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Logs = Float64[np.ndarray, "n 11"]

BATCH = 250
LEVEL = 0.95
POINTS = 400  # of the curve
SMALLEST = 12  # pixels of the crop; smaller digits are there to be found, not to be read
# "No digit" is said where it is likelier than it is for all but this share of MNIST's validation digits, within bounds.
SET_ASIDE, NO_DIGIT_BOUNDS = 0.002, (0.05, 0.5)
UNSURE_AT = 0.5


def calibrate(graph: bytes, pool: Pool, plain: DataSet) -> dict[str, Any]:
    """What the card says of certainty: `temperature`, `rejection` and `calibration`.

    Args:
        graph: the model as ONNX.
        pool: crops held back; an accepted answer to one that is no digit counts as wrong.
        plain: digits held back, as they are; where to say "no digit" is chosen by them.
    """
    logs, labels = read_pool(graph, pool)
    clean, _ = read(graph, list(np.asarray(plain.pictures)), plain.digits())
    first = np.arange(len(labels)) % 2 == 0
    temperature = fit_temperature(logs[first], labels[first])
    told = np.exp(zoom.log_softmax(logs[~first] / temperature))
    digits = told[:, :NO_DIGIT]
    confidences, right = digits.max(axis=1), digits.argmax(axis=1) == labels[~first]
    there = labels[~first] < NO_DIGIT
    return {
        "temperature": temperature,
        "rejection": {"no_digit": _no_digit_at(clean / temperature), "unsure": UNSURE_AT},
        "calibration": {
            "data": "synthetic paper of validation digits and held-out fonts, digits of 12 pixels and more, "
            f"{1 - there.mean():.0%} of it no digit",
            "n": len(right),
            "level": LEVEL,
            "curve": error_curve(confidences, right),
        },
    }


def read_pool(graph: bytes, pool: Pool) -> tuple[Logs, Int64[np.ndarray, " n"]]:
    """`read` for the crops of a pool, without the digits of a few pixels."""
    kept = [number for number in range(len(pool)) if legible(pool, number)]
    return read(graph, [np.asarray(pool.picture(number)) for number in kept], pool.labels[kept])


def legible(pool: Pool, number: int) -> bool:
    """Whether a crop's digit is large enough to be read; also true where there is none."""
    left, top, right, bottom = pool.boxes[number].tolist()
    return bool(max(right - left, bottom - top) >= SMALLEST)


def read(
    graph: bytes, pictures: Sequence[np.ndarray], labels: Int64[np.ndarray, " n"]
) -> tuple[Logs, Int64[np.ndarray, " m"]]:
    """Logarithms of the probabilities that coarse-to-fine reading gives, not calibrated, and the labels.

    Pictures without any contrast are left out: they are rejected as blank before the network is asked.
    """
    network = Network(weights.Model(name="calibration", onnx=graph, card={}), 0)
    batches = (list(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH))
    found = [sight.log_probabilities if sight else None for batch in batches for sight in zoom.see(batch, network.look)]
    seen = [number for number, logs in enumerate(found) if logs is not None]
    return np.stack([logs for logs in found if logs is not None]), labels[seen]


def _no_digit_at(logs: Logs) -> float:
    """The probability of "no digit" from which on it is said: few of these digits have more."""
    none = np.exp(zoom.log_softmax(logs))[:, NO_DIGIT]
    return round(float(np.clip(np.quantile(none, 1 - SET_ASIDE), *NO_DIGIT_BOUNDS)), 3)


def error_curve(confidences: Float64[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> list[list[float | int]]:
    """Thresholds from high to low, each with how many answers are at least so sure and how many of them are wrong."""
    order = np.argsort(-confidences, kind="stable")
    ranked, wrong = confidences[order], np.cumsum(~right[order])
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))  # the last of those that are equally sure
    chosen = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).astype(int))]
    return [[float(ranked[i]), int(i) + 1, int(wrong[i])] for i in chosen]
