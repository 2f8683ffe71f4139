"""Samples for transcription: lines of one number each, all 32 pixels high, and their characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from torch import Tensor

from numeye.recognition.transcription.line_pictures import (
    COLUMN_PX,
    LINE_HEIGHT_PX,
    LINE_WIDTHS_PX,
    stack_lines,
)
from numeye.training.batching import Batches
from numeye.training.synthetic.lines.line import Line

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8

    Picture = UInt8[np.ndarray, "32 width"]

INVERTED_SHARE = 0.3  # of the training samples are light on dark
STRETCH = 0.12  # standard deviation of the logarithm of a training sample's width
HEIGHTS = (0.88, 1.1)  # smallest and largest change of the height
MAX_SHIFT_PX = 1.5  # up or down
BUCKET_BATCHES = 16  # lines of so many batches are put together by their widths
NO_CHARACTER_LEFT = -1  # fills a row of the targets


@runtime_checkable
class LinePool(Protocol):
    """Lines by their number."""

    def __len__(self) -> int:
        """Return the number of lines."""

    def line(self, number: int) -> Line:
        """Return one line."""

    @property
    def widths(self) -> Int64[np.ndarray, " n"]:
        """The width of each line, pixels."""


class LinesInMemory:
    """Lines of a user's own pictures.

    Args:
        lines: at least one.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def line(self, number: int) -> Line:
        """Return one line."""
        return self._lines[number]

    @property
    def widths(self) -> Int64[np.ndarray, " n"]:
        """The width of each line, pixels."""
        return np.array([line.picture.shape[1] for line in self._lines], np.int64)


class MixedLines:
    """Two pools in one; the lines of the first are repeated.

    Args:
        own: lines that are repeated.
        others: further lines.
        repeats: how often each of the first lines is there.
    """

    def __init__(self, own: LinePool, others: LinePool, repeats: int) -> None:
        self._own, self._others, self._repeats = own, others, repeats

    def __len__(self) -> int:
        """Return the number of lines, each repetition counted."""
        return len(self._others) + self._repeats * len(self._own)

    def line(self, number: int) -> Line:
        """Return one line."""
        if number < len(self._others):
            return self._others.line(number)
        return self._own.line((number - len(self._others)) % len(self._own))

    @property
    def widths(self) -> Int64[np.ndarray, " n"]:
        """The width of each line, pixels."""
        return np.concatenate([self._others.widths, np.tile(self._own.widths, self._repeats)])


class TextLineSamples(Batches[LinePool]):
    """Batches of lines (B, 1, 32, W) of 0 to 1, and targets (B, K).

    Lines of about the same width are in one batch. Shorter ones are filled up with their last
    column. A target is the places of its characters in `CHARACTERS`, then -1.
    """

    def arrange(self, order: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Put lines of similar widths into one batch, and shuffle the batches."""
        widths, size = self.dataset.widths, self.batch_size
        full = len(order) // size * size
        batches = list[np.ndarray]()
        for start in range(0, full, BUCKET_BATCHES * size):
            bucket = order[start : min(start + BUCKET_BATCHES * size, full)]
            bucket = bucket[np.argsort(widths[bucket], kind="stable")]
            batches += [bucket[first : first + size] for first in range(0, len(bucket), size)]
        shuffled = [batches[place] for place in random.permutation(len(batches)).tolist()]
        return np.concatenate([*shuffled, order[full:]])

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return some lines of the pool; those to learn from are changed a little."""
        lines = [self.dataset.line(number) for number in numbers.tolist()]
        pictures = [line.picture for line in lines]
        if self.generator is not None:
            pictures = [_vary(picture, random) for picture in pictures]
        longest = max(len(line.labels) for line in lines)
        targets = np.full((len(lines), max(1, longest)), NO_CHARACTER_LEFT, np.int64)
        for row, line in enumerate(lines):
            targets[row, : len(line.labels)] = line.labels
        images = torch.from_numpy(stack_lines(pictures))[:, None]  # (B, 1, 32, W)
        return images, torch.from_numpy(targets)


def _vary(picture: Picture, random: np.random.Generator) -> Picture:
    """Return a line wider or narrower, larger or smaller, and light on dark in some cases."""
    stretch, height = np.exp(random.normal(0, STRETCH)), random.uniform(*HEIGHTS)
    width = int(np.clip(picture.shape[1] * stretch, *LINE_WIDTHS_PX)) // COLUMN_PX * COLUMN_PX
    across = width / picture.shape[1]
    middle = LINE_HEIGHT_PX / 2 * (1 - height) + random.uniform(-MAX_SHIFT_PX, MAX_SHIFT_PX)
    # The first pixels of both pictures lie half a pixel within the border.
    matrix = np.array([[across, 0, (across - 1) / 2], [0, height, middle + (height - 1) / 2]])
    varied = cv2.warpAffine(
        np.ascontiguousarray(picture),
        matrix,
        (width, LINE_HEIGHT_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(255 - varied if random.random() < INVERTED_SHARE else varied, np.uint8)
