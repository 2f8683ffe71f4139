"""Every option of `numeye read` in Python: given to a reader, or to one call."""

from __future__ import annotations

from pathlib import Path

import pytest

import numeye
from numeye import Form, Reader, ReadOptions, UsageError

NUMBERS = Path(__file__).parents[1] / "examples" / "numbers"
SEVEN = Path(__file__).parents[1] / "examples" / "digits" / "7-turned.jpg"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.fixture(scope="module")
def form() -> Form:
    return numeye.load_form(NUMBERS / "form.toml")


def test_an_option_of_one_call_is_that_of_a_reader_made_with_it(reader: Reader) -> None:
    rows = NUMBERS / "rows.png"
    for options in ({"digits": 4}, {"pattern": r"\d{5}"}, {"max_error": 0.02}):
        made = Reader(threads=1, **options)
        assert reader.read(rows, **options).to_dict() == made.read(rows).to_dict()
    assert reader.read(rows).to_dict() == Reader(threads=1).read(rows).to_dict()


def test_the_functions_take_the_same_options(reader: Reader) -> None:
    card = NUMBERS / "card.png"
    expected = reader.read(card, digits=16, check="luhn")
    assert numeye.read(card, digits=16, check="luhn").text == expected.text
    assert [found.text for found in numeye.read_many([card], check="luhn", digits=16)] == [
        expected.text
    ]
    assert numeye.read(SEVEN, single=True).text == "7"


def test_readers_with_other_options_share_the_networks(reader: Reader) -> None:
    other = reader.with_options(digits=5, max_error=0.05)
    assert other is not reader
    assert other._networks is reader._networks
    assert other.options == ReadOptions(digits=5, max_error=0.05)
    assert reader.options == ReadOptions()
    assert reader.with_options() is reader
    assert reader.risk_threshold is None
    assert other.risk_threshold is not None


def test_a_form_is_read_as_one_reading_with_its_regions(reader: Reader, form: Form) -> None:
    page = NUMBERS / "form-filled.jpg"
    reading = reader.read(page, form=form)
    streamed = list(reader.read_many([page], form=form))
    assert [part.to_dict() for part in reading.regions] == [part.to_dict() for part in streamed]
    assert [part.region for part in reading.regions] == ["customer", "quantity", "postcode"]
    assert reading.text == "20417\n36\n79104"
    assert reading.numbers == tuple(number for part in streamed for number in part.numbers)
    assert len(reading.to_dict()["regions"]) == 3


def test_cells_of_a_grid_have_a_row_and_a_column(reader: Reader) -> None:
    reading = reader.read(NUMBERS / "table.png", grid=True)
    (table,) = reading.tables
    for number in reading.numbers:
        assert number.column is not None
        assert table.rows[number.row][number.column] == (number.text or "?")


def test_options_that_contradict_each_other_are_wrong_usage(reader: Reader, form: Form) -> None:
    with pytest.raises(UsageError, match="choose one"):
        ReadOptions(grid=True, form=form)
    with pytest.raises(UsageError, match="digits 5: expected 13"):
        reader.read(SEVEN, digits=5, check="isbn13")
    with pytest.raises(UsageError, match="reads one digit a picture"):
        reader.read(SEVEN, single=True, digits=5)
    with pytest.raises(UsageError, match="reads one digit a picture"):
        reader.read(SEVEN, single=True, grid=True)


def test_a_reading_is_shown_on_one_line(reader: Reader) -> None:
    shown = repr(reader.read(NUMBERS / "rows.png"))
    assert shown.startswith(f"<Reading '{NUMBERS / 'rows.png'}': 407 1250 / 88 31170 / 9526, 8")
    assert "\n" not in shown
    assert "no digit found (blank)" in repr(reader.read(SEVEN.with_name("blank.png")))
    assert repr(reader) == "<Reader detector + recognizer>"
