"""Evaluation on pictures with one digit each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import DataError, MissingExtra, PictureError, UsageError
from numeye.evaluation import metrics
from numeye.evaluation.result import EvaluationResult
from numeye.io import images
from numeye.io.contact_sheet import Tile
from numeye.io.datasets import DataSet
from numeye.io.images import Picture
from numeye.models.task import CLASSIFICATION
from numeye.printable import printable
from numeye.reader import Reader
from numeye.recognition.preprocessing import FRAME_PX, resize_only
from numeye.results import Unreadable

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int64

FRAMINGS = ("classical", "naive")  # of models that expect MNIST's frame
NAIVE_BATCH = 512  # resized pictures that go through the network together


@dataclass(frozen=True, kw_only=True)
class DigitsResult(EvaluationResult):
    """The answers of a model to pictures with one digit each.

    Attributes:
        data: name of the data set.
        model: name of the model.
        labels: the n digits on the pictures.
        answers: the n best answers, also where the reader rejects; -1 if there is none.
        confidences: the n probabilities of the best answers, 0 to 1.
        accepted: n flags, False where the reader rejects.
        pictures: the n pictures.
        failed: one line for each picture that cannot be read; these are not among the n.
        framing: how the pictures were prepared: "classical" for
            `numeye.recognition.preprocessing.frame`, "naive" for resizing only, else the model's
            own framing.
    """

    layout = "digit"
    data: str
    model: str
    labels: Int64[np.ndarray, " n"]
    answers: Int64[np.ndarray, " n"]
    confidences: Float64[np.ndarray, " n"]
    accepted: Bool[np.ndarray, " n"]
    pictures: list[Picture] = field(repr=False)
    failed: tuple[str, ...] = ()
    framing: str = "classical"

    @cached_property
    def is_correct(self) -> Bool[np.ndarray, " n"]:
        """Return n flags, True where the best answer equals the label."""
        correct: np.ndarray = self.answers == self.labels
        return correct

    @cached_property
    def confusion(self) -> Int64[np.ndarray, "10 11"]:
        """Return how often each digit (row) got each answer (column; the last for none)."""
        return metrics.confusion_matrix(self.labels, self.answers)

    def per_digit(self) -> list[float | None]:
        """Return the accuracy of each digit in percent; None for a digit that does not occur."""
        totals = self.confusion.sum(axis=1)
        return [
            metrics.accuracy(int(self.confusion[digit, digit]), int(total)) if total else None
            for digit, total in enumerate(totals)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures that `numeye evaluate --json` prints; all rates in percent."""
        return {
            "data": self.data,
            "model": self.model,
            "n": len(self.labels),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "rejected": self.rejected_percent,
            "coverage": 100 - self.rejected_percent,
            "accuracy_accepted": self.accuracy_accepted,
            **metrics.calibration(self.confidences, self.is_correct),
            "per_digit": self.per_digit(),
            "confusion": self.confusion.tolist(),
            "failed": list(self.failed),
            "framing": self.framing,
        }

    def __str__(self) -> str:
        """Return the figures and the confusion matrix, as `numeye evaluate` prints them."""
        framing = ", naive framing" if self.framing == "naive" else ""
        lines = [
            printable(f"{self.model} on {self.data}") + framing,
            f"accuracy      {self.accuracy_text}",
            *metrics.calibration_lines(self.to_dict(), 14),
        ]
        if self.rejected_percent:
            lines.append(f"rejected      {self.rejection_text}")
        return "\n".join([*lines, "", *self._confusion_lines()])

    def _confusion_lines(self) -> list[str]:
        columns = 11 if self.confusion[:, 10].any() else 10
        names = [*"0123456789", "none"][:columns]
        lines = ["written   read as " + "".join(f"{name:>6}" for name in names)]
        for digit, accuracy in enumerate(self.per_digit()):
            counts = self.confusion[digit, :columns].tolist()
            row = "".join(f"{count or '.':>6}" for count in counts)
            share = "-" if accuracy is None else f"{accuracy:6.2f} %"
            lines.append(f"{digit:>7}           {row}   {share}")
        return lines

    def mistake_tile(self, number: int) -> Tile:
        """Return a mistake as a tile: its picture, label, answer and confidence."""
        digit = int(self.answers[number])
        answer = "none" if digit < 0 else f"{digit} ({self.confidences[number]:.0%})"
        grey = next(iter(images.pages(self.pictures[number]))).grey
        return Tile(picture=grey, lines=(f"{self.labels[number]} read {answer}", f"no. {number}"))


def evaluate_digits(
    reader: Reader,
    data: DataSet,
    *,
    naive: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> DigitsResult:
    """Read every picture of a data set of single digits.

    Args:
        reader: any reader; one of numbers is replaced by `Reader.for_single`.
        data: pictures with one digit each.
        naive: only resize the pictures, as tutorials do, instead of framing them like MNIST; see
            `framing_of`.
        progress: called with the number of pictures read so far.

    Raises:
        UsageError: `naive` with a model that does not expect MNIST's frame.
        DataError: a label is not a single digit, or no picture can be read.
    """
    reader = reader.for_single()
    framing = framing_of(reader, "naive" if naive else None)
    labels = data.digits()
    if data.framed:
        rows = list(_answer_framed(reader, data))
    else:
        rows = list((_answer_resized if naive else _answer)(reader, data, progress))
    kept = [number for number, row in enumerate(rows) if not isinstance(row, str)]
    answers = [row for row in rows if not isinstance(row, str)]
    if not answers:
        raise DataError(f"{data.name}: none of its {len(rows):,} pictures can be read ({rows[0]})")
    return DigitsResult(
        data=data.name,
        model=reader.model.name,
        labels=labels[kept],
        answers=np.array([digit for digit, _, _ in answers], np.int64),
        confidences=np.array([confidence for _, confidence, _ in answers], np.float64),
        accepted=np.array([accepted for _, _, accepted in answers], bool),
        pictures=[data.pictures[number] for number in kept],
        failed=tuple(row for row in rows if isinstance(row, str)),
        framing=framing,
    )


def framing_of(reader: Reader, requested: str | None = None) -> str:
    """Return how pictures are prepared for a reader.

    Args:
        reader: a reader of single digits.
        requested: "classical" or "naive", for models that expect MNIST's frame; None for the
            model's usual framing.

    Raises:
        UsageError: the framing is unknown, or the model allows no choice.
    """
    own = reader.model.task
    if requested is None:
        return "classical" if own == CLASSIFICATION.name else own
    if requested not in FRAMINGS:
        raise UsageError(f"--framing {requested}: expected {' or '.join(FRAMINGS)}")
    if own != CLASSIFICATION.name:
        raise UsageError(
            f"--framing {requested}: {reader.model.name} has its own framing ({own}); leave the"
            " option out"
        )
    return requested


Answer = tuple[int, float, bool]  # digit (-1: none), its probability, whether it is accepted


def _answer_framed(reader: Reader, data: DataSet) -> Iterator[Answer | str]:
    """Yield the answers to pictures that have MNIST's frame already.

    A model that expects this frame gets their pixels; any other model reads them as pictures.
    """
    if reader.model.task != CLASSIFICATION.name:
        yield from _answer(reader, data, lambda _: None)
        return
    pixels = np.asarray(data.pictures, np.float32) / 255  # (n, 28, 28)
    probabilities = reader.probabilities(pixels)  # (n, classes)
    best = probabilities.argmax(axis=1)
    for digit, confidence in zip(best.tolist(), probabilities.max(axis=1).tolist(), strict=True):
        yield digit, confidence, True


def _answer(
    reader: Reader, data: DataSet, progress: Callable[[int], object]
) -> Iterator[Answer | str]:
    """Yield the reader's answer to each picture, or the error of one that cannot be read."""
    for count, reading in enumerate(reader.read_each(data.pictures), start=1):
        progress(count)
        if isinstance(reading, Unreadable):
            yield reading.error
        elif reading.digits:
            best = reading.digits[0]
            yield best.digit, best.confidence, reading.rejected is None
        else:
            yield -1, 0.0, False


def _answer_resized(
    reader: Reader, data: DataSet, progress: Callable[[int], object]
) -> Iterator[Answer | str]:
    """Yield the answers to pictures that are only resized; none of them is rejected."""
    for start in range(0, len(data), NAIVE_BATCH):
        rows = _resize_all(data.pictures[start : start + NAIVE_BATCH])
        pixels = [row for row in rows if not isinstance(row, str)]
        stacked = np.stack(pixels) if pixels else np.zeros((0, FRAME_PX, FRAME_PX), np.float32)
        probabilities = iter(reader.probabilities(stacked))
        for row in rows:
            if isinstance(row, str):
                yield row
            else:
                scores = next(probabilities)
                yield int(scores.argmax()), float(scores.max()), True
        progress(start + len(rows))


def _resize_all(
    pictures: Sequence[Picture] | np.ndarray,
) -> list[Float32[np.ndarray, "28 28"] | str]:
    """Return each picture as 28x28, or the error of one that cannot be read."""
    rows: list[np.ndarray | str] = []
    for picture in pictures:
        try:
            rows.append(resize_only(images.only_page(picture).grey))
        except (PictureError, MissingExtra) as error:
            rows.append(str(error))
    return rows
