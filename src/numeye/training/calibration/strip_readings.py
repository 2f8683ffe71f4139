"""Readings of strips, and which of them are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numeye.io.images import Page
from numeye.recognition.page_reader import PageReader
from numeye.results import Number, Reading
from numeye.training.synthetic.page_tiles import Tile

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64


def read_strips(reader: PageReader, strips: Sequence[Tile]) -> list[Reading]:
    """Return one reading for each strip."""
    pictures = [np.ascontiguousarray(strip.picture) for strip in strips]
    return reader.read([Page(name="", index=0, grey=picture) for picture in pictures])


def are_correct(readings: Sequence[Reading], strips: Sequence[Tile]) -> Bool[np.ndarray, " n"]:
    """Return whether all characters of each number are correct; spaces do not matter."""
    return np.array(
        [
            joined_text(reading.numbers) == strip.text
            for reading, strip in zip(readings, strips, strict=True)
        ]
    )


def joined_text(numbers: Sequence[Number]) -> str:
    """Return the best answers of numbers as one text without any space."""
    return "".join(number.best_text for number in numbers).replace(" ", "")


def confidences_of(readings: Sequence[Reading]) -> Float64[np.ndarray, " n"]:
    """Return the confidence of each answer; 0 if it is rejected at any threshold."""
    return np.array([reading.confidence for reading in readings])


def number_confidences(readings: Sequence[Reading]) -> Float64[np.ndarray, " n"]:
    """Return the confidence of the best answers, rejected ones included; 0 if there is none."""
    numbers = [[number.confidence for number in reading.numbers] for reading in readings]
    return np.array([float(np.prod(parts)) if parts else 0.0 for parts in numbers])
