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
# Those that are right today. Whoever makes another one right adds it here; none may be taken out.
RIGHT = {
    *(f"{name}.png" for name in ("cells_0", "cells_1", "crossed_0", "crossed_1", "two_tables")),
    *(f"circled_{number}.png" for number in range(4)),
    *(f"comb_{number}.png" for number in range(3)),
    *(f"lying_{name}.png" for name in ("0_180", "1_180", "2_80", "3_180", "4_170", "5_100")),
    *(f"table_{name}.png" for name in ("no-left", "no-top", "open", "small")),
}

with (CASES / "labels.csv").open(encoding="utf-8", newline="") as table:
    ROWS = list(csv.DictReader(table))


def parametrize(row: dict[str, str]) -> object:
    wrong = pytest.mark.xfail(reason=row["kind"], strict=False)
    marks = [] if row["file"] in RIGHT else [wrong]
    return pytest.param(row, id=row["file"].removesuffix(".png"), marks=marks)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("row", [parametrize(row) for row in ROWS])
def test_a_case_is_read_right(row: dict[str, str], reader: Reader) -> None:
    reading = reader.read(CASES / row["file"], grid=bool(row["grid"]))
    assert reading.text.split() == row["label"].split()


def test_the_cases_are_a_data_folder_of_documents() -> None:
    data = open_data(str(CASES))
    assert (len(data), data.layout) == (37, "document")
    assert data.tables is not None
    assert sum(map(len, data.tables)) == 6
    assert {row["file"] for row in ROWS} >= RIGHT
