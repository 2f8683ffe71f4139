"""A reader over pictures of numbers: whole strings right, characters wrong, digits found where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numeye import locate, metrics
from numeye.datasets import DataSet
from numeye.errors import DataError, UsageError
from numeye.measured import Measured
from numeye.reader import Reader
from numeye.results import Reading, Unreadable
from numeye.sheet import Tile

if TYPE_CHECKING:
    from jaxtyping import Float64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom

FOUND = 0.5  # intersection over union of a box that was found and one that is there


@dataclass(frozen=True, kw_only=True)
class Strings(Measured):
    """What a model answered to pictures of numbers.

    Attributes:
        data: name of the data set.
        model: name of the model.
        labels: n strings of digits that are written there: of one number, or of several with a space between two, which
            counts as a character.
        readings: n readings.
        boxes: of each picture where its digits are, in any order; None where that is not known.
        failed: one line for each picture that could not be read; these are not among the n.
    """

    data: str
    model: str
    labels: Sequence[str]
    readings: Sequence[Reading] = field(repr=False)
    boxes: Sequence[Boxes] | None = None
    failed: tuple[str, ...] = ()
    side: ClassVar[int] = 240
    columns: ClassVar[int] = 4

    @cached_property
    def answers(self) -> list[str]:
        """The best answer to each picture, also where the reader would reject it.

        As numbers where the label has several. Where it has one, only digits count: people write thousands apart, too.
        """
        return [
            " ".join(_numbers(reading)) if " " in label else "".join(_numbers(reading))
            for reading, label in zip(self.readings, self.labels, strict=True)
        ]

    @cached_property
    def right(self) -> np.ndarray:
        """N flags, True where the whole string is what is written there."""
        return np.array([answer == label for answer, label in zip(self.answers, self.labels, strict=True)], bool)

    @property
    def parted(self) -> float:
        """Of the pictures whose label tells no numbers apart, percent that were read as several, right or wrong."""
        one = [
            len(_numbers(reading)) > 1
            for reading, label in zip(self.readings, self.labels, strict=True)
            if " " not in label
        ]
        return 100 * sum(one) / max(1, len(one))

    @property
    def cer(self) -> float:
        """Characters that would have to be put in, taken out or changed, in percent of those that are written."""
        wrong = sum(edits(answer, label) for answer, label in zip(self.answers, self.labels, strict=True))
        return 100 * wrong / max(1, sum(map(len, self.labels)))

    @cached_property
    def confidences(self) -> Float64[np.ndarray, " n"]:  # type: ignore[override]  # nobody sets it
        """How sure each string is, 0 to 1; also where it was rejected."""
        whole = [[part.confidence for part in reading.numbers or reading.digits] for reading in self.readings]
        return np.array([float(np.prod(parts)) if parts else 0.0 for parts in whole])

    @property
    def best_half(self) -> float:
        """Of the half that is surest, percent right."""
        half = np.argsort(-self.confidences, kind="stable")[: max(1, len(self.labels) // 2)]
        return float(self.right[half].mean() * 100)

    @cached_property
    def detection(self) -> tuple[float, float] | None:
        """Precision and recall of the digits' boxes in percent; None where boxes are not known."""
        if self.boxes is None:
            return None
        hits = found = there = 0
        for reading, boxes in zip(self.readings, self.boxes, strict=True):
            said = np.array([(x, y, x + w, y + h) for x, y, w, h in (one.box for one in reading.digits)], float)
            hits += matches(said.reshape(-1, 4), boxes)
            found, there = found + len(said), there + len(boxes)
        return 100 * hits / max(1, found), 100 * hits / max(1, there)

    def to_dict(self) -> dict[str, Any]:
        """As `numeye evaluate --json` prints it; all rates in percent."""
        accepted = np.array([_is_accepted(reading) for reading in self.readings], bool)
        shown: dict[str, Any] = {
            "data": self.data,
            "model": self.model,
            "n": len(self.labels),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "cer": self.cer,
            "best_half": self.best_half,
            "parted": self.parted,
            "rejected": 100 * float((~accepted).mean()),
            "accuracy_accepted": 100 * float(self.right[accepted].mean()) if accepted.any() else None,
            "ece": metrics.calibration_error(self.confidences, self.right),
            "failed": list(self.failed),
            "framing": "pages",
        }
        if self.detection is not None:
            shown["precision"], shown["recall"] = self.detection
        return shown

    def __str__(self) -> str:
        """The figures, as `numeye evaluate` prints them."""
        shown = self.to_dict()
        lines = [
            f"{self.model} on {self.data}",
            f"whole strings  {self.ratio}",
            f"characters     {self.cer:.2f} % wrong (edits of those that are written)",
            f"surest half    {self.best_half:.2f} % right",
            f"calibration    {shown['ece']:.2f} % expected calibration error",
        ]
        if self.parted:
            lines.append(f"parted         {self.parted:.2f} % of labels without a space were read as several numbers")
        if shown["rejected"]:
            among = shown["accuracy_accepted"]
            lines.append(
                f"rejected       {shown['rejected']:.2f} %"
                + ("" if among is None else f"; of the others {among:.2f} % are right")
            )
        if self.detection is not None:
            precision, recall = self.detection
            lines.append(f"digits found   precision {precision:.2f} %, recall {recall:.2f} % (IoU {FOUND:g})")
        return "\n".join(lines)

    def tile(self, number: int) -> Tile:
        """One mistake with what is written, what was read, and how sure."""
        said = self.answers[number] or "none"
        lines = (f"{self.labels[number]} read {said}", f"no. {number} ({self.confidences[number]:.0%})")
        return Tile(picture=self.readings[number].picture, lines=lines)


def evaluate_strings(reader: Reader, data: DataSet, *, progress: Callable[[int], object] = lambda _: None) -> Strings:
    """Read every picture of `data` with `reader`.

    Args:
        reader: what reads whole numbers.
        data: pictures of numbers; where one holds several, its label is all of their digits in reading order, with a
            space between two numbers where it counts where one ends.
        progress: is told how many pictures are done.

    Raises:
        UsageError: the reader reads single digits.
        DataError: some label has other characters than digits, or no picture can be read.
    """
    if reader.single:
        raise UsageError(f"{data.name}: its labels are strings of digits; {reader.name} reads one digit a picture")
    for label in data.labels:
        if not set(label) <= set("0123456789 ") or " ".join(label.split()) != label:
            raise DataError(f"{data.name}: the label {label!r} is not digits, 0 to 9, with one space between numbers")
    kept: list[int] = []
    readings: list[Reading] = []
    failed: list[str] = []
    for number, answer in enumerate(reader.read_each(data.pictures)):
        progress(number + 1)
        if isinstance(answer, Unreadable):
            failed.append(answer.error)
        else:
            kept.append(number)
            readings.append(answer)
    if not readings:
        raise DataError(f"{data.name}: none of its {len(data):,} pictures can be read ({failed[0]})")
    return Strings(
        data=data.name,
        model=reader.name,
        labels=[data.labels[number] for number in kept],
        readings=readings,
        boxes=None if data.boxes is None else [data.boxes[number] for number in kept],
        failed=tuple(failed),
    )


def _numbers(reading: Reading) -> list[str]:
    """What it says, number by number."""
    return ["".join(str(digit.digit) for digit in number.digits) for number in reading.numbers or ()]


def _is_accepted(reading: Reading) -> bool:
    """True where nothing of it was set aside."""
    return not reading.rejected and not any(number.rejected for number in reading.numbers or ())


def edits(said: str, written: str) -> int:
    """The least number of characters to put in, take out or change (Levenshtein 1966)."""
    row = list(range(len(written) + 1))
    for i, one in enumerate(said, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(written, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def matches(said: Boxes, there: Boxes) -> int:
    """How many boxes that are there were found, each by another one, those that overlap most first."""
    if not len(said) or not len(there):
        return 0
    shares = np.stack([locate.overlaps(box, there) for box in said])  # (n, m)
    count = 0
    while shares.max() >= FOUND:
        i, j = np.unravel_index(int(shares.argmax()), shares.shape)
        shares[i, :], shares[:, j] = -1, -1
        count += 1
    return count
