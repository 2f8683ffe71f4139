"""Tables from the numbers in their cells, and cells with other writing."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.layout.page_layout import PageLayout
from numeye.layout.tables.table_layout import TableLayout
from numeye.models.characters import CHARACTERS
from numeye.recognition.table_reading import add_text_cells, build_tables
from numeye.results import Box, Character, Number

CELL = 60  # pixels


def number(text: str, row: int, column: int, **kinds: object) -> Number:
    box: Box = (column * CELL + 20, row * CELL + 15, 20, 30)
    probabilities = (1.0, *(0.0,) * (len(CHARACTERS) - 1))
    characters = tuple(
        Character(text=sign, confidence=1.0, box=box, probabilities=probabilities) for sign in text
    )
    return Number(characters=characters, confidence=0.9, row=row, column=column, table=0, **kinds)  # type: ignore[arg-type]


def layout(rows: int, columns: int) -> TableLayout:
    boxes = {
        (row, column): (column * CELL, row * CELL, CELL, CELL)
        for row in range(rows)
        for column in range(columns)
    }
    return TableLayout(
        box=(0, 0, columns * CELL, rows * CELL), shape=(rows, columns), cell_boxes=boxes
    )


def page(rows: int, columns: int, *written: tuple[int, int]) -> np.ndarray:
    """A page with lines between the cells, and strokes in these ones."""
    grey = np.full((rows * CELL + 1, columns * CELL + 1), 230, np.uint8)
    grey[::CELL] = grey[:, ::CELL] = 60
    for row, column in written:
        grey[row * CELL + 20 : row * CELL + 40, column * CELL + 15 : column * CELL + 45 : 6] = 50
    return grey


def test_texts_of_cells_with_rejected_struck_out_and_several_numbers() -> None:
    numbers = [
        number("7", 0, 0),
        number("8", 0, 2, rejected="unsure between 3 and 8"),
        number("1", 1, 1),
        number("2", 1, 1),
        number("4", 1, 2, struck_out=True),
    ]
    (table,) = build_tables((layout(2, 3),), numbers)
    assert table.rows == (("7", "", "?"), ("", "1 2", ""))
    assert (table.box, table.header_rows, table.spans) == ((0, 0, 180, 120), 0, ())


def test_writing_that_is_no_number_is_located_and_makes_headings() -> None:
    numbers = [number("7", 1, 0), number("8", 2, 1)]
    grey = page(3, 2, (0, 0), (0, 1), (1, 0), (2, 0), (2, 1))
    places = PageLayout((), (layout(3, 2),))
    with_texts = add_text_cells(grey, places, numbers)
    assert [(part.kind, part.row, part.column) for part in with_texts] == [
        ("text", 0, 0),
        ("text", 0, 1),
        ("integer", 1, 0),
        ("text", 2, 0),
        ("integer", 2, 1),
    ]
    assert with_texts[1].box == pytest.approx((CELL + 15, 20, 25, 20), abs=2)
    (table,) = build_tables(places.tables, with_texts)
    assert (table.rows, table.header_rows) == ((("", ""), ("7", ""), ("", "8")), 1)


def test_lines_and_specks_are_no_writing() -> None:
    grey = page(2, 2, (0, 0))
    grey[70:74, 80:84] = 60
    assert add_text_cells(grey, PageLayout((), (layout(2, 2),)), [number("7", 0, 0)]) == [
        number("7", 0, 0)
    ]


def test_numbers_outside_of_tables_stay_where_they_are() -> None:
    free = [number("7", 0, 0)]
    free = [Number(characters=free[0].characters, confidence=1.0)]
    assert add_text_cells(page(1, 1), PageLayout(()), free) == free
