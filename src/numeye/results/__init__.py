"""The results of reading: text, boxes, probabilities, and the reason where there is no answer."""

from __future__ import annotations

from numeye.results.characters import (
    BLANK,
    NOT_A_DIGIT,
    TOO_BLURRED,
    TOO_SMALL,
    Box,
    Character,
    Digit,
    Quad,
    unsure_reason,
)
from numeye.results.csv_table import CSV_COLUMNS, REGION, to_csv
from numeye.results.numbers import Kind, Number
from numeye.results.page_text import EMPTY_CELL, REJECTED_NUMBER
from numeye.results.readings import Reading, Unreadable
from numeye.results.tables import Span, Table

__all__ = [
    "BLANK",
    "CSV_COLUMNS",
    "EMPTY_CELL",
    "NOT_A_DIGIT",
    "REGION",
    "REJECTED_NUMBER",
    "TOO_BLURRED",
    "TOO_SMALL",
    "Box",
    "Character",
    "Digit",
    "Kind",
    "Number",
    "Quad",
    "Reading",
    "Span",
    "Table",
    "Unreadable",
    "to_csv",
    "unsure_reason",
]
