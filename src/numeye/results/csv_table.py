"""Readings as comma-separated values, as `numeye read --csv` prints them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from numeye.io.spreadsheet_cells import csv_text, escape_cell

if TYPE_CHECKING:
    from numeye.results.numbers import Number
    from numeye.results.readings import Reading

CSV_COLUMNS = (
    *("file", "page", "table", "row", "column", "index", "text", "confidence"),
    *("x", "y", "w", "h", "rejected"),
)
REGION = "region"  # the last column, if regions are read

CsvRow = list[str | int | float]


def csv_rows(reading: Reading) -> list[CsvRow]:
    """Return one row a number with the values of `CSV_COLUMNS`, and the region's name last.

    A page without numbers has one row, and a number that is struck out has none. A name that a
    spreadsheet program would take for a formula gets an apostrophe before it.
    """
    page: CsvRow = [escape_cell(reading.image), reading.page]
    region: CsvRow = [] if reading.region is None else [escape_cell(reading.region)]
    rows = [_number_row(number) for number in reading.numbers if not number.struck_out]
    return [[*page, *row, *region] for row in rows or [_page_row(reading)]]


def to_csv(readings: Iterable[Reading], *, header: bool = True) -> str:
    """Return a CSV table with one row per number, as `numeye read --csv` prints it."""
    pages = list(readings)
    has_regions = any(page.region is not None for page in pages)
    columns = (*CSV_COLUMNS, REGION) if has_regions else CSV_COLUMNS
    rows = [row for page in pages for row in csv_rows(page)]
    return csv_text([columns, *rows] if header else rows)


def _number_row(number: Number) -> CsvRow:
    return [
        *(_cell(number.table), number.row, _cell(number.column), number.index),
        *(number.text, round(number.confidence, 6), *number.box, number.rejected or ""),
    ]


def _page_row(reading: Reading) -> CsvRow:
    """Return the row of a page without numbers."""
    box: Iterable[int | str] = reading.digits[0].box if reading.digits else ("", "", "", "")
    confidence = round(reading.confidence, 6)
    return ["", 0, "", 0, reading.text, confidence, *box, reading.rejected or ""]


def _cell(place: int | None) -> int | str:
    return "" if place is None else place
