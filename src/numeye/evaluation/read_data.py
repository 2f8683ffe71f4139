"""Reads the pictures of a data set, and keeps apart those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numeye.errors import DataError
from numeye.io.datasets import DataSet
from numeye.reader import Reader
from numeye.results import Reading, Unreadable


@dataclass(frozen=True, kw_only=True)
class DataReadings:
    """The readings of a data set.

    Attributes:
        indices: which pictures could be read, rising.
        readings: their readings.
        failed: one line for each other picture.
    """

    indices: Sequence[int]
    readings: Sequence[Reading]
    failed: tuple[str, ...]


def read_data(reader: Reader, data: DataSet, progress: Callable[[int], object]) -> DataReadings:
    """Read every picture of a data set.

    Args:
        reader: any reader.
        data: pictures.
        progress: called with the number of pictures read so far.

    Raises:
        DataError: no picture can be read.
    """
    indices: list[int] = []
    readings: list[Reading] = []
    failed: list[str] = []
    for number, answer in enumerate(reader.read_each(data.pictures)):
        progress(number + 1)
        if isinstance(answer, Unreadable):
            failed.append(answer.error)
        else:
            indices.append(number)
            readings.append(answer)
    if not readings:
        raise DataError(
            f"{data.name}: none of its {len(data):,} pictures can be read ({failed[0]})"
        )
    return DataReadings(indices=indices, readings=readings, failed=tuple(failed))
