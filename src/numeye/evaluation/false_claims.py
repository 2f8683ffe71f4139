"""Evaluation on pictures without a digit: whatever is read on them is false."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.evaluation import metrics
from numeye.evaluation.number_texts import read_numbers
from numeye.evaluation.read_data import read_data
from numeye.evaluation.result import EvaluationResult
from numeye.io.contact_sheet import Tile
from numeye.io.datasets import DataSet
from numeye.io.labels import Layout
from numeye.printable import printable
from numeye.reader import Reader
from numeye.results import Reading

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64


@dataclass(frozen=True, kw_only=True)
class FalseClaimsResult(EvaluationResult):
    """The answers of a model to pictures on which there is no digit.

    The right answer is none, or one that the reader rejects.

    Attributes:
        data: name of the data set.
        layout: whether a picture was read as one digit or as a page.
        model: name of the model.
        readings: the n readings.
        failed: one line for each picture that cannot be read; these are not among the n.
    """

    data: str
    layout: Layout
    model: str
    readings: Sequence[Reading] = field(repr=False)
    failed: tuple[str, ...] = ()
    tile_px = 240
    tile_columns = 4

    @cached_property
    def claims(self) -> list[list[tuple[str, float]]]:
        """Return the text and confidence of each accepted number (or digit) of each picture."""
        return [_claims(reading) for reading in self.readings]

    @cached_property
    def accepted(self) -> Bool[np.ndarray, " n"]:  # type: ignore[override]  # never assigned
        """Return n flags, True where something is claimed."""
        return np.array([bool(claims) for claims in self.claims], bool)

    @cached_property
    def is_correct(self) -> Bool[np.ndarray, " n"]:
        """Return n flags, True where nothing is claimed."""
        correct: np.ndarray = ~self.accepted
        return correct

    @cached_property
    def confidences(self) -> Float64[np.ndarray, " n"]:  # type: ignore[override]  # never assigned
        """Return the highest confidence of a claim on each picture; 0 without any."""
        return np.array(
            [max((confidence for _, confidence in claims), default=0.0) for claims in self.claims]
        )

    @property
    def claimed(self) -> int:
        """Return the number of pictures on which something is claimed."""
        return int(self.accepted.sum())

    @property
    def claimed_rate(self) -> float:
        """Return the pictures on which something is claimed, in percent."""
        return metrics.accuracy(self.claimed, len(self.readings))

    @property
    def false(self) -> int:
        """Return the number of claims on all pictures."""
        return sum(map(len, self.claims))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures that `numeye evaluate --json` prints; all rates in percent."""
        return {
            "data": self.data,
            "model": self.model,
            "n": len(self.readings),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "claimed": self.claimed,
            "claimed_rate": self.claimed_rate,
            "false": self.false,
            "rejected": self.rejected_percent,
            "accuracy_accepted": self.accuracy_accepted,
            "ece": None,
            "failed": list(self.failed),
        }

    def __str__(self) -> str:
        """Return the figures, as `numeye evaluate` prints them."""
        what = "digit" if self.layout == "digit" else "number"
        return "\n".join(
            [
                f"{printable(self.model)} on {printable(self.data)}, pictures without a {what}",
                f"nothing read   {self.accuracy_text}",
                f"claimed        on {self.claimed:,} pictures, {self.claimed_rate:.2f} %;"
                f" {self.false:,} {what}s in all",
            ]
        )

    def mistake_tile(self, number: int) -> Tile:
        """Return a picture with a claim as a tile: what is claimed, and the confidence."""
        texts = " ".join(text for text, _ in self.claims[number])
        lines = f"read {texts}", f"no. {number} ({self.confidences[number]:.0%})"
        return Tile(picture=self.readings[number].picture, lines=lines)


def evaluate_false_claims(
    reader: Reader, data: DataSet, *, progress: Callable[[int], object] = lambda _: None
) -> FalseClaimsResult:
    """Read every picture of a data set without digits.

    Args:
        reader: a reader of numbers, or of single digits if the layout is `digit`.
        data: pictures; all labels are empty.
        progress: called with the number of pictures read so far.

    Raises:
        DataError: no picture can be read.
    """
    reader = reader.for_single() if data.layout == "digit" else reader
    read = read_data(reader, data, progress)
    return FalseClaimsResult(
        data=data.name,
        layout=data.layout,
        model=reader.name,
        readings=read.readings,
        failed=read.failed,
    )


def _claims(reading: Reading) -> list[tuple[str, float]]:
    if reading.rejected:
        return []
    if not reading.numbers:
        return [(digit.text, digit.confidence) for digit in reading.digits]
    numbers = [number for number in read_numbers(reading) if number.digits and number.text]
    return [(number.text, number.confidence) for number in numbers]
