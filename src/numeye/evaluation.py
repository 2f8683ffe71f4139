"""A reader over a data set: how many it reads right, how sure it is, and what it gets wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import image, metrics
from numeye.datasets import DataSet
from numeye.errors import DataError, MissingExtra, PictureError, UsageError
from numeye.framing import SIZE, resize_only
from numeye.image import Picture
from numeye.measured import Measured
from numeye.reader import Reader
from numeye.results import Unreadable
from numeye.sheet import Tile

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

FRAMINGS = ("classical", "naive")  # of a model that is fed with MNIST's frame
NAIVE_BATCH = 512  # resized pictures that go through the network together


@dataclass(frozen=True, kw_only=True)
class Evaluation(Measured):
    """What a model answered to every picture of a data set.

    Attributes:
        data: name of the data set.
        model: name of the model.
        labels: n digits that are written there.
        answers: n best answers, also where the reader would reject; -1 where there is none.
        confidences: n probabilities of the best answers, 0 to 1.
        accepted: n flags, False where the reader rejects.
        pictures: the n pictures, for looking at.
        failed: one line for each picture that could not be read; these are not among the n.
        framing: how the pictures were laid out: "classical" is `numeye.framing.frame`, "naive" only resizes them, any
            other is the model's own.
    """

    data: str
    model: str
    labels: Int64[np.ndarray, " n"]
    answers: Int64[np.ndarray, " n"]
    confidences: Float64[np.ndarray, " n"]
    accepted: np.ndarray
    pictures: list[Picture] = field(repr=False)
    failed: tuple[str, ...] = ()
    framing: str = "classical"

    @cached_property
    def right(self) -> np.ndarray:
        """N flags, True where the best answer is what is written there."""
        right: np.ndarray = self.answers == self.labels
        return right

    @cached_property
    def confusion(self) -> Int64[np.ndarray, "10 11"]:
        """How often each digit (row) got each answer (column, the last for none)."""
        return metrics.confusion_matrix(self.labels, self.answers)

    def per_digit(self) -> list[float | None]:
        """Accuracy of each digit in percent; None for a digit that does not occur."""
        totals = self.confusion.sum(axis=1)
        return [
            metrics.accuracy(int(self.confusion[digit, digit]), int(total)) if total else None
            for digit, total in enumerate(totals)
        ]

    def to_dict(self) -> dict[str, Any]:
        """As `numeye evaluate --json` prints it; all rates in percent."""
        accepted = int(self.accepted.sum())
        rejected = metrics.accuracy(len(self.labels) - accepted, len(self.labels))
        return {
            "data": self.data,
            "model": self.model,
            "n": len(self.labels),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "rejected": rejected,
            "coverage": 100 - rejected,
            "accuracy_accepted": metrics.accuracy(int(self.right[self.accepted].sum()), accepted) if accepted else None,
            "ece": metrics.calibration_error(self.confidences, self.right),
            "per_digit": self.per_digit(),
            "confusion": self.confusion.tolist(),
            "failed": list(self.failed),
            "framing": self.framing,
        }

    def __str__(self) -> str:
        """The figures and the confusion matrix, as `numeye evaluate` prints them."""
        shown = self.to_dict()
        lines = [
            f"{self.model} on {self.data}" + (", naive framing" if self.framing == "naive" else ""),
            f"accuracy      {self.ratio}",
            f"calibration   {shown['ece']:.2f} % expected calibration error",
        ]
        if shown["rejected"]:
            lines.append(f"rejected      {shown['rejected']:.2f} %" + self._among_accepted(shown))
        return "\n".join([*lines, "", *self._matrix()])

    @staticmethod
    def _among_accepted(shown: dict[str, Any]) -> str:
        right = shown["accuracy_accepted"]
        return "" if right is None else f"; of the others {right:.2f} % are right"

    def _matrix(self) -> list[str]:
        columns = 11 if self.confusion[:, 10].any() else 10
        names = [*"0123456789", "none"][:columns]
        lines = ["written   read as " + "".join(f"{name:>6}" for name in names)]
        for digit, right in enumerate(self.per_digit()):
            row = "".join(f"{count or '.':>6}" for count in self.confusion[digit, :columns].tolist())
            lines.append(f"{digit:>7}           {row}   {'-' if right is None else f'{right:6.2f} %'}")
        return lines

    def tile(self, number: int) -> Tile:
        """One mistake with what is written, what was read, and how sure."""
        answer = int(self.answers[number])
        said = "none" if answer < 0 else f"{answer} ({self.confidences[number]:.0%})"
        grey = next(iter(image.pages(self.pictures[number]))).grey
        return Tile(picture=grey, lines=(f"{self.labels[number]} read {said}", f"no. {number}"))


def evaluate(
    reader: Reader, data: DataSet, *, naive: bool = False, progress: Callable[[int], object] = lambda _: None
) -> Evaluation:
    """Read every picture of `data` with `reader`.

    Args:
        reader: what reads.
        data: pictures with one digit each.
        naive: only resize the pictures, as a tutorial does, instead of framing them as MNIST is; see `framing_of`.
        progress: is told how many pictures are done.

    Raises:
        UsageError: `naive` with a model that is not fed with MNIST's frame.
        DataError: some label is not a single digit, or no picture can be read.
    """
    reader = reader.for_single()
    framing = framing_of(reader, "naive" if naive else None)
    labels = data.digits()
    answered = _naive_answers if naive and not data.framed else _answers
    rows = list(_framed_answers(reader, data) if data.framed else answered(reader, data, progress))
    kept = [number for number, row in enumerate(rows) if not isinstance(row, str)]
    answers = [row for row in rows if not isinstance(row, str)]
    if not answers:
        raise DataError(f"{data.name}: none of its {len(rows):,} pictures can be read ({rows[0]})")
    return Evaluation(
        data=data.name,
        model=reader.model.name,
        labels=labels[kept],
        answers=np.array([answer for answer, _, _ in answers], np.int64),
        confidences=np.array([confidence for _, confidence, _ in answers], np.float64),
        accepted=np.array([accepted for _, _, accepted in answers], bool),
        pictures=[data.pictures[number] for number in kept],
        failed=tuple(row for row in rows if isinstance(row, str)),
        framing=framing,
    )


def framing_of(reader: Reader, asked: str | None = None) -> str:
    """How pictures are laid out for this reader: as asked, else as its model is used to.

    Args:
        reader: what reads.
        asked: "classical" or "naive", for models that are fed with MNIST's frame; None leaves the choice.

    Raises:
        UsageError: there is no such framing, or the model leaves no choice.
    """
    own = reader.model.framing
    if asked is None:
        return "classical" if own == "mnist" else own
    if asked not in FRAMINGS:
        raise UsageError(f"--framing {asked}: expected {' or '.join(FRAMINGS)}")
    if own != "mnist":
        raise UsageError(f"--framing {asked}: {reader.model.name} has a framing of its own ({own}); leave it out")
    return asked


Answer = tuple[int, float, bool]  # digit (-1: none), its probability, accepted


def _framed_answers(reader: Reader, data: DataSet) -> Iterator[Answer | str]:
    """MNIST's own pictures go to its networks as they are; to a model that looks for itself they are pictures."""
    if reader.model.framing != "mnist":
        yield from _answers(reader, data, lambda _: None)
        return
    pixels = np.asarray(data.pictures, np.float32) / 255
    probabilities = reader.probabilities(pixels)
    best = probabilities.argmax(axis=1)
    for answer, confidence in zip(best.tolist(), probabilities.max(axis=1).tolist(), strict=True):
        yield answer, confidence, True


def _answers(reader: Reader, data: DataSet, progress: Callable[[int], object]) -> Iterator[Answer | str]:
    """All others are read as any picture is; one line instead of an answer for those that cannot be."""
    for done, reading in enumerate(reader.read_each(data.pictures), start=1):
        progress(done)
        if isinstance(reading, Unreadable):
            yield reading.error
        elif reading.digits:
            best = reading.digits[0]
            yield best.digit, best.confidence, reading.rejected is None
        else:
            yield -1, 0.0, False


def _naive_answers(reader: Reader, data: DataSet, progress: Callable[[int], object]) -> Iterator[Answer | str]:
    """Pictures that are only resized: nothing is looked for in them, so none is rejected."""
    for start in range(0, len(data), NAIVE_BATCH):
        rows = _resized(data.pictures[start : start + NAIVE_BATCH])
        pixels = [row for row in rows if not isinstance(row, str)]
        stacked = np.stack(pixels) if pixels else np.zeros((0, SIZE, SIZE), np.float32)
        probabilities = iter(reader.probabilities(stacked))
        for row in rows:
            if isinstance(row, str):
                yield row
            else:
                said = next(probabilities)
                yield int(said.argmax()), float(said.max()), True
        progress(start + len(rows))


def _resized(pictures: Sequence[Picture] | np.ndarray) -> list[np.ndarray | str]:
    """Each picture as 28x28, or one line where it cannot be read."""
    found: list[np.ndarray | str] = []
    for picture in pictures:
        try:
            found.append(resize_only(image.only_page(picture).grey))
        except (PictureError, MissingExtra) as error:
            found.append(str(error))
    return found
