"""What every measurement has: how many answers are right, and the worst mistakes as one picture."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from numeye import atomic, metrics
from numeye.sheet import Tile, contact_sheet

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

WORST = 40  # mistakes on a contact sheet


class Measured(ABC):
    """What a model answered to a data set.

    Attributes:
        data: name of the data set.
        confidences: how sure each of the n answers is, 0 to 1; also where it was rejected.
        failed: one line for each picture that could not be read.
        side, columns: pixels a side of a mistake on the contact sheet, and how many stand in a row.
    """

    data: str
    failed: tuple[str, ...]
    confidences: Float64[np.ndarray, " n"]
    side: ClassVar[int] = 96
    columns: ClassVar[int] = 8

    @property
    @abstractmethod
    def right(self) -> np.ndarray:
        """N flags, True where the best answer is what is written there."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """As `numeye evaluate --json` prints it; all rates in percent."""

    @abstractmethod
    def tile(self, number: int) -> Tile:
        """One mistake with what is written, what was read, and how sure."""

    @property
    def correct(self) -> int:
        """How many best answers are right."""
        return int(self.right.sum())

    @property
    def accuracy(self) -> float:
        """Right answers in percent."""
        return metrics.accuracy(self.correct, len(self.right))

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % interval, in percent (Wilson)."""
        return metrics.wilson_interval(self.correct, len(self.right))

    @property
    def ratio(self) -> str:
        """The accuracy as a person checks it."""
        low, high = self.interval
        shown = f"{self.correct:,} / {len(self.right):,} * 100 = {self.accuracy:.2f} %"
        return f"{shown}   (95 % interval {low:.2f} to {high:.2f})"

    def worst(self) -> Int64[np.ndarray, " m"]:
        """Numbers of the wrong answers, the surest first."""
        wrong = np.flatnonzero(~self.right)
        return wrong[np.argsort(-self.confidences[wrong], kind="stable")]

    def mistakes(self, most: int = WORST) -> Image.Image:
        """The worst mistakes as one picture."""
        worst = self.worst()
        shown = worst[:most].tolist()
        title = f"{len(worst):,} of {len(self.right):,} wrong on {self.data}"
        if len(shown) < len(worst):
            title += f"; the {len(shown)} surest"
        return contact_sheet(title, [self.tile(number) for number in shown], side=self.side, columns=self.columns)

    def save_mistakes(self, folder: Path) -> Path:
        """Write `mistakes` into a folder, named after the data set, and return the file.

        Raises:
            OutputError: it cannot be written.
        """
        buffer = io.BytesIO()
        self.mistakes().save(buffer, format="PNG")
        name = Path(self.data).name.removesuffix(".npz")
        path = folder / f"{name.replace(':', '-')}-mistakes.png"
        atomic.write_bytes(path, buffer.getvalue())
        return path
