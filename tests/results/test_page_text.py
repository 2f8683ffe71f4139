"""The text of pages with tables, struck-out numbers and regions."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import ImageColor

from numeye.io.drawing import ACCEPTED_COLOUR, STRUCK_OUT_COLOUR
from numeye.models.characters import CHARACTERS
from numeye.results import Character, Number, Reading, Table
from numeye.results.page_text import page_blocks


def number(text: str, y: int = 0, **changes: Any) -> Number:
    characters = tuple(
        Character(
            text=item,
            confidence=0.95,
            box=(10 * place, y, 8, 12),
            probabilities=tuple(float(item == answer) for answer in CHARACTERS),
        )
        for place, item in enumerate(text)
    )
    return Number(characters=characters, confidence=0.9, **changes)


def reading(*numbers: Number, tables: tuple[Table, ...] = (), **changes: Any) -> Reading:
    picture = np.full((200, 100), 255, np.uint8)
    digits = tuple(digit for number in numbers for digit in number.digits)
    return Reading(
        **{"image": "a.png", "digits": digits, "picture": picture, **changes},
        numbers=numbers,
        tables=tables,
    )


SCORES = Table(box=(0, 40, 90, 50), rows=(("~", "20.5", ""), ("1", "?", "-7")), header_rows=1)
TOTALS = Table(box=(0, 120, 90, 20), rows=(("3", "4"),), spans=((0, 0, 1, 2),))


def test_signs_are_in_the_text() -> None:
    page = reading(number("-20.5"), number("$179", index=1), number("12/03/2024", row=1))
    assert page.text == "-20.5 $179\n12/03/2024"
    assert [digit.digit for digit in page.digits[:3]] == [2, 0, 5]


def test_struck_out_numbers_are_kept_and_not_in_the_text() -> None:
    page = reading(
        number("12", struck_out=True),
        number("13", index=1),
        number("5", row=1, struck_out=True, rejected="too small"),
    )
    assert (page.text, page.confidence, page.has_rejected) == ("13", pytest.approx(0.9), False)
    assert page.rejection_message == ""
    stored = page.to_dict()["numbers"]
    assert [(item["text"], item["struck_out"]) for item in stored] == [
        ("12", True),
        ("13", False),
        ("", True),
    ]
    assert [row["text"] for row in csv.DictReader(io.StringIO(page.to_csv()))] == ["13"]
    nothing = reading(number("12", struck_out=True))
    assert (nothing.text, len(nothing.csv_rows())) == ("", 1)


def test_an_empty_cell_has_a_sign_that_is_no_character_of_a_number() -> None:
    page = reading(number("1", table=0, column=0), tables=(SCORES,))
    assert page.text == "~ 20.5 _\n1 ? -7"
    assert "_" not in CHARACTERS


def test_empty_lines_separate_tables_and_what_is_beside_them() -> None:
    page = reading(
        number("2024", y=5),
        number("9", y=20, row=1),
        number("1", y=50, table=0, column=0, row=1),
        number("12", y=100, row=2),
        number("8", y=125, table=1, column=0),
        number("77", y=160, row=3),
        tables=(SCORES, TOTALS),
    )
    assert page.text.split("\n\n") == ["2024\n9", "~ 20.5 _\n1 ? -7", "12", "3 4", "77"]
    assert reading(tables=(SCORES, TOTALS)).text == "~ 20.5 _\n1 ? -7\n\n3 4"


def test_tables_side_by_side_stay_in_their_order() -> None:
    left = Table(box=(0, 44, 40, 50), rows=(("1",),))
    right = Table(box=(50, 40, 40, 50), rows=(("2",),))
    numbers = number("1", y=50, table=0), number("2", y=46, table=1)
    page = reading(*numbers, tables=(left, right))
    assert page.text == "1\n\n2"
    assert [block.table for block in page_blocks(page.numbers, page.tables)] == [left, right]


def at(item: Number, x: int, y: int) -> Number:
    """Return a number with all of its characters at one place of the stored page."""
    box = (x, y, 8, 12)
    return replace(item, characters=tuple(replace(each, box=box) for each in item.characters))


@pytest.mark.parametrize(
    ("turned", "places"),
    [
        (0, [(5, 10), (5, 60), (5, 110)]),
        (90, [(110, 5), (60, 5), (10, 5)]),  # the stored page lies on its right side
        (180, [(5, 110), (5, 60), (5, 10)]),
        (270, [(10, 5), (60, 5), (110, 5)]),
        (40, [(40, 0), (0, 50), (0, 110)]),
    ],
)
def test_tables_stand_among_the_rows_of_a_turned_page(
    turned: float, places: list[tuple[int, int]]
) -> None:
    above, inside, below = (
        at(number(str(place + 1), row=place, table=0 if place == 1 else None), *where)
        for place, where in enumerate(places)
    )
    table = Table(box=(*places[1], 8, 12), rows=(("2",),))
    page = reading(above, inside, below, tables=(table,), turned=turned)
    assert page.text == "1\n\n2\n\n3"


def test_rows_that_slope_stay_in_their_order() -> None:
    upper, lower = at(number("1"), 150, 40), at(number("2", row=1), 0, 30)
    table = Table(box=(0, 120, 90, 20), rows=(("3",),))
    assert reading(upper, lower, tables=(table,)).text == "1\n2\n\n3"


def test_the_json_of_a_table_is_the_contract() -> None:
    stored = json.loads(reading(number("1", table=0), tables=(SCORES, TOTALS)).to_json())
    assert stored["tables"] == [
        {
            "box": [0, 40, 90, 50],
            "rows": [["~", "20.5", ""], ["1", "?", "-7"]],
            "header_rows": 1,
            "spans": [],
        },
        {"box": [0, 120, 90, 20], "rows": [["3", "4"]], "header_rows": 0, "spans": [[0, 0, 1, 2]]},
    ]


def test_csv_says_in_which_table_and_cell_a_number_is() -> None:
    page = reading(
        number("2024"),
        number("-7", table=1, row=2, column=3, index=3),
        tables=(SCORES, TOTALS),
    )
    rows = list(csv.DictReader(io.StringIO(page.to_csv())))
    places = [(row["table"], row["row"], row["column"], row["text"]) for row in rows]
    assert places == [("", "0", "", "2024"), ("1", "2", "3", "-7")]


def test_tables_of_regions_are_counted_on_over_the_page() -> None:
    first = reading(number("1", table=0), tables=(SCORES,), region="a")
    second = reading(number("3", table=0), number("5"), tables=(TOTALS,), region="b")
    third = reading(region="c", rejected="blank")
    fourth = reading(number("7", struck_out=True), region="d")
    page = Reading.of_regions([first, second, third, fourth])
    assert [item.table for item in page.numbers] == [0, 1, None, None]
    assert page.tables == (SCORES, TOTALS)
    assert page.text == f"{first.text}\n{second.text}\n?\n"


def test_the_angle_of_a_page_is_in_the_json_only_if_it_was_turned() -> None:
    assert "turned" not in reading(number("7")).to_dict()
    assert reading(number("7"), turned=12.5).to_dict()["turned"] == 12.5


def _pixels(page: Reading, colour: str) -> set[tuple[int, int]]:
    picture = np.asarray(page.draw())
    where = np.argwhere((picture == ImageColor.getrgb(colour)).all(axis=2))
    return {(int(x), int(y)) for y, x in where}


def test_turned_characters_are_drawn_by_their_corners() -> None:
    corners = ((50.0, 40.0), (70.0, 60.0), (50.0, 80.0), (30.0, 60.0))
    seven = number("7")
    (drawn,) = seven.characters
    turned = replace(seven, characters=(replace(drawn, box=(30, 40, 40, 40), quad=corners),))
    found = _pixels(reading(turned), ACCEPTED_COLOUR)
    assert (50, 40) in found
    assert (30, 40) not in found


def test_a_struck_out_number_is_drawn_grey_and_fillers_are_not_drawn() -> None:
    assert _pixels(reading(number("7", y=40, struck_out=True)), STRUCK_OUT_COLOUR)
    assert not _pixels(reading(number("##", y=40)), ACCEPTED_COLOUR)
