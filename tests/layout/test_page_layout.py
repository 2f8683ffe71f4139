"""Tables, their cells, comb fields, and the rows of all other numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.layout.page_layout import PageLayout, arrange_page
from tests.layout.tables.drawn_tables import Digit, Drawing, draw_table, random_rows

CELL = (100.0, 50.0)


def page(**kinds: float) -> Drawing:
    return Drawing(width=620, height=640, text=26, **kinds)  # type: ignore[arg-type]


def arrange(drawing: Drawing, *, is_table: bool = False) -> PageLayout:
    boxes = drawing.boxes
    return arrange_page(drawing.grey, boxes, np.ones(len(boxes), bool), is_table=is_table)


def tables(drawing: Drawing, *, is_table: bool = False) -> list[list[list[str]]]:
    """Return the texts of the cells of all tables."""
    layout = arrange(drawing, is_table=is_table)
    texts = [
        [["" for _ in range(table.shape[1])] for _ in range(table.shape[0])]
        for table in layout.tables
    ]
    for part in layout.parts:
        if part.table is not None and part.column is not None:
            texts[part.table][part.row][part.column] = " ".join(
                drawing.texts(number) for number in part.numbers
            )
    return texts


def rows(drawing: Drawing) -> list[str]:
    """Return the numbers outside of tables."""
    return [
        " ".join(drawing.texts(number) for number in part.numbers)
        for part in arrange(drawing).parts
        if part.table is None
    ]


def test_no_characters_are_nothing() -> None:
    layout = arrange_page(np.full((50, 50), 200, np.uint8), np.zeros((0, 4)), np.zeros(0, bool))
    assert layout == PageLayout(())


@pytest.mark.parametrize("digits", [1, 2, 3])
@pytest.mark.parametrize("kinds", [{}, {"turn": 3.0}, {"wobble": 2.5}])
def test_numbers_of_different_cells_are_never_joined(digits: int, kinds: dict[str, float]) -> None:
    drawing, texts = page(**kinds), random_rows(digits, 9, 5, digits)
    draw_table(drawing, texts, left=40, top=60, cell=CELL)
    assert tables(drawing) == [texts]


@pytest.mark.parametrize(
    "without", ["top", "bottom", "left", "right", "left right", "top bottom left right"]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_rows_and_columns_at_open_sides_are_kept(without: str, seed: int) -> None:
    drawing, texts = page(seed=seed), random_rows(seed, 9, 5)
    texts[3][2] = texts[0][4] = ""
    draw_table(drawing, texts, left=40, top=60, cell=CELL, without=without)
    assert tables(drawing) == [texts]


def test_an_empty_row_at_an_open_side_is_kept() -> None:
    drawing, texts = page(), [[""] * 4, *random_rows(1, 6, 4)]
    draw_table(drawing, texts, left=40, top=60, cell=CELL, without="top")
    assert tables(drawing) == [texts]


def test_row_labels_headings_and_totals_beyond_closed_sides_are_kept() -> None:
    drawing, texts = page(), random_rows(3, 7, 4)
    draw_table(drawing, texts, left=120, top=100, cell=CELL)
    for row in range(7):
        drawing.number(str(row + 1), 90, 125 + 50 * row)
    for column in range(4):
        drawing.number(str(column + 1), 170 + 100 * column, 80)
    drawing.number("57", 470, 472)
    drawing.number("2024", 560, 20)
    assert tables(drawing) == [
        [
            ["", "1", "2", "3", "4"],
            *([str(row + 1), *cells] for row, cells in enumerate(texts)),
            ["", "", "", "", "57"],
        ]
    ]
    assert rows(drawing) == ["2024"]


def test_tables_side_by_side_and_below_each_other_are_in_reading_order() -> None:
    drawing = page()
    left, right, below = random_rows(1, 4, 2), random_rows(2, 4, 2), random_rows(3, 3, 4)
    draw_table(drawing, right, left=340, top=36, cell=CELL)
    draw_table(drawing, left, left=40, top=40, cell=CELL)
    draw_table(drawing, below, left=60, top=350, cell=CELL)
    assert tables(drawing) == [left, right, below]


def test_merged_cells() -> None:
    drawing, texts = page(), random_rows(4, 6, 4)
    texts[1][1] = texts[3][3] = ""

    def is_drawn(across: bool, edge: int, place: int) -> bool:
        return (edge, place) != ((3, 3) if across else (1, 1))

    draw_table(drawing, texts, left=40, top=60, cell=CELL, is_drawn=is_drawn)
    (layout,) = arrange(drawing).tables
    assert layout.spans == ((1, 0, 1, 2), (2, 3, 2, 1))
    assert layout.cell_boxes[1, 0] == pytest.approx((40, 110, 200, 50), abs=4)
    assert (1, 1) not in layout.cell_boxes
    assert tables(drawing) == [texts]


RULED: dict[str, Callable[[bool, int, int], bool]] = {
    "no lines between rows": lambda across, edge, place: not across or edge in (0, 1, 8),
    "only lines between rows": lambda across, edge, place: across,
    "no lines": lambda across, edge, place: False,
}


@pytest.mark.parametrize("ruled", RULED)
@pytest.mark.parametrize("digits", [1, 3])
def test_rows_and_columns_that_only_the_numbers_show(ruled: str, digits: int) -> None:
    drawing, texts = page(), random_rows(5, 8, 5, digits)
    draw_table(drawing, texts, left=40, top=60, cell=CELL, is_drawn=RULED[ruled])
    assert tables(drawing) == [texts]


def test_an_incomplete_table_without_lines_is_one_where_tables_are_expected() -> None:
    drawing, texts = page(), random_rows(5, 8, 5)
    texts[2][1] = texts[6][3] = ""
    draw_table(drawing, texts, left=40, top=60, cell=CELL, without="all")
    assert tables(drawing) == []
    assert tables(drawing, is_table=True) == [texts]


def test_digits_of_a_comb_field_are_one_number() -> None:
    drawing = page()
    draw_table(drawing, [list("1147011940")], left=40, top=40, cell=(50, 44))
    for left, text in ((40, "07"), (180, "11"), (320, "1998")):
        draw_table(drawing, [list(text)], left=left, top=150, cell=(40, 44))
    draw_table(drawing, [list("0123456")], left=40, top=260, cell=(44, 44))
    assert tables(drawing) == []
    assert rows(drawing) == ["1147011940", "07 11 1998", "0123456"]


def test_a_comb_field_may_lack_a_line() -> None:
    drawing = page()
    draw_table(
        drawing,
        [list("40127")],
        left=40,
        top=40,
        cell=(44, 44),
        is_drawn=lambda across, edge, place: across or edge != 2,
    )
    assert (tables(drawing), rows(drawing)) == ([], ["40127"])


def test_short_lines_between_digits_are_those_of_a_comb_field() -> None:
    drawing = page()
    for place, digit in enumerate("4012"):
        drawing.number(digit, 100 + 40 * place, 100)
        drawing.line((92 + 40 * place, 90), (92 + 40 * place, 140), ink=60, wide=2)
    assert rows(drawing) == ["4012"]


def test_a_sign_between_two_comb_fields_joins_them() -> None:
    drawing = page()
    for left, text in ((40, "07"), (160, "11"), (280, "1998")):
        draw_table(drawing, [list(text)], left=left, top=150, cell=(40, 44))
    for x in (140, 260):
        drawing.digits.append(Digit(text="/", box=(x - 5, 158, x + 5, 190)))
    draw_table(drawing, [list("12")], left=40, top=260, cell=(40, 44))
    draw_table(drawing, [list("34")], left=160, top=260, cell=(40, 44))
    assert rows(drawing) == ["07/11/1998", "12 34"]


def test_a_single_row_of_cells_is_a_table_only_where_tables_are_expected() -> None:
    drawing = page()
    draw_table(drawing, [["12", "3", "45"]], left=40, top=40, cell=CELL)
    assert (tables(drawing), rows(drawing)) == ([], ["12 3 45"])
    assert tables(drawing, is_table=True) == [[["12", "3", "45"]]]


def test_a_line_between_two_numbers_separates_them() -> None:
    drawing = page()
    drawing.number("12", 200, 100)
    drawing.number("7", 240, 100)
    assert rows(drawing) == ["127"]
    drawing.line((225, 70), (223, 130), ink=60, wide=2)
    assert rows(drawing) == ["12 7"]


@pytest.mark.parametrize("step", [26, 30])
def test_squared_paper_separates_nothing(step: int) -> None:
    drawing = page()
    for place in range(20, 620, step):
        drawing.line((20, place), (600, place), ink=200, wide=1)
        drawing.line((place, 20), (place, 620), ink=200, wide=1)
    for row, text in enumerate(("37210", "449", "52631")):
        drawing.number(text, 150 + 40 * row, 110 + 95 * row)
    assert tables(drawing) == []
    assert rows(drawing) == ["37210", "449", "52631"]


def test_a_frame_and_boxes_around_numbers_are_no_tables() -> None:
    drawing = page()
    for y in (10, 630):
        drawing.line((10, y), (610, y), wide=2)
    for x in (10, 610):
        drawing.line((x, 10), (x, 630), wide=2)
    draw_table(drawing, [["172"]], left=60, top=80, cell=(120, 50))
    draw_table(drawing, [["65"]], left=360, top=80, cell=(120, 50))
    drawing.number("407", 120, 300)
    assert tables(drawing) == []
    assert rows(drawing) == ["172 65", "407"]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(3, 8), st.integers(2, 5)),
    turn=st.floats(-3, 3),
    ink=st.integers(60, 205),
)
def test_any_table_is_found_with_its_cells(
    seed: int, shape: tuple[int, int], turn: float, ink: int
) -> None:
    drawing = Drawing(width=620, height=560, text=22, turn=turn, seed=seed)
    texts = random_rows(seed, *shape)
    draw_table(drawing, texts, left=60, top=60, cell=(96, 50), ink=ink)
    assert tables(drawing) == [texts]


def test_every_character_is_in_one_number_whatever_the_lines() -> None:
    drawing = page(wobble=4.0)
    draw_table(drawing, random_rows(7, 6, 4), left=40, top=40, cell=(110, 60), without="left")
    for place in range(5):
        drawing.number("123", 100 + 90 * place, 500 + 11 * place)
    numbers = [number for part in arrange(drawing).parts for number in part.numbers]
    assert sorted(digit for number in numbers for digit in number) == list(
        range(len(drawing.digits))
    )


def test_a_digit_over_a_line_belongs_to_its_number() -> None:
    drawing = page()
    texts = random_rows(8, 5, 4, 2)
    texts[2][1] = texts[2][2] = ""
    draw_table(drawing, texts, left=40, top=60, cell=CELL)
    drawing.number("407", 217, 185)
    (rows_of_texts,) = tables(drawing)
    assert rows_of_texts[2][1:3] == ["407", ""]
