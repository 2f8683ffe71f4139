"""Evaluation on whole documents: numbers found as written and in order, false ones, tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numeye.errors import DataError, UsageError
from numeye.evaluation import metrics
from numeye.evaluation.number_texts import (
    drop_signs,
    has_only_digits,
    normalize_table,
    read_numbers,
    split_numbers,
    table_texts,
    without_thousands_spaces,
)
from numeye.evaluation.read_data import read_data
from numeye.evaluation.result import EvaluationResult
from numeye.io.contact_sheet import Tile
from numeye.io.datasets import DataSet
from numeye.io.labels import Table
from numeye.models.task import DETECTION
from numeye.printable import printable
from numeye.reader import Reader
from numeye.results import Reading, Unreadable

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

MAX_SHOWN = 6  # numbers in a line of the contact sheet


class Claim(NamedTuple):
    """A number that was read.

    Attributes:
        text: the best answer as written, also where the reader rejects.
        confidence: 0 to 1.
        accepted: whether the reader accepts it.
    """

    text: str
    confidence: float
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class DocumentAnswer:
    """What is written on one document, and what was read.

    Attributes:
        label: the numbers that are written, in reading order.
        claims: the numbers that were read, in reading order.
        tables: the tables that are there.
        read_tables: the tables that were read.
    """

    label: tuple[str, ...]
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...] = ()
    read_tables: tuple[Table, ...] = ()

    @cached_property
    def matches(self) -> list[tuple[int, int]]:
        """Return the places, in label and claims, of the numbers that were found in order."""
        return longest_common_subsequence(self.label, [claim.text for claim in self.claims])

    @property
    def missed(self) -> list[str]:
        """Return the numbers that were not found."""
        found = {place for place, _ in self.matches}
        return [text for place, text in enumerate(self.label) if place not in found]

    @property
    def false(self) -> list[Claim]:
        """Return the numbers that were claimed and are not there."""
        found = {place for _, place in self.matches}
        return [claim for place, claim in enumerate(self.claims) if place not in found]

    @property
    def found_in_any_order(self) -> int:
        """Return how many numbers were found, wherever they stand in the reading."""
        claimed = Counter(claim.text for claim in self.claims)
        return (Counter(self.label) & claimed).total()

    @property
    def tables_right(self) -> int:
        """Return how many tables were read with all their cells right, and no others."""
        return (Counter(self.tables) & Counter(self.read_tables)).total()


@dataclass(frozen=True, kw_only=True)
class DocumentsResult(EvaluationResult):
    """The answers of a model to whole documents.

    A number is found if it was read as it is written, and in order: the numbers found are the
    longest common subsequence of those on the page and those read, in reading order. Each number
    that was read and does not belong to it is false. Best answers count, also where the reader
    rejects.

    Attributes:
        data: name of the data set.
        model: name of the model.
        documents: what is written on each document, and what was read.
        readings: their readings.
        failed: one line for each picture that cannot be read; their numbers are not among the n.
    """

    layout = "document"
    data: str
    model: str
    documents: Sequence[DocumentAnswer] = field(repr=False)
    readings: Sequence[Reading] = field(repr=False)
    failed: tuple[str, ...] = ()
    tile_px = 480
    tile_columns = 3

    @cached_property
    def is_correct(self) -> Bool[np.ndarray, " n"]:
        """Return n flags, one for each number in the labels: True where it was found."""
        return np.concatenate(
            [
                _flags(len(document.label), [place for place, _ in document.matches])
                for document in self.documents
            ]
        )

    @cached_property
    def is_true(self) -> Bool[np.ndarray, " claims"]:
        """Return a flag for each number that was read: False where it is not there."""
        return np.concatenate(
            [
                _flags(len(document.claims), [place for _, place in document.matches])
                for document in self.documents
            ]
        )

    @cached_property
    def confidences(self) -> Float64[np.ndarray, " claims"]:  # type: ignore[override]
        """Return the confidence of each number that was read, 0 to 1."""
        claims = [claim for document in self.documents for claim in document.claims]
        return np.array([claim.confidence for claim in claims], np.float64)

    @cached_property
    def accepted(self) -> Bool[np.ndarray, " claims"]:  # type: ignore[override]  # never assigned
        """Return a flag for each number that was read: False where the reader rejects it."""
        claims = [claim for document in self.documents for claim in document.claims]
        return np.array([claim.accepted for claim in claims], bool)

    @property
    def false(self) -> int:
        """Return how many numbers were claimed that are not there."""
        return int((~self.is_true).sum())

    @property
    def false_rate(self) -> float:
        """Return the numbers that are not there, in percent of those in the labels."""
        return 100 * self.false / len(self.is_correct)

    @property
    def found_in_any_order(self) -> int:
        """Return how many numbers were found, whether their order is right or not."""
        return sum(document.found_in_any_order for document in self.documents)

    @property
    def tables(self) -> tuple[int, int]:
        """Return how many tables were read with all their cells right, and how many there are."""
        right = sum(document.tables_right for document in self.documents)
        return right, sum(len(document.tables) for document in self.documents)

    @property
    def rejected_percent(self) -> float:
        """Return the rejected numbers in percent of those that were read."""
        return 100 * float((~self.accepted).sum()) / max(1, len(self.accepted))

    @property
    def accuracy_accepted(self) -> float | None:
        """Return the accepted numbers that are there, in percent; None if none is accepted."""
        return float(self.is_true[self.accepted].mean() * 100) if self.accepted.any() else None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures that `numeye evaluate --json` prints; all rates in percent."""
        tables_right, tables = self.tables
        return {
            "data": self.data,
            "model": self.model,
            "n": len(self.is_correct),
            "pages": len(self.documents),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "found": self.correct,
            "false": self.false,
            "found_rate": self.accuracy,
            "false_rate": self.false_rate,
            "found_in_any_order": self.found_in_any_order,
            "tables": tables,
            "tables_right": tables_right,
            "rejected": self.rejected_percent,
            "rejected_numbers": int((~self.accepted).sum()),
            "accuracy_accepted": self.accuracy_accepted,
            **metrics.calibration(self.confidences, self.is_true),
            "failed": list(self.failed),
            "framing": DETECTION.name,
        }

    def __str__(self) -> str:
        """Return the figures, as `numeye evaluate` prints them."""
        right, tables = self.tables
        lines = [
            f"{printable(self.model)} on {printable(self.data)}, {len(self.documents):,} pages",
            f"found          {self.accuracy_text}",
            f"in any order   {self.found_in_any_order:,}",
            f"false          {self.false:,} numbers that are not there, {self.false_rate:.2f} %",
        ]
        if tables:
            lines.append(f"tables right   {right:,} of {tables:,}, with all their cells")
        if self.rejected_percent:
            lines.append(f"rejected       {self.rejection_text}")
        return "\n".join([*lines, *metrics.calibration_lines(self.to_dict(), 15)])

    def mistake_indices(self) -> Int64[np.ndarray, " m"]:
        """Return the indices of the documents with mistakes, most mistakes first."""
        wrong = np.array([len(page.missed) + len(page.false) for page in self.documents], np.int64)
        return np.argsort(-wrong, kind="stable")[: int((wrong > 0).sum())]

    @property
    def mistakes_text(self) -> str:
        """Return how many documents have mistakes, and of how many."""
        return f"{len(self.mistake_indices()):,} of {len(self.documents):,} pages"

    def mistake_tile(self, number: int) -> Tile:
        """Return a document with mistakes as a tile: what is missed, and what is false."""
        document = self.documents[number]
        false = [claim.text for claim in document.false]
        lines = (
            f"no. {number}, missed {_shorten(document.missed)}",
            f"false {_shorten(false)}",
        )
        return Tile(picture=self.readings[number].picture, lines=lines)


def evaluate_documents(
    reader: Reader, data: DataSet, *, progress: Callable[[int], object] = lambda _: None
) -> DocumentsResult:
    """Read every page of a data set of documents.

    Pages on which the labels know tables are read a second time, cell by cell (`--grid`).

    Args:
        reader: a reader of numbers.
        data: pages; a label has all numbers in reading order, with white space between them.
        progress: called with the number of pages read so far.

    Raises:
        UsageError: the reader reads single digits.
        DataError: no label has a number, or no picture can be read.
    """
    if reader.single:
        raise UsageError(
            f"{data.name}: its labels are documents; {reader.name} reads one digit a picture"
        )
    read = read_data(reader, data, progress)
    tables = _read_tables(reader, data)
    documents = [
        _answer(data.labels[index], reading, *tables.get(index, ((), ())))
        for index, reading in zip(read.indices, read.readings, strict=True)
    ]
    if not any(document.label for document in documents):
        raise DataError(f"{data.name}: no page that can be read has a number in its label")
    return DocumentsResult(
        data=data.name,
        model=reader.name,
        documents=documents,
        readings=read.readings,
        failed=read.failed,
    )


Tables = tuple[Table, ...]


def _read_tables(reader: Reader, data: DataSet) -> dict[int, tuple[Tables, Tables]]:
    """Return the labelled tables and those that were read, of each picture that has some."""
    if data.tables is None:
        return {}
    indices = [index for index, tables in enumerate(data.tables) if tables]
    answers = reader.read_each([data.pictures[index] for index in indices], grid=True)
    return {
        index: (
            tuple(map(normalize_table, data.tables[index])),
            () if isinstance(answer, Unreadable) else tuple(table_texts(answer)),
        )
        for index, answer in zip(indices, answers, strict=True)
    }


def _answer(label: str, reading: Reading, tables: Tables, read_tables: Tables) -> DocumentAnswer:
    clean = drop_signs if has_only_digits(label) else str
    written = split_numbers(label)
    claims = (
        Claim(text, number.confidence, not (number.rejected or reading.rejected))
        for number in read_numbers(reading)
        if number.digits
        for text in _claimed_texts(clean(number.best_text), written)
    )
    return DocumentAnswer(
        label=written,
        claims=tuple(claims),
        tables=tables,
        read_tables=read_tables,
    )


def _claimed_texts(text: str, label: Sequence[str]) -> list[str]:
    """Return a number as one text, or, if the label has spaces between thousands, its groups."""
    joined = without_thousands_spaces(text)
    return [joined] if joined in label else text.split()


def longest_common_subsequence(
    first: Sequence[str], second: Sequence[str]
) -> list[tuple[int, int]]:
    """Return the places of equal texts in both sequences: as many as there are in one order."""
    lengths = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]  # of what is behind a place
    for i, j in product(reversed(range(len(first))), reversed(range(len(second)))):
        equal = first[i] == second[j]
        lengths[i][j] = (
            lengths[i + 1][j + 1] + 1 if equal else max(lengths[i + 1][j], lengths[i][j + 1])
        )
    places: list[tuple[int, int]] = []
    i = j = 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            places.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return places


def _flags(count: int, places: list[int]) -> Bool[np.ndarray, " count"]:
    flags = np.zeros(count, bool)
    flags[places] = True
    return flags


def _shorten(texts: list[str]) -> str:
    shown = " ".join(texts[:MAX_SHOWN]) or "none"
    return f"{shown} ..." if len(texts) > MAX_SHOWN else shown
