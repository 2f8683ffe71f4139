"""The result of an evaluation: how many answers are correct, and the worst mistakes."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from numeye.evaluation import metrics
from numeye.io import files
from numeye.io.contact_sheet import Tile, contact_sheet
from numeye.io.labels import Layout

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

MAX_MISTAKES = 40  # on a contact sheet


class EvaluationResult(ABC):
    """The answers of a model to a data set, and the metrics of these answers.

    There is one subclass for each layout of a data set: `numeye.evaluation.digits.DigitsResult`,
    `numeye.evaluation.numbers.NumbersResult`, `numeye.evaluation.grids.GridsResult` and
    `numeye.evaluation.documents.DocumentsResult`; and
    `numeye.evaluation.false_claims.FalseClaimsResult` for pictures without a digit. The n answers
    are digits, whole strings, cells of grids, numbers or pictures.

    Attributes:
        layout: the layout of the data set, as in `numeye.io.datasets.DataSet.layout`.
        data: name of the data set.
        model: name of the model.
        confidences: the confidence of each answer, 0 to 1; also of rejected answers.
        accepted: n flags, False where the reader rejects.
        failed: one line for each picture that cannot be read.
        tile_px, tile_columns: pixels on each side of a mistake on the contact sheet, and mistakes
            in a row.
    """

    layout: Layout
    data: str
    model: str
    confidences: Float64[np.ndarray, " n"]
    accepted: Bool[np.ndarray, " n"]
    failed: tuple[str, ...]
    tile_px: ClassVar[int] = 96
    tile_columns: ClassVar[int] = 8

    @property
    @abstractmethod
    def is_correct(self) -> Bool[np.ndarray, " n"]:
        """Return n flags, True where the best answer equals the label."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the figures that `numeye evaluate --json` prints; all rates in percent."""

    @abstractmethod
    def mistake_tile(self, number: int) -> Tile:
        """Return a mistake as a tile: its picture, label, answer and confidence."""

    @property
    def correct(self) -> int:
        """Return the number of correct best answers."""
        return int(self.is_correct.sum())

    @property
    def accuracy(self) -> float:
        """Return the correct answers in percent."""
        return metrics.accuracy(self.correct, len(self.is_correct))

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy, in percent (Wilson)."""
        return metrics.wilson_interval(self.correct, len(self.is_correct))

    @property
    def rejected_percent(self) -> float:
        """Return the rejected answers in percent."""
        return metrics.accuracy(int((~self.accepted).sum()), len(self.accepted))

    @property
    def accuracy_accepted(self) -> float | None:
        """Return the accuracy of the accepted answers in percent; None if there are none."""
        count = int(self.accepted.sum())
        return metrics.accuracy(int(self.is_correct[self.accepted].sum()), count) if count else None

    @property
    def accuracy_text(self) -> str:
        """Return the accuracy as a fraction that people can check, with its interval."""
        low, high = self.interval
        shown = f"{self.correct:,} / {len(self.is_correct):,} * 100 = {self.accuracy:.2f} %"
        return f"{shown}   (95 % interval {low:.2f} to {high:.2f})"

    @property
    def rejection_text(self) -> str:
        """Return the share of rejected answers, and the accuracy of the accepted ones."""
        accuracy = self.accuracy_accepted
        others = "" if accuracy is None else f"; of the others {accuracy:.2f} % are right"
        return f"{self.rejected_percent:.2f} %{others}"

    def mistake_indices(self) -> Int64[np.ndarray, " m"]:
        """Return the indices of the wrong answers, highest confidence first."""
        wrong = np.flatnonzero(~self.is_correct)
        return wrong[np.argsort(-self.confidences[wrong], kind="stable")]

    @property
    def mistakes_text(self) -> str:
        """Return how many answers are wrong, and of how many."""
        return f"{len(self.mistake_indices()):,} of {len(self.is_correct):,}"

    def draw_mistakes(self, limit: int = MAX_MISTAKES) -> Image.Image:
        """Draw the mistakes with the highest confidence, at most `limit`, as one picture."""
        mistakes = self.mistake_indices()
        shown = mistakes[:limit].tolist()
        title = f"{self.mistakes_text} wrong on {self.data}"
        if len(shown) < len(mistakes):
            title += f"; the {len(shown)} surest"
        tiles = [self.mistake_tile(number) for number in shown]
        return contact_sheet(title, tiles, side=self.tile_px, columns=self.tile_columns)

    def save_mistakes(self, folder: Path) -> Path:
        """Write the picture of `draw_mistakes` to a folder, named after the data set.

        Returns:
            The file.

        Raises:
            OutputError: it cannot be written.
        """
        buffer = io.BytesIO()
        self.draw_mistakes().save(buffer, format="PNG")
        name = Path(self.data).name.removesuffix(".npz")
        path = folder / f"{name.replace(':', '-')}-mistakes.png"
        files.write_bytes(path, buffer.getvalue())
        return path
