"""Evaluation on pictures of grids: filled cells, and correct digits in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numeye.errors import DataError, PictureError, UsageError
from numeye.evaluation import metrics
from numeye.evaluation.result import EvaluationResult
from numeye.io import images
from numeye.io.contact_sheet import Tile
from numeye.io.datasets import DataSet
from numeye.io.images import Picture
from numeye.layout.tables import grid_detection
from numeye.printable import printable
from numeye.reader import Reader
from numeye.results import Number, Reading, Table, Unreadable

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64, UInt8

    from numeye.layout.tables.grid_detection import Grid

    Cells = Int64[np.ndarray, " cells"]

# Values of a cell besides the digits 1 to 9: empty, not counted, read as something else
EMPTY, UNCOUNTED, OTHER = 0, -1, -2


@dataclass(frozen=True, kw_only=True)
class GridsResult(EvaluationResult):
    """The answers of a model to the cells of grids, without cells that do not count.

    Attributes:
        data: name of the data set.
        model: name of the model.
        pictures: the pictures of the grids.
        positions: (cells, 3) picture, row and column of each cell.
        labels: (cells,) the digit, or 0 for an empty cell.
        answers: (cells,) the best answer, also where the reader rejects; 0 for a cell that was
            read as empty, and for all cells of a grid that was not detected in its true size.
        confidences: (cells,) the confidence of each answer, 0 to 1; 0 for empty cells.
        accepted: (cells,) False where the reader rejects.
        failed: one line for each grid that was not detected in its true size, and for each
            picture that cannot be read.
    """

    layout = "grid"
    data: str
    model: str
    pictures: Sequence[Picture] | np.ndarray = field(repr=False)
    positions: Int64[np.ndarray, "cells 3"] = field(repr=False)
    labels: Cells
    answers: Cells
    confidences: Float64[np.ndarray, " cells"]
    accepted: Bool[np.ndarray, " cells"] = field(repr=False)
    failed: tuple[str, ...] = ()

    @cached_property
    def is_correct(self) -> Bool[np.ndarray, " cells"]:
        """Return n flags, True where the answer equals the label."""
        correct: np.ndarray = self.answers == self.labels
        return correct

    @property
    def cell_detection(self) -> tuple[float, float, float]:
        """Return precision, recall and F1 of filled cells against empty ones, in percent."""
        labelled, predicted = self.labels != EMPTY, self.answers != EMPTY
        both = int((labelled & predicted).sum())
        precision = 100 * both / max(1, int(predicted.sum()))
        recall = 100 * both / max(1, int(labelled.sum()))
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)

    @property
    def digits_right(self) -> float:
        """Return the accuracy, in percent, in cells that are filled and were read as filled."""
        both = (self.labels != EMPTY) & (self.answers != EMPTY)
        return 100 * float(self.is_correct[both].mean()) if both.any() else 0.0

    @property
    def calibration(self) -> dict[str, Any]:
        """Return `metrics.calibration` of the cells that were read as filled.

        The errors are None if there is no such cell: an empty one has no confidence.
        """
        filled = self.answers != EMPTY
        figures = metrics.calibration(self.confidences[filled], self.is_correct[filled])
        return figures if filled.any() else {**figures, "ece": None, "mce": None}

    def to_dict(self) -> dict[str, Any]:
        """Return the figures that `numeye evaluate --json` prints; all rates in percent."""
        precision, recall, f1 = self.cell_detection
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
            "rejected": self.rejected_percent,
            "accuracy_accepted": self.accuracy_accepted,
            **self.calibration,
            "failed": list(self.failed),
            "framing": "grid",
        }

    def __str__(self) -> str:
        """Return the figures, as `numeye evaluate` prints them."""
        precision, recall, f1 = self.cell_detection
        lines = [
            f"{printable(self.model)} on {printable(self.data)}, {len(self.pictures):,} grids",
            f"cells          {self.accuracy_text}",
            f"digit or not   F1 {f1:.2f} % (precision {precision:.2f}, recall {recall:.2f})",
            f"digits right   {self.digits_right:.2f} % of those that were found",
        ]
        if (self.answers != EMPTY).any():
            lines += metrics.calibration_lines(self.calibration, 15)
        return "\n".join(lines)

    @cached_property
    def _grid_cache(self) -> dict[int, tuple[UInt8[np.ndarray, "height width"], Grid | None]]:
        """Return the grids that `_detect_grid` has found: many cells are of one picture."""
        return {}

    def _detect_grid(self, picture: int) -> tuple[UInt8[np.ndarray, "height width"], Grid | None]:
        """Return a picture and its grid; one grey pixel if the picture cannot be read."""
        if picture not in self._grid_cache:
            grey, grid = np.full((1, 1), 128, np.uint8), None
            try:
                grey = images.only_page(self.pictures[picture]).grey
                grid = grid_detection.detect_grid(grey)
            except PictureError:
                pass  # `failed` has the reason already
            self._grid_cache[picture] = grey, grid
        return self._grid_cache[picture]

    def mistake_tile(self, number: int) -> Tile:
        """Return a wrong cell as a tile, or the whole picture if its grid is not detected."""
        picture, row, column = self.positions[number].tolist()
        grey, grid = self._detect_grid(picture)
        if grid is not None and row < grid.rows and column < grid.columns:
            x, y, width, height = grid.box(row, column)
            grey = grey[y : y + height, x : x + width]
        names = {EMPTY: "empty", OTHER: "no digit"}
        label, answer = (
            names.get(int(value), str(value))
            for value in (self.labels[number], self.answers[number])
        )
        where = f"no. {picture}, {row + 1}/{column + 1} ({self.confidences[number]:.0%})"
        return Tile(picture=grey, lines=(f"{label} read {answer}", where))


def evaluate_grids(
    reader: Reader, data: DataSet, *, progress: Callable[[int], object] = lambda _: None
) -> GridsResult:
    """Read the grid on every picture of a data set.

    Args:
        reader: a reader of numbers.
        data: pictures of grids; a label has the rows of its grid joined by `/`, with 0 for an empty
            cell and ? for one that does not count.
        progress: called with the number of pictures read so far.

    Raises:
        UsageError: the reader reads single digits.
        DataError: a label is not a grid.
    """
    if reader.single:
        raise UsageError(
            f"{data.name}: its labels are grids; {reader.name} reads one digit a picture"
        )
    labels = [_parse_label(data.name, label) for label in data.labels]
    counted = [label != UNCOUNTED for label in labels]
    cells: list[_GridCells] = []
    failed: list[str] = []
    for number, answer in enumerate(reader.read_each(data.pictures, grid=True)):
        progress(number + 1)
        label = labels[number]
        grid = _GridCells(
            np.full_like(label, EMPTY), np.zeros(label.shape), np.ones(label.shape, bool)
        )
        if isinstance(answer, Unreadable):
            failed.append(answer.error)
        elif (table := _find_table(answer, label.shape)) is None:
            size = _size_text(_shape(answer.tables[0])) if answer.tables else "no"
            expected = _size_text(label.shape)
            failed.append(f"{answer.image}: a grid of {size} cells, where one of {expected} is")
        else:
            grid.fill([number for number in answer.numbers if number.table == table])
        cells.append(_GridCells(*(values[counted[number]] for values in grid)))
    return GridsResult(
        data=data.name,
        model=reader.name,
        pictures=data.pictures,
        positions=_positions(counted),
        labels=np.concatenate([label[mask] for label, mask in zip(labels, counted, strict=True)]),
        answers=np.concatenate([grid.answers for grid in cells]),
        confidences=np.concatenate([grid.confidences for grid in cells]),
        accepted=np.concatenate([grid.accepted for grid in cells]),
        failed=tuple(failed),
    )


class _GridCells(NamedTuple):
    """The answers to the cells of one grid, as arrays of one shape."""

    answers: Int64[np.ndarray, ...]
    confidences: Float64[np.ndarray, ...]
    accepted: Bool[np.ndarray, ...]

    def fill(self, numbers: Sequence[Number]) -> None:
        """Enter the numbers of the whole grid; signs beside a digit are ignored."""
        for number in numbers:
            if number.column is None:  # it spans several cells
                continue
            cell = number.row, number.column
            digits = [digit.digit for digit in number.digits]
            self.answers[cell] = digits[0] if len(digits) == 1 and digits[0] else OTHER
            self.confidences[cell] = number.confidence
            self.accepted[cell] = number.rejected is None


def _parse_label(name: str, label: str) -> Int64[np.ndarray, "rows columns"]:
    rows = label.split("/")
    if not set(label) <= set("0123456789?/") or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise DataError(
            f"{name}: the label {label!r} is no grid; expected rows of one length, joined by /"
        )
    return np.array(
        [[UNCOUNTED if cell == "?" else int(cell) for cell in row] for row in rows], np.int64
    )


def _positions(counted: list[Bool[np.ndarray, "_ _"]]) -> Int64[np.ndarray, "cells 3"]:
    """Return picture, row and column of the cells that count."""
    return np.concatenate(
        [np.insert(np.argwhere(mask), 0, number, axis=1) for number, mask in enumerate(counted)]
    )


def _find_table(reading: Reading, shape: tuple[int, ...]) -> int | None:
    """Return the index of the first table with these numbers of rows and columns."""
    matching = (place for place, table in enumerate(reading.tables) if _shape(table) == shape)
    return next(matching, None)


def _shape(table: Table) -> tuple[int, ...]:
    return len(table.rows), len(table.rows[0]) if table.rows else 0


def _size_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
