"""Evaluation on pictures of numbers: correct strings, wrong characters, detected digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import UsageError
from numeye.evaluation import metrics
from numeye.evaluation.number_texts import (
    answer_text,
    drop_signs,
    has_only_digits,
    normalize_numbers,
    read_numbers,
)
from numeye.evaluation.read_data import read_data
from numeye.evaluation.result import EvaluationResult
from numeye.io.contact_sheet import Tile
from numeye.io.datasets import DataSet
from numeye.models.task import DETECTION
from numeye.printable import printable
from numeye.reader import Reader
from numeye.recognition.boxes import iou
from numeye.results import Reading

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom

MIN_IOU = 0.5  # intersection over union from which two boxes match


@dataclass(frozen=True, kw_only=True)
class NumbersResult(EvaluationResult):
    """The answers of a model to pictures of numbers.

    Attributes:
        data: name of the data set.
        model: name of the model.
        labels: the n strings on the pictures: one number, or several with a space between two or
            a line end between rows, which count as characters.
        readings: the n readings.
        boxes: for each picture the boxes of its digits, in any order; None if they are not known.
        failed: one line for each picture that cannot be read; these are not among the n.
    """

    layout = "numbers"
    data: str
    model: str
    labels: Sequence[str]
    readings: Sequence[Reading] = field(repr=False)
    boxes: Sequence[Boxes] | None = None
    failed: tuple[str, ...] = ()
    tile_px = 240
    tile_columns = 4

    @cached_property
    def answers(self) -> list[str]:
        """Return the best answer to each picture, also where the reader rejects.

        An answer has spaces between its numbers, and line ends between its rows, if the label has.
        If the label is one number, neither counts, because people also write a space before
        thousands. If the label has only digits, signs in the answer are left out.
        """
        return [
            _answer_like(label, reading)
            for reading, label in zip(self.readings, self.labels, strict=True)
        ]

    @cached_property
    def is_correct(self) -> Bool[np.ndarray, " n"]:
        """Return n flags, True where the whole string equals the label."""
        return np.array(
            [answer == label for answer, label in zip(self.answers, self.labels, strict=True)], bool
        )

    @cached_property
    def accepted(self) -> Bool[np.ndarray, " n"]:  # type: ignore[override]  # never assigned
        """Return n flags, False where the reader rejects the picture or a number on it."""
        return np.array([_is_accepted(reading) for reading in self.readings], bool)

    @cached_property
    def confidences(self) -> Float64[np.ndarray, " n"]:  # type: ignore[override]  # never assigned
        """Return the confidence of each string, 0 to 1; also of rejected ones."""
        parts = [
            [part.confidence for part in read_numbers(reading) or reading.digits]
            for reading in self.readings
        ]
        return np.array([float(np.prod(values)) if values else 0.0 for values in parts])

    @property
    def split_percent(self) -> float:
        """Return how many labels of one number were read as several, in percent.

        Counted over the labels of one number, whether the digits are correct or not.
        """
        is_split = [
            len(read_numbers(reading)) > 1
            for reading, label in zip(self.readings, self.labels, strict=True)
            if len(label.split()) == 1
        ]
        return 100 * sum(is_split) / max(1, len(is_split))

    @property
    def cer(self) -> float:
        """Return the character error rate: edits in percent of the characters of the labels."""
        wrong = sum(
            edit_distance(answer, label)
            for answer, label in zip(self.answers, self.labels, strict=True)
        )
        return 100 * wrong / max(1, sum(map(len, self.labels)))

    @property
    def best_half(self) -> float:
        """Return the accuracy, in percent, of the half with the highest confidence."""
        half = np.argsort(-self.confidences, kind="stable")[: max(1, len(self.labels) // 2)]
        return float(self.is_correct[half].mean() * 100)

    @cached_property
    def detection(self) -> tuple[float, float] | None:
        """Return precision and recall of the digits' boxes in percent; None without boxes."""
        if self.boxes is None:
            return None
        matched = predicted = labelled = 0
        for reading, boxes in zip(self.readings, self.boxes, strict=True):
            answered = np.array(
                [(x, y, x + w, y + h) for x, y, w, h in (digit.box for digit in reading.digits)],
                float,
            ).reshape(-1, 4)
            matched += count_matched_boxes(answered, boxes)
            predicted, labelled = predicted + len(answered), labelled + len(boxes)
        return 100 * matched / max(1, predicted), 100 * matched / max(1, labelled)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures that `numeye evaluate --json` prints; all rates in percent."""
        shown: dict[str, Any] = {
            "data": self.data,
            "model": self.model,
            "n": len(self.labels),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "cer": self.cer,
            "best_half": self.best_half,
            "split": self.split_percent,
            "rejected": self.rejected_percent,
            "accuracy_accepted": self.accuracy_accepted,
            **metrics.calibration(self.confidences, self.is_correct),
            "failed": list(self.failed),
            "framing": DETECTION.name,
        }
        if self.detection is not None:
            shown["precision"], shown["recall"] = self.detection
        return shown

    def __str__(self) -> str:
        """Return the figures, as `numeye evaluate` prints them."""
        lines = [
            f"{printable(self.model)} on {printable(self.data)}",
            f"whole strings  {self.accuracy_text}",
            f"characters     {self.cer:.2f} % wrong (edits of those that are written)",
            f"surest half    {self.best_half:.2f} % right",
            *metrics.calibration_lines(self.to_dict(), 15),
        ]
        if self.split_percent:
            lines.append(
                f"split          {self.split_percent:.2f} % of labels of one number were read as"
                " several numbers"
            )
        if self.rejected_percent:
            lines.append(f"rejected       {self.rejection_text}")
        if self.detection is not None:
            precision, recall = self.detection
            lines.append(
                f"digits found   precision {precision:.2f} %, recall {recall:.2f} %"
                f" (IoU {MIN_IOU:g})"
            )
        return "\n".join(lines)

    def mistake_tile(self, number: int) -> Tile:
        """Return a mistake as a tile: its picture, label, answer and confidence."""
        lines = (
            f"{self.labels[number]} read {self.answers[number] or 'none'}",
            f"no. {number} ({self.confidences[number]:.0%})",
        )
        return Tile(picture=self.readings[number].picture, lines=lines)


def evaluate_numbers(
    reader: Reader, data: DataSet, *, progress: Callable[[int], object] = lambda _: None
) -> NumbersResult:
    """Read every picture of a data set of numbers.

    Args:
        reader: a reader of numbers.
        data: pictures of numbers. The label of a picture with several numbers has all of them in
            reading order, with a space between two numbers if it counts where one ends.
        progress: called with the number of pictures read so far.

    Raises:
        UsageError: the reader reads single digits.
        DataError: a label has a character that no number has, or no picture can be read.
    """
    if reader.single:
        raise UsageError(
            f"{data.name}: its labels are numbers; {reader.name} reads one digit a picture"
        )
    labels = [normalize_numbers(data.name, label) for label in data.labels]
    read = read_data(reader, data, progress)
    return NumbersResult(
        data=data.name,
        model=reader.name,
        labels=[labels[number] for number in read.indices],
        readings=read.readings,
        boxes=None if data.boxes is None else [data.boxes[number] for number in read.indices],
        failed=read.failed,
    )


def _answer_like(label: str, reading: Reading) -> str:
    """Return the answer with the kinds of separators that the label has."""
    if "\n" in label:
        answer = answer_text(reading)
    else:
        separator = " " if " " in label else ""
        answer = separator.join(answer_text(reading).split())
    return drop_signs(answer) if has_only_digits(label) else answer


def _is_accepted(reading: Reading) -> bool:
    """Return True if neither the reading nor one of its numbers is rejected."""
    return not reading.rejected and not any(number.rejected for number in read_numbers(reading))


def edit_distance(answer: str, label: str) -> int:
    """Return the least number of characters to insert, delete or replace (Levenshtein 1966)."""
    row = list(range(len(label) + 1))
    for i, character in enumerate(answer, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(label, start=1):
            replaced = before + (character != other)
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, replaced)
    return row[-1]


def count_matched_boxes(predicted: Boxes, labelled: Boxes) -> int:
    """Count the labelled boxes that a predicted box matches, each by a different one.

    Pairs are matched greedily, highest intersection over union first.
    """
    if not len(predicted) or not len(labelled):
        return 0
    shares = np.stack([iou(box, labelled) for box in predicted])  # (n, m)
    count = 0
    while shares.max() >= MIN_IOU:
        i, j = np.unravel_index(int(shares.argmax()), shares.shape)
        shares[i, :], shares[:, j] = -1, -1
        count += 1
    return count
