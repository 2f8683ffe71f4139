"""Numbers as people write them: signs, rings, tables, pages upside down.

A case is right if its numbers as written, in reading order, are the label's, and nothing else is in
the text.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from numeye import Reader, open_data

CASES = Path(__file__).parent / "cases"
with (CASES / "labels.csv").open(encoding="utf-8", newline="") as table:
    ROWS = list(csv.DictReader(table))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("row", ROWS, ids=[row["file"].removesuffix(".png") for row in ROWS])
def test_a_case_is_read_right(row: dict[str, str], reader: Reader) -> None:
    reading = reader.read(CASES / row["file"], grid=bool(row["grid"]))
    assert reading.text.split() == row["label"].split()


def test_the_cases_are_a_data_folder_of_documents() -> None:
    data = open_data(str(CASES))
    assert (len(data), data.layout) == (37, "document")
    assert data.tables is not None
    assert sum(map(len, data.tables)) == 6
