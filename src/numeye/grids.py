"""A reader over pictures of grids: cells with a digit told from empty ones, and digits right where they were found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import grid, image, metrics
from numeye.datasets import DataSet
from numeye.errors import DataError, PictureError, UsageError
from numeye.image import Picture
from numeye.measured import Measured
from numeye.reader import Reader
from numeye.results import Reading, Unreadable
from numeye.sheet import Tile

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64, UInt8

    from numeye.grid import Grid

    Cells = Int64[np.ndarray, " cells"]

EMPTY, OPEN, ODD = 0, -1, -2  # of a cell: nothing in it, not counted, an answer that is no single digit 1 to 9


@dataclass(frozen=True, kw_only=True)
class Grids(Measured):
    """What a model answered to the cells of grids; those that do not count are left out.

    Attributes:
        data: name of the data set.
        model: name of the model.
        pictures: of the grids.
        places: (cells, 3) the picture, row and column of each cell.
        labels: (cells,) the digit, or 0 for an empty cell.
        answers: (cells,) the best answer, also where the reader would reject it; 0 where it saw none, and in all cells
            of a grid that it did not find or took for one of another size.
        confidences: (cells,) how sure each answer is, 0 to 1; 0 where it saw none.
        accepted: (cells,) False where the reader would reject what it saw.
        failed: one line for each of these grids, and for each picture that could not be read.
    """

    data: str
    model: str
    pictures: Sequence[Picture] | np.ndarray = field(repr=False)
    places: Int64[np.ndarray, "cells 3"] = field(repr=False)
    labels: Cells
    answers: Cells
    confidences: Float64[np.ndarray, " cells"]
    accepted: Bool[np.ndarray, " cells"] = field(repr=False)
    failed: tuple[str, ...] = ()

    @cached_property
    def right(self) -> np.ndarray:
        """N flags, True where the answer is what the cell says."""
        right: np.ndarray = self.answers == self.labels
        return right

    @property
    def filled(self) -> tuple[float, float, float]:
        """Precision, recall and F1, in percent, of telling cells with a digit from empty ones."""
        there, said = self.labels != EMPTY, self.answers != EMPTY
        both = int((there & said).sum())
        precision, recall = 100 * both / max(1, int(said.sum())), 100 * both / max(1, int(there.sum()))
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)

    @property
    def digits_right(self) -> float:
        """Where a digit is and one was found, percent right."""
        found = (self.labels != EMPTY) & (self.answers != EMPTY)
        return 100 * float(self.right[found].mean()) if found.any() else 0.0

    @property
    def calibration_error(self) -> float | None:
        """Expected, in percent, of the digits that it saw; None where it saw none: of an empty cell nobody is sure."""
        seen = self.answers != EMPTY
        return metrics.calibration_error(self.confidences[seen], self.right[seen]) if seen.any() else None

    def to_dict(self) -> dict[str, Any]:
        """As `numeye evaluate --json` prints it; all rates in percent."""
        precision, recall, f1 = self.filled
        accepted = self.accepted
        return {
            "data": self.data,
            "model": self.model,
            "n": len(self.labels),
            "pictures": len(self.pictures),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "digits_right": self.digits_right,
            "rejected": 100 * float((~accepted).mean()),
            "accuracy_accepted": 100 * float(self.right[accepted].mean()) if accepted.any() else None,
            "ece": self.calibration_error,
            "failed": list(self.failed),
            "framing": "grid",
        }

    def __str__(self) -> str:
        """The figures, as `numeye evaluate` prints them."""
        precision, recall, f1 = self.filled
        return "\n".join(
            [
                f"{self.model} on {self.data}, {len(self.pictures):,} grids",
                f"cells          {self.ratio}",
                f"digit or not   F1 {f1:.2f} % (precision {precision:.2f}, recall {recall:.2f})",
                f"digits right   {self.digits_right:.2f} % of those that were found",
            ]
        )

    @cached_property
    def _looked_at(self) -> dict[int, tuple[UInt8[np.ndarray, "height width"], Grid | None]]:
        """What `_grid` has found: many cells are of one picture."""
        return {}

    def _grid(self, picture: int) -> tuple[UInt8[np.ndarray, "height width"], Grid | None]:
        """A picture and its grid, each as far as there is one."""
        if picture not in self._looked_at:
            grey, found = np.full((1, 1), 128, np.uint8), None
            try:
                grey = image.only_page(self.pictures[picture]).grey
                found = grid.find(grey)
            except PictureError:
                pass  # as it was when it was read; `failed` says why
            self._looked_at[picture] = grey, found
        return self._looked_at[picture]

    def tile(self, number: int) -> Tile:
        """One wrong cell; the whole picture where its grid is not found, and nothing where it cannot be read."""
        picture, row, column = self.places[number].tolist()
        grey, found = self._grid(picture)
        if found is not None and row < found.rows and column < found.columns:
            x, y, width, height = found.box(row, column)
            grey = grey[y : y + height, x : x + width]
        names = {EMPTY: "empty", ODD: "no digit"}
        label, answer = (names.get(int(value), str(value)) for value in (self.labels[number], self.answers[number]))
        where = f"no. {picture}, {row + 1}/{column + 1} ({self.confidences[number]:.0%})"
        return Tile(picture=grey, lines=(f"{label} read {answer}", where))


def evaluate_grids(reader: Reader, data: DataSet, *, progress: Callable[[int], object] = lambda _: None) -> Grids:
    """Read the grid of every picture of `data` with `reader`.

    Args:
        reader: what reads whole numbers.
        data: pictures of grids; a label is its rows joined by `/`, 0 for an empty cell, ? for one that does not count.
        progress: is told how many pictures are done.

    Raises:
        UsageError: the reader reads single digits.
        DataError: some label is no grid.
    """
    if reader.single:
        raise UsageError(f"{data.name}: its labels are grids; {reader.name} reads one digit a picture")
    written = [_matrix(data.name, label) for label in data.labels]
    labels, answers, sure, relied, places, failed = [], [], [], [], [], []
    for number, answer in enumerate(reader.read_each(data.pictures, grid=True)):
        progress(number + 1)
        truth = written[number]
        said, confidence, accepted = np.full_like(truth, EMPTY), np.zeros(truth.shape), np.ones(truth.shape, bool)
        if isinstance(answer, Unreadable):
            failed.append(answer.error)
        elif _shape(answer) != truth.shape:
            found, there = ("x".join(map(str, shape)) for shape in (_shape(answer), truth.shape))
            failed.append(f"{answer.image}: a grid of {found} cells, where one of {there} is")
        else:
            for one in answer.numbers or ():
                digit = one.digits[0].digit
                said[one.row, one.index] = digit if len(one.digits) == 1 and digit else ODD
                confidence[one.row, one.index] = one.confidence
                accepted[one.row, one.index] = one.rejected is None
        counted = truth != OPEN
        labels.append(truth[counted])
        answers.append(said[counted])
        sure.append(confidence[counted])
        relied.append(accepted[counted])
        places.append(np.insert(np.argwhere(counted), 0, number, axis=1))
    return Grids(
        data=data.name,
        model=reader.name,
        pictures=data.pictures,
        places=np.concatenate(places),
        labels=np.concatenate(labels),
        answers=np.concatenate(answers),
        confidences=np.concatenate(sure),
        accepted=np.concatenate(relied),
        failed=tuple(failed),
    )


def _matrix(name: str, label: str) -> Int64[np.ndarray, "rows columns"]:
    rows = label.split("/")
    if not set(label) <= set("0123456789?/") or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise DataError(f"{name}: the label {label!r} is no grid; expected rows of one length, joined by /")
    return np.array([[OPEN if cell == "?" else int(cell) for cell in row] for row in rows], np.int64)


def _shape(reading: Reading) -> tuple[int, int]:
    cells = reading.cells or ((),)
    return len(cells), len(cells[0])
